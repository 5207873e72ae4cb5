// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One step of a batch, with drafts or without.

#ifndef FATHOM_RUNTIME_CLI_BATCH_STEP_H
#define FATHOM_RUNTIME_CLI_BATCH_STEP_H

#include "runtime/cli/run_options.h"
#include "runtime/src/buffer.h"

namespace fathom::cli {

/// Takes the next token of several sequences and computes logits after it, and after drafts of what follows.
class BatchStep {
public:
  /// For |sequences| sequences, and |drafts| drafts of each at most. False if there is not enough memory.
  bool allocate(size_t sequences, uint32_t drafts, uint32_t vocabulary);

  void clear() { count = rows = 0; }
  bool empty() const { return count == 0; }
  size_t size() const { return count; }

  /// Speaker |who| has said |token|, and says |wanted| tokens more at most, one at least.
  void add(size_t who, fathom_sequence_t sequence, int32_t token, uint64_t wanted);
  fathom_status_t compute(LoadedModel &loaded);

  size_t who(size_t i) const { return speakers[i]; }
  uint32_t drafts(size_t i) const { return guessed[i]; }
  /// The |at|th draft of entry |i|, and f32 [vocabulary] after it; after the token itself for 0.
  int32_t draft(size_t i, uint32_t at) const { return tokens[first[i] + at]; }
  const float *logits(size_t i, uint32_t at) const { return values.data() + (first[i] + at) * vocabulary; }

private:
  uint32_t most = 0;
  size_t vocabulary = 0, count = 0, rows = 0;
  /// Of entries; |next|: their tokens, |guesses|: [entries, most], |lengths|: tokens and drafts, |first|: their rows.
  Buffer<size_t> speakers, first;
  Buffer<fathom_sequence_t> sequences;
  Buffer<int32_t> next, guesses;
  Buffer<uint32_t> guessed, lengths;
  /// Of rows.
  Buffer<int32_t> tokens;
  Buffer<float> values;
};

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_BATCH_STEP_H
