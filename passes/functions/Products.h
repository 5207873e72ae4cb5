// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of matrices that several operators have. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_PRODUCTS_H
#define FATHOM_PASSES_FUNCTIONS_PRODUCTS_H

#include "passes/functions/NodeBuilder.h"

namespace fathom {

/// The products of matrices, with rows and columns of either exchanged, in the type that numbers are computed in.
/// Vectors are matrices of a row, or of a column, which the result lacks. Null after `fail`.
mlir::Value multiplyMatrices(NodeBuilder &b, mlir::Value left, mlir::Value right, bool turnLeft = false,
                             bool turnRight = false);

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_PRODUCTS_H
