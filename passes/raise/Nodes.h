// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How patterns look at nodes of graphs, and make new ones.

#ifndef FATHOM_PASSES_RAISE_NODES_H
#define FATHOM_PASSES_RAISE_NODES_H

#include "dialects/onnx/Onnx.h"
#include "dialects/onnx/Raised.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace fathom::raise {

using namespace onnx::raised;

/// Scores at or below it have no weight beside any that a model computes: masks make such of what is not to be seen.
constexpr double kHidden = -1e4;

/// The opset of ONNX's own operators that patterns make.
constexpr int64_t kOpset = 23;

/// The node of ONNX's own operator `name` whose first output is `value`; null for any other.
onnx::NodeOp matchNode(mlir::Value value, llvm::StringRef name);
/// The same of an operator of `kDomain`.
onnx::NodeOp matchRaised(mlir::Value value, llvm::StringRef name);

/// Whether a node is attention that was recognized, whatever it attends to.
bool isAttention(onnx::NodeOp node);

/// The operands of a node of two that commute, each way.
llvm::SmallVector<std::pair<mlir::Value, mlir::Value>, 2> eitherWay(onnx::NodeOp node);

/// The number that all elements of a constant have.
std::optional<double> getSplat(mlir::Value value);
/// What is left of a value without the numbers that it is multiplied by, by whose product `scale` is multiplied.
mlir::Value takeFactors(mlir::Value value, double &scale);
/// The integers of a constant.
std::optional<llvm::SmallVector<int64_t>> getIntegers(mlir::Value value);
/// The axes of a node, which older opsets have as the attribute "axes" and newer ones as an input, counted from the
/// front; nothing where they are not known.
std::optional<llvm::SmallVector<int64_t>> getAxes(onnx::NodeOp node, unsigned input, int64_t rank);

/// The dimensions of a tensor; -1 where not even their number is known.
int64_t getRank(mlir::Value value);

/// What a dimension counts up to: a number, or what a name stands for.
struct Size {
  int64_t number;
  /// Null where the number is known, or where nothing is.
  mlir::StringAttr name = {};

  bool operator==(const Size &other) const { return number == other.number && name == other.name; }
  bool operator!=(const Size &other) const { return !(*this == other); }
};
/// The sizes of a tensor's dimensions.
llvm::SmallVector<Size> getSizes(mlir::RankedTensorType type);
/// The type of tensors of such sizes.
mlir::RankedTensorType getTensor(mlir::MLIRContext *context, llvm::ArrayRef<Size> sizes, mlir::Type element);
/// Whether the sizes of two tensors are known to be the same.
bool haveSameShape(mlir::Value a, mlir::Value b);
/// Whether it is a constant or an initializer, or one whose numbers were moved or converted.
bool isConstant(mlir::Value value);

/// A node of ONNX's own with one output.
mlir::Value createNode(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name, mlir::Type type,
                       mlir::ValueRange inputs, llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
/// The same of `kDomain`.
mlir::Value createRaised(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name, mlir::Type type,
                         mlir::ValueRange inputs, llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
mlir::Value createConstant(mlir::OpBuilder &builder, mlir::Location loc, mlir::ElementsAttr value);
/// A list of integers.
mlir::Value createIntegers(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<int64_t> values);
/// A vector of ones.
mlir::Value createOnes(mlir::OpBuilder &builder, mlir::Location loc, int64_t size, mlir::Type element);
/// `value` with its dimensions in another order, by an existing transposition of it where that comes to one.
mlir::Value createTranspose(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                            llvm::ArrayRef<int64_t> permutation);
/// The same elements in another shape, which `type` says.
mlir::Value createReshape(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, mlir::Value input);
mlir::Value createReshape(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<Size> sizes, mlir::Value input);
/// Dimensions of one element, or new ones in front, repeated.
mlir::Value createExpand(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<Size> sizes, mlir::Value input);
/// As many elements along an axis as `type` has there, `step` apart.
mlir::Value createSlice(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, mlir::Value input,
                        int64_t begin, int64_t axis, int64_t step = 1);
/// Pairs (x[2i], x[2i+1]) of the last dimension as (x[i], x[i + d/2]), where rotations want them.
mlir::Value gatherPairs(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value);
/// The other way round.
mlir::Value spreadPairs(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value);
/// A number for each pair, of the last dimension, for both of its elements.
mlir::Value repeatHalves(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value);
/// One behind the other along an axis, counted from the front.
mlir::Value createConcat(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange parts, int64_t axis);
/// The product of two matrices, or of stacks of them whose dimensions fit by numpy's broadcasting.
mlir::Value createMatMul(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a, mlir::Value b);
mlir::Value createSum(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a, mlir::Value b);
mlir::Value createRmsNorm(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value input, mlir::Value weight,
                          double epsilon);
/// The order that a Transpose puts dimensions in.
llvm::SmallVector<int64_t> getPermutation(onnx::NodeOp transpose);

/// Of a Transpose: makes one of it and the one that it is of; drops one that changes nothing.
llvm::LogicalResult mergeTransposes(onnx::NodeOp node, mlir::PatternRewriter &rewriter);
struct MergeTransposes : mlir::OpRewritePattern<onnx::NodeOp> {
  using OpRewritePattern::OpRewritePattern;
  llvm::LogicalResult matchAndRewrite(onnx::NodeOp node, mlir::PatternRewriter &rewriter) const override;
};

/// Applies patterns until none matches; false where that does not end.
template <typename... Patterns>
bool applyPatterns(mlir::Operation *module) {
  mlir::RewritePatternSet patterns(module->getContext());
  patterns.add<Patterns...>(module->getContext());
  // A graph is one block.
  auto config = mlir::GreedyRewriteConfig().setRegionSimplificationLevel(mlir::GreedySimplifyRegionLevel::Disabled);
  return succeeded(mlir::applyPatternsGreedily(module, std::move(patterns), config));
}

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_NODES_H
