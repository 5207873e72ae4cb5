// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Drafts, lays tokens and drafts of each sequence side by side, and verifies them.

#include "runtime/cli/batch_step.h"

#include <algorithm>

namespace fathom::cli {

bool BatchStep::allocate(size_t entries, uint32_t drafts, uint32_t width) {
  most = drafts;
  vocabulary = width;
  size_t all = entries * (most + 1);
  return speakers.allocate(entries) && first.allocate(entries) && sequences.allocate(entries) &&
         next.allocate(entries) && guesses.allocate(entries * most) && guessed.allocate(entries) &&
         lengths.allocate(entries) && tokens.allocate(all) && values.allocate(all * vocabulary);
}

void BatchStep::add(size_t who, fathom_sequence_t sequence, int32_t token, uint64_t wanted) {
  speakers[count] = who;
  sequences[count] = sequence;
  next[count] = token;
  // A draft saves a step only if a token is drawn after it.
  guessed[count] = static_cast<uint32_t>(std::min<uint64_t>(most, wanted - 1));
  ++count;
}

fathom_status_t BatchStep::compute(LoadedModel &loaded) {
  fathom_status_t status = FATHOM_STATUS_OK;
  if (most > 0) {
    status = loaded.settle(
        fathom_session_draft(loaded.session, sequences.data(), next.data(), count, guesses.data(), guessed.data()));
  }
  for (size_t i = 0; i < count; ++i) {
    first[i] = rows;
    lengths[i] = guessed[i] + 1;
    tokens[rows++] = next[i];
    for (uint32_t at = 0; at < guessed[i]; ++at) {
      tokens[rows++] = guesses[i * most + at];
    }
  }
  return status ? status
                : loaded.settle(fathom_session_verify(loaded.session, sequences.data(), lengths.data(), tokens.data(),
                                                      count, values.data(), values.size()));
}

} // namespace fathom::cli
