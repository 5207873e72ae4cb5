// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A C11 program that drives the runtime through its header alone: embed MODEL. Prints one line for each thing that
// is not as it should be and returns how many there were.

#include "fathom/fathom.h"
#include "test/capi/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  size_t tokens;
  int32_t last;
} count_t;

static fathom_flow_t count_tokens(void *user, int32_t token, const char *piece, size_t length) {
  count_t *count = (count_t *)user;
  (void)piece, (void)length;
  if (token >= 0) {
    count->tokens += 1;
    count->last = token;
  }
  return FATHOM_CONTINUE;
}

/// Not a value of the enum: it stops, as everything but FATHOM_CONTINUE does.
static fathom_flow_t answer_otherwise(void *user, int32_t token, const char *piece, size_t length) {
  (void)user, (void)token, (void)piece, (void)length;
  return (fathom_flow_t)2;
}

static int32_t argmax(const float *logits, uint32_t count) {
  uint32_t largest = 0;
  for (uint32_t i = 1; i < count; ++i) {
    largest = logits[i] > logits[largest] ? i : largest;
  }
  return (int32_t)largest;
}

/// Greedy generation, and the same by prefill and decode, must say the same.
static void compare_levels(fathom_model_t *model, fathom_session_t *session) {
  fathom_model_info_t info;
  fathom_model_info_initialize(&info);
  CHECK_OK(fathom_model_info(model, &info));

  const int32_t prompt[] = {3, 1, 4, 1, 5};
  count_t count = {0, -1};
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  options.tokens = prompt;
  options.token_count = 5;
  options.max_tokens = 7;
  options.ignore_eos = 1;
  options.on_token = count_tokens;
  options.user = &count;
  CHECK_OK(fathom_session_generate(session, &options, NULL));
  CHECK(count.tokens == 7);
  fathom_generate_result_t result;
  fathom_generate_result_initialize(&result);
  options.on_token = answer_otherwise;
  CHECK_OK(fathom_session_generate(session, &options, &result));
  CHECK(result.stop == FATHOM_STOPPED_BY_CALLBACK && result.generated_tokens == 1);

  float *logits = malloc(info.vocabulary * sizeof(float));
  fathom_sequence_t sequence = 0;
  CHECK_OK(fathom_session_create_sequence(session, &sequence));
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = logits;
  outputs.logits_capacity = info.vocabulary;
  CHECK_OK(fathom_session_prefill(session, sequence, prompt, 5, &outputs));
  int32_t token = argmax(logits, info.vocabulary);
  for (int i = 1; i < 7; ++i) {
    CHECK_OK(fathom_session_decode(session, &sequence, &token, 1, logits, info.vocabulary));
    token = argmax(logits, info.vocabulary);
  }
  CHECK(token == count.last);
  CHECK_OK(fathom_session_destroy_sequence(session, sequence));
  free(logits);
}

static fathom_status_t render(fathom_model_t *model, const char *json, char *text, size_t capacity, size_t *size) {
  return fathom_model_render_chat(model, json, strlen(json), text, capacity, size);
}

/// Conversations as JSON: the prompt, its tokens, what the template reads, and what is not a conversation.
static void render_conversations(fathom_model_t *model) {
  const char *json = "[{\"role\": \"user\", \"content\": \"<U>\"}]";
  char text[32];
  int32_t tokens[32];
  size_t size = 0;
  uint32_t uses = 0;
  CHECK_OK(render(model, json, text, sizeof(text), &size));
  CHECK(size == 12 && memcmp(text, "<b><U><U><A>", 12) == 0);
  CHECK(render(model, json, NULL, 0, &size) == FATHOM_STATUS_TOO_SMALL && size == 12);
  CHECK_OK(fathom_model_encode_chat_json(model, json, strlen(json), 0, tokens, 32, &size));
  CHECK(size == 6);
  CHECK(render(model, "[{", text, sizeof(text), &size) == FATHOM_STATUS_BAD_DATA);
  CHECK(strstr(fathom_status_message(), "column") != NULL);
  CHECK(render(model, "[1]", text, sizeof(text), &size) == FATHOM_STATUS_BAD_DATA);
  CHECK(render(model, "{\"messages\": 1}", text, sizeof(text), &size) == FATHOM_STATUS_BAD_DATA);
  CHECK(render(model, json, NULL, 1, &size) == FATHOM_STATUS_INVALID_ARGUMENT);
  CHECK(fathom_model_render_chat(model, NULL, 0, text, sizeof(text), &size) == FATHOM_STATUS_INVALID_ARGUMENT);
  CHECK_OK(fathom_model_chat_uses(model, "add_generation_prompt", &uses));
  CHECK(uses == FATHOM_CHAT_VARIABLE);
  CHECK_OK(fathom_model_chat_uses(model, "content", &uses));
  CHECK(uses == FATHOM_CHAT_FIELD);
  CHECK_OK(fathom_model_chat_uses(model, "enable_thinking", &uses));
  CHECK(uses == 0);
  CHECK(fathom_model_chat_uses(model, NULL, &uses) == FATHOM_STATUS_INVALID_ARGUMENT);
  CHECK(fathom_model_chat_uses(model, "content", NULL) == FATHOM_STATUS_INVALID_ARGUMENT);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s MODEL\n", argv[0]);
    return 2;
  }
  CHECK(fathom_api_version() == FATHOM_API_VERSION);
  fathom_model_t *model = NULL;
  fathom_session_t *session = NULL;
  CHECK(fathom_model_load_file("/nonexistent", NULL, &model) == FATHOM_STATUS_IO);
  CHECK(strstr(fathom_status_message(), "/nonexistent") != NULL);
  CHECK_OK(fathom_model_load_file(argv[1], NULL, &model));
  CHECK_OK(fathom_session_create(model, NULL, &session));
  if (failures == 0) {
    compare_levels(model, session);
    render_conversations(model);
  }
  CHECK_OK(fathom_session_release(session));
  CHECK(fathom_session_release(session) == FATHOM_STATUS_INVALID_HANDLE);
  CHECK_OK(fathom_model_release(model));
  return failures;
}
