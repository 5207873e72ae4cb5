// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What runs model code. The rest of the runtime knows devices by this header alone; each has a folder below.

#ifndef FATHOM_RUNTIME_DEVICE_DEVICE_H
#define FATHOM_RUNTIME_DEVICE_DEVICE_H

#include "runtime/src/artifact_reader.h"
#include "runtime/src/entry_points.h"

namespace fathom::runtime {

/// A kind of device. It is a table of functions, since virtual ones would need the C++ library; |code| and |executor|
/// are what the device made of an artifact and for a session.
struct Device {
  /// How the triples of its artifacts begin.
  const char *architecture;

  /// Refuses, before anything is mapped, what this machine cannot run (MISMATCH); then loads the code of a checked
  /// program. |metadata| outlives it.
  fathom_status_t (*load)(const Metadata &metadata, const ByteSource &source, void **code);
  void (*unload)(void *code);

  /// Makes what a session needs to run |code|: threads (0: as many as the process may use), scratch, an arena. |code|
  /// and |weights| outlive it.
  fathom_status_t (*start)(const void *code, const void *const *weights, uint32_t threads, void **executor);
  void (*stop)(void *executor);
  uint32_t (*threads)(const void *executor);

  /// From now on writes what runs when to |path|; IO if it cannot.
  fathom_status_t (*trace)(void *executor, const char *path);

  /// Runs an entry point.
  void (*run)(void *executor, const artifact::EntryPoint &entry, const fathom_call_t &call);
};

/// The code of a model, on the device it was compiled for. Immutable once loaded.
class DeviceCode {
public:
  DeviceCode() = default;
  DeviceCode(const DeviceCode &) = delete;
  DeviceCode &operator=(const DeviceCode &) = delete;
  ~DeviceCode();

  /// As Device::load; MISMATCH too if no device of this runtime runs such artifacts.
  fathom_status_t load(const Metadata &metadata, const ByteSource &source);

private:
  friend class Executor;

  const Device *device = nullptr;
  const artifact::Program *program = nullptr;
  void *code = nullptr;
};

/// Runs the code for one session. One call at a time.
class Executor {
public:
  Executor() = default;
  Executor(const Executor &) = delete;
  Executor &operator=(const Executor &) = delete;
  ~Executor();

  /// As Device::start.
  fathom_status_t start(const DeviceCode &code, const void *const *weights, uint32_t threads);

  uint32_t threads() const { return device->threads(executor); }

  /// As Device::trace.
  fathom_status_t trace(const char *path) { return device->trace(executor, path); }

  /// Runs the entry point that takes call.rows rows: the draft's where call.hidden is given. INTERNAL if there is none.
  fathom_status_t run(artifact::Form form, const fathom_call_t &call);

private:
  const Device *device = nullptr;
  const artifact::Program *program = nullptr;
  void *executor = nullptr;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_DEVICE_H
