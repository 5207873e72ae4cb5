// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of stored weights as f32.

#include "passes/lower/WeightReader.h"

#include "dialects/plan/Plan.h"
#include "passes/support/Float8.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

WeightReader::WeightReader(StructuredBuilder &b, Value weight, Value scale, BlockScaleAttr block, Value expert)
    : b(b), weight(select(weight, expert)), block(block) {
  if (scale) {
    this->scale = select(scale, expert);
  }
  auto type = cast<RankedTensorType>(weight.getType());
  if (type.getRank() >= (expert ? 3 : 2)) {
    inputs = getWidth(type);
  }
}

WeightReader::Source WeightReader::select(Value weight, Value expert) const {
  auto cast = weight.getDefiningOp<UnrealizedConversionCastOp>();
  if (auto table = cast ? dyn_cast<plan::TableType>(cast.getOperand(0).getType()) : plan::TableType()) {
    return {plan::ExpertOp::create(b.builder, b.loc, table.getElement(), cast.getOperand(0), expert), {}};
  }
  SmallVector<Value, 1> leading(expert ? 1 : 0, expert);
  // The memory that a function is given, where that lies as the tensor says.
  auto read = weight.getDefiningOp<bufferization::ToTensorOp>();
  return read && isRowByRow(weight.getType()) ? Source{read.getBuffer(), leading} : Source{weight, leading};
}

Value WeightReader::load(const Source &source, ValueRange indices, int64_t count) const {
  SmallVector<Value> all(source.leading.begin(), source.leading.end());
  llvm::append_range(all, indices);
  auto memory = dyn_cast<MemRefType>(source.memory.getType());
  if (!memory) {
    return b.at(source.memory, all);
  }
  auto vector = VectorType::get({count}, memory.getElementType());
  return count == 1 ? memref::LoadOp::create(b.builder, b.loc, source.memory, all).getResult()
                    : vector::LoadOp::create(b.builder, b.loc, vector, source.memory, all).getResult();
}

static Value toF32(StructuredBuilder &b, Value value) {
  Type type = getElementTypeOrSelf(value);
  if (type.isF32()) {
    return value;
  }
  if (type.isBF16()) {
    return b.widenBF16(value);
  }
  if (isFloat8(type)) {
    return decodeFloat8(b, value, cast<FloatType>(type));
  }
  return type.isInteger() ? b.signedToReal(value) : b.widen(value, b.builder.getF32Type());
}

Value WeightReader::read(ValueRange indices) const { return toF32(b, load(weight, indices)); }

Value WeightReader::read(Value output, Value input, int64_t count) const {
  Value stored = toF32(b, load(weight, {output, input}, count));
  return scale.memory ? b.multiply(stored, readScale(output, input)) : stored;
}

bool WeightReader::hasVectors(int64_t count) const {
  return isa<MemRefType>(weight.memory.getType()) && (!scale.memory || block.getColumns() % count == 0);
}

Value WeightReader::readScale(Value output, Value input) const {
  return toF32(b, load(scale, {b.divide(output, block.getRows()), b.divide(input, block.getColumns())}));
}

} // namespace fathom
