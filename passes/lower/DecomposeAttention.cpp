// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes to the cache, and multi-head latent attention.

#include "passes/lower/CacheRows.h"
#include "passes/lower/Decompose.h"
#include "passes/support/OpForms.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

static Decomposed decompose(CacheAppendOp op, StructuredBuilder &b) {
  CacheRows cache(b, op.getCache(), op.getStore(), op.getLayer());
  if (!cache) {
    return failure();
  }
  // One part, of all heads, or parts of one head.
  b.loop(b.index(0), b.size(op.getRowsOperand(), 0), [&](Value t) {
    Value position = b.idAt(op.getPositions(), t);
    for (int64_t head = 0; head < cache.getHeads(); ++head) {
      cache.write(cache.get(t, position, b.index(head)), [&](Value memory) {
        int64_t first = 0;
        for (Value part : op.getParts()) {
          int64_t width = getWidth(part.getType()) / cache.getHeads(), from = head * width;
          b.loop(b.index(0), b.index(width),
                 [&](Value i) { cache.put(b.at(part, {t, b.add(i, from)}), memory, b.add(i, first)); });
          first += width;
        }
      });
    }
  });
  return SmallVector<Value>{op.getCache()};
}

/// In ops that are decomposed in turn.
static Decomposed decompose(MlaAppendOp op, StructuredBuilder &b) {
  if (!CacheRows(b, op.getCache(), kLatentStore, op.getLayer())) {
    return failure();
  }
  int64_t latentWidth = cast<RankedTensorType>(op.getNorm().getType()).getDimSize(0);
  int64_t keyWidth = getWidth(op.getInput().getType()) - latentWidth;
  OpFoldResult rows = getAsOpFoldResult(b.size(op.getInput(), 0));
  // The cache rounds what is written to it, and nothing does before.
  Value input = b.toF32(op.getInput());
  Value latent = sliceColumns(b.builder, b.loc, input, rows, 0, latentWidth);
  Value key = sliceColumns(b.builder, b.loc, input, rows, latentWidth, keyWidth);
  latent = RmsNormOp::create(b.builder, b.loc, latent.getType(), latent, op.getNorm(), op.getEpsAttr());
  key = RopeOp::create(b.builder, b.loc, key.getType(), key, op.getTable(), op.getPositions(), op.getLayout());
  return SmallVector<Value>{CacheAppendOp::create(b.builder, b.loc, op.getCache().getType(), op.getCache(),
                                                  kLatentStore, op.getLayer(), ValueRange{latent, key},
                                                  op.getPositions())};
}

/// W_UKᵀ on each head's first part, head by head so that its weights stay in the cache, and the rotation of the rest.
static Decomposed decompose(MlaAbsorbQueryOp op, StructuredBuilder &b) {
  int64_t nope = op.getNopeDim(), rope = op.getRopeDim();
  int64_t latent = cast<RankedTensorType>(op.getKvB().getType()).getDimSize(1);
  WeightReader weight(b, op.getKvB(), op.getScale(), op.getBlockAttr());
  Rotation rotation = {op.getLayout(), rope / 2, WeightReader(b, op.getTable())};
  Value rows = b.size(op.getQuery(), 0), zero = b.index(0), item = getItem(op);
  Value firstHead = item ? item : zero, endOfHeads = item ? b.add(item, 1) : b.index(op.getNumHeads());
  auto forColumns = [&](int64_t count, Value carried, function_ref<Value(Value, Value)> body) {
    return b.loop(zero, b.index(count), carried, body);
  };
  auto sumsType = RankedTensorType::get(latent, b.builder.getF32Type());
  SmallVector<Value> start = {emptyRows(b, op.getType(), rows), b.empty(sumsType, {})};
  auto results = b.loop(firstHead, endOfHeads, start, [&](Value head, ValueRange ofHeads) {
    Value from = b.multiply(head, nope + rope), to = b.multiply(head, latent + rope);
    Value key = b.multiply(head, nope + op.getValueDim());
    return b.loop(zero, rows, ofHeads, [&](Value t, ValueRange carried) {
      Value sums = forColumns(latent, carried[1], [&](Value i, Value all) { return b.put(b.real(0.0), all, i); });
      sums = forColumns(nope, sums, [&](Value d, Value outer) {
        Value x = b.at(op.getQuery(), {t, b.add(from, d)});
        return forColumns(latent, outer, [&](Value i, Value all) {
          return b.put(b.fma(x, weight.read(b.add(key, d), i), b.at(all, i)), all, i);
        });
      });
      Value columns = forColumns(latent, carried[0],
                                 [&](Value i, Value all) { return b.put(b.at(sums, i), all, {t, b.add(to, i)}); });
      Value position = b.idAt(op.getPositions(), t), turned = b.add(from, nope);
      columns = forColumns(rope, columns, [&](Value i, Value all) {
        Value value = rotate(b, rotation, position, i,
                             [&](Value column) { return b.at(op.getQuery(), {t, b.add(turned, column)}); });
        return b.put(value, all, {t, b.add(b.add(to, latent), i)});
      });
      return SmallVector<Value>{columns, sums};
    });
  });
  return SmallVector<Value>{results.front()};
}

/// A product of each head's latent with the rows of kv_b that make its values, which follow those of its keys.
static Decomposed decompose(MlaExpandOutputOp op, StructuredBuilder &b) {
  int64_t values = op.getValueDim();
  WeightReader weight(b, op.getKvB(), op.getScale(), op.getBlockAttr());
  Value rows = b.size(op.getInput(), 0);
  auto sameRow = [](Value row) { return row; };
  auto input = [&](Value row, Value first, Value k) {
    Value column = b.add(b.multiply(b.divide(first, values), weight.getInputs()), k);
    return b.at(op.getInput(), {row, column});
  };
  auto output = [&](Value first) {
    Value head = b.multiply(b.divide(first, values), int64_t(op.getNopeDim()) + values);
    return b.add(b.add(head, op.getNopeDim()), b.remainder(first, values));
  };
  auto finish = [](Value, Value, ValueRange sums) { return sums[0]; };
  function_ref<Value(Value)> parts[] = {output};
  Product product = {b.index(0), rows,        sameRow, input, weight, parts, getWidth(op.getType()),
                     values,     getItem(op), finish};
  return SmallVector<Value>{multiplyRows(b, product, emptyRows(b, op.getType(), rows))};
}

/// Attention in absorbed form, equal in exact arithmetic: rows may belong to different sequences, so there are no keys
/// and values to expand once for all of them.
static Decomposed decompose(MlaAttentionOp op, StructuredBuilder &b) {
  if (!CacheRows(b, op.getCache(), kLatentStore, op.getLayer())) {
    return failure();
  }
  op.getQueryMutable().assign(b.toF32(op.getQuery()));
  return SmallVector<Value>{createAbsorbedAttention(b.builder, op).output};
}

static Decomposed decompose(SparseAttentionOp op, StructuredBuilder &b) {
  if (!CacheRows(b, op.getCache(), kLatentStore, op.getLayer())) {
    return failure();
  }
  op.getQueryMutable().assign(b.toF32(op.getQuery()));
  return SmallVector<Value>{createSelectedAttention(b.builder, op, /*parts=*/1)};
}

void populateAttentionDecompositions(RewritePatternSet &patterns) {
  addDecompositions<CacheAppendOp, MlaAppendOp, MlaAbsorbQueryOp, MlaExpandOutputOp, MlaAttentionOp, SparseAttentionOp>(
      patterns);
  populateCachedAttentionDecompositions(patterns);
  populateIndexDecompositions(patterns);
}

} // namespace fathom
