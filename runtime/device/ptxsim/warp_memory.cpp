// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a warp reaches memory: all checks of addresses are here.

#include "runtime/device/ptxsim/block.h"

#include <cinttypes>

namespace fathom::runtime::ptxsim {

static Space spaceOf(uint64_t generic) {
  switch (generic & kWindowMask) {
  case kSharedWindow:
    return Space::Shared;
  case kLocalWindow:
    return Space::Local;
  case kParamWindow:
    return Space::Param;
  default:
    return Space::Global;
  }
}

static const char *verb(Access kind) {
  return kind == Access::Read ? "reads" : kind == Access::Write ? "writes" : "updates";
}

uint8_t *Warp::misplaced(const Instruction &instruction, Space space, uint64_t address, unsigned bytes, unsigned lane,
                         uint64_t size) {
  fail(instruction, lane, cuda::kIllegalAddress,
       format("out of bounds: %u bytes at 0x%" PRIx64 " of %s memory, which has %" PRIu64 " bytes", bytes, address,
              std::string(nameOf(space)).c_str(), size));
  return nullptr;
}

uint8_t *Warp::global(const Instruction &instruction, uint64_t address, unsigned bytes, unsigned lane, Access kind) {
  const Allocation *allocation = lastAllocation_;
  if (allocation == nullptr || address - allocation->address > allocation->bytes - bytes || bytes > allocation->bytes) {
    const DeviceMemory &memory = *block_->grid().memory;
    allocation = memory.find(address, bytes);
    if (allocation == nullptr) {
      fail(instruction, lane, cuda::kIllegalAddress,
           format("out of bounds: %s %u bytes at 0x%" PRIx64 " of global memory, %s", verb(kind), bytes, address,
                  memory.neighborhood(address).c_str()));
      return nullptr;
    }
    lastAllocation_ = allocation;
  }
  if (allocation->readOnly && kind != Access::Read) {
    fail(instruction, lane, cuda::kIllegalAddress,
         format("%s 0x%" PRIx64 ", which is constant memory", verb(kind), address));
    return nullptr;
  }
  count(*allocation, address, bytes, kind);
  return allocation->host + (address - allocation->address);
}

void Warp::count(const Allocation &allocation, uint64_t address, unsigned bytes, Access kind) {
  Counters &counters = block_->counters();
  bool isWrite = kind != Access::Read;
  TouchedBytes &touched = isWrite ? allocation.touched->written : allocation.touched->read;
  (isWrite ? counters.distinctBytesWritten : counters.distinctBytesRead) +=
      touched.mark(address - allocation.address, bytes);
  log_.addGlobal(address, bytes, isWrite);
}

void Warp::watch(const Instruction &instruction, uint32_t address, unsigned bytes, unsigned lane, Access kind,
                 const uint8_t *host) {
  Event event{*this, instruction, lane};
  bool isStrong = instruction.atomic || kind == Access::Atomic;
  if (kind != Access::Write) {
    block_->watch().access(event, isStrong ? Shadow::Kind::StrongRead : Shadow::Kind::Read, address, bytes, host);
  }
  if (kind != Access::Read) {
    block_->watch().access(event, isStrong ? Shadow::Kind::StrongWrite : Shadow::Kind::Write, address, bytes, host);
  }
}

uint8_t *Warp::access(const Instruction &instruction, Space space, uint64_t address, unsigned bytes, unsigned align,
                      unsigned lane, Access kind) {
  if ((address & (align - 1)) != 0) {
    fail(instruction, lane, cuda::kMisalignedAddress,
         format("misaligned: %s %u bytes at 0x%" PRIx64 ", which is not a multiple of %u", verb(kind), bytes, address,
                align));
    return nullptr;
  }
  if (space == Space::Generic) {
    space = spaceOf(address);
    address = space == Space::Global ? address : address & ~kWindowMask;
  }
  Counters &counters = block_->counters();
  (kind == Access::Read ? counters.bytesRead : counters.bytesWritten)[static_cast<size_t>(space)] += bytes;
  switch (space) {
  case Space::Shared: {
    uint64_t rank = address >> kSharedRankShift, offset = address & kSharedOffsetMask;
    std::vector<Block> &blocks = block_->cluster().blocks();
    if (rank > blocks.size()) {
      return misplaced(instruction, space, address, bytes, lane, block_->shared().size());
    }
    std::vector<uint8_t> &shared = rank == 0 ? block_->shared() : blocks[rank - 1].shared();
    bool fits = bytes <= shared.size() && offset <= shared.size() - bytes;
    if (!fits) {
      return misplaced(instruction, space, offset, bytes, lane, shared.size());
    }
    if (kind != Access::Background) {
      log_.addShared(address, bytes, lane);
    }
    if (&shared == &block_->shared() && kind != Access::Background) {
      watch(instruction, static_cast<uint32_t>(offset), bytes, lane, kind, shared.data() + offset);
    }
    return shared.data() + offset;
  }
  case Space::Local: {
    uint64_t size = kernel_->localBytes;
    bool fits = bytes <= size && address <= size - bytes;
    return fits ? local_.data() + lane * size + address : misplaced(instruction, space, address, bytes, lane, size);
  }
  case Space::Param: {
    // Only entries have it, and nothing writes it.
    auto *parameters = const_cast<uint8_t *>(block_->grid().parameters.data());
    uint64_t size = kernel_->parameterBytes;
    bool fits = bytes <= size && address <= size - bytes && kind == Access::Read;
    return fits ? parameters + address : misplaced(instruction, space, address, bytes, lane, size);
  }
  default:
    return global(instruction, address, bytes, lane, kind);
  }
}

} // namespace fathom::runtime::ptxsim
