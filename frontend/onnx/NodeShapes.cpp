// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What rules of operators share.

#include "frontend/onnx/NodeShapes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>

namespace fathom::onnx {

/// Little-endian numbers of `bytes` bytes each.
static std::optional<std::vector<int64_t>> readRaw(llvm::StringRef raw, unsigned bytes, bool isSigned) {
  std::vector<int64_t> numbers;
  for (; raw.size() >= bytes; raw = raw.drop_front(bytes)) {
    uint64_t number = 0;
    std::memcpy(&number, raw.data(), bytes);
    numbers.push_back(isSigned ? llvm::SignExtend64(number, bytes * 8) : static_cast<int64_t>(number));
  }
  return numbers;
}

/// Of a number of f32 that is an integer, as some exporters write those.
static std::optional<std::vector<int64_t>> readWholeFloat(const proto::TensorProto &tensor) {
  float number = 0.5f;
  if (tensor.has_raw_data() && tensor.raw_data().size() == sizeof number) {
    std::memcpy(&number, tensor.raw_data().data(), sizeof number);
  } else if (tensor.float_data_size() == 1) {
    number = tensor.float_data(0);
  }
  bool whole = std::abs(number) < 16777216.0f && number == std::trunc(number);
  return whole ? std::optional(std::vector{static_cast<int64_t>(number)}) : std::nullopt;
}

std::optional<std::vector<int64_t>> readIntegers(const proto::TensorProto &tensor) {
  using T = proto::TensorProto;
  if (tensor.data_type() == T::FLOAT && tensor.data_location() != T::EXTERNAL) {
    return readWholeFloat(tensor);
  }
  const ElementType *type = findElementType(tensor.data_type());
  bool followed = llvm::is_contained({T::INT64, T::INT32, T::BOOL}, tensor.data_type());
  if (!followed || tensor.data_location() == T::EXTERNAL) {
    return std::nullopt;
  }
  if (tensor.has_raw_data()) {
    return readRaw(tensor.raw_data(), type->bits / 8, tensor.data_type() != T::BOOL);
  }
  return tensor.data_type() == T::INT64 ? std::vector<int64_t>(tensor.int64_data().begin(), tensor.int64_data().end())
                                        : std::vector<int64_t>(tensor.int32_data().begin(), tensor.int32_data().end());
}

const Value &NodeShapes::in(size_t input) const {
  static const Value unknown;
  return has(input) ? *inputs[input] : unknown;
}

std::optional<std::vector<int64_t>> NodeShapes::integers(size_t input) const {
  const std::optional<Shape> &contents = in(input).contents;
  if (!contents) {
    return std::nullopt;
  }
  std::vector<int64_t> numbers;
  for (const Extent &extent : *contents) {
    if (!extent.constant()) {
      return std::nullopt;
    }
    numbers.push_back(*extent.constant());
  }
  return numbers;
}

const proto::AttributeProto *NodeShapes::attribute(llvm::StringRef name) const {
  for (const proto::AttributeProto &attribute : node.attribute()) {
    if (attribute.name() == name) {
      return &attribute;
    }
  }
  return nullptr;
}

int64_t NodeShapes::integer(llvm::StringRef name, int64_t other) const {
  const proto::AttributeProto *found = attribute(name);
  return found ? found->i() : other;
}

llvm::StringRef NodeShapes::string(llvm::StringRef name, llvm::StringRef other) const {
  const proto::AttributeProto *found = attribute(name);
  return found ? llvm::StringRef(found->s()) : other;
}

std::optional<std::vector<int64_t>> NodeShapes::list(llvm::StringRef name, size_t input, bool *isGiven) const {
  const proto::AttributeProto *found = attribute(name);
  if (isGiven) {
    *isGiven = found || has(input);
  }
  return found ? std::optional(std::vector<int64_t>(found->ints().begin(), found->ints().end())) : integers(input);
}

bool NodeShapes::give(size_t output, int32_t element, std::optional<Shape> shape, std::optional<Shape> contents) {
  if (shape && shape->size() > kMostRank) {
    return fail("gives a tensor of " + llvm::Twine(shape->size()) + " dimensions; Fathom takes up to " +
                llvm::Twine(kMostRank));
  }
  for (const Extent &extent : shape.value_or(Shape())) {
    if (extent.constant() && *extent.constant() < 0) {
      return fail("gives a tensor with an extent of " + llvm::Twine(*extent.constant()));
    }
  }
  if (output < results.size()) {
    // Rules may have more or fewer numbers than elements: of [2, 1] and [1, 2], two for four.
    std::optional<Extent> count = shape && contents ? multiplyAll(*shape) : std::nullopt;
    bool followed = count && contents->size() <= kMostContents && count->is(static_cast<int64_t>(contents->size()));
    results[output] = Value(element, std::move(shape), followed ? std::move(contents) : std::nullopt);
  }
  return true;
}

bool NodeShapes::giveSequence(int32_t element, std::optional<Shape> shape) {
  if (!give(0, element, std::move(shape))) {
    return false;
  }
  if (!results.empty()) {
    results[0].isSequence = true;
  }
  return true;
}

std::optional<int64_t> NodeShapes::axis(int64_t given, int64_t rank) {
  if (given < -rank || given >= rank) {
    fail("has the axis " + llvm::Twine(given) + " of " + llvm::Twine(rank) + " dimensions");
    return std::nullopt;
  }
  return given < 0 ? given + rank : given;
}

std::optional<Shape> NodeShapes::broadcast(llvm::ArrayRef<Extent> a, llvm::ArrayRef<Extent> b) {
  llvm::ArrayRef<Extent> longer = a.size() < b.size() ? b : a, shorter = a.size() < b.size() ? a : b;
  Shape shape(longer.begin(), longer.end());
  for (size_t i = 0; i < shorter.size(); ++i) {
    Extent &to = shape[longer.size() - shorter.size() + i];
    const Extent &from = shorter[i];
    if (from.constant() && to.constant() && from != to && !from.is(1) && !to.is(1)) {
      fail("has inputs of unlike shapes: " + llvm::Twine(*to.constant()) + " and " + llvm::Twine(*from.constant()));
      return std::nullopt;
    }
    // Of two that are not known to be equal a number says more; callers must feed what fits.
    to = to.is(1) || (from.constant() && !from.is(1)) ? from : to;
  }
  return shape;
}

bool NodeShapes::checkTypes(size_t a, size_t b) {
  bool differ = in(a).element != 0 && in(b).element != 0 && in(a).element != in(b).element;
  return !differ || fail("has inputs of unlike types: " + describe(in(a)) + " and " + describe(in(b)));
}

bool NodeShapes::fail(const llvm::Twine &what) {
  message = what.str();
  return false;
}

std::string describe(const Value &value, const Symbols &symbols) {
  const ElementType *type = findElementType(value.element);
  std::string text = type ? type->name.str() : "?";
  if (!value.shape) {
    return text;
  }
  text += "[";
  for (size_t i = 0; i < value.shape->size(); ++i) {
    text += (i ? "," : "") + (*value.shape)[i].str(symbols);
  }
  return text + "]";
}

const ShapeRuleRow *findShapeRule(llvm::StringRef domain, llvm::StringRef op) {
  static const llvm::StringMap<const ShapeRuleRow *> rules = [] {
    llvm::StringMap<const ShapeRuleRow *> all;
    for (llvm::ArrayRef<ShapeRuleRow> table :
         {elementwiseRules(), creationRules(), shapeRules(), indexRules(), productRules(), fusedRules()}) {
      for (const ShapeRuleRow &row : table) {
        all[(row.domain + "/" + row.op).str()] = &row;
      }
    }
    return all;
  }();
  return rules.lookup((domain + "/" + op).str());
}

} // namespace fathom::onnx
