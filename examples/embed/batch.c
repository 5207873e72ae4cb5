// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// batch MODEL PROMPT...: all prompts in one session, a token of each in every step.

#include <fathom/fathom.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMostSequences = 16, kSteps = 24 };

typedef struct {
  fathom_model_t *model;
  fathom_session_t *session;
  fathom_sampler_t *sampler;
  fathom_model_info_t info;
  /// [kMostSequences, vocabulary]
  float *logits;
  fathom_sequence_t sequences[kMostSequences];
  int32_t tokens[kMostSequences][kSteps];
} batch_t;

// docs: start
/// Reads a prompt into a sequence of its own and leaves the logits of its last token in row `index`.
static fathom_status_t start(batch_t *batch, size_t index, const int32_t *tokens, size_t count) {
  fathom_status_t status = fathom_session_create_sequence(batch->session, &batch->sequences[index]);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = batch->logits + index * batch->info.vocabulary;
  outputs.logits_capacity = batch->info.vocabulary;
  return fathom_session_prefill(batch->session, batch->sequences[index], tokens, count, &outputs);
}

/// The same from text. Without room for tokens, fathom_model_encode says how many there are.
static fathom_status_t start_text(batch_t *batch, size_t index, const char *prompt) {
  const uint32_t flags = FATHOM_ENCODE_ADD_BOS;
  size_t length = strlen(prompt), count = 0;
  fathom_status_t status = fathom_model_encode(batch->model, prompt, length, flags, NULL, 0, &count);
  int32_t *tokens = malloc((count + 1) * sizeof(int32_t));
  if (!tokens) {
    return FATHOM_STATUS_OUT_OF_RESOURCES;
  }
  if (status == FATHOM_STATUS_TOO_SMALL) {
    status = fathom_model_encode(batch->model, prompt, length, flags, tokens, count, &count);
  }
  if (status == FATHOM_STATUS_OK) {
    status = start(batch, index, tokens, count);
  }
  free(tokens);
  return status;
}
// docs: end

// docs: step
/// Chooses a token for each sequence and appends all of them in one call.
static fathom_status_t step(batch_t *batch, size_t count, int which) {
  int32_t chosen[kMostSequences];
  for (size_t i = 0; i < count; ++i) {
    const float *logits = batch->logits + i * batch->info.vocabulary;
    fathom_status_t status = fathom_sampler_sample(batch->sampler, logits, &chosen[i]);
    if (status != FATHOM_STATUS_OK) {
      return status;
    }
    batch->tokens[i][which] = chosen[i];
  }
  return fathom_session_decode(batch->session, batch->sequences, chosen, count, batch->logits,
                               count * batch->info.vocabulary);
}
// docs: end

static fathom_status_t open_batch(batch_t *batch, const char *path, size_t count) {
  fathom_status_t status = fathom_model_load_file(path, NULL, &batch->model);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  fathom_model_info_initialize(&batch->info);
  status = fathom_model_info(batch->model, &batch->info);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  batch->logits = malloc(count * batch->info.vocabulary * sizeof(float));
  if (!batch->logits) {
    return FATHOM_STATUS_OUT_OF_RESOURCES;
  }
  // Greedy, without a repetition penalty: one sampler serves all, for it remembers nothing.
  fathom_sampling_t sampling;
  fathom_sampling_initialize(&sampling);
  status = fathom_sampler_create(batch->info.vocabulary, &sampling, &batch->sampler);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  fathom_session_options_t options;
  fathom_session_options_initialize(&options);
  options.max_sequences = (uint32_t)count;
  return fathom_session_create(batch->model, &options, &batch->session);
}

static fathom_status_t print_answer(const batch_t *batch, size_t index, const char *prompt) {
  char text[4096];
  size_t length = 0;
  fathom_status_t status =
      fathom_model_decode(batch->model, batch->tokens[index], kSteps, 0, text, sizeof(text), &length);
  if (status == FATHOM_STATUS_OK) {
    printf("%s%.*s\n", prompt, (int)length, text);
  }
  return status;
}

static fathom_status_t run(batch_t *batch, char **prompts, size_t count) {
  fathom_status_t status = FATHOM_STATUS_OK;
  for (size_t i = 0; i < count && status == FATHOM_STATUS_OK; ++i) {
    status = start_text(batch, i, prompts[i]);
  }
  for (int i = 0; i < kSteps && status == FATHOM_STATUS_OK; ++i) {
    status = step(batch, count, i);
  }
  for (size_t i = 0; i < count && status == FATHOM_STATUS_OK; ++i) {
    status = print_answer(batch, i, prompts[i]);
  }
  return status;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc - 2 > kMostSequences) {
    fprintf(stderr, "usage: %s MODEL PROMPT... (up to %d)\n", argv[0], kMostSequences);
    return 2;
  }
  static batch_t batch;
  size_t count = (size_t)argc - 2;
  fathom_status_t status = open_batch(&batch, argv[1], count);
  if (status == FATHOM_STATUS_OK) {
    status = run(&batch, argv + 2, count);
  }
  if (status != FATHOM_STATUS_OK) {
    fprintf(stderr, "%s: %s\n", argv[0], fathom_status_message());
  }
  free(batch.logits);
  if (batch.sampler) {
    fathom_sampler_release(batch.sampler);
  }
  if (batch.session) {
    fathom_session_release(batch.session);
  }
  if (batch.model) {
    fathom_model_release(batch.model);
  }
  return fathom_status_exit_code(status);
}
