// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How far drafts of a sequence are.

#ifndef FATHOM_RUNTIME_SRC_DRAFT_STATE_H
#define FATHOM_RUNTIME_SRC_DRAFT_STATE_H

#include "fathom/artifact_abi.h"
#include "fathom/fathom.h"
#include "runtime/src/buffer.h"
#include "runtime/src/status.h"

#include <stdint.h>

namespace fathom::runtime {

/// The draft layer joins the hidden state of a position with the token after it, so it is behind the model: a position
/// waits here, with its token and hidden state, until the next token is known. All is empty in sessions that do not
/// draft, and what the draft layer has of a sequence changes guesses alone, never an answer.
struct DraftState {
  /// What a call verifies, and the one before it.
  static constexpr uint32_t kMostWaiting = FATHOM_MOST_DRAFTS + 2;
  static_assert(kMostWaiting <= FATHOM_LEAST_DRAFT_ROWS, "every draft takes all that waits");

  /// Positions that the draft layer has rows of, and those after them that wait.
  uint32_t drafted = 0;
  uint32_t waiting = 0;
  /// [kMostWaiting] and f32 [kMostWaiting, hidden], of positions from |drafted| on. There may be more than |waiting|:
  /// of tokens that are not part of the sequence yet.
  Buffer<int32_t> tokens;
  Buffer<float> hidden;

  /// Whether every position of a sequence is known. Not so where some were computed in a session that does not draft:
  /// such a sequence has no drafts, since the draft layer would read rows that nobody wrote.
  bool follows(uint32_t length) const { return drafted + waiting == length; }

  /// Memory for what waits, once for each sequence that ever has any; |width|: of hidden states.
  fathom_status_t prepare(size_t width) {
    bool made = !hidden.empty() || (tokens.allocate(kMostWaiting) && hidden.allocate(kMostWaiting * width));
    return made ? FATHOM_STATUS_OK
                : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the hidden states of a sequence");
  }

  /// Forgets positions from |length| on. The row before them, which has seen the token after it, stays as it is until
  /// the layer runs there again.
  void rewind(uint32_t length) {
    drafted = drafted < length ? drafted : length;
    waiting = waiting < length - drafted ? waiting : length - drafted;
  }
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_DRAFT_STATE_H
