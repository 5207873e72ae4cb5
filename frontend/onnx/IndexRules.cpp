// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that choose and place elements: slices, gathers, scatters, the best of rows; and sequences of tensors.

#include "frontend/onnx/NodeShapes.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace fathom::onnx {

using T = proto::TensorProto;

static Shape unknownShape(NodeShapes &node, int64_t rank) {
  Shape shape;
  for (int64_t i = 0; i < rank; ++i) {
    shape.push_back(node.unknown());
  }
  return shape;
}

/// Like input 0, of the extents that are known of it.
static bool likeFirst(NodeShapes &node) { return node.give(0, node.in(0).element, node.in(0).shape); }

static bool gather(NodeShapes &node) {
  if (!node.ranked(0) || !node.ranked(1)) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), node.rank(0));
  if (!axis) {
    return false;
  }
  const Shape &data = *node.in(0).shape, &indices = *node.in(1).shape;
  Shape shape(data.begin(), data.begin() + *axis);
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), data.begin() + *axis + 1, data.end());
  std::optional<std::vector<int64_t>> chosen = node.integers(1);
  std::optional<Shape> contents;
  if (chosen && data[*axis].constant()) {
    int64_t extent = *data[*axis].constant();
    contents = node.in(0).contents && data.size() == 1 ? std::optional(Shape()) : std::nullopt;
    for (int64_t index : *chosen) {
      if (index < -extent || index >= extent) {
        return node.fail("takes element " + llvm::Twine(index) + " of " + llvm::Twine(extent));
      }
      if (contents) {
        contents->push_back((*node.in(0).contents)[index < 0 ? index + extent : index]);
      }
    }
  }
  return node.give(0, node.in(0).element, shape, contents);
}

static bool gatherElements(NodeShapes &node) { return node.give(0, node.in(0).element, node.in(1).shape); }

static bool gatherND(NodeShapes &node) {
  if (!node.ranked(0) || !node.ranked(1) || node.rank(1) == 0 || !node.extent(1, node.rank(1) - 1).constant()) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  int64_t batch = node.integer("batch_dims", 0), depth = *node.extent(1, node.rank(1) - 1).constant();
  if (batch < 0 || depth < 0 || batch > node.rank(1) - 1 || batch + depth > node.rank(0)) {
    return node.fail("has indices of " + llvm::Twine(depth) + " dimensions behind " + llvm::Twine(batch) +
                     ", and data of " + llvm::Twine(node.rank(0)));
  }
  const Shape &data = *node.in(0).shape, &indices = *node.in(1).shape;
  Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), data.begin() + batch + depth, data.end());
  return node.give(0, node.in(0).element, shape);
}

namespace {
/// What a slice says of one axis; ends may be beyond the extent.
struct Cut {
  int64_t axis;
  const Extent *begin, *end;
  int64_t step;
};
} // namespace

/// A bound within [0, extent], counted from the back where it is negative; nothing where that isn't decided.
static std::optional<Extent> clampBound(const Extent &bound, const Extent &extent) {
  std::optional<int64_t> at = bound.constant(), size = extent.constant();
  if (at && size) {
    return Extent(std::clamp<int64_t>(*at < 0 ? *at + *size : *at, 0, *size));
  }
  if (at && *at < 0) {
    return Extent::add(extent, bound);
  }
  // Beyond every extent, as exporters say "to the end".
  constexpr int64_t kEnd = INT32_MAX;
  return at && *at >= kEnd ? std::optional(extent) : std::optional(bound);
}

static std::optional<Extent> cutExtent(const Cut &cut, const Extent &extent) {
  std::optional<Extent> begin = clampBound(*cut.begin, extent), end = clampBound(*cut.end, extent);
  std::optional<Extent> before = begin ? Extent::multiply(*begin, -1) : std::nullopt;
  std::optional<Extent> length = before && end ? Extent::add(*end, *before) : std::nullopt;
  if (!length || cut.step < 1) {
    return std::nullopt;
  }
  if (length->constant()) {
    int64_t count = std::max<int64_t>(*length->constant(), 0);
    return Extent(count / cut.step + (count % cut.step != 0));
  }
  return cut.step == 1 ? length : std::nullopt;
}

/// Of a list of known numbers those that a cut leaves.
static std::optional<Shape> cutContents(const NodeShapes &node, const Cut &cut) {
  const std::optional<Shape> &all = node.in(0).contents;
  if (!all || node.rank(0) != 1 || cut.step < 1 || !cut.begin->constant() || !cut.end->constant()) {
    return std::nullopt;
  }
  Extent size(static_cast<int64_t>(all->size()));
  int64_t begin = *clampBound(*cut.begin, size)->constant(), end = *clampBound(*cut.end, size)->constant();
  // A step may be larger than any index.
  int64_t step = std::min<int64_t>(cut.step, kMostContents + 1);
  Shape some;
  for (int64_t i = begin; i < end; i += step) {
    some.push_back((*all)[i]);
  }
  return some;
}

static bool slice(NodeShapes &node) {
  const Value &begins = node.in(1), &ends = node.in(2);
  if (!node.ranked(0)) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  if (!begins.contents || !ends.contents || (node.has(3) && !node.integers(3)) || (node.has(4) && !node.integers(4))) {
    return node.give(0, node.in(0).element, unknownShape(node, node.rank(0)));
  }
  std::optional<std::vector<int64_t>> axes = node.integers(3), steps = node.integers(4);
  size_t count = begins.contents->size();
  if (ends.contents->size() != count || (axes && axes->size() != count) || (steps && steps->size() != count)) {
    return node.fail("has lists of unlike lengths for begins, ends, axes and steps");
  }
  Shape shape = *node.in(0).shape;
  std::optional<Shape> contents;
  for (size_t i = 0; i < count; ++i) {
    std::optional<int64_t> axis = node.axis(axes ? (*axes)[i] : static_cast<int64_t>(i), node.rank(0));
    if (!axis) {
      return false;
    }
    Cut cut = {*axis, &(*begins.contents)[i], &(*ends.contents)[i], steps ? (*steps)[i] : 1};
    if (cut.step == 0) {
      return node.fail("has a step of 0");
    }
    shape[*axis] = node.orUnknown(cutExtent(cut, shape[*axis]));
    contents = cutContents(node, cut);
  }
  return node.give(0, node.in(0).element, shape, contents);
}

static bool topK(NodeShapes &node) {
  std::optional<Shape> shape = node.in(0).shape;
  if (shape) {
    std::optional<int64_t> axis = node.axis(node.integer("axis", -1), node.rank(0));
    if (!axis) {
      return false;
    }
    const std::optional<Shape> &k = node.in(1).contents;
    const Extent &extent = node.extent(0, *axis);
    (*shape)[*axis] = k && k->size() == 1 ? k->front() : node.unknown();
    if ((*shape)[*axis].constant() && extent.constant() && *(*shape)[*axis].constant() > *extent.constant()) {
      return node.fail("takes the best " + llvm::Twine(*(*shape)[*axis].constant()) + " of " +
                       llvm::Twine(*extent.constant()));
    }
  }
  return node.give(1, T::INT64, shape) && node.give(0, node.in(0).element, shape);
}

static bool argBest(NodeShapes &node) {
  if (!node.ranked(0)) {
    return node.give(0, T::INT64, std::nullopt);
  }
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), node.rank(0));
  if (!axis) {
    return false;
  }
  Shape shape = *node.in(0).shape;
  if (node.integer("keepdims", 1)) {
    shape[*axis] = 1;
  } else {
    shape.erase(shape.begin() + *axis);
  }
  return node.give(0, T::INT64, shape);
}

static bool nonZero(NodeShapes &node) {
  Extent rank = node.ranked(0) ? Extent(node.rank(0)) : node.unknown();
  return node.give(0, T::INT64, Shape{rank, node.unknown()});
}

static bool oneHot(NodeShapes &node) {
  if (!node.ranked(0)) {
    return node.give(0, node.in(2).element, std::nullopt);
  }
  std::optional<int64_t> axis = node.axis(node.integer("axis", -1), node.rank(0) + 1);
  if (!axis) {
    return false;
  }
  const std::optional<Shape> &depth = node.in(1).contents;
  Shape shape = *node.in(0).shape;
  shape.insert(shape.begin() + *axis, depth && depth->size() == 1 ? depth->front() : node.unknown());
  return node.give(0, node.in(2).element, shape);
}

static bool compress(NodeShapes &node) {
  if (!node.ranked(0) || !node.attribute("axis")) {
    return node.give(0, node.in(0).element, Shape{node.unknown()});
  }
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), node.rank(0));
  Shape shape = *node.in(0).shape;
  if (!axis) {
    return false;
  }
  shape[*axis] = node.unknown();
  return node.give(0, node.in(0).element, shape);
}

/// Parts of a tensor: their shape is known where all are alike.
static bool splitToSequence(NodeShapes &node) {
  std::optional<Shape> shape = node.in(0).shape;
  if (shape) {
    std::optional<int64_t> axis = node.axis(node.integer("axis", 0), node.rank(0));
    if (!axis) {
      return false;
    }
    std::optional<std::vector<int64_t>> sizes = node.integers(1);
    std::optional<int64_t> whole = node.extent(0, *axis).constant();
    bool scalar = sizes && node.ranked(1) && node.rank(1) == 0 && sizes->front() > 0;
    bool even = scalar ? whole && *whole % sizes->front() == 0 : sizes && !sizes->empty() && llvm::all_equal(*sizes);
    (*shape)[*axis] = even ? Extent(sizes->front()) : node.has(1) ? node.unknown() : Extent(1);
    if (!node.has(1) && node.integer("keepdims", 1) == 0) {
      shape->erase(shape->begin() + *axis);
    }
  }
  return node.giveSequence(node.in(0).element, shape);
}

static bool sequenceConstruct(NodeShapes &node) {
  bool alike = node.inputCount() > 0;
  for (size_t i = 0; i < node.inputCount(); ++i) {
    if (!node.has(i)) {
      return node.fail("leaves out input " + llvm::Twine(i) + " of those that are to be a sequence");
    }
    if (!node.checkTypes(0, i)) {
      return false;
    }
    alike = alike && node.in(i).shape == node.in(0).shape;
  }
  return node.giveSequence(node.in(0).element, alike ? node.in(0).shape : std::nullopt);
}

static bool sequenceLength(NodeShapes &node) { return node.give(0, T::INT64, Shape()); }

static bool concatFromSequence(NodeShapes &node) {
  std::optional<Shape> shape = node.in(0).shape;
  if (shape) {
    bool isNew = node.integer("new_axis", 0) != 0;
    std::optional<int64_t> axis = node.axis(node.integer("axis", 0), node.rank(0) + isNew);
    if (!axis) {
      return false;
    }
    if (isNew) {
      shape->insert(shape->begin() + *axis, Extent(0));
    }
    (*shape)[*axis] = node.unknown();
  }
  return node.give(0, node.in(0).element, shape);
}

llvm::ArrayRef<ShapeRuleRow> indexRules() {
  static const ShapeRuleRow rows[] = {
      {"", "ArgMax", argBest},
      {"", "ArgMin", argBest},
      {"", "Compress", compress, 2},
      {"", "ConcatFromSequence", concatFromSequence},
      {"", "Gather", gather, 2},
      {"", "GatherElements", gatherElements, 2},
      {"", "GatherND", gatherND, 2},
      {"", "NonZero", nonZero},
      {"", "OneHot", oneHot, 3},
      {"", "ReverseSequence", likeFirst, 2},
      {"", "Scatter", likeFirst, 3},
      {"", "ScatterElements", likeFirst, 3},
      {"", "ScatterND", likeFirst, 3},
      {"", "SequenceAt", likeFirst, 2},
      {"", "SequenceConstruct", sequenceConstruct},
      {"", "SequenceLength", sequenceLength},
      {"", "Slice", slice, 3},
      {"", "SplitToSequence", splitToSequence},
      {"", "TensorScatter", likeFirst, 2},
      {"", "TopK", topK, 2},
  };
  return rows;
}

} // namespace fathom::onnx
