// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync, ldmatrix, stmatrix and movmatrix.

#include "runtime/device/ptxsim/block.h"
#include "runtime/device/ptxsim/matrix.h"
#include "runtime/device/ptxsim/opcodes.h"

#include <cstring>

namespace fathom::runtime::ptxsim {

template <size_t Registers>
static Fragment<Registers> fragmentOf(const Warp &warp, const Instruction &instruction, unsigned first,
                                      unsigned count) {
  Fragment<Registers> fragment{};
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t *slots = warp.lanes(instruction.operands[first + i]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      fragment[lane][i] = static_cast<uint32_t>(slots[lane]);
    }
  }
  return fragment;
}

static void setFragment(Warp &warp, const Instruction &instruction, unsigned first, unsigned count,
                        const Fragment<4> &fragment) {
  for (unsigned i = 0; i < count; ++i) {
    uint64_t *slots = warp.destination(instruction.operands[first + i]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      slots[lane] = fragment[lane][i];
    }
  }
}

// --- mma
// ----------------------------------------------------------------------------------------------------------------

static_assert(sizeof(MmaKind) <= sizeof(uint64_t));

/// Operands: the registers of d, a, b and c.
static void multiplyAdd(Warp &warp, const Instruction &instruction, LaneMask) {
  MmaKind kind;
  std::memcpy(&kind, &instruction.immediate, sizeof(kind));
  unsigned a = kind.sumRegisters(), b = a + kind.aRegisters(), c = b + kind.bRegisters();
  Fragment<4> d;
  multiply(kind, fragmentOf<4>(warp, instruction, a, kind.aRegisters()),
           fragmentOf<2>(warp, instruction, b, kind.bRegisters()),
           fragmentOf<4>(warp, instruction, c, kind.sumRegisters()), d);
  ++warp.block().counters().matrixInstructions;
  setFragment(warp, instruction, 0, kind.sumRegisters(), d);
}

static Element takeElement(Decoder &decoder) {
  Type type = decoder.takeType();
  std::optional<Element> element = elementNamed(nameOf(type));
  if (!element) {
    decoder.fail("unknown type '." + std::string(nameOf(type)) + "'");
  }
  return element.value_or(Element::F32);
}

/// Takes m16n8k<k>.
static unsigned takeDepth(Decoder &decoder) {
  for (unsigned k : {4, 8, 16, 32}) {
    if (decoder.take("m16n8k" + std::to_string(k))) {
      return k;
    }
  }
  decoder.fail("expected one of the shapes .m16n8k4, .m16n8k8, .m16n8k16, .m16n8k32");
  return 0;
}

static void decodeMma(Decoder &decoder) {
  decoder.skip({"sync", "aligned", "row", "col"});
  MmaKind kind{takeDepth(decoder), Element::F32, Element::F32, Element::F32, decoder.take("satfinite")};
  kind.sum = takeElement(decoder);
  kind.a = takeElement(decoder);
  kind.b = takeElement(decoder);
  if (takeElement(decoder) != kind.sum || !kind.isValid()) {
    return decoder.fail("there is no such combination of shape and types");
  }
  bool fits = decoder.destinations(Type::B32) == kind.sumRegisters();
  fits &= decoder.sources(Type::B32) == kind.aRegisters();
  fits &= decoder.sources(Type::B32) == kind.bRegisters();
  fits &= decoder.sources(Type::B32) == kind.sumRegisters();
  if (!fits) {
    return decoder.fail("the fragments have another number of registers");
  }
  std::memcpy(&decoder.instruction().immediate, &kind, sizeof(kind));
  decoder.instruction().gather = Gather::WholeWarp;
  decoder.emit(multiplyAdd);
}

// --- Moves of matrices
// --------------------------------------------------------------------------------------------------

/// The row of a lane; null after a finding.
static uint8_t *rowOf(Warp &warp, const Instruction &instruction, const Operand &address, unsigned lane, Access kind) {
  constexpr unsigned kRowBytes = 16;
  return warp.access(instruction, instruction.space, warp.address(address, lane), kRowBytes, kRowBytes, lane, kind);
}

/// Operands: destinations, address. `immediate`: .trans.
static void load(Warp &warp, const Instruction &instruction, LaneMask) {
  unsigned count = instruction.elements;
  Fragment<4> fragment{};
  bool failed = false;
  loadMatrices(
      count, instruction.immediate != 0,
      [&](unsigned lane, uint8_t *row) {
        const uint8_t *memory =
            failed ? nullptr : rowOf(warp, instruction, instruction.operands[count], lane, Access::Read);
        failed = memory == nullptr;
        if (!failed) {
          std::memcpy(row, memory, 16);
        }
      },
      fragment);
  if (!failed) {
    setFragment(warp, instruction, 0, count, fragment);
  }
}

/// Operands: address, sources.
static void store(Warp &warp, const Instruction &instruction, LaneMask) {
  bool failed = false;
  storeMatrices(instruction.elements, instruction.immediate != 0,
                fragmentOf<4>(warp, instruction, 1, instruction.elements), [&](unsigned lane, const uint8_t *row) {
                  uint8_t *memory =
                      failed ? nullptr : rowOf(warp, instruction, instruction.operands[0], lane, Access::Write);
                  failed = memory == nullptr;
                  if (!failed) {
                    std::memcpy(memory, row, 16);
                  }
                });
}

static void move(Warp &warp, const Instruction &instruction, LaneMask) {
  std::array<uint32_t, kWarpSize> from, to;
  std::copy_n(warp.lanes(instruction.operands[1]), kWarpSize, from.begin());
  transpose(from, to);
  std::copy(to.begin(), to.end(), warp.destination(instruction.operands[0]));
}

/// .sync.aligned.m8n8.x<count>[.trans][.shared].b16
static void takeMatrices(Decoder &decoder) {
  Instruction &instruction = decoder.instruction();
  decoder.skip({"sync", "aligned"});
  decoder.takeOne({"m8n8"});
  instruction.elements = static_cast<uint8_t>(1u << decoder.takeOne({"x1", "x2", "x4"}));
  instruction.immediate = decoder.take("trans");
  instruction.space = decoder.takeSpace();
  decoder.takeType({Type::B16});
  instruction.gather = Gather::WholeWarp;
}

static void checkCount(Decoder &decoder, unsigned count) {
  if (count != decoder.instruction().elements) {
    decoder.fail("expected as many registers as matrices");
  }
}

static void decodeLoad(Decoder &decoder) {
  takeMatrices(decoder);
  checkCount(decoder, decoder.destinations(Type::B32));
  decoder.address();
  decoder.emit(load);
}

static void decodeStore(Decoder &decoder) {
  takeMatrices(decoder);
  decoder.address();
  checkCount(decoder, decoder.sources(Type::B32));
  decoder.emit(store);
}

static void decodeMove(Decoder &decoder) {
  decoder.skip({"sync", "aligned"});
  decoder.takeOne({"m8n8"});
  decoder.takeOne({"trans"});
  decoder.takeType({Type::B16});
  decoder.destination(Type::B32);
  decoder.source(Type::B32);
  decoder.instruction().gather = Gather::WholeWarp;
  decoder.emit(move);
}

static constexpr Opcode kOpcodes[] = {
    {"mma", decodeMma}, {"ldmatrix", decodeLoad}, {"stmatrix", decodeStore}, {"movmatrix", decodeMove}};

std::span<const Opcode> matrixOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
