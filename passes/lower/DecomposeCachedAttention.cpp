// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over the rows of the cache: latents, or keys and values.

#include "passes/lower/CacheRows.h"
#include "passes/lower/Decompose.h"

#include "fathom/kernel_abi.h"

#include <limits>
#include <numeric>

using namespace mlir;

namespace fathom {

using namespace deepseek;
using Values = StructuredBuilder::Values;

/// Heads whose scores are summed side by side.
static constexpr int64_t kHeads = 8;
/// Blocks of FATHOM_PAGE_TOKENS keys that a part has at least, of a row that has so many.
static constexpr int64_t kLeastBlocks = 2;

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
  /// The result is that many parts of each row; none: it is whole.
  std::optional<int64_t> parts = {};
};

/// Keys of a row, [first, end).
struct Keys {
  Value first;
  Value end;
};

/// Weights of a head's keys, relative to that of the largest score, in the memory of scores, and their sum.
struct Softmax {
  Value weights;
  Value largest;
  Value total;
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
  Keys getPart(Value part, Value count);
  Value score(Value t, Keys keys, Value firstHead, Value scores);
  Softmax weigh(Value j, Keys keys, Value scores);
  Value divide(Value j, Keys keys, const Softmax &softmax);
  Value putSums(Value t, Keys keys, Value column, const Softmax &softmax, Value result);
  Value addValues(Value t, Keys keys, Value firstHead, Value firstColumn, Value scores, Value result);
  Values attend(Value t, Keys keys, Value firstColumn, ValueRange resultAndScores);

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

/// The keys of `part`, of `count` that a row has: as deepseek.attention_combine says.
Keys AttentionBuilder::getPart(Value part, Value count) {
  int64_t most = FATHOM_PAGE_TOKENS * *op.parts;
  Value blocks = b.divide(b.add(count, most - 1), most);
  Value size = b.multiply(b.select(b.isGreater(b.index(kLeastBlocks), blocks), b.index(kLeastBlocks), blocks),
                          FATHOM_PAGE_TOKENS);
  Value first = b.smaller(b.multiply(part, size), count);
  return {first, b.smaller(b.add(first, size), count)};
}

/// scores[j, key] of head `firstHead` + j.
Value AttentionBuilder::score(Value t, Keys keys, Value firstHead, Value scores) {
  Value scale = b.real(op.scale);
  return b.loop(keys.first, keys.end, scores, [&](Value key, Value carried) {
    Value row = op.keys.get(t, getPosition(t, key), getGroup(firstHead));
    for (auto [j, sum] : llvm::enumerate(op.keys.multiply(op.query, t, firstHead, block, row))) {
      carried = b.put(b.multiply(sum, scale), carried, {b.index(j), key});
    }
    return carried;
  });
}

/// scores[j, keys] to weights that are not divided.
Softmax AttentionBuilder::weigh(Value j, Keys keys, Value scores) {
  Value low = b.real(-std::numeric_limits<double>::infinity());
  Value largest =
      b.loop(keys.first, keys.end, low, [&](Value key, Value high) { return b.larger(high, b.at(scores, {j, key})); });
  auto powers = b.loop(keys.first, keys.end, ValueRange{scores, b.real(0.0)}, [&](Value key, ValueRange carried) {
    Value power = b.exp(b.subtract(b.at(carried[0], {j, key}), largest));
    return Values{b.put(power, carried[0], {j, key}), b.add(carried[1], power)};
  });
  return {powers[0], largest, powers[1]};
}

Value AttentionBuilder::divide(Value j, Keys keys, const Softmax &softmax) {
  return b.loop(keys.first, keys.end, softmax.weights, [&](Value key, Value carried) {
    return b.put(b.divide(b.at(carried, {j, key}), softmax.total), carried, {j, key});
  });
}

/// What a part has of a head beside its values; `column` is that of the largest score.
Value AttentionBuilder::putSums(Value t, Keys keys, Value column, const Softmax &softmax, Value result) {
  Value largest = b.select(b.isGreater(keys.end, keys.first), softmax.largest, b.real(0.0));
  result = b.put(largest, result, {t, column});
  return b.put(softmax.total, result, {t, b.add(column, op.heads)});
}

/// result[t, firstColumn + j * valueWidth + i] = Σ_u scores[j, u] v(u)[i].
Value AttentionBuilder::addValues(Value t, Keys keys, Value firstHead, Value firstColumn, Value scores, Value result) {
  return forIndices(block, result, [&](Value j, Value outer) {
    Value first = b.add(firstColumn, b.multiply(b.add(firstHead, j), op.valueWidth));
    outer = forIndices(op.valueWidth, outer,
                       [&](Value i, Value sums) { return b.put(b.real(0.0), sums, {t, b.add(first, i)}); });
    return b.loop(keys.first, keys.end, outer, [&](Value key, Value sums) {
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

/// All heads of row t; `firstColumn` is that of the row's part.
Values AttentionBuilder::attend(Value t, Keys keys, Value firstColumn, ValueRange resultAndScores) {
  return b.loop(
      zero, b.index(op.heads), resultAndScores,
      [&](Value head, ValueRange carried) {
        Value result = carried[0], weights = score(t, keys, head, carried[1]);
        if (op.parts) {
          Value column = b.add(b.add(firstColumn, op.heads * op.valueWidth), head);
          auto both = b.loop(zero, b.index(block), ValueRange{result, weights}, [&](Value j, ValueRange inner) {
            Softmax softmax = weigh(j, keys, inner[1]);
            return Values{putSums(t, keys, b.add(column, j), softmax, inner[0]), softmax.weights};
          });
          result = both[0], weights = both[1];
        } else {
          weights =
              forIndices(block, weights, [&](Value j, Value inner) { return divide(j, keys, weigh(j, keys, inner)); });
        }
        return Values{addValues(t, keys, head, firstColumn, weights, result), weights};
      },
      block);
}

Value AttentionBuilder::build() {
  int64_t mostKeys = op.selection ? getWidth(op.selection.getType()) : op.keys.getMostPositions();
  Value rows = b.size(op.query, 0), result = emptyRows(b, op.result, rows);
  Value scores = b.empty(RankedTensorType::get({block, mostKeys}, b.builder.getF32Type()), {});
  auto both = b.loop(zero, rows, ValueRange{result, scores}, [&](Value t, ValueRange ofRows) {
    Value keys = countKeys(t);
    if (!op.parts) {
      return attend(t, {zero, keys}, zero, ofRows);
    }
    return b.loop(zero, b.index(*op.parts), ofRows, [&](Value part, ValueRange carried) {
      Value firstColumn = b.multiply(part, op.heads * (op.valueWidth + 2));
      return attend(t, getPart(part, keys), firstColumn, carried);
    });
  });
  return both[0];
}

/// Adds the parts of each row, in order: a sum of all, relative to the largest score so far, takes in the next.
static Decomposed decompose(AttentionCombineOp op, StructuredBuilder &b) {
  int64_t heads = op.getNumHeads(), width = getWidth(op.getType()), valueWidth = width / heads;
  Value zero = b.index(0), low = b.real(-std::numeric_limits<double>::infinity());
  Value rows = b.size(op.getInput(), 0), parts = b.index(int64_t(op.getParts()));
  auto type = RankedTensorType::get({op.getType().getDimSize(0), width}, b.builder.getF32Type());
  Value result = b.mapRows({type.getDimSize(0), width}, rows, [&](ValueRange indices) {
    Value head = b.divide(indices[1], valueWidth);
    Values sums = b.loop(zero, parts, ValueRange{low, b.real(0.0), b.real(0.0)}, [&](Value part, ValueRange carried) {
      Value first = b.multiply(part, width + 2 * heads);
      auto read = [&](Value column) { return b.at(op.getInput(), {indices[0], b.add(first, column)}); };
      Value largest = read(b.add(head, width)), total = read(b.add(head, width + heads));
      Value next = b.larger(carried[0], largest);
      Value before = b.exp(b.subtract(carried[0], next)), factor = b.exp(b.subtract(largest, next));
      auto add = [&](Value sum, Value number) { return b.fma(number, factor, b.multiply(sum, before)); };
      // 0 of parts without keys; NaN is none.
      Value none = b.isEqual(total, b.real(0.0));
      return Values{b.select(none, carried[0], next), b.select(none, carried[1], add(carried[1], total)),
                    b.select(none, carried[2], add(carried[2], read(indices[1])))};
    });
    return b.divide(sums[2], sums[1]);
  });
  return SmallVector<Value>{result};
}

/// All heads read the latents, as keys and, but for the rotated part, as values.
static Decomposed decompose(MlaLatentAttentionOp op, StructuredBuilder &b) {
  CacheRows latents(b, op.getCache(), kLatentStore, op.getLayer());
  if (!latents) {
    return failure();
  }
  int64_t heads = op.getNumHeads();
  double scale = op.getSoftmaxScale().convertToDouble();
  CachedAttention attention = {op.getQuery(), op.getPositions(), op.getType(),      scale,        heads, heads, latents,
                               latents,       op.getLatentDim(), op.getSelection(), op.getParts()};
  return SmallVector<Value>{AttentionBuilder(attention, b).build()};
}

static Decomposed decompose(GqaAttentionOp op, StructuredBuilder &b) {
  CacheRows keys(b, op.getCache(), kKeyStore, op.getLayer()), values(b, op.getCache(), kValueStore, op.getLayer());
  if (!keys) {
    return failure();
  }
  int64_t heads = op.getNumHeads(), group = heads / int64_t(op.getNumKvHeads()), headDim = op.getHeadDim();
  double scale = op.getSoftmaxScale().convertToDouble();
  CachedAttention attention = {op.getQuery(), op.getPositions(),     op.getType(), scale, heads, group, keys, values,
                               headDim,       /*selection=*/Value(), op.getParts()};
  return SmallVector<Value>{AttentionBuilder(attention, b).build()};
}

void populateCachedAttentionDecompositions(RewritePatternSet &patterns) {
  addDecompositions<MlaLatentAttentionOp, GqaAttentionOp, AttentionCombineOp>(patterns);
}

} // namespace fathom
