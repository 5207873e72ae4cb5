// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What this machine can do at best: how fast it reads memory, how many multiply-adds it does. `fathom bench` compares
// a model with it in the same run, since both change with whoever else uses the machine.

#ifndef FATHOM_TOOLS_DRIVER_MACHINESPEED_H
#define FATHOM_TOOLS_DRIVER_MACHINESPEED_H

#include <cstddef>
#include <cstdint>

namespace fathom::driver {

/// A buffer that is larger than caches, read by some threads.
class ReadBandwidth {
public:
  /// Takes `bytes` of memory and touches all of it.
  ReadBandwidth(uint32_t threads, size_t bytes);
  ReadBandwidth(const ReadBandwidth &) = delete;
  ReadBandwidth &operator=(const ReadBandwidth &) = delete;
  ~ReadBandwidth();

  /// Whether there was memory.
  bool isUsable() const { return buffer != nullptr; }

  /// Bytes a second of one pass over the buffer, the faster of one and of four streams a thread.
  double measure();

private:
  double measureStreams(unsigned streams);

  uint32_t threads;
  size_t bytes;
  char *buffer = nullptr;
};

/// f32 operations a second (a multiply-add is two) of `threads` threads that do nothing else, with the widest vectors
/// this processor has.
double measureFmaPeak(uint32_t threads);

/// Seconds on the monotonic clock.
double now();

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_MACHINESPEED_H
