// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up arguments for functions.

#ifndef FATHOM_CODEGEN_REFERENCE_SEEDEDINPUTS_H
#define FATHOM_CODEGEN_REFERENCE_SEEDEDINPUTS_H

#include "codegen/reference/Datum.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>

namespace fathom::reference {

/// How the rows of a call relate: which sequence each is of, and where in it.
struct Scenario {
  llvm::StringRef name;
  llvm::StringRef entry; // point that @forward becomes
  llvm::StringRef form;  // of functions that work so
  llvm::SmallVector<int64_t> sequences;
  llvm::SmallVector<int32_t> positions;
};

/// What functions of `module` are run with. Tokens of one sequence after a prefix that is in the cache already, and a
/// token of each of several sequences of different lengths; where attention selects positions, also the first tokens of
/// a sequence, which attend to all, and tokens from the last that does on, whose attention is sparse.
llvm::SmallVector<Scenario> getScenarios(mlir::ModuleOp module);

/// Whether `function` is one for `scenario`, by its form and the positions that it takes.
bool suits(mlir::func::FuncOp function, const Scenario &scenario);

/// Arguments for `function` in `scenario`: dynamic dimensions are its rows; ids are what their users take them for
/// (tokens, rows, experts), positions otherwise, or selections of positions; an index is a layer that the weights it
/// selects have. Nothing where an argument is of a type that values here do not have. Depends on types and uses only,
/// not on names.
std::optional<std::vector<Datum>> makeArguments(mlir::func::FuncOp function, const Scenario &scenario);

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_SEEDEDINPUTS_H
