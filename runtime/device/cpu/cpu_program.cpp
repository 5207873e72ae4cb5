// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads and calls model code on the CPU.

#include "runtime/device/cpu/cpu_program.h"

#include "runtime/device/cpu/cpu_features.h"
#include "runtime/device/cpu/float_environment.h"
#include "runtime/src/hash.h"

#include <string.h>
#include <sys/mman.h>

namespace fathom::runtime {

namespace {

const char *nameOf(EntryKind kind) { return kind == EntryKind::kPrefill ? "prefill" : "decode"; }

template <typename Visit>
void forEachEntry(const artifact::Program &program, EntryKind kind, Visit visit) {
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    if (!strcmp(entry->name()->c_str(), nameOf(kind))) {
      visit(*entry);
    }
  }
}

} // namespace

fathom_status_t CpuProgram::load(const Metadata &metadata, const ByteSource &source) {
  program = &metadata.program();
  FATHOM_RETURN_IF_ERROR(checkTarget());
  return mapCode(source);
}

fathom_status_t CpuProgram::checkTarget() const {
  const artifact::Target &target = *program->target();
  if (strncmp(target.triple()->c_str(), "x86_64", 6) != 0) {
    return fail(FATHOM_STATUS_MISMATCH, "artifact is for '%.64s', this machine is x86_64; compile the model for it",
                target.triple()->c_str());
  }
  fathom_status_t status = FATHOM_STATUS_OK;
  auto missing = [&](const char *name) {
    const char *cpu = target.cpu() ? target.cpu()->c_str() : "?";
    if (status == FATHOM_STATUS_OK) {
      fail(FATHOM_STATUS_MISMATCH, "artifact is for the processor '%.64s', this one lacks: %.64s", cpu, name);
    } else {
      failAlso(FATHOM_STATUS_MISMATCH, " %.64s", name);
    }
    status = FATHOM_STATUS_MISMATCH;
  };
  if (!hasBaseline()) {
    missing("x86-64-v3");
  }
  for (uint32_t i = 0; target.features() && i < target.features()->size(); ++i) {
    const char *name = target.features()->Get(i)->c_str();
    if (!hasFeature(name)) {
      missing(name);
    }
  }
  if (status != FATHOM_STATUS_OK) {
    failAlso(status, "; compile it with --mcpu=native here or --mcpu=x86-64-v3");
  }
  return status;
}

fathom_status_t CpuProgram::mapCode(const ByteSource &source) {
  const artifact::Segment &segment = *program->segments()->Get(program->code()->segment());
  ByteView elf;
  FATHOM_RETURN_IF_ERROR(source.view(segment.offset(), segment.size(), true, &elf));
  if (hash64(elf.data(), segment.size()) != segment.hash()) {
    return fail(FATHOM_STATUS_MISMATCH, "segment '%.64s': its hash is not the stored one; the file is damaged",
                segment.name()->c_str());
  }
  FATHOM_RETURN_IF_ERROR(image.load(elf.data(), segment.size()));
  for (const artifact::EntryPoint *entry : *program->entry_points()) {
    if (!image.function(entry->address())) {
      return fail(FATHOM_STATUS_BAD_DATA, "entry point '%.64s': address 0x%llx is not in the code",
                  entry->name()->c_str(), static_cast<unsigned long long>(entry->address()));
    }
  }
  return FATHOM_STATUS_OK;
}

uint32_t CpuProgram::maxRows(EntryKind kind) const {
  uint32_t most = 0;
  forEachEntry(*program, kind,
               [&](const artifact::EntryPoint &entry) { most = entry.max_rows() > most ? entry.max_rows() : most; });
  return most;
}

uint64_t CpuProgram::arenaBytes() const {
  uint64_t most = 0;
  for (const artifact::EntryPoint *entry : *program->entry_points()) {
    most = entry->arena_bytes() > most ? entry->arena_bytes() : most;
  }
  return most;
}

fathom_entry_fn CpuProgram::select(EntryKind kind, uint32_t rows) const {
  const artifact::EntryPoint *best = nullptr;
  forEachEntry(*program, kind, [&](const artifact::EntryPoint &entry) {
    bool takes = entry.min_rows() <= rows && rows <= entry.max_rows();
    if (takes && (!best || entry.max_rows() < best->max_rows())) {
      best = &entry;
    }
  });
  return best ? reinterpret_cast<fathom_entry_fn>(const_cast<void *>(image.function(best->address()))) : nullptr;
}

CpuExecutor::~CpuExecutor() {
  if (arena) {
    munmap(arena, arenaSize);
  }
}

fathom_status_t CpuExecutor::start(const CpuProgram &newProgram, const void *const *newWeights, uint32_t threads) {
  program = &newProgram;
  weights = newWeights;
  arenaSize = program->arenaBytes() + 4096;
  // The arena serves the largest call; pages that smaller ones never touch take no memory.
  void *memory = mmap(nullptr, arenaSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "no memory for an arena of %llu bytes",
                static_cast<unsigned long long>(arenaSize));
  }
  arena = static_cast<char *>(memory);
  madvise(arena, arenaSize, MADV_HUGEPAGE);
  host = {sizeof(host), FATHOM_ARTIFACT_VERSION_MAJOR, this, parallel, allocate, deallocate};
  return pool.start(threads, program->scratchBytes());
}

fathom_status_t CpuExecutor::run(EntryKind kind, fathom_call_t *call) {
  fathom_entry_fn entry = program->select(kind, static_cast<uint32_t>(call->rows));
  if (!entry) {
    return fail(FATHOM_STATUS_INTERNAL, "no entry point '%s' takes %lld rows", nameOf(kind),
                static_cast<long long>(call->rows));
  }
  call->struct_size = sizeof(*call);
  call->reserved = 0;
  call->host = &host;
  call->arena = arena;
  call->weights = weights;
  FloatEnvironment environment;
  if (setjmp(noMemory)) {
    freeTemporaries();
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "no memory for temporaries of entry point '%s'", nameOf(kind));
  }
  int32_t result = entry(call);
  return result == 0 ? FATHOM_STATUS_OK
                     : fail(FATHOM_STATUS_FAILED, "entry point '%s' returned %d", nameOf(kind), result);
}

void CpuExecutor::parallel(void *self, fathom_task_fn task, const void *argument, int64_t items) {
  static_cast<CpuExecutor *>(self)->pool.run(task, argument, items);
}

void *CpuExecutor::allocate(void *self, size_t bytes) {
  auto *executor = static_cast<CpuExecutor *>(self);
  size_t total;
  void *memory = __builtin_add_overflow(bytes, sizeof(Temporary), &total) ? nullptr : allocateAligned(total);
  if (!memory) {
    longjmp(executor->noMemory, 1);
  }
  auto *temporary = static_cast<Temporary *>(memory);
  *temporary = {nullptr, executor->temporaries};
  if (temporary->next) {
    temporary->next->previous = temporary;
  }
  executor->temporaries = temporary;
  return temporary + 1;
}

void CpuExecutor::deallocate(void *self, void *memory) {
  Temporary *temporary = static_cast<Temporary *>(memory) - 1;
  (temporary->previous ? temporary->previous->next : static_cast<CpuExecutor *>(self)->temporaries) = temporary->next;
  if (temporary->next) {
    temporary->next->previous = temporary->previous;
  }
  free(temporary);
}

void CpuExecutor::freeTemporaries() {
  while (temporaries) {
    deallocate(this, temporaries + 1);
  }
}

} // namespace fathom::runtime
