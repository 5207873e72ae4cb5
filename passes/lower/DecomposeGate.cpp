// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The choice of experts.

#include "passes/lower/Decompose.h"

#include <limits>

using namespace mlir;

namespace fathom {

using namespace deepseek;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
/// Builds one gate.
class GateBuilder {
public:
  GateBuilder(MoEGateOp op, StructuredBuilder &b)
      : op(op), b(b), routing(op.getRouting()), experts(getWidth(op.getLogits().getType())),
        rows(b.size(op.getLogits(), 0)), staticRows(cast<RankedTensorType>(op.getLogits().getType()).getDimSize(0)) {}

  SmallVector<Value> build();

private:
  Value mapRows(int64_t width, function_ref<Value(ValueRange)> element) {
    return b.mapRows({staticRows, width}, rows, element);
  }
  Value foldRow(int64_t from, int64_t to, Value initial, function_ref<Value(Value, Value)> body) {
    return b.loop(b.index(from), b.index(to), initial, body);
  }
  Value score();
  Value softmax();
  Value addBias(Value scores);
  Value scoreGroups(Value choices);
  Value dropGroups(Value choices);
  std::pair<Value, Value> findNext(Value choices, Value row, Value last, Value lastExpert);
  Value findLost(Value choices);
  Value weigh(Value chosen, Value lost);

  MoEGateOp op;
  StructuredBuilder &b;
  RoutingAttr routing;
  int64_t experts;
  Value rows;
  int64_t staticRows;
};
} // namespace

Value GateBuilder::softmax() {
  Value largest = b.mapRows(staticRows, rows, [&](ValueRange t) {
    return foldRow(0, experts, b.real(-kInfinity),
                   [&](Value e, Value high) { return b.larger(high, b.at(op.getLogits(), {t[0], e})); });
  });
  Value powers =
      mapRows(experts, [&](ValueRange i) { return b.exp(b.subtract(b.at(op.getLogits(), i), b.at(largest, i[0]))); });
  Value sums = b.mapRows(
      staticRows, rows, [&](ValueRange t) { return b.sum(experts, [&](Value e) { return b.at(powers, {t[0], e}); }); });
  return mapRows(experts, [&](ValueRange i) { return b.divide(b.at(powers, i), b.at(sums, i[0])); });
}

Value GateBuilder::score() {
  switch (routing.getScoring()) {
  case Scoring::softmax:
    return softmax();
  case Scoring::sigmoid:
    return mapRows(experts, [&](ValueRange i) { return b.sigmoid(b.at(op.getLogits(), i)); });
  }
  llvm_unreachable("every scoring function is a case");
}

Value GateBuilder::addBias(Value scores) {
  if (!op.getBias()) {
    return scores;
  }
  WeightReader bias(b, op.getBias());
  return mapRows(experts, [&](ValueRange i) { return b.add(b.at(scores, i), bias.read(i.drop_front())); });
}

/// [rows, groups]: the best choice of each group, or the sum of the two best.
Value GateBuilder::scoreGroups(Value choices) {
  int64_t size = experts / routing.getGroups();
  bool two = routing.getGroupRule() == GroupRule::top2_sum && size > 1;
  return mapRows(routing.getGroups(), [&](ValueRange i) {
    Value low = b.real(-kInfinity);
    Value first = b.multiply(i[1], size);
    auto best = b.loop(first, b.add(first, size), ValueRange{low, low}, [&](Value e, ValueRange high) {
      Value value = b.at(choices, {i[0], e});
      Value beaten = b.select(b.isGreater(value, high[0]), high[0], value);
      return SmallVector<Value>{b.larger(high[0], value), b.larger(high[1], beaten)};
    });
    return two ? b.add(best[0], best[1]) : best[0];
  });
}

/// Choices with those of all but the best groups −inf. A group's rank is the number of groups before it: those that are
/// worth more, and equal ones of a lower index.
Value GateBuilder::dropGroups(Value choices) {
  if (routing.getGroupRule() == GroupRule::none) {
    return choices;
  }
  Value scores = scoreGroups(choices);
  int64_t groups = routing.getGroups();
  Value worth = mapRows(groups, [&](ValueRange i) {
    Value own = b.at(scores, i);
    Value rank = foldRow(0, groups, b.index(0), [&](Value g, Value count) {
      Value other = b.at(scores, {i[0], g});
      Value before = b.either(b.isGreater(other, own), b.both(b.isEqual(other, own), b.isGreater(i[1], g)));
      return b.select(before, b.add(count, 1), count);
    });
    Value kept = b.isGreater(b.index(routing.getTopGroups()), rank);
    return b.select(kept, b.real(1.0), b.real(0.0));
  });
  return mapRows(experts, [&](ValueRange i) {
    Value group = b.divide(i[1], experts / groups);
    Value kept = b.isGreater(b.at(worth, {i[0], group}), b.real(0.0));
    return b.select(kept, b.at(choices, i), b.real(-kInfinity));
  });
}

/// The best choice after (last, lastExpert) in descending order with ties to the lowest index, and its expert. Expert 0
/// where there is none, which takes a NaN.
std::pair<Value, Value> GateBuilder::findNext(Value choices, Value row, Value last, Value lastExpert) {
  Value none = b.index(-1);
  auto best = b.loop(b.index(0), b.index(experts), ValueRange{b.real(-kInfinity), none}, [&](Value e, ValueRange high) {
    Value value = b.at(choices, {row, e});
    Value after = b.either(b.isGreater(last, value), b.both(b.isEqual(value, last), b.isGreater(e, lastExpert)));
    Value better = b.either(b.isGreater(value, high[0]), b.isEqual(high[1], none));
    Value take = b.both(after, better);
    return SmallVector<Value>{b.select(take, value, high[0]), b.select(take, e, high[1])};
  });
  return {best[0], b.larger(best[1], b.index(0))};
}

/// [rows]: NaN where a choice is, which must not vanish with an expert that nobody chooses; otherwise 0.
Value GateBuilder::findLost(Value choices) {
  return b.mapRows(staticRows, rows, [&](ValueRange t) {
    return b.sum(experts, [&](Value e) {
      Value choice = b.at(choices, {t[0], e});
      return b.select(b.isEqual(choice, choice), b.real(0.0), choice);
    });
  });
}

/// Weights from the scores of the chosen.
Value GateBuilder::weigh(Value chosen, Value lost) {
  int64_t topK = routing.getTopK();
  Value factors = b.mapRows(staticRows, rows, [&](ValueRange t) {
    Value factor = b.real(routing.getFactor());
    if (!routing.getNormalize()) {
      return factor;
    }
    Value sum = foldRow(0, topK, b.real(0.0), [&](Value j, Value sum) { return b.add(sum, b.at(chosen, {t[0], j})); });
    return b.divide(factor, b.add(sum, b.real(1e-20)));
  });
  return mapRows(
      topK, [&](ValueRange i) { return b.add(b.multiply(b.at(chosen, i), b.at(factors, i[0])), b.at(lost, i[0])); });
}

SmallVector<Value> GateBuilder::build() {
  Value scores = score();
  Value biased = addBias(scores);
  Value choices = dropGroups(biased);
  Value ids = emptyRows(b, op.getIds().getType(), rows);
  Value chosen = emptyRows(b, op.getWeights().getType(), rows);
  auto both = b.loop(b.index(0), rows, ValueRange{ids, chosen}, [&](Value t, ValueRange carried) {
    SmallVector<Value> start = {b.real(kInfinity), b.index(-1), carried[0], carried[1]};
    auto end = b.loop(b.index(0), b.index(routing.getTopK()), start, [&](Value j, ValueRange state) {
      auto [value, expert] = findNext(choices, t, state[0], state[1]);
      return SmallVector<Value>{value, expert, b.put(b.toId(expert), state[2], {t, j}),
                                b.put(b.at(scores, {t, expert}), state[3], {t, j})};
    });
    return SmallVector<Value>{end[2], end[3]};
  });
  return {both[0], weigh(both[1], findLost(biased))};
}

static Decomposed decompose(MoEGateOp op, StructuredBuilder &b) { return GateBuilder(op, b).build(); }

void populateGateDecompositions(RewritePatternSet &patterns) { addDecompositions<MoEGateOp>(patterns); }

} // namespace fathom
