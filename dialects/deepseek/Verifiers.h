// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops of the `deepseek` dialect share: checks of their verifiers, each of which reports what it finds at `op`, and
// what suits their kernels.

#ifndef FATHOM_DIALECTS_DEEPSEEK_VERIFIERS_H
#define FATHOM_DIALECTS_DEEPSEEK_VERIFIERS_H

#include "dialects/deepseek/DeepSeek.h"

namespace fathom::deepseek {

/// `type`, which the message calls `name`, is [rows, width].
mlir::LogicalResult verifyWidth(mlir::Operation *op, llvm::StringRef name, mlir::Type type, int64_t width);

/// `type` has the shape; kDynamic stands for any number.
mlir::LogicalResult verifyShape(mlir::Operation *op, llvm::StringRef name, mlir::Type type,
                                llvm::ArrayRef<int64_t> shape);

/// A table of rotations for rows of `width`.
mlir::LogicalResult verifyRopeTable(mlir::Operation *op, mlir::Type table, int64_t width);

/// `eps` of a norm is finite and not negative.
mlir::LogicalResult verifyEps(mlir::Operation *op, const llvm::APFloat &eps);

/// f8 weights, and only they, bring scales, of the shape that the block implies and in the weight's layout.
mlir::LogicalResult verifyScale(mlir::Operation *op, mlir::RankedTensorType weight, mlir::Value scale,
                                BlockScaleAttr block);

/// An input of i8 is multiplied with integers in groups as large as its own.
mlir::LogicalResult verifyIntegers(mlir::Operation *op, mlir::Type input, mlir::RankedTensorType weight,
                                   BlockScaleAttr block);

/// A weight that makes `result` of `input`, `outputsPerResult` rows for each of the result's columns; where that is
/// two, the second ones come after all first ones, and in a layout with them in turns.
mlir::LogicalResult verifyProduct(mlir::Operation *op, mlir::Type input, mlir::Type result,
                                  mlir::RankedTensorType weight, int64_t outputsPerResult, bool experts = false);

/// (f32 sum, f32 for each extra) -> f32, where extras have the result's type or are
/// vectors of its width.
mlir::LogicalResult verifyEpilogue(mlir::Operation *op, mlir::Region &epilogue, mlir::ValueRange extras,
                                   mlir::Type result);

/// The cache has a store `name` of rows of `width` numbers for each head.
mlir::LogicalResult verifyStore(mlir::Operation *op, CacheType cache, llvm::StringRef name, int64_t width,
                                int64_t heads = 1);

/// Queries, weights of heads and the store of keys that an indexer scores with.
mlir::LogicalResult verifyIndexer(mlir::Operation *op, mlir::Type query, mlir::Type weights, CacheType cache,
                                  int64_t heads, int64_t headDim);

/// `use` where kernels know the rows of all `stores`: those of FP8 whose last numbers are bf16 where these are `tail`
/// numbers. Otherwise none.
KernelUse useStores(CacheType cache, llvm::ArrayRef<llvm::StringRef> stores, int64_t tail, const KernelUse &use);

/// Makes `op` read another weight, with its scales if it has any.
template <typename Op>
void replaceWeight(Op op, const ScaledWeight &weight) {
  op.getWeightMutable().assign(weight.weight);
  op.getScaleMutable().assign(weight.scale ? mlir::ValueRange(weight.scale) : mlir::ValueRange());
  op.setBlockAttr(weight.block);
}

/// A number of the module's `deepseek.model`; nothing where it says none.
std::optional<int64_t> getFact(mlir::Operation *op, llvm::StringRef fact);

/// What the types at `op` say of the model is what the module's `deepseek.model` says, where it does.
mlir::LogicalResult verifyFact(mlir::Operation *op, llvm::StringRef fact, int64_t value);

} // namespace fathom::deepseek

#endif // FATHOM_DIALECTS_DEEPSEEK_VERIFIERS_H
