// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// step_time MODEL PROMPT STEPS [SEQUENCES [TRACE]]: how long a prompt of so many tokens takes, and how long each of so
// many steps after it: greedy of one sequence, or of several that have the same prompt. Prints seconds to load, of the
// prompt, and the median of the steps. A trace makes steps longer.

#define _POSIX_C_SOURCE 199309L

#include "fathom/fathom.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

#define REQUIRE(call)                                                                                                  \
  if ((call) != FATHOM_STATUS_OK) {                                                                                    \
    fprintf(stderr, "%s: %s\n", #call, fathom_status_message());                                                       \
    exit(1);                                                                                                           \
  }

typedef struct {
  double *times;
  size_t count;
} steps_t;

static fathom_flow_t note(void *user, int32_t token, const char *text, size_t length) {
  steps_t *steps = user;
  steps->times[steps->count++] = now();
  (void)token, (void)text, (void)length;
  return FATHOM_CONTINUE;
}

static int compare(const void *a, const void *b) {
  double first = *(const double *)a, second = *(const double *)b;
  return (first > second) - (first < second);
}

/// Seconds of the prompt; then of each step, between steps->times.
static double generate(fathom_session_t *session, const int32_t *tokens, size_t prompt, size_t wanted, steps_t *steps) {
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  options.tokens = tokens;
  options.token_count = prompt;
  options.max_tokens = (uint32_t)wanted + 1;
  options.ignore_eos = 1;
  options.user = steps;
  options.on_token = note;
  steps->count = 0;
  double started = now();
  REQUIRE(fathom_session_generate(session, &options, NULL));
  return steps->times[0] - started;
}

/// The same of sequences that are copies of the first; the token of a step is any.
static double decode(fathom_session_t *session, const int32_t *tokens, size_t prompt, size_t wanted, size_t count,
                     size_t vocabulary, steps_t *steps) {
  fathom_sequence_t *sequences = malloc(count * sizeof(*sequences));
  float *logits = malloc(count * vocabulary * sizeof(float));
  size_t size = 0;
  REQUIRE(fathom_session_create_sequence(session, sequences));
  double started = now();
  REQUIRE(fathom_session_prefill(session, sequences[0], tokens, prompt, NULL));
  double first = now() - started;
  fathom_session_save_sequence(session, sequences[0], NULL, 0, &size); // too small: it says how large
  char *saved = malloc(size);
  REQUIRE(fathom_session_save_sequence(session, sequences[0], saved, size, &size));
  for (size_t i = 1; i < count; ++i) {
    REQUIRE(fathom_session_restore_sequence(session, saved, size, sequences + i));
  }
  int32_t *next = calloc(count, sizeof(int32_t));
  for (steps->count = 0; steps->count <= wanted;) {
    REQUIRE(fathom_session_decode(session, sequences, next, count, logits, count * vocabulary));
    note(steps, 0, NULL, 0);
  }
  for (size_t i = 0; i < count; ++i) {
    REQUIRE(fathom_session_destroy_sequence(session, sequences[i]));
  }
  free(sequences), free(logits), free(saved), free(next);
  return first;
}

int main(int argc, char **argv) {
  if (argc < 4 || argc > 6 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1 || (argc > 4 && atoi(argv[4]) < 1)) {
    fprintf(stderr, "usage: step_time MODEL PROMPT STEPS [SEQUENCES [TRACE]]\n");
    return 2;
  }
  size_t prompt = (size_t)atoi(argv[2]), wanted = (size_t)atoi(argv[3]), count = argc > 4 ? (size_t)atoi(argv[4]) : 1;
  int32_t *tokens = malloc(prompt * sizeof(int32_t));
  steps_t steps = {malloc((wanted + 1) * sizeof(double)), 0};
  for (size_t i = 0; i < prompt; ++i) {
    tokens[i] = (int32_t)(2 + i * 7919 % 250);
  }
  double begin = now();
  fathom_model_t *model;
  fathom_session_t *session;
  fathom_model_options_t model_options;
  fathom_model_options_initialize(&model_options);
  model_options.verify_weights = FATHOM_VERIFY_NEVER; // they are made up
  REQUIRE(fathom_model_load_file(argv[1], &model_options, &model));
  fathom_model_info_t info;
  fathom_model_info_initialize(&info);
  REQUIRE(fathom_model_info(model, &info));
  fathom_session_options_t session_options;
  fathom_session_options_initialize(&session_options);
  session_options.max_sequences = (uint32_t)count;
  session_options.trace = argc > 5 ? argv[5] : NULL;
  REQUIRE(fathom_session_create(model, &session_options, &session));
  double loaded = now(), first = 0;
  // The first time makes what steps need.
  for (int again = 0; again < 2; ++again) {
    first = count == 1 ? generate(session, tokens, prompt, wanted, &steps)
                       : decode(session, tokens, prompt, wanted, count, info.vocabulary, &steps);
  }
  for (size_t i = 0; i < wanted; ++i) {
    steps.times[i] = steps.times[i + 1] - steps.times[i];
  }
  qsort(steps.times, wanted, sizeof(double), compare);
  printf("%.6f %.6f %.6f\n", loaded - begin, first, steps.times[wanted / 2]);
  fathom_session_release(session);
  fathom_model_release(model);
  free(steps.times);
  free(tokens);
  return 0;
}
