// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All passes and pipelines by name.

#ifndef FATHOM_PASSES_REGISTERPASSES_H
#define FATHOM_PASSES_REGISTERPASSES_H

#include "mlir/Pass/PassManager.h"

namespace fathom {

/// Registers the passes of all phases, and each phase in order as `fathom-<phase>-pipeline`.
void registerPasses();

/// Adds what checks that a module is what `phase` leaves ("deepseek" leaves anything), and marks it so.
void addContract(mlir::OpPassManager &manager, llvm::StringRef phase);

/// How far the pass of this flag may move a result, relative to the largest number of that result, as its definition
/// says. What a description calls "exact" is 1e-6: nothing but what f32 rounding of reordered products could do.
/// `rounds`: activations are rounded to bf16.
double getNumericContract(llvm::StringRef flag, bool rounds);

} // namespace fathom

#endif // FATHOM_PASSES_REGISTERPASSES_H
