// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `--verify-numerics-each`: runs a module before and after each pass.

#ifndef FATHOM_CODEGEN_REFERENCE_VERIFYNUMERICS_H
#define FATHOM_CODEGEN_REFERENCE_VERIFYNUMERICS_H

#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringRef.h"

#include <memory>

namespace fathom::reference {

/// How far the pass of a flag may move a result, relative to the largest number of that result. `rounds`: the module
/// has activations of bf16, of which a pass may round more or fewer.
using NumericContract = double (*)(llvm::StringRef flag, bool rounds);

/// Makes `manager` evaluate every public function on tensors before its first pass and after each, on the same seeded
/// inputs: as prefill (tokens of one sequence) and as decode (a token of each of several), an entry point only as what
/// it is. `@forward` is compared with the entry points made from it.
///
/// A pass that rounds may let a score choose other experts or positions, whose values no contract covers: where the
/// contract explains such a choice, the run after the pass is compared with the choices of the one before (Choices.h).
///
/// Where a result moves by more than the pass's contract, an error names pass, function and place, a note the first op
/// that computes something else, and the run fails. Functions that the evaluator has no meaning for are left out; a
/// remark says which, once, and is an error with --verify-diagnostics. Turns multithreading of the context off.
/// Graphs of ONNX are run as prompts, batches, and behind other tokens, and the model that one becomes gives its
/// logits; `folder` is where their files are, or empty.
void addVerifyNumerics(mlir::PassManager &manager, NumericContract getContract, llvm::StringRef folder = "");

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_VERIFYNUMERICS_H
