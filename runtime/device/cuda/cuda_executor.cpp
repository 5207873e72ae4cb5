// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A step: an upload, the launch of a graph, a download. Pages that sequences took have been uploaded by then.

#include "runtime/device/cuda/cuda_executor.h"

#include "runtime/device/cuda/graph.h"
#include "runtime/src/argmax.h"
#include "runtime/src/clock.h"
#include "runtime/src/float_environment.h"
#include "runtime/src/widen.h"

#include <algorithm>

namespace fathom::runtime::cuda {

/// Scratch memory that all launches share, unless one block needs more.
static constexpr uint64_t kMostScratch = uint64_t(1) << 30;
/// Powers of two up to the most rows of a call.
static constexpr uint32_t kBuckets = 21;
static_assert(FATHOM_MOST_ROWS == 1 << (kBuckets - 1), "there is a bucket for all rows");

CudaExecutor::~CudaExecutor() {
  if (!program) {
    return;
  }
  GpuScope scope(program->gpu());
  const DriverTable &driver = program->gpu().driver();
  if (stream) {
    driver.synchronize(stream);
    driver.destroyStream(stream);
  }
  for (CUgraphExec graph : graphs) {
    graph ? driver.destroyExecutable(graph) : kSuccess;
  }
}

fathom_status_t CudaExecutor::allocate(const DeviceAddress *weights) {
  const Gpu &gpu = program->gpu();
  const artifact::Program &code = program->program();
  size_t available = 0, total = 0;
  FATHOM_RETURN_IF_ERROR(gpu.check(gpu.driver().memoryInfo(&available, &total), "ask for the GPU's memory"));
  memory.grids = {gpu.facts(), std::min<uint64_t>(kMostScratch, available / 4)};
  uint64_t tableBytes = code.weight_slices()->size() * sizeof(DeviceAddress);
  FATHOM_RETURN_IF_ERROR(arena.allocate(gpu, arenaBytes(code), "buffers"));
  FATHOM_RETURN_IF_ERROR(scratch.allocate(gpu, memory.grids.scratchBytes(code), "scratch"));
  FATHOM_RETURN_IF_ERROR(weightTable.allocate(gpu, tableBytes, "the table of weights"));
  FATHOM_RETURN_IF_ERROR(step.open(gpu, code, program->model()));
  memory.arena = arena.address();
  memory.scratch = scratch.address();
  memory.step = step.address();
  memory.weightTable = weightTable.address();
  memory.weights = weights;
  return program->transfers().upload(memory.weightTable, weights, tableBytes);
}

fathom_status_t CudaExecutor::start(const CudaProgram &newProgram, const DeviceAddress *weights,
                                    const std::atomic<bool> *cancelled) {
  program = &newProgram;
  cancelledFlag = cancelled;
  const Gpu &gpu = program->gpu();
  uint32_t entries = program->program().entry_points()->size();
  if (!graphs.allocate(entries * kBuckets)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the graphs of %u entry points", entries);
  }
  GpuScope scope(gpu);
  FATHOM_RETURN_IF_ERROR(scope.status);
  CUstream made = nullptr;
  FATHOM_RETURN_IF_ERROR(gpu.check(gpu.driver().createStream(&made, kNonBlocking), "make a stream"));
  stream = made;
  return allocate(weights);
}

fathom_status_t CudaExecutor::trace(const char *path) {
  GpuScope scope(program->gpu());
  FATHOM_RETURN_IF_ERROR(scope.status);
  return record.open(program->gpu(), path, program->commands().mostLaunches());
}

fathom_status_t CudaExecutor::placeLogits(const artifact::EntryPoint &entry, fathom_call_t *call) {
  size_t needed = static_cast<size_t>(call->logit_rows) * program->model().vocabulary();
  if (call->logits || !call->argmax || entry.argmax() || needed == 0) {
    return FATHOM_STATUS_OK;
  }
  if (!logits.resize(needed)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %zu logits", needed);
  }
  call->logits = logits.data();
  return FATHOM_STATUS_OK;
}

static uint32_t bucketOf(uint64_t rows) {
  uint32_t bucket = 0;
  while (uint64_t(1) << bucket < rows) {
    ++bucket;
  }
  return bucket;
}

/// The most rows of the bucket of a call.
static uint64_t mostOfBucket(const artifact::EntryPoint &entry, uint64_t rows) {
  return std::min<uint64_t>(uint64_t(1) << bucketOf(rows), entry.max_rows());
}

fathom_status_t CudaExecutor::prepare(const artifact::EntryPoint &entry, uint32_t rows) {
  uint64_t most = mostOfBucket(entry, rows);
  if (graphOf(entry, most)) {
    return FATHOM_STATUS_OK;
  }
  GpuScope scope(program->gpu());
  FATHOM_RETURN_IF_ERROR(scope.status);
  return makeGraph(entry, StepLayout(entry, program->model(), most), most);
}

fathom_status_t CudaExecutor::run(const artifact::EntryPoint &entry, const fathom_call_t &given,
                                  const CacheMemory &cache) {
  FloatEnvironment environment;
  fathom_call_t call = given;
  FATHOM_RETURN_IF_ERROR(placeLogits(entry, &call));
  GpuScope scope(program->gpu());
  FATHOM_RETURN_IF_ERROR(scope.status);
  fathom_status_t status = runStep(entry, call, cache);
  if (status != FATHOM_STATUS_OK) {
    // What is under way must not meet the next call.
    program->gpu().driver().synchronize(stream);
    return status;
  }
  size_t vocabulary = program->model().vocabulary();
  for (int64_t row = 0; call.argmax && !entry.argmax() && row < call.logit_rows; ++row) {
    call.argmax[row] = argmax(call.logits + static_cast<size_t>(row) * vocabulary, vocabulary);
  }
  return FATHOM_STATUS_OK;
}

// All rows of a bucket have one graph, whose kernels find in the step how many there are.
fathom_status_t CudaExecutor::runStep(const artifact::EntryPoint &entry, const fathom_call_t &call,
                                      const CacheMemory &cache) {
  uint64_t rows = mostOfBucket(entry, static_cast<uint64_t>(call.rows));
  StepLayout layout(entry, program->model(), rows);
  uint64_t begin = record.events() ? now() : 0;
  FATHOM_RETURN_IF_ERROR(step.upload(layout, call, cache, stream));
  FATHOM_RETURN_IF_ERROR(call.states ? launchEach(entry, call, layout, rows) : launchGraph(entry, layout, rows));
  FATHOM_RETURN_IF_ERROR(step.download(layout, call, stream));
  return record.events() ? record.endCall(program->commands().of(entry), call, begin) : FATHOM_STATUS_OK;
}

CUgraphExec &CudaExecutor::graphOf(const artifact::EntryPoint &entry, uint64_t rows) {
  return graphs[indexOf(program->program(), entry) * kBuckets + bucketOf(rows)];
}

fathom_status_t CudaExecutor::makeGraph(const artifact::EntryPoint &entry, const StepLayout &layout, uint64_t rows) {
  CommandList list = program->commands().of(entry);
  LaunchParameters parameters(*program, memory, list, layout, rows);
  return buildGraph(*program, list, parameters, record.events(), &graphOf(entry, rows));
}

fathom_status_t CudaExecutor::launchGraph(const artifact::EntryPoint &entry, const StepLayout &layout, uint64_t rows) {
  const Gpu &gpu = program->gpu();
  FATHOM_RETURN_IF_ERROR(graphOf(entry, rows) ? FATHOM_STATUS_OK : makeGraph(entry, layout, rows));
  return gpu.check(gpu.driver().launchGraph(graphOf(entry, rows), stream), "run a step on the GPU");
}

fathom_status_t CudaExecutor::launchEach(const artifact::EntryPoint &entry, const fathom_call_t &call,
                                         const StepLayout &layout, uint64_t rows) {
  const Gpu &gpu = program->gpu();
  CommandList list = program->commands().of(entry);
  LaunchParameters parameters(*program, memory, list, layout, rows);
  for (uint32_t i = 0; i < list.size; ++i) {
    const Launch &launch = list.launches[i];
    if (launch.kernel == kNoKernel) {
      CUdeviceptr from = parameters.address(list.allOperands[launch.firstOperand]);
      FATHOM_RETURN_IF_ERROR(recordState(launch, from, call));
      continue;
    }
    const KernelNodeParameters &node = parameters.of(i);
    CUresult result = gpu.driver().launch(node.function, node.gridX, 1, 1, node.blockX, 1, 1, node.sharedBytes, stream,
                                          node.parameters, nullptr);
    FATHOM_RETURN_IF_ERROR(gpu.check(result, "run a kernel on the GPU"));
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t CudaExecutor::recordState(const Launch &launch, CUdeviceptr from, const fathom_call_t &call) {
  size_t count = static_cast<size_t>(call.rows) * program->model().hidden();
  float *states = call.states + static_cast<size_t>(launch.layer) * count;
  if (launch.element == artifact::StoreElement::f32) {
    return step.download(from, count * sizeof(float), states, stream);
  }
  // Into the upper half of their place, from where they are widened front to back.
  auto *halves = reinterpret_cast<uint16_t *>(states) + count;
  FATHOM_RETURN_IF_ERROR(step.download(from, count * sizeof(uint16_t), halves, stream));
  widen(halves, count, states);
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime::cuda
