// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that change shapes, and leave the elements as they are.

#include "passes/functions/AlongAxis.h"

#include "llvm/ADT/Sequence.h"

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

/// Ends a call where a size is below 0, or all of them come to more than memory has: their product, which is compared
/// with the number of elements there are, could be such a number by chance.
static void checkSizes(NodeBuilder &b, ValueRange sizes) {
  auto isAtMost = [&](Value x, Value y) {
    return b.builder.createOrFold<arith::CmpIOp>(b.loc, arith::CmpIPredicate::ule, x, y);
  };
  Value most = b.index(int64_t(1) << 46), product = b.index(1);
  for (Value size : sizes) {
    b.check(isAtMost(size, most), "the shape has a size that is negative or too large");
    Value divisor = b.builder.createOrFold<arith::MaxUIOp>(b.loc, size, b.index(1));
    b.check(isAtMost(product, b.divide(most, divisor)), "the shape is too large");
    product = b.multiply(product, divisor);
  }
}

/// The sizes that a list of Reshape says: 0 is that of the data, and -1 what is left.
static bool reshape(NodeBuilder &b) {
  std::optional<Values> sizes = b.indicesOf(b.in(1));
  if (!sizes) {
    return false;
  }
  Value all = b.product(b.sizesOf(b.in(0))), others = b.index(1), none = b.index(0), minusOne = b.index(-1);
  for (auto [axis, size] : llvm::enumerate(*sizes)) {
    bool copies = b.integer("allowzero", 0) == 0 && static_cast<int64_t>(axis) < b.rank(0);
    Value own = copies ? b.size(b.in(0), static_cast<int64_t>(axis)) : none;
    size = copies ? b.builder.createOrFold<arith::SelectOp>(b.loc, b.isSame(size, none), own, size) : size;
    Value isOpen = b.isSame(size, minusOne);
    others = b.multiply(others, b.builder.createOrFold<arith::SelectOp>(b.loc, isOpen, b.index(1), size));
  }
  Value isNone = b.isSame(others, none);
  Value divisor = b.builder.createOrFold<arith::SelectOp>(b.loc, isNone, b.index(1), others);
  Value left = b.builder.createOrFold<arith::SelectOp>(b.loc, isNone, none, b.divide(all, divisor));
  for (Value &size : *sizes) {
    size = b.builder.createOrFold<arith::SelectOp>(b.loc, b.isSame(size, minusOne), left, size);
  }
  checkSizes(b, *sizes);
  return b.give(b.reshape(b.in(0), *sizes));
}

static bool flatten(NodeBuilder &b) {
  int64_t rank = b.rank(0), given = b.integer("axis", 1);
  std::optional<int64_t> axis = given == rank ? rank : b.axis(given, rank);
  Values sizes = b.sizesOf(b.in(0));
  ArrayRef<Value> all = sizes;
  return axis && b.give(b.reshape(b.in(0), {b.product(all.take_front(*axis)), b.product(all.drop_front(*axis))}));
}

/// Axes counted from the front, ascending; nothing after `fail`.
static std::optional<NodeBuilder::Integers> normalize(NodeBuilder &b, ArrayRef<int64_t> given, int64_t rank) {
  NodeBuilder::Integers axes;
  for (int64_t axis : given) {
    std::optional<int64_t> counted = b.axis(axis, rank);
    if (!counted) {
      return std::nullopt;
    }
    axes.push_back(*counted);
  }
  llvm::sort(axes);
  return axes;
}

static bool unsqueeze(NodeBuilder &b) {
  std::optional<Values> axes = b.list("axes", 1);
  if (!axes) {
    return b.fail("axes that are left out");
  }
  // Where axes are computed, each size is that of the axis so many further in front as there were new ones.
  int64_t rank = b.rank(0) + static_cast<int64_t>(axes->size());
  Values sizes, own = b.sizesOf(b.in(0));
  Value next = b.index(0), one = b.index(1);
  auto select = [&](Value is, Value yes, Value no) {
    return b.builder.createOrFold<arith::SelectOp>(b.loc, is, yes, no);
  };
  for (Value isNew : b.areAmong(*axes, rank)) {
    Value size = one;
    for (auto [axis, each] : llvm::enumerate(own)) {
      size = select(b.isSame(next, b.index(static_cast<int64_t>(axis))), each, size);
    }
    sizes.push_back(select(isNew, one, size));
    next = select(isNew, next, b.add(next, one));
  }
  return b.give(b.reshape(b.in(0), sizes));
}

static bool squeeze(NodeBuilder &b) {
  std::optional<NodeBuilder::Integers> given = b.knownList("axes", 1);
  if (!b.getFault().empty()) {
    return false;
  }
  auto axes = normalize(b, given.value_or(NodeBuilder::Integers()), b.rank(0));
  auto shape = cast<RankedTensorType>(b.in(0).getType()).getShape();
  Values sizes;
  for (auto [axis, size] : llvm::enumerate(b.sizesOf(b.in(0)))) {
    bool drop = given ? axes && llvm::is_contained(*axes, static_cast<int64_t>(axis)) : shape[axis] == 1;
    drop ? void() : sizes.push_back(size);
  }
  return axes && b.give(b.reshape(b.in(0), sizes));
}

static bool transpose(NodeBuilder &b) {
  int64_t rank = b.rank(0);
  NodeBuilder::Integers order = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  order = b.attribute("perm").value_or(order);
  Values sizes;
  for (int64_t &axis : order) {
    axis = axis < 0 ? axis + rank : axis;
    sizes.push_back(b.size(b.in(0), axis));
  }
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    Values place(rank);
    for (auto [axis, at] : llvm::zip_equal(order, i)) {
      place[axis] = at;
    }
    return b.at(b.in(0), place);
  });
}

static SmallVector<OpFoldResult> asFold(ValueRange values) { return getAsOpFoldResult(Values(values)); }

Value joinAlong(NodeBuilder &b, ValueRange parts, int64_t axis) {
  Values sizes = b.sizesOf(parts.front());
  for (Value part : parts.drop_front()) {
    for (auto [i, size] : llvm::enumerate(b.sizesOf(part))) {
      bool joins = static_cast<int64_t>(i) == axis;
      joins ? void(sizes[i] = b.add(sizes[i], size)) : b.checkEqual(size, sizes[i], "joins tensors of unlike shapes");
    }
  }
  Value all = b.makeEmpty(getElementTypeOrSelf(parts.front().getType()), sizes);
  Values begin(sizes.size(), b.index(0)), ones(sizes.size(), b.index(1));
  for (Value part : parts) {
    Values own = b.sizesOf(part);
    // Types of slices follow from their sizes.
    SmallVector<OpFoldResult> offsets = asFold(begin), extents = asFold(own), strides = asFold(ones);
    auto type = tensor::ExtractSliceOp::inferResultType(cast<RankedTensorType>(all.getType()), extents);
    part = type == part.getType() ? part : Value(b.create<tensor::CastOp>(type, part));
    all = b.create<tensor::InsertSliceOp>(part, all, offsets, extents, strides);
    begin[axis] = b.add(begin[axis], own[axis]);
  }
  return all;
}

static bool concat(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", 0), b.rank(0));
  return axis && b.give(joinAlong(b, b.all(), *axis));
}

static bool tile(NodeBuilder &b) {
  std::optional<Values> times = b.indicesOf(b.in(1));
  if (!times || static_cast<int64_t>(times->size()) != b.rank(0)) {
    return b.fail("repeats of another number of axes");
  }
  Values own = b.sizesOf(b.in(0)), sizes;
  for (auto [size, count] : llvm::zip_equal(own, *times)) {
    b.check(b.isNot(b.less(count, b.index(0))), "the shape has a negative size");
    sizes.push_back(b.multiply(size, count));
  }
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    Values place;
    for (auto [at, size] : llvm::zip_equal(i, own)) {
      place.push_back(b.remainder(at, size));
    }
    return b.at(b.in(0), place);
  });
}

/// Where beyond an axis of `extent` elements one is taken from, by the mode of Pad.
static Value padded(NodeBuilder &b, Value at, Value extent, StringRef mode) {
  Value none = b.index(0), last = b.subtract(extent, b.index(1));
  if (mode == "edge") {
    return b.smaller(b.larger(at, none), last);
  }
  auto wrap = [&](Value period) {
    Value left = b.create<arith::RemSIOp>(at, b.larger(period, b.index(1)));
    return b.select(b.less(left, none), b.add(left, period), left);
  };
  if (mode == "wrap") {
    return wrap(extent);
  }
  Value period = b.larger(b.multiply(last, 2), b.index(1)), folded = wrap(period);
  return b.select(b.less(folded, extent), folded, b.subtract(period, folded));
}

/// How many elements are added before each axis, and the sizes that come of it.
struct Pads {
  Values before, sizes;
};

static std::optional<Pads> padsOf(NodeBuilder &b) {
  int64_t rank = b.rank(0);
  std::optional<Values> given = b.list("pads", 1);
  std::optional<NodeBuilder::Integers> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  axes = b.has(3) ? b.knownList("axes", 3) : axes;
  if (!given || !axes || given->size() != 2 * axes->size()) {
    b.fail("pads of other axes than it names");
    return std::nullopt;
  }
  Pads pads = {Values(rank, b.index(0)), b.sizesOf(b.in(0))};
  for (auto [i, named] : llvm::enumerate(*axes)) {
    std::optional<int64_t> axis = b.axis(named, rank);
    if (!axis) {
      return std::nullopt;
    }
    pads.before[*axis] = (*given)[i];
    Value behind = (*given)[i + axes->size()];
    pads.sizes[*axis] = b.larger(b.add(pads.sizes[*axis], b.add((*given)[i], behind)), b.index(0));
  }
  return pads;
}

/// A constant where it is beyond an axis of the data.
static Value padConstant(NodeBuilder &b, ValueRange place, ValueRange own) {
  Value inside = b.constant(b.builder.getI1Type(), 1), none = b.index(0);
  Values safe;
  for (auto [at, size] : llvm::zip_equal(place, own)) {
    Value fits = b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, at, size);
    inside = b.both(inside, fits);
    safe.push_back(at);
  }
  Value constant = b.has(2) ? b.at(b.in(2), Values(b.rank(2), none)) : b.zero(b.computed(b.elementOf(0)));
  return b.choose(inside, [&] { return b.at(b.in(0), safe); }, [&] { return constant; });
}

static bool pad(NodeBuilder &b) {
  std::optional<Pads> pads = padsOf(b);
  if (!pads) {
    return false;
  }
  if (b.has(2)) {
    b.checkEqual(b.product(b.sizesOf(b.in(2))), b.index(1), "pads with what is not one number");
  }
  StringRef mode = b.string("mode", "constant");
  Values own = b.sizesOf(b.in(0));
  if (mode != "constant") {
    b.check(b.isNot(b.isSame(b.product(own), b.index(0))), "pads nothing by its own elements");
  }
  return b.giveMade(b.elementOf(0), pads->sizes, [&](ValueRange i) {
    Values place;
    for (auto [at, before, size] : llvm::zip_equal(i, pads->before, own)) {
      Value from = b.subtract(at, before);
      place.push_back(mode == "constant" ? from : padded(b, from, size, mode));
    }
    return mode == "constant" ? padConstant(b, place, own) : b.at(b.in(0), place);
  });
}

/// The sizes of parts along an axis: as said, or as even as they may be.
static std::optional<Values> partsOf(NodeBuilder &b, Value whole) {
  auto count = static_cast<int64_t>(b.op()->getNumResults());
  if (b.attribute("split") || b.has(1)) {
    return b.list("split", 1);
  }
  Value part = b.divide(b.add(whole, count - 1), count);
  Values parts(count, part);
  parts.back() = b.subtract(whole, b.multiply(part, count - 1));
  return parts;
}

static bool split(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", 0), b.rank(0));
  std::optional<Values> parts = axis ? partsOf(b, b.size(b.in(0), *axis)) : std::nullopt;
  if (!parts || parts->size() != b.op()->getNumResults()) {
    return b.fail("other parts than outputs");
  }
  return splitAlong(b, *parts, *axis);
}

bool splitAlong(NodeBuilder &b, ValueRange parts, int64_t axis) {
  Values sizes = b.sizesOf(b.in(0));
  Value begin = b.index(0), whole = sizes[axis], sum = b.index(0);
  for (Value part : parts) {
    b.check(b.builder.createOrFold<arith::CmpIOp>(b.loc, arith::CmpIPredicate::ule, part, whole),
            "splits into parts that are negative or too large");
    sum = b.add(sum, part);
  }
  b.checkEqual(sum, whole, "splits into parts of another sum");
  for (Value part : parts) {
    sizes[axis] = part;
    b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
      Values place(i);
      place[axis] = b.add(place[axis], begin);
      return b.at(b.in(0), place);
    });
    begin = b.add(begin, part);
  }
  return true;
}

/// The upper or lower part of matrices, from diagonal k on.
static bool trilu(NodeBuilder &b) {
  bool upper = b.integer("upper", 1) != 0;
  std::optional<Values> diagonal = b.has(1) ? b.indicesOf(b.in(1)) : Values{b.index(0)};
  if (b.rank(0) < 2 || !diagonal || diagonal->size() != 1) {
    return b.fail("a diagonal that is not a number");
  }
  return b.giveMade(b.elementOf(0), b.sizesOf(b.in(0)), [&](ValueRange i) {
    Value row = i[i.size() - 2], over = b.subtract(i.back(), b.add(row, diagonal->front()));
    Value stays =
        b.create<arith::CmpIOp>(upper ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle, over, b.index(0));
    Value number = b.at(b.in(0), i);
    return b.select(stays, number, b.zero(number.getType()));
  });
}

ArrayRef<DecomposeRow> decomposeShapeRows() {
  static const DecomposeRow rows[] = {
      {"", "Concat", concat}, {"", "Flatten", flatten},     {"", "Pad", pad},      {"", "Reshape", reshape, 2},
      {"", "Split", split},   {"", "Squeeze", squeeze},     {"", "Tile", tile, 2}, {"", "Transpose", transpose},
      {"", "Trilu", trilu},   {"", "Unsqueeze", unsqueeze},
  };
  return rows;
}

} // namespace fathom
