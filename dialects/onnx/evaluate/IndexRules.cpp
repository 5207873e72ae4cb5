// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that choose and place elements: slices, gathers, scatters.

#include "dialects/onnx/evaluate/NodeValues.h"

#include <algorithm>
#include <functional>

using namespace mlir;

namespace fathom::onnx {

static bool gather(NodeValues &node) {
  const Array &data = node.in(0);
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), data.rank());
  std::optional<Extents> indices = axis ? node.indices(1, data.shape[*axis]) : std::nullopt;
  if (!indices) {
    return false;
  }
  Rows rows(data.shape, *axis);
  ArrayRef<int64_t> all = data.shape;
  Extents shape(all.take_front(*axis));
  shape.append(node.in(1).shape.begin(), node.in(1).shape.end());
  shape.append(all.begin() + *axis + 1, all.end());
  Array *out = node.make(0, data.element, shape);
  auto count = static_cast<int64_t>(indices->size());
  for (int64_t at = 0; out && at < out->size(); ++at) {
    int64_t row = at / rows.inner;
    out->set(at, data, rows.at(row / count, (*indices)[row % count], at % rows.inner));
  }
  return out != nullptr;
}

/// Whether `indices` may choose along `axis` of `shape`: no larger along any other.
static bool fitsBeside(ArrayRef<int64_t> indices, ArrayRef<int64_t> shape, int64_t axis) {
  bool fits = indices.size() == shape.size();
  for (int64_t i = 0; fits && i < static_cast<int64_t>(shape.size()); ++i) {
    fits = i == axis || indices[i] <= shape[i];
  }
  return fits;
}

/// Calls `visit(at, element)` for each index along an axis of input 0 that input 1 has; false after a finding.
template <typename Visit>
static bool forEachIndex(NodeValues &node, Visit visit) {
  const Array &data = node.in(0);
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), data.rank());
  std::optional<Extents> indices = axis ? node.indices(1, data.shape[*axis]) : std::nullopt;
  if (!indices || !fitsBeside(node.in(1).shape, data.shape, *axis)) {
    return node.fail("has indices that do not fit its data");
  }
  Extents strides = stridesOf(data.shape);
  int64_t at = 0;
  forEachPlace(node.in(1).shape, [&](ArrayRef<int64_t> place) {
    visit(at, elementAt(place, strides) + ((*indices)[at] - place[*axis]) * strides[*axis]);
    ++at;
  });
  return true;
}

static bool gatherElements(NodeValues &node) {
  Array *out = node.make(0, node.in(0).element, node.in(1).shape);
  return out && forEachIndex(node, [&](int64_t at, int64_t from) { out->set(at, node.in(0), from); });
}

/// Puts `update` into an element by what `reduction` says; false where it does not say that of this type.
static bool combine(Array &data, int64_t at, const Array &update, int64_t from, StringRef reduction) {
  // Integers wrap around.
  auto into = [&](auto &to, auto value) {
    using Number = std::conditional_t<std::is_integral_v<decltype(value)>, uint64_t, double>;
    to = reduction == "add"   ? static_cast<decltype(value)>(Number(to) + Number(value))
         : reduction == "mul" ? static_cast<decltype(value)>(Number(to) * Number(value))
         : reduction == "max" ? std::max(to, value)
                              : std::min(to, value);
  };
  if (reduction == "none") {
    data.set(at, update, from);
  } else if (data.isReal()) {
    into(data.reals[at], update.reals[from]);
  } else if (data.isInteger()) {
    into(data.integers[at], update.integers[from]);
  }
  return reduction == "none" || data.isReal() || data.isInteger();
}

static bool scatterElements(NodeValues &node) {
  const Array &updates = node.in(2);
  Array data = node.in(0);
  if (updates.shape != node.in(1).shape || updates.element != data.element) {
    return node.fail("has updates that do not fit its indices");
  }
  std::string reduction = node.string("reduction", "none");
  bool done = forEachIndex(node, [&](int64_t at, int64_t to) { combine(data, to, updates, at, reduction); });
  return done && node.give(0, std::move(data));
}

namespace {
/// Rows of indices into the first axes of data, behind `batch` axes that both have.
struct IndexRows {
  int64_t rows, depth, run;
  /// Where each row's elements of the data begin.
  std::vector<int64_t> first;
};
} // namespace

static std::optional<IndexRows> readIndexRows(NodeValues &node, int64_t batch) {
  const Array &data = node.in(0), &indices = node.in(1);
  int64_t depth = indices.rank() > 0 ? indices.shape.back() : 0;
  ArrayRef<int64_t> shape = data.shape;
  bool fits = batch >= 0 && batch < indices.rank() && batch + depth <= data.rank() && indices.isInteger();
  if (!fits || shape.take_front(batch) != ArrayRef(indices.shape).take_front(batch)) {
    node.fail("has indices that do not fit its data");
    return std::nullopt;
  }
  Extents strides = stridesOf(shape);
  IndexRows found = {product(ArrayRef(indices.shape).drop_back()), depth, product(shape.drop_front(batch + depth)), {}};
  int64_t perBatch = std::max<int64_t>(product(ArrayRef(indices.shape).drop_back().drop_front(batch)), 1);
  for (int64_t row = 0; row < found.rows; ++row) {
    int64_t first = row / perBatch * product(shape.drop_front(batch));
    for (int64_t i = 0; i < depth; ++i) {
      int64_t index = indices.integers[row * depth + i], extent = shape[batch + i];
      if (index < -extent || index >= extent) {
        node.fail("takes element " + Twine(index) + " of " + Twine(extent));
        return std::nullopt;
      }
      first += (index < 0 ? index + extent : index) * strides[batch + i];
    }
    found.first.push_back(first);
  }
  return found;
}

static bool gatherND(NodeValues &node) {
  int64_t batch = node.integer("batch_dims", 0);
  std::optional<IndexRows> rows = readIndexRows(node, batch);
  if (!rows) {
    return false;
  }
  Extents shape(ArrayRef(node.in(1).shape).drop_back());
  shape.append(node.in(0).shape.begin() + batch + rows->depth, node.in(0).shape.end());
  Array *out = node.make(0, node.in(0).element, shape);
  for (int64_t at = 0; out && at < out->size(); ++at) {
    out->set(at, node.in(0), rows->first[at / rows->run] + at % rows->run);
  }
  return out != nullptr;
}

static bool scatterND(NodeValues &node) {
  std::optional<IndexRows> rows = readIndexRows(node, 0);
  const Array &updates = node.in(2);
  Array data = node.in(0);
  if (!rows || updates.element != data.element || updates.size() != rows->rows * rows->run) {
    return node.fail("has updates that do not fit its indices");
  }
  std::string reduction = node.string("reduction", "none");
  for (int64_t at = 0; at < updates.size(); ++at) {
    combine(data, rows->first[at / rows->run] + at % rows->run, updates, at, reduction);
  }
  return node.give(0, std::move(data));
}

namespace {
struct Cut {
  int64_t begin = 0, step = 1, count;
};
} // namespace

/// What a slice leaves of an axis. Bounds beyond it are moved to its ends.
static Cut cut(int64_t begin, int64_t end, int64_t step, int64_t extent) {
  auto clamp = [&](int64_t at) {
    at = at < 0 ? std::max(at, -kMostElements - extent) + extent : at;
    return step > 0 ? std::clamp<int64_t>(at, 0, extent) : std::clamp<int64_t>(at, -1, extent - 1);
  };
  step = std::clamp(step, -kMostElements - 1, kMostElements + 1);
  begin = clamp(begin);
  int64_t length = step > 0 ? clamp(end) - begin : begin - clamp(end), stride = std::abs(step);
  return {begin, step, length > 0 ? (length + stride - 1) / stride : 0};
}

/// What a slice leaves of each axis; nothing after a finding.
static std::optional<SmallVector<Cut>> readCuts(NodeValues &node) {
  const Array &in = node.in(0);
  const std::vector<int64_t> &begins = node.in(1).integers, &ends = node.in(2).integers, &steps = node.in(4).integers;
  std::vector<int64_t> axes = node.in(3).integers;
  for (size_t i = 0; !node.has(3) && i < begins.size(); ++i) {
    axes.push_back(static_cast<int64_t>(i));
  }
  SmallVector<Cut> cuts;
  for (int64_t extent : in.shape) {
    cuts.push_back({0, 1, extent});
  }
  bool fits = begins.size() == ends.size() && axes.size() == begins.size();
  if (!fits || (node.has(4) && steps.size() != begins.size()) || llvm::is_contained(steps, 0)) {
    node.fail("has begins, ends, axes and steps that do not fit each other");
    return std::nullopt;
  }
  for (size_t i = 0; i < begins.size(); ++i) {
    std::optional<int64_t> axis = node.axis(axes[i], in.rank());
    if (!axis) {
      return std::nullopt;
    }
    cuts[*axis] = cut(begins[i], ends[i], node.has(4) ? steps[i] : 1, in.shape[*axis]);
  }
  return cuts;
}

static bool slice(NodeValues &node) {
  std::optional<SmallVector<Cut>> cuts = readCuts(node);
  if (!cuts) {
    return false;
  }
  Extents shape = llvm::map_to_vector(*cuts, [](const Cut &cut) { return cut.count; });
  Extents strides = stridesOf(node.in(0).shape);
  int64_t first = 0;
  for (auto [stride, cut] : llvm::zip_equal(strides, *cuts)) {
    first += cut.begin * stride;
    stride *= cut.step;
  }
  return node.pick(node.in(0), shape, [&](ArrayRef<int64_t> place) { return first + elementAt(place, strides); });
}

/// A tensor of a list of such, of 64 bits, as columns are.
static bool nonZero(NodeValues &node) {
  const Array &in = node.in(0);
  if (!in.isReal() && !in.isInteger()) {
    return node.fail("wants numbers");
  }
  std::vector<Extents> found;
  int64_t at = 0;
  forEachPlace(in.shape,
               [&](ArrayRef<int64_t> place) { in.real(at++) != 0 ? found.push_back(Extents(place)) : void(); });
  auto count = static_cast<int64_t>(found.size());
  Array *out = node.make(0, IntegerType::get(node.op().getContext(), 64), {in.rank(), count});
  for (int64_t i = 0; out && i < out->size(); ++i) {
    out->integers[i] = found[i % count][i / count];
  }
  return out != nullptr;
}

static bool oneHot(NodeValues &node) {
  const Array &indices = node.in(0), &values = node.in(2);
  std::optional<int64_t> axis = node.axis(node.integer("axis", -1), indices.rank() + 1);
  int64_t depth = truncate(node.number(1, -1));
  if (!axis || values.size() != 2 || !(indices.isReal() || indices.isInteger())) {
    return node.fail("wants indices, and values for off and on");
  }
  Extents shape = indices.shape;
  shape.insert(shape.begin() + *axis, depth);
  int64_t inner = product(ArrayRef(shape).drop_front(*axis + 1)), at = 0;
  return node.pick(values, shape, [&](ArrayRef<int64_t> place) {
    int64_t row = at / (inner * depth) * inner + at % inner, index = truncate(indices.real(row));
    ++at;
    return int64_t((index < 0 ? index + depth : index) == place[*axis]);
  });
}

static bool compress(NodeValues &node) {
  const Array &in = node.in(0);
  bool flat = !node.op().getNodeAttr("axis");
  Extents from = flat ? Extents{in.size()} : in.shape;
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), static_cast<int64_t>(from.size()));
  if (!axis) {
    return false;
  }
  Extents kept, shape = from, strides = stridesOf(from);
  for (auto [i, keep] : llvm::enumerate(node.in(1).integers)) {
    keep &&static_cast<int64_t>(i) < from[*axis] ? kept.push_back(static_cast<int64_t>(i)) : void();
  }
  shape[*axis] = static_cast<int64_t>(kept.size());
  return node.pick(in, shape, [&](ArrayRef<int64_t> place) {
    return elementAt(place, strides) + (kept[place[*axis]] - place[*axis]) * strides[*axis];
  });
}

/// The first elements of each sequence of a batch, the last first.
static bool reverseSequence(NodeValues &node) {
  const Array &in = node.in(0);
  int64_t time = node.integer("time_axis", 0), batch = node.integer("batch_axis", 1);
  bool fits = in.rank() >= 2 && time >= 0 && batch >= 0 && time < in.rank() && batch < in.rank();
  if (!fits || static_cast<int64_t>(node.in(1).integers.size()) != in.shape[batch]) {
    return node.fail("has lengths that do not fit its sequences");
  }
  Extents strides = stridesOf(in.shape);
  return node.pick(in, in.shape, [&](ArrayRef<int64_t> place) {
    int64_t length = std::min(node.in(1).integers[place[batch]], in.shape[time]), at = place[time];
    return elementAt(place, strides) + (at < length ? length - 1 - 2 * at : 0) * strides[time];
  });
}

/// Writes new rows into a cache, for each of a batch from an index on; they begin anew at the end if they are circular.
static bool tensorScatter(NodeValues &node) {
  Array cache = node.in(0);
  const Array &update = node.in(1);
  std::optional<int64_t> axis = node.axis(node.integer("axis", -2), cache.rank());
  bool fits = axis && *axis > 0 && update.element == cache.element && update.rank() == cache.rank() &&
              update.shape[0] == cache.shape[0];
  if (!fits || (node.has(2) && static_cast<int64_t>(node.in(2).integers.size()) != cache.shape[0])) {
    return node.fail("has rows that do not fit its cache");
  }
  bool circular = node.string("mode", "linear") == "circular";
  Extents strides = stridesOf(cache.shape);
  int64_t extent = cache.shape[*axis], from = 0;
  bool inside = true;
  forEachPlace(update.shape, [&](ArrayRef<int64_t> place) {
    Extents to(place);
    to[*axis] += node.has(2) ? std::clamp<int64_t>(node.in(2).integers[place[0]], 0, kMostElements) : 0;
    to[*axis] = circular && extent > 0 ? to[*axis] % extent : to[*axis];
    inside = inside &&
             llvm::all_of(llvm::zip(to, cache.shape), [](auto pair) { return std::get<0>(pair) < std::get<1>(pair); });
    inside ? cache.set(elementAt(to, strides), update, from++) : void();
  });
  return inside ? node.give(0, std::move(cache)) : node.fail("writes beyond its cache");
}

llvm::ArrayRef<EvaluateRow> indexRows() {
  static const EvaluateRow rows[] = {
      {"", "Compress", compress, 2},
      {"", "Gather", gather, 2},
      {"", "GatherElements", gatherElements, 2},
      {"", "GatherND", gatherND, 2},
      {"", "NonZero", nonZero},
      {"", "OneHot", oneHot, 3},
      {"", "ReverseSequence", reverseSequence, 2},
      {"", "Scatter", scatterElements, 3},
      {"", "ScatterElements", scatterElements, 3},
      {"", "ScatterND", scatterND, 3},
      {"", "Slice", slice, 3},
      {"", "TensorScatter", tensorScatter, 2},
  };
  return rows;
}

} // namespace fathom::onnx
