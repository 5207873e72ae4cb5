// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of allocations.

#include "runtime/device/ptxsim/memory.h"

#include "runtime/device/ptxsim/finding.h"

#include <cinttypes>
#include <cstdlib>
#include <cstring>

namespace fathom::runtime::ptxsim {

/// Between allocations, so that what runs over the end of one does not reach the next.
static constexpr uint64_t kGap = 1 << 20;
static constexpr uint64_t kAlign = 512;
static constexpr size_t kRemembered = 256;

DeviceMemory::~DeviceMemory() { releaseAll(); }

void DeviceMemory::releaseAll() {
  while (!live_.empty()) {
    release(live_.begin()->first);
  }
}

uint64_t DeviceMemory::allocate(uint64_t bytes) {
  if (bytes == 0 || bytes > capacity_ - used_) {
    return 0;
  }
  uint64_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
  auto *host = static_cast<uint8_t *>(std::aligned_alloc(kAlign, rounded));
  if (host == nullptr) {
    return 0;
  }
  auto touched = std::make_unique<Touched>();
  if (!touched->read.create(bytes) || !touched->written.create(bytes)) {
    std::free(host);
    return 0;
  }
  std::memset(host, 0xff, rounded);
  uint64_t address = next_;
  next_ += rounded + kGap;
  used_ += bytes;
  live_.emplace(address, Allocation{address, bytes, host, false, std::move(touched)});
  return address;
}

bool DeviceMemory::release(uint64_t address) {
  auto found = live_.find(address);
  if (found == live_.end()) {
    return false;
  }
  std::free(found->second.host);
  used_ -= found->second.bytes;
  if (released_.size() == kRemembered) {
    released_.erase(released_.begin());
  }
  released_.push_back({address, found->second.bytes});
  live_.erase(found);
  return true;
}

void DeviceMemory::forgetTouched() {
  for (auto &[address, allocation] : live_) {
    allocation.touched->read.clear();
    allocation.touched->written.clear();
  }
}

const Allocation *DeviceMemory::find(uint64_t address, uint64_t bytes) const {
  auto after = live_.upper_bound(address);
  if (after == live_.begin()) {
    return nullptr;
  }
  const Allocation &allocation = std::prev(after)->second;
  uint64_t offset = address - allocation.address;
  return bytes <= allocation.bytes && offset <= allocation.bytes - bytes ? &allocation : nullptr;
}

static std::string named(const Allocation &allocation) {
  return format("the allocation of %" PRIu64 " bytes at 0x%" PRIx64, allocation.bytes, allocation.address);
}

std::string DeviceMemory::neighborhood(uint64_t address) const {
  for (const Allocation &allocation : released_) {
    if (address - allocation.address < allocation.bytes) {
      return "in " + named(allocation) + ", which was freed";
    }
  }
  auto after = live_.upper_bound(address);
  std::string text;
  if (after != live_.begin()) {
    const Allocation &before = std::prev(after)->second;
    uint64_t offset = address - before.address;
    text = offset < before.bytes ? format("%" PRIu64 " bytes before the end of ", before.bytes - offset)
                                 : format("%" PRIu64 " bytes after the end of ", offset - before.bytes);
    return text + named(before);
  }
  if (after == live_.end()) {
    return "nothing is allocated";
  }
  return format("%" PRIu64 " bytes before ", after->first - address) + named(after->second);
}

} // namespace fathom::runtime::ptxsim
