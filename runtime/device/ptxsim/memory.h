// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory of a simulated device: allocations at addresses that no host pointer has.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_MEMORY_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_MEMORY_H

#include "runtime/device/ptxsim/touched_bytes.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fathom::runtime::ptxsim {

// Generic addresses begin with the space that they are in; none of them is canonical on the host.
constexpr uint64_t kWindowMask = 0xffull << 56;
constexpr uint64_t kSharedWindow = 0x0aull << 56;
constexpr uint64_t kLocalWindow = 0x0bull << 56;
constexpr uint64_t kParamWindow = 0x0cull << 56;
constexpr uint64_t kGlobalWindow = 0x0dull << 56;

/// An address of shared memory is an offset in that of the own block, or, from mapa, of the block whose rank in the
/// cluster is one less than what is above these bits.
constexpr unsigned kSharedRankShift = 24;
constexpr uint64_t kSharedOffsetMask = (uint64_t{1} << kSharedRankShift) - 1;

/// By the launch that runs.
struct Touched {
  TouchedBytes read, written;
};

struct Allocation {
  uint64_t address = 0;
  uint64_t bytes = 0;
  uint8_t *host = nullptr;
  bool readOnly = false;
  std::unique_ptr<Touched> touched = {};
};

class DeviceMemory {
public:
  explicit DeviceMemory(uint64_t capacity) : capacity_(capacity) {}
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// 0 where there is no room. What is allocated holds NaNs, whatever the type.
  uint64_t allocate(uint64_t bytes);
  bool release(uint64_t address);
  void releaseAll();
  void setReadOnly(uint64_t address) { live_.find(address)->second.readOnly = true; }

  /// Another launch begins.
  void forgetTouched();

  /// The allocation that [address, address + bytes) is in, or null.
  const Allocation *find(uint64_t address, uint64_t bytes) const;
  /// Where an address is in relation to the allocations nearest to it.
  std::string neighborhood(uint64_t address) const;

  uint64_t capacity() const { return capacity_; }
  uint64_t used() const { return used_; }
  size_t count() const { return live_.size(); }

private:
  uint64_t capacity_;
  uint64_t used_ = 0;
  uint64_t next_ = kGlobalWindow + (1 << 20);
  std::map<uint64_t, Allocation> live_;
  /// The last ones that were released, to say so where they are used.
  std::vector<Allocation> released_;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_MEMORY_H
