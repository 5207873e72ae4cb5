// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The choice of the positions that a row attends to, at once or in two steps.
//
// A score becomes an integer of the same order, so that the top_k-th largest is found bit by bit: the largest integer
// that top_k of them reach. A second look at the positions, in ascending order, takes those above it, and of those that
// are equal to it as many as there is room for. Work grows with positions alone, whatever top_k is.

#include "passes/lower/CacheRows.h"
#include "passes/lower/Decompose.h"

#include "fathom/kernel_abi.h"

#include <limits>
#include <numeric>

using namespace mlir;

namespace fathom {

using namespace deepseek;
using Values = StructuredBuilder::Values;

/// Heads whose products are summed side by side.
static constexpr int64_t kHeads = 8;
/// Positions of a block, all of which are in one part of a context.
static constexpr int64_t kBlock = FATHOM_PAGE_TOKENS;
/// The rank of what is not there, and that of NaN: below the ranks of all numbers.
static constexpr int32_t kNoRank = std::numeric_limits<int32_t>::min(), kRankOfNaN = kNoRank + 1;

/// The bits of a number as an integer of the same order, and the other way around.
static Value reorder(StructuredBuilder &b, Value bits) {
  Value flipped = arith::XOrIOp::create(b.builder, b.loc, bits, b.integer(std::numeric_limits<int32_t>::max()));
  return b.select(b.isGreater(b.integer(0), bits), flipped, bits);
}

/// An i32 that is greater where the score is, equal where that is, and less than any number's for NaN.
static Value rank(StructuredBuilder &b, Value score) {
  // Of the zeros, which are equal, only that without a sign.
  Value number = b.add(score, b.real(0.0));
  Value bits = arith::BitcastOp::create(b.builder, b.loc, b.builder.getI32Type(), number);
  return b.select(b.isEqual(number, number), reorder(b, bits), b.integer(kRankOfNaN));
}

/// The score of a rank; of equal ones, that without a sign.
static Value getScore(StructuredBuilder &b, Value rank) {
  return arith::BitcastOp::create(b.builder, b.loc, b.builder.getF32Type(), reorder(b, rank));
}

namespace {

/// What one choice is made from, in ascending order of position.
struct Items {
  Value count;
  /// As many as are ranked: all, or none, and all are taken.
  Value ranked;
  function_ref<Value(Value item)> rank;
  /// What is kept of an item that is taken: a number for each result.
  function_ref<Values(Value item, Value rank)> keep;
};

/// Where a choice is put: columns `first` and on of row `row` of each result.
struct Place {
  Value row;
  Value first;
};

/// Builds choices. `ranks` are memory that all use in turn.
class Chooser {
public:
  Chooser(StructuredBuilder &b, int64_t topK) : b(b), zero(b.index(0)), topK(b.index(topK)) {}

  /// Puts the top_k items of the highest ranks into `results`, in their order, and `rest` behind them; what `carried`
  /// becomes, which is the results and the ranks.
  Values choose(const Items &items, const Place &place, ValueRange carried, ValueRange rest);

private:
  Value countFrom(Value ranks, Value ranked, Value least);
  Value findThreshold(Value ranks, Value ranked);
  Values putAll(ValueRange numbers, ValueRange results, const Place &place, Value column);
  Values take(const Items &items, const Place &place, ValueRange results, Value ranks);

  StructuredBuilder &b;
  Value zero;
  Value topK;
};

} // namespace

/// How many of the first `ranked` ranks are `least` or more.
Value Chooser::countFrom(Value ranks, Value ranked, Value least) {
  return b.loop(zero, ranked, zero, [&](Value u, Value count) {
    return b.select(b.isGreater(least, b.at(ranks, u)), count, b.add(count, 1));
  });
}

/// The largest rank that top_k reach; the least of what is there if there are not as many.
Value Chooser::findThreshold(Value ranks, Value ranked) {
  // From the least number up, a bit at a time, the highest first: adding the sign's bit wraps around to 0.
  Value lowest = b.integer(kNoRank);
  auto found = b.loop(zero, b.index(32), ValueRange{lowest, lowest}, [&](Value, ValueRange carried) {
    Value candidate = b.add(carried[0], carried[1]);
    Value isMissed = b.isGreater(topK, countFrom(ranks, ranked, candidate));
    return Values{b.select(isMissed, carried[0], candidate), b.divide(carried[1], b.integer(2))};
  });
  return b.larger(found[0], b.integer(kRankOfNaN));
}

Values Chooser::putAll(ValueRange numbers, ValueRange results, const Place &place, Value column) {
  Value at = b.add(place.first, column);
  return llvm::map_to_vector(llvm::zip(numbers, results), [&](auto pair) {
    auto [number, result] = pair;
    return b.put(number, result, {place.row, at});
  });
}

/// Puts the items that are taken side by side.
Values Chooser::take(const Items &items, const Place &place, ValueRange results, Value ranks) {
  Value threshold = findThreshold(ranks, items.ranked), one = b.index(1);
  Value above = b.loop(zero, items.ranked, zero, [&](Value u, Value count) {
    return b.select(b.isGreater(b.at(ranks, u), threshold), b.add(count, 1), count);
  });
  Value takesAll = b.isEqual(items.ranked, zero), last = b.subtract(topK, one);
  Values start = llvm::to_vector(results);
  start.append({zero, b.subtract(topK, above)});
  Values taken = b.loop(zero, items.count, start, [&](Value u, ValueRange carried) {
    ValueRange written = carried.drop_back(2);
    Value count = carried[written.size()], room = carried.back(), own = b.at(ranks, u);
    Value isEqual = b.both(b.isEqual(own, threshold), b.isGreater(room, zero));
    Value isTaken = b.either(takesAll, b.either(b.isGreater(own, threshold), isEqual));
    // What is not taken is written over by what is, or is the number that stands there.
    Value column = b.select(b.isGreater(topK, count), count, last), at = b.add(place.first, column);
    Values numbers = items.keep(u, own);
    for (auto [number, result] : llvm::zip(numbers, written)) {
      number = b.select(isTaken, number, b.at(result, {place.row, at}));
    }
    Values next = putAll(numbers, written, place, column);
    next.push_back(b.select(isTaken, b.add(count, one), count));
    next.push_back(b.select(isEqual, b.subtract(room, one), room));
    return next;
  });
  taken.pop_back_n(2);
  return taken;
}

Values Chooser::choose(const Items &items, const Place &place, ValueRange carried, ValueRange rest) {
  Value ranks = b.loop(zero, items.ranked, carried.back(),
                       [&](Value u, Value filled) { return b.put(items.rank(u), filled, u); });
  Values empty = b.loop(zero, topK, carried.drop_back(),
                        [&](Value column, ValueRange results) { return putAll(rest, results, place, column); });
  Values chosen = take(items, place, empty, ranks);
  chosen.push_back(ranks);
  return chosen;
}

/// Σ_h weight_h · max(0, query_h · key) over the first `heads`, h ascending. NaN stays NaN.
template <typename Op>
static Value score(StructuredBuilder &b, Op op, CacheRows &keys, Value t, Value position, Value heads) {
  Value zero = b.index(0), row = keys.get(t, position, zero), none = b.real(0.0);
  int64_t block = std::gcd(int64_t(op.getNumHeads()), kHeads);
  return b.loop(
      zero, heads, none,
      [&](Value head, Value sum) {
        for (auto [j, product] : llvm::enumerate(keys.multiply(op.getQuery(), t, head, block, row))) {
          Value positive = b.select(b.isGreater(none, product), none, product);
          sum = b.fma(b.at(op.getWeights(), {t, b.add(head, int64_t(j))}), positive, sum);
        }
        return sum;
      },
      block);
}

/// The best positions in each of `parts` parts of the context of every row and, if `results` has a second, their
/// scores.
template <typename Op>
static FailureOr<Values> choosePositions(StructuredBuilder &b, Op op, int64_t parts, TypeRange results) {
  CacheRows keys(b, op.getCache(), kIndexStore, op.getLayer());
  if (!keys) {
    return failure();
  }
  bool givesScores = results.size() > 1;
  int64_t topK = op.getTopK();
  Value zero = b.index(0), rows = b.size(op.getQuery(), 0), heads = b.index(op.getNumHeads());
  Chooser chooser(b, topK);
  Values carried = llvm::map_to_vector(results, [&](Type type) { return emptyRows(b, type, rows); });
  carried.push_back(b.empty(RankedTensorType::get(keys.getMostPositions(), b.builder.getI32Type()), {}));
  Values rest = {b.integer(-1), b.real(0.0)};
  rest.truncate(results.size());
  Values chosen = b.loop(zero, rows, carried, [&](Value t, ValueRange ofRows) {
    Value seen = b.add(b.idAt(op.getPositions(), t), 1), blocks = b.divide(b.add(seen, kBlock - 1), kBlock);
    Value isRanked = b.isGreater(seen, b.index(topK));
    Value used = b.larger(b.smaller(b.divide(seen, 2 * topK), b.index(parts)), b.index(1));
    auto begin = [&](Value part) {
      Value block = b.divide(b.multiply(blocks, b.smaller(part, used)), used);
      return b.smaller(b.multiply(block, kBlock), seen);
    };
    return b.loop(zero, b.index(parts), ofRows, [&](Value part, ValueRange ofParts) {
      Value first = begin(part), count = b.subtract(begin(b.add(part, 1)), first);
      auto rankItem = [&](Value u) { return rank(b, score(b, op, keys, t, b.add(first, u), heads)); };
      auto keepItem = [&](Value u, Value rank) {
        Values kept = {b.toId(b.add(first, u))};
        if (givesScores) {
          kept.push_back(b.select(isRanked, getScore(b, rank), b.real(0.0)));
        }
        return kept;
      };
      Items items = {count, b.select(isRanked, count, zero), rankItem, keepItem};
      return chooser.choose(items, {t, b.multiply(part, topK)}, ofParts, rest);
    });
  });
  chosen.pop_back();
  return chosen;
}

static Decomposed decompose(IndexSelectOp op, StructuredBuilder &b) {
  return choosePositions(b, op, /*parts=*/1, op->getResultTypes());
}

static Decomposed decompose(IndexCandidatesOp op, StructuredBuilder &b) {
  FailureOr<Values> chosen = choosePositions(b, op, op.getParts(), {op.getIds().getType(), op.getScores().getType()});
  if (failed(chosen)) {
    return failure();
  }
  // The scores are what they are defined to be.
  Value zero = b.index(0), rows = b.size(op.getQuery(), 0), parts = b.index(op.getParts());
  Value bounds = emptyRows(b, op.getBounds().getType(), rows);
  bounds = b.loop(zero, rows, bounds, [&](Value t, Value ofRows) {
    return b.loop(zero, parts, ofRows,
                  [&](Value part, Value ofParts) { return b.put(b.real(0.0), ofParts, {t, part}); });
  });
  return Values{(*chosen)[1], (*chosen)[0], bounds};
}

/// The score of a candidate: as given, or computed where that may be off.
static Value getCandidateScore(StructuredBuilder &b, IndexMergeOp op, CacheRows &keys, Value t, Value j) {
  Value zero = b.index(0), bound = b.at(op.getBounds(), {t, b.divide(j, op.getTopK())});
  Value isOff = b.isGreater(bound, b.real(0.0)), position = b.larger(b.idAt(op.getIds(), {t, j}), zero);
  Value computed = score(b, op, keys, t, position, b.select(isOff, b.index(op.getNumHeads()), zero));
  return b.select(isOff, computed, b.at(op.getScores(), {t, j}));
}

static Decomposed decompose(IndexMergeOp op, StructuredBuilder &b) {
  CacheRows keys(b, op.getCache(), kIndexStore, op.getLayer());
  if (!keys) {
    return failure();
  }
  int64_t width = getWidth(op.getIds().getType());
  Value zero = b.index(0), all = b.index(width), rows = b.size(op.getIds(), 0);
  Chooser chooser(b, op.getTopK());
  Value ranks = b.empty(RankedTensorType::get(width, b.builder.getI32Type()), ValueRange());
  Values carried = {emptyRows(b, op.getType(), rows), ranks};
  Values chosen = b.loop(zero, rows, carried, [&](Value t, ValueRange ofRows) {
    auto rankItem = [&](Value j) {
      Value isThere = b.isGreater(b.at(op.getIds(), {t, j}), b.integer(-1));
      return b.select(isThere, rank(b, getCandidateScore(b, op, keys, t, j)), b.integer(kNoRank));
    };
    auto keepItem = [&](Value j, Value) { return Values{b.at(op.getIds(), {t, j})}; };
    return chooser.choose({all, all, rankItem, keepItem}, {t, zero}, ofRows, b.integer(-1));
  });
  return Values{chosen.front()};
}

void populateIndexDecompositions(RewritePatternSet &patterns) {
  addDecompositions<IndexSelectOp, IndexCandidatesOp, IndexMergeOp>(patterns);
}

} // namespace fathom
