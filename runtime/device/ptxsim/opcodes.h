// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The opcodes that are known. Instructions are added here: a decoder, and a row in the table of its group.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_OPCODES_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_OPCODES_H

#include "runtime/device/ptxsim/decoder.h"

namespace fathom::runtime::ptxsim {

struct Opcode {
  /// Up to the first dot.
  std::string_view name;
  /// Takes modifiers and operands, and emits; what it leaves is an error.
  void (*decode)(Decoder &decoder);
};

// A table for each group, at the end of the file that implements it.
std::span<const Opcode> integerOpcodes();
std::span<const Opcode> bitOpcodes();
std::span<const Opcode> floatOpcodes();
std::span<const Opcode> approximateOpcodes();
std::span<const Opcode> compareOpcodes();
std::span<const Opcode> convertOpcodes();
std::span<const Opcode> moveOpcodes();
std::span<const Opcode> memoryOpcodes();
std::span<const Opcode> atomicOpcodes();
std::span<const Opcode> warpOpcodes();
std::span<const Opcode> barrierOpcodes();
std::span<const Opcode> controlOpcodes();
std::span<const Opcode> matrixOpcodes();
std::span<const Opcode> asyncOpcodes();
std::span<const Opcode> mbarrierOpcodes();
std::span<const Opcode> wgmmaOpcodes();

/// The opcode of that name, or null.
const Opcode *findOpcode(std::string_view name);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_OPCODES_H
