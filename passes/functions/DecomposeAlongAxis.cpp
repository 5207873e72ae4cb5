// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that look at whole rows along an axis: softmax, sums so far, the best.

#include "passes/functions/AlongAxis.h"

#include <limits>

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

/// The rows that a softmax is of, [outer, length, inner]: all axes from one on together in older opsets. Null after
/// `fail`.
static Value softmaxRows(NodeBuilder &b) {
  bool together = b.opset() < 13;
  std::optional<int64_t> axis = b.axis(b.integer("axis", together ? 1 : -1), std::max<int64_t>(b.rank(0), 1));
  if (!axis || b.rank(0) == 0 || !b.isReal(0) || b.elementOf(0).isF64()) {
    b.fail("a type other than floats of 16 or 32 bits");
    return {};
  }
  Values sizes = b.sizesOf(b.in(0));
  ArrayRef<Value> all = sizes;
  return together ? b.reshape(b.in(0), {b.product(all.take_front(*axis)), b.product(all.drop_front(*axis)), b.index(1)})
                  : b.asRows(b.in(0), *axis);
}

/// A number of each row, [outer, inner], in f32.
static Value ofRows(NodeBuilder &b, Value rows, Value first, function_ref<Value(Value all, ValueRange at)> step) {
  Values sizes = b.sizesOf(rows);
  return b.make(b.builder.getF32Type(), {sizes[0], sizes[2]}, [&](ValueRange i) {
    Value all =
        b.loop(b.index(0), sizes[1], first, [&](Value j, Value carried) { return step(carried, {i[0], j, i[1]}); });
    return isa<Float64Type>(all.getType()) ? b.convert(all, all.getType(), b.builder.getF32Type()) : all;
  });
}

static Value largestOf(NodeBuilder &b, Value rows) {
  return ofRows(b, rows, b.real(-std::numeric_limits<double>::infinity()),
                [&](Value all, ValueRange at) { return b.larger(all, b.at(rows, at)); });
}

/// Sums of rows, in f64 and rounded once.
static Value sumOf(NodeBuilder &b, Value rows) {
  Type wide = b.builder.getF64Type();
  return ofRows(b, rows, b.zero(wide), [&](Value all, ValueRange at) {
    return b.add(all, b.convert(b.at(rows, at), b.builder.getF32Type(), wide));
  });
}

/// Exponentials of rows less the largest of each, in f32.
static Value exponentials(NodeBuilder &b, Value rows, Value most) {
  return b.make(b.builder.getF32Type(), b.sizesOf(rows),
                [&](ValueRange i) { return b.exp(b.subtract(b.at(rows, i), b.at(most, {i[0], i[2]}))); });
}

static bool giveRows(NodeBuilder &b, Value rows, function_ref<Value(ValueRange)> element) {
  Value made = b.make(b.elementOf(0), b.sizesOf(rows), element);
  return b.give(b.reshape(made, b.sizesOf(b.in(0))));
}

Value softmaxOf(NodeBuilder &b, Value rows, Type element) {
  Value raised = exponentials(b, rows, largestOf(b, rows)), sums = sumOf(b, raised);
  return b.make(element, b.sizesOf(rows),
                [&](ValueRange i) { return b.divide(b.at(raised, i), b.at(sums, {i[0], i[2]})); });
}

static bool softmax(NodeBuilder &b) {
  Value rows = softmaxRows(b);
  return rows && b.give(b.reshape(softmaxOf(b, rows, b.elementOf(0)), b.sizesOf(b.in(0))));
}

static bool logSoftmax(NodeBuilder &b) {
  Value rows = softmaxRows(b);
  if (!rows) {
    return false;
  }
  Value most = largestOf(b, rows), sums = sumOf(b, exponentials(b, rows, most));
  return giveRows(b, rows, [&](ValueRange i) {
    Value log = b.create<math::LogOp>(b.at(sums, {i[0], i[2]}));
    return b.subtract(b.subtract(b.at(rows, i), b.at(most, {i[0], i[2]})), log);
  });
}

/// Whether a number is before another where the largest, or the smallest, come first; of equals neither is. NaN is
/// larger than all numbers, so that there is an order.
static Value isBefore(NodeBuilder &b, Value x, Value y, bool largest) {
  Value low = largest ? y : x, high = largest ? x : y, less = b.less(low, high, b.isNatural(0));
  return isa<FloatType>(x.getType()) ? b.either(less, b.both(b.isNaN(high), b.isNot(b.isNaN(low)))) : less;
}

/// For each row the place of its best element, of equals the first or the last: [outer, inner].
static Value findBest(NodeBuilder &b, Value rows, bool largest, bool last) {
  Values sizes = b.sizesOf(rows);
  b.check(b.isNot(b.isSame(sizes[1], b.index(0))), "has no elements to choose from");
  return b.make(b.builder.getI64Type(), {sizes[0], sizes[2]}, [&](ValueRange i) {
    Value first = b.at(rows, {i[0], b.index(0), i[1]});
    Values best = b.loop(b.index(1), sizes[1], {b.index(0), first}, [&](Value j, ValueRange carried) {
      Value number = b.at(rows, {i[0], j, i[1]});
      Value better =
          last ? b.isNot(isBefore(b, carried[1], number, largest)) : isBefore(b, number, carried[1], largest);
      return Values{b.select(better, j, carried[0]), b.select(better, number, carried[1])};
    });
    return b.create<arith::IndexCastOp>(b.builder.getI64Type(), best[0]);
  });
}

template <bool isLargest>
static bool argBest(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", 0), b.rank(0));
  if (!axis) {
    return false;
  }
  Value best = findBest(b, b.asRows(b.in(0), *axis), isLargest, b.integer("select_last_index", 0) != 0);
  Values sizes = b.sizesOf(b.in(0));
  b.integer("keepdims", 1) ? void(sizes[*axis] = b.index(1)) : void(sizes.erase(sizes.begin() + *axis));
  return b.give(b.reshape(best, sizes));
}

static bool hardmax(NodeBuilder &b) {
  Value rows = softmaxRows(b);
  if (!rows) {
    return false;
  }
  Value best = findBest(b, rows, true, false);
  return giveRows(b, rows, [&](ValueRange i) {
    Value isBest = b.isEqual(b.toIndex(b.at(best, {i[0], i[2]})), i[1]);
    return b.select(isBest, b.real(1), b.real(0));
  });
}

/// Input 0 as [outer, length, inner] along an axis that a call may compute.
static Value rowsAlong(NodeBuilder &b, ValueRange axis) {
  auto select = [&](Value is, Value yes, Value no) {
    return b.builder.createOrFold<arith::SelectOp>(b.loc, is, yes, no);
  };
  Value one = b.index(1), outer = one, length = one, inner = one, isBehind = b.constant(b.builder.getI1Type(), 0);
  for (auto [size, is] : llvm::zip_equal(b.sizesOf(b.in(0)), b.areAmong(axis, b.rank(0)))) {
    outer = b.multiply(outer, select(isBehind, one, select(is, one, size)));
    length = select(is, size, length);
    inner = b.multiply(inner, select(isBehind, size, one));
    isBehind = b.builder.createOrFold<arith::OrIOp>(b.loc, isBehind, is);
  }
  return b.reshape(b.in(0), {outer, length, inner});
}

static bool cumSum(NodeBuilder &b) {
  std::optional<Values> axis = b.indicesOf(b.in(1));
  if (!axis || axis->size() != 1 || b.rank(0) == 0) {
    return b.fail("an axis that is not a number");
  }
  bool exclusive = b.integer("exclusive", 0) != 0, reverse = b.integer("reverse", 0) != 0;
  Value rows = rowsAlong(b, *axis);
  Values sizes = b.sizesOf(rows);
  Type type = b.computed(b.elementOf(0)), wide = b.isReal(0) ? Type(b.builder.getF64Type()) : type;
  Value out = b.makeEmpty(b.elementOf(0), sizes), inner = sizes[2], lines = b.multiply(sizes[0], inner);
  out = b.loop(b.index(0), lines, out, [&](Value line, Value carried) {
    Value o = b.divide(line, inner), i = b.remainder(line, inner);
    return b.loop(b.index(0), sizes[1], {carried, b.zero(wide)}, [&](Value j, ValueRange state) {
      Value at = reverse ? b.subtract(b.subtract(sizes[1], b.index(1)), j) : j;
      Value next = b.add(state[1], b.convert(b.at(rows, {o, at, i}), type, wide));
      Value shown = b.convert(exclusive ? state[1] : next, wide, type);
      return Values{b.put(shown, state[0], {o, at, i}), next};
    })[0];
  });
  return b.give(b.reshape(out, b.sizesOf(b.in(0))));
}

namespace {
/// The best of rows one after the other: what is chosen next comes after what was.
struct Choice {
  NodeBuilder &b;
  Value rows;
  bool largest;

  /// Whether element `x` at `i` comes before `y` at `j`.
  Value isEarlier(Value x, Value i, Value y, Value j) const {
    Value tie = b.both(b.isNot(isBefore(b, y, x, largest)), b.less(i, j));
    return b.either(isBefore(b, x, y, largest), tie);
  }

  /// The place of the first element that comes after `last` at `lastPlace`, if `hasLast`, and that element.
  Values next(Value outer, Value inner, Value length, Value hasLast, Value last, Value lastPlace) const {
    Value first = b.at(rows, {outer, b.index(0), inner});
    return b.loop(b.index(0), length, {b.index(-1), first}, [&](Value j, ValueRange best) {
      Value number = b.at(rows, {outer, j, inner});
      Value open = b.either(b.isNot(hasLast), isEarlier(last, lastPlace, number, j));
      Value isFirst = b.less(best[0], b.index(0));
      Value better = b.both(open, b.either(isFirst, isEarlier(number, j, best[1], best[0])));
      return Values{b.select(better, j, best[0]), b.select(better, number, best[1])};
    });
  }
};
} // namespace

Values takeBest(NodeBuilder &b, Value rows, Value k, bool largest) {
  Type i64 = b.builder.getI64Type();
  Type element = getElementTypeOrSelf(rows.getType());
  Values sizes = b.sizesOf(rows), outSizes = {sizes[0], k, sizes[2]};
  Value values = b.makeEmpty(element, outSizes), places = b.makeEmpty(i64, outSizes);
  Choice choice = {b, rows, largest};
  Value inner = sizes[2], lines = b.multiply(sizes[0], inner), none = b.zero(b.computed(element));
  return b.loop(b.index(0), lines, {values, places}, [&](Value line, ValueRange outer) {
    Value o = b.divide(line, inner), i = b.remainder(line, inner);
    Values row = b.loop(b.index(0), k, {outer[0], outer[1], b.index(-1), none}, [&](Value j, ValueRange state) {
      Value hasLast = b.isNot(b.less(state[2], b.index(0)));
      Values best = choice.next(o, i, sizes[1], hasLast, state[3], state[2]);
      Value place = b.create<arith::IndexCastOp>(i64, best[0]);
      return Values{b.put(best[1], state[0], {o, j, i}), b.put(place, state[1], {o, j, i}), best[0], best[1]};
    });
    return Values{row[0], row[1]};
  });
}

static bool topK(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", -1), b.rank(0));
  std::optional<Values> wanted = b.has(1) ? b.indicesOf(b.in(1)) : Values{b.index(b.integer("k", 1))};
  if (!axis || !wanted || wanted->size() != 1) {
    return b.fail("a count that is not a number");
  }
  Value k = wanted->front(), rows = b.asRows(b.in(0), *axis);
  Values sizes = b.sizesOf(rows), own = b.sizesOf(b.in(0));
  Value fits = b.both(b.isNot(b.less(k, b.index(0))), b.isNot(b.less(sizes[1], k)));
  b.check(fits, "takes more of the best than there are");
  Values best = takeBest(b, rows, k, b.integer("largest", 1) != 0);
  own[*axis] = k;
  return b.give(b.reshape(best[0], own)) && b.give(b.reshape(best[1], own));
}

ArrayRef<DecomposeRow> decomposeAlongAxisRows() {
  static const DecomposeRow rows[] = {
      {"", "ArgMax", argBest<true>},
      {"", "ArgMin", argBest<false>},
      {"", "CumSum", cumSum, 2},
      {"", "Hardmax", hardmax},
      {"", "LogSoftmax", logSoftmax},
      {"", "Softmax", softmax},
      {"", "TopK", topK},
  };
  return rows;
}

} // namespace fathom
