// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic on the dimensions of views.

#include "passes/raise/View.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace fathom::raise {

int64_t View::findSequence() const {
  auto found = llvm::find_if(dims, [](const Dim &dim) { return dim.kind == Dim::Sequence; });
  return found == dims.end() ? -1 : found - dims.begin();
}

bool lieAlike(const View &a, const View &b) { return a.dims == b.dims && a.offset == b.offset; }

std::optional<View> transpose(const View &view, ArrayRef<int64_t> permutation) {
  if (int64_t(permutation.size()) != view.rank()) {
    return std::nullopt;
  }
  View result = view;
  for (auto [place, dim] : llvm::enumerate(permutation)) {
    result.dims[place] = view.dims[dim];
  }
  return result;
}

static bool isOne(const Dim &dim) { return dim.kind == Dim::Columns && dim.size == 1; }

namespace {
/// Takes the dimensions of one view for those of another shape, front to back.
class Reshape {
public:
  explicit Reshape(ArrayRef<Dim> dims) {
    llvm::copy_if(dims, std::back_inserter(left), [](const Dim &dim) { return !isOne(dim); });
    std::reverse(left.begin(), left.end());
  }

  bool isDone() const { return left.empty(); }
  /// A dimension of unknown size: one of rows, or both together where it is the last that is not known.
  std::optional<Dim> takeRows(bool isLast);
  /// `size` columns; nothing where no such run of them lies evenly.
  std::optional<Dim> takeColumns(int64_t size);

private:
  SmallVector<Dim> left;
};
} // namespace

std::optional<Dim> Reshape::takeRows(bool isLast) {
  if (left.empty() || left.back().kind == Dim::Columns) {
    return std::nullopt;
  }
  Dim dim = left.pop_back_val();
  bool both = dim.kind == Dim::Batch && isLast && !left.empty() && left.back().kind == Dim::Sequence;
  if (both) {
    left.pop_back();
  }
  bool splits = dim.kind == Dim::Rows && !isLast;
  if (splits) {
    left.push_back({Dim::Sequence});
  }
  return Dim{both ? Dim::Rows : splits ? Dim::Batch : dim.kind};
}

std::optional<Dim> Reshape::takeColumns(int64_t size) {
  if (size == 1) {
    return Dim{Dim::Columns};
  }
  if (left.empty() || left.back().kind != Dim::Columns) {
    return std::nullopt;
  }
  Dim taken = left.pop_back_val();
  while (taken.size < size && !left.empty() && left.back().kind == Dim::Columns) {
    Dim next = left.pop_back_val();
    if (next.stride == 0 && taken.repeat == 1) {
      taken = {Dim::Columns, taken.size * next.size, taken.stride, next.size};
    } else if (taken.stride == next.stride * next.size && taken.repeat == 1 && next.repeat == 1) {
      taken = {Dim::Columns, taken.size * next.size, next.stride};
    } else {
      return std::nullopt;
    }
  }
  if (taken.size % size != 0 || (taken.repeat > 1 && taken.size != size)) {
    return std::nullopt;
  }
  int64_t rest = taken.size / size;
  if (rest > 1) {
    left.push_back({Dim::Columns, rest, taken.stride});
  }
  return Dim{Dim::Columns, size, taken.stride * rest, taken.repeat};
}

std::optional<View> reshape(const View &view, RankedTensorType type) {
  Reshape source(view.dims);
  int64_t unknown = llvm::count_if(type.getShape(), ShapedType::isDynamic);
  View result = view;
  result.dims.clear();
  for (int64_t size : type.getShape()) {
    bool isRows = ShapedType::isDynamic(size);
    unknown -= isRows;
    std::optional<Dim> dim = isRows ? source.takeRows(/*isLast=*/unknown == 0) : source.takeColumns(size);
    if (!dim) {
      return std::nullopt;
    }
    result.dims.push_back(*dim);
  }
  return source.isDone() ? std::optional(result) : std::nullopt;
}

std::optional<View> slice(const View &view, int64_t axis, int64_t begin, int64_t size, int64_t step) {
  const Dim &dim = view.dims[axis];
  if (dim.kind != Dim::Columns || dim.repeat != 1 || begin < 0 || step < 1 || size < 1 ||
      begin + (size - 1) * step >= dim.size) {
    return std::nullopt;
  }
  View result = view;
  result.offset += begin * dim.stride;
  result.dims[axis] = {Dim::Columns, size, size == 1 ? 0 : dim.stride * step};
  return result;
}

std::optional<View> expand(const View &view, RankedTensorType type) {
  int64_t added = type.getRank() - view.rank();
  if (added < 0) {
    return std::nullopt;
  }
  View result = view;
  result.dims.insert(result.dims.begin(), added, Dim{Dim::Columns});
  for (auto [dim, size] : llvm::zip_equal(result.dims, type.getShape())) {
    if (isOne(dim) && !ShapedType::isDynamic(size)) {
      dim.size = size;
    } else if (ShapedType::isDynamic(size) != (dim.kind != Dim::Columns)) {
      return std::nullopt;
    }
  }
  return result;
}

bool isWholeRows(const View &view, int64_t width) {
  int64_t count = 1;
  bool inColumns = false, sawSequence = false;
  for (const Dim &dim : view.dims) {
    if (dim.kind == Dim::Columns) {
      inColumns |= dim.size > 1;
      count *= dim.size;
    } else if (inColumns || (dim.kind == Dim::Batch && sawSequence)) {
      return false;
    }
    sawSequence |= dim.kind != Dim::Columns && dim.kind != Dim::Batch;
  }
  int64_t stride = 1;
  for (const Dim &dim : llvm::reverse(view.dims)) {
    if (dim.kind == Dim::Columns && dim.size > 1) {
      if (dim.stride != stride || dim.repeat != 1) {
        return false;
      }
      stride *= dim.size;
    }
  }
  return sawSequence && count == width;
}

} // namespace fathom::raise
