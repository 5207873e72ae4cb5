// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model small enough to be checked by hand, as the code segment of test artifacts: freestanding, position
// independent, without relocations. Its next token depends on every token before it, through the cache alone.
//
//   cache row of (layer, position): [token * (layer + 1), weight 0 at position % 4]
//   state of (layer, position): the sum of both values over positions 0..position of that layer and all before, and in
//   column h of a row h more
//   logit v: -|v - (state of the last layer) mod vocabulary|, so greedy decoding is that number
//   hidden state: the state of the last layer, its offsets included
//
// Its draft layer knows the next state, and so what is said, but for what weights 4 to 6 have it do:
//
//   draft row of position i: [token i + 1, state of the last layer at i], in layer 2
//   hidden state: that of i + 1
//   logit v: as the model's for that state, but another one where the draft errs: at every [weight 4]th position, and
//   where more than [weight 5] of its rows up to i are not what rows after them, and the call, say
//   weight 6: added to all its logits
//   weight 7: a token after which a logit is NaN, where toy_poison runs

#include "fathom/kernel_abi.h"

enum { kLayers = 2, kWidth = 2, kHidden = 4, kVocabulary = 320 };

/// All kernels have an item a row.
int64_t toy_items(int64_t rows) { return rows; }

static const float *input(const fathom_dispatch_t *dispatch, int operand) {
  return (const float *)dispatch->operands[operand];
}
static float *output(const fathom_dispatch_t *dispatch, int operand) { return (float *)dispatch->operands[operand]; }
static const int32_t *integers(const fathom_dispatch_t *dispatch, int operand) {
  return (const int32_t *)dispatch->operands[operand];
}

static float *cache_row(const fathom_dispatch_t *dispatch, int64_t row, int64_t position) {
  return (float *)fathom_cache_row(dispatch->cache, row, dispatch->layer, position, 0, kWidth * sizeof(float));
}

/// begin(rows): the state before the first layer.
void toy_begin(const void *task, int64_t row, void *scratch) {
  for (int64_t h = 0; h < kHidden; ++h) {
    output((const fathom_dispatch_t *)task, 0)[row * kHidden + h] = (float)h;
  }
  *(volatile char *)scratch = 1;
}

/// append(tokens, table)
void toy_append(const void *task, int64_t row, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  int64_t position = dispatch->positions[row];
  float *cache = cache_row(dispatch, row, position);
  cache[0] = (float)(integers(dispatch, 0)[row] * (dispatch->layer + 1));
  cache[1] = input(dispatch, 1)[position % 4];
  *(volatile char *)scratch = 2;
}

/// attend(states, next states)
void toy_attend(const void *task, int64_t row, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  float sum = 0;
  for (int64_t position = 0; position <= dispatch->positions[row]; ++position) {
    const float *cache = cache_row(dispatch, row, position);
    sum += cache[0] + cache[1];
  }
  for (int64_t h = row * kHidden; h < (row + 1) * kHidden; ++h) {
    output(dispatch, 1)[h] = input(dispatch, 0)[h] + sum;
  }
  *(volatile char *)scratch = 3;
}

/// copy(rows, rows)
void toy_copy(const void *task, int64_t row, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  for (int64_t h = row * kHidden; h < (row + 1) * kHidden; ++h) {
    output(dispatch, 1)[h] = input(dispatch, 0)[h];
  }
  (void)scratch;
}

static void fill(float *rows, int64_t row, float value) {
  for (int64_t h = row * kHidden; h < (row + 1) * kHidden; ++h) {
    rows[h] = value;
  }
}

/// mark(rows): what an entry point without a head shows as its states.
void toy_mark(const void *task, int64_t row, void *scratch) {
  fill(output((const fathom_dispatch_t *)task, 0), row, -1);
  (void)scratch;
}

static void write_logits(float *logits, float sum, float offset) {
  float target = sum - (float)((int64_t)(sum / kVocabulary) * kVocabulary);
  for (int64_t v = 0; v < kVocabulary; ++v) {
    float distance = (float)v - target;
    logits[v] = (distance < 0 ? distance : -distance) + offset;
  }
}

/// logits(states, row ids, logits)
void toy_logits(const void *task, int64_t item, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  write_logits(output(dispatch, 2) + item * kVocabulary, input(dispatch, 0)[integers(dispatch, 1)[item] * kHidden], 0);
  (void)scratch;
}

/// argmax(logits, argmax)
void toy_argmax(const void *task, int64_t item, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  const float *logits = input(dispatch, 0) + item * kVocabulary;
  int32_t best = 0;
  for (int32_t v = 1; v < kVocabulary; ++v) {
    best = logits[v] > logits[best] ? v : best;
  }
  ((int32_t *)dispatch->operands[1])[item] = best;
  (void)scratch;
}

/// poison(tokens, row ids, table, logits)
void toy_poison(const void *task, int64_t item, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  if (integers(dispatch, 0)[integers(dispatch, 1)[item]] == (int32_t)input(dispatch, 2)[7]) {
    output(dispatch, 3)[item * kVocabulary + 5] = __builtin_nanf("");
  }
  (void)scratch;
}

/// The state after a token at `position` that follows `state`.
static float next_state(const float *table, float state, float token, int64_t position) {
  return state + (1 + kLayers) * token * kLayers / 2 + kLayers * table[position % 4];
}

/// draft_append(tokens, hidden)
void toy_draft_append(const void *task, int64_t row, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  float *cache = cache_row(dispatch, row, dispatch->positions[row]);
  cache[0] = (float)integers(dispatch, 0)[row];
  cache[1] = input(dispatch, 1)[row * kHidden];
  (void)scratch;
}

/// A mistake: rows of drafts that were wrong, and of tokens that a sequence has no more, stay.
void toy_draft_append_once(const void *task, int64_t row, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  if (cache_row(dispatch, row, dispatch->positions[row])[1] == 0) {
    toy_draft_append(task, row, scratch);
  }
}

static int64_t count_stale(const fathom_dispatch_t *dispatch, const float *hidden, const float *table, int64_t row) {
  int64_t stale = cache_row(dispatch, row, dispatch->positions[row])[1] != hidden[row * kHidden];
  for (int64_t position = 0; position < dispatch->positions[row]; ++position) {
    const float *cache = cache_row(dispatch, row, position);
    float next = next_state(table, cache[1], cache[0], position + 1);
    stale += cache_row(dispatch, row, position + 1)[1] != next;
  }
  return stale;
}

/// draft_states(tokens, hidden, table, sums, hidden_out)
void toy_draft_states(const void *task, int64_t row, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  const float *hidden = input(dispatch, 1), *table = input(dispatch, 2);
  int64_t position = dispatch->positions[row];
  float sum = next_state(table, hidden[row * kHidden], (float)integers(dispatch, 0)[row], position + 1);
  for (int64_t h = 0; h < kHidden; ++h) {
    output(dispatch, 4)[row * kHidden + h] = sum + (float)h;
  }
  int64_t period = (int64_t)table[4];
  int errs =
      (period > 0 && position % period == period - 1) || count_stale(dispatch, hidden, table, row) > (int64_t)table[5];
  output(dispatch, 3)[row] = errs ? sum + 7 : sum;
  (void)scratch;
}

/// draft_logits(sums, row ids, table, logits)
void toy_draft_logits(const void *task, int64_t item, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  float sum = input(dispatch, 0)[integers(dispatch, 1)[item]];
  write_logits(output(dispatch, 3) + item * kVocabulary, sum, input(dispatch, 2)[6]);
  (void)scratch;
}

/// below_40(states), from_40(states): of one of two entry points that share the positions of a context. States of
/// others become NaN.
void toy_below_40(const void *task, int64_t row, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  if (dispatch->positions[row] >= 40) {
    fill(output(dispatch, 0), row, __builtin_nanf(""));
  }
  (void)scratch;
}

void toy_from_40(const void *task, int64_t row, void *scratch) {
  const fathom_dispatch_t *dispatch = (const fathom_dispatch_t *)task;
  if (dispatch->positions[row] < 40) {
    fill(output(dispatch, 0), row, __builtin_nanf(""));
  }
  (void)scratch;
}

/// Of an entry point that no test may run.
void toy_trap(const void *task, int64_t row, void *scratch) {
  (void)task;
  (void)row;
  (void)scratch;
  __builtin_trap();
}
