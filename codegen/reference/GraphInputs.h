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

/// What is at the beginning of an array along each dimension; nothing where it has fewer.
std::optional<onnx::Array> cut(const onnx::Array &array, llvm::ArrayRef<int64_t> shape);

/// Values of inputs, made up once: what an input is taken for goes by what uses it, which passes change.
class GraphInputs {
public:
  /// Gives the inputs of a graph their values, and the names of its extents theirs.
  llvm::Error bind(mlir::func::FuncOp function, const Scenario &scenario, onnx::Evaluator &evaluator);

private:
  struct Made {
    onnx::Evaluator extents; // which knows nothing else
    std::vector<onnx::Array> inputs;
  };
  /// By function and scenario.
  std::map<std::pair<std::string, std::string>, Made> made;
};

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_GRAPHINPUTS_H
