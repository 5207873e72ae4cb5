// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who ran which command when, as Perfetto and chrome://tracing read it: a row for each thread, a box for each command.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_COMMAND_TRACE_H
#define FATHOM_RUNTIME_DEVICE_CPU_COMMAND_TRACE_H

#include "runtime/src/buffer.h"
#include "runtime/src/clock.h"
#include "runtime/src/status.h"

#include <stdio.h>

namespace fathom::runtime {

/// What one thread ran of a command, or a whole call.
struct TraceBox {
  const char *name;
  uint64_t begin, end;
  int64_t layer, items;
  int thread;
};

/// Collects boxes while a call runs, and writes them when it has ended.
class CommandTrace {
public:
  CommandTrace() = default;
  CommandTrace(const CommandTrace &) = delete;
  CommandTrace &operator=(const CommandTrace &) = delete;
  ~CommandTrace();

  /// IO if |path| cannot be written. Calls are of at most |mostLaunches|, by |walkers|.
  fathom_status_t open(const char *path, uint32_t mostLaunches, uint32_t walkers);
  bool isOpen() const { return file != nullptr; }

  /// Of |walker|, for the box of each launch: one without items is empty.
  TraceBox *boxes(int64_t walker) { return all.data() + static_cast<size_t>(walker) * launches; }

  /// Writes the box of a call, and all that walkers have filled, which are empty then.
  void endCall(const TraceBox &call);

  static int currentThread();

private:
  void write(const TraceBox &box);

  FILE *file = nullptr;
  bool isFirst = true;
  uint64_t start = 0;
  size_t launches = 0;
  Buffer<TraceBox> all;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_COMMAND_TRACE_H
