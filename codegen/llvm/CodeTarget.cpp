// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What all machines have in common.

#include "codegen/llvm/CodeTarget.h"

using namespace llvm;

namespace fathom::codegen {

artifact::TargetT CodeTarget::describe() const {
  artifact::TargetT table;
  table.triple = getTriple().str();
  table.cpu = arch->processor;
  table.features = {arch->features.begin(), arch->features.end()};
  return table;
}

} // namespace fathom::codegen
