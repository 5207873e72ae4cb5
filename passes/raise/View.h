// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors of a graph as views of rows: what moves elements about becomes arithmetic on dimensions.

#ifndef FATHOM_PASSES_RAISE_VIEW_H
#define FATHOM_PASSES_RAISE_VIEW_H

#include "dialects/onnx/Onnx.h"

#include "mlir/IR/Value.h"

namespace fathom::raise {

/// A dimension of a view. Rows of a batch follow one another, each with its tokens in order.
struct Dim {
  enum Kind : uint8_t {
    Batch,
    Sequence,
    /// Both at once, as where a graph has flattened them.
    Rows,
    /// `size` columns of a row, `stride` apart, each `repeat` times in turn; of stride 0, one that is there so often.
    Columns
  };
  Kind kind;
  int64_t size = 1;
  int64_t stride = 0;
  int64_t repeat = 1;

  bool operator==(const Dim &other) const {
    return kind == other.kind &&
           (kind != Columns || (size == other.size && stride == other.stride && repeat == other.repeat));
  }
};

/// A tensor of a graph: which element of [rows, width] each of its elements is.
struct View {
  /// Of the deepseek dialect: activations, or token ids, which are rows without columns.
  mlir::Value rows;
  llvm::SmallVector<Dim> dims;
  /// The first column.
  int64_t offset = 0;
  /// Along the sequence there are tokens of earlier calls first: what attention alone takes.
  bool hasPast = false;

  int64_t rank() const { return int64_t(dims.size()); }
  /// The dimension that counts tokens of a sequence; -1: there is none.
  int64_t findSequence() const;
};

/// Whether two views have elements of the same rows and columns in the same places, whatever the rows hold.
bool lieAlike(const View &a, const View &b);

// What nodes that move elements give; nothing where it is no view.
std::optional<View> transpose(const View &view, llvm::ArrayRef<int64_t> permutation);
std::optional<View> reshape(const View &view, mlir::RankedTensorType type);
std::optional<View> slice(const View &view, int64_t axis, int64_t begin, int64_t size, int64_t step);
std::optional<View> expand(const View &view, mlir::RankedTensorType type);

/// Whether dimensions that count rows come first and in order, and `width` columns side by side behind them.
bool isWholeRows(const View &view, int64_t width);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_VIEW_H
