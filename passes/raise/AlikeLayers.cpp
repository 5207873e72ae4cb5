// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two layers side by side, from their results back to what they are of.

#include "passes/raise/AlikeLayers.h"

#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

namespace {
/// Pairs of values of which the second has to follow by the same nodes as the first.
class Comparison {
public:
  explicit Comparison(Value bias) : bias(bias) {}

  /// Takes two values for the same, whatever they follow from.
  void assume(Value first, Value second) { pairs[first] = second; }
  void compare(Value first, Value second) { open.emplace_back(first, second); }
  bool compareTypes(Type first, Type second);
  bool run();
  /// What stands in the place of a value that was met; null: it was not.
  Value lookup(Value first) const { return pairs.lookup(first); }

private:
  bool compareOps(OpResult first, OpResult second);
  bool compareExtents(onnx::ShapeAttr first, onnx::ShapeAttr second);

  Value bias;
  llvm::DenseMap<Value, Value> pairs;
  llvm::StringMap<StringRef> extents; ///< pairs of those that follow from numbers
  SmallVector<std::pair<Value, Value>> open;
};
} // namespace

/// What stands in front of the number of an extent that follows from numbers, such as "2*" of "2*?5 + 1", and that
/// number.
static std::pair<StringRef, StringRef> takeNumber(StringRef &text) {
  auto [front, rest] = text.split('?');
  text = rest.drop_while(llvm::isDigit);
  return {front, rest.drop_back(text.size())};
}

/// Of two that follow from the numbers of values, each is what the other is.
bool Comparison::compareExtents(onnx::ShapeAttr first, onnx::ShapeAttr second) {
  if (!first || !second || first.getExtents().size() != second.getExtents().size()) {
    return first == second;
  }
  for (auto [one, other] : llvm::zip_equal(first.getExtents(), second.getExtents())) {
    StringRef a = one.getValue(), b = other.getValue();
    while (!a.empty() || !b.empty()) {
      auto [textOfA, numberOfA] = takeNumber(a);
      auto [textOfB, numberOfB] = takeNumber(b);
      if (textOfA != textOfB || extents.try_emplace(numberOfA, numberOfB).first->second != numberOfB) {
        return false;
      }
    }
  }
  return true;
}

bool Comparison::compareTypes(Type first, Type second) {
  auto a = dyn_cast<RankedTensorType>(first), b = dyn_cast<RankedTensorType>(second);
  if (!a || !b) {
    return first == second;
  }
  return a.getShape() == b.getShape() && a.getElementType() == b.getElementType() &&
         compareExtents(dyn_cast_if_present<onnx::ShapeAttr>(a.getEncoding()),
                        dyn_cast_if_present<onnx::ShapeAttr>(b.getEncoding()));
}

bool Comparison::compareOps(OpResult first, OpResult second) {
  Operation *a = first.getOwner(), *b = second.getOwner();
  auto shape = dyn_cast<onnx::ExtentsOp>(a), other = dyn_cast<onnx::ExtentsOp>(b);
  bool haveSameAttributes = shape && other ? compareExtents(shape.getNumbers(), other.getNumbers())
                                           : a->getAttrDictionary() == b->getAttrDictionary();
  bool isSame = a->getName() == b->getName() && haveSameAttributes && a->getNumRegions() == 0 &&
                b->getNumRegions() == 0 && a->getNumOperands() == b->getNumOperands() &&
                first.getResultNumber() == second.getResultNumber();
  for (unsigned i = 0; isSame && i < a->getNumOperands(); ++i) {
    compare(a->getOperand(i), b->getOperand(i));
  }
  return isSame;
}

bool Comparison::run() {
  while (!open.empty()) {
    auto [first, second] = open.pop_back_val();
    auto [known, isNew] = pairs.try_emplace(first, second);
    if (!isNew && known->second != second) {
      return false;
    }
    if (!isNew) {
      continue;
    }
    auto a = dyn_cast<OpResult>(first), b = dyn_cast<OpResult>(second);
    bool isBias = first == bias && isConstant(second);
    if (!compareTypes(first.getType(), second.getType()) || (!isBias && !(a && b && compareOps(a, b)))) {
      return false;
    }
  }
  return true;
}

/// Whether two products take their matrices in the same way; what chooses them is compared, too.
static bool compareMatrices(Comparison &comparison, const Matrices &first, const Matrices &second) {
  const std::pair<Value, Value> chosen[] = {
      {first.ids, second.ids}, {first.begins, second.begins}, {first.ends, second.ends}};
  for (auto [value, other] : chosen) {
    if (!value != !other) {
      return false;
    }
    value ? comparison.compare(value, other) : void();
  }
  return first.source.getType() == second.source.getType() && first.takesColumns == second.takesColumns &&
         first.index == second.index && first.idsArePlaces == second.idsArePlaces;
}

static bool compareNetworks(Comparison &comparison, const ExpertNetwork &first, const ExpertNetwork &second) {
  comparison.assume(first.output, second.output);
  comparison.compare(first.input, second.input);
  return comparison.compareTypes(first.output.getType(), second.output.getType()) &&
         compareMatrices(comparison, first.gate, second.gate) && compareMatrices(comparison, first.up, second.up) &&
         compareMatrices(comparison, first.down, second.down);
}

std::optional<KnownRouting> inferFromAlike(const KnownLayer &known, const ExpertLayer &layer) {
  const ExpertLayer &first = known.layer;
  Comparison comparison(known.routing.bias);
  if (!known.routing.holdsForAnyBias || first.networks.size() != layer.networks.size() ||
      !comparison.compareTypes(first.input.getType(), layer.input.getType()) ||
      !comparison.compareTypes(first.logits.getType(), layer.logits.getType())) {
    return std::nullopt;
  }
  comparison.assume(first.input, layer.input);
  comparison.assume(first.logits, layer.logits);
  comparison.compare(first.output, layer.output);
  for (auto [a, b] : llvm::zip_equal(first.networks, layer.networks)) {
    if (!compareNetworks(comparison, a, b)) {
      return std::nullopt;
    }
  }
  KnownRouting routing = known.routing;
  bool alike = comparison.run();
  routing.bias = routing.bias ? comparison.lookup(routing.bias) : Value();
  return alike ? std::optional(routing) : std::nullopt;
}

} // namespace fathom::raise
