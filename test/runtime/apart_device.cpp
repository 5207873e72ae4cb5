// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Translates addresses, copies arrays, and has the CPU do the rest.

#include "test/runtime/apart_device.h"

#include "runtime/device/cpu/cpu_device.h"
#include "runtime/device/cuda/cuda_device.h"
#include "runtime/src/memory.h"
#include "test/runtime/fake_driver.h"
#include "test/runtime/simulated_device.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace fathom::test {
static std::atomic<const runtime::Device *> secondDevice{nullptr};
}

namespace fathom::runtime {

// In the place of the runtime's own list.
const Device *const *devices() {
  static const Device *list[3] = {};
  list[0] = &test::usedDevice();
  list[1] = test::secondDevice;
  return list;
}

} // namespace fathom::runtime

namespace fathom::test {

using runtime::CacheMemory;
using runtime::Device;
using runtime::DeviceAddress;
using runtime::kCpuDevice;

static std::atomic<const Device *> used{nullptr};

void useDevice(const Device &device, const Device *second) {
  used = &device;
  secondDevice = second;
}
void resetDevice() { used = secondDevice = nullptr; }

const Device &usedDevice() {
  if (const Device *chosen = used) {
    return *chosen;
  }
  const char *name = getenv("FATHOM_TEST_DEVICE");
  for (const Device *device : {&kApartDevice, &kFakeCudaDevice, &kSimulatedDevice, &runtime::kCudaDevice}) {
    if (name && strcmp(name, device->name) == 0) {
      return *device;
    }
  }
  return kCpuDevice;
}

static void require(bool good, const char *what) {
  if (!good) {
    fprintf(stderr, "apart: %s\n", what);
    abort();
  }
}

namespace {
/// No processor takes such an address for one of memory.
constexpr DeviceAddress kTag = DeviceAddress(0x5a) << 56;
constexpr uint64_t kMostMemory = uint64_t(1) << 32;
constexpr int kGarbage = 0xa5;

/// Blocks of memory by address.
class Memory {
public:
  bool allocate(uint64_t size, DeviceAddress *address) {
    std::lock_guard<std::mutex> lock(mutex);
    void *block = size <= kMostMemory - total ? runtime::allocateAligned(size) : nullptr;
    if (!block) {
      return false;
    }
    memset(block, kGarbage, size);
    *address = reinterpret_cast<DeviceAddress>(block) + kTag;
    blocks[*address] = size;
    total += size;
    return true;
  }

  void free(DeviceAddress address, uint64_t size) {
    std::lock_guard<std::mutex> lock(mutex);
    auto block = blocks.find(address);
    require(block != blocks.end() && block->second == size, "freed memory is not a whole block");
    ::free(reinterpret_cast<void *>(address - kTag));
    total -= size;
    blocks.erase(block);
  }

  /// Where the host finds |size| bytes of one block.
  char *find(DeviceAddress address, uint64_t size) {
    std::lock_guard<std::mutex> lock(mutex);
    auto block = blocks.upper_bound(address);
    require(block != blocks.begin(), "an address that is not of this device");
    --block;
    require(runtime::fits(address - block->first, size, block->second), "an address beyond its block");
    return reinterpret_cast<char *>(address - kTag);
  }

private:
  std::mutex mutex;
  std::map<DeviceAddress, uint64_t> blocks;
  uint64_t total = 0;
};

struct Code {
  void *code = nullptr;
  const artifact::Model *model = nullptr;
  const artifact::Program *program = nullptr;
};

/// Codes that are loaded.
class Codes {
public:
  void add(const void *code) {
    std::lock_guard<std::mutex> lock(mutex);
    all.insert(code);
  }
  void remove(const void *code) {
    std::lock_guard<std::mutex> lock(mutex);
    all.erase(code);
  }
  /// NULL is the code of memory that a test has for itself.
  void check(const void *code) {
    std::lock_guard<std::mutex> lock(mutex);
    require(!code || all.count(code) > 0, "memory of code that is not loaded");
  }

private:
  std::mutex mutex;
  std::set<const void *> all;
};

/// The arrays of a call, as the device has them.
class CallArrays {
public:
  CallArrays(const fathom_call_t &call, const artifact::Model &facts) : given(call), call(call) {
    auto rows = size_t(call.rows), asked = size_t(call.logit_rows), hidden = size_t(facts.hidden());
    takeIn(&fathom_call_t::tokens, rows);
    takeIn(&fathom_call_t::positions, rows);
    takeIn(&fathom_call_t::page_tables, rows);
    takeIn(&fathom_call_t::logit_row_ids, asked);
    takeIn(&fathom_call_t::hidden, rows * hidden);
    takeOut(&fathom_call_t::logits, asked * facts.vocabulary());
    takeOut(&fathom_call_t::argmax, asked);
    takeOut(&fathom_call_t::hidden_out, rows * hidden);
    takeOut(&fathom_call_t::states, facts.layers() * rows * hidden);
  }

  const fathom_call_t &own() const { return call; }
  void giveBack() const {
    for (const Out &out : outs) {
      std::copy_n(out.from, out.size, out.to);
    }
  }

private:
  struct Out {
    char *to;
    const char *from;
    size_t size;
  };

  /// A copy, which may be of nothing.
  char *copyOf(const void *from, size_t size) {
    auto *bytes = static_cast<const char *>(from);
    return copies.emplace_back(bytes, bytes + size).data();
  }
  template <typename T>
  void takeIn(const T *fathom_call_t::*array, size_t count) {
    if (given.*array) {
      call.*array = reinterpret_cast<const T *>(copyOf(given.*array, count * sizeof(T)));
    }
  }
  template <typename T>
  void takeOut(T *fathom_call_t::*array, size_t count) {
    if (given.*array) {
      char *copy = copyOf(given.*array, count * sizeof(T));
      outs.push_back({reinterpret_cast<char *>(given.*array), copy, count * sizeof(T)});
      call.*array = reinterpret_cast<T *>(copy);
    }
  }

  const fathom_call_t &given;
  fathom_call_t call;
  std::vector<std::vector<char>> copies;
  std::vector<Out> outs;
};

struct Executor {
  const artifact::Model *model = nullptr;
  /// The CPU's addresses of weights.
  std::vector<DeviceAddress> weights;
  void *executor = nullptr;
};
} // namespace

static Memory memory;
static Codes codes;

static fathom_status_t load(uint32_t number, const artifact::Artifact &contents, const artifact::Program &program,
                            const runtime::ByteSource &source, void **out) {
  auto *made = new Code();
  made->model = contents.model();
  made->program = &program;
  fathom_status_t status = kCpuDevice.load(number, contents, program, source, &made->code);
  if (status != FATHOM_STATUS_OK) {
    delete made;
    return status;
  }
  codes.add(made);
  *out = made;
  return status;
}

static void unload(void *given) {
  auto *code = static_cast<Code *>(given);
  codes.remove(code);
  kCpuDevice.unload(code->code);
  delete code;
}

static fathom_status_t start(const void *given, const DeviceAddress *weights, uint32_t threads,
                             const std::atomic<bool> *cancelled, void **out) {
  auto *code = static_cast<const Code *>(given);
  auto *made = new Executor();
  made->model = code->model;
  for (uint32_t i = 0; i < code->program->weight_slices()->size(); ++i) {
    uint64_t size = code->program->weight_slices()->Get(i)->size();
    made->weights.push_back(reinterpret_cast<DeviceAddress>(memory.find(weights[i], size)));
  }
  fathom_status_t status = kCpuDevice.start(code->code, made->weights.data(), threads, cancelled, &made->executor);
  if (status != FATHOM_STATUS_OK) {
    delete made;
    return status;
  }
  *out = made;
  return status;
}

static void stop(void *given) {
  auto *executor = static_cast<Executor *>(given);
  kCpuDevice.stop(executor->executor);
  delete executor;
}

// The CPU's name for the cache, if every row has a table, and every position a page.
static CacheMemory translate(const fathom_call_t &call, const CacheMemory &cache) {
  for (int64_t row = 0; row < call.rows; ++row) {
    uint64_t table = uint64_t(call.page_tables[row]) * cache.tableEntries * sizeof(int32_t);
    uint64_t used = uint64_t(call.positions[row]) / FATHOM_PAGE_TOKENS + 1;
    require(used <= cache.tableEntries, "a position beyond the page table");
    auto *pages = reinterpret_cast<const int32_t *>(memory.find(cache.tables + table, used * sizeof(int32_t)));
    for (uint64_t i = 0; i < used; ++i) {
      memory.find(cache.pages + uint64_t(pages[i]) * cache.pageBytes, cache.pageBytes);
    }
  }
  return {reinterpret_cast<DeviceAddress>(memory.find(cache.pages, 0)), cache.pageBytes,
          reinterpret_cast<DeviceAddress>(memory.find(cache.tables, 0)), cache.tableEntries};
}

static fathom_status_t run(void *given, const artifact::EntryPoint &entry, const fathom_call_t &call,
                           const CacheMemory &cache) {
  auto *executor = static_cast<Executor *>(given);
  CallArrays arrays(call, *executor->model);
  fathom_status_t status = kCpuDevice.run(executor->executor, entry, arrays.own(), translate(arrays.own(), cache));
  arrays.giveBack();
  return status;
}

static fathom_status_t copyBytes(const void *code, void *to, const void *from, uint64_t size) {
  codes.check(code);
  memcpy(to, from, size);
  return FATHOM_STATUS_OK;
}

const Device kApartDevice = {
    .name = "apart",
    .architecture = kCpuDevice.architecture,
    .isOnlyByName = false,
    .outOfMemory = FATHOM_STATUS_OUT_OF_RESOURCES,
    .describe = nullptr,
    .check = kCpuDevice.check,
    .load = load,
    .unload = unload,
    .allocate =
        [](const void *code, uint64_t size, DeviceAddress *address) {
          codes.check(code);
          return memory.allocate(size, address);
        },
    .free =
        [](const void *code, DeviceAddress address, uint64_t size) {
          codes.check(code);
          memory.free(address, size);
        },
    .grow = nullptr,
    .upload = [](const void *code, DeviceAddress to, const void *from,
                 uint64_t size) { return copyBytes(code, memory.find(to, size), from, size); },
    .readBack = [](const void *code, void *to, DeviceAddress from,
                   uint64_t size) { return copyBytes(code, to, memory.find(from, size), size); },
    .copy = [](const void *code, DeviceAddress to, DeviceAddress from,
               uint64_t size) { return copyBytes(code, memory.find(to, size), memory.find(from, size), size); },
    .adopt = [](const void *, const void *, uint64_t) { return DeviceAddress(0); },
    .start = start,
    .stop = stop,
    .prepare = nullptr,
    .threads = [](const void *given) { return kCpuDevice.threads(static_cast<const Executor *>(given)->executor); },
    .trace = [](void *given,
                const char *path) { return kCpuDevice.trace(static_cast<Executor *>(given)->executor, path); },
    .takeTraceFailure =
        [](void *given) { return kCpuDevice.takeTraceFailure(static_cast<Executor *>(given)->executor); },
    .run = run,
};

} // namespace fathom::test
