// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multi-token prediction: runs the draft layer of a model beside the model.

#ifndef FATHOM_RUNTIME_SRC_DRAFTER_H
#define FATHOM_RUNTIME_SRC_DRAFTER_H

#include "runtime/src/cache.h"
#include "runtime/src/model.h"

namespace fathom::runtime {

/// What is to be guessed of a sequence: |count| tokens, one at least, after |token|, which is not part of it yet.
struct Guess {
  Sequence *sequence;
  int32_t token;
  uint32_t count;
  /// [count], for the answer.
  int32_t *drafts;
};

/// Guesses tokens, greedily. Its rows of the cache follow those of the model, one position behind: after each call of
/// the model it takes the hidden states that the call gave.
class Drafter {
public:
  /// |limit|: tokens to guess at most, 0 for none. |rows|: the most that a call of the model has. UNSUPPORTED if there
  /// should be drafts and the artifact has none.
  fathom_status_t initialize(const Model &model, uint32_t limit, uint32_t rows);

  uint32_t most() const { return limit; }

  /// Where a call of the model puts the hidden states of its rows; NULL if it has none to give.
  float *hiddenOut() { return states.empty() ? nullptr : states.data() + size_t(DraftState::kMostWaiting) * width; }

  /// After a call with |rows| consecutive |tokens| that the sequence is about to have: drafts every position whose next
  /// token is known, and leaves the last one waiting. No rows: makes room where positions wait.
  fathom_status_t follow(Executor &executor, const Cache &cache, Sequence *sequence, const int32_t *tokens,
                         uint32_t rows);

  /// Makes room for |count| positions more that wait, as many as a call may verify.
  fathom_status_t makeRoom(Executor &executor, const Cache &cache, Sequence *sequence, uint32_t count);
  /// After a call with |token| as its row |row|: keeps what the position needs to be drafted. There is room for it.
  fathom_status_t keep(Sequence *sequence, uint32_t position, int32_t token, uint32_t row);
  /// |count| positions more are part of the sequence, and wait if they were kept.
  void advance(Sequence *sequence, uint32_t count) const;

  /// Whether tokens can be guessed after the next one: some position waits, and none is missing.
  bool canGuess(const Sequence &sequence) const;
  /// Answers |guesses|, of sequences of which it can, that have pages for these tokens. Their drafts are part of
  /// nothing; their logits are not looked at, since no answer depends on them.
  fathom_status_t guess(Executor &executor, const Cache &cache, const Guess *guesses, size_t count);

private:
  fathom_status_t guessGroup(Executor &executor, const Cache &cache, const Guess *guesses, uint32_t count);
  uint32_t gatherWaiting(const Guess *guesses, uint32_t count);
  uint32_t gatherDrafts(const Guess *guesses, uint32_t before, uint32_t step);
  void takeDrafts(const Guess *guesses, uint32_t asking, uint32_t step);
  void putRow(uint32_t row, const Sequence &sequence, int32_t token, uint32_t position);
  fathom_status_t run(Executor &executor, const Cache &cache, const float *from, uint32_t rows, uint32_t logitRows);

  uint32_t limit = 0;
  uint32_t maxRows = 0;
  size_t width = 0;

  /// f32 [kMostWaiting + rows, hidden]: room for what waits, and behind it what a call gives.
  Buffer<float> states;
  /// Of a call of the draft layer: [maxRows], and f32 [maxRows, hidden] in and out.
  Buffer<int32_t> tokens, positions, tables;
  Buffer<float> hiddenIn, hidden;
  /// Of rows of the last call that have logits, [group]: the argmax, whose it is, by the place among the
  /// guesses, and of which row.
  Buffer<int32_t> argmax;
  Buffer<uint32_t> asked;
  Buffer<int32_t> rowOf;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_DRAFTER_H
