// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of weights and recipes.

#include "dialects/deepseek/DeepSeek.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom::deepseek {

WeightShape getWeightShape(RankedTensorType type, bool experts) {
  ArrayRef<int64_t> shape = type.getShape().drop_front(experts ? 1 : 0);
  if (shape.size() == 3) {
    return {shape[0] * shape[2], shape[1], /*panels=*/true};
  }
  return {shape[0], shape[1], /*panels=*/false};
}

RankedTensorType getPanelsType(RankedTensorType type) {
  ArrayRef<int64_t> shape = type.getShape();
  SmallVector<int64_t> packed(shape.drop_back(2));
  packed.push_back(llvm::divideCeil(shape[shape.size() - 2], kPanelWidth));
  packed.push_back(shape.back());
  packed.push_back(kPanelWidth);
  return RankedTensorType::get(packed, type.getElementType());
}

LogicalResult WeightOp::verify() {
  if (getExperts() && getTensorType().getRank() < 2) { // C2
    return emitOpError("expects a dimension of experts before the weight's own, but got ") << getType();
  }
  int64_t expected = 2 * getLayerCount() * getSlicesPerLayer();
  if (int64_t(getLocations().size()) != expected) { // C1
    return emitOpError("expects ") << expected
                                   << " numbers in locations, a shard and an offset for each tensor, but got "
                                   << getLocations().size();
  }
  return success();
}

LogicalResult RecipeOp::verifyRegions() {
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield || yield.getValue().getType() != getType()) {
    return emitOpError("expects its region to yield ") << getType();
  }
  return success();
}

LogicalResult ConcatRowsOp::verify() {
  int64_t rows = 0;
  auto result = getResult().getType();
  for (Value source : getSources()) {
    auto type = cast<RankedTensorType>(source.getType());
    if (type.getRank() != result.getRank() || type.getShape().back() != result.getShape().back() ||
        type.getElementType() != result.getElementType()) {
      return emitOpError("expects sources that differ in rows only, but got ") << type << " for " << result;
    }
    rows += type.getDimSize(type.getRank() - 2);
  }
  if (rows != result.getDimSize(result.getRank() - 2)) {
    return emitOpError("expects a result of ") << rows << " rows, but got " << result;
  }
  return success();
}

LogicalResult RopeTableOp::verify() {
  ArrayRef<int64_t> shape = getResult().getType().getShape();
  int64_t pairs = getRope().getFrequencies().size();
  if (shape.size() != 3 || shape[1] != pairs || shape[2] != 2) {
    return emitOpError("expects a table [positions, ") << pairs << ", 2], but got " << getResult().getType();
  }
  return success();
}

/// The type and layers of the weight or recipe called `symbol`, or nothing.
static std::optional<std::pair<Type, bool>> lookUp(SymbolTableCollection &symbols, Operation *from,
                                                   FlatSymbolRefAttr symbol) {
  Operation *op = symbols.lookupNearestSymbolFrom(from, symbol);
  if (auto weight = dyn_cast_or_null<WeightOp>(op)) {
    return std::make_pair(weight.getType(), weight.getLayers().has_value());
  }
  if (auto recipe = dyn_cast_or_null<RecipeOp>(op)) {
    return std::make_pair(recipe.getType(), recipe.getLayers().has_value());
  }
  return std::nullopt;
}

LogicalResult GetWeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = lookUp(symbols, *this, getWeightAttr());
  if (!weight) {
    return emitOpError("expects a weight or recipe, but got unknown symbol ") << getWeightAttr();
  }
  if (weight->first != getResult().getType()) {
    return emitOpError("expects the type of ")
           << getWeightAttr() << ", " << weight->first << ", but got " << getResult().getType();
  }
  if (weight->second != bool(getLayer())) {
    return emitOpError("expects a layer exactly where the weight has layers: ") << getWeightAttr();
  }
  return success();
}

} // namespace fathom::deepseek
