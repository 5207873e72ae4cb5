// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Places in tensors: how they are counted, walked through and broadcast.

#ifndef FATHOM_DIALECTS_ONNX_EVALUATE_PLACES_H
#define FATHOM_DIALECTS_ONNX_EVALUATE_PLACES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace fathom::onnx {

using Extents = llvm::SmallVector<int64_t>;

/// How far apart neighbors along each axis are, row by row.
Extents stridesOf(llvm::ArrayRef<int64_t> shape);
/// The same where the shape is broadcast to `to`: 0 along axes that it lacks or has one of.
Extents stridesIn(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> to);
/// What both broadcast to; nothing where they do not.
std::optional<Extents> broadcast(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);
/// The product of extents of a tensor that there is.
int64_t product(llvm::ArrayRef<int64_t> extents);
/// The element at a place.
int64_t elementAt(llvm::ArrayRef<int64_t> place, llvm::ArrayRef<int64_t> strides);

/// Calls `visit(place)` for each place of a tensor, row by row.
template <typename Visit>
void forEachPlace(llvm::ArrayRef<int64_t> shape, Visit visit) {
  Extents place(shape.size(), 0);
  for (int64_t left = product(shape); left > 0; --left) {
    visit(llvm::ArrayRef<int64_t>(place));
    for (auto axis = static_cast<int64_t>(shape.size()) - 1; axis >= 0 && ++place[axis] == shape[axis]; --axis) {
      place[axis] = 0;
    }
  }
}

/// A tensor as rows along one axis: element i of row [outer, inner] is at `first(outer, inner) + i * inner count`.
struct Rows {
  Rows(llvm::ArrayRef<int64_t> shape, int64_t axis)
      : outer(product(shape.take_front(axis))), length(shape[axis]), inner(product(shape.drop_front(axis + 1))) {}

  int64_t outer, length, inner;

  int64_t at(int64_t outerAt, int64_t i, int64_t innerAt) const { return (outerAt * length + i) * inner + innerAt; }
  /// Calls `visit(first, step)` for each row, its first element and the distance of the next.
  template <typename Visit>
  void forEach(Visit visit) const {
    for (int64_t i = 0; i < outer; ++i) {
      for (int64_t j = 0; j < inner; ++j) {
        visit(at(i, 0, j), inner);
      }
    }
  }
};

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_EVALUATE_PLACES_H
