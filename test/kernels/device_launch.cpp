// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies what a call reads, launches its kernel by the driver's table, and copies back what it writes.

#include "test/kernels/device_launch.h"

#include "runtime/device/cuda/driver_library.h"
#include "runtime/device/cuda/gpu.h"
#include "runtime/device/ptxsim/ptxsim.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

namespace fathom::test {

using namespace runtime::cuda;

[[noreturn]] static void give_up(const std::string &what) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  std::exit(1);
}

static std::string describe(const DeviceLaunch &launch) {
  std::ostringstream line;
  line << launch.call.kernel->symbol << ' ' << launch.stride;
  for (int64_t constant : launch.constants) {
    line << ' ' << constant;
  }
  return line.str();
}

void note_kernel(const DeviceLaunch &launch) {
  static const char *path = std::getenv("FATHOM_KERNEL_LIST");
  static std::set<std::string> noted;
  if (path && noted.insert(describe(launch)).second) {
    std::ofstream(path, std::ios::app) << describe(launch) << '\n';
  }
}

/// Whether a GPU of compute capability `architecture` / 10 runs code for `arch`.
static bool runs(unsigned architecture, const kernels::Arch &arch) {
  unsigned number = std::strtoul(arch.name.data() + std::strlen("sm_"), nullptr, 10);
  return arch.name.back() == 'a' ? number == architecture : number <= architecture;
}

namespace {

/// The records of a file, by what is before their PTX.
class Code {
public:
  explicit Code(const char *path) {
    std::ifstream file(path ? path : "", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    for (size_t at = 0, end; (end = bytes.find('\0', at)) != std::string::npos; at = end + 1) {
      size_t line = bytes.find('\n', at);
      records[bytes.substr(at, line - at)] = &bytes[line + 1]; // as far as the zero byte
    }
    if (records.empty()) {
      give_up("FATHOM_KERNEL_CODE names no file of kernels");
    }
  }

  /// PTX, or null.
  const char *find(const std::string &key) const {
    auto record = records.find(key);
    return record == records.end() ? nullptr : record->second;
  }

  bool is_for(const kernels::Arch &arch) const {
    auto record = records.lower_bound(std::string(arch.name) + ' ');
    return record != records.end() && record->first.rfind(std::string(arch.name) + ' ', 0) == 0;
  }

private:
  std::string bytes;
  std::map<std::string, const char *> records;
};

/// A GPU, and functions that it has loaded. It stays: what it holds of a process ends with that.
class TestDevice {
public:
  /// Another one where the last is lost; null where tests are not for one.
  static TestDevice *find() {
    static const char *name = std::getenv("FATHOM_TEST_DEVICE");
    static TestDevice *device = nullptr;
    if (name && (!device || device->is_lost)) {
      delete device;
      device = new TestDevice(name);
    }
    return device;
  }

  bool check(CUresult result, const char *doing) {
    fathom_status_t status = gpu.check(result, doing);
    is_lost |= status != FATHOM_STATUS_OK;
    EXPECT_EQ(status, FATHOM_STATUS_OK) << fathom_status_message();
    return status == FATHOM_STATUS_OK;
  }

  /// Null where the test has failed.
  CUfunction load(const DeviceLaunch &launch) {
    std::string key = std::string(level->name) + ' ' + describe(launch);
    CUfunction &function = functions[key];
    CUmodule module;
    const char *ptx = code().find(key);
    EXPECT_TRUE(ptx) << "no code for " << key << ": list kernels and compile them again";
    if (function || !ptx || !check(driver->loadModule(&module, ptx, 0, nullptr, nullptr), "load a kernel")) {
      return function;
    }
    std::string name = "test_" + std::string(launch.call.kernel->symbol);
    int64_t shared = launch.call.kernel->grid(launch.constants.data()).sharedBytes;
    check(driver->findFunction(&function, module, name.c_str()), "find a kernel");
    check(driver->setFunctionAttribute(function, kMaxDynamicSharedSizeBytes, static_cast<int>(shared)),
          "give a kernel shared memory");
    return function;
  }

  const DriverTable *driver;
  /// That of the code.
  const kernels::Arch *level = nullptr;

private:
  explicit TestDevice(const std::string &name) : driver(name == "ptxsim" ? simulate() : open(name)) {
    expect(gpu.open(*driver, 0));
    for (const kernels::Arch *arch : kernels::archsOf("cuda")) {
      bool is_best = !level && code().is_for(*arch) && runs(gpu.facts().architecture, *arch);
      level = is_best ? arch : level;
    }
    if (!level) {
      give_up("FATHOM_KERNEL_CODE has nothing for this GPU");
    }
    expect(gpu.check(driver->pushContext(gpu.context()), "use the GPU"));
  }

  ~TestDevice() {
    CUcontext before;
    driver->popContext(&before);
  }

  static void expect(fathom_status_t status) {
    if (status != FATHOM_STATUS_OK) {
      give_up(fathom_status_message());
    }
  }

  static const Code &code() {
    static const Code code(std::getenv("FATHOM_KERNEL_CODE"));
    return code;
  }

  static const DriverTable *open(const std::string &name) {
    const DriverTable *driver = nullptr;
    if (name != "cuda") {
      give_up("FATHOM_TEST_DEVICE is neither cuda nor ptxsim: " + name);
    }
    expect(openDriverLibrary(&driver));
    return driver;
  }

  static const DriverTable *simulate() {
    runtime::ptxsim::Options options;
    options.major = code().is_for(*kernels::findArch("sm_90a")) ? 9 : 8;
    runtime::ptxsim::reset(options);
    return &runtime::ptxsim::driver();
  }

  runtime::cuda::Gpu gpu;
  std::map<std::string, CUfunction> functions;
  bool is_lost = false;
};

/// Memory on the device while a kernel runs.
class Copies {
public:
  explicit Copies(TestDevice &device) : device(device) {}
  ~Copies() {
    for (const Copy &copy : all) {
      device.driver->free(copy.address);
    }
  }

  /// The address of a copy; 0 for none.
  CUdeviceptr give(const void *from, size_t bytes) {
    auto *begin = static_cast<const char *>(from);
    Copy copy{{begin, begin + bytes}, 0, nullptr, false};
    if (bytes > 0 && device.check(device.driver->allocate(&copy.address, bytes), "allocate memory")) {
      device.check(device.driver->upload(copy.address, from, bytes, nullptr), "copy to the GPU");
      all.push_back(std::move(copy));
      return all.back().address;
    }
    return 0;
  }
  template <class T>
  CUdeviceptr give(const std::vector<T> &values) {
    return give(values.data(), values.size() * sizeof(T));
  }

  /// The same of what a test gives, once for all that give the same.
  CUdeviceptr share(const void *host, size_t bytes, bool is_written = false) {
    for (Copy &copy : all) {
      if (copy.host == host && host) {
        EXPECT_EQ(copy.before.size(), bytes) << "two sizes of one operand";
        copy.is_written |= is_written;
        return copy.address;
      }
    }
    CUdeviceptr address = host ? give(host, bytes) : 0;
    if (address) {
      all.back().host = host;
      all.back().is_written = is_written;
    }
    return address;
  }

  /// Has what is written where the test looks for it. All else must be as it was.
  void read_back() {
    for (const Copy &copy : all) {
      std::vector<char> bytes(copy.before.size());
      device.check(device.driver->readBack(bytes.data(), copy.address, bytes.size(), nullptr), "copy from the GPU");
      device.check(device.driver->synchronize(nullptr), "wait for the GPU");
      if (copy.is_written) {
        std::copy(bytes.begin(), bytes.end(), static_cast<char *>(const_cast<void *>(copy.host)));
      } else {
        EXPECT_TRUE(bytes == copy.before) << "what is only read was written";
      }
    }
  }

private:
  struct Copy {
    std::vector<char> before;
    CUdeviceptr address;
    const void *host;
    bool is_written;
  };

  TestDevice &device;
  std::vector<Copy> all;
};

} // namespace

bool finds_device() { return TestDevice::find() != nullptr; }

bool device_runs(const kernels::Arch &arch) { return kernels::canRun(TestDevice::find()->level->name, arch.name); }

static int64_t count_to(const void *numbers, int64_t count) {
  auto *begin = static_cast<const int32_t *>(numbers);
  return *std::max_element(begin, begin + count) + 1;
}

/// Rows out of which ids choose.
static int64_t count_chosen(const Call &call) {
  const auto &names = call.kernel->operandNames;
  return count_to(call.operands[std::find(names.begin(), names.end(), "ids") - names.begin()], call.rows);
}

size_t bytes_of(const kernels::Operand &operand, const Call &call) {
  int64_t bytes = operand.type == "f8e4m3" ? 1 : operand.type == "bf16" ? 2 : 4;
  for (int64_t size : operand.shape) {
    bytes *= size == kernels::kPositions ? count_to(call.positions.data(), call.rows)
             : size != kernels::kRows    ? size
             : operand.factor == 0       ? count_chosen(call)
                                         : call.rows * operand.factor;
  }
  return bytes;
}

template <class T>
static T *pointer(CUdeviceptr address) {
  return reinterpret_cast<T *>(address);
}

static fathom_cache_t give_cache(Copies &copies, const Call &call, const fathom_cache_t &host) {
  std::vector<CUdeviceptr> tables;
  for (int64_t row = 0; row < call.rows; ++row) {
    const Ints &table = call.cache->page_tables[call.sequences.empty() ? 0 : call.sequences[row]];
    tables.push_back(copies.share(table.data(), table.size() * sizeof(int32_t)));
  }
  bool is_written = call.kernel->outputCount == 0;
  CUdeviceptr pages = copies.share(host.pages, call.cache->memory.size() * sizeof(float), is_written);
  return {pointer<char>(pages), host.page_bytes, pointer<const int32_t *>(copies.give(tables))};
}

/// Values of an entry's parameters, as kernel_abi.h has them.
static std::vector<uint64_t> give_parameters(Copies &copies, const DeviceLaunch &launch) {
  const Call &call = launch.call;
  fathom_step_t step = {};
  step.rows = call.rows;
  step.positions = pointer<const int32_t>(copies.give(call.positions));
  step.cache = call.cache ? give_cache(copies, call, *launch.dispatch.cache) : fathom_cache_t();
  CUdeviceptr at = copies.give(&step, sizeof step);
  std::vector<uint64_t> values = {at, at + offsetof(fathom_step_t, rows), 1, static_cast<uint64_t>(call.layer), 0};
  std::vector<kernels::Operand> operands = call.kernel->listOperands(launch.constants.data());
  size_t inputs = operands.size() - call.kernel->outputCount;
  for (size_t i = 0; i < operands.size(); ++i) {
    values.push_back(copies.share(call.operands[i], bytes_of(operands[i], call), /*is_written=*/i >= inputs));
  }
  if (launch.extra) {
    values.push_back(copies.give(*launch.extra));
  }
  return values;
}

void run_on_device(const DeviceLaunch &launch) {
  TestDevice &device = *TestDevice::find();
  CUfunction function = device.load(launch);
  Copies copies(device);
  std::vector<uint64_t> values = give_parameters(copies, launch);
  std::vector<void *> parameters;
  for (uint64_t &value : values) {
    parameters.push_back(&value);
  }
  kernels::Grid grid = launch.call.kernel->grid(launch.constants.data());
  if (function &&
      device.check(device.driver->launch(function, static_cast<unsigned>(launch.blocks), 1, 1,
                                         static_cast<unsigned>(grid.threads), 1, 1,
                                         static_cast<unsigned>(grid.sharedBytes), nullptr, parameters.data(), nullptr),
                   "launch a kernel") &&
      device.check(device.driver->synchronize(nullptr), "run a kernel")) {
    copies.read_back();
  }
}

} // namespace fathom::test
