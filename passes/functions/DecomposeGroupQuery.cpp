// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// onnxruntime's attention with a cache and rotary embedding of its own.

#include "passes/functions/Heads.h"

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

namespace {
/// What GroupQueryAttention works on, and how many positions each of the batch had before, [batch].
struct GroupedHeads {
  Value query, key, value, past;
};
} // namespace

static Value takeHeads(NodeBuilder &b, Value heads, int64_t first, int64_t count) {
  Values sizes = b.sizesOf(heads);
  sizes[1] = b.index(count);
  return b.make(b.builder.getF32Type(), sizes,
                [&](ValueRange i) { return b.at(heads, {i[0], b.add(i[1], first), i[2], i[3]}); });
}

/// The heads of input 0, of which those of keys and values may be the last. Nothing after `fail`.
static std::optional<GroupedHeads> readGrouped(NodeBuilder &b) {
  int64_t heads = b.integer("num_heads", 0), keyHeads = b.integer("kv_num_heads", 0), most = int64_t(1) << 20;
  bool packed = !b.has(1);
  if (heads < 1 || keyHeads < 1 || heads > most || keyHeads > most || b.rank(0) != 3 || (!packed && !b.has(2))) {
    b.fail("queries without num_heads and kv_num_heads");
    return std::nullopt;
  }
  Value all = readHeads(b, 0, packed ? heads + 2 * keyHeads : heads);
  if (all && packed) {
    return GroupedHeads{takeHeads(b, all, 0, heads),
                        takeHeads(b, all, heads, keyHeads),
                        takeHeads(b, all, heads + keyHeads, keyHeads),
                        {}};
  }
  Value key = all ? readHeads(b, 1, keyHeads) : Value(), value = key ? readHeads(b, 2, keyHeads) : Value();
  if (!value) {
    return std::nullopt;
  }
  for (Value other : {key, value}) {
    for (int64_t axis : {0, 2, 3}) {
      b.checkEqual(b.size(other, axis), b.size(all, axis), "has keys or values that do not fit its queries");
    }
  }
  return GroupedHeads{all, key, value, {}};
}

/// Scales each head to a common size, as RMSNormalization does, where the node has input `scale`. Null after `fail`.
static Value normalizeHeads(NodeBuilder &b, Value heads, size_t scale) {
  if (!b.has(scale)) {
    return heads;
  }
  Value factor = readFloats(b, scale);
  if (!factor || b.rank(scale) != 1) {
    b.fail("norms of another width");
    return {};
  }
  Values sizes = b.sizesOf(heads);
  b.checkEqual(b.size(factor, 0), sizes[3], "has norms of another width");
  Type f32 = b.builder.getF32Type(), f64 = b.builder.getF64Type(), i64 = b.builder.getI64Type();
  Value width = b.convert(b.create<arith::IndexCastOp>(i64, sizes[3]), i64, f64);
  Value inverse = b.make(f32, {sizes[0], sizes[1], sizes[2]}, [&](ValueRange i) {
    Value sum = b.loop(b.index(0), sizes[3], b.zero(f64), [&](Value j, Value all) {
      Value number = b.convert(b.at(heads, {i[0], i[1], i[2], j}), f32, f64);
      return b.add(all, b.multiply(number, number));
    });
    Value mean = b.convert(b.divide(sum, width), f64, f32);
    return b.reciprocalRoot(b.add(mean, b.real(b.number("qk_norm_epsilon", 1e-6))));
  });
  return b.make(f32, sizes, [&](ValueRange i) {
    return b.multiply(b.multiply(b.at(heads, i), b.at(inverse, i.drop_back())), b.at(factor, {i[3]}));
  });
}

/// How many positions each of the batch has before this call; a first call has none, and padding at its end. Null after
/// `fail`.
static Value countGroupPast(NodeBuilder &b, const GroupedHeads &heads) {
  Value batch = b.size(heads.query, 0), length = b.size(heads.query, 2), room = countPast(b, 3), none = b.index(0);
  if (!b.has(5) || b.isReal(5) || (b.has(6) && b.isReal(6)) || b.has(3) != b.has(4)) {
    b.fail("lengths of sequences that are left out");
    return {};
  }
  checkCount(b, 5, batch, "has lengths for another batch");
  b.has(6) ? checkCount(b, 6, b.index(1), "has more than one length of all") : void();
  Value last = b.reshape(b.in(5), {batch});
  Value total = b.has(6) ? b.toIndex(b.at(b.in(6), Values(b.rank(6), none))) : Value();
  // Input 6 is left out by some; then a first call is one without a past.
  Value isFirst = total ? b.isEqual(total, length) : b.isEqual(room, none);
  return b.make(b.builder.getI64Type(), {batch}, [&](ValueRange i) {
    Value past = b.subtract(b.add(b.toIndex(b.at(last, i)), 1), length);
    past = b.select(isFirst, none, past);
    Value isBeyond = b.create<arith::CmpIOp>(arith::CmpIPredicate::ugt, past, room);
    b.check(b.isNot(isBeyond), "has lengths that its past does not have");
    return b.create<arith::IndexCastOp>(b.builder.getI64Type(), past);
  });
}

static Value pastOf(NodeBuilder &b, const GroupedHeads &heads, Value batch) {
  return b.toIndex(b.at(heads.past, {batch}));
}

/// By the position of each token, which counts those before it, or is input 9.
static bool rotateGrouped(NodeBuilder &b, GroupedHeads &heads) {
  if (b.integer("do_rotary", 0) == 0) {
    return true;
  }
  Value cosine = readFloats(b, 7), sine = readFloats(b, 8), length = b.size(heads.query, 2);
  if (!cosine || !sine || b.rank(7) != 2 || b.rank(8) != 2 || (b.has(9) && b.isReal(9))) {
    return b.fail("cosines and sines that do not fit");
  }
  Value pairs = b.size(cosine, 1), count = b.multiply(pairs, 2), all = b.multiply(b.size(heads.query, 0), length);
  b.check(b.isNot(b.less(b.size(heads.query, 3), count)), "has cosines and sines that do not fit");
  for (int64_t axis : {0, 1}) {
    b.checkEqual(b.size(cosine, axis), b.size(sine, axis), "has cosines and sines that do not fit");
  }
  b.has(9) ? checkCount(b, 9, all, "has positions that do not fit") : void();
  Value places = b.has(9) ? b.reshape(b.in(9), {all}) : Value();
  auto at = [&](Value batch, Value token, Value pair) {
    Value row = places ? b.toIndex(b.at(places, {b.add(b.multiply(batch, length), token)}))
                       : b.add(pastOf(b, heads, batch), token);
    Value isInside = b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, row, b.size(cosine, 0));
    b.check(isInside, "has positions beyond its cosines and sines");
    return Rotation{b.at(cosine, {row, pair}), b.at(sine, {row, pair})};
  };
  bool interleaved = b.integer("rotary_interleaved", 0) != 0;
  heads.query = rotateHeads(b, heads.query, count, interleaved, at);
  heads.key = rotateHeads(b, heads.key, count, interleaved, at);
  return true;
}

/// Keys or values of the past with those of now behind what each of the batch has. Null after `fail`.
static Value writeHeads(NodeBuilder &b, size_t past, const GroupedHeads &heads, Value now) {
  Value all = appendHeads(b, past, now), length = b.size(now, 2);
  return all ? b.make(b.builder.getF32Type(), b.sizesOf(all),
                      [&](ValueRange i) {
                        Value at = b.subtract(i[2], pastOf(b, heads, i[0]));
                        Value isNow = b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, at, length);
                        return b.choose(
                            isNow, [&] { return b.at(now, {i[0], i[1], at, i[3]}); }, [&] { return b.at(all, i); });
                      })
             : all;
}

/// What is added to scores: a mask, and that queries see what is not behind them, in a window. Nothing after `fail`.
static std::optional<Mask> maskGrouped(NodeBuilder &b, const GroupedHeads &heads, Value keys) {
  Values query = b.sizesOf(heads.query);
  std::optional<Mask> mask = readMask(b, 10, {query[0], query[1], query[2], keys});
  int64_t window = b.integer("local_window_size", -1);
  return mask ? std::optional<Mask>([=, &b](ValueRange i) {
    Value position = b.add(pastOf(b, heads, i[0]), i[2]), seen = b.isNot(b.less(position, i[3]));
    seen = window > 0 ? b.both(seen, b.less(position, b.add(i[3], window))) : seen;
    return hideUnless(b, seen, (*mask)(i));
  })
              : std::nullopt;
}

// Query, key, value, past key and value, last positions, all positions, cosines and sines, positions, a mask, a score
// for each head that has no value, scales of packed caches, norms of queries and keys.
static bool groupQueryAttention(NodeBuilder &b) {
  std::optional<GroupedHeads> heads = readGrouped(b);
  if (!heads || b.has(12) || b.has(13)) {
    return b.fail("a cache of few bits");
  }
  heads->query = normalizeHeads(b, heads->query, 14);
  heads->key = heads->query ? normalizeHeads(b, heads->key, 15) : Value();
  heads->past = heads->key ? countGroupPast(b, *heads) : Value();
  if (!heads->past || !rotateGrouped(b, *heads)) {
    return false;
  }
  Value key = writeHeads(b, 3, *heads, heads->key), value = key ? writeHeads(b, 4, *heads, heads->value) : Value();
  std::optional<Mask> mask = value ? maskGrouped(b, *heads, b.size(key, 2)) : std::nullopt;
  Value sinks = b.has(11) ? readFloats(b, 11) : Value();
  if (!mask || (b.has(11) && (!sinks || b.rank(11) != 1))) {
    return b.fail("scores without values for other heads");
  }
  sinks ? checkCount(b, 11, b.size(heads->query, 1), "has scores without values for other heads") : void();
  AttentionTerms terms = {heads->query, key, value, b.number("scale", 0), b.number("softcap", 0), *mask};
  if (sinks || b.integer("smooth_softmax", 0) > 0) {
    terms.sink = [&](Value head) { return sinks ? b.at(sinks, {head}) : b.real(0); };
  }
  std::optional<Attention> steps = attend(b, terms);
  return steps && giveHeads(b, steps->result) && giveCache(b, key) && giveCache(b, value);
}

ArrayRef<DecomposeRow> decomposeGroupQueryRows() {
  static const DecomposeRow rows[] = {{"com.microsoft", "GroupQueryAttention", groupQueryAttention}};
  return rows;
}

} // namespace fathom
