// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An application that uses an installed Fathom: embed MODEL PROMPT prints the model's answer.

#include <fathom/fathom.h>

#include <stdio.h>
#include <string.h>

static fathom_flow_t print_piece(void *user, int32_t token, const char *piece, size_t length) {
  (void)user, (void)token;
  fwrite(piece, 1, length, stdout);
  fflush(stdout);
  return FATHOM_CONTINUE;
}

static fathom_status_t answer(const char *path, const char *prompt) {
  fathom_model_t *model = NULL;
  fathom_session_t *session = NULL;
  fathom_status_t status = fathom_model_load_file(path, NULL, &model);
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_create(model, NULL, &session);
  }
  if (status == FATHOM_STATUS_OK) {
    fathom_generate_options_t options;
    fathom_generate_options_initialize(&options);
    options.prompt = prompt;
    options.prompt_length = strlen(prompt);
    options.max_tokens = 64;
    options.on_token = print_piece;
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

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL PROMPT\n", argv[0]);
    return 2;
  }
  fathom_status_t status = answer(argv[1], argv[2]);
  if (status != FATHOM_STATUS_OK) {
    fprintf(stderr, "%s: %s\n", argv[1], fathom_status_message());
  }
  return fathom_status_exit_code(status);
}
