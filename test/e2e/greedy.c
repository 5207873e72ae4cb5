// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// greedy MODEL LOGITS COUNT ID...: a C program as an embedder writes one. Writes the logits of every prompt position to
// the file LOGITS, f32, and prints the COUNT tokens that follow the prompt.

#include "fathom/fathom.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  fathom_model_t *model;
  fathom_session_t *session;
  fathom_sequence_t sequence;
  size_t vocabulary;
} program_t;

static void require(int good, const char *what) {
  if (!good) {
    fprintf(stderr, "%s: %s\n", what, fathom_status_message());
    exit(1);
  }
}

#define REQUIRE(call) require((call) == FATHOM_STATUS_OK, #call)

static program_t open_model(const char *path) {
  program_t program = {0};
  fathom_model_info_t info;
  fathom_model_info_initialize(&info);
  REQUIRE(fathom_model_load_file(path, NULL, &program.model));
  REQUIRE(fathom_model_info(program.model, &info));
  REQUIRE(fathom_session_create(program.model, NULL, &program.session));
  REQUIRE(fathom_session_create_sequence(program.session, &program.sequence));
  program.vocabulary = info.vocabulary;
  return program;
}

static int32_t argmax(const float *logits, size_t count) {
  size_t largest = 0;
  for (size_t i = 1; i < count; ++i) {
    largest = logits[i] > logits[largest] ? i : largest;
  }
  return (int32_t)largest;
}

/// Returns the token that follows the prompt.
static int32_t prefill(const program_t *program, const int32_t *tokens, size_t count, const char *path) {
  size_t size = count * program->vocabulary;
  float *logits = malloc(size * sizeof(float));
  require(logits != NULL, "malloc");
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_ALL;
  outputs.logits = logits;
  outputs.logits_capacity = size;
  REQUIRE(fathom_session_prefill(program->session, program->sequence, tokens, count, &outputs));
  FILE *file = fopen(path, "wb");
  require(file && fwrite(logits, sizeof(float), size, file) == size && fclose(file) == 0, path);
  int32_t next = argmax(logits + size - program->vocabulary, program->vocabulary);
  free(logits);
  return next;
}

static void decode(const program_t *program, int32_t token, size_t count) {
  float *logits = malloc(program->vocabulary * sizeof(float));
  require(logits != NULL, "malloc");
  for (size_t i = 0; i < count; ++i) {
    printf("%d\n", (int)token);
    REQUIRE(fathom_session_decode(program->session, &program->sequence, &token, 1, logits, program->vocabulary));
    token = argmax(logits, program->vocabulary);
  }
  free(logits);
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: greedy MODEL LOGITS COUNT ID...\n");
    return 2;
  }
  size_t count = (size_t)argc - 4;
  int32_t *tokens = malloc(count * sizeof(int32_t));
  require(tokens != NULL, "malloc");
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = (int32_t)atoi(argv[i + 4]);
  }
  program_t program = open_model(argv[1]);
  decode(&program, prefill(&program, tokens, count, argv[2]), (size_t)atoi(argv[3]));
  REQUIRE(fathom_session_release(program.session));
  REQUIRE(fathom_model_release(program.model));
  free(tokens);
  return 0;
}
