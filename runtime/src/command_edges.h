// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which commands of a function must wait for which: found where they are run, so that no artifact can lie about it.

#ifndef FATHOM_RUNTIME_SRC_COMMAND_EDGES_H
#define FATHOM_RUNTIME_SRC_COMMAND_EDGES_H

#include "fathom/artifact_generated.h"
#include "runtime/src/buffer.h"
#include "runtime/src/status.h"

namespace fathom::runtime {

/// Some numbers of commands, which something else owns.
struct CommandNumbers {
  const uint32_t *first;
  const uint32_t *last;

  const uint32_t *begin() const { return first; }
  const uint32_t *end() const { return last; }
};

/// Whether a command stands for work that other commands must not overlap, or one of the two writes what both touch.
bool haveConflict(const artifact::Command &a, const artifact::Command &b);

/// The earlier commands that each command of a function waits for: those it has a conflict with, but for those that
/// others of them wait for, at once or in the end.
class CommandEdges {
public:
  /// |function| has been checked. OUT_OF_RESOURCES if there is not enough memory.
  fathom_status_t find(const artifact::Function &function);

  /// The last one first.
  CommandNumbers earlier(uint32_t command) const {
    return {numbers.data() + firsts[command], numbers.data() + firsts[command + 1]};
  }

private:
  /// Those of command i begin at firsts[i].
  Buffer<uint32_t> firsts;
  Buffer<uint32_t> numbers;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_COMMAND_EDGES_H
