// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps with drafts, in steps without.

#include "tools/driver/DraftResults.h"

#include <algorithm>
#include <cstdio>

namespace fathom::driver {

static double divide(double a, double b) { return b > 0 ? a / b : 0; }

double DraftResults::tokensPerStep() const {
  return 1 + divide(static_cast<double>(accepted), static_cast<double>(steps));
}

double DraftResults::acceptance() const { return divide(static_cast<double>(accepted), static_cast<double>(drafted)); }

double DraftResults::plainSpeed(double seconds) const { return divide(1, seconds); }

double DraftResults::speed(double seconds) const { return divide(tokensPerStep(), seconds); }

double DraftResults::speedup() const { return divide(tokensPerStep(), cost()); }

double DraftResults::otherSeconds() const {
  // Calls are timed in other steps than the whole is.
  return std::max(0.0, stepSeconds.median() - draftSeconds.median() - verifySeconds.median());
}

double DraftResults::furtherDraftSeconds() const {
  return divide(draftSeconds.median() - firstDraftSeconds.median(), drafts - 1.0);
}

double DraftResults::inPlainSteps(double seconds) const { return divide(seconds, plainStepSeconds.median()); }

double DraftResults::breakEvenAcceptance() const {
  double perStep = divide(static_cast<double>(drafted), static_cast<double>(steps));
  return divide(cost() - 1, perStep);
}

double DraftResults::perToken(double WeightsRead::*what) const {
  return (draftRead.*what + verifyRead.*what) / tokensPerStep();
}

double DraftResults::perAccepted(double WeightsRead::*what) const {
  return divide(draftRead.*what + verifyRead.*what - plainRead.*what, tokensPerStep() - 1);
}

static std::string format(const char *pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

/// What a step costs more, in parts.
static std::string explainCost(const DraftResults &r) {
  double verifying = r.inPlainSteps(r.verifySeconds.median()) - 1;
  std::string text =
      format("%.2f for drafting, ", r.inPlainSteps(r.draftSeconds.median())) + format("%.2f for verifying", verifying);
  if (r.plainRead.experts > 0) {
    text += format(", which reads %.2f times the experts", r.verifyRead.experts / r.plainRead.experts);
  }
  return text + format(", %.2f for the rest", r.inPlainSteps(r.otherSeconds()));
}

std::string DraftResults::explain() const {
  bool gains = speedup() > 1;
  std::string text = gains ? "drafts gain: " : "drafts lose: ";
  text += format("a step gives %.2f tokens more and costs ", tokensPerStep() - 1) +
          format("%.2f steps more, ", cost() - 1) + explainCost(*this);
  double least = breakEvenAcceptance();
  return text + (least > 1 ? std::string("; no acceptance would pay for that")
                           : format("; it pays from %.0f %% accepted on", 100 * std::max(least, 0.0)));
}

} // namespace fathom::driver
