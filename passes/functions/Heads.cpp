// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads: their layout, their rotation, their attention.

#include "passes/functions/Heads.h"
#include "passes/functions/Products.h"

#include <limits>

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

Value readFloats(NodeBuilder &b, size_t input) {
  if (!b.has(input) || !b.isReal(input) || b.elementOf(input).isF64()) {
    b.fail("inputs other than floats of 16 or 32 bits");
    return {};
  }
  return b.toComputed(b.in(input));
}

Value intoHeads(NodeBuilder &b, Value tensor, Value heads) {
  int64_t rank = NodeBuilder::rankOf(tensor);
  if (rank == 4) {
    return tensor;
  }
  if (rank != 3) {
    b.fail("queries, keys or values that are neither of 4 dimensions nor of 3 with heads");
    return {};
  }
  Values in = b.sizesOf(tensor);
  b.check(b.isGreater(heads, b.index(0)), "has no heads");
  Value width = b.divide(in[2], b.larger(heads, b.index(1)));
  b.checkEqual(b.multiply(width, heads), in[2], "has rows that its heads do not divide");
  Value split = b.reshape(tensor, {in[0], in[1], heads, width});
  return b.make(b.builder.getF32Type(), {in[0], heads, in[1], width},
                [&](ValueRange i) { return b.at(split, {i[0], i[2], i[1], i[3]}); });
}

Value readHeads(NodeBuilder &b, size_t input, int64_t heads) {
  Value tensor = readFloats(b, input);
  if (tensor && heads < 1 && NodeBuilder::rankOf(tensor) != 4) {
    b.fail("queries, keys or values without a number of heads");
    return {};
  }
  return tensor ? intoHeads(b, tensor, b.index(std::max<int64_t>(heads, 1))) : Value();
}

bool giveCache(NodeBuilder &b, Value heads) {
  return b.giveMade(b.elementOf(0), b.sizesOf(heads), [&](ValueRange i) { return b.at(heads, i); });
}

bool giveHeads(NodeBuilder &b, Value heads) {
  if (b.rank(0) == 4) {
    return giveCache(b, heads);
  }
  Values in = b.sizesOf(heads);
  Value turned = b.make(b.elementOf(0), {in[0], in[2], in[1], in[3]},
                        [&](ValueRange i) { return b.at(heads, {i[0], i[2], i[1], i[3]}); });
  return b.give(b.reshape(turned, {in[0], in[2], b.multiply(in[1], in[3])}));
}

Value countPast(NodeBuilder &b, size_t past) {
  return b.has(past) && b.rank(past) == 4 ? b.size(b.in(past), 2) : b.index(0);
}

Value appendHeads(NodeBuilder &b, size_t past, Value now) {
  if (!b.has(past)) {
    return now;
  }
  Value before = readFloats(b, past);
  if (!before || b.rank(past) != 4) {
    b.fail("past keys or values other than heads");
    return {};
  }
  Values sizes = b.sizesOf(now);
  for (int64_t axis : {0, 1, 3}) {
    b.checkEqual(b.size(before, axis), sizes[axis], "has past keys or values that do not fit");
  }
  Value first = b.size(before, 2);
  sizes[2] = b.add(sizes[2], first);
  return b.make(b.builder.getF32Type(), sizes, [&](ValueRange i) {
    return b.choose(
        b.less(i[2], first), [&] { return b.at(before, i); },
        [&] { return b.at(now, {i[0], i[1], b.subtract(i[2], first), i[3]}); });
  });
}

Value rotateHeads(NodeBuilder &b, Value heads, Value count, bool interleaved,
                  function_ref<Rotation(Value, Value, Value)> at) {
  Value half = b.divide(count, 2), turned = b.multiply(half, 2);
  return b.make(b.builder.getF32Type(), b.sizesOf(heads), [&](ValueRange i) {
    auto turn = [&] {
      Value isSecond = interleaved ? b.isEqual(b.remainder(i[3], 2), b.index(1)) : b.isNot(b.less(i[3], half));
      Value pair = interleaved ? b.divide(i[3], 2) : b.select(isSecond, b.subtract(i[3], half), i[3]);
      auto part = [&](int64_t which) {
        Value place = interleaved ? b.add(b.multiply(pair, 2), which) : which ? b.add(half, pair) : pair;
        return b.at(heads, {i[0], i[1], i[2], place});
      };
      Rotation by = at(i[0], i[2], pair);
      Value x = part(0), y = part(1);
      return b.select(isSecond, b.add(b.multiply(by.sine, x), b.multiply(by.cosine, y)),
                      b.subtract(b.multiply(by.cosine, x), b.multiply(by.sine, y)));
    };
    return b.choose(b.less(i[3], turned), turn, [&] { return b.at(heads, i); });
  });
}

Value hideUnless(NodeBuilder &b, Value seen, Value score) { return b.select(seen, score, b.real(-kInfinity)); }

void checkCount(NodeBuilder &b, size_t input, Value count, StringRef message) {
  b.checkEqual(b.product(b.sizesOf(b.in(input))), count, message);
}

std::optional<Mask> readMask(NodeBuilder &b, size_t input, ValueRange scores) {
  if (!b.has(input)) {
    return [&b](ValueRange) { return b.real(0); };
  }
  int64_t rank = b.rank(input);
  bool isSeen = b.elementOf(input).isInteger(1), isAdded = b.isReal(input) && !b.elementOf(input).isF64();
  if (rank < 1 || rank > 4 || !(isSeen || isAdded)) {
    b.fail("a mask that does not fit");
    return std::nullopt;
  }
  Values sizes = b.sizesOf(b.in(input)), isOne;
  for (auto [axis, size] : llvm::enumerate(sizes)) {
    isOne.push_back(b.isSame(size, b.index(1)));
    bool isLast = static_cast<int64_t>(axis) == rank - 1;
    Value fits = b.either(isOne.back(), b.isSame(size, scores[4 - rank + static_cast<int64_t>(axis)]));
    isLast ? void() : b.check(fits, "has a mask that does not fit");
  }
  return [=, &b](ValueRange place) {
    Values at;
    for (auto [i, one] : llvm::zip_equal(place.take_back(rank), isOne)) {
      at.push_back(b.select(one, b.index(0), i));
    }
    return b.choose(
        b.less(at.back(), sizes.back()),
        [&] {
          Value number = b.at(b.in(input), at);
          return isSeen ? hideUnless(b, number, b.real(0)) : number;
        },
        [&] { return b.real(-kInfinity); });
  };
}

/// Ends a call where queries, keys and values do not fit each other, and says how many heads of queries keys serve.
static Value shareHeads(NodeBuilder &b, const AttentionTerms &terms) {
  Values q = b.sizesOf(terms.query), k = b.sizesOf(terms.key), v = b.sizesOf(terms.value);
  Value heads = b.larger(k[1], b.index(1)), shared = b.divide(q[1], heads);
  for (auto [one, other] : {std::pair(q[0], k[0]),
                            {k[0], v[0]},
                            {k[1], v[1]},
                            {k[1], heads},
                            {q[3], k[3]},
                            {k[2], v[2]},
                            {q[1], b.multiply(shared, heads)}}) {
    b.checkEqual(one, other, "has queries, keys and values that do not fit each other");
  }
  return shared;
}

namespace {
enum Axis : int { kBatch, kHead, kShared, kQuery, kKey, kWidth };
} // namespace

/// Heads of queries, or of scores, by those of keys that serve them, [batch, heads, shared, queries, ..].
static Value group(NodeBuilder &b, Value tensor, Value keyHeads, Value shared) {
  Values in = b.sizesOf(tensor);
  return b.reshape(tensor, {in[0], keyHeads, shared, in[2], in[3]});
}

/// The other way.
static Value ungroup(NodeBuilder &b, Value tensor, Value heads) {
  Values in = b.sizesOf(tensor);
  return b.reshape(tensor, {in[0], heads, in[3], in[4]});
}

/// query · key, [batch, heads, queries, keys].
static Value scoreKeys(NodeBuilder &b, const AttentionTerms &terms, Value shared) {
  Values k = b.sizesOf(terms.key);
  Value key = b.make(b.builder.getF32Type(), {k[0], k[1], k[3], k[2]},
                     [&](ValueRange i) { return b.at(terms.key, {i[0], i[1], i[3], i[2]}); });
  Contraction product = {{group(b, terms.query, k[1], shared), key},
                         {{kBatch, kHead, kShared, kQuery, kWidth}, {kBatch, kHead, kWidth, kKey}},
                         {kBatch, kHead, kShared, kQuery, kKey}};
  Value scores = contract(b, product);
  return scores ? ungroup(b, scores, b.size(terms.query, 1)) : scores;
}

/// A number of each row of scores, [batch, heads, queries].
static Value ofScores(NodeBuilder &b, Value scores, function_ref<Value(Value head)> first,
                      function_ref<Value(Value all, ValueRange place)> step) {
  Values sizes = b.sizesOf(scores);
  return b.make(b.builder.getF32Type(), {sizes[0], sizes[1], sizes[2]}, [&](ValueRange i) {
    Value all = b.loop(b.index(0), sizes[3], first(i[1]),
                       [&](Value j, Value carried) { return step(carried, {i[0], i[1], i[2], j}); });
    return b.convert(all, all.getType(), b.builder.getF32Type());
  });
}

/// The softmax of each row, of which those that nothing is seen of are zeros.
static Value weighScores(NodeBuilder &b, Value scores, const AttentionTerms &terms) {
  Type f32 = b.builder.getF32Type(), f64 = b.builder.getF64Type();
  auto sink = [&](Value head) { return terms.sink ? terms.sink(head) : b.real(-kInfinity); };
  Value most = ofScores(b, scores, sink, [&](Value all, ValueRange i) { return b.larger(all, b.at(scores, i)); });
  auto raise = [&](Value score, Value most) {
    Value isHidden = b.isEqual(score, b.real(-kInfinity));
    return b.select(isHidden, b.real(0), b.exp(b.subtract(score, most)));
  };
  Value raised =
      b.make(f32, b.sizesOf(scores), [&](ValueRange i) { return raise(b.at(scores, i), b.at(most, i.drop_back())); });
  Value sums = ofScores(
      b, raised, [&](Value) { return b.zero(f64); },
      [&](Value all, ValueRange i) { return b.add(all, b.convert(b.at(raised, i), f32, f64)); });
  return b.make(f32, b.sizesOf(scores), [&](ValueRange i) {
    Value sum = b.at(sums, i.drop_back());
    sum = terms.sink ? b.add(sum, raise(terms.sink(i[1]), b.at(most, i.drop_back()))) : sum;
    return b.divide(b.at(raised, i), b.select(b.isEqual(sum, b.real(0)), b.real(1), sum));
  });
}

/// What scores are multiplied by.
static Value scaleOf(NodeBuilder &b, const AttentionTerms &terms) {
  if (terms.scale != 0) {
    return b.real(terms.scale);
  }
  Value width = b.larger(b.size(terms.query, 3), b.index(1));
  return b.reciprocalRoot(b.toReal(b.create<arith::IndexCastOp>(b.builder.getI64Type(), width)));
}

std::optional<Attention> attend(NodeBuilder &b, const AttentionTerms &terms) {
  Value shared = shareHeads(b, terms), scale = scaleOf(b, terms), scores = scoreKeys(b, terms, shared);
  if (!scores) {
    return std::nullopt;
  }
  auto map = [&](function_ref<Value(ValueRange)> element) {
    return b.make(b.builder.getF32Type(), b.sizesOf(scores), element);
  };
  Attention steps;
  steps.raw = map([&](ValueRange i) { return b.multiply(b.at(scores, i), scale); });
  steps.capped = terms.cap <= 0 ? steps.raw : map([&](ValueRange i) {
    Value ratio = b.divide(b.at(steps.raw, i), b.real(terms.cap));
    return b.multiply(b.create<math::TanhOp>(ratio), b.real(terms.cap));
  });
  steps.masked = map([&](ValueRange i) { return b.add(b.at(steps.capped, i), terms.mask(i)); });
  steps.weights = weighScores(b, steps.masked, terms);
  Contraction product = {{group(b, steps.weights, b.size(terms.key, 1), shared), terms.value},
                         {{kBatch, kHead, kShared, kQuery, kKey}, {kBatch, kHead, kKey, kWidth}},
                         {kBatch, kHead, kShared, kQuery, kWidth}};
  Value result = contract(b, product);
  steps.result = result ? ungroup(b, result, b.size(terms.query, 1)) : result;
  return result ? std::optional(steps) : std::nullopt;
}

} // namespace fathom
