// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A session: what the handle fathom_session_t names.

#ifndef FATHOM_RUNTIME_SRC_SESSION_H
#define FATHOM_RUNTIME_SRC_SESSION_H

#include "runtime/src/buffer.h"
#include "runtime/src/busy_scope.h"
#include "runtime/src/cache.h"
#include "runtime/src/drafter.h"
#include "runtime/src/model.h"

#include <sys/types.h>

namespace fathom::runtime {

/// What decode appends: to sequence |ids[i]| the next |counts[i]| of |tokens|, or one where |counts| is NULL.
struct Batch {
  const fathom_sequence_t *ids;
  const uint32_t *counts;
  const int32_t *tokens;
  size_t size;

  uint32_t countOf(size_t i) const { return counts ? counts[i] : 1; }
};

/// What is wanted of the rows of a call that have logits: all of those, f32 [rows, vocabulary], or the argmax of
/// each, or neither. Of a decode of one token also its states, f32 [layers, hidden].
struct Scores {
  float *logits = nullptr;
  int32_t *argmax = nullptr;
  float *states = nullptr;

  bool wanted() const { return logits || argmax; }
  /// The same from row |row| on.
  Scores from(size_t row, size_t vocabulary) const {
    return {logits ? logits + row * vocabulary : nullptr, argmax ? argmax + row : nullptr, states};
  }
};

/// Whether the caller's output |name| has room for a * b * c values.
fathom_status_t checkRoom(const char *name, const float *pointer, size_t capacity, uint64_t a, uint64_t b, uint64_t c);

/// One call at a time; SessionScope (session_api.cpp) sees to it. Only cancel() may come from anywhere.
class Session {
public:
  static constexpr HandleKind kKind = HandleKind::kSession;

  Session() = default;
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  /// Keeps |modelHandle|, which names |model|, until the session ends.
  fathom_status_t initialize(fathom_model_t *modelHandle, const Model &model, const fathom_session_options_t &options);

  /// Whether calls can work now: in the process that made the session, with its files whole.
  fathom_status_t checkUsable() const;
  void begin() { cancelled.store(false, std::memory_order_relaxed); }
  void cancel() { cancelled.store(true, std::memory_order_relaxed); }
  fathom_status_t checkCancelled() const;
  /// What a call that ran the model returns: where the trace failed meanwhile IO in place of OK.
  fathom_status_t end(fathom_status_t status) {
    return status == FATHOM_STATUS_OK ? executor.takeTraceFailure() : status;
  }

  const Model &model() const { return *owner; }
  Cache &cache() { return pages; }
  const Cache &cache() const { return pages; }
  uint32_t threads() const { return executor.threads(); }

  /// As fathom_session_prefill; all pointers have been checked for NULL. |argmax|: instead of the last token's logits
  /// their argmax.
  fathom_status_t prefill(Sequence *sequence, const int32_t *tokens, size_t count,
                          const fathom_prefill_outputs_t &outputs, int32_t *argmax = nullptr);
  /// As fathom_session_verify, with |capacity| logits, or their argmax. Sequences get the first |commit| of their
  /// tokens at most: the hidden states of the others are kept for advance().
  fathom_status_t decode(const Batch &batch, const Scores &scores, size_t capacity, uint32_t commit = UINT32_MAX);
  /// As fathom_session_draft.
  fathom_status_t draft(const fathom_sequence_t *ids, const int32_t *tokens, size_t count, int32_t *drafts,
                        uint32_t *counts);
  /// A token that a decode left out, and whose logits it computed, is the next one of a sequence. FAILED if these are
  /// not finite, as its own decode would have.
  fathom_status_t advance(Sequence *sequence, int32_t token, bool isFinite);
  /// The most tokens that draft() guesses of a sequence.
  uint32_t mostDrafts() const { return drafter.most(); }
  /// As fathom_session_generate; |options| has been checked for NULL, and has a sampling.
  fathom_status_t generate(const fathom_generate_options_t &options, fathom_generate_result_t *result);

  std::atomic<bool> busy{false};

private:
  fathom_status_t checkTokens(const int32_t *tokens, size_t count) const;
  fathom_status_t checkOutputs(size_t count, const fathom_prefill_outputs_t &outputs) const;
  uint32_t mostChunkRows(uint32_t position) const;
  fathom_status_t prefillChunk(Sequence *sequence, const int32_t *tokens, uint32_t rows, uint32_t logitRows,
                               const Scores &scores, float *states);
  void copyStates(const float *chunk, uint32_t rows, size_t done, size_t count, float *states) const;
  fathom_status_t runDecode(const int32_t *tokens, uint32_t rows, const Scores &scores);
  fathom_status_t checkRow(artifact::Form form, fathom_call_t *call, uint32_t row);
  fathom_status_t explainNonFinite(artifact::Form form, fathom_call_t *call, uint32_t row);
  fathom_status_t reserveDrafts(Sequence *sequence, uint32_t *count);
  fathom_status_t checkBatch(const Batch &batch, size_t *total);
  fathom_status_t computeBatch(const Batch &batch, size_t total, const Scores &scores);

  /// Keeps the model. The first member, since it ends after all others, which have code and memory of the model's
  /// device.
  struct OwnerPin {
    fathom_model_t *handle = nullptr;
    ~OwnerPin() {
      if (handle) {
        unpinHandle(handle);
      }
    }
  };
  OwnerPin ownerPin;
  const Model *owner = nullptr;
  pid_t process = 0;
  std::atomic<bool> cancelled{false};
  Executor executor;
  Cache pages;
  Drafter drafter;
  uint32_t chunk = 0; // rows of a prefill, in the form that takes the most
  uint32_t expandedRows = 0;
  uint32_t absorbedRows = 0;
  uint32_t expandedPositions = 0;
  uint32_t maxSequences = 0;
  uint64_t batches = 0; // to decode, so far

  // What rows of a call need, as many as a call may have.
  Buffer<int32_t> positions, tables, logitIds;
  /// Of each row of a decode.
  Buffer<Sequence *> sequences;
  Buffer<Guess> guesses;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_SESSION_H
