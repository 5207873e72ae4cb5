// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What rules ask of a node, and the table of all rules.

#include "dialects/onnx/evaluate/NodeValues.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace fathom::onnx {

const Array &NodeValues::in(size_t input) const {
  static const Array none;
  return has(input) ? *inputs[input] : none;
}

bool NodeValues::expectRank(size_t input, int64_t rank) {
  bool fits = has(input) && !in(input).isSequence() && in(input).rank() == rank;
  return fits || fail("wants an input " + Twine(input) + " of " + Twine(rank) + " dimensions");
}

std::string NodeValues::string(StringRef name, StringRef other) const {
  auto value = op().getNodeAttr<StringAttr>(name);
  return value ? value.getValue().str() : other.str();
}

std::optional<Extents> NodeValues::attribute(StringRef name) const {
  auto values = op().getNodeAttr<DenseI64ArrayAttr>(name);
  return values ? std::optional(Extents(values.asArrayRef())) : std::nullopt;
}

std::optional<Extents> NodeValues::list(StringRef name, size_t input) const {
  if (has(input)) {
    return Extents(in(input).integers.begin(), in(input).integers.end());
  }
  return attribute(name);
}

double NodeValues::number(size_t input, double other) const {
  bool given = (in(input).isReal() || in(input).isInteger()) && in(input).size() > 0;
  return given ? in(input).real(0) : other;
}

int64_t NodeValues::whole(size_t input, int64_t other) const {
  return in(input).integers.empty() ? other : in(input).integers.front();
}

std::optional<Extents> NodeValues::indices(size_t input, int64_t extent) {
  Extents indices;
  for (int64_t index : in(input).integers) {
    if (index < -extent || index >= extent) {
      fail("takes element " + Twine(index) + " of " + Twine(extent));
      return std::nullopt;
    }
    indices.push_back(index < 0 ? index + extent : index);
  }
  if (!in(input).isInteger()) {
    fail("has indices that are not integers");
    return std::nullopt;
  }
  return indices;
}

Type NodeValues::elementOf(size_t output, Type other) const {
  auto type = output < outputCount() ? dyn_cast<TensorType>(op()->getResult(output).getType()) : TensorType();
  return type ? type.getElementType() : other;
}

std::optional<Array> NodeValues::makeInner(Type element, ArrayRef<int64_t> shape) {
  if (!isHeld(element) || !countElements(shape)) {
    fail(element ? "gives a tensor that is too large to be evaluated, or of a type that is not"
                 : "has a sequence where it wants a tensor");
    return std::nullopt;
  }
  return Array(element, shape);
}

Array *NodeValues::make(size_t output, Type element, ArrayRef<int64_t> shape) {
  std::optional<Array> made = makeInner(element, shape);
  return made ? &(results[output] = std::move(*made)) : nullptr;
}

bool NodeValues::give(size_t output, Array array) {
  results[output] = std::move(array);
  return true;
}

std::optional<int64_t> NodeValues::axis(int64_t given, int64_t rank) {
  if (given < -rank || given >= rank) {
    fail("has the axis " + Twine(given) + " of " + Twine(rank) + " dimensions");
    return std::nullopt;
  }
  return given < 0 ? given + rank : given;
}

bool NodeValues::fail(const Twine &what) {
  message = message.empty() ? what.str() : message;
  return false;
}

static llvm::StringMap<const EvaluateRow *> makeIndex() {
  llvm::StringMap<const EvaluateRow *> index;
  for (ArrayRef<EvaluateRow> rows :
       {unaryRows(), elementwiseRows(), creationRows(), shapeRows(), indexRows(), sequenceRows(), alongAxisRows(),
        productRows(), reduceRows(), normRows(), quantizeRows(), expertRows(), rotaryRows(), attentionRows(),
        groupQueryRows(), raisedRows(), raisedExpertRows()}) {
    for (const EvaluateRow &row : rows) {
      index[(row.domain + "." + row.op).str()] = &row;
    }
  }
  return index;
}

const EvaluateRow *findEvaluateRow(StringRef domain, StringRef op) {
  static const llvm::StringMap<const EvaluateRow *> index = makeIndex();
  return index.lookup((domain + "." + op).str());
}

} // namespace fathom::onnx
