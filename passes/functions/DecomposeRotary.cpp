// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding, of both domains.

#include "passes/functions/Heads.h"

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

namespace {
/// Where a node has what, and whose positions may be an offset.
struct RotaryInputs {
  size_t cosine, sine, positions;
};
} // namespace

/// The heads of input 0; where the node does not say how many there are, it follows from the tables.
static Value readRotated(NodeBuilder &b, const RotaryInputs &inputs) {
  int64_t heads = b.integer("num_heads", 0);
  Value in = readFloats(b, 0);
  if (!in || heads > 0 || b.rank(0) != 3) {
    return in ? intoHeads(b, in, b.index(std::max<int64_t>(heads, 1))) : in;
  }
  Value width = b.multiply(b.size(b.in(inputs.cosine), b.rank(inputs.cosine) - 1), 2);
  return intoHeads(b, in, b.divide(b.size(in, 2), b.larger(width, b.index(1))));
}

/// Tables are [positions, pairs] that positions choose from, or [batch, positions, pairs] as they are: ends a call
/// where they have less than the heads need.
static bool checkTables(NodeBuilder &b, const RotaryInputs &inputs, Value heads, Value pairs) {
  bool chosen = b.has(inputs.positions);
  int64_t rank = chosen ? 2 : 3;
  if (b.rank(inputs.cosine) != rank || b.rank(inputs.sine) != rank ||
      (chosen && (b.isReal(inputs.positions) || b.rank(inputs.positions) > 2))) {
    return b.fail("cosines, sines and positions that do not fit");
  }
  Values cosine = b.sizesOf(b.in(inputs.cosine)), sine = b.sizesOf(b.in(inputs.sine));
  for (auto [one, other] : llvm::zip_equal(cosine, sine)) {
    b.checkEqual(one, other, "has cosines and sines that do not fit");
  }
  b.check(b.isNot(b.less(cosine.back(), pairs)), "has cosines and sines that do not fit");
  for (int64_t axis = 0; axis < 2 && !chosen; ++axis) {
    b.checkEqual(cosine[axis], b.size(heads, 2 * axis), "has cosines and sines that do not fit");
  }
  return true;
}

/// The row of tables that a token has: that of its position, or of the first token's with as many behind it.
static Value rowOf(NodeBuilder &b, Value positions, Value isOffset, Value table, Value token, Value place) {
  Value first = b.toIndex(b.at(positions, {b.select(isOffset, b.index(0), place)}));
  Value rows = b.size(table, 0), row = b.add(first, b.select(isOffset, token, b.index(0)));
  // Both are compared: a sum of any number may be one that a table has.
  auto isInside = [&](Value number) { return b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, number, rows); };
  b.check(b.both(isInside(first), isInside(row)), "has positions beyond its cosines and sines");
  return row;
}

static bool rotateBy(NodeBuilder &b, const RotaryInputs &inputs) {
  Value heads = readRotated(b, inputs), cosine = readFloats(b, inputs.cosine), sine = readFloats(b, inputs.sine);
  if (!heads || !cosine || !sine) {
    return false;
  }
  int64_t given = b.integer("rotary_embedding_dim", 0);
  Value width = b.size(heads, 3), count = given > 0 ? b.index(given) : width, length = b.size(heads, 2);
  b.check(b.isNot(b.less(width, count)), "rotates more than heads have");
  if (!checkTables(b, inputs, heads, b.divide(count, 2))) {
    return false;
  }
  bool chosen = b.has(inputs.positions);
  Value all = chosen ? b.product(b.sizesOf(b.in(inputs.positions))) : Value();
  Value positions = chosen ? b.reshape(b.in(inputs.positions), {all}) : Value();
  Value isOffset = chosen ? b.isSame(all, b.index(1)) : Value();
  chosen ? b.check(b.either(isOffset, b.isSame(all, b.multiply(b.size(heads, 0), length))),
                   "has positions that do not fit")
         : void();
  Value out = rotateHeads(b, heads, count, b.integer("interleaved", 0) != 0, [&](Value batch, Value i, Value pair) {
    Value place = chosen ? b.add(b.multiply(batch, length), i) : Value();
    Values at = chosen ? Values{rowOf(b, positions, isOffset, cosine, i, place), pair} : Values{batch, i, pair};
    return Rotation{b.at(cosine, at), b.at(sine, at)};
  });
  return giveHeads(b, out);
}

static bool rotary(NodeBuilder &b) { return rotateBy(b, {1, 2, 3}); }
static bool rotaryMicrosoft(NodeBuilder &b) { return rotateBy(b, {2, 3, 1}); }

ArrayRef<DecomposeRow> decomposeRotaryRows() {
  static const DecomposeRow rows[] = {
      {"", "RotaryEmbedding", rotary, 3},
      {"com.microsoft", "RotaryEmbedding", rotaryMicrosoft, 4},
  };
  return rows;
}

} // namespace fathom
