// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads model code and runs commands on the CPU.

#include "runtime/device/cpu/cpu_device.h"

#include "runtime/device/cpu/call_runner.h"
#include "runtime/device/cpu/command_runner.h"
#include "runtime/device/cpu/cpu_features.h"
#include "runtime/device/cpu/cpu_memory.h"
#include "runtime/device/make.h"
#include "runtime/src/argmax.h"
#include "runtime/src/float_environment.h"

#include <string.h>
#include <sys/mman.h>

namespace fathom::runtime {

namespace {
/// The code of a checked program, mapped, and threads for its functions of tensors.
class CpuProgram {
public:
  /// As Device::load.
  fathom_status_t load(const artifact::Artifact &contents, const artifact::Program &program, const ByteSource &source);

  uint64_t arenaSize() const { return arenaBytes(*program); }
  uint64_t scratchBytes() const { return program->code()->scratch_bytes(); }

  uint32_t hidden() const { return model->hidden(); }
  uint32_t vocabulary() const { return model->vocabulary(); }
  uint32_t mostRows() const { return runtime::mostRows(*program); }
  const CommandLists &commands() const { return lists; }
  const CpuKernel *kernels() const { return functions.data(); }

  /// As Device::call.
  fathom_status_t call(const artifact::NamedFunction &function, const DeviceAddress *weights, uint32_t threads,
                       FunctionCall &call) const;

private:
  const artifact::Model *model = nullptr;
  const artifact::Program *program = nullptr;
  CodeImage image;
  Buffer<CpuKernel> functions;
  CommandLists lists;
  mutable CallRunner runner;
};

/// Threads, scratch and arena of a session. Code works on the arrays of calls where they are.
class CpuExecutor {
public:
  CpuExecutor() = default;
  CpuExecutor(const CpuExecutor &) = delete;
  CpuExecutor &operator=(const CpuExecutor &) = delete;
  ~CpuExecutor();

  /// As Device::start.
  fathom_status_t start(const CpuProgram &program, const DeviceAddress *weights, uint32_t threads);

  uint32_t threads() const { return pool.threads(); }

  /// As Device::trace.
  fathom_status_t trace(const char *path) { return runner.trace(path); }
  fathom_status_t takeTraceFailure() { return runner.takeTraceFailure(); }

  /// As Device::run.
  fathom_status_t run(const artifact::EntryPoint &entry, const fathom_call_t &call, const CacheMemory &cache);

private:
  fathom_status_t placeOutputs(const artifact::EntryPoint &entry, fathom_call_t *call);
  void computeArgmax(const fathom_call_t &call);

  const CpuProgram *program = nullptr;
  /// Of each row of a call.
  Buffer<const int32_t *> tables;
  /// Of calls that do not want them.
  Buffer<float> logits;
  Buffer<int32_t> argmaxes;
  ThreadPool pool;
  CommandRunner runner;
  char *arena = nullptr;
  uint64_t arenaSize = 0;
};
} // namespace

static fathom_status_t checkTarget(const artifact::Target &target) {
  fathom_status_t status = FATHOM_STATUS_OK;
  auto missing = [&](const char *name) {
    const char *cpu = target.cpu() ? target.cpu()->c_str() : "?";
    if (status == FATHOM_STATUS_OK) {
      fail(FATHOM_STATUS_MISMATCH, "artifact is for the processor '%.64s', but this one lacks: %.64s", cpu, name);
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

/// Whether named functions are where there is code.
static fathom_status_t checkCode(const artifact::Program &program, const CodeImage &image) {
  for (uint32_t i = 0; program.named_functions() && i < program.named_functions()->size(); ++i) {
    const artifact::NamedFunction &function = *program.named_functions()->Get(i);
    if (!image.function(function.code())) {
      return fail(FATHOM_STATUS_BAD_DATA, "artifact metadata: function '%.64s' is at offset %llu, where no code is",
                  function.name()->c_str(), static_cast<unsigned long long>(function.code()));
    }
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t CpuProgram::load(const artifact::Artifact &contents, const artifact::Program &newProgram,
                                 const ByteSource &source) {
  model = contents.model();
  program = &newProgram;
  const artifact::Segment &segment = *contents.segments()->Get(program->code()->segment());
  ByteView elf;
  FATHOM_RETURN_IF_ERROR(viewCode(contents, *program, source, &elf));
  FATHOM_RETURN_IF_ERROR(image.load(elf.data(), segment.size(), &source, segment.offset()));
  FATHOM_RETURN_IF_ERROR(findKernels(*program, image, &functions));
  FATHOM_RETURN_IF_ERROR(checkCode(*program, image));
  return lists.load(*program);
}

/// As fathom_function_call_t::run: on the threads that the call has, or on its own.
static const char *runNest(fathom_function_call_t *call, fathom_nest_fn nest, void *captured, int64_t items,
                           int64_t work) {
  auto *runner = static_cast<CallRunner *>(static_cast<FunctionCall *>(call)->runner);
  return runner ? runner->run(nest, captured, items, work) : nest(captured, 0, items);
}

fathom_status_t CpuProgram::call(const artifact::NamedFunction &function, const DeviceAddress *weights,
                                 uint32_t threads, FunctionCall &call) const {
  FloatEnvironment environment;
  static_assert(sizeof(DeviceAddress) == sizeof(void *), "addresses of this device are those of the host");
  call.weights = reinterpret_cast<const void *const *>(weights);
  auto run = reinterpret_cast<fathom_function_fn>(reinterpret_cast<uintptr_t>(image.function(function.code())));
  bool isShared = threads != 1 && runner.take(threads ? threads : availableProcessors());
  call.runner = isShared ? &runner : nullptr;
  call.run = runNest;
  const char *fault = run(&call);
  if (isShared) {
    runner.giveBack();
  }
  return fault ? fail(FATHOM_STATUS_BAD_DATA, "%s", fault) : FATHOM_STATUS_OK;
}

CpuExecutor::~CpuExecutor() {
  if (arena) {
    munmap(arena, arenaSize);
  }
}

fathom_status_t CpuExecutor::start(const CpuProgram &newProgram, const DeviceAddress *weights, uint32_t threads) {
  program = &newProgram;
  if (!tables.allocate(program->mostRows())) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for calls of %u rows", program->mostRows());
  }
  arenaSize = program->arenaSize() + 4096;
  // The arena serves the largest call; pages that smaller ones never touch take no memory.
  void *memory = mmap(nullptr, arenaSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for an arena of %llu bytes",
                static_cast<unsigned long long>(arenaSize));
  }
  arena = static_cast<char *>(memory);
  madvise(arena, arenaSize, MADV_HUGEPAGE);
  FATHOM_RETURN_IF_ERROR(pool.start(threads ? threads : availableProcessors(), program->scratchBytes()));
  return runner.start(pool, program->commands().mostLaunches(),
                      {program->kernels(), arena, weights, program->hidden()});
}

fathom_status_t CpuExecutor::placeOutputs(const artifact::EntryPoint &entry, fathom_call_t *call) {
  auto rows = static_cast<size_t>(call->logit_rows);
  size_t needed = call->logits ? 0 : rows * program->vocabulary();
  if (!logits.resize(needed) || !argmaxes.resize(entry.argmax() && !call->argmax ? rows : 0)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the logits of %zu tokens", rows);
  }
  call->logits = call->logits ? call->logits : logits.data();
  call->argmax = call->argmax || !entry.argmax() ? call->argmax : argmaxes.data();
  return FATHOM_STATUS_OK;
}

void CpuExecutor::computeArgmax(const fathom_call_t &call) {
  struct Rows {
    const fathom_call_t &call;
    size_t vocabulary;
  } rows = {call, program->vocabulary()};
  auto findOne = [](const void *argument, int64_t row, void *) {
    const Rows &all = *static_cast<const Rows *>(argument);
    all.call.argmax[row] = runtime::argmax(all.call.logits + static_cast<size_t>(row) * all.vocabulary, all.vocabulary);
  };
  pool.run(findOne, &rows, call.argmax ? call.logit_rows : 0);
}

fathom_status_t CpuExecutor::run(const artifact::EntryPoint &entry, const fathom_call_t &given,
                                 const CacheMemory &cache) {
  FloatEnvironment environment;
  fathom_call_t call = given;
  FATHOM_RETURN_IF_ERROR(placeOutputs(entry, &call));
  const auto *first = static_cast<const int32_t *>(pointerTo(cache.tables));
  for (int64_t row = 0; row < call.rows; ++row) {
    tables[static_cast<size_t>(row)] = first + static_cast<uint64_t>(call.page_tables[row]) * cache.tableEntries;
  }
  fathom_cache_t pages = {static_cast<char *>(pointerTo(cache.pages)), static_cast<int64_t>(cache.pageBytes),
                          tables.data()};
  runner.run(program->commands().of(entry), call, pages);
  if (!entry.argmax()) {
    computeArgmax(call);
  }
  return FATHOM_STATUS_OK;
}

static fathom_status_t copyBytes(void *to, const void *from, uint64_t size) {
  memcpy(to, from, size);
  return FATHOM_STATUS_OK;
}

const Device kCpuDevice = {
    .name = "cpu",
    .architecture = "x86_64",
    .isOnlyByName = false,
    .outOfMemory = FATHOM_STATUS_OUT_OF_RESOURCES,
    .describe = nullptr,
    .check = [](uint32_t, const artifact::Target &target) { return checkTarget(target); },
    .load =
        [](uint32_t, const artifact::Artifact &contents, const artifact::Program &program, const ByteSource &source,
           void **code) {
          return make<CpuProgram>(code, [&](CpuProgram &made) { return made.load(contents, program, source); });
        },
    .unload = [](void *code) { destroy(static_cast<CpuProgram *>(code)); },
    .allocate = [](const void *, uint64_t size, DeviceAddress *memory) { return allocateMemory(size, memory); },
    .free = [](const void *, DeviceAddress memory, uint64_t size) { freeMemory(memory, size); },
    .grow = [](const void *, DeviceAddress *memory, uint64_t size,
               uint64_t newSize) { return growMemory(memory, size, newSize); },
    .upload = [](const void *, DeviceAddress to, const void *from,
                 uint64_t size) { return copyBytes(pointerTo(to), from, size); },
    .readBack = [](const void *, void *to, DeviceAddress from,
                   uint64_t size) { return copyBytes(to, pointerTo(from), size); },
    .copy = [](const void *, DeviceAddress to, DeviceAddress from,
               uint64_t size) { return copyBytes(pointerTo(to), pointerTo(from), size); },
    .adopt = [](const void *, const void *memory, uint64_t) { return reinterpret_cast<DeviceAddress>(memory); },
    .start =
        [](const void *code, const DeviceAddress *weights, uint32_t threads, const std::atomic<bool> *,
           void **executor) {
          auto &program = *static_cast<const CpuProgram *>(code);
          return make<CpuExecutor>(executor, [&](CpuExecutor &made) { return made.start(program, weights, threads); });
        },
    .stop = [](void *executor) { destroy(static_cast<CpuExecutor *>(executor)); },
    .prepare = nullptr,
    .threads = [](const void *executor) { return static_cast<const CpuExecutor *>(executor)->threads(); },
    .call =
        [](const void *code, const artifact::NamedFunction &function, const DeviceAddress *weights, uint32_t threads,
           FunctionCall &call) {
          return static_cast<const CpuProgram *>(code)->call(function, weights, threads, call);
        },
    .trace = [](void *executor, const char *path) { return static_cast<CpuExecutor *>(executor)->trace(path); },
    .takeTraceFailure = [](void *executor) { return static_cast<CpuExecutor *>(executor)->takeTraceFailure(); },
    .run = [](void *executor, const artifact::EntryPoint &entry, const fathom_call_t &call,
              const CacheMemory &cache) { return static_cast<CpuExecutor *>(executor)->run(entry, call, cache); },
};

} // namespace fathom::runtime
