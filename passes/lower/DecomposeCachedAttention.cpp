// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over the rows of the cache: latents, or keys and values.

#include "passes/lower/CacheRows.h"
#include "passes/lower/Decompose.h"

#include <limits>
#include <numeric>

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// Heads whose scores are summed side by side.
static constexpr int64_t kHeads = 8;

namespace {
/// What attends to what: heads of a query row, and the rows that their keys and values are in. Each `group` of heads
/// shares one key and one value.
struct CachedAttention {
  Value query;
  Value positions;
  Type result;
  double scale;
  int64_t heads;
  int64_t group;
  CacheRows keys;
  CacheRows values;
  int64_t valueWidth;
  /// The positions of each row's keys, up to the first −1; null: they are all up to the row's.
  Value selection = {};
};

/// Builds one attention. Scores [heads, keys] of a row are memory that all rows use in turn.
class AttentionBuilder {
public:
  AttentionBuilder(CachedAttention attention, StructuredBuilder &b)
      : op(attention), b(b), zero(b.index(0)), rows(b.size(op.query, 0)) {}

  Value build();

private:
  Value forIndices(int64_t count, Value carried, function_ref<Value(Value, Value)> body) {
    return b.loop(zero, b.index(count), carried, body);
  }
  Value getGroup(Value head);
  Value countMostKeys();
  Value countKeys(Value t);
  Value getPosition(Value t, Value key);
  Value score(Value t, Value keys, Value scores);
  Value scoreHeads(Value t, Value key, Value firstHead, int64_t count, Value scores);
  Value softmax(Value head, Value keys, Value scores);
  Value addValues(Value t, Value keys, Value scores, Value result);

  CachedAttention op;
  StructuredBuilder &b;
  Value zero;
  Value rows;
};
} // namespace

Value AttentionBuilder::getGroup(Value head) { return op.group == op.heads ? zero : b.divide(head, op.group); }

/// The most keys that a row sees.
Value AttentionBuilder::countMostKeys() {
  if (op.selection) {
    return b.index(getWidth(op.selection.getType()));
  }
  return b.loop(zero, rows, zero, [&](Value t, Value most) { return b.larger(most, countKeys(t)); });
}

Value AttentionBuilder::countKeys(Value t) {
  if (!op.selection) {
    return b.add(b.idAt(op.positions, t), 1);
  }
  return forIndices(getWidth(op.selection.getType()), zero, [&](Value key, Value count) {
    return b.select(b.isGreater(b.index(0), getPosition(t, key)), count, b.add(count, 1));
  });
}

Value AttentionBuilder::getPosition(Value t, Value key) { return op.selection ? b.idAt(op.selection, {t, key}) : key; }

/// scores[h, key] of `count` heads.
Value AttentionBuilder::scoreHeads(Value t, Value key, Value firstHead, int64_t count, Value scores) {
  Value row = op.keys.get(t, getPosition(t, key), getGroup(firstHead));
  SmallVector<Value> sums = op.keys.multiply(op.query, t, firstHead, count, row);
  Value scale = b.real(op.scale);
  for (int64_t j = 0; j < count; ++j) {
    scores = b.put(b.multiply(sums[j], scale), scores, {b.add(firstHead, j), key});
  }
  return scores;
}

Value AttentionBuilder::score(Value t, Value keys, Value scores) {
  int64_t block = std::gcd(op.group, kHeads);
  return b.loop(zero, keys, scores, [&](Value key, Value outer) {
    return b.loop(
        zero, b.index(op.heads), outer, [&](Value head, Value inner) { return scoreHeads(t, key, head, block, inner); },
        block);
  });
}

/// scores[head, :keys] to weights.
Value AttentionBuilder::softmax(Value head, Value keys, Value scores) {
  Value low = b.real(-std::numeric_limits<double>::infinity());
  Value largest =
      b.loop(zero, keys, low, [&](Value key, Value high) { return b.larger(high, b.at(scores, {head, key})); });
  auto powers = b.loop(zero, keys, ValueRange{scores, b.real(0.0)}, [&](Value key, ValueRange carried) {
    Value power = b.exp(b.subtract(b.at(carried[0], {head, key}), largest));
    return SmallVector<Value>{b.put(power, carried[0], {head, key}), b.add(carried[1], power)};
  });
  return b.loop(zero, keys, powers[0], [&](Value key, Value carried) {
    return b.put(b.divide(b.at(carried, {head, key}), powers[1]), carried, {head, key});
  });
}

/// result[t, h] = Σ_u scores[h, u] v(u).
Value AttentionBuilder::addValues(Value t, Value keys, Value scores, Value result) {
  return forIndices(op.heads, result, [&](Value head, Value outer) {
    Value first = b.multiply(head, op.valueWidth);
    outer = forIndices(op.valueWidth, outer,
                       [&](Value i, Value sums) { return b.put(b.real(0.0), sums, {t, b.add(first, i)}); });
    return b.loop(zero, keys, outer, [&](Value key, Value sums) {
      Value row = op.values.get(t, getPosition(t, key), getGroup(head));
      Value weight = b.at(scores, {head, key});
      return forIndices(op.valueWidth, sums, [&](Value i, Value inner) {
        Value column = b.add(first, i);
        Value number = op.values.read(row, i);
        Value sum = b.fma(weight, number, b.at(inner, {t, column}));
        return b.put(sum, inner, {t, column});
      });
    });
  });
}

Value AttentionBuilder::build() {
  Value scores =
      b.empty(RankedTensorType::get({op.heads, ShapedType::kDynamic}, b.builder.getF32Type()), countMostKeys());
  Value result = emptyRows(b, op.result, rows);
  auto both = b.loop(zero, rows, ValueRange{result, scores}, [&](Value t, ValueRange carried) {
    Value keys = countKeys(t);
    Value weights = score(t, keys, carried[1]);
    weights = forIndices(op.heads, weights, [&](Value head, Value inner) { return softmax(head, keys, inner); });
    return SmallVector<Value>{addValues(t, keys, weights, carried[0]), weights};
  });
  return both[0];
}

/// All heads read the latents, as keys and, but for the rotated part, as values.
static Decomposed decompose(MlaLatentAttentionOp op, StructuredBuilder &b) {
  CacheRows latents(b, op.getCache(), kLatentStore, op.getLayer());
  if (!latents) {
    return failure();
  }
  int64_t heads = op.getNumHeads();
  double scale = op.getSoftmaxScale().convertToDouble();
  CachedAttention attention = {op.getQuery(), op.getPositions(), op.getType(),     scale, heads, heads, latents,
                               latents,       op.getLatentDim(), op.getSelection()};
  return SmallVector<Value>{AttentionBuilder(attention, b).build()};
}

static Decomposed decompose(GqaAttentionOp op, StructuredBuilder &b) {
  CacheRows keys(b, op.getCache(), kKeyStore, op.getLayer()), values(b, op.getCache(), kValueStore, op.getLayer());
  if (!keys) {
    return failure();
  }
  int64_t heads = op.getNumHeads(), group = heads / int64_t(op.getNumKvHeads()), headDim = op.getHeadDim();
  double scale = op.getSoftmaxScale().convertToDouble();
  CachedAttention attention = {op.getQuery(), op.getPositions(), op.getType(), scale, heads, group, keys, values,
                               headDim};
  return SmallVector<Value>{AttentionBuilder(attention, b).build()};
}

void populateCachedAttentionDecompositions(RewritePatternSet &patterns) {
  addDecompositions<MlaLatentAttentionOp, GqaAttentionOp>(patterns);
}

} // namespace fathom
