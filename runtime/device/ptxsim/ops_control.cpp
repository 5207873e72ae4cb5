// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Control: bra, brx, call, ret, exit, trap, nanosleep.

#include "runtime/device/ptxsim/lanes.h"
#include "runtime/device/ptxsim/opcodes.h"

#include <cstring>

namespace fathom::runtime::ptxsim {

static void branch(Warp &warp, const Instruction &instruction, LaneMask mask) { warp.branch(mask, instruction.target); }

static void decodeBranch(Decoder &decoder) {
  decoder.take("uni");
  const ParsedOperand *label = decoder.next();
  if (label != nullptr) {
    decoder.branchTo(label->name);
  }
  decoder.emit(branch);
}

static void branchByIndex(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *index = warp.lanes(instruction.operands[0]);
  uint32_t targets[kWarpSize];
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(rest));
    if (index[lane] >= instruction.targets.size()) {
      warp.fail(instruction, lane, cuda::kLaunchFailed,
                format("index %llu of %zu targets", static_cast<unsigned long long>(index[lane]),
                       instruction.targets.size()));
      return;
    }
    targets[lane] = instruction.targets[index[lane]];
  }
  warp.branchEach(mask, targets);
}

static void decodeBranchByIndex(Decoder &decoder) {
  decoder.skip({"uni", "idx"});
  decoder.source(Type::U32);
  const ParsedOperand *targets = decoder.next();
  if (targets != nullptr) {
    decoder.branchToAny(targets->name);
  }
  decoder.emit(branchByIndex);
}

static void leave(Warp &warp, const Instruction &, LaneMask mask) { warp.ret(mask); }

static void decodeReturn(Decoder &decoder) {
  decoder.take("uni");
  decoder.emit(leave);
}

static void exitThread(Warp &warp, const Instruction &, LaneMask mask) { warp.exit(mask); }

static void decodeExit(Decoder &decoder) { decoder.emit(exitThread); }

static void trap(Warp &warp, const Instruction &instruction, LaneMask mask) {
  warp.fail(instruction, static_cast<unsigned>(std::countr_zero(mask)), cuda::kLaunchFailed,
            "trap: the kernel gives up");
}

static void decodeTrap(Decoder &decoder) { decoder.emit(trap); }

static void rest(Warp &warp, const Instruction &, LaneMask) { warp.yield(); }

static void decodeSleep(Decoder &decoder) {
  decoder.takeType({Type::U32});
  decoder.source(Type::U32);
  decoder.emit(rest);
}

// --- setmaxnreg ----------------------------------------------------------------------------------------------------

static void changeRegisters(Warp &, const Instruction &, LaneMask) {}

/// Registers are as many as the text has: nothing is simulated of those that a warp gives to others.
static void decodeRegisterCount(Decoder &decoder) {
  decoder.takeOne({"inc", "dec"});
  decoder.skip({"sync", "aligned"});
  decoder.takeType({Type::U32});
  uint64_t count = decoder.integer(256);
  if (count < 24 || count % 8 != 0) {
    decoder.fail("expected a multiple of 8 from 24 to 256");
  }
  decoder.instruction().gather = Gather::WholeWarp;
  decoder.emit(changeRegisters);
}

// --- call -----------------------------------------------------------------------------------------------------------

static void call(Warp &warp, const Instruction &instruction, LaneMask mask) { warp.call(mask, instruction.target); }

/// Parameters lie in the frames of caller and callee: `elements` bytes at constants, from the second to the first.
static void copyParameter(Warp &warp, const Instruction &instruction, LaneMask mask) {
  uint64_t to = warp.lanes(instruction.operands[0])[0], from = warp.lanes(instruction.operands[1])[0];
  auto bytes = static_cast<unsigned>(instruction.immediate);
  for (; mask != 0; mask &= mask - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(mask));
    uint8_t *target = warp.access(instruction, Space::Local, to, bytes, 1, lane, Access::Write);
    const uint8_t *source = warp.access(instruction, Space::Local, from, bytes, 1, lane, Access::Read);
    if (target == nullptr || source == nullptr) {
      return;
    }
    std::memcpy(target, source, bytes);
  }
}

static void copyRegister(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) { return a[lane]; });
}

/// Between a register, or a number, of the caller and a register of the callee.
static void passRegister(Decoder &decoder, const Function &callee, const Variable &theirs, const ParsedOperand &ours,
                         bool isResult) {
  Operand inCallee;
  inCallee.place = decoder.builder().find(callee, 0, theirs.name).place;
  std::vector<Operand> &operands = decoder.instruction().operands;
  if (isResult) {
    decoder.addDestination(ours, theirs.type);
    operands.push_back(inCallee);
  } else {
    operands.push_back(inCallee);
    decoder.addSource(ours, theirs.type);
  }
  decoder.emitPart(copyRegister);
}

/// Between .param variables of the caller and the callee.
static void passVariable(Decoder &decoder, const Variable &theirs, const ParsedOperand &ours, bool isResult) {
  Symbol symbol = decoder.builder().find(decoder.function(), decoder.parsed().scope, ours.name);
  if (ours.kind != ParsedOperand::Kind::Name || symbol.kind != Symbol::Kind::Variable || symbol.space != Space::Local) {
    return decoder.fail("expected a .param variable for '" + std::string(theirs.name) + "'");
  }
  Operand inCaller;
  inCaller.isConstant = true;
  inCaller.place = symbol.addressPlace;
  std::vector<Operand> &operands = decoder.instruction().operands;
  decoder.addConstant(decoder.builder().localAddress(theirs));
  operands.insert(isResult ? operands.begin() : operands.end(), inCaller);
  decoder.instruction().immediate = theirs.bytes;
  decoder.emitPart(copyParameter);
}

static void passAll(Decoder &decoder, const Function &callee, const std::vector<Variable> &theirs,
                    const ParsedOperand *ours, bool isResult) {
  size_t count = ours == nullptr ? 0 : ours->parts.size();
  if (count != theirs.size()) {
    return decoder.fail("expected " + std::to_string(theirs.size()) +
                        (isResult ? " results of '" : " arguments for '") + std::string(callee.name) + "'");
  }
  for (size_t i = 0; i < count; ++i) {
    theirs[i].isRegister ? passRegister(decoder, callee, theirs[i], ours->parts[i], isResult)
                         : passVariable(decoder, theirs[i], ours->parts[i], isResult);
  }
}

/// call [(results),] function[, (arguments)]
static void decodeCall(Decoder &decoder) {
  using Kind = ParsedOperand::Kind;
  decoder.take("uni");
  bool hasResults = decoder.peek() != nullptr && decoder.peek()->kind == Kind::List;
  const ParsedOperand *results = hasResults ? decoder.next() : nullptr;
  const ParsedOperand *name = decoder.next();
  bool hasArguments = decoder.peek() != nullptr && decoder.peek()->kind == Kind::List;
  const ParsedOperand *arguments = hasArguments ? decoder.next() : nullptr;
  const Function *callee = name == nullptr ? nullptr : decoder.builder().findFunction(name->name);
  if (callee == nullptr) {
    return decoder.fail("expected the name of a function: calls through pointers are not supported");
  }
  if (!callee->hasBody || callee->isEntry) {
    return decoder.fail("'" + std::string(callee->name) + "' has no body");
  }
  passAll(decoder, *callee, callee->parameters, arguments, false);
  if (decoder.failed()) {
    return;
  }
  decoder.builder().callNext(decoder.function(), *callee);
  decoder.emitPart(call);
  passAll(decoder, *callee, callee->results, results, true);
  decoder.finish();
}

static constexpr Opcode kOpcodes[] = {
    {"bra", decodeBranch},      {"brx", decodeBranchByIndex},
    {"call", decodeCall},       {"ret", decodeReturn},
    {"exit", decodeExit},       {"trap", decodeTrap},
    {"nanosleep", decodeSleep}, {"setmaxnreg", decodeRegisterCount},
};

std::span<const Opcode> controlOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
