// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up inputs of graphs.

#ifndef FATHOM_CODEGEN_REFERENCE_GRAPHINPUTS_H
#define FATHOM_CODEGEN_REFERENCE_GRAPHINPUTS_H

#include "codegen/reference/SeededInputs.h"

#include "dialects/onnx/evaluate/Evaluator.h"

namespace fathom::reference {

/// Whether an input has what is kept of tokens before: floats of three dimensions or more, one of them open.
bool isPast(mlir::BlockArgument input);

/// Gives the inputs of a graph their values, and the names of its extents theirs.
llvm::Error bindInputs(mlir::func::FuncOp function, const Scenario &scenario, onnx::Evaluator &evaluator);

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_GRAPHINPUTS_H
