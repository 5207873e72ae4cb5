// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A table that counts before it calls, and that one with other functions for graphs.

#include "test/gpu/driver_devices.h"

#include "fathom/kernel_abi.h"
#include "runtime/device/cuda/cuda_device_table.h"
#include "runtime/device/cuda/driver_library.h"
#include "runtime/device/ptxsim/ptxsim_device.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace fathom::test {

using namespace runtime::cuda;
using runtime::Device;
using runtime::ptxsim::Call;

// --- Counted --------------------------------------------------------------------------------------------------------

static const DriverTable *beneath = nullptr;
static std::atomic<uint64_t> calls[runtime::ptxsim::kCalls];

template <Call function, auto member, typename Signature>
struct Counted;
template <Call function, auto member, typename... Parameters>
struct Counted<function, member, CUresult (*)(Parameters...)> {
  static CUresult call(Parameters... parameters) {
    ++calls[static_cast<size_t>(function)];
    return (beneath->*member)(parameters...);
  }
};

static constexpr DriverTable kCounted = {
#define FATHOM_CUDA_FUNCTION(name, symbol, parameters)                                                                 \
  Counted<Call::name, &DriverTable::name, decltype(DriverTable::name)>::call,
#define FATHOM_CUDA_OPTIONAL_FUNCTION(name, symbol, parameters) nullptr,
#include "runtime/device/cuda/driver.def"
};

static bool isSimulated() {
  const char *name = getenv("FATHOM_TEST_DEVICE");
  return !name || std::string_view(name) != "cuda";
}

static fathom_status_t openCounted(const DriverTable **driver) {
  *driver = &kCounted;
  beneath = &runtime::ptxsim::driver();
  return isSimulated() ? FATHOM_STATUS_OK : openDriverLibrary(&beneath);
}

// --- Without graphs -------------------------------------------------------------------------------------------------

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
    return kCounted.launch(node.function, node.gridX, node.gridY, node.gridZ, node.blockX, node.blockY, node.blockZ,
                           node.sharedBytes, stream, pointers.data(), nullptr);
  }
};

using EagerGraph = std::vector<EagerLaunch>;

EagerGraph &graphOf(void *handle) { return *static_cast<EagerGraph *>(handle); }

DriverTable makeEagerTable() {
  DriverTable table = kCounted;
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
  fathom_status_t status = openCounted(driver);
  *driver = &table;
  return status;
}

// --- Devices --------------------------------------------------------------------------------------------------------

// A simulated GPU becomes the one that an artifact is for.
template <OpenDriver open>
static const Device &makeDevice(const char *name) {
  static Device device = deviceOver<open>(name, /*isOnlyByName=*/false);
  device.check = isSimulated() ? runtime::kPtxsimDevice.check : device.check;
  return device;
}

const Device &kCountedDevice = makeDevice<openCounted>("counted");
const Device &kEagerDevice = makeDevice<openEager>("eager");

uint64_t callsOf(Call function) { return calls[static_cast<size_t>(function)]; }

void clearCalls() {
  for (std::atomic<uint64_t> &count : calls) {
    count = 0;
  }
}

} // namespace fathom::test
