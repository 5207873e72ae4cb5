// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the numbers of matrices are.

#ifndef FATHOM_PASSES_RAISE_STOREDMATRICES_H
#define FATHOM_PASSES_RAISE_STOREDMATRICES_H

#include "dialects/onnx/Onnx.h"

namespace fathom::raise {

/// A matrix of a value that is one, or a stack of several.
struct MatrixOf {
  mlir::Value value;
  int64_t number = 0;

  /// The matrices of the value, and the type of each.
  int64_t count() const;
  mlir::RankedTensorType type() const;
};

/// Matrices of one shape that are all in files, or all in the module.
struct StoredMatrices {
  /// Of each, as it is stored.
  mlir::RankedTensorType type = {};
  /// The file and the offset of each, and the initializer that it is in.
  llvm::SmallVector<int64_t> locations = {};
  llvm::SmallVector<onnx::InitializerOp> initializers = {};
  /// Of one matrix after the other, where no file has them.
  llvm::SmallVector<float> numbers = {};

  /// Adds one of the `count` matrices of `rows` rows that a value has, whatever its shape. With `bits` each of its
  /// bytes has several numbers. False where it is not a constant, its rows do not end with a byte, or it is unlike
  /// those before.
  bool add(mlir::SymbolTable &symbols, MatrixOf of, int64_t count, int64_t rows, unsigned bits = 0);
  /// Leaves `rows` of each matrix behind `begin` others. False where there are not as many.
  bool takeRows(int64_t begin, int64_t rows);
  /// [matrices, rows, columns]
  mlir::RankedTensorType getStack() const;
};

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_STOREDMATRICES_H
