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

/// Builds one attention. Scores [heads, keys] of a few heads are memory that all use in turn.
class AttentionBuilder {
public:
  AttentionBuilder(CachedAttention attention, StructuredBuilder &b)
      : op(attention), b(b), zero(b.index(0)), block(std::gcd(op.group, kHeads)) {
    op.query = b.toF32(op.query);
    op.result = cast<RankedTensorType>(op.result).clone(b.builder.getF32Type()); // Sums of values, until all are added.
  }

  Value build();

private:
  Value forIndices(int64_t count, Value carried, function_ref<Value(Value, Value)> body) {
    return b.loop(zero, b.index(count), carried, body);
  }
  Value getGroup(Value head);
  Value countKeys(Value t);
  Value getPosition(Value t, Value key);
  Value score(Value t, Value keys, Value firstHead, Value scores);
  Value softmax(Value head, Value keys, Value scores);
  Value addValues(Value t, Value keys, Value firstHead, Value scores, Value result);

  CachedAttention op;
  StructuredBuilder &b;
  Value zero;
  /// Heads that share a group, and scores side by side.
  int64_t block;
};
} // namespace

Value AttentionBuilder::getGroup(Value head) { return op.group == op.heads ? zero : b.divide(head, op.group); }

Value AttentionBuilder::countKeys(Value t) {
  if (!op.selection) {
    return b.add(b.idAt(op.positions, t), 1);
  }
  return forIndices(getWidth(op.selection.getType()), zero, [&](Value key, Value count) {
    return b.select(b.isGreater(b.index(0), getPosition(t, key)), count, b.add(count, 1));
  });
}

Value AttentionBuilder::getPosition(Value t, Value key) { return op.selection ? b.idAt(op.selection, {t, key}) : key; }

/// scores[j, key] of head `firstHead` + j.
Value AttentionBuilder::score(Value t, Value keys, Value firstHead, Value scores) {
  Value scale = b.real(op.scale);
  return b.loop(zero, keys, scores, [&](Value key, Value carried) {
    Value row = op.keys.get(t, getPosition(t, key), getGroup(firstHead));
    for (auto [j, sum] : llvm::enumerate(op.keys.multiply(op.query, t, firstHead, block, row))) {
      carried = b.put(b.multiply(sum, scale), carried, {b.index(j), key});
    }
    return carried;
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

/// result[t, firstHead + j] = Σ_u scores[j, u] v(u).
Value AttentionBuilder::addValues(Value t, Value keys, Value firstHead, Value scores, Value result) {
  return forIndices(block, result, [&](Value j, Value outer) {
    Value first = b.multiply(b.add(firstHead, j), op.valueWidth);
    outer = forIndices(op.valueWidth, outer,
                       [&](Value i, Value sums) { return b.put(b.real(0.0), sums, {t, b.add(first, i)}); });
    return b.loop(zero, keys, outer, [&](Value key, Value sums) {
      Value row = op.values.get(t, getPosition(t, key), getGroup(firstHead));
      Value weight = b.at(scores, {j, key});
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
  int64_t mostKeys = op.selection ? getWidth(op.selection.getType()) : op.keys.getMostPositions();
  Value rows = b.size(op.query, 0), result = emptyRows(b, op.result, rows);
  Value scores = b.empty(RankedTensorType::get({block, mostKeys}, b.builder.getF32Type()), {});
  auto both = b.loop(zero, rows, ValueRange{result, scores}, [&](Value t, ValueRange ofRows) {
    Value keys = countKeys(t);
    return b.loop(
        zero, b.index(op.heads), ofRows,
        [&](Value head, ValueRange carried) {
          Value weights = score(t, keys, head, carried[1]);
          weights = forIndices(block, weights, [&](Value j, Value inner) { return softmax(j, keys, inner); });
          return SmallVector<Value>{addValues(t, keys, head, weights, carried[0]), weights};
        },
        block);
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
