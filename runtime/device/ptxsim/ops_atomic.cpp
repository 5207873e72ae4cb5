// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Atomic updates of memory: atom and red.

#include "runtime/device/ptxsim/opcodes.h"
#include "runtime/device/ptxsim/ops_float.h"

namespace fathom::runtime::ptxsim {

/// What is written where `old` was; slots as in registers.
using Update = uint64_t (*)(uint64_t old, uint64_t b, uint64_t c);

namespace {
struct UpdateRow {
  std::string_view name;
  Type type;
  Update update;
};
} // namespace

template <class T>
static uint64_t addIntegers(uint64_t old, uint64_t b, uint64_t) {
  return put(static_cast<T>(old + b));
}

template <class T>
static uint64_t least(uint64_t old, uint64_t b, uint64_t) {
  return put(std::min(get<T>(old), get<T>(b)));
}

template <class T>
static uint64_t greatest(uint64_t old, uint64_t b, uint64_t) {
  return put(std::max(get<T>(old), get<T>(b)));
}

template <class Codec>
static uint64_t addFloats(uint64_t old, uint64_t b, uint64_t) {
  uint64_t sum = 0;
  for (unsigned part = 0; part < Codec::kParts; ++part) {
    sum |= Codec::store(Codec::load(old >> (part * 16)) + Codec::load(b >> (part * 16))) << (part * 16);
  }
  return sum;
}

static uint64_t andBits(uint64_t old, uint64_t b, uint64_t) { return old & b; }
static uint64_t orBits(uint64_t old, uint64_t b, uint64_t) { return old | b; }
static uint64_t xorBits(uint64_t old, uint64_t b, uint64_t) { return old ^ b; }
static uint64_t exchange(uint64_t, uint64_t b, uint64_t) { return b; }
static uint64_t compareAndSwap(uint64_t old, uint64_t b, uint64_t c) { return old == b ? c : old; }
static uint64_t increment(uint64_t old, uint64_t b, uint64_t) { return old >= b ? 0 : old + 1; }
static uint64_t decrement(uint64_t old, uint64_t b, uint64_t) { return old == 0 || old > b ? b : old - 1; }

static constexpr UpdateRow kUpdates[] = {
    {"add", Type::U32, addIntegers<uint32_t>},
    {"add", Type::S32, addIntegers<uint32_t>},
    {"add", Type::U64, addIntegers<uint64_t>},
    {"add", Type::S64, addIntegers<uint64_t>},
    {"add", Type::F32, addFloats<CodecF32>},
    {"add", Type::F64, addFloats<CodecF64>},
    {"add", Type::F16, addFloats<CodecF16>},
    {"add", Type::F16x2, addFloats<CodecF16x2>},
    {"add", Type::BF16, addFloats<CodecBF16>},
    {"add", Type::BF16x2, addFloats<CodecBF16x2>},
    {"min", Type::U32, least<uint32_t>},
    {"min", Type::S32, least<int32_t>},
    {"min", Type::U64, least<uint64_t>},
    {"min", Type::S64, least<int64_t>},
    {"max", Type::U32, greatest<uint32_t>},
    {"max", Type::S32, greatest<int32_t>},
    {"max", Type::U64, greatest<uint64_t>},
    {"max", Type::S64, greatest<int64_t>},
    {"and", Type::B32, andBits},
    {"and", Type::B64, andBits},
    {"or", Type::B32, orBits},
    {"or", Type::B64, orBits},
    {"xor", Type::B32, xorBits},
    {"xor", Type::B64, xorBits},
    {"exch", Type::B32, exchange},
    {"exch", Type::B64, exchange},
    {"cas", Type::B16, compareAndSwap},
    {"cas", Type::B32, compareAndSwap},
    {"cas", Type::B64, compareAndSwap},
    {"inc", Type::U32, increment},
    {"dec", Type::U32, decrement},
};

template <class T>
static T updateWord(uint8_t *memory, Update update, uint64_t b, uint64_t c) {
  auto *word = reinterpret_cast<T *>(memory);
  T old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
  while (!__atomic_compare_exchange_n(word, &old, static_cast<T>(update(old, b, c)), false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_SEQ_CST)) {
  }
  return old;
}

/// Operands: `elements` destinations (sinks of red), the address, as many sources, of cas the new value. Each element
/// is updated at once, a vector is not.
template <class T>
static void update(Warp &warp, const Instruction &instruction, LaneMask mask) {
  unsigned count = instruction.elements;
  bool hasThird = instruction.operands.size() > 2 * count + 1;
  Update function = kUpdates[instruction.immediate].update;
  for (; mask != 0; mask &= mask - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(mask));
    uint64_t address = warp.address(instruction.operands[count], lane);
    uint8_t *memory = warp.access(instruction, instruction.space, address, count * sizeof(T), count * sizeof(T), lane,
                                  Access::Atomic);
    if (memory == nullptr) {
      return;
    }
    for (unsigned i = 0; i < count; ++i) {
      uint64_t b = warp.lanes(instruction.operands[count + 1 + i])[lane];
      uint64_t c = hasThird ? warp.lanes(instruction.operands[count + 2])[lane] : 0;
      uint64_t old = updateWord<T>(memory + i * sizeof(T), function, b, c);
      warp.destination(instruction.operands[i])[lane] = old;
    }
  }
}

static Handler updateHandler(Type type) {
  switch (bitsOf(type)) {
  case 16:
    return update<uint16_t>;
  case 32:
    return update<uint32_t>;
  default:
    return update<uint64_t>;
  }
}

/// The row of an operation and a type, or the number of rows.
static size_t findUpdate(std::string_view name, Type type) {
  for (size_t row = 0; row < std::size(kUpdates); ++row) {
    if (kUpdates[row].name == name && kUpdates[row].type == type) {
      return row;
    }
  }
  return std::size(kUpdates);
}

static std::string_view takeOperation(Decoder &decoder) {
  for (const UpdateRow &row : kUpdates) {
    if (decoder.take(row.name)) {
      return row.name;
    }
  }
  decoder.fail("expected an operation");
  return "";
}

template <bool hasResult>
static void decodeUpdate(Decoder &decoder) {
  Instruction &instruction = decoder.instruction();
  decoder.skip({"relaxed", "acquire", "release", "acq_rel", "cta", "cluster", "gpu", "sys", "noftz"});
  instruction.space = decoder.takeSpace();
  instruction.elements = static_cast<uint8_t>(decoder.take("v4") ? 4 : decoder.take("v2") ? 2 : 1);
  std::string_view operation = takeOperation(decoder);
  instruction.type = decoder.takeType();
  instruction.immediate = findUpdate(operation, instruction.type);
  if (instruction.immediate == std::size(kUpdates)) {
    return decoder.fail("unknown type '." + std::string(nameOf(instruction.type)) + "' of ." + std::string(operation));
  }
  ParsedOperand sink;
  sink.name = "_";
  unsigned count = hasResult ? decoder.destinations(instruction.type) : instruction.elements;
  for (unsigned i = 0; !hasResult && i < count; ++i) {
    decoder.addDestination(sink, instruction.type);
  }
  decoder.address();
  if (decoder.sources(instruction.type) != instruction.elements || count != instruction.elements) {
    decoder.fail("expected as many registers as elements");
  }
  if (operation == "cas") {
    decoder.source(instruction.type);
  }
  decoder.emit(updateHandler(instruction.type));
}

static constexpr Opcode kOpcodes[] = {{"atom", decodeUpdate<true>}, {"red", decodeUpdate<false>}};

std::span<const Opcode> atomicOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
