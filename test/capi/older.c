// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program that was compiled with an older header, whose structs end earlier, and runs with this runtime: older MODEL.
// Each struct stands before bytes that are not the runtime's. Returns how many things were wrong.

#include "fathom/fathom.h"
#include "test/capi/check.h"

#include <stdio.h>
#include <string.h>

enum { kGuardBytes = 16, kGuard = 0xee };

/// A struct of the API as `name`, and a guard behind it.
#define GUARDED(type, name)                                                                                            \
  struct {                                                                                                             \
    type given;                                                                                                        \
    unsigned char guard[kGuardBytes];                                                                                  \
  } name;                                                                                                              \
  memset(&name, kGuard, sizeof(name))

#define CHECK_GUARD(name) check(is_guard(name.guard), #name " was written beyond its end")

static int is_guard(const unsigned char *bytes) {
  for (int i = 0; i < kGuardBytes; ++i) {
    if (bytes[i] != kGuard) {
      return 0;
    }
  }
  return 1;
}

static fathom_model_t *load(const char *path) {
  fathom_model_t *model = NULL;
  GUARDED(fathom_model_options_t, options);
  fathom_model_options_initialize(&options.given);
  CHECK(options.given.struct_size == sizeof(fathom_model_options_t));
  CHECK_OK(fathom_model_load_file(path, &options.given, &model));
  CHECK_GUARD(options);
  return model;
}

static uint32_t describe(fathom_model_t *model) {
  GUARDED(fathom_model_info_t, info);
  fathom_model_info_initialize(&info.given);
  CHECK_OK(fathom_model_info(model, &info.given));
  CHECK(info.given.struct_size == sizeof(fathom_model_info_t));
  CHECK(info.given.metadata_size > 0);
  CHECK_GUARD(info);
  return info.given.vocabulary;
}

/// The seed, which this program does not know, is the default, so that samplers agree.
static void sample(fathom_model_t *model, uint32_t vocabulary) {
  static float logits[4096];
  fathom_sampler_t *sampler = NULL;
  int32_t token = -1, again = -1;
  GUARDED(fathom_sampling_t, sampling);
  fathom_sampling_initialize(&sampling.given);
  CHECK(sampling.given.top_p == 1);
  CHECK_OK(fathom_model_sampling(model, &sampling.given));
  CHECK(sampling.given.struct_size == sizeof(fathom_sampling_t));
  sampling.given.temperature = 1;
  CHECK(vocabulary <= 4096);
  CHECK_OK(fathom_sampler_create(vocabulary, &sampling.given, &sampler));
  CHECK_OK(fathom_sampler_sample(sampler, logits, &token));
  CHECK_OK(fathom_sampler_release(sampler));
  CHECK_OK(fathom_sampler_create(vocabulary, &sampling.given, &sampler));
  CHECK_OK(fathom_sampler_sample(sampler, logits, &again));
  CHECK_OK(fathom_sampler_release(sampler));
  CHECK(token == again);
  CHECK_GUARD(sampling);
}

static fathom_session_t *create(fathom_model_t *model) {
  fathom_session_t *session = NULL;
  GUARDED(fathom_session_options_t, options);
  fathom_session_options_initialize(&options.given);
  CHECK(options.given.max_sequences == 16);
  CHECK_OK(fathom_session_create(model, &options.given, &session));
  CHECK_GUARD(options);
  return session;
}

static void generate(fathom_session_t *session) {
  const int32_t prompt[] = {3, 1, 4};
  GUARDED(fathom_sampling_t, sampling);
  GUARDED(fathom_generate_options_t, options);
  GUARDED(fathom_generate_result_t, result);
  fathom_sampling_initialize(&sampling.given);
  fathom_generate_options_initialize(&options.given);
  fathom_generate_result_initialize(&result.given);
  options.given.tokens = prompt;
  options.given.token_count = 3;
  options.given.max_tokens = 4;
  options.given.ignore_eos = 1;
  options.given.sampling = &sampling.given;
  CHECK_OK(fathom_session_generate(session, &options.given, &result.given));
  CHECK(result.given.struct_size == sizeof(fathom_generate_result_t));
  CHECK(result.given.prompt_tokens == 3 && result.given.generated_tokens == 4);
  CHECK_GUARD(sampling);
  CHECK_GUARD(options);
  CHECK_GUARD(result);
}

static void prefill(fathom_session_t *session, uint32_t vocabulary) {
  static float logits[4096];
  const int32_t prompt[] = {3, 1, 4};
  fathom_sequence_t sequence = 0;
  GUARDED(fathom_prefill_outputs_t, outputs);
  fathom_prefill_outputs_initialize(&outputs.given);
  outputs.given.which = FATHOM_LOGITS_LAST;
  outputs.given.logits = logits;
  outputs.given.logits_capacity = vocabulary;
  CHECK_OK(fathom_session_create_sequence(session, &sequence));
  CHECK_OK(fathom_session_prefill(session, sequence, prompt, 3, &outputs.given));
  CHECK_GUARD(outputs);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s MODEL\n", argv[0]);
    return 2;
  }
  fathom_model_t *model = load(argv[1]);
  uint32_t vocabulary = describe(model);
  sample(model, vocabulary);
  fathom_session_t *session = create(model);
  generate(session);
  prefill(session, vocabulary);
  CHECK_OK(fathom_session_release(session));
  CHECK_OK(fathom_model_release(model));
  return failures;
}
