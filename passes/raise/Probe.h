// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graphs while they are evaluated for what their inputs may be: tokens behind others, as they come in decoding.

#ifndef FATHOM_PASSES_RAISE_PROBE_H
#define FATHOM_PASSES_RAISE_PROBE_H

#include "dialects/onnx/Onnx.h"
#include "dialects/onnx/evaluate/Evaluator.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fathom::raise {

/// `count` tokens of one sequence, which follow `past` others.
struct Step {
  int64_t past = 0;
  int64_t count = 1;
};

/// What integers of the length of the step are, where the graph does not show it.
enum class InputRole { Positions, Ones };

/// Evaluates values that follow from shapes, positions and which tokens are padding, none of which is.
class Prober {
public:
  /// `sequence` is what the graph calls the number of tokens of a call.
  Prober(mlir::func::FuncOp main, llvm::StringRef sequence, onnx::Evaluator::ReadInitializer read)
      : main(main), sequence(sequence), read(std::move(read)) {}

  /// Whether the graph has tensors of what came before.
  bool hasPast();

  /// Values that are not computed but said to be.
  using Given = llvm::ArrayRef<std::pair<mlir::Value, onnx::Array>>;

  /// What `value` is in a step, if integers [batch, tokens] are what `role` says. Nothing where it cannot be told.
  std::optional<onnx::Array> evaluate(mlir::Value value, Step step, InputRole role, Given given = {});

private:
  void bindExtents(onnx::Evaluator &evaluator, Step step);
  bool bindInput(onnx::Evaluator &evaluator, mlir::BlockArgument input, Step step, InputRole role);

  mlir::func::FuncOp main;
  llvm::StringRef sequence;
  onnx::Evaluator::ReadInitializer read;
};

/// Reads initializers from files in a folder, by the names that the module has of them.
onnx::Evaluator::ReadInitializer readFrom(llvm::StringRef folder);

/// The name of a dynamic dimension of a tensor; empty where it has none.
llvm::StringRef getExtentName(mlir::Value value, int64_t dim);

/// Whether the name of an extent is that of one symbol, not a polynomial.
bool isSymbol(llvm::StringRef extent);

/// The extents of a tensor of elements that arrays hold, as far as those that it names are known.
std::optional<llvm::SmallVector<int64_t>> getExtents(onnx::Evaluator &evaluator, mlir::Value value);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_PROBE_H
