// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mbarrier.*: the state of an mbarrier, as arrive gives it, is the number of its phase.

#include "runtime/device/ptxsim/block.h"
#include "runtime/device/ptxsim/opcodes.h"
#include "runtime/device/ptxsim/ops_async.h"

namespace fathom::runtime::ptxsim {

static constexpr unsigned kObjectBytes = 8;

/// Runs `function(event, unit, address)` for each lane; the address is that of `operand`.
template <class Function>
static void forBarriers(Warp &warp, const Instruction &instruction, const Operand &operand, LaneMask mask,
                        Function function) {
  for (; mask != 0; mask &= mask - 1) {
    Event event{warp, instruction, static_cast<unsigned>(std::countr_zero(mask))};
    uint32_t address = 0;
    if (!sharedOffset(event, operand, kObjectBytes, kObjectBytes, address) ||
        complain(event, function(event, warp.block().async(), address))) {
      return;
    }
  }
}

static uint32_t valueOf(const Event &event, const Operand &operand) {
  return static_cast<uint32_t>(event.warp.lanes(operand)[event.lane]);
}

/// Operands: address, count.
static void init(Warp &warp, const Instruction &instruction, LaneMask mask) {
  forBarriers(warp, instruction, instruction.operands[0], mask, [&](auto &event, AsyncUnit &unit, uint32_t address) {
    return unit.init(event, address, valueOf(event, instruction.operands[1]));
  });
}

static void invalidate(Warp &warp, const Instruction &instruction, LaneMask mask) {
  forBarriers(warp, instruction, instruction.operands[0], mask,
              [&](auto &event, AsyncUnit &unit, uint32_t address) { return unit.invalidate(event, address); });
}

/// Operands: state, address, arrivals, bytes to expect. `immediate`: the thread drops out.
static void arrive(Warp &warp, const Instruction &instruction, LaneMask mask) {
  forBarriers(warp, instruction, instruction.operands[1], mask, [&](auto &event, AsyncUnit &unit, uint32_t address) {
    uint64_t state = 0;
    Complaint complaint = unit.arrive(event, address, valueOf(event, instruction.operands[2]),
                                      valueOf(event, instruction.operands[3]), instruction.immediate != 0, state);
    warp.destination(instruction.operands[0])[event.lane] = state;
    return complaint;
  });
}

/// Operands: address, bytes.
static void expect(Warp &warp, const Instruction &instruction, LaneMask mask) {
  forBarriers(warp, instruction, instruction.operands[0], mask, [&](auto &event, AsyncUnit &unit, uint32_t address) {
    return unit.expectBytes(event, address, valueOf(event, instruction.operands[1]));
  });
}

/// Operands: predicate, address, state or parity. `immediate`: it is a parity.
static void test(Warp &warp, const Instruction &instruction, LaneMask mask) {
  bool waits = false;
  forBarriers(warp, instruction, instruction.operands[1], mask, [&](auto &event, AsyncUnit &unit, uint32_t address) {
    bool isComplete = false;
    uint64_t state = warp.lanes(instruction.operands[2])[event.lane];
    Complaint complaint = unit.test(event, address, state, instruction.immediate != 0, isComplete);
    warp.destination(instruction.operands[0])[event.lane] = isComplete;
    waits |= !isComplete;
    return complaint;
  });
  if (waits) {
    warp.yield();
  }
}

static void takePlace(Decoder &decoder) {
  decoder.skip({"release", "acquire", "relaxed", "cta", "cluster"});
  decoder.instruction().space = decoder.takeSpace();
  decoder.takeType({Type::B64});
}

static void decodeArrive(Decoder &decoder, bool drops) {
  bool expects = decoder.take("expect_tx");
  takePlace(decoder);
  decoder.instruction().immediate = drops;
  decoder.destination(Type::B64);
  decoder.address();
  if (expects) {
    decoder.addConstant(1);
    decoder.source(Type::B32);
    return decoder.emit(arrive);
  }
  if (decoder.operandsLeft() != 0) {
    decoder.source(Type::B32);
  } else {
    decoder.addConstant(1);
  }
  decoder.addConstant(0);
  decoder.emit(arrive);
}

static void decodeTest(Decoder &decoder) {
  bool isParity = decoder.take("parity");
  takePlace(decoder);
  decoder.instruction().immediate = isParity;
  decoder.destination(Type::Pred);
  decoder.address();
  decoder.source(isParity ? Type::B32 : Type::B64);
  if (decoder.operandsLeft() != 0) {
    decoder.next(); // a limit of time
  }
  decoder.emit(test);
}

static void decodeMbarrier(Decoder &decoder) {
  static constexpr std::initializer_list<std::string_view> kOperations = {
      "init", "inval", "arrive", "arrive_drop", "expect_tx", "test_wait", "try_wait"};
  // arrive.expect_tx is an arrival.
  if (decoder.take("arrive")) {
    return decodeArrive(decoder, false);
  }
  if (decoder.take("arrive_drop")) {
    return decodeArrive(decoder, true);
  }
  switch (decoder.takeOne(kOperations)) {
  case 0:
    takePlace(decoder);
    decoder.address();
    decoder.source(Type::B32);
    return decoder.emit(init);
  case 1:
    takePlace(decoder);
    decoder.address();
    return decoder.emit(invalidate);
  case 4:
    takePlace(decoder);
    decoder.address();
    decoder.source(Type::B32);
    return decoder.emit(expect);
  default:
    return decodeTest(decoder);
  }
}

static constexpr Opcode kOpcodes[] = {{"mbarrier", decodeMbarrier}};

std::span<const Opcode> mbarrierOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
