// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices of numbers of few bits, while the node is looked for that stands for them.

#ifndef FATHOM_PASSES_RAISE_QUANTIZED_H
#define FATHOM_PASSES_RAISE_QUANTIZED_H

#include "passes/raise/Nodes.h"

namespace fathom::raise {

/// What a matrix of `type`, or a stack of such, is made of, as `kDequantize` has it.
struct Quantized {
  mlir::RankedTensorType type;
  mlir::Value numbers, scales, zeros;
  /// Of rows and columns that have one scale.
  std::array<int64_t, 2> block;
  /// Of each number where bytes have several.
  unsigned bits = 0;
  double zero = 0;
};

/// `kDequantize`, and its inputs and attributes.
mlir::Value createDequantize(mlir::OpBuilder &builder, mlir::Location loc, const Quantized &of);

/// Takes zeros that are all the same for a number. False where they are not constant.
bool setZeros(Quantized &of, mlir::Value zeros);

/// Sets the block of numbers of `bits` that onnxruntime packs in bytes, `size` of a row with one scale and rows filled
/// up to whole blocks, and their zeros; in the middle where there are none. False where they are not such, or not
/// constant.
bool setPacked(Quantized &of, int64_t bits, int64_t size, mlir::Value zeros);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_QUANTIZED_H
