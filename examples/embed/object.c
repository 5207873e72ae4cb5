// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// object PROMPT: a program that holds its model, which `fathom compile --emit=obj -o story.o` made.

#include <fathom/fathom.h>

#include <stdio.h>
#include <string.h>

#include "story.h"

static fathom_flow_t print_piece(void *user, int32_t token, const char *piece, size_t length) {
  (void)user, (void)token;
  return fwrite(piece, 1, length, stdout) == length ? FATHOM_CONTINUE : FATHOM_STOP;
}

static fathom_status_t answer(fathom_model_t *model, const char *prompt) {
  fathom_session_t *session = NULL;
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  options.prompt = prompt;
  options.prompt_length = strlen(prompt);
  options.max_tokens = 32;
  options.on_token = print_piece;
  fathom_status_t status = fathom_session_create(model, NULL, &session);
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_generate(session, &options, NULL);
    printf("\n");
    fathom_session_release(session);
  }
  return status;
}

// docs: load
int main(int argc, char **argv) {
  fathom_model_t *model = NULL;
  fathom_status_t status = fathom_model_load_memory(fathom_model_story, fathom_model_story_size, NULL, &model);
  if (status == FATHOM_STATUS_OK) {
    status = answer(model, argc > 1 ? argv[1] : "Once upon a time");
    fathom_model_release(model);
  }
  if (status != FATHOM_STATUS_OK) {
    fprintf(stderr, "%s: %s\n", argv[0], fathom_status_message());
  }
  return fathom_status_exit_code(status);
}
// docs: end
