// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches with mistakes, in the memory that the kernel would find: it is put back afterwards.

#include "test/mutants/Examination.h"

#include "runtime/device/cuda/cuda_device_table.h"
#include "runtime/device/ptxsim/driver_state.h"
#include "runtime/device/ptxsim/ptxsim_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace fathom::test {

using namespace runtime;
using namespace runtime::cuda;
using ptxsim::Counters;
using ptxsim::Finding;

/// One block takes all turns, so that none can do without what is between them.
static constexpr unsigned kBlocks = 1;
/// A mutant that so many launches did not show is not tried again.
static constexpr unsigned kPatience = 2;

/// Whether another launch may show it.
static bool isOpen(const Outcome &outcome) { return outcome.caughtBy.empty() && outcome.survived < kPatience; }

namespace {
/// Where a function's text is.
struct Source {
  const char *text;
  std::string name;
};

/// All of the device's memory at some point.
using Contents = std::vector<std::pair<uint64_t, std::vector<uint8_t>>>;

/// What the table below has seen.
struct State {
  std::vector<std::string> kernels;
  Subjects subjects;
  std::map<CUmodule, const char *> texts;
  std::map<CUfunction, Source> sources;
  std::map<CUdeviceptr, size_t> allocations;
};

/// One launch, of a kernel with and without mistakes.
class Launch {
public:
  Launch(State &state, ptxsim::Driver &driver, const ptxsim::KernelCall &call)
      : state(state), driver(driver), call(call) {}

  void examine(Subject &subject);

private:
  Finding run(const std::string &text, uint64_t budget, uint64_t *instructions);
  std::vector<uint8_t> watch(const Subject &subject, uint64_t *instructions);
  std::string tryMutant(const Subject &subject, const Mutant &mutant, uint64_t budget);
  Contents save() const;
  bool restore(const Contents &contents, const Contents &compared) const;

  State &state;
  ptxsim::Driver &driver;
  const ptxsim::KernelCall &call;
  Contents before, after;
  std::vector<bool> isChanged; ///< what is another one after than before
};
} // namespace

static State &getState() {
  static State state;
  return state;
}

Contents Launch::save() const {
  Contents contents;
  for (auto [address, bytes] : state.allocations) {
    const uint8_t *host = driver.memory.find(address, bytes)->host;
    contents.push_back({address, {host, host + bytes}});
  }
  return contents;
}

/// Puts back what the last run wrote to; whether all was as in `compared`, also what it should have written to.
bool Launch::restore(const Contents &contents, const Contents &compared) const {
  bool isSame = true;
  for (size_t i = 0; i < contents.size(); ++i) {
    const auto &[address, bytes] = contents[i];
    const ptxsim::Allocation &allocation = *driver.memory.find(address, bytes.size());
    if (allocation.touched->written.any() || isChanged[i]) {
      isSame &= std::memcmp(allocation.host, compared[i].second.data(), bytes.size()) == 0;
      std::memcpy(allocation.host, bytes.data(), bytes.size());
    }
  }
  return isSame;
}

Finding Launch::run(const std::string &text, uint64_t budget, uint64_t *instructions) {
  ptxsim::LoadedModule module(driver.memory);
  ptxsim::Problem problem;
  if (module.load(text, driver.options.major, driver.options.minor, problem) != kSuccess) {
    ADD_FAILURE() << "line " << problem.line << ": " << problem.text;
    return {kInvalidPtx, "not accepted"};
  }
  ptxsim::Grid grid;
  grid.kernel = &module.find(call.function->kernel.name)->kernel;
  grid.blocks = {std::min(call.blocks.x, kBlocks), 1, 1};
  grid.threads = call.threads;
  grid.cluster = grid.kernel->cluster.x == 0 ? ptxsim::Dimensions{1, 1, 1} : grid.kernel->cluster;
  grid.dynamicShared = call.sharedBytes;
  grid.parameters = call.parameters;
  grid.memory = &driver.memory;
  grid.id = 1;
  grid.seed = 1;
  grid.budget = budget;
  grid.multiprocessors = kBlocks;
  driver.memory.forgetTouched();
  Counters counters;
  Finding finding = runGrid(grid, /*threads=*/1, counters);
  *instructions = counters.instructions;
  return finding;
}

/// Runs the kernel as it is; a byte for each mutant whose instruction was executed.
std::vector<uint8_t> Launch::watch(const Subject &subject, uint64_t *instructions) {
  size_t count = subject.outcomes.size();
  uint64_t address = driver.memory.allocate(count + 1);
  uint8_t *host = driver.memory.find(address, count)->host;
  std::memset(host, 0, count);
  Finding finding = run(subject.ptx.watched(address), UINT64_MAX, instructions);
  EXPECT_EQ(finding.text, "") << "without a mistake";
  std::vector<uint8_t> executed(host, host + count);
  driver.memory.release(address);
  return executed;
}

std::string Launch::tryMutant(const Subject &subject, const Mutant &mutant, uint64_t budget) {
  uint64_t instructions;
  Finding finding = run(subject.ptx.with(mutant), budget, &instructions);
  bool isSame = restore(before, after);
  return !finding.text.empty() ? finding.text : isSame ? "" : "another result";
}

void Launch::examine(Subject &subject) {
  before = save();
  uint64_t instructions = 0;
  std::vector<uint8_t> executed = watch(subject, &instructions);
  after = save();
  isChanged.resize(before.size());
  for (size_t i = 0; i < before.size(); ++i) {
    isChanged[i] = before[i].second != after[i].second;
  }
  restore(before, before);
  ++subject.launches;
  for (size_t i = 0; i < subject.outcomes.size(); ++i) {
    Outcome &outcome = subject.outcomes[i];
    if (executed[i] != 0 && isOpen(outcome)) {
      outcome.caughtBy = tryMutant(subject, subject.ptx.mutants()[i], 2 * instructions + 10000);
      outcome.survived += outcome.caughtBy.empty();
    }
  }
  for (const auto &[address, bytes] : after) {
    std::memcpy(driver.memory.find(address, bytes.size())->host, bytes.data(), bytes.size());
  }
}

/// Whether no other launch may show anything.
static bool isSettled(const Subject &subject) {
  return std::none_of(subject.outcomes.begin(), subject.outcomes.end(), isOpen);
}

static bool isAllSettled(const State &state) {
  return std::all_of(state.kernels.begin(), state.kernels.end(), [&](const std::string &kernel) {
    auto found = state.subjects.find(kernel);
    return found != state.subjects.end() && isSettled(found->second);
  });
}

/// Whether a launch is of a kernel that is wanted, and has been run, or nothing is wanted any more.
static bool examineLaunch(CUfunction function, const KernelNodeParameters &parameters) {
  State &state = getState();
  if (isAllSettled(state)) {
    return true;
  }
  const Source &source = state.sources.at(function);
  // An entry is called k3_sm_80_bf16_gemm.
  std::string symbol = source.name.substr(source.name.find('_') + 1);
  if (std::find(state.kernels.begin(), state.kernels.end(), symbol) == state.kernels.end()) {
    return false;
  }
  Subject &subject = state.subjects.try_emplace(symbol, source.text).first->second;
  std::lock_guard<std::mutex> lock(ptxsim::driverMutex());
  ptxsim::Driver &driver = *ptxsim::driverState();
  ptxsim::KernelCall call;
  if (isSettled(subject) || subject.text != source.text || driver.makeCall(parameters, call) != kSuccess) {
    return false;
  }
  Launch(state, driver, call).examine(subject);
  return true;
}

static DriverTable makeTable() {
  DriverTable table = ptxsim::driver();
  table.loadModule = [](CUmodule *module, const void *image, unsigned options, int *names, void **values) {
    CUresult result = ptxsim::driver().loadModule(module, image, options, names, values);
    getState().texts[*module] = static_cast<const char *>(image);
    return result;
  };
  table.findFunction = [](CUfunction *function, CUmodule module, const char *name) {
    CUresult result = ptxsim::driver().findFunction(function, module, name);
    getState().sources[*function] = {getState().texts[module], name};
    return result;
  };
  table.allocate = [](CUdeviceptr *memory, size_t bytes) {
    CUresult result = ptxsim::driver().allocate(memory, bytes);
    getState().allocations[*memory] = bytes;
    return result;
  };
  table.free = [](CUdeviceptr memory) {
    getState().allocations.erase(memory);
    return ptxsim::driver().free(memory);
  };
  table.launch = [](CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                    unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void **parameters,
                    void **extra) {
    KernelNodeParameters node = {function, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, parameters, extra};
    return examineLaunch(function, node) ? kSuccess
                                         : ptxsim::driver().launch(function, gridX, gridY, gridZ, blockX, blockY,
                                                                   blockZ, sharedBytes, stream, parameters, extra);
  };
  return table;
}

static fathom_status_t openExamining(const DriverTable **driver) {
  static const DriverTable table = makeTable();
  *driver = &table;
  return FATHOM_STATUS_OK;
}

static Device makeDevice() {
  Device device = deviceOver<openExamining>("ptxsim-mutants", /*isOnlyByName=*/false);
  device.check = kPtxsimDevice.check;
  return device;
}

const Device kExaminingDevice = makeDevice();

void examine(const std::vector<std::string> &kernels) {
  getState().kernels = kernels;
  getState().subjects.clear();
}

const Subjects &subjects() { return getState().subjects; }

} // namespace fathom::test
