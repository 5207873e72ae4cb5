// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the entry points of a program launch, one launch after the other: commands with the functions they call put in
// their place, and with what each waits for.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_COMMAND_LIST_H
#define FATHOM_RUNTIME_DEVICE_CPU_COMMAND_LIST_H

#include "fathom/artifact_abi.h"
#include "runtime/device/cpu/code_image.h"
#include "runtime/src/command_edges.h"

namespace fathom::runtime {

/// A command that launches a kernel, or records a state.
struct Launch {
  /// Of the kernel.
  const char *name;
  const artifact::Command *command;
  /// The command that called the function it is of; NULL in that of the entry point.
  const artifact::Command *call;
  /// NULL where a state is recorded.
  fathom_task_fn task;
  fathom_items_fn items;
  int64_t layer;
  uint32_t operands; // stores not among them
  /// Of CommandLists::earlier.
  uint32_t firstEarlier, lastEarlier;
};

/// The launches of one entry point.
struct CommandList {
  const char *name;
  const Launch *launches;
  uint32_t size;
  const uint32_t *allEarlier;

  /// Launches before |launch| that it waits for.
  CommandNumbers earlier(uint32_t launch) const {
    return {allEarlier + launches[launch].firstEarlier, allEarlier + launches[launch].lastEarlier};
  }
};

/// The lists of all entry points of a program.
class CommandLists {
public:
  /// |program| has been checked, and outlives this, as does |image|. BAD_DATA if a kernel is not in the code.
  fathom_status_t load(const artifact::Program &program, const CodeImage &image);

  CommandList of(const artifact::EntryPoint &entry) const;

  /// The launches of the longest list.
  uint32_t mostLaunches() const;

private:
  const artifact::Program *program = nullptr;
  Buffer<Launch> launches;
  Buffer<uint32_t> earlier;
  /// Where each entry point's launches begin, and where the last one's end.
  Buffer<uint32_t> firsts;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_COMMAND_LIST_H
