// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory for results, places for slices.

#include "passes/plan/Buffers.h"

#include "dialects/RowFormat.h"
#include "passes/plan/RowCounts.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

bool hasCountedRows(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto isNumber = [](Type type) { return isActivationElement(type) || type.isInteger(32) || type.isInteger(8); };
  return tensor && isNumber(tensor.getElementType()) && tensor.getRank() >= 1 && tensor.isDynamicDim(0) &&
         (tensor.getRank() == 1 || isRows(tensor));
}

MemRefType getMemRefType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  // Rows of activations, not of weights.
  if (tensor.getElementType().isInteger(8) && tensor.isDynamicDim(0)) {
    shape.back() = fathom_row_bytes(FATHOM_ROW_I8, shape.back(), /*tail=*/0);
  }
  return MemRefType::get(shape, tensor.getElementType());
}

Type getWeightMemory(WeightSymbol weight) {
  RankedTensorType type = weight.getTensorType();
  SmallVector<int64_t> shape = getStoredShape(type);
  if (!weight.hasExpertTable()) {
    return MemRefType::get(shape, type.getElementType());
  }
  return plan::TableType::get(type.getContext(), MemRefType::get(ArrayRef(shape).drop_front(), type.getElementType()));
}

/// The caller's memory has as many rows as a result that goes there.
static LogicalResult verifyRows(OpResult result, const RowCount &room, const RowCount &count) {
  std::optional<CountedRows> expected = getCountedRows(room.rows), rows = getCountedRows(count.rows);
  return rows == expected ? success()
                          : result.getOwner()->emitOpError("expects a result with ")
                                << describe(expected) << ", for which its caller has memory, but got "
                                << describe(rows);
}

LogicalResult Buffers::allocateResults(Operation *op, Value like) {
  for (OpResult result : op->getResults()) {
    if (isa<CacheType>(result.getType())) {
      continue; // the call's own
    }
    FailureOr<RowCount> count = countRows(result, like);
    if (failed(count)) {
      return failure();
    }
    auto [place, isNew] = places.try_emplace(result);
    if (isNew) {
      place->second = {createBuffer(result, *count), *count};
    } else if (failed(verifyRows(result, place->second.count, *count))) {
      return failure();
    }
  }
  return success();
}

RowRule getResultRows(OpResult result) {
  Operation *op = result.getOwner();
  if (auto compute = dyn_cast<ComputeOp>(op)) {
    return compute.getResultRows(result.getResultNumber());
  }
  return {op->getNumOperands() > 0 ? op->getOperand(0) : Value()};
}

FailureOr<RowCount> Buffers::countRows(OpResult result, Value like) {
  Operation *op = result.getOwner();
  auto type = dyn_cast<RankedTensorType>(result.getType());
  if (type && type.hasStaticShape() && isa<ComputeOp>(op)) {
    return RowCount();
  }
  if (!hasCountedRows(result.getType())) {
    return op->emitOpError("expects results with one row per row of the operand, but got ") << result.getType();
  }
  RowRule rule = like ? RowRule{like} : getResultRows(result);
  if (!rule.operand || !hasCountedRows(rule.operand.getType())) {
    return op->emitOpError("expects an operand that sets the row count");
  }
  RowCount count = get(rule.operand).count;
  if (rule.factor == 1) {
    return count;
  }
  Value factor = arith::ConstantIndexOp::create(builder, op->getLoc(), rule.factor);
  return RowCount{arith::MulIOp::create(builder, op->getLoc(), count.rows, factor), count.most * rule.factor};
}

Value Buffers::createBuffer(OpResult result, const RowCount &count) {
  MemRefType memory = getMemRefType(result.getType());
  int64_t elements = 1;
  for (int64_t size : memory.getShape()) {
    elements *= ShapedType::isDynamic(size) ? count.most : size;
  }
  int64_t bytes = elements * memory.getElementTypeBitWidth() / 8;
  return plan::BufferOp::create(builder, result.getLoc(), memory, call, builder.getI64IntegerAttr(bytes), IntegerAttr(),
                                memory.hasStaticShape() ? ValueRange() : ValueRange(count.rows));
}

LogicalResult Buffers::addColumns(tensor::ExtractSliceOp op) {
  bool columns = hasCountedRows(op.getSourceType()) && hasCountedRows(op.getType()) && op.getType().getRank() == 2 &&
                 op.getStaticOffset(0) == 0 && !op.isDynamicOffset(1) && op.hasUnitStride();
  if (!columns) {
    return op.emitOpError("expects a slice of an activation's columns with static bounds and stride 1");
  }
  Place place = get(op.getSource());
  place.offset += op.getStaticOffset(1);
  places[op.getResult()] = place;
  return success();
}

} // namespace fathom
