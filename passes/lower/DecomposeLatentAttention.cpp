// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over the rows of the latent cache.

#include "passes/lower/CacheRows.h"
#include "passes/lower/Decompose.h"

#include <limits>
#include <numeric>

using namespace mlir;

namespace fathom {

using namespace deepseek;

namespace {

/// Heads whose scores are summed side by side.
constexpr int64_t kHeads = 8;

/// Builds one attention. Scores [heads, keys] of a row are memory that all rows use in turn.
class AttentionBuilder {
public:
  AttentionBuilder(MlaLatentAttentionOp op, StructuredBuilder &b, CacheRows cache)
      : op(op), b(b), cache(cache), heads(op.getNumHeads()), latent(op.getLatentDim()),
        width(op.getLatentDim() + int64_t(op.getRopeDim())), zero(b.index(0)), rows(b.size(op.getQuery(), 0)) {}

  Value build();

private:
  Value forIndices(int64_t count, Value carried, function_ref<Value(Value, Value)> body) {
    return b.loop(zero, b.index(count), carried, body);
  }
  Value countKeys();
  Value score(Value t, Value keys, Value scores);
  Value scoreHeads(Value t, Value key, Value firstHead, int64_t count, Value scores);
  Value softmax(Value head, Value keys, Value scores);
  Value addValues(Value t, Value keys, Value scores, Value result);

  MlaLatentAttentionOp op;
  StructuredBuilder &b;
  CacheRows cache;
  int64_t heads;
  int64_t latent;
  int64_t width;
  Value zero;
  Value rows;
};

/// The most keys that a row sees.
Value AttentionBuilder::countKeys() {
  return b.loop(zero, rows, zero,
                [&](Value t, Value most) { return b.larger(most, b.add(b.idAt(op.getPositions(), t), 1)); });
}

/// scores[h, key] of `count` heads.
Value AttentionBuilder::scoreHeads(Value t, Value key, Value firstHead, int64_t count, Value scores) {
  Value row = cache.get(t, key);
  SmallVector<Value> queries;
  for (int64_t j = 0; j < count; ++j) {
    queries.push_back(b.multiply(b.add(firstHead, j), width));
  }
  SmallVector<Value> zeros(count, b.real(0.0));
  SmallVector<Value> sums = b.loop(zero, b.index(width), zeros, [&](Value i, ValueRange carried) {
    Value number = cache.read(row, i);
    SmallVector<Value> next;
    for (auto [query, sum] : llvm::zip(queries, carried)) {
      next.push_back(b.fma(b.at(op.getQuery(), {t, b.add(query, i)}), number, sum));
    }
    return next;
  });
  Value scale = b.real(op.getSoftmaxScale().convertToDouble());
  for (int64_t j = 0; j < count; ++j) {
    scores = b.put(b.multiply(sums[j], scale), scores, {b.add(firstHead, j), key});
  }
  return scores;
}

Value AttentionBuilder::score(Value t, Value keys, Value scores) {
  int64_t block = std::gcd(heads, kHeads);
  return b.loop(zero, keys, scores, [&](Value key, Value outer) {
    return b.loop(
        zero, b.index(heads), outer, [&](Value head, Value inner) { return scoreHeads(t, key, head, block, inner); },
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

/// result[t, h] = Σ_u scores[h, u] c(u).
Value AttentionBuilder::addValues(Value t, Value keys, Value scores, Value result) {
  return forIndices(heads, result, [&](Value head, Value outer) {
    Value first = b.multiply(head, latent);
    outer =
        forIndices(latent, outer, [&](Value i, Value sums) { return b.put(b.real(0.0), sums, {t, b.add(first, i)}); });
    return b.loop(zero, keys, outer, [&](Value key, Value sums) {
      Value row = cache.get(t, key);
      Value weight = b.at(scores, {head, key});
      return forIndices(latent, sums, [&](Value i, Value inner) {
        Value column = b.add(first, i);
        Value sum = b.fma(weight, cache.read(row, i), b.at(inner, {t, column}));
        return b.put(sum, inner, {t, column});
      });
    });
  });
}

Value AttentionBuilder::build() {
  Value scores = b.empty(RankedTensorType::get({heads, ShapedType::kDynamic}, b.builder.getF32Type()), countKeys());
  Value result = emptyRows(b, op.getType(), rows);
  auto both = b.loop(zero, rows, ValueRange{result, scores}, [&](Value t, ValueRange carried) {
    Value keys = b.add(b.idAt(op.getPositions(), t), 1);
    Value weights = score(t, keys, carried[1]);
    weights = forIndices(heads, weights, [&](Value head, Value inner) { return softmax(head, keys, inner); });
    return SmallVector<Value>{addValues(t, keys, weights, carried[0]), weights};
  });
  return both[0];
}

Decomposed decomposeLatentAttention(MlaLatentAttentionOp op, StructuredBuilder &b) {
  CacheRows cache(b, op.getCache(), op.getLayer());
  if (!cache) {
    return failure();
  }
  return SmallVector<Value>{AttentionBuilder(op, b, cache).build()};
}

} // namespace

void populateLatentAttentionDecomposition(RewritePatternSet &patterns) {
  addDecomposition<MlaLatentAttentionOp>(patterns, decomposeLatentAttention);
}

} // namespace fathom
