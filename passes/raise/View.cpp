// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic on the dimensions of views.

#include "passes/raise/View.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace fathom::raise {

/// Adds a factor behind others: as a part of the last where both are one run.
static void append(Factors &factors, Factor factor) {
  if (factor.size == 1) {
    return;
  }
  bool continues = !factors.empty() && factors.back().stride == factor.stride * factor.size;
  if (continues) {
    factors.back() = {factors.back().size * factor.size, factor.stride};
  } else {
    factors.push_back(factor);
  }
}

Dim Dim::columns(int64_t size, int64_t stride) {
  Dim dim;
  append(dim.factors, {size, stride});
  return dim;
}

int64_t Dim::size() const {
  int64_t size = 1;
  for (const Factor &factor : factors) {
    size *= factor.size;
  }
  return size;
}

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

namespace {
/// Takes the dimensions of one view for those of another shape, front to back.
class Reshape {
public:
  explicit Reshape(ArrayRef<Dim> dims);

  bool isDone() const { return left.empty(); }
  /// A dimension of unknown size: one of rows, or both together where it is the last that is not known.
  std::optional<Dim> takeRows(bool isLast);
  /// `size` columns; nothing where no so many are next.
  std::optional<Dim> takeColumns(int64_t size);

private:
  /// Dimensions of rows, and single factors, the last first.
  SmallVector<Dim> left;
};
} // namespace

Reshape::Reshape(ArrayRef<Dim> dims) {
  for (const Dim &dim : llvm::reverse(dims)) {
    if (dim.kind != Dim::Columns) {
      left.push_back(dim);
    }
    for (const Factor &factor : llvm::reverse(dim.factors)) {
      left.push_back({Dim::Columns, {factor}});
    }
  }
}

std::optional<Dim> Reshape::takeRows(bool isLast) {
  if (left.empty() || left.back().kind == Dim::Columns) {
    return std::nullopt;
  }
  Dim dim = left.pop_back_val();
  if (dim.kind == Dim::Batch && isLast && !left.empty() && left.back().kind == Dim::Sequence) {
    left.pop_back();
    return Dim{Dim::Rows};
  }
  if (dim.kind == Dim::Rows && !isLast) {
    left.push_back({Dim::Sequence});
    return Dim{Dim::Batch};
  }
  return dim;
}

std::optional<Dim> Reshape::takeColumns(int64_t size) {
  Dim taken;
  while (size > 1) {
    if (left.empty() || left.back().kind != Dim::Columns) {
      return std::nullopt;
    }
    Factor factor = left.pop_back_val().factors.front();
    if (factor.size > size) {
      if (factor.size % size != 0) {
        return std::nullopt;
      }
      int64_t rest = factor.size / size;
      left.push_back(Dim::columns(rest, factor.stride));
      factor = {size, factor.stride * rest};
    }
    if (size % factor.size != 0) {
      return std::nullopt;
    }
    append(taken.factors, factor);
    size /= factor.size;
  }
  return taken;
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
  if (dim.kind != Dim::Columns || begin < 0 || step < 1 || size < 1 || begin + (size - 1) * step >= dim.size()) {
    return std::nullopt;
  }
  View result = view;
  ArrayRef<Factor> factors = dim.factors;
  int64_t inner = dim.size();
  // Of slower factors one index is taken.
  while (!factors.empty()) {
    inner /= factors.front().size;
    bool isWithin = begin / inner == (begin + (size - 1) * step) / inner;
    if (factors.size() == 1 || !isWithin) {
      break;
    }
    result.offset += begin / inner * factors.front().stride;
    begin %= inner;
    factors = factors.drop_front();
  }
  bool wholeRuns = inner == 1 || (step == 1 && begin % inner == 0 && size % inner == 0);
  if (factors.empty() || !wholeRuns) {
    return std::nullopt;
  }
  Factors left;
  result.offset += begin / inner * factors.front().stride;
  append(left, {size / inner, factors.front().stride * step});
  for (const Factor &factor : factors.drop_front()) {
    append(left, factor);
  }
  result.dims[axis] = {Dim::Columns, left};
  return result;
}

std::optional<View> expand(const View &view, RankedTensorType type) {
  int64_t added = type.getRank() - view.rank();
  if (added < 0) {
    return std::nullopt;
  }
  View result = view;
  result.dims.insert(result.dims.begin(), added, Dim());
  for (auto [dim, size] : llvm::zip_equal(result.dims, type.getShape())) {
    if (ShapedType::isDynamic(size) != (dim.kind != Dim::Columns)) {
      return std::nullopt;
    }
    if (dim.kind == Dim::Columns && dim.factors.empty()) {
      dim = Dim::columns(size, 0);
    }
  }
  return result;
}

bool isWholeRows(const View &view, int64_t width) {
  bool inColumns = false, sawSequence = false;
  Factors all;
  for (const Dim &dim : view.dims) {
    inColumns |= !dim.factors.empty();
    if (dim.kind != Dim::Columns && (inColumns || (dim.kind == Dim::Batch && sawSequence))) {
      return false;
    }
    sawSequence |= dim.kind != Dim::Columns && dim.kind != Dim::Batch;
    for (const Factor &factor : dim.factors) {
      append(all, factor);
    }
  }
  return sawSequence && (width == 1 ? all.empty() : all == Factors{{width, 1}});
}

int64_t countColumns(const View &view) {
  Factors all;
  for (const Dim &dim : view.dims) {
    llvm::copy_if(dim.factors, std::back_inserter(all), [](const Factor &factor) { return factor.stride > 0; });
  }
  llvm::sort(all, [](const Factor &a, const Factor &b) { return a.stride < b.stride; });
  int64_t count = 1;
  for (const Factor &factor : all) {
    if (factor.stride != count) {
      return 0;
    }
    count *= factor.size;
  }
  return count;
}

} // namespace fathom::raise
