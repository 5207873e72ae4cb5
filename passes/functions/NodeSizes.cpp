// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes of tensors: which are known, which are the same, and what they broadcast to.

#include "passes/functions/NodeBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace fathom {

int64_t NodeBuilder::knownSize(Value size) {
  std::optional<int64_t> known = getConstantIntValue(size);
  return known && *known >= 0 ? *known : ShapedType::kDynamic;
}

/// What the op that made `tensor` has as its size; null where that does not tell.
static OpFoldResult madeSize(Value tensor, int64_t dimension) {
  Operation *maker = tensor.getDefiningOp();
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(maker)) {
    unsigned result = cast<OpResult>(tensor).getResultNumber();
    return madeSize(generic.getDpsInitOperand(result)->get(), dimension);
  }
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(maker)) {
    return empty.getMixedSizes()[dimension];
  }
  auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(maker);
  return expand ? expand.getMixedOutputShape()[dimension] : OpFoldResult();
}

Value NodeBuilder::size(Value tensor, int64_t dimension) {
  auto type = mlir::cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dimension)) {
    return index(type.getDimSize(dimension));
  }
  if (auto found = told.find({tensor, dimension}); found != told.end()) {
    return found->second;
  }
  if (auto cast = tensor.getDefiningOp<tensor::CastOp>()) {
    return size(cast.getSource(), dimension);
  }
  auto made = dyn_cast_or_null<Value>(madeSize(tensor, dimension));
  return made ? made : StructuredBuilder::size(tensor, dimension);
}

StructuredBuilder::Values NodeBuilder::sizesOf(Value tensor) {
  Values sizes;
  for (int64_t i = 0; i < rankOf(tensor); ++i) {
    sizes.push_back(size(tensor, i));
  }
  return sizes;
}

/// The size that `one` and `other` broadcast to, if they do.
static Value broadcastSize(NodeBuilder &b, Value one, Value other) {
  int64_t first = NodeBuilder::knownSize(one), second = NodeBuilder::knownSize(other);
  if (one == other || first == 1 || (second != 1 && first != ShapedType::kDynamic)) {
    return first == 1 ? other : one;
  }
  return second == 1 ? one : second != ShapedType::kDynamic ? other : b.select(b.isSame(one, b.index(1)), other, one);
}

StructuredBuilder::Values NodeBuilder::broadcast(ArrayRef<Values> shapes) {
  size_t rank = 0;
  for (const Values &sizes : shapes) {
    rank = std::max(rank, sizes.size());
  }
  Values result(rank);
  for (const Values &sizes : shapes) {
    for (auto [i, size] : llvm::enumerate(sizes)) {
      Value &all = result[rank - sizes.size() + i];
      all = all ? broadcastSize(*this, all, size) : size;
    }
  }
  for (const Values &sizes : shapes) {
    for (auto [i, size] : llvm::enumerate(sizes)) {
      Value all = result[rank - sizes.size() + i];
      bool isSameConstant = knownSize(size) != ShapedType::kDynamic && knownSize(size) == knownSize(all);
      if (size != all && !isSameConstant && knownSize(size) != 1) {
        Value fits = either(isSame(size, all), isSame(size, index(1)));
        check(fits, "inputs have unlike sizes, and cannot be broadcast");
      }
    }
  }
  return result;
}

Value NodeBuilder::atBroadcast(Value tensor, ValueRange sizes, ValueRange indices) {
  Values own = sizesOf(tensor), place;
  size_t skipped = sizes.size() - own.size();
  for (auto [i, size] : llvm::enumerate(own)) {
    Value at = indices[skipped + i];
    bool isWhole = size == sizes[skipped + i] || knownSize(size) > 1;
    if (knownSize(size) == 1) {
      at = index(0);
    } else if (!isWhole &&
               (knownSize(size) == ShapedType::kDynamic || knownSize(size) != knownSize(sizes[skipped + i]))) {
      at = select(isSame(size, index(1)), index(0), at);
    }
    place.push_back(at);
  }
  return this->at(tensor, place);
}

} // namespace fathom
