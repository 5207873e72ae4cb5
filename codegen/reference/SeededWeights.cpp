// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up values for weights, and what recipes make of them.

#include "codegen/reference/SeededWeights.h"
#include "codegen/reference/RecipeSteps.h"

#include "kernels/ref/ref.h"

#include <cmath>

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

/// Weights of a model to evaluate, in numbers: 512 MiB.
constexpr int64_t kMostNumbers = int64_t(1) << 27;

static float roundTo(Type type, double value) {
  if (type.isBF16()) {
    return ref::bf16_to_f32(ref::f32_to_bf16(float(value)));
  }
  if (type.isF16()) {
    llvm::APFloat half(value);
    bool inexact = false;
    half.convert(llvm::APFloat::IEEEhalf(), llvm::APFloat::rmNearestTiesToEven, &inexact);
    return float(half.convertToDouble());
  }
  return float(value);
}

/// The number at `index` of a weight called `name`.
static float makeNumber(WeightOp weight, const SeededNumbers &numbers, uint64_t index) {
  RankedTensorType type = weight.getTensorType();
  if (isa<Float8E4M3FNType>(type.getElementType())) {
    // Codes below 8.0, so that sums of products stay near 1.
    uint64_t bits = numbers.bits(index);
    return ref::f8e4m3_to_f32(uint8_t((bits >> 8) % 80 | (bits & 0x80)));
  }
  if (isPackedElement(type.getElementType())) {
    SmallVector<float> values = listValues(type.getElementType());
    float value = values[numbers.bits(index) % values.size()];
    return std::isfinite(value) ? value : 1;
  }
  double value = numbers.uniform(index);
  StringRef name = weight.getSymName();
  if (weight.getScale()) {
    value = 0.015 + 0.005 * value;
  } else if (name.contains("bias")) {
    value = 0.5 * value;
  } else if (type.getRank() == 1) {
    value = 1.0 + 0.5 * value;
  } else {
    value *= std::sqrt(3.0 / double(type.getShape().back()));
  }
  return roundTo(type.getElementType(), value);
}

llvm::Error SeededWeights::reserve(Type type, StringRef name) {
  int64_t total = numbers;
  int64_t size = 1;
  bool tooLarge = false;
  for (int64_t dimension : cast<RankedTensorType>(type).getShape()) {
    tooLarge |= dimension < 0 || __builtin_mul_overflow(size, dimension, &size);
  }
  if (tooLarge || __builtin_add_overflow(total, size, &total) || total > kMostNumbers) {
    return llvm::createStringError("weight @" + name + " makes the model too large to evaluate; use a smaller one");
  }
  numbers = total;
  return llvm::Error::success();
}

llvm::Expected<TensorPtr> SeededWeights::makeWeight(WeightOp weight, std::optional<int64_t> layer) {
  std::pair<std::string, int64_t> key(weight.getSymName(), layer.value_or(-1));
  TensorPtr &known = weights[key];
  if (known) {
    return known;
  }
  if (llvm::Error error = reserve(weight.getType(), weight.getSymName())) {
    return error;
  }
  Tensor tensor;
  tensor.shape = llvm::to_vector(weight.getTensorType().getShape());
  tensor.reals.resize(weight.getTensorType().getNumElements());
  SeededNumbers seeded(key.first + "/" + std::to_string(key.second));
  for (size_t i = 0; i < tensor.reals.size(); ++i) {
    tensor.reals[i] = makeNumber(weight, seeded, i);
  }
  known = std::make_shared<Tensor>(std::move(tensor));
  return known;
}

llvm::Expected<TensorPtr> SeededWeights::getRopeTable(RopeTableOp op) {
  TensorPtr &known = ropeTables[op.getRope().getAsOpaquePointer()][op.getType().getAsOpaquePointer()];
  if (known) {
    return known;
  }
  if (llvm::Error error = reserve(op.getType(), "rope_table")) {
    return error;
  }
  Tensor table;
  table.shape = llvm::to_vector(op.getType().getShape());
  double magnitude = op.getRope().getMagnitude();
  for (int64_t position = 0; position < table.shape[0]; ++position) {
    for (double frequency : op.getRope().getFrequencies()) {
      table.reals.push_back(float(magnitude * std::cos(double(position) * frequency)));
      table.reals.push_back(float(magnitude * std::sin(double(position) * frequency)));
    }
  }
  known = std::make_shared<Tensor>(std::move(table));
  return known;
}

llvm::Expected<TensorPtr> SeededWeights::runStep(Operation *step, ArrayRef<TensorPtr> sources,
                                                 std::optional<int64_t> layer) {
  if (auto source = dyn_cast<SourceOp>(step)) {
    return get(step->getParentOfType<ModuleOp>(), source.getWeight(), layer);
  }
  if (auto table = dyn_cast<RopeTableOp>(step)) {
    return getRopeTable(table);
  }
  if (llvm::Error error = reserve(step->getResult(0).getType(), "in a recipe")) {
    return error;
  }
  llvm::Expected<Tensor> result = evaluateRecipeStep(step, sources);
  if (!result) {
    return result.takeError();
  }
  return std::make_shared<Tensor>(std::move(*result));
}

llvm::Expected<TensorPtr> SeededWeights::runRecipe(RecipeOp recipe, std::optional<int64_t> layer) {
  // What recipes make is freed after each evaluation, so it does not count for good.
  int64_t before = numbers;
  llvm::DenseMap<Value, TensorPtr> values;
  for (Operation &step : recipe.getBody().front().without_terminator()) {
    SmallVector<TensorPtr> sources;
    for (Value operand : step.getOperands()) {
      sources.push_back(values.lookup(operand));
    }
    llvm::Expected<TensorPtr> result = runStep(&step, sources, layer);
    if (!result) {
      return result.takeError();
    }
    values[step.getResult(0)] = *result;
  }
  numbers = before;
  return values.lookup(cast<YieldOp>(recipe.getBody().front().getTerminator()).getValue());
}

llvm::Expected<TensorPtr> SeededWeights::get(ModuleOp module, StringRef name, std::optional<int64_t> layer) {
  auto symbol = module.lookupSymbol<WeightSymbol>(name);
  if (!symbol) {
    return llvm::createStringError("unknown weight or recipe @" + name);
  }
  std::optional<ArrayRef<int64_t>> layers = symbol.getLayers();
  if (layers && (!layer || !llvm::is_contained(*layers, *layer))) {
    return llvm::createStringError("weight @" + name + " has no layer " + llvm::Twine(layer.value_or(-1)));
  }
  if (!layers) {
    layer = std::nullopt;
  }
  auto recipe = dyn_cast<RecipeOp>(symbol.getOperation());
  return recipe ? runRecipe(recipe, layer) : makeWeight(cast<WeightOp>(symbol.getOperation()), layer);
}

} // namespace fathom::reference
