// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma.*: each warp of a warpgroup multiplies its quarter when it issues. The registers are as good as overwritten,
// and shared memory is read, until wait_group.

#include "runtime/device/ptxsim/wgmma.h"

#include "runtime/device/ptxsim/block.h"
#include "runtime/device/ptxsim/opcodes.h"
#include "runtime/device/ptxsim/ops_async.h"

#include <cstring>

namespace fathom::runtime::ptxsim {

static_assert(sizeof(WgmmaKind) <= sizeof(uint64_t));

static constexpr unsigned kWarpsPerGroup = 4;

/// The value that a descriptor has in all lanes; false after a finding.
static bool uniform(const Event &event, const Operand &operand, uint64_t &value) {
  const uint64_t *slots = event.warp.lanes(operand);
  value = slots[0];
  bool isUniform = std::all_of(slots, slots + kWarpSize, [&](uint64_t slot) { return slot == value; });
  return isUniform || !complain(event, "the descriptor is not the same for all lanes");
}

/// Shared memory, for the async proxy.
static ReadShared reader(const Event &event, bool &failed) {
  return [&event, &failed](uint32_t address, unsigned bytes, uint8_t *to) {
    const std::vector<uint8_t> &shared = event.warp.block().shared();
    if (failed || uint64_t{address} + bytes > shared.size()) {
      failed = failed || complain(event, format("out of bounds: a matrix has bytes at 0x%x of shared memory, which has "
                                                "%zu bytes",
                                                address, shared.size()));
      std::memset(to, 0, bytes);
      return;
    }
    std::memcpy(to, shared.data() + address, bytes);
  };
}

/// Marks what a matrix of `rows` rows from `first` on reads, in pieces of 16 bytes.
static void watchMatrix(const Event &event, const WgmmaKind &kind, uint64_t bits, unsigned first, unsigned rows,
                        bool transposed, Element element) {
  MatrixDescriptor matrix(bits);
  unsigned bytes = elementBits(element) / 8, perPiece = 16 / bytes;
  unsigned rowStep = transposed ? perPiece : 1, kStep = transposed ? 1 : perPiece;
  Warp &warp = event.warp;
  for (unsigned row = first; row < first + rows; row += rowStep) {
    for (unsigned k = 0; k < kind.k; k += kStep) {
      warp.block().watch().start(event, warp.wgmmaActor(), warp.wgmma().group(), Shadow::Kind::AsyncRead,
                                 matrix.addressOf(row, k, bytes, transposed), 16);
    }
  }
}

/// The registers that an instruction has in its hands until wait_group.
static std::vector<uint32_t> placesOf(const Instruction &instruction, unsigned sums, unsigned inputs) {
  std::vector<uint32_t> places;
  for (unsigned i = 0; i < sums + (inputs > 1 ? inputs : 0); ++i) {
    places.push_back(instruction.operands[i].place);
  }
  return places;
}

static bool readOperands(const Event &event, const Instruction &instruction, const WgmmaKind &kind,
                         WgmmaOperands &operands) {
  unsigned sums = kind.sumRegisters(), inputs = instruction.elements, quarter = event.warp.index() % kWarpsPerGroup;
  bool failed = false;
  uint64_t a = 0, b = 0;
  if (inputs > 1) {
    Fragment<4> registers;
    for (unsigned i = 0; i < inputs; ++i) {
      for (unsigned lane = 0; lane < kWarpSize; ++lane) {
        registers[lane][i] = static_cast<uint32_t>(event.warp.lanes(instruction.operands[sums + i])[lane]);
      }
    }
    readA(kind, registers, operands);
  } else if (uniform(event, instruction.operands[sums], a)) {
    readA(kind, quarter, a, reader(event, failed), operands);
    watchMatrix(event, kind, a, quarter * 16, 16, kind.transposesA, kind.a);
  } else {
    return false;
  }
  if (!uniform(event, instruction.operands[sums + inputs], b)) {
    return false;
  }
  readB(kind, b, reader(event, failed), operands);
  watchMatrix(event, kind, b, 0, kind.n, kind.transposesB, kind.b);
  return !failed;
}

/// Operands: the registers of d; a descriptor or the registers of A; that of B; the predicate that d is added.
static void multiplyAsync(Warp &warp, const Instruction &instruction, LaneMask) {
  WgmmaKind kind;
  std::memcpy(&kind, &instruction.immediate, sizeof(kind));
  unsigned sums = kind.sumRegisters();
  Event event{warp, instruction, 0};
  const char *problem = warp.wgmma().issue(placesOf(instruction, sums, instruction.elements));
  WgmmaOperands operands;
  if (complain(event, problem == nullptr ? "" : problem) || !readOperands(event, instruction, kind, operands)) {
    return;
  }
  WgmmaSums d(sums);
  for (unsigned i = 0; i < sums; ++i) {
    std::copy_n(warp.lanes(instruction.operands[i]), kWarpSize, d[i].begin());
  }
  multiply(kind, operands, warp.predicate(instruction.operands.back()) != 0, d);
  ++warp.block().counters().matrixInstructions;
  for (unsigned i = 0; i < sums; ++i) {
    std::copy(d[i].begin(), d[i].end(), warp.destination(instruction.operands[i]));
  }
}

static void fence(Warp &warp, const Instruction &, LaneMask) { warp.wgmma().fence(); }
static void commit(Warp &warp, const Instruction &, LaneMask) { warp.wgmma().commit(); }

static void wait(Warp &warp, const Instruction &instruction, LaneMask) {
  uint32_t complete = warp.wgmma().wait(static_cast<uint32_t>(instruction.immediate));
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    warp.block().watch().clocks().finish(warp.index() * kWarpSize + lane, warp.wgmmaActor(), complete);
  }
}

/// Takes m64n<n>k<k>.
static bool takeShape(Decoder &decoder, WgmmaKind &kind) {
  for (unsigned n = 8; n <= 256; n += 8) {
    for (unsigned k : {8, 16, 32}) {
      if (decoder.take("m64n" + std::to_string(n) + "k" + std::to_string(k))) {
        kind.n = static_cast<uint16_t>(n);
        kind.k = static_cast<uint8_t>(k);
        return true;
      }
    }
  }
  decoder.fail("expected a shape .m64n<8 to 256>k<8, 16 or 32>");
  return false;
}

static Element takeElement(Decoder &decoder) {
  std::optional<Element> element = elementNamed(nameOf(decoder.takeType()));
  if (!element) {
    decoder.fail("unknown type");
  }
  return element.value_or(Element::F32);
}

/// An operand that is 1 or -1; whether it is -1.
static bool takeSign(Decoder &decoder) {
  const ParsedOperand *operand = decoder.next();
  bool isSign = operand != nullptr && operand->kind == ParsedOperand::Kind::Integer &&
                (operand->value == 1 || operand->value == UINT64_MAX);
  if (!isSign) {
    decoder.fail("expected 1 or -1");
  }
  return isSign && operand->value != 1;
}

static void decodeMultiply(Decoder &decoder) {
  WgmmaKind kind{};
  if (!takeShape(decoder, kind)) {
    return;
  }
  kind.satfinite = decoder.take("satfinite");
  kind.sum = takeElement(decoder);
  kind.a = takeElement(decoder);
  kind.b = takeElement(decoder);
  unsigned sums = decoder.destinations(Type::B32);
  bool hasRegisters = decoder.peek() != nullptr && decoder.peek()->kind == ParsedOperand::Kind::Vector;
  unsigned inputs = hasRegisters ? decoder.sources(Type::B32) : (decoder.source(Type::B64), 1);
  decoder.source(Type::B64);
  decoder.source(Type::Pred);
  if (kind.sum != Element::S32) {
    kind.negatesA = takeSign(decoder);
    kind.negatesB = takeSign(decoder);
  }
  if (elementBits(kind.a) == 16) {
    kind.transposesA = !hasRegisters && decoder.integer(1) != 0;
    kind.transposesB = decoder.integer(1) != 0;
  }
  if (!kind.isValid() || sums != kind.sumRegisters() || inputs != (hasRegisters ? WgmmaKind::kARegisters : 1)) {
    return decoder.fail("there is no such combination of shape, types and registers");
  }
  Instruction &instruction = decoder.instruction();
  instruction.elements = static_cast<uint8_t>(inputs);
  std::memcpy(&instruction.immediate, &kind, sizeof(kind));
  instruction.isWgmma = true;
  decoder.emit(multiplyAsync);
}

static void decodeWgmma(Decoder &decoder) {
  decoder.skip({"sync", "aligned"});
  decoder.builder().kernel().usesWgmma = true;
  decoder.instruction().gather = Gather::WholeWarp;
  switch (decoder.takeOne({"mma_async", "fence", "commit_group", "wait_group"})) {
  case 0:
    return decodeMultiply(decoder);
  case 1:
    return decoder.emit(fence);
  case 2:
    return decoder.emit(commit);
  default:
    decoder.instruction().immediate = decoder.integer(7);
    return decoder.emit(wait);
  }
}

static constexpr Opcode kOpcodes[] = {{"wgmma", decodeWgmma}};

std::span<const Opcode> wgmmaOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
