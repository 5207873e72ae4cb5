// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// embed MODEL PROMPT: prints the first two sentences of the model's answer.

#include <fathom/fathom.h>

#include <stdio.h>
#include <string.h>

// docs: callback
typedef struct {
  int sentences;
} reader_t;

/// Called for each token; the answer ends where this returns FATHOM_STOP.
static fathom_flow_t print_piece(void *user, int32_t token, const char *piece, size_t length) {
  reader_t *reader = user;
  (void)token;
  if (fwrite(piece, 1, length, stdout) != length || fflush(stdout) != 0) {
    return FATHOM_STOP;
  }
  reader->sentences += memchr(piece, '.', length) != NULL;
  return reader->sentences < 2 ? FATHOM_CONTINUE : FATHOM_STOP;
}
// docs: end

// docs: answer
static fathom_status_t answer(const char *path, const char *prompt) {
  fathom_model_t *model = NULL;
  fathom_session_t *session = NULL;
  fathom_status_t status = fathom_model_load_file(path, NULL, &model);
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_create(model, NULL, &session);
  }
  if (status == FATHOM_STATUS_OK) {
    reader_t reader = {0};
    fathom_generate_options_t options;
    fathom_generate_options_initialize(&options);
    options.prompt = prompt;
    options.prompt_length = strlen(prompt);
    options.max_tokens = 64;
    options.on_token = print_piece;
    options.user = &reader;
    status = fathom_session_generate(session, &options, NULL);
    printf("\n");
  }
  if (session) {
    fathom_session_release(session);
  }
  if (model) {
    fathom_model_release(model);
  }
  return status;
}
// docs: end

// docs: main
int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL PROMPT\n", argv[0]);
    return 2;
  }
  fathom_status_t status = answer(argv[1], argv[2]);
  if (status != FATHOM_STATUS_OK) {
    fprintf(stderr, "%s: %s\n", argv[0], fathom_status_message());
  }
  return fathom_status_exit_code(status);
}
// docs: end
