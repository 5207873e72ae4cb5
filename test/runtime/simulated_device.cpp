// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulator's table with other functions for graphs.

#include "test/runtime/simulated_device.h"

#include "fathom/kernel_abi.h"
#include "runtime/device/cuda/cuda_device_table.h"
#include "runtime/device/ptxsim/ptxsim.h"
#include "runtime/device/ptxsim/ptxsim_device.h"

#include <algorithm>
#include <vector>

namespace fathom::test {

using runtime::Device;
using namespace runtime::cuda;

namespace {
/// Parameters of kernels, all of 8 bytes: five that each has, and operands.
constexpr size_t kParameters = 5 + FATHOM_MOST_OPERANDS;

struct EagerLaunch {
  KernelNodeParameters node;
  std::vector<uint64_t> values;

  explicit EagerLaunch(const KernelNodeParameters &given) : node(given) {
    for (size_t i = 0; i < kParameters; ++i) {
      values.push_back(*static_cast<const uint64_t *>(given.parameters[i]));
    }
  }

  CUresult run(CUstream stream) {
    std::vector<void *> pointers(kParameters);
    std::transform(values.begin(), values.end(), pointers.begin(), [](uint64_t &value) { return &value; });
    return runtime::ptxsim::driver().launch(node.function, node.gridX, node.gridY, node.gridZ, node.blockX, node.blockY,
                                            node.blockZ, node.sharedBytes, stream, pointers.data(), nullptr);
  }
};

using EagerGraph = std::vector<EagerLaunch>;

EagerGraph &graphOf(void *handle) { return *static_cast<EagerGraph *>(handle); }

DriverTable makeEagerTable() {
  DriverTable table = runtime::ptxsim::driver();
  table.createGraph = [](CUgraph *graph, unsigned) {
    *graph = reinterpret_cast<CUgraph>(new EagerGraph);
    return kSuccess;
  };
  table.destroyGraph = [](CUgraph graph) {
    delete &graphOf(graph);
    return kSuccess;
  };
  table.addKernelNode = [](CUgraphNode *node, CUgraph graph, const CUgraphNode *, size_t,
                           const KernelNodeParameters *parameters) {
    graphOf(graph).emplace_back(*parameters);
    *node = reinterpret_cast<CUgraphNode>(graph);
    return kSuccess;
  };
  table.instantiateGraph = [](CUgraphExec *executable, CUgraph graph, unsigned long long) {
    *executable = reinterpret_cast<CUgraphExec>(new EagerGraph(graphOf(graph)));
    return kSuccess;
  };
  table.destroyExecutable = [](CUgraphExec executable) {
    delete &graphOf(executable);
    return kSuccess;
  };
  table.launchGraph = [](CUgraphExec executable, CUstream stream) {
    CUresult result = kSuccess;
    for (EagerLaunch &launch : graphOf(executable)) {
      result = result == kSuccess ? launch.run(stream) : result;
    }
    return result;
  };
  return table;
}
} // namespace

static fathom_status_t openEager(const DriverTable **driver) {
  static const DriverTable table = makeEagerTable();
  *driver = &table;
  return FATHOM_STATUS_OK;
}

static Device makeSimulated() {
  Device device = runtime::kPtxsimDevice;
  device.isOnlyByName = false;
  return device;
}

static Device makeEager() {
  Device device = deviceOver<openEager>("ptxsim-eager", /*isOnlyByName=*/false);
  device.check = runtime::kPtxsimDevice.check;
  return device;
}

const Device kSimulatedDevice = makeSimulated();
const Device kEagerDevice = makeEager();

} // namespace fathom::test
