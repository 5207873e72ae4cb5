// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Work in a process of its own.

#include "tools/driver/Isolate.h"

#include "dialects/support/TemporaryRegistry.h"
#include "runtime/cli/messages.h"
#include "tools/driver/FatalErrors.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <pthread.h>
#include <set>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fathom::driver {

static constexpr int kForwardedSignals[] = {SIGINT, SIGTERM, SIGHUP};
/// What LLVM and MLIR are used to; less may be all that `ulimit -s` leaves.
static constexpr size_t kStackBytes = size_t(8) << 20;

static std::atomic<pid_t> child{0};
static std::atomic<int> received{0};

static void onSignal(int number) {
  int savedErrno = errno;
  // The second one is for a child that does not end by the first.
  bool first = received.exchange(number) == 0;
  if (pid_t target = child.load()) {
    kill(target, first ? number : SIGKILL);
  }
  errno = savedErrno;
}

namespace {
/// Handlers that pass signals on, in place as long as it lives. Signals stay blocked until unblock().
class Forwarding {
public:
  Forwarding() {
    sigset_t blocked;
    sigemptyset(&blocked);
    for (int number : kForwardedSignals) {
      sigaddset(&blocked, number);
    }
    sigprocmask(SIG_BLOCK, &blocked, &oldMask);
  }
  void install() {
    for (size_t i = 0; i < std::size(kForwardedSignals); ++i) {
      sigaction(kForwardedSignals[i], nullptr, &old[i]);
      struct sigaction action = {};
      action.sa_handler = onSignal;
      if (old[i].sa_handler != SIG_IGN) {
        sigaction(kForwardedSignals[i], &action, nullptr);
      }
    }
    installed = true;
  }
  void unblock() const { sigprocmask(SIG_SETMASK, &oldMask, nullptr); }
  ~Forwarding() {
    for (size_t i = 0; installed && i < std::size(kForwardedSignals); ++i) {
      sigaction(kForwardedSignals[i], &old[i], nullptr);
    }
    unblock();
  }

private:
  sigset_t oldMask;
  struct sigaction old[std::size(kForwardedSignals)] = {};
  bool installed = false;
};

struct StackedCall {
  llvm::function_ref<int()> work;
  int code = cli::kInternal;
};
} // namespace

static void *callWork(void *argument) {
  StackedCall &call = *static_cast<StackedCall *>(argument);
  call.code = call.work();
  return nullptr;
}

/// Calls `work`, on a thread with a stack of its own where the limit is a small one.
static int callWithStack(llvm::function_ref<int()> work) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kStackBytes) {
    return work();
  }
  StackedCall call{work};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  // Threads that MLIR starts get as much.
  pthread_setattr_default_np(&attributes);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, callWork, &call) != 0) {
    return cli::printError("fathom", cli::kResources, "not enough memory for a stack of %zu MiB", kStackBytes >> 20);
  }
  pthread_join(thread, nullptr);
  return call.code;
}

[[noreturn]] static void runChild(pid_t parent, const Forwarding &forwarding, llvm::function_ref<int()> work) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) {
    _exit(cli::kInternal);
  }
  forwarding.unblock();
  int code = callWithStack(work);
  markReported();
  _exit(code);
}

static int awaitChild(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) {
      return -1;
    }
  }
  return status;
}

/// Processes whose parent this one is.
static std::set<pid_t> readChildren() {
  std::ifstream file("/proc/self/task/" + std::to_string(getpid()) + "/children");
  return {std::istream_iterator<pid_t>(file), std::istream_iterator<pid_t>()};
}

/// Ends what the child had started and has left behind, and what that had: as their subreaper this process is their
/// parent now. Those of |before| it leaves alone.
static void endOrphans(const std::set<pid_t> &before) {
  for (bool found = true; found;) {
    found = false;
    for (pid_t orphan : readChildren()) {
      if (before.count(orphan) == 0) {
        kill(orphan, SIGKILL);
        awaitChild(orphan);
        found = true;
      }
    }
  }
}

static void clearProgressLine() {
  if (isatty(STDERR_FILENO)) {
    ssize_t ignored = write(STDERR_FILENO, "\r\033[K", 4);
    (void)ignored;
  }
}

static int explainSignal(int number) {
  if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
    return 128 + number;
  }
  if (number == SIGKILL) {
    return cli::printError("fathom", cli::kResources,
                           "the compiler was killed at step '%s', most likely because it ran out of memory or time; "
                           "the output is unchanged",
                           getStep());
  }
  if (number == SIGXCPU) {
    return cli::printError("fathom", cli::kResources,
                           "the limit on processor time (ulimit -t) was reached at step '%s'; the output is unchanged",
                           getStep());
  }
  cli::printError("fathom", cli::kInternal, "the compiler crashed (%s) at step '%s'; the output is unchanged",
                  strsignal(number), getStep());
  cli::printNote("fathom", "this is a bug in Fathom; please report it with the command and its input");
  return cli::kInternal;
}

static int explain(int status) {
  if (WIFEXITED(status) && isReported()) {
    return WEXITSTATUS(status);
  }
  clearProgressLine();
  if (received.load() != 0) {
    return 128 + received.load();
  }
  if (WIFSIGNALED(status)) {
    return explainSignal(WTERMSIG(status));
  }
  return cli::printError("fathom", cli::kInternal, "the compiler ended early at step '%s'", getStep());
}

int runIsolated(llvm::function_ref<int()> work) {
  if (!shareTemporaries() || !shareProgress()) {
    return cli::printError("fathom", cli::kResources, "out of memory");
  }
  Forwarding forwarding;
  const std::set<pid_t> before = readChildren();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  received = 0;
  pid_t self = getpid();
  pid_t process = fork();
  if (process < 0) {
    return cli::printError("fathom", cli::kResources, "cannot start a process: %s", strerror(errno));
  }
  if (process == 0) {
    runChild(self, forwarding, work);
  }
  child = process;
  forwarding.install();
  forwarding.unblock();
  int status = awaitChild(process);
  child = 0;
  endOrphans(before); // as long as what orphans leave behind comes here, too
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  removeTemporariesOfChild();
  int code = explain(status);
  return received.load() != 0 ? 128 + received.load() : code;
}

} // namespace fathom::driver
