// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// IR to values: interprets functions of the `deepseek` dialect through kernels/ref.

#ifndef FATHOM_CODEGEN_REFERENCE_EVALUATOR_H
#define FATHOM_CODEGEN_REFERENCE_EVALUATOR_H

#include "codegen/reference/Frame.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fathom::reference {

/// One op's evaluation. Holds nothing of the IR, so that it outlives what a pass does to it.
struct Step {
  unsigned call; // counts functions entered, from 0
  std::string function;
  mlir::OperationName name;
  mlir::Location loc;
  llvm::SmallVector<Datum, 1> results;
};

/// What a function did.
struct Run {
  std::vector<Datum> results;
  std::vector<RecordedState> states;
  std::vector<Choice> choices;
  std::vector<Step> steps; // in the order of execution, calls after what they call
};

/// Runs `function` on `arguments`; row t of an activation belongs to `sequences[t]`. Functions of the same module may
/// be called. An error that says "cannot evaluate …" where an op has no meaning here or values do not fit.
///
/// Choices follow `guide` as far as rounding explains them. Sums are taken in f64 and rounded once to f32, as
/// kernels/ref does, so passes that keep the order of sums keep every bit.
llvm::Expected<Run> evaluate(mlir::func::FuncOp function, std::vector<Datum> arguments,
                             llvm::ArrayRef<int64_t> sequences, SeededWeights &weights, Guide guide = {});

/// Whether ops of the `deepseek` dialect that are called `name` can be evaluated.
bool hasEvaluator(llvm::StringRef name);

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_EVALUATOR_H
