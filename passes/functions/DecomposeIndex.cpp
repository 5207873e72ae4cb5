// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that choose and place elements: slices, gathers, scatters.

#include "passes/functions/NodeBuilder.h"

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

/// An element of a tensor of integers, as an index from the front of `extent`.
static Value indexAt(NodeBuilder &b, Value indices, ValueRange place, Value extent) {
  return b.checkedIndex(b.toIndex(b.at(indices, place)), extent);
}

static bool gather(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", 0), b.rank(0));
  if (!axis) {
    return false;
  }
  Values data = b.sizesOf(b.in(0)), sizes(ArrayRef<Value>(data).take_front(*axis));
  size_t count = static_cast<size_t>(b.rank(1));
  sizes.append(b.sizesOf(b.in(1)));
  sizes.append(data.begin() + *axis + 1, data.end());
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    Values place(i.take_front(*axis));
    place.push_back(indexAt(b, b.in(1), i.slice(*axis, count), data[*axis]));
    llvm::append_range(place, i.drop_front(*axis + count));
    return b.at(b.in(0), place);
  });
}

/// Ends a call where indices choose beside the data's other axes.
static void checkBeside(NodeBuilder &b, int64_t axis) {
  for (int64_t i = 0; i < b.rank(0); ++i) {
    if (i != axis) {
      Value over = b.less(b.size(b.in(0), i), b.size(b.in(1), i));
      b.check(b.isNot(over), "has indices that do not fit its data");
    }
  }
}

static std::optional<int64_t> axisOfIndices(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", 0), b.rank(0));
  if (axis && b.rank(0) != b.rank(1)) {
    b.fail("indices of another rank than the data's");
    return std::nullopt;
  }
  axis ? checkBeside(b, *axis) : void();
  return axis;
}

static bool gatherElements(NodeBuilder &b) {
  std::optional<int64_t> axis = axisOfIndices(b);
  return axis && b.giveMade(b.elementOf(0), b.sizesOf(b.in(1)), [&](ValueRange i) {
    Values place(i);
    place[*axis] = indexAt(b, b.in(1), i, b.size(b.in(0), *axis));
    return b.at(b.in(0), place);
  });
}

/// A tensor of its own with the elements of `tensor`.
static Value copy(NodeBuilder &b, Value tensor) {
  return b.make(getElementTypeOrSelf(tensor.getType()), b.sizesOf(tensor),
                [&](ValueRange i) { return b.at(tensor, i); });
}

/// What is there and what comes, by what `reduction` says.
static Value combine(NodeBuilder &b, Value there, Value comes, StringRef reduction) {
  bool natural = b.isNatural(0);
  if (reduction == "add" || reduction == "mul") {
    return reduction == "add" ? b.add(there, comes) : b.multiply(there, comes);
  }
  if (reduction == "max") {
    return b.select(b.less(there, comes, natural), comes, there);
  }
  return reduction == "min" ? b.select(b.less(comes, there, natural), comes, there) : comes;
}

static bool knowsReduction(NodeBuilder &b, StringRef reduction) {
  return llvm::is_contained({"none", "add", "mul", "max", "min"}, reduction) || b.fail("reduction '" + reduction + "'");
}

static bool scatterElements(NodeBuilder &b) {
  StringRef reduction = b.string("reduction", "none");
  std::optional<int64_t> axis = knowsReduction(b, reduction) ? axisOfIndices(b) : std::nullopt;
  if (!axis || b.rank(2) != b.rank(1)) {
    return b.fail("updates of another rank than the indices'");
  }
  for (int64_t i = 0; i < b.rank(1); ++i) {
    b.checkEqual(b.size(b.in(1), i), b.size(b.in(2), i), "has updates that do not fit its indices");
  }
  Value data = copy(b, b.in(0));
  return b.give(b.forEachPlace(b.sizesOf(b.in(1)), data, [&](ValueRange i, Value carried) {
    Values to(i);
    to[*axis] = indexAt(b, b.in(1), i, b.size(b.in(0), *axis));
    return b.put(combine(b, b.at(carried, to), b.at(b.in(2), i), reduction), carried, to);
  }));
}

/// How many axes of the data, behind `batch`, rows of indices choose along; nothing after `fail`.
static std::optional<int64_t> depthOf(NodeBuilder &b, int64_t batch) {
  auto type = cast<RankedTensorType>(b.in(1).getType());
  int64_t rank = type.getRank(), depth = rank > 0 ? type.getDimSize(rank - 1) : ShapedType::kDynamic;
  if (ShapedType::isDynamic(depth) || batch < 0 || batch >= rank || batch + depth > b.rank(0)) {
    b.fail("indices that do not fit its data");
    return std::nullopt;
  }
  for (int64_t i = 0; i < batch; ++i) {
    b.checkEqual(b.size(b.in(0), i), b.size(b.in(1), i), "has indices that do not fit its data");
  }
  return depth;
}

/// Where the row of indices at `row` leads to, behind the first `batch` axes.
static Values readRow(NodeBuilder &b, ValueRange row, int64_t batch, int64_t depth) {
  Values place(row.take_front(batch));
  for (int64_t i = 0; i < depth; ++i) {
    Values at(row);
    at.push_back(b.index(i));
    place.push_back(indexAt(b, b.in(1), at, b.size(b.in(0), batch + i)));
  }
  return place;
}

static bool gatherND(NodeBuilder &b) {
  int64_t batch = b.integer("batch_dims", 0), rows = b.rank(1) - 1;
  std::optional<int64_t> depth = depthOf(b, batch);
  if (!depth) {
    return false;
  }
  Values sizes = b.sizesOf(b.in(1)), data = b.sizesOf(b.in(0));
  sizes.pop_back();
  sizes.append(data.begin() + batch + *depth, data.end());
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    Values place = readRow(b, i.take_front(rows), batch, *depth);
    llvm::append_range(place, i.drop_front(rows));
    return b.at(b.in(0), place);
  });
}

static bool scatterND(NodeBuilder &b) {
  StringRef reduction = b.string("reduction", "none");
  std::optional<int64_t> depth = knowsReduction(b, reduction) ? depthOf(b, 0) : std::nullopt;
  int64_t rows = b.rank(1) - 1;
  if (!depth || b.rank(2) != rows + b.rank(0) - *depth) {
    return b.fail("updates that do not fit its indices");
  }
  Values sizes = b.sizesOf(b.in(1)), data = b.sizesOf(b.in(0));
  sizes.pop_back();
  sizes.append(data.begin() + *depth, data.end());
  for (auto [i, size] : llvm::enumerate(sizes)) {
    b.checkEqual(size, b.size(b.in(2), static_cast<int64_t>(i)), "has updates that do not fit its indices");
  }
  Value start = copy(b, b.in(0));
  return b.give(b.forEachPlace(sizes, start, [&](ValueRange i, Value carried) {
    Values to = readRow(b, i.take_front(rows), 0, *depth);
    llvm::append_range(to, i.drop_front(rows));
    return b.put(combine(b, b.at(carried, to), b.at(b.in(2), i), reduction), carried, to);
  }));
}

namespace {
/// What a slice leaves of an axis.
struct Cut {
  Value begin, step, count;
};
} // namespace

/// A bound within an axis: beyond its ends it is moved to them, which are one further in front where steps go back.
static Value clampBound(NodeBuilder &b, Value bound, Value extent, Value goesBack) {
  Value none = b.index(0), minusOne = b.index(-1);
  auto select = [&](Value condition, Value yes, Value no) {
    return b.builder.createOrFold<arith::SelectOp>(b.loc, condition, yes, no);
  };
  auto less = [&](Value x, Value y) {
    return b.builder.createOrFold<arith::CmpIOp>(b.loc, arith::CmpIPredicate::slt, x, y);
  };
  // What is further below 0 than the extent stays below when it is counted from the other end.
  Value lowest = b.subtract(minusOne, extent), safe = select(less(bound, lowest), lowest, bound);
  Value counted = select(less(safe, none), b.add(safe, extent), safe);
  Value least = select(goesBack, minusOne, none), most = select(goesBack, b.subtract(extent, b.index(1)), extent);
  counted = select(less(counted, least), least, counted);
  return select(less(most, counted), most, counted);
}

static Cut cut(NodeBuilder &b, Value begin, Value end, Value step, Value extent) {
  Value none = b.index(0), one = b.index(1);
  auto fold = [&](auto op, Value x, Value y) { return b.builder.createOrFold<arith::CmpIOp>(b.loc, op, x, y); };
  auto select = [&](Value condition, Value yes, Value no) {
    return b.builder.createOrFold<arith::SelectOp>(b.loc, condition, yes, no);
  };
  b.check(fold(arith::CmpIPredicate::ne, step, none), "has a step of 0");
  // Steps beyond the axis take its first element alone.
  Value longest = b.add(extent, one), shortest = b.subtract(none, longest);
  step = select(fold(arith::CmpIPredicate::sgt, step, longest), longest, step);
  step = select(fold(arith::CmpIPredicate::slt, step, shortest), shortest, step);
  Value goesBack = fold(arith::CmpIPredicate::slt, step, none);
  begin = clampBound(b, begin, extent, goesBack);
  end = clampBound(b, end, extent, goesBack);
  Value length = select(goesBack, b.subtract(begin, end), b.subtract(end, begin));
  Value stride = select(goesBack, b.subtract(none, step), step);
  Value safe = select(fold(arith::CmpIPredicate::eq, stride, none), one, stride);
  length = select(fold(arith::CmpIPredicate::slt, length, none), none, length);
  return {begin, step, b.divide(b.add(length, b.subtract(safe, one)), safe)};
}

/// What a slice leaves of each axis; nothing after `fail`.
static std::optional<SmallVector<Cut>> readCuts(NodeBuilder &b) {
  std::optional<Values> begins = b.list("starts", 1), ends = b.list("ends", 2);
  std::optional<Values> axes = b.list("axes", 3);
  std::optional<Values> steps = b.has(4) ? b.indicesOf(b.in(4)) : Values(begins ? begins->size() : 0, b.index(1));
  if (!begins || !ends || !steps || !b.getFault().empty() || begins->size() != ends->size() ||
      steps->size() != begins->size() || (axes && axes->size() != begins->size()) ||
      begins->size() > static_cast<size_t>(b.rank(0))) {
    b.fail("begins, ends, axes and steps that do not fit each other");
    return std::nullopt;
  }
  SmallVector<Cut> cuts;
  for (Value extent : b.sizesOf(b.in(0))) {
    cuts.push_back({b.index(0), b.index(1), extent});
  }
  auto select = [&](Value is, Value yes, Value no) {
    return b.builder.createOrFold<arith::SelectOp>(b.loc, is, yes, no);
  };
  for (size_t i = 0; i < begins->size(); ++i) {
    Values flags = b.areAmong(axes ? (*axes)[i] : b.index(static_cast<int64_t>(i)), b.rank(0));
    for (auto [axis, is] : llvm::enumerate(flags)) {
      if (getConstantIntValue(is) == 0) {
        continue;
      }
      Cut own = cut(b, (*begins)[i], (*ends)[i], (*steps)[i], b.size(b.in(0), static_cast<int64_t>(axis)));
      cuts[axis] = {select(is, own.begin, cuts[axis].begin), select(is, own.step, cuts[axis].step),
                    select(is, own.count, cuts[axis].count)};
    }
  }
  return cuts;
}

static bool slice(NodeBuilder &b) {
  std::optional<SmallVector<Cut>> cuts = readCuts(b);
  if (!cuts) {
    return false;
  }
  Values sizes = llvm::map_to_vector<6>(*cuts, [](const Cut &cut) { return cut.count; });
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    Values place;
    for (auto [at, cut] : llvm::zip_equal(i, *cuts)) {
      place.push_back(b.add(cut.begin, b.multiply(at, cut.step)));
    }
    return b.at(b.in(0), place);
  });
}

/// Whether a number is not zero.
static Value isNonZero(NodeBuilder &b, Value number) {
  return b.convert(number, b.elementOf(0), b.builder.getI1Type());
}

/// Counted first, and then placed.
static bool nonZero(NodeBuilder &b) {
  int64_t rank = b.rank(0);
  Values sizes = b.sizesOf(b.in(0));
  Type i64 = b.builder.getI64Type();
  // The count is carried as a tensor of one number, beside which loops over all axes need no other form.
  Value counter = b.make(b.builder.getIndexType(), {}, [&](ValueRange) { return b.index(0); });
  Value counted = b.forEachPlace(sizes, counter, [&](ValueRange i, Value carried) {
    Value next = b.add(b.at(carried, {}), b.toIndex(b.create<arith::ExtUIOp>(i64, isNonZero(b, b.at(b.in(0), i)))));
    return b.put(next, carried, {});
  });
  Value count = b.at(counted, {});
  // A column more than there is, into which what is zero goes.
  Value found = b.makeEmpty(i64, {b.index(rank), b.add(count, 1)}), all = b.product(sizes);
  Value line = b.reshape(b.in(0), {all});
  Values done = b.loop(b.index(0), all, {found, b.index(0)}, [&](Value i, ValueRange carried) {
    Value is = isNonZero(b, b.at(line, {i})), column = b.select(is, carried[1], count), left = i, to = carried[0];
    for (int64_t axis = rank - 1; axis >= 0; --axis) {
      Value at = b.create<arith::IndexCastOp>(i64, b.remainder(left, sizes[axis]));
      to = b.put(at, to, {b.index(axis), column});
      left = b.divide(left, sizes[axis]);
    }
    return Values{to, b.select(is, b.add(carried[1], 1), carried[1])};
  });
  return b.giveMade(i64, {b.index(rank), count}, [&](ValueRange i) { return b.at(done[0], i); });
}

static bool oneHot(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", -1), b.rank(0) + 1);
  if (!axis || b.rank(2) != 1) {
    return b.fail("values that are not off and on");
  }
  b.checkEqual(b.size(b.in(2), 0), b.index(2), "wants values for off and on");
  Type i64 = b.builder.getI64Type();
  auto toIndex = [&](Value number, size_t input) { return b.toIndex(b.convert(number, b.elementOf(input), i64)); };
  Value depth = toIndex(b.at(b.in(1), Values(b.rank(1), b.index(0))), 1);
  b.check(b.isNot(b.less(depth, b.index(0))), "the shape has a negative size");
  Values sizes = b.sizesOf(b.in(0));
  sizes.insert(sizes.begin() + *axis, depth);
  return b.giveMade(b.elementOf(2), sizes, [&](ValueRange i) {
    Values place(i);
    place.erase(place.begin() + *axis);
    Value given = toIndex(b.at(b.in(0), place), 0);
    Value counted = b.select(b.less(given, b.index(0)), b.add(given, depth), given);
    return b.select(b.isEqual(counted, i[*axis]), b.at(b.in(2), {b.index(1)}), b.at(b.in(2), {b.index(0)}));
  });
}

ArrayRef<DecomposeRow> decomposeIndexRows() {
  static const DecomposeRow rows[] = {
      {"", "Gather", gather, 2},
      {"", "GatherElements", gatherElements, 2},
      {"", "GatherND", gatherND, 2},
      {"", "NonZero", nonZero},
      {"", "OneHot", oneHot, 3},
      {"", "Scatter", scatterElements, 3},
      {"", "ScatterElements", scatterElements, 3},
      {"", "ScatterND", scatterND, 3},
      {"", "Slice", slice},
  };
  return rows;
}

} // namespace fathom
