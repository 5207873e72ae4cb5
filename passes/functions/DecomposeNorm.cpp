// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that scale rows to a common size: norms.

#include "passes/functions/NodeBuilder.h"

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

namespace {
/// Of each row, [rows]: its mean, or 0, and what differences are multiplied by.
struct Moments {
  Value mean, inverse;
};
} // namespace

/// Σ term(number) / width of each of `rows`, in f64 and rounded once.
static Value meanOf(NodeBuilder &b, Value rows, function_ref<Value(Value row, Value number)> term) {
  Values sizes = b.sizesOf(rows);
  Type f32 = b.builder.getF32Type(), f64 = b.builder.getF64Type(), i64 = b.builder.getI64Type();
  Value width = b.convert(b.create<arith::IndexCastOp>(i64, sizes[1]), i64, f64);
  return b.make(f32, {sizes[0]}, [&](ValueRange i) {
    Value all = b.loop(b.index(0), sizes[1], b.zero(f64), [&](Value j, Value sum) {
      return b.add(sum, term(i[0], b.convert(b.at(rows, {i[0], j}), f32, f64)));
    });
    return b.convert(b.divide(all, width), f64, f32);
  });
}

static Moments momentsOf(NodeBuilder &b, Value rows, bool centered, double epsilon) {
  Type f32 = b.builder.getF32Type(), f64 = b.builder.getF64Type();
  Value mean = centered ? meanOf(b, rows, [](Value, Value number) { return number; }) : Value();
  Value square = meanOf(b, rows, [&](Value row, Value number) {
    Value away = centered ? b.subtract(number, b.convert(b.at(mean, {row}), f32, f64)) : number;
    return b.multiply(away, away);
  });
  Value inverse = b.make(f32, b.sizesOf(square),
                         [&](ValueRange i) { return b.reciprocalRoot(b.add(b.at(square, i), b.real(epsilon))); });
  mean = centered ? mean : b.make(f32, b.sizesOf(square), [&](ValueRange) { return b.real(0); });
  return {mean, inverse};
}

/// A scale or a bias as one row; null where it is left out.
static Value asRow(NodeBuilder &b, size_t input, ValueRange sizes) {
  if (!b.has(input)) {
    return {};
  }
  Values whole = b.broadcast({Values(sizes), b.sizesOf(b.in(input))});
  for (auto [one, other] : llvm::zip(whole, sizes)) {
    b.checkEqual(one, other, "has a scale or a bias that does not fit");
  }
  Value spread = b.make(b.elementOf(input), sizes, [&](ValueRange i) { return b.atBroadcast(b.in(input), sizes, i); });
  return b.reshape(spread, {b.product(sizes)});
}

static bool isSingle(NodeBuilder &b) {
  return (b.isReal(0) && !b.elementOf(0).isF64()) || b.fail("a type other than floats of 16 or 32 bits");
}

/// Output `number` of moments, where the node has it.
static bool giveMoment(NodeBuilder &b, size_t output, Value moment, ValueRange sizes) {
  Type element = b.resultElement(output);
  if (!element) {
    return b.give({});
  }
  Value shaped = b.reshape(moment, sizes);
  return b.giveMade(element, sizes, [&](ValueRange i) { return b.at(shaped, i); });
}

/// Norms of `in`, whose rows are all axes from `axis` on.
static Moments normalize(NodeBuilder &b, Value in, int64_t axis, size_t scale, size_t bias, bool centered,
                         double epsilon) {
  Values sizes = b.sizesOf(in);
  ArrayRef<Value> all = sizes;
  Value rows = b.reshape(in, {b.product(all.take_front(axis)), b.product(all.drop_front(axis))});
  Moments moments = momentsOf(b, rows, centered, epsilon);
  Value factor = asRow(b, scale, all.drop_front(axis)), more = asRow(b, bias, all.drop_front(axis));
  Value out = b.make(b.elementOf(0), b.sizesOf(rows), [&](ValueRange i) {
    Value number = b.at(rows, i);
    number = centered ? b.subtract(number, b.at(moments.mean, {i[0]})) : number;
    number = b.multiply(number, b.at(moments.inverse, {i[0]}));
    number = factor ? b.multiply(number, b.at(factor, {i[1]})) : number;
    return more ? b.add(number, b.at(more, {i[1]})) : number;
  });
  b.give(b.reshape(out, sizes));
  return moments;
}

template <bool centered>
static bool layerNorm(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", -1), b.rank(0));
  if (!axis || !isSingle(b)) {
    return false;
  }
  // Without a mean there is no bias.
  size_t bias = centered ? 2 : b.inputCount();
  Moments moments = normalize(b, b.in(0), *axis, 1, bias, centered, b.number("epsilon", 1e-5));
  Values sizes = b.sizesOf(b.in(0));
  std::fill(sizes.begin() + *axis, sizes.end(), b.index(1));
  return (!centered || giveMoment(b, 1, moments.mean, sizes)) &&
         giveMoment(b, centered ? 2 : 1, moments.inverse, sizes);
}

/// The norm of a sum, which is output 3: input, skip, scale, and of these that subtract the mean a bias, and what else
/// is added.
template <bool centered>
static bool skipNorm(NodeBuilder &b) {
  size_t more = centered ? 4 : 3, bias = centered ? 3 : b.inputCount();
  if (!isSingle(b) || b.rank(0) == 0) {
    return b.fail("numbers in the place of rows");
  }
  Values sizes = b.sizesOf(b.in(0));
  Values all = b.broadcast({sizes, b.sizesOf(b.in(1))});
  Value sum = b.make(b.elementOf(0), all, [&](ValueRange i) {
    Value number = b.add(b.at(b.in(0), i), b.atBroadcast(b.in(1), all, i));
    return b.has(more) ? b.add(number, b.atBroadcast(b.in(more), all, i)) : number;
  });
  Moments moments = normalize(b, sum, b.rank(0) - 1, 2, bias, centered, b.number("epsilon", 1e-12));
  sizes.back() = b.index(1);
  return giveMoment(b, 1, moments.mean, sizes) && giveMoment(b, 2, moments.inverse, sizes) && b.give(sum);
}

/// Norms of groups of channels, axis 1; older opsets have a scale for each group.
static bool normalizeGroups(NodeBuilder &b, Value groups) {
  Values sizes = b.sizesOf(b.in(0));
  Value channels = sizes[1], inner = b.product(ArrayRef<Value>(sizes).drop_front(2)), none = b.index(0);
  b.check(b.isNot(b.isSame(groups, none)), "has no groups");
  Value safe = b.larger(groups, b.index(1));
  b.checkEqual(b.remainder(channels, safe), none, "has channels that its groups do not divide");
  Value perGroup = b.divide(channels, safe), width = b.multiply(perGroup, inner), count = b.size(b.in(1), 0);
  Value isEach = b.isSame(count, channels);
  b.check(b.either(isEach, b.isSame(count, groups)), "has a scale that does not fit");
  b.checkEqual(b.size(b.in(2), 0), count, "has a bias that does not fit");
  Value rows = b.reshape(b.in(0), {b.multiply(sizes[0], groups), width});
  Moments moments = momentsOf(b, rows, true, b.number("epsilon", 1e-5));
  Value out = b.make(b.elementOf(0), b.sizesOf(rows), [&](ValueRange i) {
    Value group = b.remainder(i[0], safe), channel = b.add(b.multiply(group, perGroup), b.divide(i[1], inner));
    Value of = b.select(isEach, channel, group);
    Value number = b.multiply(b.subtract(b.at(rows, i), b.at(moments.mean, {i[0]})), b.at(moments.inverse, {i[0]}));
    return b.add(b.multiply(number, b.at(b.in(1), {of})), b.at(b.in(2), {of}));
  });
  return b.give(b.reshape(out, sizes));
}

static bool fitsGroups(NodeBuilder &b) {
  return isSingle(b) && ((b.rank(0) > 1 && b.rank(1) == 1 && b.rank(2) == 1) || b.fail("tensors without channels"));
}

static bool groupNorm(NodeBuilder &b) {
  return fitsGroups(b) && normalizeGroups(b, b.index(b.integer("num_groups", 0)));
}

static bool instanceNorm(NodeBuilder &b) { return fitsGroups(b) && normalizeGroups(b, b.size(b.in(0), 1)); }

/// By the sum of absolutes, or the root of the sum of squares; rows of zeros stay.
static bool lpNorm(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", -1), b.rank(0));
  int64_t p = b.integer("p", 2);
  if (!axis || !isSingle(b) || (p != 1 && p != 2)) {
    return b.fail("p other than 1 and 2");
  }
  Value rows = b.asRows(b.in(0), *axis);
  Values sizes = b.sizesOf(rows);
  Type f32 = b.builder.getF32Type(), f64 = b.builder.getF64Type();
  Value lengths = b.make(f32, {sizes[0], sizes[2]}, [&](ValueRange i) {
    Value all = b.loop(b.index(0), sizes[1], b.zero(f64), [&](Value j, Value sum) {
      Value number = b.convert(b.at(rows, {i[0], j, i[1]}), f32, f64);
      return b.add(sum, p == 2 ? b.multiply(number, number) : Value(b.create<math::AbsFOp>(number)));
    });
    return b.convert(p == 2 ? Value(b.create<math::SqrtOp>(all)) : all, f64, f32);
  });
  Value out = b.make(b.elementOf(0), sizes, [&](ValueRange i) {
    Value length = b.at(lengths, {i[0], i[2]}), number = b.at(rows, i);
    return b.select(b.isEqual(length, b.real(0)), number, b.divide(number, length));
  });
  return b.give(b.reshape(out, b.sizesOf(b.in(0))));
}

ArrayRef<DecomposeRow> decomposeNormRows() {
  static const DecomposeRow rows[] = {
      {"", "GroupNormalization", groupNorm, 3},
      {"", "InstanceNormalization", instanceNorm, 3},
      {"", "LayerNormalization", layerNorm<true>, 2},
      {"", "LpNormalization", lpNorm},
      {"", "RMSNormalization", layerNorm<false>, 2},
      {"", "SimplifiedLayerNormalization", layerNorm<false>, 2},
      {"com.microsoft", "SimplifiedLayerNormalization", layerNorm<false>, 2},
      {"com.microsoft", "SkipLayerNormalization", skipNorm<true>, 3},
      {"com.microsoft", "SkipSimplifiedLayerNormalization", skipNorm<false>, 3},
  };
  return rows;
}

} // namespace fathom
