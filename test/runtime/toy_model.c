// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model small enough to be checked by hand, as the code segment of test artifacts: freestanding, position
// independent, without relocations. Its next token depends on every token before it, through the cache alone.
//
//   cache row of (layer, position): [token * (layer + 1), weight 0 at position % 4]
//   state of (layer, position): the sum of both values over positions 0..position of that layer and all before
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
//   weight 7: a token after which a logit is NaN, of toy_decode_poisoned

#include "fathom/artifact_abi.h"

enum { kLayers = 2, kWidth = 2, kHidden = 4, kVocabulary = 320 };

typedef struct {
  const fathom_call_t *call;
  float *sums;
} toy_work_t;

static float *toy_cache_row(const fathom_call_t *call, int64_t row, int64_t layer, int64_t position) {
  return (float *)fathom_cache_row(&call->cache, row, layer, position, 0, kWidth * sizeof(float));
}

static void toy_append(const void *argument, int64_t row, void *scratch) {
  const toy_work_t *work = (const toy_work_t *)argument;
  const float *table = (const float *)work->call->weights[0];
  int64_t position = work->call->positions[row];
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    float *cache = toy_cache_row(work->call, row, layer, position);
    cache[0] = (float)(work->call->tokens[row] * (layer + 1));
    cache[1] = table[position % 4];
  }
  *(volatile char *)scratch = 1;
}

static void toy_attend(const void *argument, int64_t row, void *scratch) {
  const toy_work_t *work = (const toy_work_t *)argument;
  const fathom_call_t *call = work->call;
  float sum = 0;
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    for (int64_t position = 0; position <= call->positions[row]; ++position) {
      const float *cache = toy_cache_row(call, row, layer, position);
      sum += cache[0] + cache[1];
    }
    for (int64_t h = 0; call->hidden_out && layer + 1 == kLayers && h < kHidden; ++h) {
      call->hidden_out[row * kHidden + h] = sum + (float)h;
    }
    if (call->states) {
      for (int64_t h = 0; h < kHidden; ++h) {
        call->states[(layer * call->rows + row) * kHidden + h] = sum + (float)h;
      }
    }
  }
  work->sums[row] = sum;
  *(volatile char *)scratch = 2;
}

static void toy_write_logits(float *logits, float sum, float offset) {
  float target = sum - (float)((int64_t)(sum / kVocabulary) * kVocabulary);
  for (int64_t v = 0; v < kVocabulary; ++v) {
    float distance = (float)v - target;
    logits[v] = (distance < 0 ? distance : -distance) + offset;
  }
}

static void toy_logits(const void *argument, int64_t item, void *scratch) {
  const toy_work_t *work = (const toy_work_t *)argument;
  toy_write_logits(work->call->logits + item * kVocabulary, work->sums[work->call->logit_row_ids[item]], 0);
  (void)scratch;
}

static int32_t toy_run(const fathom_call_t *call) {
  toy_work_t work = {call, (float *)call->arena};
  call->host->parallel(call->host->self, toy_append, &work, call->rows);
  call->host->parallel(call->host->self, toy_attend, &work, call->rows);
  call->host->parallel(call->host->self, toy_logits, &work, call->logit_rows);
  return 0;
}

int32_t toy_prefill(const fathom_call_t *call) { return toy_run(call); }

/// Fills the cache as the others do, and shows that it ran where states go.
int32_t toy_headless(const fathom_call_t *call) {
  int32_t status = toy_run(call);
  for (int64_t i = 0; call->states && i < kLayers * call->rows * kHidden; ++i) {
    call->states[i] = -1;
  }
  return call->logit_rows == 0 ? status : 1;
}

int32_t toy_decode(const fathom_call_t *call) { return toy_run(call); }

int32_t toy_decode_poisoned(const fathom_call_t *call) {
  toy_run(call);
  for (int64_t i = 0; i < call->logit_rows; ++i) {
    if (call->tokens[call->logit_row_ids[i]] == (int32_t)((const float *)call->weights[0])[7]) {
      call->logits[i * kVocabulary + 5] = __builtin_nanf("");
    }
  }
  return 0;
}

/// The state after a token at `position` that follows `state`.
static float toy_next_state(const float *table, float state, float token, int64_t position) {
  return state + (1 + kLayers) * token * kLayers / 2 + kLayers * table[position % 4];
}

static void toy_draft_append(const void *argument, int64_t row, void *scratch) {
  const fathom_call_t *call = (const fathom_call_t *)argument;
  float *cache = toy_cache_row(call, row, kLayers, call->positions[row]);
  cache[0] = (float)call->tokens[row];
  cache[1] = call->hidden[row * kHidden];
  (void)scratch;
}

static int64_t toy_count_stale(const fathom_call_t *call, const float *table, int64_t row) {
  int64_t stale = toy_cache_row(call, row, kLayers, call->positions[row])[1] != call->hidden[row * kHidden];
  for (int64_t position = 0; position < call->positions[row]; ++position) {
    const float *cache = toy_cache_row(call, row, kLayers, position);
    float next = toy_next_state(table, cache[1], cache[0], position + 1);
    stale += toy_cache_row(call, row, kLayers, position + 1)[1] != next;
  }
  return stale;
}

static void toy_draft_states(const void *argument, int64_t row, void *scratch) {
  const fathom_call_t *call = (const fathom_call_t *)argument;
  const float *table = (const float *)call->weights[0];
  int64_t position = call->positions[row];
  float sum = toy_next_state(table, call->hidden[row * kHidden], (float)call->tokens[row], position + 1);
  for (int64_t h = 0; h < kHidden; ++h) {
    call->hidden_out[row * kHidden + h] = sum + (float)h;
  }
  int64_t period = (int64_t)table[4];
  int errs = (period > 0 && position % period == period - 1) || toy_count_stale(call, table, row) > (int64_t)table[5];
  ((float *)call->arena)[row] = errs ? sum + 7 : sum;
  (void)scratch;
}

static void toy_draft_logits(const void *argument, int64_t item, void *scratch) {
  const fathom_call_t *call = (const fathom_call_t *)argument;
  const float *sums = (const float *)call->arena, *table = (const float *)call->weights[0];
  toy_write_logits(call->logits + item * kVocabulary, sums[call->logit_row_ids[item]], table[6]);
  (void)scratch;
}

static int32_t toy_run_draft(const fathom_call_t *call, void (*append)(const void *, int64_t, void *)) {
  call->host->parallel(call->host->self, append, call, call->rows);
  call->host->parallel(call->host->self, toy_draft_states, call, call->rows);
  call->host->parallel(call->host->self, toy_draft_logits, call, call->logit_rows);
  return 0;
}

int32_t toy_draft(const fathom_call_t *call) { return toy_run_draft(call, toy_draft_append); }

static void toy_draft_append_once(const void *argument, int64_t row, void *scratch) {
  const fathom_call_t *call = (const fathom_call_t *)argument;
  if (toy_cache_row(call, row, kLayers, call->positions[row])[1] == 0) {
    toy_draft_append(argument, row, scratch);
  }
}

/// A mistake: rows of drafts that were wrong, and of tokens that a sequence has no more, stay.
int32_t toy_draft_not_rewound(const fathom_call_t *call) { return toy_run_draft(call, toy_draft_append_once); }

/// Of one of two entry points that share the positions of a context: below 40, and from there on.
static int32_t toy_count_below_40(const fathom_call_t *call) {
  int32_t below = 0;
  for (int64_t row = 0; row < call->rows; ++row) {
    below += call->positions[row] < 40;
  }
  return below;
}

int32_t toy_below_40(const fathom_call_t *call) { return toy_count_below_40(call) == call->rows ? toy_run(call) : 5; }

int32_t toy_from_40(const fathom_call_t *call) { return toy_count_below_40(call) == 0 ? toy_run(call) : 6; }

/// Runs tasks within a task, and asks the host for memory: for the tests of the host table.
static void toy_inner(const void *argument, int64_t item, void *scratch) {
  ((int32_t *)argument)[item] += 1;
  *(volatile char *)scratch = 3;
}

typedef struct {
  const fathom_call_t *call;
  int32_t (*counts)[8];
} toy_nested_t;

static void toy_outer(const void *argument, int64_t item, void *scratch) {
  const toy_nested_t *nested = (const toy_nested_t *)argument;
  *(volatile char *)scratch = 7;
  nested->call->host->parallel(nested->call->host->self, toy_inner, nested->counts[item], 8);
  // The inner tasks had scratch of their own.
  nested->counts[item][0] += *(volatile char *)scratch == 7 ? 0 : 100;
}

/// Asks the host for more memory than there is, with some in hand.
int32_t toy_ask_for_too_much(const fathom_call_t *call) {
  const fathom_host_t *host = call->host;
  char *first = host->allocate(host->self, 100);
  host->deallocate(host->self, host->allocate(host->self, 200));
  first[99] = 1;
  char *second = host->allocate(host->self, SIZE_MAX - (call->tokens[0] ? 0 : SIZE_MAX / 2));
  second[0] = 1;
  return 3;
}

/// Returns 0 if nested tasks ran once each and memory was aligned; else a number that says what went wrong.
int32_t toy_host_check(const fathom_call_t *call) {
  const fathom_host_t *host = call->host;
  int32_t (*counts)[8] = host->allocate(host->self, 64 * sizeof(*counts));
  if (!counts || (uint64_t)counts % 64 != 0) {
    return 1;
  }
  for (int32_t i = 0; i < 64 * 8; ++i) {
    counts[i / 8][i % 8] = 0;
  }
  toy_nested_t nested = {call, counts};
  host->parallel(host->self, toy_outer, &nested, 64);
  int32_t bad = 0;
  for (int32_t i = 0; i < 64 * 8; ++i) {
    bad += counts[i / 8][i % 8] != 1;
  }
  host->deallocate(host->self, counts);
  return bad ? 2 : 0;
}
