// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that make tensors of shapes and constants, and that make other types of tensors.

#include "passes/functions/NodeBuilder.h"

using namespace mlir;

namespace fathom {

/// Ends a call where a size is below 0.
static void checkSizes(NodeBuilder &b, ValueRange sizes) {
  for (Value size : sizes) {
    b.check(b.isNot(b.less(size, b.index(0))), "the shape has a negative size");
  }
}

static bool constantOfShape(NodeBuilder &b) {
  std::optional<NodeBuilder::Values> sizes = b.indicesOf(b.in(0));
  auto value = b.op().getNodeAttr<DenseElementsAttr>("value");
  if (!sizes || (value && value.getNumElements() != 1)) {
    return b.fail("a value that is not one number");
  }
  checkSizes(b, *sizes);
  Type element = b.resultElement(0);
  Value number = b.zero(b.computed(element));
  if (value && isa<FloatType>(element)) {
    number = b.create<arith::ConstantOp>(b.builder.getFloatAttr(element, *value.getValues<APFloat>().begin()));
    number = b.computed(element) == element ? number
                                            : b.builder.createOrFold<arith::ExtFOp>(b.loc, b.computed(element), number);
  } else if (value) {
    number =
        b.create<arith::ConstantOp>(b.builder.getIntegerAttr(b.computed(element), *value.getValues<APInt>().begin()));
  }
  return b.giveMade(element, *sizes, [&](ValueRange) { return number; });
}

static bool expand(NodeBuilder &b) {
  std::optional<NodeBuilder::Values> given = b.indicesOf(b.in(1));
  if (!given) {
    return false;
  }
  checkSizes(b, *given);
  NodeBuilder::Values sizes = b.broadcast({*given, b.sizesOf(b.in(0))});
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) { return b.atBroadcast(b.in(0), sizes, i); });
}

/// How many numbers there are from `begin` on before `end`: by f64, which an i64 beyond 2^53 is rounded to.
static Value countSteps(NodeBuilder &b, Value begin, Value end, Value step) {
  Type type = b.elementOf(0), wide = b.builder.getF64Type();
  auto toWide = [&](Value number) { return b.convert(number, type, wide); };
  Value steps = b.create<math::CeilOp>(b.divide(b.subtract(toWide(end), toWide(begin)), toWide(step)));
  Value most = b.constant(wide, 1ll << 40);
  b.check(b.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, b.create<math::AbsFOp>(steps), most),
          "has a step that does not end");
  Value count = b.convert(steps, wide, b.builder.getI64Type());
  return b.larger(b.toIndex(count), b.index(0));
}

static bool range(NodeBuilder &b) {
  auto bound = [&](size_t i) { return b.at(b.in(i), NodeBuilder::Values(b.rank(i), b.index(0))); };
  Value begin = bound(0), step = bound(2), count = countSteps(b, begin, bound(1), step);
  return b.giveMade(b.elementOf(0), {count}, [&](ValueRange i) {
    Type type = b.computed(b.elementOf(0));
    Value place = b.convert(b.create<arith::IndexCastOp>(b.builder.getI64Type(), i[0]), b.builder.getI64Type(), type);
    return b.add(begin, b.multiply(place, step));
  });
}

static bool shapeOf(NodeBuilder &b) {
  int64_t rank = b.rank(0);
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t begin = clamp(b.integer("start", 0)), end = std::max(begin, clamp(b.integer("end", rank)));
  NodeBuilder::Values sizes;
  for (int64_t i = begin; i < end; ++i) {
    sizes.push_back(b.create<arith::IndexCastOp>(b.builder.getI64Type(), b.size(b.in(0), i)));
  }
  return b.give(b.create<tensor::FromElementsOp>(RankedTensorType::get({end - begin}, b.builder.getI64Type()), sizes));
}

static bool sizeOf(NodeBuilder &b) {
  Value size = b.create<arith::IndexCastOp>(b.builder.getI64Type(), b.product(b.sizesOf(b.in(0))));
  return b.give(b.create<tensor::FromElementsOp>(RankedTensorType::get({}, b.builder.getI64Type()), size));
}

static bool identity(NodeBuilder &b) { return b.give(b.in(0)); }

/// Of inference: nothing is dropped. The mask says what was kept.
static bool dropout(NodeBuilder &b) {
  std::optional<NodeBuilder::Integers> training = b.has(2) ? b.known(2) : NodeBuilder::Integers{0};
  if (!training || training->front() != 0) {
    return b.fail("training");
  }
  b.give(b.in(0));
  Value one = b.constant(b.builder.getI1Type(), 1);
  return b.op()->getNumResults() < 2 ||
         b.giveMade(b.builder.getI1Type(), b.sizesOf(b.in(0)), [&](ValueRange) { return one; });
}

static bool isNumber(Type element) {
  return isa_and_nonnull<IntegerType>(element) ||
         (element && (element.isF16() || element.isBF16() || element.isF32() || element.isF64()));
}

static bool cast(NodeBuilder &b) {
  Type from = b.elementOf(0), to = b.resultElement(0);
  bool isRead = isNumber(from) || isNarrow(from);
  if (!isRead || !isNumber(to) || isNarrow(to)) {
    return b.fail("numbers that become other than of 8 bits, or floats of 16, and more");
  }
  return b.giveMade(to, b.sizesOf(b.in(0)), [&](ValueRange i) { return b.convert(b.at(b.in(0), i), from, to); });
}

ArrayRef<DecomposeRow> decomposeCreationRows() {
  static const DecomposeRow rows[] = {
      {"", "Cast", cast},       {"", "CastLike", cast, 2}, {"", "ConstantOfShape", constantOfShape},
      {"", "Dropout", dropout}, {"", "Expand", expand, 2}, {"", "Identity", identity},
      {"", "Range", range, 3},  {"", "Shape", shapeOf},    {"", "Size", sizeOf},
  };
  return rows;
}

} // namespace fathom
