// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of all groups of opcodes.

#include "runtime/device/ptxsim/opcodes.h"

#include <unordered_map>

namespace fathom::runtime::ptxsim {

static std::unordered_map<std::string_view, const Opcode *> indexOpcodes() {
  std::unordered_map<std::string_view, const Opcode *> index;
  for (std::span<const Opcode> group :
       {integerOpcodes(), bitOpcodes(), floatOpcodes(), approximateOpcodes(), compareOpcodes(), convertOpcodes(),
        moveOpcodes(), memoryOpcodes(), atomicOpcodes(), warpOpcodes(), barrierOpcodes(), controlOpcodes(),
        matrixOpcodes(), asyncOpcodes(), mbarrierOpcodes(), wgmmaOpcodes()}) {
    for (const Opcode &opcode : group) {
      index.emplace(opcode.name, &opcode);
    }
  }
  return index;
}

const Opcode *findOpcode(std::string_view name) {
  static const std::unordered_map<std::string_view, const Opcode *> kIndex = indexOpcodes();
  auto found = kIndex.find(name);
  return found == kIndex.end() ? nullptr : found->second;
}

} // namespace fathom::runtime::ptxsim
