// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The code of a model on the CPU, and what runs it for one session.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_CPU_PROGRAM_H
#define FATHOM_RUNTIME_DEVICE_CPU_CPU_PROGRAM_H

#include "runtime/device/cpu/code_image.h"
#include "runtime/device/cpu/thread_pool.h"
#include "runtime/src/artifact_reader.h"

#include <setjmp.h>

namespace fathom::runtime {

enum class EntryKind { kPrefill, kDecode };

/// The entry points of a checked program, mapped. Immutable.
class CpuProgram {
public:
  /// Refuses, before anything is mapped, what this machine cannot run (MISMATCH); then maps the code. |metadata|
  /// outlives this object.
  fathom_status_t load(const Metadata &metadata, const ByteSource &source);

  uint32_t maxRows(EntryKind kind) const;
  uint64_t arenaBytes() const;
  uint64_t scratchBytes() const { return program->code()->scratch_bytes(); }

  /// The function that takes |rows| rows, at most maxRows(kind).
  fathom_entry_fn select(EntryKind kind, uint32_t rows) const;

private:
  fathom_status_t checkTarget() const;
  fathom_status_t mapCode(const ByteSource &source);

  const artifact::Program *program = nullptr;
  CodeImage image;
};

/// Threads, scratch and arena of a session. One call at a time.
class CpuExecutor {
public:
  CpuExecutor() = default;
  CpuExecutor(const CpuExecutor &) = delete;
  CpuExecutor &operator=(const CpuExecutor &) = delete;
  ~CpuExecutor();

  /// |program| and |weights| outlive this object.
  fathom_status_t start(const CpuProgram &program, const void *const *weights, uint32_t threads);

  uint32_t threads() const { return pool.threads(); }

  /// Fills in what a call needs of its host, and runs the entry point for call->rows. FAILED if it says so,
  /// OUT_OF_RESOURCES if there is no memory for its temporaries.
  fathom_status_t run(EntryKind kind, fathom_call_t *call);

private:
  /// What is in front of the memory that an entry point has from its host, in a list of all of the call.
  struct alignas(64) Temporary {
    Temporary *previous;
    Temporary *next;
  };

  static void parallel(void *self, fathom_task_fn task, const void *argument, int64_t items);
  static void *allocate(void *self, size_t bytes);
  static void deallocate(void *self, void *memory);
  void freeTemporaries();

  const CpuProgram *program = nullptr;
  const void *const *weights = nullptr;
  ThreadPool pool;
  fathom_host_t host = {};
  Temporary *temporaries = nullptr;
  /// Where allocate() goes back to when there is no memory.
  jmp_buf noMemory;
  char *arena = nullptr;
  uint64_t arenaSize = 0;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_CPU_PROGRAM_H
