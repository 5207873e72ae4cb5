// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C API from below: hello_explained MODEL PROMPT. Text becomes tokens, tokens become logits, logits become the
// next token, token after token. hello_terse.c lets fathom_session_generate do all of this.

#include "fathom/fathom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMostPromptTokens = 4096, kMostNewTokens = 64 };

/// What the program holds; everything is freed in one place, whatever went wrong.
typedef struct {
  fathom_model_t *model;
  fathom_session_t *session;
  fathom_sampler_t *sampler;
  float *logits;
  fathom_model_info_t info;
} hello_t;

/// Opens the artifact and makes what is needed to run it.
static fathom_status_t hello_open(hello_t *hello, const char *path) {
  // The file is verified, then mapped: this takes milliseconds, however large the weights are.
  fathom_status_t status = fathom_model_load_file(path, NULL, &hello->model);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  fathom_model_info_initialize(&hello->info);
  status = fathom_model_info(hello->model, &hello->info);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }

  // A session has threads and a cache. Any number of sessions can share a model.
  fathom_session_options_t options;
  fathom_session_options_initialize(&options);
  options.max_sequences = 1;
  status = fathom_session_create(hello->model, &options, &hello->session);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }

  // Sample as the model's authors recommend; change fields here to sample differently.
  fathom_sampling_t sampling;
  fathom_sampling_initialize(&sampling);
  status = fathom_model_sampling(hello->model, &sampling);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  hello->logits = malloc(hello->info.vocabulary * sizeof(float));
  if (!hello->logits) {
    return FATHOM_STATUS_OUT_OF_RESOURCES;
  }
  return fathom_sampler_create(hello->info.vocabulary, &sampling, &hello->sampler);
}

/// Reads the prompt into a new sequence and leaves the logits of its last token.
static fathom_status_t hello_prefill(hello_t *hello, const char *prompt, fathom_sequence_t *sequence) {
  static int32_t tokens[kMostPromptTokens];
  size_t count = 0;
  fathom_status_t status = fathom_model_encode(hello->model, prompt, strlen(prompt), FATHOM_ENCODE_ADD_BOS, tokens,
                                               kMostPromptTokens, &count);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  status = fathom_session_create_sequence(hello->session, sequence);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  // All tokens of the prompt at once, many times faster than one by one.
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = hello->logits;
  outputs.logits_capacity = hello->info.vocabulary;
  return fathom_session_prefill(hello->session, *sequence, tokens, count, &outputs);
}

static int hello_is_end(const hello_t *hello, int32_t token) {
  for (size_t i = 0; i < hello->info.eos_token_count; ++i) {
    if (hello->info.eos_tokens[i] == token) {
      return 1;
    }
  }
  return 0;
}

/// Chooses, prints and appends one token; |*end| says whether it was the last.
static fathom_status_t hello_step(hello_t *hello, fathom_sequence_t sequence, int *end) {
  int32_t token = 0;
  fathom_status_t status = fathom_sampler_sample(hello->sampler, hello->logits, &token);
  *end = hello_is_end(hello, token);
  if (status != FATHOM_STATUS_OK || *end) {
    return status;
  }
  // A token may be a part of a character only; fathom_session_generate holds such bytes back, this prints them.
  char piece[256];
  size_t length = 0;
  status = fathom_model_decode(hello->model, &token, 1, 0, piece, sizeof(piece), &length);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  fwrite(piece, 1, length, stdout);
  fflush(stdout);
  // One row of a batch: with more sequences, several are decoded in one call for little more time.
  return fathom_session_decode(hello->session, &sequence, &token, 1, hello->logits, hello->info.vocabulary);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL PROMPT\n", argv[0]);
    return 2;
  }
  hello_t hello = {0};
  fathom_sequence_t sequence = 0;
  fathom_status_t status = hello_open(&hello, argv[1]);
  if (status == FATHOM_STATUS_OK) {
    status = hello_prefill(&hello, argv[2], &sequence);
  }
  int end = 0;
  for (int i = 0; i < kMostNewTokens && !end && status == FATHOM_STATUS_OK; ++i) {
    status = hello_step(&hello, sequence, &end);
  }
  printf("\n");
  if (status == FATHOM_STATUS_CONTEXT_FULL) {
    // The model has no room for more: an end like any other.
    status = FATHOM_STATUS_OK;
  }
  if (status != FATHOM_STATUS_OK) {
    fprintf(stderr, "%s: %s\n", fathom_status_string(status), fathom_status_message());
  }
  // Released handles are never dangling: using one again would be FATHOM_STATUS_INVALID_HANDLE.
  free(hello.logits);
  if (hello.sampler) {
    fathom_sampler_release(hello.sampler);
  }
  if (hello.session) {
    fathom_session_release(hello.session);
  }
  if (hello.model) {
    fathom_model_release(hello.model);
  }
  return fathom_status_exit_code(status);
}
