// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads and stores: ld, ldu, st, and hints.

#include "runtime/device/ptxsim/lanes.h"
#include "runtime/device/ptxsim/opcodes.h"

namespace fathom::runtime::ptxsim {

/// Each element at once, as on a device, whatever other blocks do meanwhile.
template <class T>
static uint64_t loadElement(const uint8_t *memory) {
  return __atomic_load_n(reinterpret_cast<const T *>(memory), __ATOMIC_RELAXED);
}

template <class T>
static void storeElement(uint8_t *memory, uint64_t value) {
  __atomic_store_n(reinterpret_cast<T *>(memory), static_cast<T>(value), __ATOMIC_RELAXED);
}

/// Fences order what relaxed accesses do not: acquire after the load, release before the store. Volatile ones too.
static void orderAccess(const Instruction &instruction) {
  if (instruction.atomic) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
  }
}

/// Operands: destinations, address. A signed element fills the register.
template <class T>
static void load(Warp &warp, const Instruction &instruction, LaneMask mask) {
  unsigned count = instruction.elements, bytes = count * sizeof(T);
  const Operand &address = instruction.operands[count];
  bool extends = isSigned(instruction.type);
  for (; mask != 0; mask &= mask - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(mask));
    const uint8_t *memory =
        warp.access(instruction, instruction.space, warp.address(address, lane), bytes, bytes, lane, Access::Read);
    if (memory == nullptr) {
      return;
    }
    for (unsigned i = 0; i < count; ++i) {
      uint64_t value = loadElement<T>(memory + i * sizeof(T));
      value = extends ? static_cast<uint64_t>(int64_t{static_cast<std::make_signed_t<T>>(value)}) : value;
      warp.destination(instruction.operands[i])[lane] = value & instruction.immediate;
    }
  }
  orderAccess(instruction);
}

template <class T>
static void store(Warp &warp, const Instruction &instruction, LaneMask mask) {
  unsigned count = instruction.elements, bytes = count * sizeof(T);
  orderAccess(instruction);
  for (; mask != 0; mask &= mask - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(mask));
    uint8_t *memory = warp.access(instruction, instruction.space, warp.address(instruction.operands[0], lane), bytes,
                                  bytes, lane, Access::Write);
    if (memory == nullptr) {
      return;
    }
    for (unsigned i = 0; i < count; ++i) {
      storeElement<T>(memory + i * sizeof(T), warp.lanes(instruction.operands[i + 1])[lane]);
    }
  }
}

static void loadWide(Warp &warp, const Instruction &instruction, LaneMask mask) {
  for (; mask != 0; mask &= mask - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(mask));
    const uint8_t *memory = warp.access(instruction, instruction.space, warp.address(instruction.operands[1], lane), 16,
                                        16, lane, Access::Read);
    if (memory == nullptr) {
      return;
    }
    uint64_t *d = warp.destination(instruction.operands[0]) + lane;
    d[0] = loadElement<uint64_t>(memory);
    d[kWarpSize] = loadElement<uint64_t>(memory + 8);
  }
}

static void storeWide(Warp &warp, const Instruction &instruction, LaneMask mask) {
  for (; mask != 0; mask &= mask - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(mask));
    uint8_t *memory = warp.access(instruction, instruction.space, warp.address(instruction.operands[0], lane), 16, 16,
                                  lane, Access::Write);
    if (memory == nullptr) {
      return;
    }
    const uint64_t *a = warp.lanes(instruction.operands[1]) + lane;
    storeElement<uint64_t>(memory, a[0]);
    storeElement<uint64_t>(memory + 8, a[kWarpSize]);
  }
}

namespace {
struct AccessHandlers {
  Handler load, store;
};
} // namespace

static AccessHandlers handlersOf(Type type, unsigned elements) {
  switch (bitsOf(type)) {
  case 8:
    return {load<uint8_t>, store<uint8_t>};
  case 16:
    return {load<uint16_t>, store<uint16_t>};
  case 32:
    return {load<uint32_t>, store<uint32_t>};
  case 64:
    return {load<uint64_t>, store<uint64_t>};
  case 128:
    return elements == 1 ? AccessHandlers{loadWide, storeWide} : AccessHandlers{};
  default:
    return {};
  }
}

/// Order, scope and hints: what differs here is only whether other blocks may see it early.
static void takeOrder(Decoder &decoder) {
  for (std::string_view order : {"volatile", "relaxed", "acquire", "release", "mmio"}) {
    decoder.instruction().atomic |= decoder.take(order);
  }
  decoder.skip({"weak", "cta", "cluster", "gpu", "sys", "nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  decoder.skipPrefixed("L1::");
  decoder.skipPrefixed("L2::");
}

static unsigned takeElements(Decoder &decoder) { return decoder.take("v4") ? 4 : decoder.take("v2") ? 2 : 1; }

static void skipPolicy(Decoder &decoder, bool hasPolicy) {
  if (hasPolicy) {
    decoder.next();
  }
}

static bool begin(Decoder &decoder) {
  Instruction &instruction = decoder.instruction();
  bool hasPolicy = decoder.has("L2::cache_hint");
  takeOrder(decoder);
  instruction.space = decoder.takeSpace();
  instruction.elements = static_cast<uint8_t>(takeElements(decoder));
  instruction.type = decoder.takeType();
  return hasPolicy;
}

static bool checkElements(Decoder &decoder, unsigned count) {
  if (count != decoder.instruction().elements) {
    decoder.fail("expected as many registers as elements");
  }
  if (bitsOf(decoder.instruction().type) * count > 128) {
    decoder.fail("a vector has at most 128 bits");
  }
  return !decoder.failed();
}

static void decodeLoad(Decoder &decoder) {
  bool hasPolicy = begin(decoder);
  Instruction &instruction = decoder.instruction();
  unsigned count = decoder.destinations(instruction.type, true);
  decoder.address();
  skipPolicy(decoder, hasPolicy);
  if (!checkElements(decoder, count)) {
    return;
  }
  unsigned width = instruction.operands[0].bits;
  instruction.immediate = width >= 64 ? UINT64_MAX : (uint64_t{1} << width) - 1;
  decoder.emit(handlersOf(instruction.type, count).load);
}

static void decodeStore(Decoder &decoder) {
  bool hasPolicy = begin(decoder);
  Instruction &instruction = decoder.instruction();
  decoder.address();
  unsigned count = decoder.sources(instruction.type, true);
  skipPolicy(decoder, hasPolicy);
  if (!checkElements(decoder, count)) {
    return;
  }
  if (instruction.space == Space::Param || instruction.space == Space::Const) {
    return decoder.fail("." + std::string(nameOf(instruction.space)) + " memory is not written");
  }
  decoder.emit(handlersOf(instruction.type, count).store);
}

/// Hints have no result, and no address of theirs is an error.
static void ignore(Warp &, const Instruction &, LaneMask) {}

static void decodePrefetch(Decoder &decoder) {
  takeOrder(decoder);
  decoder.instruction().space = decoder.takeSpace();
  decoder.skip({"L1", "L2", "tensormap"});
  decoder.address();
  decoder.emit(ignore);
}

static constexpr Opcode kOpcodes[] = {
    {"ld", decodeLoad},           {"ldu", decodeLoad},           {"st", decodeStore},
    {"prefetch", decodePrefetch}, {"prefetchu", decodePrefetch},
};

std::span<const Opcode> memoryOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
