// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Signal handlers: only what POSIX allows in them, and fathom_session_cancel.

#include "runtime/cli/signals.h"

#include "runtime/cli/messages.h"

#include <atomic>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

namespace fathom::cli {

static std::atomic<fathom_session_t *> watched{nullptr};
static std::atomic<int> received{0};

static void onStop(int signal) {
  int before = errno;
  if (received.exchange(signal) != 0) {
    _exit(128 + signal);
  }
  fathom_session_t *session = watched.load();
  if (session) {
    fathom_session_cancel(session);
  }
  errno = before;
}

static void onBus(int) {
  const char text[] = "fathom: error: a mapped file became shorter or could not be read [io]\n";
  ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
  (void)ignored;
  _exit(kInputOutput);
}

static void handle(int signal, void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

void watchSignals(fathom_session_t *session) {
  watched.store(session);
  handle(SIGINT, onStop);
  handle(SIGTERM, onStop);
  handle(SIGBUS, onBus);
  // Writing fails instead.
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

void unwatchSession() { watched.store(nullptr); }

bool forgetInterrupt() {
  int expected = SIGINT;
  return received.compare_exchange_strong(expected, 0);
}

int interruptedCode() {
  int signal = received.load();
  return signal ? 128 + signal : 0;
}

fathom_status_t checkInterrupted() { return received.load() ? FATHOM_STATUS_CANCELLED : FATHOM_STATUS_OK; }

} // namespace fathom::cli
