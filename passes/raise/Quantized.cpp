// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The node that stands for matrices of numbers of few bits.

#include "passes/raise/Quantized.h"

using namespace mlir;

namespace fathom::raise {

Value createDequantize(OpBuilder &builder, Location loc, const Quantized &of) {
  NamedAttrList attributes;
  attributes.append("block", builder.getDenseI64ArrayAttr(of.block));
  if (of.bits != 0) {
    attributes.append("bits", builder.getI64IntegerAttr(of.bits));
  }
  if (of.zero != 0) {
    attributes.append("zero", builder.getF32FloatAttr(float(of.zero)));
  }
  SmallVector<Value> inputs = {of.numbers, of.scales};
  if (of.zeros) {
    inputs.push_back(of.zeros);
  }
  return createRaised(builder, loc, kDequantize, of.type, inputs, attributes);
}

bool setZeros(Quantized &of, Value zeros) {
  of.zeros = zeros;
  if (std::optional<double> zero = zeros ? getSplat(zeros) : std::nullopt; zero && of.bits == 0) {
    of.zero = *zero;
    of.zeros = Value();
  }
  return !of.zeros || isConstant(of.zeros);
}

bool setPacked(Quantized &of, int64_t bits, int64_t size, Value zeros) {
  auto type = dyn_cast<RankedTensorType>(of.numbers.getType());
  bool isSound = llvm::is_contained({2, 4, 8}, bits) && size > 0 && type && type.hasStaticShape() &&
                 type.getElementType().isUnsignedInteger(8) && isConstant(of.numbers) && isConstant(of.scales);
  if (!isSound) {
    return false;
  }
  of.bits = unsigned(bits);
  of.block = {1, size};
  of.zero = zeros ? 0 : double(1u << (of.bits - 1));
  return !zeros || setZeros(of, zeros);
}

} // namespace fathom::raise
