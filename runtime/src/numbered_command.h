// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Commands as checks know them.

#ifndef FATHOM_RUNTIME_SRC_NUMBERED_COMMAND_H
#define FATHOM_RUNTIME_SRC_NUMBERED_COMMAND_H

#include "fathom/artifact_generated.h"

namespace fathom::runtime {

/// A command, and how messages name it.
struct NumberedCommand {
  const artifact::Function &function;
  uint32_t index;

  const artifact::Command &operator*() const { return *function.commands()->Get(index); }
  const artifact::Command *operator->() const { return function.commands()->Get(index); }
  const char *name() const { return function.name()->c_str(); }
  uint32_t operands() const { return (*this)->operands() ? (*this)->operands()->size() : 0; }
  const artifact::Operand &operand(uint32_t number) const { return *(*this)->operands()->Get(number); }
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_NUMBERED_COMMAND_H
