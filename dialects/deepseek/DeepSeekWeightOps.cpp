// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of weights and recipes.

#include "dialects/deepseek/Verifiers.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

#include "dialects/deepseek/WeightSymbol.cpp.inc"

namespace fathom::deepseek {

bool WeightSymbol::hasExpertTable() {
  auto target = (*this)->getParentOp()->getAttrOfType<TargetAttr>(kTargetAttr);
  return getExperts() && !(target && target.getLayout());
}

LayoutAttr getLayout(Type weight) {
  return dyn_cast_if_present<LayoutAttr>(cast<RankedTensorType>(weight).getEncoding());
}

SmallVector<int64_t> getStoredShape(RankedTensorType weight) {
  LayoutAttr layout = getLayout(weight);
  return layout ? layout.getStoredShape(weight.getShape()) : SmallVector<int64_t>(weight.getShape());
}

RankedTensorType withLayout(RankedTensorType weight, LayoutAttr layout) {
  return RankedTensorType::get(weight.getShape(), weight.getElementType(), layout);
}

static int64_t getRowDimension(RankedTensorType type) { return std::max<int64_t>(type.getRank() - 2, 0); }

int64_t countRows(RankedTensorType type) { return type.getDimSize(getRowDimension(type)); }

RankedTensorType withRows(RankedTensorType type, int64_t rows) {
  SmallVector<int64_t> shape(type.getShape());
  shape[getRowDimension(type)] = rows;
  return type.clone(shape);
}

template <typename Op>
static LogicalResult verifyLayers(Op op) {
  if (!op.getLayers()) {
    return success();
  }
  ArrayRef<int64_t> layers = *op.getLayers();
  bool ascending = !layers.empty() && layers.front() >= 0 && llvm::is_sorted(layers, std::less_equal<int64_t>());
  if (!ascending) {
    return op.emitOpError("expects ascending layers, but got [") << layers << "]";
  }
  // Pages of the cache hold that many layers.
  std::optional<int64_t> count = countStoredLayers(op->template getParentOfType<ModuleOp>());
  if (count && layers.back() >= *count) {
    return op.emitOpError("expects layers below ") << *count << ", but got [" << layers << "]";
  }
  return success();
}

LogicalResult WeightOp::verify() {
  int64_t rank = getTensorType().getRank() - int64_t(getExperts());
  if (rank < 1 || rank > 2) { // C2
    return emitOpError(getExperts() ? "expects a dimension of experts before one or two of the weight's own, but got "
                                    : "expects one or two dimensions, but got ")
           << getType();
  }
  if (failed(verifyLayers(*this))) { // C3
    return failure();
  }
  int64_t expected = 2 * getTensorCount();
  if (int64_t(getLocations().size()) != expected) { // C1
    return emitOpError("expects ") << expected
                                   << " numbers in locations, a shard and an offset for each tensor, but got "
                                   << getLocations().size();
  }
  const int64_t *negative = llvm::find_if(getLocations(), [](int64_t number) { return number < 0; });
  if (negative != getLocations().end()) {
    return emitOpError("expects no negative number in locations, but got ") << *negative;
  }
  if (getScale() && !getTensorType().getElementType().isF32()) { // C4
    return emitOpError("expects scales of f32, but got ") << getType();
  }
  int64_t bits = getTensorType().getElementTypeBitWidth();
  if (bits < 8 && (rank != 2 || getTensorType().getShape().back() * bits % 8 != 0)) { // C5
    return emitOpError("expects rows of whole bytes, but got ") << getType();
  }
  return success();
}

LogicalResult RecipeOp::verifyRegions() {
  Block &body = getBody().front();
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield.getValue().getType() != getType() || body.getNumArguments() > 0) { // C1
    return emitOpError("expects its region to take no arguments and to yield ") << getType();
  }
  if (getExperts() && getTensorType().getRank() < 2) { // C2
    return emitOpError("expects a dimension of experts before the weight's own, but got ") << getType();
  }
  return verifyLayers(*this); // C3
}

LogicalResult ConcatRowsOp::verify() {
  int64_t rows = 0;
  auto result = getResult().getType();
  for (Value source : getSources()) {
    auto type = cast<RankedTensorType>(source.getType());
    if (withRows(type, 1) != withRows(result, 1)) { // C1
      return emitOpError("expects sources that differ only in rows, but got ") << type << " for " << result;
    }
    rows += countRows(type);
  }
  if (rows != countRows(result)) { // C2
    return emitOpError("expects a result of ") << rows << " rows, but got " << result;
  }
  return success();
}

static LogicalResult verifyResult(Operation *op, RankedTensorType expected) {
  Type result = op->getResult(0).getType();
  return result == expected ? success() : op->emitOpError("expects a result ") << expected << ", but got " << result;
}

LogicalResult SliceRowsOp::verify() {
  RankedTensorType source = getSource().getType(), result = getResult().getType();
  if (result != withRows(source, countRows(result))) { // C1
    return emitOpError("expects rows of ") << source << ", but got " << result;
  }
  int64_t most = (countRows(source) - 1 - getBegin()) / getStep() + 1;
  if (int64_t(getBegin()) >= countRows(source) || countRows(result) > most) { // C2
    return emitOpError("takes ") << countRows(result) << " rows from " << getBegin() << ", " << getStep()
                                 << " apart, of " << countRows(source);
  }
  return success();
}

LogicalResult ExpandScaleOp::verify() {
  RankedTensorType result = getResult().getType();
  int64_t scales = llvm::divideCeil(countRows(result), getRows());
  if (getScale().getType() != withRows(result, scales)) { // C1
    return emitOpError("expects a scale ") << withRows(result, scales) << ", but got " << getScale().getType();
  }
  if (!result.getElementType().isF32()) { // C2
    return emitOpError("expects f32 scales, but got ") << result;
  }
  return success();
}

LogicalResult ToF32Op::verify() {
  return verifyResult(*this, getSource().getType().clone(Float32Type::get(getContext()))); // C1
}

static LogicalResult verifyFloats(Operation *op, RankedTensorType source) {
  return isa<FloatType>(source.getElementType()) ? success() : op->emitOpError("expects floats, but got ") << source;
}

LogicalResult ToBF16Op::verify() {
  if (failed(verifyFloats(*this, getSource().getType()))) { // C1
    return failure();
  }
  return verifyResult(*this, getSource().getType().clone(BFloat16Type::get(getContext()))); // C2
}

/// `type` with rows of as many numbers as those of `expected`, where it has as many or more.
static RankedTensorType cutRows(RankedTensorType type, RankedTensorType expected) {
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = std::min(shape.back(), expected.getShape().back());
  return type.clone(shape);
}

LogicalResult DequantizeOp::verify() {
  RankedTensorType result = getResult().getType(), grid = getScaleType(result, getBlock());
  RankedTensorType numbers = result.clone(Float32Type::get(getContext()));
  if (!isActivationElement(result.getElementType())) { // C1
    return emitOpError("expects a result of f32 or bf16, but got ") << result;
  }
  if (cutRows(getNumbers().getType(), numbers) != numbers) { // C1, C2
    return emitOpError("expects numbers ") << numbers << " or longer rows, but got " << getNumbers().getType();
  }
  if (getScales().getType() != grid) { // C1, C3
    return emitOpError("expects scales ") << grid << ", but got " << getScales().getType();
  }
  if (getZeros() && (getZero() || cutRows(getZeros().getType(), grid) != grid)) { // C1, C4
    return emitOpError("expects zeros ") << grid << " or longer rows, and no other zero, but got "
                                         << getZeros().getType();
  }
  return success();
}

LogicalResult QuantizeOp::verify() {
  if (failed(verifyFloats(*this, getSource().getType()))) { // C1
    return failure();
  }
  bool isF8 = isa<Float8E4M3FNType>(getResult().getType().getElementType());
  Type element = isF8 ? Type(Float8E4M3FNType::get(getContext())) : IntegerType::get(getContext(), 8);
  return verifyResult(*this, getSource().getType().clone(element)); // C2
}

LogicalResult QuantizeScalesOp::verify() {
  if (failed(verifyFloats(*this, getSource().getType()))) { // C1
    return failure();
  }
  auto group = BlockScaleAttr::get(getContext(), 1, getGroup());
  bool isF8 = getResult().getType().getElementType().isF32();
  Type quantized = isF8 ? Type(Float8E4M3FNType::get(getContext())) : IntegerType::get(getContext(), 8);
  return verifyResult(*this, getScaleType(getSource().getType().clone(quantized), group)); // C2
}

LogicalResult TransposeOp::verify() {
  SmallVector<int64_t> shape = llvm::to_vector(getSource().getType().getShape());
  std::swap(shape.end()[-1], shape.end()[-2]);
  return verifyResult(*this, getSource().getType().clone(shape)); // C1
}

LogicalResult ConvertLayoutOp::verify() {
  RankedTensorType source = getSource().getType(), result = getResult().getType();
  if (!getLayout(result) || withLayout(result, LayoutAttr()) != source) { // C1
    return emitOpError("expects a result ") << source << " in a layout, but got " << result;
  }
  return success();
}

LogicalResult RopeTableOp::verify() {
  RankedTensorType result = getResult().getType();
  if (!result.getElementType().isF32()) { // C1
    return emitOpError("expects an f32 table, but got ") << result;
  }
  return verifyRopeTable(*this, result, 2 * getRope().getFrequencies().size());
}

/// `fathom-fold-rope-tables` moves it to the weight side.
KernelUse RopeTableOp::getKernelUse() { return {}; }

void RopeTableOp::describe(KernelDescription &kernel) {}

int64_t RopeTableOp::getItemCount() { return 1; }

LogicalResult SourceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto recipe = cast<RecipeOp>((*this)->getParentOp());
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(recipe->getParentOp(), getWeightAttr());
  if (!weight || weight.getType() != getResult().getType()) { // C1
    return emitOpError("expects ") << getWeightAttr() << " to be a weight of type " << getResult().getType();
  }
  bool sameLayers = !weight.getLayers() || weight.getLayersAttr() == recipe.getLayersAttr();
  bool sameExperts =
      weight.getExperts() == recipe.getExperts() && weight.getTensorsPerLayer() == recipe.getTensorsPerLayer();
  if (!sameLayers || !sameExperts) { // C2
    return emitOpError("expects ") << getWeightAttr() << " to have the layers and experts of the recipe";
  }
  return success();
}

LogicalResult GetWeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = symbols.lookupNearestSymbolFrom<WeightSymbol>(*this, getWeightAttr());
  if (!weight) { // C1
    return emitOpError("expects a weight or recipe, but got unknown symbol ") << getWeightAttr();
  }
  if (weight.getTensorType() != getResult().getType()) {
    return emitOpError("expects the type of ")
           << getWeightAttr() << ", " << weight.getTensorType() << ", but got " << getResult().getType();
  }
  if (weight.getLayers().has_value() != bool(getLayer())) { // C2
    return emitOpError("expects a layer if and only if the weight has layers: ") << getWeightAttr();
  }
  return success();
}

} // namespace fathom::deepseek
