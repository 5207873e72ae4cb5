// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that make tensors of shapes and constants, and that make other types of tensors.

#include "dialects/onnx/evaluate/NodeValues.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>

using namespace mlir;

namespace fathom::onnx {

static bool constantOfShape(NodeValues &node) {
  auto attribute = node.op().getNodeAttr<ElementsAttr>("value");
  llvm::Expected<Array> value =
      attribute ? readAttribute(attribute) : Array(Float32Type::get(node.op().getContext()), {1});
  if (!value || value->size() != 1) {
    llvm::consumeError(value.takeError());
    return node.fail("has a value that is not one number");
  }
  return node.pick(*value, node.in(0).integers, [](ArrayRef<int64_t>) { return 0; });
}

static bool expand(NodeValues &node) {
  std::optional<Extents> shape = broadcast(node.in(0).shape, node.in(1).integers);
  if (!shape) {
    return node.fail("has a shape that its input is not broadcast to");
  }
  Extents strides = stridesIn(node.in(0).shape, *shape);
  return node.pick(node.in(0), *shape, [&](ArrayRef<int64_t> place) { return elementAt(place, strides); });
}

static bool range(NodeValues &node) {
  const Array &begin = node.in(0), &end = node.in(1), &step = node.in(2);
  for (const Array *bound : {&begin, &end, &step}) {
    if (bound->size() != 1 || bound->element != begin.element || !(bound->isReal() || bound->isInteger())) {
      return node.fail("has bounds that are not numbers of one type");
    }
  }
  double count = std::ceil((end.real(0) - begin.real(0)) / step.real(0));
  if (!(std::abs(count) <= static_cast<double>(kMostElements))) {
    return node.fail("has a step that does not end");
  }
  int64_t size = std::max<int64_t>(static_cast<int64_t>(count), 0);
  Array *out = node.make(0, begin.element, {size});
  for (int64_t i = 0; out && i < size; ++i) {
    if (out->isReal()) {
      out->reals[i] = begin.reals[0] + static_cast<double>(i) * step.reals[0];
    } else {
      out->integers[i] = static_cast<int64_t>(static_cast<uint64_t>(begin.integers[0]) +
                                              static_cast<uint64_t>(i) * static_cast<uint64_t>(step.integers[0]));
    }
  }
  return out != nullptr;
}

static bool shapeOf(NodeValues &node) {
  int64_t rank = node.in(0).rank();
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t begin = clamp(node.integer("start", 0)), end = std::max(begin, clamp(node.integer("end", rank)));
  return node.give(0, Array::list(node.op().getContext(), ArrayRef(node.in(0).shape).slice(begin, end - begin)));
}

static bool sizeOf(NodeValues &node) {
  return node.give(0, Array::scalar(IntegerType::get(node.op().getContext(), 64), node.in(0).size()));
}

static bool identity(NodeValues &node) { return node.give(0, node.in(0)); }

// Of training, what is decided; the mask says what was kept.
static bool dropout(NodeValues &node) {
  double ratio = node.number(1, node.real("ratio", 0.5));
  if (node.whole(2, 0) != 0 && ratio != 0) {
    return node.fail("drops numbers by chance");
  }
  Array *mask = node.make(1, IntegerType::get(node.op().getContext(), 1), node.in(0).shape);
  if (mask) {
    llvm::fill(mask->integers, 1);
  }
  return mask && identity(node);
}

/// The shortest text that reads as the same number.
static std::string print(double value, Type element) {
  for (int digits = 1; digits < 18; ++digits) {
    std::string text(40, '\0');
    text.resize(static_cast<size_t>(std::snprintf(text.data(), text.size(), "%.*g", digits, value)));
    if (std::isnan(value) || std::isinf(value)) {
      return std::isnan(value) ? "NaN" : value < 0 ? "-INF" : "INF";
    }
    if (roundTo(element, std::strtod(text.c_str(), nullptr)) == value) {
      return text;
    }
  }
  return {};
}

/// The largest finite number of a type, which conversions to 8 bits end at.
static double largest(Type element) {
  APFloat number = APFloat::getLargest(cast<FloatType>(element).getFloatSemantics());
  bool inexact = false;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
  return number.convertToDouble();
}

static double toReal(const Array &from, int64_t at) {
  return from.strings.empty() ? from.real(at) : std::strtod(from.strings[at].c_str(), nullptr);
}

static int64_t toInteger(const Array &from, int64_t at, bool toBool) {
  if (from.isInteger()) {
    return toBool ? from.integers[at] != 0 : from.integers[at];
  }
  double value = toReal(from, at);
  return toBool ? value != 0 : truncate(value);
}

static void convert(const Array &from, Array &to, bool saturate) {
  bool isByte = to.isReal() && to.element.getIntOrFloatBitWidth() <= 8;
  for (int64_t i = 0; i < from.size(); ++i) {
    if (to.isReal()) {
      double value = toReal(from, i);
      to.reals[i] = isByte && saturate ? std::clamp(value, -largest(to.element), largest(to.element)) : value;
    } else if (to.isInteger()) {
      to.integers[i] = toInteger(from, i, to.element.isInteger(1));
    } else if (from.isReal()) {
      to.strings[i] = print(from.reals[i], from.element);
    } else {
      to.strings[i] = from.isInteger() ? std::to_string(from.integers[i]) : from.strings[i];
    }
  }
}

static bool cast(NodeValues &node) {
  const Array &from = node.in(0);
  Type element = node.has(1) ? node.in(1).element : node.elementOf(0, {});
  if (from.isComplex() || from.isSequence() || isa_and_nonnull<ComplexType>(element)) {
    return node.fail("converts something else than numbers");
  }
  Array *to = node.make(0, element, from.shape);
  if (to) {
    convert(from, *to, node.integer("saturate", 1) != 0);
  }
  return to != nullptr;
}

llvm::ArrayRef<EvaluateRow> creationRows() {
  static const EvaluateRow rows[] = {
      {"", "Cast", cast},       {"", "CastLike", cast, 2}, {"", "ConstantOfShape", constantOfShape},
      {"", "Dropout", dropout}, {"", "Expand", expand, 2}, {"", "Identity", identity, 1, true},
      {"", "Range", range, 3},  {"", "Shape", shapeOf},    {"", "Size", sizeOf},
  };
  return rows;
}

} // namespace fathom::onnx
