// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Strides and broadcasting.

#include "dialects/onnx/evaluate/Places.h"

#include <algorithm>

namespace fathom::onnx {

using llvm::ArrayRef;

Extents stridesOf(ArrayRef<int64_t> shape) {
  Extents strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis > 1; --axis) {
    strides[axis - 2] = strides[axis - 1] * shape[axis - 1];
  }
  return strides;
}

Extents stridesIn(ArrayRef<int64_t> shape, ArrayRef<int64_t> to) {
  Extents own = stridesOf(shape), strides(to.size() - shape.size(), 0);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    strides.push_back(shape[axis] == 1 ? 0 : own[axis]);
  }
  return strides;
}

std::optional<Extents> broadcast(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size()) {
    std::swap(a, b);
  }
  Extents shape(a);
  size_t more = a.size() - b.size();
  for (size_t axis = 0; axis < b.size(); ++axis) {
    int64_t &extent = shape[more + axis];
    if (extent != b[axis] && extent != 1 && b[axis] != 1) {
      return std::nullopt;
    }
    extent = extent == 1 ? b[axis] : extent;
  }
  return shape;
}

int64_t product(ArrayRef<int64_t> extents) {
  int64_t product = 1;
  for (int64_t extent : extents) {
    product *= extent;
  }
  return product;
}

int64_t elementAt(ArrayRef<int64_t> place, ArrayRef<int64_t> strides) {
  int64_t element = 0;
  for (size_t axis = 0; axis < place.size(); ++axis) {
    element += place[axis] * strides[axis];
  }
  return element;
}

} // namespace fathom::onnx
