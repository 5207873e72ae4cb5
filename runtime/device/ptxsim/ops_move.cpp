// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves: mov with packing and unpacking, cvta, isspacep, mapa.

#include "runtime/device/ptxsim/block.h"
#include "runtime/device/ptxsim/lanes.h"
#include "runtime/device/ptxsim/opcodes.h"

#include <algorithm>

namespace fathom::runtime::ptxsim {

static void move(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  auto offset = static_cast<uint64_t>(instruction.operands[1].offset);
  uint64_t keep = instruction.immediate;
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) { return (a[lane] + offset) & keep; });
}

static void movePredicate(Warp &warp, const Instruction &instruction, LaneMask mask) {
  LaneMask values = warp.predicate(instruction.operands[1]);
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) { return uint64_t{values >> lane & 1}; });
}

static void moveClock(Warp &warp, const Instruction &instruction, LaneMask mask) {
  warp.readClocks();
  move(warp, instruction, mask);
}

static void moveWide(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  uint64_t *d = warp.destination(instruction.operands[0]);
  forLanes(d, mask, [=](unsigned lane) { return a[lane]; });
  forLanes(d + kWarpSize, mask, [=](unsigned lane) { return a[kWarpSize + lane]; });
}

/// d = {a, b, …}, the first in the lowest bits; `immediate` bits each.
static void pack(Warp &warp, const Instruction &instruction, LaneMask mask) {
  uint64_t packed[2][kWarpSize] = {};
  uint64_t bits = instruction.immediate;
  for (size_t i = 1; i < instruction.operands.size(); ++i) {
    const uint64_t *part = warp.lanes(instruction.operands[i]);
    uint64_t at = (i - 1) * bits;
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      packed[at / 64][lane] |= part[lane] << at % 64;
    }
  }
  uint64_t *d = warp.destination(instruction.operands[0]);
  forLanes(d, mask, [&](unsigned lane) { return packed[0][lane]; });
  if (instruction.type == Type::B128) {
    forLanes(d + kWarpSize, mask, [&](unsigned lane) { return packed[1][lane]; });
  }
}

/// {d, e, …} = a
static void unpack(Warp &warp, const Instruction &instruction, LaneMask mask) {
  size_t count = instruction.operands.size() - 1;
  uint64_t bits = instruction.immediate, keep = bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
  // A destination may be the source.
  uint64_t source[2][kWarpSize];
  const uint64_t *a = warp.lanes(instruction.operands[count]);
  std::copy_n(a, kWarpSize, source[0]);
  if (instruction.type == Type::B128) {
    std::copy_n(a + kWarpSize, kWarpSize, source[1]);
  }
  for (size_t i = 0; i < count; ++i) {
    const uint64_t *from = source[i * bits / 64];
    uint64_t shift = i * bits % 64;
    forLanes(warp.destination(instruction.operands[i]), mask,
             [=](unsigned lane) { return from[lane] >> shift & keep; });
  }
}

static Type partType(Type type, size_t count) {
  switch (bitsOf(type) / count) {
  case 8:
    return Type::B8;
  case 16:
    return Type::B16;
  case 32:
    return Type::B32;
  case 64:
    return Type::B64;
  default:
    return Type::None;
  }
}

static void decodePacked(Decoder &decoder, Type type, bool isUnpack) {
  const ParsedOperand *vector = &decoder.parsed().operands[isUnpack ? 0 : 1];
  size_t count = vector->parts.size();
  Type part = count == 2 || count == 4 ? partType(type, count) : Type::None;
  if (part == Type::None) {
    return decoder.fail("expected 2 or 4 elements that make up ." + std::string(nameOf(type)));
  }
  decoder.instruction().immediate = bitsOf(part);
  // Elements of 8 bits are in registers of 16.
  bool wider = part == Type::B8;
  isUnpack ? decoder.destinations(part, wider) : decoder.destinations(type);
  isUnpack ? decoder.sources(type) : decoder.sources(part, wider);
  decoder.emit(isUnpack ? unpack : pack);
}

static void decodeMove(Decoder &decoder) {
  Type type = decoder.takeType();
  decoder.instruction().type = type;
  const std::vector<ParsedOperand> &operands = decoder.parsed().operands;
  bool isUnpack = !operands.empty() && operands[0].kind == ParsedOperand::Kind::Vector;
  if (isUnpack || (operands.size() > 1 && operands[1].kind == ParsedOperand::Kind::Vector)) {
    return decodePacked(decoder, type, isUnpack);
  }
  decoder.destination(type);
  decoder.source(type);
  if (decoder.failed()) {
    return;
  }
  const Operand &source = decoder.instruction().operands[1];
  bool isClocked = !source.isConstant && source.place < kSpecials && isClock(static_cast<Special>(source.place));
  decoder.instruction().immediate = bitsOf(type) < 64 ? (uint64_t{1} << bitsOf(type)) - 1 : UINT64_MAX;
  decoder.emit(isClocked ? moveClock : type == Type::Pred ? movePredicate : bitsOf(type) == 128 ? moveWide : move);
}

static uint64_t windowOf(Space space) {
  return space == Space::Shared  ? kSharedWindow
         : space == Space::Local ? kLocalWindow
         : space == Space::Param ? kParamWindow
                                 : 0;
}

/// Generic addresses of global and constant memory are what they are.
static void toGeneric(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  uint64_t window = instruction.immediate, offset = static_cast<uint64_t>(instruction.operands[1].offset);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) { return (a[lane] + offset) | window; });
}

static void fromGeneric(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  uint64_t window = instruction.immediate;
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    return window != 0 && (a[lane] & kWindowMask) == window ? a[lane] ^ window : a[lane];
  });
}

static void decodeConvertAddress(Decoder &decoder) {
  bool isTo = decoder.take("to");
  Space space = decoder.takeSpace();
  Type type = decoder.takeType({Type::U64});
  if (space == Space::Generic) {
    return decoder.fail("expected a space");
  }
  // In a function, what is .param is in its frame.
  bool isFrame = space == Space::Param && !decoder.function().isEntry;
  decoder.instruction().immediate = windowOf(isFrame ? Space::Local : space);
  decoder.destination(type);
  decoder.source(type);
  decoder.emit(isTo ? fromGeneric : toGeneric);
}

static void isInSpace(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  uint64_t window = instruction.immediate;
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) -> uint64_t { return (a[lane] & kWindowMask) == window; });
}

static void decodeIsSpace(Decoder &decoder) {
  Space space = decoder.takeSpace();
  decoder.instruction().immediate = space == Space::Global ? kGlobalWindow : windowOf(space);
  decoder.destination(Type::Pred);
  decoder.source(Type::B64);
  decoder.emit(isInSpace);
}

/// The address that a variable of shared memory has in the block of another rank.
static void mapToRank(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *rank = warp.lanes(instruction.operands[2]);
  auto offset = static_cast<uint64_t>(instruction.operands[1].offset);
  constexpr uint64_t window = kWindowMask | kSharedOffsetMask;
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    return ((a[lane] + offset) & window) | ((rank[lane] & UINT32_MAX) + 1) << kSharedRankShift;
  });
}

static void decodeMap(Decoder &decoder) {
  decoder.takeSpace();
  Type type = decoder.takeType({Type::U32, Type::U64});
  decoder.destination(type);
  decoder.source(type);
  decoder.source(Type::U32);
  decoder.emit(mapToRank);
}

static constexpr Opcode kOpcodes[] = {
    {"mov", decodeMove},
    {"cvta", decodeConvertAddress},
    {"isspacep", decodeIsSpace},
    {"mapa", decodeMap},
};

std::span<const Opcode> moveOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
