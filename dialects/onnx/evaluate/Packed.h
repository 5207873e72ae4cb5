// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices of numbers of few bits, as operators of onnxruntime have them.

#ifndef FATHOM_DIALECTS_ONNX_EVALUATE_PACKED_H
#define FATHOM_DIALECTS_ONNX_EVALUATE_PACKED_H

#include "dialects/onnx/evaluate/NodeValues.h"

namespace fathom::onnx {

/// Number `at` of `bits`, a divisor of 8, packed from the lowest bits of byte `first` up.
int64_t unpack(const std::vector<int64_t> &bytes, int64_t first, unsigned bits, int64_t at);

/// Rows of `depth` numbers in blocks, each of which has a scale and a zero point; the middle where `zeros` is NULL.
struct PackedMatrix {
  int64_t rows, depth, block;
  unsigned bits;
  const Array *weights = nullptr, *scales = nullptr, *zeros = nullptr;

  int64_t blocks() const { return (depth + block - 1) / block; }
  int64_t rowBytes() const { return blocks() * block * bits / 8; }
  int64_t zeroBytes() const { return (blocks() * bits + 7) / 8; }
  /// Whether the tensors have what `count` such matrices are made of.
  bool fits(int64_t count) const;
  /// Number `k` of a row, which may be one of a later matrix, of the block `group`.
  double at(int64_t row, int64_t k, int64_t group) const;
};

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_EVALUATE_PACKED_H
