// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The choice of the positions that a row attends to.
//
// A score becomes an integer of the same order, so that the top_k-th largest is found bit by bit: the largest integer
// that top_k of them reach. A second look at the positions, in ascending order, takes those above it, and of those that
// are equal to it as many as there is room for. Work grows with positions alone, whatever top_k is.

#include "passes/lower/CacheRows.h"
#include "passes/lower/Decompose.h"

#include <limits>
#include <numeric>

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// Heads whose products are summed side by side.
static constexpr int64_t kHeads = 8;

namespace {
/// Builds one choice. The ranks of a row's positions are memory that all rows use in turn.
class SelectionBuilder {
public:
  SelectionBuilder(IndexSelectOp op, const CacheRows &keys, StructuredBuilder &b)
      : op(op), keys(keys), b(b), zero(b.index(0)), rows(b.size(op.getQuery(), 0)), topK(b.index(op.getTopK())) {}

  Value build();

private:
  Value countPositions(Value t) { return b.add(b.idAt(op.getPositions(), t), 1); }
  Value countMostPositions();
  Value score(Value t, Value position);
  Value rank(Value score);
  Value countFrom(Value ranks, Value seen, Value least);
  Value findThreshold(Value ranks, Value seen);
  Value choose(Value t, Value ranks, Value ranked, Value result);

  IndexSelectOp op;
  CacheRows keys;
  StructuredBuilder &b;
  Value zero;
  Value rows;
  Value topK;
};
} // namespace

Value SelectionBuilder::countMostPositions() {
  return b.loop(zero, rows, zero, [&](Value t, Value most) { return b.larger(most, countPositions(t)); });
}

/// Σ_h weight_h · max(0, query_h · key), h ascending. NaN stays NaN.
Value SelectionBuilder::score(Value t, Value position) {
  Value row = keys.get(t, position, zero), none = b.real(0.0);
  int64_t heads = op.getNumHeads(), block = std::gcd(heads, kHeads);
  return b.loop(
      zero, b.index(heads), none,
      [&](Value head, Value sum) {
        for (auto [j, product] : llvm::enumerate(keys.multiply(op.getQuery(), t, head, block, row))) {
          Value positive = b.select(b.isGreater(none, product), none, product);
          sum = b.fma(b.at(op.getWeights(), {t, b.add(head, int64_t(j))}), positive, sum);
        }
        return sum;
      },
      block);
}

/// An i32 that is greater where the score is, equal where that is, and the least of all for NaN.
Value SelectionBuilder::rank(Value score) {
  // Of the zeros, which are equal, only that without a sign.
  Value number = b.add(score, b.real(0.0));
  Value bits = arith::BitcastOp::create(b.builder, b.loc, b.builder.getI32Type(), number);
  Value flipped = arith::XOrIOp::create(b.builder, b.loc, bits, b.integer(std::numeric_limits<int32_t>::max()));
  Value ordered = b.select(b.isGreater(b.integer(0), bits), flipped, bits);
  return b.select(b.isEqual(number, number), ordered, b.integer(std::numeric_limits<int32_t>::min()));
}

/// How many of the first `seen` ranks are `least` or more.
Value SelectionBuilder::countFrom(Value ranks, Value seen, Value least) {
  return b.loop(zero, seen, zero, [&](Value u, Value count) {
    return b.select(b.isGreater(least, b.at(ranks, u)), count, b.add(count, 1));
  });
}

/// The largest number that top_k ranks reach; the least of all if there are not as many.
Value SelectionBuilder::findThreshold(Value ranks, Value seen) {
  // From the least number up, a bit at a time, the highest first: adding the sign's bit wraps around to 0.
  Value lowest = b.integer(std::numeric_limits<int32_t>::min());
  auto found = b.loop(zero, b.index(32), ValueRange{lowest, lowest}, [&](Value, ValueRange carried) {
    Value candidate = b.add(carried[0], carried[1]);
    Value isMissed = b.isGreater(topK, countFrom(ranks, seen, candidate));
    return SmallVector<Value>{b.select(isMissed, carried[0], candidate), b.divide(carried[1], b.integer(2))};
  });
  return found[0];
}

/// Puts the positions of row t into the result, ascending, and −1 behind them. None of a row is ranked that has them
/// all.
Value SelectionBuilder::choose(Value t, Value ranks, Value ranked, Value result) {
  Value threshold = findThreshold(ranks, ranked), one = b.index(1);
  Value above = b.loop(zero, ranked, zero, [&](Value u, Value count) {
    return b.select(b.isGreater(b.at(ranks, u), threshold), b.add(count, 1), count);
  });
  result = b.loop(zero, topK, result, [&](Value j, Value carried) { return b.put(b.integer(-1), carried, {t, j}); });
  Value takesAll = b.isEqual(ranked, zero), last = b.subtract(topK, one);
  SmallVector<Value> start = {result, zero, b.subtract(topK, above)};
  auto chosen = b.loop(zero, countPositions(t), start, [&](Value u, ValueRange carried) {
    Value own = b.at(ranks, u);
    Value isEqual = b.both(b.isEqual(own, threshold), b.isGreater(carried[2], zero));
    Value isTaken = b.either(takesAll, b.either(b.isGreater(own, threshold), isEqual));
    // What is not taken is written over by what is, or is the number that stands there.
    Value at = b.select(b.isGreater(topK, carried[1]), carried[1], last);
    Value id = b.select(isTaken, b.toId(u), b.at(carried[0], {t, at}));
    return SmallVector<Value>{b.put(id, carried[0], {t, at}), b.select(isTaken, b.add(carried[1], one), carried[1]),
                              b.select(isEqual, b.subtract(carried[2], one), carried[2])};
  });
  return chosen[0];
}

Value SelectionBuilder::build() {
  auto type = RankedTensorType::get(ShapedType::kDynamic, b.builder.getI32Type());
  Value ranks = b.empty(type, countMostPositions());
  auto both = b.loop(zero, rows, ValueRange{emptyRows(b, op.getType(), rows), ranks}, [&](Value t, ValueRange carried) {
    Value seen = countPositions(t);
    Value ranked = b.select(b.isGreater(seen, topK), seen, zero);
    Value filled =
        b.loop(zero, ranked, carried[1], [&](Value u, Value inner) { return b.put(rank(score(t, u)), inner, u); });
    return SmallVector<Value>{choose(t, filled, ranked, carried[0]), filled};
  });
  return both[0];
}

static Decomposed decompose(IndexSelectOp op, StructuredBuilder &b) {
  CacheRows keys(b, op.getCache(), kIndexStore, op.getLayer());
  if (!keys) {
    return failure();
  }
  return SmallVector<Value>{SelectionBuilder(op, keys, b).build()};
}

void populateIndexDecompositions(RewritePatternSet &patterns) { addDecompositions<IndexSelectOp>(patterns); }

} // namespace fathom
