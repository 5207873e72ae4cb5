// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who ran which command when, as Perfetto and chrome://tracing read it: a row for each thread, or for a GPU, a box for
// each command.

#ifndef FATHOM_RUNTIME_DEVICE_COMMAND_TRACE_H
#define FATHOM_RUNTIME_DEVICE_COMMAND_TRACE_H

#include "runtime/src/buffer.h"
#include "runtime/src/clock.h"
#include "runtime/src/status.h"

namespace fathom::runtime {

/// TraceBox::thread of what a GPU runs.
constexpr int kTracedGpu = 1;

/// What one thread ran of a command, or a GPU of all its rows, which are its items; or a whole call.
struct TraceBox {
  const char *name;
  uint64_t begin, end;
  int64_t layer, items;
  int thread;
};

/// Collects boxes while a call runs, and writes them when it has ended: after each call the file is whole.
class CommandTrace {
public:
  CommandTrace() = default;
  CommandTrace(const CommandTrace &) = delete;
  CommandTrace &operator=(const CommandTrace &) = delete;
  ~CommandTrace();

  /// INVALID_ARGUMENT or IO if there is something else at |path|, or it cannot be written. The first call replaces what
  /// is there. Calls are of at most |mostLaunches|, by |walkers|.
  fathom_status_t open(const char *path, uint32_t mostLaunches, uint32_t walkers);
  /// Until it fails.
  bool isOpen() const { return goesOn; }

  /// Of |walker|, for the box of each launch: one without items is empty.
  TraceBox *boxes(int64_t walker) { return all.data() + static_cast<size_t>(walker) * launches; }

  /// Writes the box of a call, and all that walkers have filled, which are empty then. Where that fails the trace ends
  /// with the call before.
  void endCall(const TraceBox &call);

  /// Says once that endCall has failed.
  fathom_status_t takeFailure();

  static int currentThread();

private:
  bool startEvent();
  bool nameThread(int thread);
  bool print(const TraceBox &box);
  bool printAll(const TraceBox &call);
  int begin();
  int append();

  bool goesOn = false;
  /// From the first call on.
  int fd = -1;
  /// An error number.
  int failure = 0;
  uint64_t start = 0;
  /// Bytes of the file, its end not counted.
  int64_t size = 0;
  size_t launches = 0;
  Buffer<TraceBox> all;
  /// Those that have a name, the first caller's in front.
  Buffer<int> threads;
  /// Of one call; kept, since the next one has as much.
  Buffer<char> text;
  Buffer<char> name;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_COMMAND_TRACE_H
