// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// threads MODEL PROMPT...: one model, a thread and a session for each prompt.

#include <fathom/fathom.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { kMostThreads = 16, kTextBytes = 1024 };

// docs: worker
typedef struct {
  fathom_model_t *model;
  const char *prompt;
  char text[kTextBytes];
  size_t length;
  fathom_status_t status;
  char message[256];
} worker_t;

static fathom_flow_t keep_piece(void *user, int32_t token, const char *piece, size_t length) {
  worker_t *worker = user;
  (void)token;
  if (length > kTextBytes - worker->length) {
    return FATHOM_STOP;
  }
  memcpy(worker->text + worker->length, piece, length);
  worker->length += length;
  return FATHOM_CONTINUE;
}

/// A session belongs to this thread alone; the model is everybody's.
static void *work(void *argument) {
  worker_t *worker = argument;
  fathom_session_t *session = NULL;
  fathom_session_options_t options;
  fathom_session_options_initialize(&options);
  options.threads = 1;
  worker->status = fathom_session_create(worker->model, &options, &session);
  if (worker->status == FATHOM_STATUS_OK) {
    fathom_generate_options_t request;
    fathom_generate_options_initialize(&request);
    request.prompt = worker->prompt;
    request.prompt_length = strlen(worker->prompt);
    request.max_tokens = 24;
    request.on_token = keep_piece;
    request.user = worker;
    worker->status = fathom_session_generate(session, &request, NULL);
    fathom_session_release(session);
  }
  // Messages are kept per thread: take this one along before the thread ends.
  snprintf(worker->message, sizeof(worker->message), "%s", fathom_status_message());
  return NULL;
}
// docs: end

int main(int argc, char **argv) {
  static worker_t workers[kMostThreads];
  pthread_t threads[kMostThreads];
  if (argc < 3 || argc - 2 > kMostThreads) {
    fprintf(stderr, "usage: %s MODEL PROMPT... (up to %d)\n", argv[0], kMostThreads);
    return 2;
  }
  fathom_model_t *model = NULL;
  fathom_status_t status = fathom_model_load_file(argv[1], NULL, &model);
  if (status != FATHOM_STATUS_OK) {
    fprintf(stderr, "%s: %s\n", argv[0], fathom_status_message());
    return fathom_status_exit_code(status);
  }
  int started = 0;
  for (; started < argc - 2; ++started) {
    workers[started].model = model;
    workers[started].prompt = argv[started + 2];
    if (pthread_create(&threads[started], NULL, work, &workers[started]) != 0) {
      status = FATHOM_STATUS_OUT_OF_RESOURCES;
      break;
    }
  }
  for (int i = 0; i < started; ++i) {
    pthread_join(threads[i], NULL);
    printf("%s%.*s\n", workers[i].prompt, (int)workers[i].length, workers[i].text);
    if (workers[i].status != FATHOM_STATUS_OK) {
      fprintf(stderr, "%s: %s\n", argv[0], workers[i].message);
      status = workers[i].status;
    }
  }
  fathom_model_release(model);
  return fathom_status_exit_code(status);
}
