// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From functions of a plan to the commands that a runtime walks.

#ifndef FATHOM_CODEGEN_COMMANDS_LOWERCOMMANDS_H
#define FATHOM_CODEGEN_COMMANDS_LOWERCOMMANDS_H

#include "mlir/IR/BuiltinOps.h"

#include "fathom/artifact_generated.h"

namespace fathom::codegen {

/// Kernels and functions of a program, which know each other by their places here.
struct CommandTables {
  /// Those that something launches, in the order of their first launch. Their addresses are known only when there is
  /// code.
  std::vector<artifact::KernelT> kernels;
  std::vector<artifact::FunctionT> functions;
};

/// The tables of a module that is valid output of the plan phase.
CommandTables lowerCommands(mlir::ModuleOp planned);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_COMMANDS_LOWERCOMMANDS_H
