// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prefill in chunks.

#include "runtime/src/session.h"

#include "runtime/src/functions.h"
#include "runtime/src/memory.h"
#include "runtime/src/options.h"
#include "runtime/src/sampler.h"

#include <algorithm>
#include <math.h>
#include <string.h>
#include <unistd.h>

namespace fathom::runtime {

constexpr uint32_t kMostSequences = 65536;

static fathom_status_t checkOptions(const fathom_session_options_t &options) {
  if (options.max_sequences == 0 || options.max_sequences > kMostSequences) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "max_sequences is %u, expected 1 to %u", options.max_sequences,
                kMostSequences);
  }
  if (options.threads > kMostThreads) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "threads is %u, expected at most %u", options.threads, kMostThreads);
  }
  if (options.draft > FATHOM_MOST_DRAFTS) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "draft is %llu, expected at most %d",
                static_cast<unsigned long long>(options.draft), FATHOM_MOST_DRAFTS);
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Session::initialize(fathom_model_t *modelHandle, const Model &model,
                                    const fathom_session_options_t &options) {
  FATHOM_RETURN_IF_ERROR(checkOptions(options));
  if (hasFunctions(model.program())) {
    return fail(FATHOM_STATUS_UNSUPPORTED,
                "the artifact has named functions, and no language model: they are called with tensors");
  }
  void *pinned;
  FATHOM_RETURN_IF_ERROR(pinHandle(Model::kKind, modelHandle, __func__, &pinned));
  ownerPin.handle = modelHandle;
  owner = &model;
  process = getpid();
  uint32_t most = options.prefill_chunk ? options.prefill_chunk : UINT32_MAX;
  uint32_t batch = maxRows(model.program(), artifact::Form::absorbed);
  expandedRows = std::min(maxRows(model.program(), artifact::Form::expanded), most);
  absorbedRows = std::min(batch, most);
  expandedPositions = maxExpandedPositions(model.program());
  chunk = std::max(expandedRows, absorbedRows);
  maxSequences = options.max_sequences;
  uint32_t rows = std::max(chunk, batch);
  if (!positions.allocate(rows) || !tables.allocate(rows) || !logitIds.allocate(rows) || !sequences.allocate(batch)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for calls of %u rows", rows);
  }
  FATHOM_RETURN_IF_ERROR(drafter.initialize(model, static_cast<uint32_t>(options.draft), rows));
  FATHOM_RETURN_IF_ERROR(pages.initialize(model.code().space(), model.contents().cache()->page_bytes(),
                                          model.facts().max_context(), maxSequences, options.cache_bytes));
  FATHOM_RETURN_IF_ERROR(executor.start(model.code(), model.weights(), options.threads, &cancelled));
  FATHOM_RETURN_IF_ERROR(options.trace ? executor.trace(options.trace) : FATHOM_STATUS_OK);
  uint64_t steps = uint64_t(maxSequences) * (1 + options.draft);
  FATHOM_RETURN_IF_ERROR(executor.prepare(static_cast<uint32_t>(std::min<uint64_t>(steps, batch)), /*draft=*/false));
  return executor.prepare(drafter.most() > 0 ? maxDraftRows(model.program()) : 0, /*draft=*/true);
}

fathom_status_t Session::checkUsable() const {
  if (getpid() != process) {
    return fail(FATHOM_STATUS_FAILED, "the session belongs to the parent of this process; create one after fork()");
  }
  return owner->checkStillWhole();
}

fathom_status_t Session::checkCancelled() const {
  return cancelled.load(std::memory_order_relaxed) ? fail(FATHOM_STATUS_CANCELLED, "cancelled") : FATHOM_STATUS_OK;
}

fathom_status_t Session::checkTokens(const int32_t *tokens, size_t count) const {
  uint32_t vocabulary = owner->facts().vocabulary();
  for (size_t i = 0; i < count; ++i) {
    if (tokens[i] < 0 || static_cast<uint32_t>(tokens[i]) >= vocabulary) {
      return fail(FATHOM_STATUS_BAD_DATA, "token %zu is %d, expected 0 to %u", i, tokens[i], vocabulary - 1);
    }
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t checkRoom(const char *name, const float *pointer, size_t capacity, uint64_t a, uint64_t b, uint64_t c) {
  uint64_t needed;
  if (!multiply(a, b, &needed) || !multiply(needed, c, &needed)) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: more values than fit into memory", name);
  }
  if (!pointer) {
    return failNull("outputs", name);
  }
  return needed <= capacity ? FATHOM_STATUS_OK
                            : fail(FATHOM_STATUS_TOO_SMALL, "%s has room for %zu values, but %llu are needed", name,
                                   capacity, static_cast<unsigned long long>(needed));
}

fathom_status_t Session::checkOutputs(size_t count, const fathom_prefill_outputs_t &outputs) const {
  const artifact::Model &facts = owner->facts();
  int which = integerOf(outputs.which);
  if (which < FATHOM_LOGITS_NONE || which > FATHOM_LOGITS_ALL) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "outputs.which is %d, expected %d to %d", which, FATHOM_LOGITS_NONE,
                FATHOM_LOGITS_ALL);
  }
  if (outputs.which == FATHOM_LOGITS_NONE && outputs.logits) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "outputs.logits is given, but outputs.which is FATHOM_LOGITS_NONE");
  }
  if (outputs.which != FATHOM_LOGITS_NONE) {
    uint64_t rows = outputs.which == FATHOM_LOGITS_ALL ? count : 1;
    FATHOM_RETURN_IF_ERROR(checkRoom("logits", outputs.logits, outputs.logits_capacity, rows, facts.vocabulary(), 1));
  }
  return outputs.states
             ? checkRoom("states", outputs.states, outputs.states_capacity, facts.layers(), count, facts.hidden())
             : FATHOM_STATUS_OK;
}

// A model that has lost its numbers must not go on talking.
fathom_status_t Session::checkRow(artifact::Form form, fathom_call_t *call, uint32_t row) {
  size_t vocabulary = owner->facts().vocabulary();
  bool isFinite =
      call->argmax ? call->argmax[row] >= 0 : findNonFinite(call->logits + row * vocabulary, vocabulary) == vocabulary;
  return isFinite ? FATHOM_STATUS_OK : explainNonFinite(form, call, row);
}

// Computes the call again with states, to name the first layer that is not finite, and with logits if there are none.
// Writing the cache again is harmless: equal rows at equal positions.
fathom_status_t Session::explainNonFinite(artifact::Form form, fathom_call_t *call, uint32_t row) {
  const artifact::Model &facts = owner->facts();
  size_t vocabulary = facts.vocabulary(), perLayer = static_cast<size_t>(call->rows) * facts.hidden();
  Buffer<float> states, logits;
  if (!states.allocate(facts.layers() * perLayer) ||
      (!call->logits && !logits.allocate(static_cast<size_t>(call->logit_rows) * vocabulary))) {
    return fail(FATHOM_STATUS_FAILED, "a logit at position %d is not finite",
                call->positions[call->logit_row_ids[row]]);
  }
  call->states = states.data();
  call->logits = call->logits ? call->logits : logits.data();
  FATHOM_RETURN_IF_ERROR(executor.run(form, *call, pages.memory()));
  const float *values = call->logits + row * vocabulary;
  size_t bad = findNonFinite(values, vocabulary);
  // A processor that errs need not err twice.
  double value = bad < vocabulary ? static_cast<double>(values[bad]) : NAN;
  long long position = call->positions[call->logit_row_ids[row]];
  size_t layer = findNonFinite(states.data(), states.size()) / perLayer;
  if (layer < facts.layers()) {
    return fail(FATHOM_STATUS_FAILED,
                "a logit at position %lld is %g; the first value that is not finite comes out of "
                "layers.%zu: check the weights, or the cache they were computed from",
                position, value, layer);
  }
  return fail(FATHOM_STATUS_FAILED, "a logit at position %lld is %g, though every layer is finite: check lm_head",
              position, value);
}

// The most rows of a prefill that begins at |position|. How a row attends, and so its bits, follows from its own
// position alone: a chunk ends where another form begins.
uint32_t Session::mostChunkRows(uint32_t position) const {
  return position < expandedPositions ? std::min(expandedRows, expandedPositions - position) : absorbedRows;
}

fathom_status_t Session::prefillChunk(Sequence *sequence, const int32_t *tokens, uint32_t rows, uint32_t logitRows,
                                      const Scores &scores, float *states) {
  for (uint32_t i = 0; i < rows; ++i) {
    positions[i] = static_cast<int32_t>(sequence->length + i);
    tables[i] = sequence->table;
  }
  for (uint32_t i = 0; i < logitRows; ++i) {
    logitIds[i] = static_cast<int32_t>(rows - logitRows + i);
  }
  fathom_call_t call = {};
  call.rows = rows;
  call.tokens = tokens;
  call.positions = positions.data();
  call.page_tables = tables.data();
  call.logit_rows = logitRows;
  call.logit_row_ids = logitIds.data();
  call.logits = scores.logits;
  call.argmax = scores.argmax;
  call.hidden_out = drafter.hiddenOut();
  call.states = states;
  artifact::Form form = sequence->length < expandedPositions ? artifact::Form::expanded : artifact::Form::absorbed;
  FATHOM_RETURN_IF_ERROR(executor.run(form, call, pages.memory()));
  for (uint32_t i = 0; i < logitRows; ++i) {
    FATHOM_RETURN_IF_ERROR(checkRow(form, &call, i));
  }
  FATHOM_RETURN_IF_ERROR(drafter.follow(executor, pages, sequence, tokens, rows));
  sequence->length += rows;
  return FATHOM_STATUS_OK;
}

// Moves [layers][rows][hidden] of a chunk into [layers][count][hidden] of the whole.
void Session::copyStates(const float *part, uint32_t rows, size_t done, size_t count, float *states) const {
  size_t hidden = owner->facts().hidden();
  for (uint32_t layer = 0; layer < owner->facts().layers(); ++layer) {
    memcpy(states + (layer * count + done) * hidden, part + layer * rows * hidden, rows * hidden * sizeof(float));
  }
}

fathom_status_t Session::prefill(Sequence *sequence, const int32_t *tokens, size_t count,
                                 const fathom_prefill_outputs_t &outputs, int32_t *argmax) {
  uint32_t before = sequence->length;
  if (count > owner->facts().max_context()) {
    return fail(FATHOM_STATUS_CONTEXT_FULL, "%zu tokens do not fit into the context of %u positions", count,
                owner->facts().max_context());
  }
  FATHOM_RETURN_IF_ERROR(checkTokens(tokens, count));
  FATHOM_RETURN_IF_ERROR(checkOutputs(count, outputs));
  Buffer<float> part;
  if (outputs.states && !part.allocate(uint64_t(owner->facts().layers()) * chunk * owner->facts().hidden())) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the states of %u rows", chunk);
  }
  fathom_status_t status = pages.reserve(sequence, uint64_t(before) + count);
  for (size_t done = 0; status == FATHOM_STATUS_OK && done < count;) {
    uint32_t rows = static_cast<uint32_t>(std::min<size_t>(count - done, mostChunkRows(sequence->length)));
    bool all = outputs.which == FATHOM_LOGITS_ALL, last = done + rows == count;
    uint32_t logitRows = all ? rows : last && (argmax || outputs.which == FATHOM_LOGITS_LAST) ? 1 : 0;
    Scores scores = Scores{outputs.logits, argmax}.from(all ? done : 0, owner->facts().vocabulary());
    status = checkCancelled();
    if (status == FATHOM_STATUS_OK) {
      status = prefillChunk(sequence, tokens + done, rows, logitRows, scores, part.data());
    }
    if (status == FATHOM_STATUS_OK && outputs.states) {
      copyStates(part.data(), rows, done, count, outputs.states);
    }
    done += rows;
  }
  if (status != FATHOM_STATUS_OK) {
    pages.rewind(sequence, before);
  }
  return status;
}

} // namespace fathom::runtime
