// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each `deepseek` op is in structured ops. Internal to the lower phase.

#ifndef FATHOM_PASSES_LOWER_DECOMPOSE_H
#define FATHOM_PASSES_LOWER_DECOMPOSE_H

#include "passes/lower/WeightReader.h"
#include "passes/support/StructuredBuilder.h"

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/IR/PatternMatch.h"

namespace fathom {

/// Results of a decomposed op, one for each of its own, which may be f32 where those are bf16: they are rounded then. A
/// failure where the op has to stay.
using Decomposed = mlir::FailureOr<llvm::SmallVector<mlir::Value>>;

/// `value`, rounded to the numbers of `type` where it is not of it.
inline mlir::Value roundResult(StructuredBuilder &b, mlir::Value value, mlir::Type type) {
  auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
  return tensor && tensor.getElementType().isBF16() ? b.convertRows(value, tensor.getElementType()) : value;
}

/// Replaces an op by what `decompose(op, builder)`, found where this is used, builds before it.
template <typename Op>
struct DecomposePattern : mlir::OpRewritePattern<Op> {
  using mlir::OpRewritePattern<Op>::OpRewritePattern;

  mlir::LogicalResult matchAndRewrite(Op op, mlir::PatternRewriter &rewriter) const override {
    StructuredBuilder builder(rewriter, op.getLoc());
    Decomposed results = decompose(op, builder);
    if (failed(results)) {
      return rewriter.notifyMatchFailure(op, "its cache or table does not belong to a task");
    }
    for (auto [value, result] : llvm::zip_equal(*results, op->getResults())) {
      value = roundResult(builder, value, result.getType());
    }
    rewriter.replaceOp(op, *results);
    return mlir::success();
  }
};

template <typename... Ops>
void addDecompositions(mlir::RewritePatternSet &patterns) {
  patterns.add<DecomposePattern<Ops>...>(patterns.getContext());
}

void populateBasicDecompositions(mlir::RewritePatternSet &patterns);
void populateLinearDecompositions(mlir::RewritePatternSet &patterns);
void populateGateDecompositions(mlir::RewritePatternSet &patterns);
void populateMoEDecompositions(mlir::RewritePatternSet &patterns);
void populateAttentionDecompositions(mlir::RewritePatternSet &patterns);
void populateCachedAttentionDecompositions(mlir::RewritePatternSet &patterns);
void populateIndexDecompositions(mlir::RewritePatternSet &patterns);

/// All of them.
void populateDecompositions(mlir::RewritePatternSet &patterns);

/// An uninitialized tensor of `type`; `rows` where its first size is unknown.
mlir::Value emptyRows(StructuredBuilder &b, mlir::Type type, mlir::Value rows);

/// The item that the function around `op` computes, where an item is a part of all rows' results; null: it computes
/// all.
mlir::Value getItem(mlir::Operation *op);

/// The value that an epilogue, or no epilogue, makes of `value` at [row, column] of a result; `extras` are the operands
/// that it reads there.
mlir::Value applyEpilogue(StructuredBuilder &b, mlir::Region &epilogue, mlir::Value value, mlir::ValueRange extras,
                          mlir::Value row, mlir::Value column);

/// A product of rows with a weight and how its results are made.
struct Product {
  using Value = mlir::Value;

  /// Rows [from, to) of the result.
  Value from;
  Value to;
  /// The input's row for a row of the result.
  llvm::function_ref<Value(Value row)> inputRow;
  /// Input k of that row, for the block of outputs that begins at `first`.
  llvm::function_ref<Value(Value inputRow, Value first, Value k)> input;
  const WeightReader &weight;
  /// The weight's outputs that belong to one of the result, which is the first of a block.
  llvm::ArrayRef<llvm::function_ref<Value(Value first)>> parts;
  /// Outputs of the result; a block of them never crosses a multiple of `group`; 0: there are no groups.
  int64_t outputs;
  int64_t group;
  /// Of those kOutputsPerItem that are the item's; null: of all.
  Value item;
  /// What becomes of the sums, one of each part, for (row, output).
  llvm::function_ref<Value(Value row, Value output, mlir::ValueRange sums)> finish;
};

/// Puts `finish(s, n, Σ_k input(s, k) · W[part(n), k], …)` into `target`; k ascends in every sum. Of an item, only the
/// item's outputs are written.
mlir::Value multiplyRows(StructuredBuilder &b, const Product &product, mlir::Value target);

/// Element i of a row of 2·half numbers that `read` gives, rotated as `deepseek.rope` says for `position`.
struct Rotation {
  deepseek::RopeLayout layout;
  int64_t half;
  WeightReader table;
};
mlir::Value rotate(StructuredBuilder &b, const Rotation &rotation, mlir::Value position, mlir::Value i,
                   llvm::function_ref<mlir::Value(mlir::Value)> read);

/// Where the gates of a weight with interleaved gates and ups are; the up of a gate is a panel further.
mlir::Value getGateOutput(StructuredBuilder &b, mlir::Value output);
mlir::Value getUpOutput(StructuredBuilder &b, mlir::Value output);

} // namespace fathom

#endif // FATHOM_PASSES_LOWER_DECOMPOSE_H
