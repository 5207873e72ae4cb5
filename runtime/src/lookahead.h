// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding ahead of an answer.

#ifndef FATHOM_RUNTIME_SRC_LOOKAHEAD_H
#define FATHOM_RUNTIME_SRC_LOOKAHEAD_H

#include "runtime/src/session.h"

namespace fathom::runtime {

/// The logits after each token of an answer, or their argmax, as if tokens were decoded one at a time.
/// Where the session drafts, a step computes those after guesses as well, which are there at once if the next tokens
/// are the guessed ones. The sequence is at any time as long, and every error as early, as without guesses.
class Lookahead {
public:
  /// |sequence|, which |id| names, outlives it. |greedy|: there are no logits, but argmax().
  fathom_status_t initialize(Session &session, fathom_sequence_t id, Sequence *sequence, bool greedy);

  /// f32 [vocabulary]: after the last token. First of all the caller's to fill.
  float *logits() { return rows.data() + at * vocabulary; }
  /// The argmax after the last token, if there are no logits. First of all the caller's to fill.
  int32_t *argmax() { return rows.empty() ? argmaxes + at : nullptr; }

  /// Appends |token| to the sequence, after which |wanted| tokens more are drawn at most, one at least.
  fathom_status_t advance(int32_t token, uint64_t wanted);

  /// Gives back what was taken for guesses, and says how many there were.
  void finish(fathom_generate_result_t *result);

private:
  fathom_status_t step(int32_t token, uint64_t wanted);
  bool isFinite(uint32_t row) const;

  Session *session = nullptr;
  fathom_sequence_t id = 0;
  Sequence *sequence = nullptr;
  size_t vocabulary = 0;
  /// The token of the last step and |drafts| guesses after it, with logits after each; |at|: the last one said.
  int32_t tokens[FATHOM_MOST_DRAFTS + 1] = {}, argmaxes[FATHOM_MOST_DRAFTS + 1] = {};
  /// Empty if there are no logits.
  Buffer<float> rows;
  uint32_t drafts = 0, at = 0;
  uint64_t steps = 0, drafted = 0, accepted = 0;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_LOOKAHEAD_H
