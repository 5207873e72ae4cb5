// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A weight together with its scales, and what passes do to the two at once.

#ifndef FATHOM_PASSES_SUPPORT_SCALEDWEIGHTS_H
#define FATHOM_PASSES_SUPPORT_SCALEDWEIGHTS_H

#include "passes/support/Recipes.h"

namespace fathom {

/// All weights and scales here come from deepseek.get_weight.
using deepseek::ScaledWeight;

/// True where recipes may combine the two: same layer, element type and block.
bool canCombine(const ScaledWeight &a, const ScaledWeight &b);

/// The rows of the first, then those of the next, and so on.
ScaledWeight concatRows(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<ScaledWeight> weights);

/// The same of vectors, all from deepseek.get_weight, of one layer and element type.
mlir::Value concatVectors(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange vectors);

/// The rows of a gate, then those of its up, of equal shapes.
ScaledWeight joinGateAndUp(mlir::OpBuilder &builder, mlir::Location loc, const ScaledWeight &gate,
                           const ScaledWeight &up);

/// A weight that is in rows in a layout, and its scales, one for each row then, too.
ScaledWeight convertLayout(mlir::OpBuilder &builder, mlir::Location loc, const ScaledWeight &weight,
                           deepseek::LayoutAttr layout);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_SCALEDWEIGHTS_H
