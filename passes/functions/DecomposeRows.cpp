// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that choose, turn and write whole rows: of sequences, and of caches.

#include "passes/functions/NodeBuilder.h"

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

/// The places below `extent` that a list of bools chooses, as i64 with room for one more, and how many there are.
static Values listChosen(NodeBuilder &b, Value chosen, Value extent) {
  Value length = b.smaller(b.size(chosen, 0), extent), none = b.index(0);
  Value count = b.loop(none, length, none,
                       [&](Value i, Value all) { return b.add(all, b.select(b.at(chosen, {i}), b.index(1), none)); });
  Type i64 = b.builder.getI64Type();
  Value places = b.makeEmpty(i64, {b.add(count, 1)});
  // What is not chosen goes behind the others.
  Values done = b.loop(none, length, {places, none}, [&](Value i, ValueRange carried) {
    Value is = b.at(chosen, {i}), to = b.select(is, carried[1], count);
    Value place = b.create<arith::IndexCastOp>(i64, i);
    return Values{b.put(place, carried[0], {to}), b.select(is, b.add(carried[1], 1), carried[1])};
  });
  return {done[0], count};
}

static bool compress(NodeBuilder &b) {
  bool isFlat = !b.op().getNodeAttr("axis");
  Value from = isFlat ? b.reshape(b.in(0), {b.product(b.sizesOf(b.in(0)))}) : b.in(0);
  std::optional<int64_t> axis = b.axis(b.integer("axis", 0), NodeBuilder::rankOf(from));
  if (!axis || b.rank(1) != 1 || !b.elementOf(1).isInteger(1)) {
    return b.fail("a condition that is not a list of bools");
  }
  Values chosen = listChosen(b, b.in(1), b.size(from, *axis)), sizes = b.sizesOf(from);
  sizes[*axis] = chosen[1];
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    Values place(i);
    place[*axis] = b.toIndex(b.at(chosen[0], {i[*axis]}));
    return b.at(from, place);
  });
}

/// The first elements of each sequence of a batch, the last first.
static bool reverseSequence(NodeBuilder &b) {
  int64_t time = b.integer("time_axis", 0), batch = b.integer("batch_axis", 1), rank = b.rank(0);
  if (time < 0 || batch < 0 || time >= rank || batch >= rank || b.rank(1) != 1 || b.isReal(1)) {
    return b.fail("lengths that do not fit its sequences");
  }
  b.checkEqual(b.size(b.in(1), 0), b.size(b.in(0), batch), "has lengths that do not fit its sequences");
  return b.giveMade(b.elementOf(0), b.sizesOf(b.in(0)), [&](ValueRange i) {
    Value length = b.smaller(b.toIndex(b.at(b.in(1), {i[batch]})), b.size(b.in(0), time));
    Value turned = b.subtract(b.subtract(length, b.index(1)), i[time]);
    Values place(i);
    place[time] = b.select(b.less(i[time], length), turned, i[time]);
    return b.at(b.in(0), place);
  });
}

/// Writes new rows into a cache, for each of a batch from an index on; they begin anew at the end if they are circular.
static bool tensorScatter(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", -2), b.rank(0));
  if (!axis || *axis == 0 || b.rank(1) != b.rank(0) || (b.has(2) && (b.rank(2) != 1 || b.isReal(2)))) {
    return b.fail("rows that do not fit its cache");
  }
  Values sizes = b.sizesOf(b.in(0)), rows = b.sizesOf(b.in(1));
  for (auto [i, size] : llvm::enumerate(rows)) {
    static_cast<int64_t>(i) == *axis ? void() : b.checkEqual(size, sizes[i], "has rows that do not fit its cache");
  }
  b.has(2) ? b.checkEqual(b.size(b.in(2), 0), sizes[0], "has rows that do not fit its cache") : void();
  bool isCircular = b.string("mode", "linear") == "circular";
  Value extent = sizes[*axis], count = rows[*axis], none = b.index(0);
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    Value from = b.has(2) ? b.larger(b.toIndex(b.at(b.in(2), {i[0]})), none) : none;
    Value room = isCircular ? extent : b.subtract(extent, from);
    b.check(b.isNot(b.less(room, count)), "writes beyond its cache");
    Value behind = isCircular ? b.remainder(b.subtract(b.add(i[*axis], extent), b.remainder(from, extent)), extent)
                              : b.subtract(i[*axis], from);
    Value isNew = b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, behind, count);
    Values place(i);
    place[*axis] = behind;
    return b.choose(isNew, [&] { return b.at(b.in(1), place); }, [&] { return b.at(b.in(0), i); });
  });
}

ArrayRef<DecomposeRow> decomposeRowRows() {
  static const DecomposeRow rows[] = {
      {"", "Compress", compress, 2},
      {"", "ReverseSequence", reverseSequence, 2},
      {"", "TensorScatter", tensorScatter, 2},
  };
  return rows;
}

} // namespace fathom
