// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// draft MODEL PROMPT: what the model itself guesses is verified several tokens a step. MODEL has a draft.

#include <fathom/fathom.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kDrafts = 2, kMostPrompt = 1024, kMostTokens = 40 };

typedef struct {
  fathom_model_t *model;
  fathom_session_t *session;
  fathom_sampler_t *sampler;
  fathom_sequence_t sequence;
  fathom_model_info_t info;
  /// [kDrafts + 1, vocabulary]
  float *logits;
  /// What was said; a step may say a few tokens more than are wanted.
  int32_t tokens[kMostTokens + kDrafts + 1];
  size_t count;
} speaker_t;

// docs: step
/// From the last token, which is not part of the sequence yet, to as many new ones as were guessed, and one.
static fathom_status_t step(speaker_t *speaker) {
  int32_t tokens[kDrafts + 1] = {speaker->tokens[speaker->count - 1]};
  uint32_t drafts = kDrafts, length = 0, right = 0;
  fathom_status_t status = fathom_session_draft(speaker->session, &speaker->sequence, tokens, 1, tokens + 1, &drafts);
  uint32_t rows = drafts + 1;
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_verify(speaker->session, &speaker->sequence, &rows, tokens, 1, speaker->logits,
                                   rows * (size_t)speaker->info.vocabulary);
  }
  for (uint32_t row = 0; status == FATHOM_STATUS_OK; ++row) {
    int32_t *next = &speaker->tokens[speaker->count];
    status = fathom_sampler_sample(speaker->sampler, speaker->logits + row * (size_t)speaker->info.vocabulary, next);
    speaker->count += status == FATHOM_STATUS_OK;
    if (row == drafts || *next != tokens[row + 1]) {
      break;
    }
    right += 1;
  }
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_sequence_length(speaker->session, speaker->sequence, &length);
  }
  return status != FATHOM_STATUS_OK
             ? status
             : fathom_session_rewind_sequence(speaker->session, speaker->sequence, length - (drafts - right));
}
// docs: end

/// Reads the prompt and draws the first token.
static fathom_status_t begin(speaker_t *speaker, const char *prompt) {
  int32_t tokens[kMostPrompt];
  size_t count = 0;
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = speaker->logits;
  outputs.logits_capacity = speaker->info.vocabulary;
  fathom_status_t status =
      fathom_model_encode(speaker->model, prompt, strlen(prompt), FATHOM_ENCODE_ADD_BOS, tokens, kMostPrompt, &count);
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_create_sequence(speaker->session, &speaker->sequence);
  }
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_prefill(speaker->session, speaker->sequence, tokens, count, &outputs);
  }
  if (status == FATHOM_STATUS_OK) {
    status = fathom_sampler_sample(speaker->sampler, speaker->logits, &speaker->tokens[0]);
    speaker->count = 1;
  }
  return status;
}

static fathom_status_t print(const speaker_t *speaker) {
  char text[kMostTokens * 64];
  size_t length = 0, count = speaker->count < kMostTokens ? speaker->count : kMostTokens;
  fathom_status_t status = fathom_model_decode(speaker->model, speaker->tokens, count, 0, text, sizeof(text), &length);
  if (status == FATHOM_STATUS_OK) {
    printf("%.*s\n", (int)length, text);
  }
  return status;
}

static fathom_status_t open(speaker_t *speaker, const char *path) {
  fathom_session_options_t options;
  fathom_session_options_initialize(&options);
  options.draft = kDrafts;
  fathom_model_info_initialize(&speaker->info);
  fathom_status_t status = fathom_model_load_file(path, NULL, &speaker->model);
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_create(speaker->model, &options, &speaker->session);
  }
  if (status == FATHOM_STATUS_OK) {
    status = fathom_model_info(speaker->model, &speaker->info);
  }
  if (status == FATHOM_STATUS_OK) {
    status = fathom_sampler_create(speaker->info.vocabulary, NULL, &speaker->sampler);
  }
  speaker->logits = calloc((kDrafts + 1) * (size_t)speaker->info.vocabulary, sizeof(float));
  return status == FATHOM_STATUS_OK && !speaker->logits ? FATHOM_STATUS_OUT_OF_RESOURCES : status;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL PROMPT\n", argv[0]);
    return 2;
  }
  speaker_t speaker = {0};
  fathom_status_t status = open(&speaker, argv[1]);
  if (status == FATHOM_STATUS_OK) {
    status = begin(&speaker, argv[2]);
  }
  while (status == FATHOM_STATUS_OK && speaker.count < kMostTokens) {
    status = step(&speaker);
  }
  if (status == FATHOM_STATUS_OK) {
    status = print(&speaker);
  }
  if (status != FATHOM_STATUS_OK) {
    fprintf(stderr, "%s: %s\n", argv[0], fathom_status_message());
  }
  if (speaker.sampler) {
    fathom_sampler_release(speaker.sampler);
  }
  if (speaker.session) {
    fathom_session_release(speaker.session);
  }
  if (speaker.model) {
    fathom_model_release(speaker.model);
  }
  free(speaker.logits);
  return fathom_status_exit_code(status);
}
