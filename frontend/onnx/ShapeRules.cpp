// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that change shapes, and leave the elements as they are.

#include "frontend/onnx/NodeShapes.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace fathom::onnx {

using Axes = std::vector<int64_t>;

/// Axes counted from the front, ascending; nothing after a finding.
static std::optional<Axes> normalize(NodeShapes &node, const Axes &given, int64_t rank) {
  Axes axes;
  for (int64_t axis : given) {
    std::optional<int64_t> counted = node.axis(axis, rank);
    if (!counted) {
      return std::nullopt;
    }
    axes.push_back(*counted);
  }
  llvm::sort(axes);
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
    node.fail("has an axis twice");
    return std::nullopt;
  }
  return axes;
}

/// Replaces the extent -1 of a new shape by what is left of the elements; nothing after a finding.
static bool fillIn(NodeShapes &node, const Shape &from, Shape &to) {
  Extent *open = nullptr;
  std::optional<Extent> others = Extent(1);
  for (Extent &extent : to) {
    if (extent.is(-1) && open) {
      return node.fail("has two extents of -1 in its shape");
    }
    if (extent.is(-1)) {
      open = &extent;
    } else {
      others = others ? Extent::multiply(*others, extent) : std::nullopt;
    }
  }
  std::optional<Extent> all = multiplyAll(from);
  if (open) {
    std::optional<Extent> left = all && others ? Extent::divide(*all, *others) : std::nullopt;
    bool constant = all && others && all->constant() && others->constant() && !others->is(0);
    *open = node.orUnknown(left);
    return left || !constant ||
           node.fail("wants a shape that " + llvm::Twine(*all->constant()) + " elements do not fill");
  }
  bool differ = all && others && all->constant() && others->constant() && *all != *others;
  return !differ || node.fail("wants a shape of " + llvm::Twine(*others->constant()) + " elements, and has " +
                              llvm::Twine(*all->constant()));
}

static bool reshape(NodeShapes &node) {
  if (!node.in(1).contents) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  Shape shape = *node.in(1).contents;
  bool copies = node.integer("allowzero", 0) == 0;
  for (size_t i = 0; i < shape.size() && node.ranked(0) && copies; ++i) {
    if (shape[i].is(0) && static_cast<int64_t>(i) >= node.rank(0)) {
      return node.fail("copies extent " + llvm::Twine(i) + " of " + llvm::Twine(node.rank(0)));
    }
    shape[i] = shape[i].is(0) ? node.extent(0, static_cast<int64_t>(i)) : shape[i];
  }
  for (const Extent &extent : shape) {
    if (extent.constant() && *extent.constant() < -1) {
      return node.fail("wants an extent of " + llvm::Twine(*extent.constant()));
    }
  }
  if (!node.ranked(0)) {
    for (Extent &extent : shape) {
      extent = extent.is(-1) || extent.is(0) ? node.unknown() : extent;
    }
    return node.give(0, node.in(0).element, shape, node.in(0).contents);
  }
  return fillIn(node, *node.in(0).shape, shape) && node.give(0, node.in(0).element, shape, node.in(0).contents);
}

static bool flatten(NodeShapes &node) {
  if (!node.ranked(0)) {
    return node.give(0, node.in(0).element, Shape{node.unknown(), node.unknown()});
  }
  int64_t rank = node.rank(0), given = node.integer("axis", 1);
  std::optional<int64_t> axis = given == rank ? rank : node.axis(given, rank);
  if (!axis) {
    return false;
  }
  llvm::ArrayRef<Extent> shape = *node.in(0).shape;
  return node.give(0, node.in(0).element,
                   Shape{node.orUnknown(multiplyAll(shape.take_front(*axis))),
                         node.orUnknown(multiplyAll(shape.drop_front(*axis)))});
}

static bool transpose(NodeShapes &node) {
  if (!node.ranked(0)) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  int64_t rank = node.rank(0);
  const proto::AttributeProto *given = node.attribute("perm");
  Axes order;
  for (int64_t i = 0; i < rank; ++i) {
    order.push_back(rank - 1 - i);
  }
  if (given) {
    order.assign(given->ints().begin(), given->ints().end());
  }
  std::optional<Axes> sorted = normalize(node, order, rank);
  if (!sorted) {
    return false;
  }
  if (static_cast<int64_t>(order.size()) != rank) {
    return node.fail("permutes " + llvm::Twine(order.size()) + " of " + llvm::Twine(rank) + " dimensions");
  }
  Shape shape;
  for (int64_t axis : order) {
    shape.push_back(node.extent(0, axis < 0 ? axis + rank : axis));
  }
  return node.give(0, node.in(0).element, shape);
}

static bool unsqueeze(NodeShapes &node) {
  std::optional<Axes> given = node.list("axes", 1);
  if (!node.ranked(0) || !given) {
    return node.give(0, node.in(0).element, std::nullopt, node.in(0).contents);
  }
  int64_t rank = node.rank(0) + static_cast<int64_t>(given->size());
  std::optional<Axes> axes = normalize(node, *given, rank);
  if (!axes) {
    return false;
  }
  Shape shape = *node.in(0).shape;
  for (int64_t axis : *axes) {
    shape.insert(shape.begin() + axis, Extent(1));
  }
  return node.give(0, node.in(0).element, shape, node.in(0).contents);
}

static bool squeeze(NodeShapes &node) {
  bool isGiven = false;
  std::optional<Axes> given = node.list("axes", 1, &isGiven);
  if (!node.ranked(0) || (isGiven && !given)) {
    return node.give(0, node.in(0).element, std::nullopt, node.in(0).contents);
  }
  std::optional<Axes> axes = isGiven ? normalize(node, *given, node.rank(0)) : Axes();
  if (!axes) {
    return false;
  }
  Shape shape;
  for (int64_t i = 0; i < node.rank(0); ++i) {
    bool drop = isGiven ? llvm::is_contained(*axes, i) : node.extent(0, i).is(1);
    if (drop && node.extent(0, i).constant() && !node.extent(0, i).is(1)) {
      return node.fail("drops dimension " + llvm::Twine(i) + ", whose extent is " +
                       llvm::Twine(*node.extent(0, i).constant()));
    }
    if (!drop) {
      shape.push_back(node.extent(0, i));
    }
  }
  return node.give(0, node.in(0).element, shape, node.in(0).contents);
}

/// Shapes that are the same but for the extents along `axis`, which add up.
static bool concat(NodeShapes &node) {
  std::optional<Shape> contents = Shape();
  for (size_t i = 0; i < node.inputCount(); ++i) {
    if (!node.ranked(i)) {
      return node.give(0, node.in(0).element, std::nullopt);
    }
    const std::optional<Shape> &more = node.in(i).contents;
    contents = contents && more && node.rank(i) == 1 ? contents : std::nullopt;
    if (contents) {
      contents->insert(contents->end(), more->begin(), more->end());
    }
  }
  if (node.inputCount() == 0) {
    return node.fail("joins nothing");
  }
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), node.rank(0));
  if (!axis) {
    return false;
  }
  Shape shape = *node.in(0).shape;
  for (size_t i = 1; i < node.inputCount(); ++i) {
    if (node.rank(i) != node.rank(0)) {
      return node.fail("joins tensors of " + llvm::Twine(node.rank(0)) + " and " + llvm::Twine(node.rank(i)) +
                       " dimensions");
    }
    shape[*axis] = node.orUnknown(Extent::add(shape[*axis], node.extent(i, *axis)));
  }
  return node.give(0, node.in(0).element, shape, contents);
}

static bool tile(NodeShapes &node) {
  const std::optional<Shape> &times = node.in(1).contents;
  if (!node.ranked(0) || !times || static_cast<int64_t>(times->size()) != node.rank(0)) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  Shape shape;
  for (int64_t i = 0; i < node.rank(0); ++i) {
    shape.push_back(node.orUnknown(Extent::multiply(node.extent(0, i), (*times)[i])));
  }
  return node.give(0, node.in(0).element, shape);
}

static bool pad(NodeShapes &node) {
  const std::optional<Shape> &pads = node.in(1).contents;
  bool plain = node.ranked(0) && !node.has(3) && pads && static_cast<int64_t>(pads->size()) == 2 * node.rank(0);
  if (!plain) {
    std::optional<Shape> shape;
    if (node.ranked(0)) {
      shape = Shape();
      for (int64_t i = 0; i < node.rank(0); ++i) {
        shape->push_back(node.unknown());
      }
    }
    return node.give(0, node.in(0).element, shape);
  }
  Shape shape;
  for (int64_t i = 0; i < node.rank(0); ++i) {
    std::optional<Extent> sum = Extent::add((*pads)[i], (*pads)[i + node.rank(0)]);
    shape.push_back(node.orUnknown(sum ? Extent::add(node.extent(0, i), *sum) : std::nullopt));
  }
  return node.give(0, node.in(0).element, shape);
}

/// The sizes of parts along `axis`: as said, or as even as they may be.
static bool split(NodeShapes &node) {
  if (!node.ranked(0)) {
    for (size_t i = 0; i < node.outputCount(); ++i) {
      node.give(i, node.in(0).element, std::nullopt);
    }
    return true;
  }
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), node.rank(0));
  if (!axis) {
    return false;
  }
  bool isGiven = false;
  std::optional<Axes> sizes = node.list("split", 1, &isGiven);
  const Extent &whole = node.extent(0, *axis);
  auto count = static_cast<int64_t>(node.outputCount());
  if (!isGiven && whole.constant() && count > 0) {
    int64_t part = *whole.constant() / count + (*whole.constant() % count != 0);
    sizes = Axes(count, part);
    sizes->back() = *whole.constant() - part * (count - 1);
  }
  if (sizes && static_cast<int64_t>(sizes->size()) != count) {
    return node.fail("says " + llvm::Twine(sizes->size()) + " sizes of " + llvm::Twine(count) + " parts");
  }
  std::optional<Extent> sum = Extent(0);
  for (int64_t i = 0; i < count; ++i) {
    Shape shape = *node.in(0).shape;
    shape[*axis] = sizes ? Extent((*sizes)[i]) : node.orUnknown(isGiven ? std::nullopt : Extent::divide(whole, count));
    sum = sum ? Extent::add(*sum, shape[*axis]) : std::nullopt;
    if (!node.give(static_cast<size_t>(i), node.in(0).element, shape)) {
      return false;
    }
  }
  bool differ = sizes && sum && whole.constant() && *sum != whole;
  return !differ || node.fail("splits " + llvm::Twine(*whole.constant()) + " into parts of another sum");
}

llvm::ArrayRef<ShapeRuleRow> shapeRules() {
  static const ShapeRuleRow rows[] = {
      {"", "Concat", concat},      {"", "Flatten", flatten},     {"", "Pad", pad, 2},
      {"", "Reshape", reshape, 2}, {"", "Split", split},         {"", "Squeeze", squeeze},
      {"", "Tile", tile, 2},       {"", "Transpose", transpose}, {"", "Unsqueeze", unsqueeze},
  };
  return rows;
}

} // namespace fathom::onnx
