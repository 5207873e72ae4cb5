// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an expert computes, as graphs have it: one network for each, or one of stacks of matrices.

#ifndef FATHOM_PASSES_RAISE_EXPERTNETWORK_H
#define FATHOM_PASSES_RAISE_EXPERTNETWORK_H

#include "dialects/onnx/Onnx.h"

namespace fathom::raise {

/// The matrices that rows are multiplied by: of a product, those of its outputs from `begin`, `step` apart.
struct Matrices {
  /// A constant: a matrix, or a stack of one for each expert.
  mlir::Value source = {};
  /// As [inputs, outputs], not [outputs, inputs].
  bool transposed = false;
  /// Whether they multiply columns, not rows.
  bool takesColumns = false;
  /// The one of a stack that is taken.
  std::optional<int64_t> index = std::nullopt;
  /// Those that are taken, one for each batch of a product; null with `index` or where all are. Places end with a
  /// dimension of one.
  mlir::Value ids = {};
  bool idsArePlaces = false;
  /// Where the rows of each matrix begin and end, of rows that are sorted by them; null where rows are not.
  mlir::Value begins = {}, ends = {};
  int64_t begin = 0, step = 1, outputs = 0;

  /// Whether it is one matrix for all rows.
  bool isOne() const;
  /// The matrices of the source.
  int64_t count() const;
  /// The elements of rows that it multiplies.
  int64_t inputs() const;
};

/// down · (silu(gate · x) · up · x) for rows of `input`.
struct ExpertNetwork {
  mlir::Value input;
  Matrices gate, up, down;
  /// As many rows, of as many elements.
  mlir::Value output;
};

/// The network about a `fathom.SwiGlu`; nothing where its operands and its result are not products with constants, of
/// the same rows.
std::optional<ExpertNetwork> findNetwork(onnx::NodeOp swiGlu);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_EXPERTNETWORK_H
