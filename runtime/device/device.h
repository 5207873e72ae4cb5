// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What runs model code, and the memory it runs on. The rest of the runtime knows devices by this header alone; each has
// a folder below, and a place in the list of device_list.cpp.

#ifndef FATHOM_RUNTIME_DEVICE_DEVICE_H
#define FATHOM_RUNTIME_DEVICE_DEVICE_H

#include "runtime/src/artifact_reader.h"
#include "runtime/src/entry_points.h"

#include "fathom/function_abi.h"

#include <atomic>

namespace fathom::runtime {

/// Where something is in a device's memory: a number that only the device makes sense of. It need not be an address of
/// the host, but what follows a byte has the next number. 0 is nowhere.
using DeviceAddress = uint64_t;

/// What sequences keep, in a device's memory.
struct CacheMemory {
  /// As in fathom_cache_t.
  DeviceAddress pages;
  uint64_t pageBytes;
  /// i32 [page tables, tableEntries]: the pages of a sequence. A call says which table each of its rows has.
  DeviceAddress tables;
  uint64_t tableEntries;
};

/// A call of a named function, with what the device runs its nests on.
struct FunctionCall : fathom_function_call_t {
  void *runner;
};

/// A kind of device. It is a table of functions, since virtual ones would need the C++ library; |code| and |executor|
/// are what the device made of an artifact and for a session.
struct Device {
  /// As messages say it.
  const char *name;
  /// How the triples of its artifacts begin.
  const char *architecture;

  /// Whether nobody is given it who does not ask for it.
  bool isOnlyByName;

  /// What it is that there is no memory: OUT_OF_RESOURCES of the host's, DEVICE of the device's own.
  fathom_status_t outOfMemory;

  /// Says in words what number |number| of its kind is; DEVICE if there is none. NULL for a device that there is one
  /// of, which is number 0 below.
  fathom_status_t (*describe)(uint32_t number, char *text, size_t size);
  /// With what is missing: MISMATCH if no device of this kind, or not this processor, can run code for |target|;
  /// DEVICE if another could, or there is no such device.
  fathom_status_t (*check)(uint32_t number, const artifact::Target &target);
  /// Loads the code of a checked program that this machine can run. |contents| outlives it, and |program| is of it.
  fathom_status_t (*load)(uint32_t number, const artifact::Artifact &contents, const artifact::Program &program,
                          const ByteSource &source, void **code);
  void (*unload)(void *code);

  /// Memory where |code| runs, of undefined contents and aligned for any kernel; false if there is none. All memory is
  /// freed before the code is unloaded. These functions are called from any thread.
  bool (*allocate)(const void *code, uint64_t size, DeviceAddress *memory);
  void (*free)(const void *code, DeviceAddress memory, uint64_t size);
  /// Makes memory of |size| bytes larger, which may be elsewhere then; false, and all stays, if it cannot be. NULL for
  /// a device whose memory never grows: it is allocated anew and copied.
  bool (*grow)(const void *code, DeviceAddress *memory, uint64_t size, uint64_t newSize);
  /// These are done when they return, or for all that comes after them as if they were: a device may keep small
  /// uploads until it runs something.
  fathom_status_t (*upload)(const void *code, DeviceAddress to, const void *from, uint64_t size);
  fathom_status_t (*readBack)(const void *code, void *to, DeviceAddress from, uint64_t size);
  fathom_status_t (*copy)(const void *code, DeviceAddress to, DeviceAddress from, uint64_t size);
  /// Where the device finds what lies in the host's memory, which it only reads; 0 if it has to be uploaded.
  DeviceAddress (*adopt)(const void *code, const void *memory, uint64_t size);

  /// Makes what a session needs to run |code|: threads (0: as many as the process may use), scratch, an arena. |code|
  /// outlives it, and so does |weights|: where each slice of a weight is. A device whose calls take long looks at
  /// |cancelled| in them, unless it is NULL: while it is true they may end with CANCELLED, their outputs undefined.
  fathom_status_t (*start)(const void *code, const DeviceAddress *weights, uint32_t threads,
                           const std::atomic<bool> *cancelled, void **executor);
  void (*stop)(void *executor);
  /// Makes what calls of an entry point with |rows| rows need, so that nothing is made in them; else the first of them
  /// makes it. NULL for a device that makes nothing.
  fathom_status_t (*prepare)(void *executor, const artifact::EntryPoint &entry, uint32_t rows);
  uint32_t (*threads)(const void *executor);

  /// Calls a named function: as fathom_function_fn, with |weights| as those of the call, on so many threads, 0 for one
  /// of each processor. BAD_DATA with what it says. NULL for a device that has none.
  fathom_status_t (*call)(const void *code, const artifact::NamedFunction &function, const DeviceAddress *weights,
                          uint32_t threads, FunctionCall &call);

  /// From the next call on writes what runs when to |path|, an older trace's if it is not new: INVALID_ARGUMENT if it
  /// is something else's, IO if it cannot be written. What fails later ends the trace, and takeTraceFailure says so
  /// once.
  fathom_status_t (*trace)(void *executor, const char *path);
  fathom_status_t (*takeTraceFailure)(void *executor);

  /// Runs an entry point: reads the arrays of |call|, and has written them when it returns.
  fathom_status_t (*run)(void *executor, const artifact::EntryPoint &entry, const fathom_call_t &call,
                         const CacheMemory &cache);
};

/// The devices of this runtime, NULL behind the last.
const Device *const *devices();

/// What a caller asks for.
struct DeviceChoice {
  /// NULL: whichever suits.
  const Device *device = nullptr;
  uint32_t number = 0;
};

/// The device that |name| is of, e.g. "cuda:1"; NULL: that of the environment variable FATHOM_DEVICE, without which the
/// choice stays open. INVALID_ARGUMENT for a name of none, DEVICE for that of one that is not there.
fathom_status_t chooseDevice(const char *name, DeviceChoice *choice);

/// Whose memory something is: a device's, of the machine where |code| runs.
struct MemorySpace {
  const Device *device;
  const void *code;
};

/// Memory of a device that grows, as long as this object lives.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;
  ~DeviceMemory();

  /// Before anything else, once.
  void open(const MemorySpace &where) { space = where; }

  /// Has |size| bytes then, more than before, and what it held. False, and all stays, if there is not enough memory.
  bool grow(uint64_t size);

  fathom_status_t upload(uint64_t offset, const void *from, uint64_t size) {
    return space.device->upload(space.code, base + offset, from, size);
  }
  fathom_status_t readBack(uint64_t offset, void *to, uint64_t size) const {
    return space.device->readBack(space.code, to, base + offset, size);
  }
  fathom_status_t copy(uint64_t to, uint64_t from, uint64_t size) {
    return space.device->copy(space.code, base + to, base + from, size);
  }

  const Device &device() const { return *space.device; }
  /// Until it grows.
  DeviceAddress address() const { return base; }
  uint64_t size() const { return bytes; }

private:
  bool moveTo(uint64_t size);

  MemorySpace space = {};
  DeviceAddress base = 0;
  uint64_t bytes = 0;
};

/// The code of a model, on the device it was compiled for. Immutable once loaded.
class DeviceCode {
public:
  DeviceCode() = default;
  DeviceCode(const DeviceCode &) = delete;
  DeviceCode &operator=(const DeviceCode &) = delete;
  ~DeviceCode();

  /// Loads the first program of |contents| that the chosen device can run, or else any of this machine: as
  /// Device::load. MISMATCH, or DEVICE, if there is none.
  fathom_status_t load(const artifact::Artifact &contents, const ByteSource &source, const DeviceChoice &choice = {});

  const artifact::Program &program() const { return *loaded; }
  /// Which of the artifact's variants it is.
  uint32_t variant() const { return index; }

  /// As Device::call. UNSUPPORTED on a device that has no named functions.
  fathom_status_t call(const artifact::NamedFunction &function, const DeviceAddress *weights, uint32_t threads,
                       FunctionCall &call) const;

  /// Where what the code works on has to be.
  MemorySpace space() const { return {device, code}; }

private:
  friend class Executor;

  fathom_status_t choose(const artifact::Artifact &contents, uint32_t variant, const DeviceChoice &choice);

  const Device *device = nullptr;
  const artifact::Program *loaded = nullptr;
  uint32_t index = 0;
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
  fathom_status_t start(const DeviceCode &code, const DeviceAddress *weights, uint32_t threads,
                        const std::atomic<bool> *cancelled = nullptr);

  /// As Device::prepare, for calls in absorbed form of up to |rows| rows, whether they want logits or not: of the
  /// draft, or of the model.
  fathom_status_t prepare(uint32_t rows, bool draft);

  uint32_t threads() const { return device->threads(executor); }

  /// As Device::trace.
  fathom_status_t trace(const char *path) { return device->trace(executor, path); }
  fathom_status_t takeTraceFailure() { return device->takeTraceFailure(executor); }

  /// Runs the entry point that takes call.rows rows: the draft's where call.hidden is given. INTERNAL if there is none.
  fathom_status_t run(artifact::Form form, const fathom_call_t &call, const CacheMemory &cache);

private:
  const Device *device = nullptr;
  const artifact::Program *program = nullptr;
  void *executor = nullptr;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_DEVICE_H
