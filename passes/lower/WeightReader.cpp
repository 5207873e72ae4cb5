// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of stored weights as f32.

#include "passes/lower/WeightReader.h"

#include "dialects/plan/Plan.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include <limits>

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
  if (!expert) {
    return {weight, {}};
  }
  if (auto cast = weight.getDefiningOp<UnrealizedConversionCastOp>()) {
    if (auto table = dyn_cast<plan::TableType>(cast.getOperand(0).getType())) {
      return {plan::ExpertOp::create(b.builder, b.loc, table.getElement(), cast.getOperand(0), expert), {}};
    }
  }
  return {weight, {expert}};
}

Value WeightReader::load(const Source &source, ValueRange indices) const {
  if (isa<MemRefType>(source.memory.getType())) {
    return memref::LoadOp::create(b.builder, b.loc, source.memory, indices);
  }
  SmallVector<Value> all(source.leading.begin(), source.leading.end());
  llvm::append_range(all, indices);
  return b.at(source.memory, all);
}

/// FP8 E4M3 to f32, exactly, by its bits: a sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinities.
static Value decodeF8(StructuredBuilder &b, Value value) {
  auto shiftLeft = [&](Value bits, int32_t count) -> Value {
    return arith::ShLIOp::create(b.builder, b.loc, bits, b.integer(count));
  };
  auto toReal = [&](Value bits) -> Value {
    return arith::BitcastOp::create(b.builder, b.loc, b.builder.getF32Type(), bits);
  };
  Value byte = arith::BitcastOp::create(b.builder, b.loc, b.builder.getI8Type(), value);
  Value bits = arith::ExtUIOp::create(b.builder, b.loc, b.builder.getI32Type(), byte);
  Value magnitude = b.both(bits, b.integer(0x7F));
  // The exponent's bias becomes 127; below 8 the number is subnormal, a multiple of 2^-9.
  Value normal = toReal(b.add(shiftLeft(magnitude, 20), b.integer((127 - 7) << 23)));
  Value count = arith::UIToFPOp::create(b.builder, b.loc, b.builder.getF32Type(), magnitude);
  Value isNormal = b.isGreater(magnitude, b.integer(7));
  Value number = b.select(isNormal, normal, b.multiply(count, b.real(0x1p-9)));
  Value isNaN = b.isEqual(magnitude, b.integer(0x7F));
  number = b.select(isNaN, b.real(std::numeric_limits<float>::quiet_NaN()), number);
  Value sign = shiftLeft(b.both(bits, b.integer(0x80)), 24);
  Value signless = arith::BitcastOp::create(b.builder, b.loc, b.builder.getI32Type(), number);
  return toReal(b.either(signless, sign));
}

static Value toF32(StructuredBuilder &b, Value value) {
  if (value.getType().isF32()) {
    return value;
  }
  if (isa<Float8E4M3FNType>(value.getType())) {
    return decodeF8(b, value);
  }
  return arith::ExtFOp::create(b.builder, b.loc, b.builder.getF32Type(), value);
}

Value WeightReader::read(ValueRange indices) const { return toF32(b, load(weight, indices)); }

Value WeightReader::read(Value output, Value input) const {
  Value stored = read(ValueRange{output, input});
  return scale.memory ? b.multiply(stored, readScale(output, input)) : stored;
}

Value WeightReader::readScale(Value output, Value input) const {
  return load(scale, {b.divide(output, block.getRows()), b.divide(input, block.getColumns())});
}

} // namespace fathom
