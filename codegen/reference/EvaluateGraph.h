// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of the `onnx` dialect, to values.

#ifndef FATHOM_CODEGEN_REFERENCE_EVALUATEGRAPH_H
#define FATHOM_CODEGEN_REFERENCE_EVALUATEGRAPH_H

#include "codegen/reference/Evaluator.h"
#include "codegen/reference/GraphInputs.h"

namespace fathom::reference {

/// Whether a function has nodes of ONNX, which the evaluator of that dialect runs.
bool isGraph(mlir::func::FuncOp function);

/// What graphs of `module` are run with: a prompt, two of them in a batch, and where a graph has tensors of what came
/// before, tokens behind others. Empty: there is no graph.
llvm::SmallVector<Scenario> getGraphScenarios(mlir::ModuleOp module);

/// Runs a graph on made-up inputs. Extents of its inputs are the batch, the tokens of a call, those before it, or, of
/// integers that say something of each, all of them. Integers are token ids where rows are gathered by them, ones where
/// they are called a mask, and positions otherwise. Numbers of initializers are made up as those of weights, and floats
/// are not rounded to the types of 16 bits that a graph may have: what a graph means is compared, not how it rounds.
llvm::Expected<Run> evaluateGraph(mlir::func::FuncOp function, const Scenario &scenario, GraphInputs &inputs,
                                  SeededWeights &weights);

/// Whether a graph has floats of 16 bits.
bool hasShortFloats(mlir::func::FuncOp function);

/// The number of the result that a language model gives as its logits: that of the name, or the first.
unsigned findLogits(mlir::func::FuncOp function);

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_EVALUATEGRAPH_H
