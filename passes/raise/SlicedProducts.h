// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of rows that are sorted by what multiplies them, as loops have them.

#ifndef FATHOM_PASSES_RAISE_SLICEDPRODUCTS_H
#define FATHOM_PASSES_RAISE_SLICEDPRODUCTS_H

#include "dialects/onnx/Onnx.h"

namespace fathom::raise {

/// One behind the other, what turns of a loop make of rows: turn e of rows begins[e] to ends[e].
struct SlicedProduct {
  /// [rows, columns]
  mlir::Value rows;
  /// In the loop, what multiplies the rows of a turn, and the number of the turn.
  mlir::Value matrix, turn;
  int64_t turns = 0;
  mlir::Value begins, ends;
};

/// The product that a `Loop` gives as `value`; nothing where that is another.
std::optional<SlicedProduct> matchSlicedProduct(mlir::Value value);

/// What a loop gives that alone takes a slice of `rows`, in each of its turns; null where there is none.
mlir::Value findSlicedProduct(mlir::Value rows);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_SLICEDPRODUCTS_H
