// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C API in its shortest form: hello_terse MODEL PROMPT. hello_explained.c says what each call does.

#include "fathom/fathom.h"

#include <stdio.h>
#include <string.h>

static fathom_flow_t print_piece(void *user, int32_t token, const char *piece, size_t length) {
  (void)user, (void)token;
  return fwrite(piece, 1, length, stdout) == length && fflush(stdout) == 0 ? FATHOM_CONTINUE : FATHOM_STOP;
}

int main(int argc, char **argv) {
  fathom_model_t *model = NULL;
  fathom_session_t *session = NULL;
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  options.prompt = argc > 2 ? argv[2] : "Once upon a time";
  options.prompt_length = strlen(options.prompt);
  options.on_token = print_piece;

  fathom_status_t status = fathom_model_load_file(argc > 1 ? argv[1] : "model.fathom", NULL, &model);
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_create(model, NULL, &session);
  }
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_generate(session, &options, NULL);
  }
  if (status != FATHOM_STATUS_OK) {
    fprintf(stderr, "%s\n", fathom_status_message());
  }
  if (session) {
    fathom_session_release(session);
  }
  if (model) {
    fathom_model_release(model);
  }
  return fathom_status_exit_code(status);
}
