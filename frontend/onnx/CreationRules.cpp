// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that make tensors of nothing but shapes and constants, of which shapes are made in turn.

#include "frontend/onnx/NodeShapes.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace fathom::onnx {

using T = proto::TensorProto;

/// Row by row, of as many elements as `contents` has; nothing where the shape is not of that many.
static bool giveAll(NodeShapes &node, int32_t element, const Shape &shape, const Extent &value) {
  std::optional<Extent> count = multiplyAll(shape);
  std::optional<int64_t> size = count ? count->constant() : std::nullopt;
  bool followed = size && *size >= 0 && *size <= kMostContents;
  return node.give(0, element, shape, followed ? std::optional(Shape(*size, value)) : std::nullopt);
}

static bool shapeOf(NodeShapes &node) {
  if (!node.ranked(0)) {
    return node.give(0, T::INT64, Shape{node.unknown()});
  }
  int64_t rank = node.rank(0);
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t begin = clamp(node.integer("start", 0)), end = clamp(node.integer("end", rank));
  const Shape &shape = *node.in(0).shape;
  Shape part = begin < end ? Shape(shape.begin() + begin, shape.begin() + end) : Shape();
  return node.give(0, T::INT64, Shape{Extent(static_cast<int64_t>(part.size()))}, part);
}

static bool sizeOf(NodeShapes &node) {
  std::optional<Extent> size = node.ranked(0) ? multiplyAll(*node.in(0).shape) : std::nullopt;
  return node.give(0, T::INT64, Shape(), size ? std::optional(Shape{*size}) : std::nullopt);
}

static bool constant(NodeShapes &node) {
  // What the value is, the walker knows as it knows initializers.
  for (const proto::AttributeProto &attribute : node.proto().attribute()) {
    auto give = [&](int32_t element, Shape shape, std::optional<Shape> contents = std::nullopt) {
      return node.give(0, element, std::move(shape), std::move(contents));
    };
    switch (attribute.type()) {
    case proto::AttributeProto::INT:
      return give(T::INT64, {}, Shape{Extent(attribute.i())});
    case proto::AttributeProto::INTS:
      return give(T::INT64, {Extent(attribute.ints_size())}, Shape(attribute.ints().begin(), attribute.ints().end()));
    case proto::AttributeProto::FLOAT:
      return give(T::FLOAT, {});
    case proto::AttributeProto::FLOATS:
      return give(T::FLOAT, {Extent(attribute.floats_size())});
    case proto::AttributeProto::STRING:
      return give(T::STRING, {});
    case proto::AttributeProto::STRINGS:
      return give(T::STRING, {Extent(attribute.strings_size())});
    default:
      break;
    }
  }
  return node.fail("has no value that Fathom reads");
}

static bool constantOfShape(NodeShapes &node) {
  const proto::AttributeProto *value = node.attribute("value");
  int32_t element = value ? value->t().data_type() : T::FLOAT;
  if (!node.in(0).contents) {
    return node.give(0, element, std::nullopt);
  }
  std::optional<std::vector<int64_t>> number = value ? readIntegers(value->t()) : std::nullopt;
  return number && number->size() == 1 ? giveAll(node, element, *node.in(0).contents, number->front())
                                       : node.give(0, element, node.in(0).contents);
}

static bool expand(NodeShapes &node) {
  if (!node.ranked(0) || !node.in(1).contents) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  std::optional<Shape> shape = node.broadcast(*node.in(0).shape, *node.in(1).contents);
  if (!shape) {
    return false;
  }
  const std::optional<Shape> &contents = node.in(0).contents;
  return contents && contents->size() == 1 ? giveAll(node, node.in(0).element, *shape, contents->front())
                                           : node.give(0, node.in(0).element, shape);
}

static bool range(NodeShapes &node) {
  std::optional<Shape> bounds[] = {node.in(0).contents, node.in(1).contents, node.in(2).contents};
  int32_t element = node.in(0).element;
  bool known = llvm::all_of(bounds, [](const std::optional<Shape> &bound) { return bound && bound->size() == 1; });
  if (!known) {
    return node.give(0, element, Shape{node.unknown()});
  }
  std::optional<Extent> begin = Extent::multiply(bounds[0]->front(), -1);
  std::optional<Extent> count = begin ? Extent::add(bounds[1]->front(), *begin) : std::nullopt;
  count = count && count->constant() ? Extent(std::max<int64_t>(*count->constant(), 0)) : count;
  const Extent &step = bounds[2]->front();
  if (step.is(0)) {
    return node.fail("has a step of 0");
  }
  if (!step.is(1)) {
    return node.give(0, element, Shape{node.unknown()});
  }
  std::optional<Shape> contents;
  if (count && count->constant() && *count->constant() <= kMostContents && bounds[0]->front().constant()) {
    contents = Shape();
    for (int64_t i = 0; i < *count->constant(); ++i) {
      contents->push_back(*Extent::add(bounds[0]->front(), i));
    }
  }
  return node.give(0, element, Shape{node.orUnknown(count)}, contents);
}

llvm::ArrayRef<ShapeRuleRow> creationRules() {
  static const ShapeRuleRow rows[] = {
      {"", "Constant", constant, 0}, {"", "ConstantOfShape", constantOfShape},
      {"", "Expand", expand, 2},     {"", "Range", range, 3},
      {"", "Shape", shapeOf},        {"", "Size", sizeOf},
  };
  return rows;
}

} // namespace fathom::onnx
