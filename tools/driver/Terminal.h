// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results on stdout, and one line on a terminal that says how far the work is.

#ifndef FATHOM_TOOLS_DRIVER_TERMINAL_H
#define FATHOM_TOOLS_DRIVER_TERMINAL_H

#include "runtime/cli/messages.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <unistd.h>

namespace fathom::driver {

/// Flushes stdout. Returns `code`, or 5 where that cannot be done, with a message unless the reader just went away.
inline int flushOutput(int code) {
  llvm::outs().flush();
  if (!llvm::outs().has_error()) {
    return code;
  }
  std::error_code error = llvm::outs().error();
  llvm::outs().clear_error();
  if (error.value() != EPIPE) {
    cli::printError("fathom", cli::kInputOutput, "cannot write to standard output: %s", error.message().c_str());
  }
  return cli::kInputOutput;
}

/// A line on stderr that is overwritten as work goes on, and wiped at the end. Nothing where stderr is not a terminal.
class ProgressLine {
public:
  explicit ProgressLine(bool wanted = true) : enabled(wanted && ::isatty(STDERR_FILENO) != 0 && !isDumb()) {}
  ProgressLine(const ProgressLine &) = delete;
  ProgressLine &operator=(const ProgressLine &) = delete;
  ~ProgressLine() {
    if (shown) {
      llvm::errs() << "\r\033[K";
    }
  }
  /// Bytes are shown where `total` is not 0, ten times a second at most.
  void show(llvm::StringRef step, uint64_t done, uint64_t total) {
    using Clock = std::chrono::steady_clock;
    Clock::time_point now = Clock::now();
    bool soon = done > 0 && done < total && now - last < std::chrono::milliseconds(100);
    if (!enabled || soon) {
      return;
    }
    last = now;
    shown = true;
    llvm::errs() << "\r\033[K" << step;
    if (total > 0) {
      bool large = total >= 1000000000;
      double unit = large ? 1e9 : 1e6;
      llvm::errs() << llvm::format("  %3u %%  %.1f / %.1f %s", unsigned(100.0 * double(done) / double(total)),
                                   double(done) / unit, double(total) / unit, large ? "GB" : "MB");
    }
  }

private:
  /// A terminal that cannot wipe a line.
  static bool isDumb() {
    const char *terminal = std::getenv("TERM");
    return terminal && llvm::StringRef(terminal) == "dumb";
  }

  bool enabled;
  bool shown = false;
  std::chrono::steady_clock::time_point last;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_TERMINAL_H
