// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the entry points of a program launch, one launch after the other: commands with the functions they call put in
// their place, and with what each waits for.

#ifndef FATHOM_RUNTIME_SRC_COMMAND_LIST_H
#define FATHOM_RUNTIME_SRC_COMMAND_LIST_H

#include "fathom/artifact_generated.h"
#include "runtime/src/command_edges.h"

namespace fathom::runtime {

/// In the place of a kernel, where a state is recorded.
constexpr uint32_t kNoKernel = UINT32_MAX;

/// A command that launches a kernel, or records a state.
struct Launch {
  /// Of the kernel.
  const char *name;
  /// Of Program.kernels.
  uint32_t kernel;
  artifact::Rows rows;
  uint32_t factor;
  int64_t layer;
  /// Of the state's numbers.
  artifact::StoreElement element;
  /// Of CommandList::allOperands; stores are not among them.
  uint32_t firstOperand, lastOperand;
  /// Of CommandList::allEarlier.
  uint32_t firstEarlier, lastEarlier;
};

/// An operand of one launch: its function's input and output are those of the call, and a weight is that of its
/// instance.
struct LaunchOperand {
  artifact::Place place;
  /// Bytes from where the place begins: the arena, an array of the call, or the table of addresses of weight slices.
  uint64_t offset;
};

/// The launches of one entry point.
struct CommandList {
  const char *name;
  const Launch *launches;
  uint32_t size;
  const LaunchOperand *allOperands;
  const uint32_t *allEarlier;

  /// Launches before |launch| that it waits for.
  CommandNumbers earlier(uint32_t launch) const {
    return {allEarlier + launches[launch].firstEarlier, allEarlier + launches[launch].lastEarlier};
  }
};

/// The lists of all entry points of a program.
class CommandLists {
public:
  /// |program| has been checked, and outlives this.
  fathom_status_t load(const artifact::Program &program);

  CommandList of(const artifact::EntryPoint &entry) const;

  /// The launches of the longest list.
  uint32_t mostLaunches() const;

private:
  const artifact::Program *program = nullptr;
  Buffer<Launch> launches;
  Buffer<LaunchOperand> operands;
  Buffer<uint32_t> earlier;
  /// Where each entry point's launches begin, and where the last one's end.
  Buffer<uint32_t> firsts;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_COMMAND_LIST_H
