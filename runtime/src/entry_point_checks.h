// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks of what entry points make of commands.

#ifndef FATHOM_RUNTIME_SRC_ENTRY_POINT_CHECKS_H
#define FATHOM_RUNTIME_SRC_ENTRY_POINT_CHECKS_H

#include "runtime/src/findings.h"
#include "runtime/src/numbered_command.h"

namespace fathom::runtime {

/// All entry points of a program, each number in whose commands has been checked.
class EntryPointChecker {
public:
  EntryPointChecker(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings)
      : contents(contents), program(program), findings(findings) {}

  void check();

private:
  void checkEntryPoint(const artifact::EntryPoint &entry);
  void checkCommands(const artifact::EntryPoint &entry);
  void checkPromise(const artifact::EntryPoint &entry, artifact::Place place);
  void checkStates(const artifact::EntryPoint &entry);
  void checkIn(const artifact::EntryPoint &entry, const NumberedCommand &command, const artifact::Command *call);
  void checkMemory(const artifact::EntryPoint &entry, const NumberedCommand &command, const artifact::Operand &operand);
  void checkRows(const artifact::EntryPoint &entry, const NumberedCommand &command);
  void checkLayer(const NumberedCommand &command, const artifact::Operand &operand, const artifact::Command *call);
  void checkApart(const NumberedCommand &command, const artifact::Operand &operand, const artifact::Command &call);

  const artifact::Function &function(uint32_t number) const { return *program.functions()->Get(number); }

  const artifact::Artifact &contents;
  const artifact::Program &program;
  Findings &findings;
  uint64_t launches = 0;
  /// Of the entry point in turn: whether a command writes to each artifact::Place.
  bool isWritten[static_cast<size_t>(artifact::Place::MAX) + 1] = {};
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_ENTRY_POINT_CHECKS_H
