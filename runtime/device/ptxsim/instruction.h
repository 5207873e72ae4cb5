// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions as they are executed: names resolved, modifiers chosen.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_INSTRUCTION_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_INSTRUCTION_H

#include "runtime/device/ptxsim/numbers.h"
#include "runtime/device/ptxsim/syntax.h"

namespace fathom::runtime::ptxsim {

constexpr unsigned kWarpSize = 32;
/// A bit for each lane of a warp.
using LaneMask = uint32_t;
constexpr LaneMask kAllLanes = ~LaneMask{0};

class Warp;
struct Instruction;

/// Executes an instruction for the lanes of `mask`, which is not 0. It may say Warp::fail.
using Handler = void (*)(Warp &warp, const Instruction &instruction, LaneMask mask);

/// Where the values of a warp's 32 lanes are: 32 slots of 64 bits side by side. A value of fewer bits is in the low
/// bits of its slot, the others are 0. One of 128 bits has two places, one after the other. Of an address, the base.
struct Operand {
  uint32_t place = 0;
  bool isConstant = false;
  /// A predicate behind `!`.
  bool negated = false;
  /// What is written here is dropped: `_`.
  bool isSink = false;
  /// Bits of the register.
  uint8_t bits = 64;
  /// Added to the base of an address.
  int64_t offset = 0;
};

/// The lanes that an instruction waits for before it is executed for all of them at once.
enum class Gather : uint8_t {
  None,
  Members,   // those of the mask that operand `members` has
  Live,      // all that have not exited
  WholeWarp, // .sync.aligned: all 32
};

struct Instruction {
  Handler handler = nullptr;
  std::vector<Operand> operands;
  /// The predicate that a lane needs, if there is one.
  Operand guard;
  bool isGuarded = false;
  Gather gather = Gather::None;
  uint8_t members = 0;

  // What the decoder of an opcode tells its handler; each handler says what it reads.
  Type type = Type::None, sourceType = Type::None;
  Space space = Space::Generic;
  Rounding rounding = Rounding::Nearest;
  /// Elements of a vector of memory.
  uint8_t elements = 1;
  bool flush = false, saturate = false, relu = false, propagateNan = false, atomic = false;
  /// Its registers are those of a wgmma.
  bool isWgmma = false;
  /// How cp.reduce adds bytes to memory.
  void (*reduce)(uint8_t *memory, const uint8_t *data, uint32_t bytes) = nullptr;
  /// What a handler that wraps others calls.
  Handler inner = nullptr;
  uint64_t immediate = 0;
  /// Index of the instruction that control goes to.
  uint32_t target = 0;
  std::vector<uint32_t> targets;

  /// Index into Kernel::lines.
  uint32_t line = 0;
};

/// Where an instruction stands.
struct CodeLine {
  unsigned line = 0;
  unsigned sourceFile = 0, sourceLine = 0;
  /// As written, without operands.
  std::string text;
};

/// An entry with all that it calls, ready to run.
struct Kernel {
  std::string name;
  std::vector<Instruction> code;
  std::vector<CodeLine> lines;
  /// [places][kWarpSize]
  std::vector<uint64_t> constants;
  /// Places of registers that a warp has, those of special registers first.
  uint32_t places = 0;
  uint64_t localBytes = 0;
  uint64_t sharedBytes = 0;
  uint64_t dynamicSharedAlign = 16;
  struct Parameter {
    uint64_t offset, bytes;
  };
  std::vector<Parameter> parameters;
  uint64_t parameterBytes = 0;
  Dimensions mostThreads, exactThreads, cluster;
  /// Registers are watched, as wgmma has some to itself.
  bool usesWgmma = false;
  /// Of .file.
  std::map<unsigned, std::string> files;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_INSTRUCTION_H
