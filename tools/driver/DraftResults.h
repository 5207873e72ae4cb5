// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `bench --draft` measured, and what follows from it.

#ifndef FATHOM_TOOLS_DRIVER_DRAFTRESULTS_H
#define FATHOM_TOOLS_DRIVER_DRAFTRESULTS_H

#include "tools/driver/Samples.h"

#include <cstdint>
#include <string>

namespace fathom::driver {

/// What calls of one kind read in a step; 0 if not measured.
struct WeightsRead {
  /// Of weights.
  double bytes = 0;
  /// Different ones, an expert of each of two layers being two.
  double experts = 0;
};

/// One answer of a prompt, with drafts and without.
struct DraftResults {
  uint64_t prompt = 0;
  /// The most that are guessed in a step.
  uint32_t drafts = 0;
  uint64_t steps = 0, drafted = 0, accepted = 0;
  /// Of the middle step, without drafts and with them, what comes with drawing and saying its tokens included; and of
  /// the calls of one with drafts: guessing, guessing one token alone, and verifying. A busy machine makes some steps
  /// much longer, and the middle one hardly.
  Samples plainStepSeconds, stepSeconds;
  Samples draftSeconds, firstDraftSeconds, verifySeconds;
  /// By a step without drafts, and by guessing and verifying.
  WeightsRead plainRead, draftRead, verifyRead;
  /// Bytes of weights of an expert; 0 if there are none.
  double expertBytes = 0;

  double tokensPerStep() const;
  double acceptance() const;
  /// Tokens a second in a step that takes so long, and how many times as many with drafts: what drafts gain is said of
  /// the same steps that what they cost is.
  double plainSpeed(double seconds) const;
  double speed(double seconds) const;
  double speedup() const;

  /// Of a step, what is neither guessing nor verifying, as drawing tokens is.
  double otherSeconds() const;
  /// Of each guess after the first, where there are such.
  double furtherDraftSeconds() const;
  /// Seconds in steps without drafts, and so what a step with drafts costs.
  double inPlainSteps(double seconds) const;
  double cost() const { return inPlainSteps(stepSeconds.median()); }
  /// The acceptance from which on drafts gain, if a step takes no less then; above 1 where they cannot.
  double breakEvenAcceptance() const;

  /// Bytes or experts that a token reads with drafts.
  double perToken(double WeightsRead::*what) const;
  /// What a step with drafts reads more than one without, for each draft that was accepted. Where that is more than a
  /// token reads without drafts, rows of wrong drafts read more than the right ones save. 0 if none was accepted.
  double perAccepted(double WeightsRead::*what) const;

  /// One sentence: whether drafts gain, what a step with them gives and costs more, and of what.
  std::string explain() const;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_DRAFTRESULTS_H
