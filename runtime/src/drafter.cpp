// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of the draft layer: those whose next token became known, then those of its own guesses.

#include "runtime/src/drafter.h"

#include <string.h>

namespace fathom::runtime {

fathom_status_t Drafter::initialize(const Model &model, uint32_t drafts, uint32_t rows) {
  limit = drafts;
  maxRows = maxDraftRows(model.program());
  width = model.facts().hidden();
  if (limit > 0 && maxRows == 0) {
    return fail(FATHOM_STATUS_UNSUPPORTED, "the artifact has no draft: its checkpoint has no layer for multi-token "
                                           "prediction, or it was compiled with --draft=none");
  }
  if (limit > 0 && maxRows < DraftState::kMostWaiting) {
    return fail(FATHOM_STATUS_UNSUPPORTED, "the draft of the artifact takes %u rows, expected %u at least", maxRows,
                DraftState::kMostWaiting);
  }
  // Code that has hidden states to give puts them somewhere, whether somebody drafts or not.
  bool made = !givesHidden(model.program()) || states.allocate((DraftState::kMostWaiting + size_t(rows)) * width);
  if (limit > 0) {
    made = made && tokens.allocate(maxRows) && positions.allocate(maxRows) && tables.allocate(maxRows) &&
           hiddenIn.allocate(maxRows * width) && hidden.allocate(maxRows * width);
  }
  return made ? FATHOM_STATUS_OK : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for hidden states");
}

void Drafter::putRow(uint32_t row, const Sequence &sequence, int32_t token, uint32_t position) {
  tokens[row] = token;
  positions[row] = static_cast<int32_t>(position);
  tables[row] = sequence.table;
}

fathom_status_t Drafter::run(Executor &executor, const Cache &cache, const float *from, uint32_t rows,
                             uint32_t logitRows) {
  fathom_call_t call = {};
  call.rows = rows;
  call.tokens = tokens.data();
  call.positions = positions.data();
  call.hidden = from;
  call.page_tables = tables.data();
  call.logit_rows = logitRows;
  call.logit_row_ids = rowOf.data();
  call.argmax = argmax.data();
  call.hidden_out = hidden.data();
  return executor.run(artifact::Form::absorbed, call, cache.memory());
}

fathom_status_t Drafter::follow(Executor &executor, const Cache &cache, Sequence *sequence, const int32_t *given,
                                uint32_t rows) {
  DraftState &state = sequence->draft;
  uint32_t waiting = state.waiting, total = waiting + rows;
  if (limit == 0 || !state.follows(sequence->length) || total == 0) {
    return FATHOM_STATUS_OK;
  }
  FATHOM_RETURN_IF_ERROR(state.prepare(width));
  auto tokenAt = [&](uint32_t i) { return i < waiting ? state.tokens[i] : given[i - waiting]; };
  float *first = hiddenOut() - waiting * width;
  memcpy(first, state.hidden.data(), waiting * width * sizeof(float));
  for (uint32_t done = 0; done + 1 < total;) {
    uint32_t count = total - 1 - done < maxRows ? total - 1 - done : maxRows;
    for (uint32_t i = 0; i < count; ++i) {
      putRow(i, *sequence, tokenAt(done + i + 1), state.drafted + done + i);
    }
    FATHOM_RETURN_IF_ERROR(run(executor, cache, first + done * width, count, 0));
    done += count;
  }
  state.tokens[0] = tokenAt(total - 1);
  memcpy(state.hidden.data(), first + (total - 1) * width, width * sizeof(float));
  state.drafted += total - 1;
  state.waiting = 1;
  return FATHOM_STATUS_OK;
}

fathom_status_t Drafter::makeRoom(Executor &executor, const Cache &cache, Sequence *sequence, uint32_t count) {
  return sequence->draft.waiting + count > DraftState::kMostWaiting ? follow(executor, cache, sequence, nullptr, 0)
                                                                    : FATHOM_STATUS_OK;
}

fathom_status_t Drafter::keep(Sequence *sequence, uint32_t position, int32_t token, uint32_t row) {
  DraftState &state = sequence->draft;
  if (limit == 0 || !state.follows(sequence->length)) {
    return FATHOM_STATUS_OK;
  }
  FATHOM_RETURN_IF_ERROR(state.prepare(width));
  size_t index = position - state.drafted;
  state.tokens[index] = token;
  memcpy(state.hidden.data() + index * width, hiddenOut() + row * width, width * sizeof(float));
  return FATHOM_STATUS_OK;
}

void Drafter::advance(Sequence *sequence, uint32_t count) const {
  if (limit > 0 && sequence->draft.follows(sequence->length)) {
    sequence->draft.waiting += count;
  }
  sequence->length += count;
}

bool Drafter::canGuess(const Sequence &sequence) const {
  return limit > 0 && sequence.draft.waiting > 0 && sequence.draft.follows(sequence.length);
}

fathom_status_t Drafter::guess(Executor &executor, const Cache &cache, const Guess *guesses, size_t count) {
  size_t group = maxRows / DraftState::kMostWaiting;
  group = group < count ? group : count;
  if (rowOf.size() < group && (!rowOf.allocate(group) || !asked.allocate(group) || !argmax.allocate(group))) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory to draft for %zu sequences", group);
  }
  for (size_t done = 0; done < count; done += group) {
    size_t part = count - done < group ? count - done : group;
    FATHOM_RETURN_IF_ERROR(guessGroup(executor, cache, guesses + done, static_cast<uint32_t>(part)));
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Drafter::guessGroup(Executor &executor, const Cache &cache, const Guess *guesses, uint32_t count) {
  FATHOM_RETURN_IF_ERROR(run(executor, cache, hiddenIn.data(), gatherWaiting(guesses, count), count));
  for (uint32_t i = 0; i < count; ++i) {
    guesses[i].sequence->draft.drafted = guesses[i].sequence->length;
    guesses[i].sequence->draft.waiting = 0;
  }
  takeDrafts(guesses, count, 0);
  uint32_t asking = count;
  for (uint32_t step = 1; (asking = gatherDrafts(guesses, asking, step)) > 0; ++step) {
    FATHOM_RETURN_IF_ERROR(run(executor, cache, hiddenIn.data(), asking, asking));
    takeDrafts(guesses, asking, step);
  }
  return FATHOM_STATUS_OK;
}

// Rows of all positions that wait; the last of each sequence has the logits of its first draft.
uint32_t Drafter::gatherWaiting(const Guess *guesses, uint32_t count) {
  uint32_t rows = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const DraftState &state = guesses[i].sequence->draft;
    memcpy(hiddenIn.data() + rows * width, state.hidden.data(), state.waiting * width * sizeof(float));
    for (uint32_t w = 0; w < state.waiting; ++w, ++rows) {
      int32_t next = w + 1 < state.waiting ? state.tokens[w + 1] : guesses[i].token;
      putRow(rows, *guesses[i].sequence, next, state.drafted + w);
    }
    asked[i] = i;
    rowOf[i] = static_cast<int32_t>(rows - 1);
  }
  return rows;
}

// A row for each of those that asked before and want one token more: of the last draft and the state it came from.
uint32_t Drafter::gatherDrafts(const Guess *guesses, uint32_t before, uint32_t step) {
  uint32_t rows = 0;
  for (uint32_t i = 0; i < before; ++i) {
    const Guess &guess = guesses[asked[i]];
    if (guess.count <= step) {
      continue;
    }
    memcpy(hiddenIn.data() + rows * width, hidden.data() + static_cast<size_t>(rowOf[i]) * width,
           width * sizeof(float));
    putRow(rows, *guess.sequence, guess.drafts[step - 1], guess.sequence->length + step - 1);
    asked[rows] = asked[i];
    rowOf[rows] = static_cast<int32_t>(rows);
    ++rows;
  }
  return rows;
}

// Where logits are not finite any token is a guess as good as others.
void Drafter::takeDrafts(const Guess *guesses, uint32_t asking, uint32_t step) {
  for (uint32_t i = 0; i < asking; ++i) {
    guesses[asked[i]].drafts[step] = argmax[i] < 0 ? 0 : argmax[i];
  }
}

} // namespace fathom::runtime
