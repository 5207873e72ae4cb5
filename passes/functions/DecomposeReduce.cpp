// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that make one number of many along axes.

#include "passes/functions/NodeBuilder.h"

#include <limits>

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

namespace {
/// How numbers of a type become one.
struct Reduction {
  /// Floats are added up in f64.
  bool sums = true;
  double first = 0;
  Value (*step)(NodeBuilder &b, Value all, Value number, bool natural);
  /// Of what came out, in the type that is computed in, and how many there were.
  Value (*finish)(NodeBuilder &b, Value all, Value count) = nullptr;
};
} // namespace

static Value firstOf(NodeBuilder &b, const Reduction &reduction, Type type) {
  if (isa<FloatType>(type) || !std::isinf(reduction.first)) {
    return b.constant(type, reduction.first);
  }
  unsigned bits = type.getIntOrFloatBitWidth();
  bool least = reduction.first < 0, natural = b.isNatural(0) || bits == 1;
  APInt end = natural ? (least ? APInt::getMinValue(bits) : APInt::getMaxValue(bits))
                      : (least ? APInt::getSignedMinValue(bits) : APInt::getSignedMaxValue(bits));
  return b.create<arith::ConstantOp>(b.builder.getIntegerAttr(type, end));
}

namespace {
/// Of each axis whether it goes, how many numbers of it become one, and how many it is left with. Where that depends on
/// data all axes stay.
struct Reduced {
  Values isGone, gone, left;
  /// The axes that the output has.
  SmallVector<int64_t> kept;

  Values outputSizes() const {
    return llvm::map_to_vector<6>(kept, [&](int64_t axis) { return left[axis]; });
  }
};
} // namespace

/// Which axes go; nothing after `fail`.
static std::optional<Values> findAxes(NodeBuilder &b) {
  std::optional<Values> axes = b.list("axes", 1);
  if (!b.getFault().empty()) {
    return std::nullopt;
  }
  if (!axes || axes->empty()) {
    bool all = b.integer("noop_with_empty_axes", 0) == 0;
    return Values(static_cast<size_t>(b.rank(0)), b.constant(b.builder.getI1Type(), all));
  }
  return b.areAmong(*axes, b.rank(0));
}

static std::optional<Reduced> readAxes(NodeBuilder &b) {
  std::optional<Values> axes = findAxes(b);
  if (!axes) {
    return std::nullopt;
  }
  Reduced reduced = {*axes, {}, {}, {}};
  bool keepsAxes = b.integer("keepdims", 1) != 0;
  for (int64_t axis = 0; axis < b.rank(0); ++axis) {
    Value goes = reduced.isGone[axis], size = b.size(b.in(0), axis), one = b.index(1);
    auto select = [&](Value yes, Value no) { return b.builder.createOrFold<arith::SelectOp>(b.loc, goes, yes, no); };
    reduced.gone.push_back(select(size, one));
    reduced.left.push_back(select(one, size));
    std::optional<int64_t> known = getConstantIntValue(goes);
    if (!known && !keepsAxes) {
      b.fail("axes that are computed, and do not stay");
      return std::nullopt;
    }
    keepsAxes || *known == 0 ? reduced.kept.push_back(axis) : void();
  }
  return reduced;
}

/// Where the element at `inner` among those that go to `outer` is.
static Values findPlace(NodeBuilder &b, const Reduced &reduced, ValueRange outer, ValueRange inner) {
  Values place(inner);
  for (auto [axis, at] : llvm::zip_equal(reduced.kept, outer)) {
    place[axis] = b.builder.createOrFold<arith::SelectOp>(b.loc, reduced.isGone[axis], inner[axis], at);
  }
  return place;
}

/// One after the other, what `step` makes of all numbers that go to `outer`.
static Value foldAt(NodeBuilder &b, const Reduced &reduced, ValueRange outer, Value first,
                    function_ref<Value(Value all, Value number)> step) {
  return b.forEachPlace(reduced.gone, first, [&](ValueRange inner, Value all) {
    return step(all, b.at(b.in(0), findPlace(b, reduced, outer, inner)));
  });
}

static bool reduce(NodeBuilder &b, const Reduction &reduction) {
  std::optional<Reduced> reduced = readAxes(b);
  Type element = b.elementOf(0), type = b.computed(element);
  if (!reduced || (!b.isReal(0) && reduction.finish)) {
    return b.fail("integers");
  }
  Type sum = b.isReal(0) && reduction.sums ? Type(b.builder.getF64Type()) : type;
  bool natural = b.isNatural(0);
  Value count = b.product(reduced->gone);
  return b.giveMade(element, reduced->outputSizes(), [&](ValueRange outer) {
    Value all = foldAt(b, *reduced, outer, firstOf(b, reduction, sum), [&](Value carried, Value number) {
      return reduction.step(b, carried, b.convert(number, type, sum), natural);
    });
    all = b.convert(all, sum, type);
    return reduction.finish ? reduction.finish(b, all, count) : all;
  });
}

static Value addNumber(NodeBuilder &b, Value all, Value x, bool) { return b.add(all, x); }
static Value addSquare(NodeBuilder &b, Value all, Value x, bool) { return b.add(all, b.multiply(x, x)); }
static Value multiply(NodeBuilder &b, Value all, Value x, bool) { return b.multiply(all, x); }
static Value addAbsolute(NodeBuilder &b, Value all, Value x, bool natural) {
  Value none = b.zero(x.getType());
  return b.add(all, natural ? x : b.select(b.less(x, none), b.subtract(none, x), x));
}
static Value takeNumber(NodeBuilder &b, Value all, Value x, Value better) {
  Value stays = b.isNot(better);
  return b.select(isa<FloatType>(x.getType()) ? b.either(b.isNaN(all), b.both(stays, b.isNot(b.isNaN(x)))) : stays, all,
                  x);
}
static Value takeLargest(NodeBuilder &b, Value all, Value x, bool natural) {
  return takeNumber(b, all, x, b.less(all, x, natural));
}
static Value takeSmallest(NodeBuilder &b, Value all, Value x, bool natural) {
  return takeNumber(b, all, x, b.less(x, all, natural));
}

static Value root(NodeBuilder &b, Value all, Value) { return b.create<math::SqrtOp>(all); }
static Value log(NodeBuilder &b, Value all, Value) { return b.create<math::LogOp>(all); }
static Value mean(NodeBuilder &b, Value all, Value count) {
  Type i64 = b.builder.getI64Type();
  return b.divide(all, b.convert(b.create<arith::IndexCastOp>(i64, count), i64, all.getType()));
}

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static bool sum(NodeBuilder &b) { return reduce(b, {true, 0, addNumber}); }
static bool squares(NodeBuilder &b) { return reduce(b, {true, 0, addSquare}); }
static bool absolutes(NodeBuilder &b) { return reduce(b, {true, 0, addAbsolute}); }
static bool product(NodeBuilder &b) { return reduce(b, {true, 1, multiply}); }
static bool norm(NodeBuilder &b) { return reduce(b, {true, 0, addSquare, root}); }
static bool average(NodeBuilder &b) { return reduce(b, {true, 0, addNumber, mean}); }
static bool largest(NodeBuilder &b) { return reduce(b, {false, -kInfinity, takeLargest}); }
static bool smallest(NodeBuilder &b) { return reduce(b, {false, kInfinity, takeSmallest}); }
static bool logSum(NodeBuilder &b) {
  return b.elementOf(0).isF64() ? b.fail("functions of f64") : reduce(b, {true, 0, addNumber, log});
}

/// By way of the largest, so that no exponential is too large.
static bool logSumExp(NodeBuilder &b) {
  std::optional<Reduced> reduced = readAxes(b);
  if (!reduced || !b.isReal(0) || b.elementOf(0).isF64()) {
    return b.fail("a type other than floats of 16 or 32 bits");
  }
  Type f32 = b.builder.getF32Type(), f64 = b.builder.getF64Type();
  return b.giveMade(b.elementOf(0), reduced->outputSizes(), [&](ValueRange outer) {
    Value most = foldAt(b, *reduced, outer, b.real(-kInfinity),
                        [&](Value all, Value number) { return takeLargest(b, all, number, false); });
    Value sum = foldAt(b, *reduced, outer, b.zero(f64), [&](Value all, Value number) {
      return b.add(all, b.convert(b.exp(b.subtract(number, most)), f32, f64));
    });
    Value isInfinite = b.isEqual(b.create<math::AbsFOp>(most), b.real(kInfinity));
    return b.select(isInfinite, most, b.add(most, b.create<math::LogOp>(b.convert(sum, f64, f32))));
  });
}

ArrayRef<DecomposeRow> decomposeReduceRows() {
  static const DecomposeRow rows[] = {
      {"", "ReduceL1", absolutes},        {"", "ReduceL2", norm},      {"", "ReduceLogSum", logSum},
      {"", "ReduceLogSumExp", logSumExp}, {"", "ReduceMax", largest},  {"", "ReduceMean", average},
      {"", "ReduceMin", smallest},        {"", "ReduceProd", product}, {"", "ReduceSum", sum},
      {"", "ReduceSumSquare", squares},
  };
  return rows;
}

} // namespace fathom
