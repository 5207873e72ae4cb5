// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// device MODEL PROMPT [DEVICE]: answers on a device, "cpu", "cuda" or "cuda:1", and says on which it did. Without the
// last argument it takes the first that the artifact has a program for and the machine has.

#include <fathom/fathom.h>

#include <stdio.h>
#include <string.h>

// docs: load
/// Called while weights go to a GPU's memory; FATHOM_STOP gives up.
static fathom_flow_t show_loading(void *user, uint64_t done, uint64_t total) {
  (void)user;
  if (done == total) {
    fprintf(stderr, "%.1f MB of weights are there\n", (double)total / 1e6);
  }
  return FATHOM_CONTINUE;
}

static fathom_status_t load(const char *path, const char *device, fathom_model_t **model) {
  fathom_model_options_t options;
  fathom_model_options_initialize(&options);
  options.device = device; // NULL: whichever suits
  options.on_load = show_loading;
  return fathom_model_load_file(path, &options, model);
}
// docs: end

static fathom_flow_t print_piece(void *user, int32_t token, const char *piece, size_t length) {
  (void)user;
  (void)token;
  return fwrite(piece, 1, length, stdout) == length ? FATHOM_CONTINUE : FATHOM_STOP;
}

/// Likeliest tokens: of these a GPU sends one number a step, where sampling takes all logits.
static fathom_status_t answer(fathom_model_t *model, const char *prompt) {
  fathom_session_t *session = NULL;
  fathom_status_t status = fathom_session_create(model, NULL, &session);
  if (status == FATHOM_STATUS_OK) {
    fathom_generate_options_t options;
    fathom_generate_options_initialize(&options);
    options.prompt = prompt;
    options.prompt_length = strlen(prompt);
    options.max_tokens = 8;
    options.on_token = print_piece;
    status = fathom_session_generate(session, &options, NULL);
    fathom_session_release(session);
  }
  return status;
}

static fathom_status_t run(const char *path, const char *prompt, const char *device) {
  fathom_model_t *model = NULL;
  fathom_status_t status = load(path, device, &model);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  fathom_model_info_t info;
  fathom_model_info_initialize(&info);
  status = fathom_model_info(model, &info);
  if (status == FATHOM_STATUS_OK) {
    printf("%s:", info.device);
    status = answer(model, prompt);
    printf("\n");
  }
  fathom_model_release(model);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s MODEL PROMPT [DEVICE]\n", argv[0]);
    return 2;
  }
  fathom_status_t status = run(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
  if (status != FATHOM_STATUS_OK) {
    fprintf(stderr, "%s: %s\n", argv[0], fathom_status_message());
  }
  return fathom_status_exit_code(status);
}
