// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of the steps of recipes.

#ifndef FATHOM_CODEGEN_REFERENCE_RECIPESTEPS_H
#define FATHOM_CODEGEN_REFERENCE_RECIPESTEPS_H

#include "codegen/reference/Datum.h"

#include "mlir/IR/Operation.h"
#include "llvm/Support/Error.h"

namespace fathom::reference {

/// What `step` makes of the values of its operands. The dimensions before the last two, if any, are experts.
llvm::Expected<Tensor> evaluateRecipeStep(mlir::Operation *step, llvm::ArrayRef<TensorPtr> sources);

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_RECIPESTEPS_H
