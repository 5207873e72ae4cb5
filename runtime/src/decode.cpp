// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decode in batches: a token of each of several sequences, or a few where drafts are verified.

#include "runtime/src/memory.h"
#include "runtime/src/session.h"

namespace fathom::runtime {

/// What a call appends to a sequence at most: a token, and drafts behind it.
static constexpr uint32_t kMostTokens = FATHOM_MOST_DRAFTS + 1;

fathom_status_t Session::checkBatch(const Batch &batch, size_t *total) {
  if (batch.size > maxSequences) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "the batch has %zu sequences, but the session has %u", batch.size,
                maxSequences);
  }
  ++batches;
  *total = 0;
  for (size_t i = 0; i < batch.size; ++i) {
    Sequence *sequence;
    FATHOM_RETURN_IF_ERROR(pages.find(batch.ids[i], &sequence));
    if (sequence->batch == batches) {
      return fail(FATHOM_STATUS_INVALID_ARGUMENT, "entry %zu of the batch is a sequence that an earlier entry is", i);
    }
    uint32_t count = batch.countOf(i);
    if (count == 0 || count > kMostTokens) {
      return fail(FATHOM_STATUS_INVALID_ARGUMENT, "entry %zu of the batch has %u tokens, expected 1 to %u", i, count,
                  kMostTokens);
    }
    sequence->batch = batches;
    *total += count;
    FATHOM_RETURN_IF_ERROR(pages.reserve(sequence, uint64_t(sequence->length) + count));
  }
  return FATHOM_STATUS_OK;
}

// Rows that lie in |positions|, |sequences| and |tables|. Only logits that plain decoding computes are looked at here:
// what comes after a draft is looked at when the draft turns out right.
fathom_status_t Session::runDecode(const int32_t *tokens, uint32_t rows, const Scores &scores) {
  fathom_call_t call = {};
  call.rows = rows;
  call.tokens = tokens;
  call.positions = positions.data();
  call.page_tables = tables.data();
  call.logit_rows = scores.wanted() ? rows : 0;
  call.logit_row_ids = logitIds.data();
  call.logits = scores.logits;
  call.argmax = scores.argmax;
  call.states = scores.states;
  call.hidden_out = drafter.hiddenOut();
  FATHOM_RETURN_IF_ERROR(executor.run(artifact::Form::absorbed, call, pages.memory()));
  for (uint32_t i = 0; i < call.logit_rows; ++i) {
    if (static_cast<uint32_t>(positions[i]) == sequences[i]->length) {
      FATHOM_RETURN_IF_ERROR(checkRow(artifact::Form::absorbed, &call, i));
    }
  }
  for (uint32_t i = 0; i < rows; ++i) {
    FATHOM_RETURN_IF_ERROR(drafter.keep(sequences[i], static_cast<uint32_t>(positions[i]), tokens[i], i));
  }
  return FATHOM_STATUS_OK;
}

// Cuts the tokens of all sequences into calls. Those of one sequence stay in order, so that a row finds what the rows
// before it wrote, in its own call or an earlier one.
fathom_status_t Session::computeBatch(const Batch &batch, size_t total, const Scores &scores) {
  uint32_t most = maxRows(owner->program(), artifact::Form::absorbed), vocabulary = owner->facts().vocabulary();
  size_t index = 0;
  uint32_t taken = 0;
  for (size_t done = 0; done < total;) {
    uint32_t rows = total - done < most ? static_cast<uint32_t>(total - done) : most;
    for (uint32_t i = 0; i < rows; ++i) {
      Sequence *sequence;
      FATHOM_RETURN_IF_ERROR(pages.find(batch.ids[index], &sequence));
      sequences[i] = sequence;
      positions[i] = static_cast<int32_t>(sequence->length + taken);
      tables[i] = sequence->table;
      logitIds[i] = static_cast<int32_t>(i);
      bool last = ++taken == batch.countOf(index);
      index += last;
      taken = last ? 0 : taken;
    }
    FATHOM_RETURN_IF_ERROR(checkCancelled());
    FATHOM_RETURN_IF_ERROR(runDecode(batch.tokens + done, rows, scores.from(done, vocabulary)));
    done += rows;
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Session::decode(const Batch &batch, const Scores &scores, size_t capacity, uint32_t commit) {
  size_t total;
  FATHOM_RETURN_IF_ERROR(checkBatch(batch, &total));
  FATHOM_RETURN_IF_ERROR(checkTokens(batch.tokens, total));
  if (scores.logits) {
    FATHOM_RETURN_IF_ERROR(checkRoom("logits", scores.logits, capacity, total, owner->facts().vocabulary(), 1));
  }
  Sequence *sequence;
  for (size_t i = 0; i < batch.size; ++i) {
    FATHOM_RETURN_IF_ERROR(pages.find(batch.ids[i], &sequence));
    FATHOM_RETURN_IF_ERROR(drafter.makeRoom(executor, pages, sequence, batch.countOf(i)));
  }
  FATHOM_RETURN_IF_ERROR(computeBatch(batch, total, scores));
  // Only now, so that a batch that fails leaves every sequence as it was.
  for (size_t i = 0; i < batch.size; ++i) {
    FATHOM_RETURN_IF_ERROR(pages.find(batch.ids[i], &sequence));
    drafter.advance(sequence, batch.countOf(i) < commit ? batch.countOf(i) : commit);
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Session::advance(Sequence *sequence, int32_t token, bool isFinite) {
  FATHOM_RETURN_IF_ERROR(checkCancelled());
  if (!isFinite) {
    // Its row once more and alone, which says what is wrong with it.
    int32_t none;
    sequences[0] = sequence;
    positions[0] = static_cast<int32_t>(sequence->length);
    tables[0] = sequence->table;
    logitIds[0] = 0;
    FATHOM_RETURN_IF_ERROR(runDecode(&token, 1, {nullptr, &none}));
  }
  drafter.advance(sequence, 1);
  return FATHOM_STATUS_OK;
}

// At the end of the context or of the cache there is room for fewer, or none.
fathom_status_t Session::reserveDrafts(Sequence *sequence, uint32_t *count) {
  for (bool hasRoom = false; *count > 0 && !hasRoom; *count -= !hasRoom) {
    FATHOM_RETURN_IF_ERROR(pages.tryReserve(sequence, uint64_t(sequence->length) + 1 + *count, &hasRoom));
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Session::draft(const fathom_sequence_t *ids, const int32_t *tokens, size_t count, int32_t *drafts,
                               uint32_t *counts) {
  size_t total, asking = 0;
  FATHOM_RETURN_IF_ERROR(checkBatch({ids, nullptr, tokens, count}, &total));
  FATHOM_RETURN_IF_ERROR(checkTokens(tokens, count));
  if (guesses.size() < count && !guesses.allocate(count)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory to draft for %zu sequences", count);
  }
  for (size_t i = 0; i < count; ++i) {
    Sequence *sequence;
    FATHOM_RETURN_IF_ERROR(pages.find(ids[i], &sequence));
    uint32_t most = drafter.canGuess(*sequence) ? drafter.most() : 0;
    counts[i] = counts[i] < most ? counts[i] : most;
    FATHOM_RETURN_IF_ERROR(reserveDrafts(sequence, &counts[i]));
    if (counts[i] > 0) {
      guesses[asking++] = {sequence, tokens[i], counts[i], drafts + i * drafter.most()};
    }
  }
  FATHOM_RETURN_IF_ERROR(checkCancelled());
  return drafter.guess(executor, pages, guesses.data(), asking);
}

} // namespace fathom::runtime
