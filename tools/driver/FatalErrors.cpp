// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Handlers for LLVM's fatal errors and for a lack of memory.

#include "tools/driver/FatalErrors.h"

#include "dialects/support/TemporaryRegistry.h"
#include "runtime/cli/messages.h"

#include "llvm/Support/ErrorHandling.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace fathom::driver {

namespace {
struct Progress {
  std::atomic<bool> reported{false};
  char step[64] = "start";
};
} // namespace

static Progress ownProgress;
static Progress *progress = &ownProgress;

[[noreturn]] static void leave(int code) {
  removeTemporaries();
  markReported();
  _exit(code);
}

/// Runs when memory is gone: nothing here may allocate.
[[noreturn]] static void onNoMemory() {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    cli::printError("fathom", cli::kResources,
                    "out of memory at step '%s': this process is limited to %llu MiB (ulimit -v); raise the limit",
                    getStep(), static_cast<unsigned long long>(limit.rlim_cur >> 20));
  } else {
    cli::printError("fathom", cli::kResources, "out of memory at step '%s'", getStep());
  }
  leave(cli::kResources);
}

static void onBadAlloc(void *, const char *, bool) { onNoMemory(); }

static int classify(llvm::StringRef reason) {
  if (reason.starts_with("IO failure")) {
    return cli::kInputOutput;
  }
  bool resources = reason.contains("pthread_create") || reason.contains_insensitive("out of memory") ||
                   reason.contains(strerror(ENOMEM)) || reason.contains(strerror(EAGAIN)) ||
                   reason.contains(strerror(EMFILE)) || reason.contains(strerror(ENFILE));
  return resources ? cli::kResources : cli::kInternal;
}

static void onFatalError(void *, const char *reason, bool) {
  int code = classify(reason);
  cli::printError("fathom", code, "LLVM failed at step '%s': %s", getStep(), reason);
  if (code == cli::kInternal) {
    cli::printNote("fathom", "this is a bug in Fathom; please report it with the command and its input");
  }
  leave(code);
}

void installFatalErrorHandlers() {
  llvm::install_fatal_error_handler(onFatalError);
  llvm::install_bad_alloc_error_handler(onBadAlloc);
  std::set_new_handler(onNoMemory);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void setStep(llvm::StringRef step) {
  size_t length = std::min(step.size(), sizeof(progress->step) - 1);
  std::memcpy(progress->step, step.data(), length);
  progress->step[length] = '\0';
}

const char *getStep() { return progress->step; }

bool shareProgress() {
  if (progress == &ownProgress) {
    void *memory = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return false;
    }
    progress = new (memory) Progress;
  }
  progress->reported = false;
  return true;
}

void markReported() { progress->reported = true; }

bool isReported() { return progress->reported; }

} // namespace fathom::driver
