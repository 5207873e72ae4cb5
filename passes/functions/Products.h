// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of matrices that several operators have. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_PRODUCTS_H
#define FATHOM_PASSES_FUNCTIONS_PRODUCTS_H

#include "passes/functions/NodeBuilder.h"

namespace fathom {

/// What is multiplied: tensors with a label for each axis. Labels that the output lacks are summed over.
struct Contraction {
  using Labels = llvm::SmallVector<int>;

  NodeBuilder::Values tensors;
  llvm::SmallVector<Labels> labels;
  Labels output;
};

/// The sums, in the type that numbers are computed in. Null after `fail`.
mlir::Value contract(NodeBuilder &b, Contraction product);

/// Columns of numbers of few bits, packed from the lowest bits up: so many bytes each, of blocks that share a scale;
/// and which inputs they are.
struct PackedColumns {
  int64_t columns, depth, block, bits;
  size_t weights = 1, scales = 2, zeros = 3;

  int64_t blocks() const { return (depth + block - 1) / block; }
  int64_t columnBytes() const { return blocks() * block * bits / 8; }
  int64_t zeroBytes() const { return (blocks() * bits + 7) / 8; }
};

/// Whether inputs are what such columns are made of; false after `fail`.
bool fitsPacked(NodeBuilder &b, const PackedColumns &packed);
/// What they stand for as f32, [depth, columns].
mlir::Value unpackColumns(NodeBuilder &b, const PackedColumns &packed);

/// The products of matrices, with rows and columns of either exchanged, in the type that numbers are computed in.
/// Vectors are matrices of a row, or of a column, which the result lacks. Null after `fail`.
mlir::Value multiplyMatrices(NodeBuilder &b, mlir::Value left, mlir::Value right, bool turnLeft = false,
                             bool turnRight = false);

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_PRODUCTS_H
