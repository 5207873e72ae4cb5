// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// step_time MODEL PROMPT STEPS: how long a prompt of so many tokens takes, and how long each of so many steps after it,
// greedy and of one sequence. Prints seconds to load, of the prompt, and the median of the steps.

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

int main(int argc, char **argv) {
  if (argc != 4 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1) {
    fprintf(stderr, "usage: step_time MODEL PROMPT STEPS\n");
    return 2;
  }
  size_t prompt = (size_t)atoi(argv[2]), wanted = (size_t)atoi(argv[3]);
  int32_t *tokens = malloc(prompt * sizeof(int32_t));
  steps_t steps = {malloc((wanted + 1) * sizeof(double)), 0};
  for (size_t i = 0; i < prompt; ++i) {
    tokens[i] = (int32_t)(2 + i * 7919 % 250);
  }
  double begin = now();
  fathom_model_t *model;
  fathom_session_t *session;
  REQUIRE(fathom_model_load_file(argv[1], NULL, &model));
  REQUIRE(fathom_session_create(model, NULL, &session));
  double loaded = now();
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  options.tokens = tokens;
  options.token_count = prompt;
  options.max_tokens = (uint32_t)wanted + 1;
  options.ignore_eos = 1;
  options.user = &steps;
  options.on_token = note;
  // The first time makes what steps need.
  REQUIRE(fathom_session_generate(session, &options, NULL));
  steps.count = 0;
  double started = now();
  REQUIRE(fathom_session_generate(session, &options, NULL));
  double answered = steps.times[0];
  for (size_t i = 0; i < wanted; ++i) {
    steps.times[i] = steps.times[i + 1] - steps.times[i];
  }
  qsort(steps.times, wanted, sizeof(double), compare);
  printf("%.6f %.6f %.6f\n", loaded - begin, answered - started, steps.times[wanted / 2]);
  fathom_session_release(session);
  fathom_model_release(model);
  free(steps.times);
  free(tokens);
  return 0;
}
