// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors of a graph as views of rows: what moves elements about becomes arithmetic on dimensions.

#ifndef FATHOM_PASSES_RAISE_VIEW_H
#define FATHOM_PASSES_RAISE_VIEW_H

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/Onnx.h"

#include "mlir/IR/Value.h"

namespace fathom::raise {

/// `size` columns of a row, `stride` apart; of stride 0, one that is there so often.
struct Factor {
  int64_t size;
  int64_t stride;

  bool operator==(const Factor &other) const { return size == other.size && stride == other.stride; }
};
using Factors = llvm::SmallVector<Factor, 2>;

/// A dimension of a view. Rows of a batch follow one another, each with its tokens in order.
struct Dim {
  enum Kind : uint8_t {
    Batch,
    Sequence,
    /// Both at once, as where a graph has flattened them.
    Rows,
    /// Elements of one row.
    Columns
  };
  Kind kind = Columns;
  /// Of columns, the slowest first, none of one element, and as few as say it.
  Factors factors = {};

  static Dim columns(int64_t size, int64_t stride);
  /// Of columns.
  int64_t size() const;
  bool operator==(const Dim &other) const { return kind == other.kind && factors == other.factors; }
};

/// A rotation that is not computed yet, of pairs that lie in rows as the layout says.
struct Rotation {
  mlir::Value table;
  deepseek::RopeLayout layout;
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
  /// What is to be done to the elements, by position.
  std::optional<Rotation> rotation = std::nullopt;

  int64_t rank() const { return int64_t(dims.size()); }
  /// The dimension that counts tokens of a sequence; -1: there is none.
  int64_t findSequence() const;
};

/// Views one behind the other along a dimension of columns.
struct Pieces {
  llvm::SmallVector<View> views;
  int64_t axis = 0;
};

/// Whether two views have elements of the same rows and columns in the same places, whatever the rows hold.
bool lieAlike(const View &a, const View &b);

// What nodes that move elements give; nothing where it is not a view.
std::optional<View> transpose(const View &view, llvm::ArrayRef<int64_t> permutation);
std::optional<View> reshape(const View &view, mlir::RankedTensorType type);
std::optional<View> slice(const View &view, int64_t axis, int64_t begin, int64_t size, int64_t step);
std::optional<View> expand(const View &view, mlir::RankedTensorType type);

/// Whether dimensions that count rows come first and in order, and `width` columns side by side behind them.
bool isWholeRows(const View &view, int64_t width);

/// The columns of a view where they are side by side in any order, each as often as any other; 0 where they are not.
int64_t countColumns(const View &view);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_VIEW_H
