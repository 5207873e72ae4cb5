// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up values for weights, and what recipes make of them.

#include "codegen/reference/SeededWeights.h"
#include "codegen/reference/RecipeSteps.h"

#include "dialects/onnx/evaluate/ReadInitializer.h"
#include "kernels/ref/ref.h"

#include "llvm/Support/Path.h"

#include <cmath>

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

/// Weights of a model to evaluate, in numbers: 512 MiB.
constexpr int64_t kMostNumbers = int64_t(1) << 27;

/// Tensors that are more than tables of frequencies, scales or masks of few positions.
constexpr int64_t kFewNumbers = 256;

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

/// The number at `index` of a weight called `name`, which may scale another.
static float makeNumber(StringRef name, RankedTensorType type, bool isScale, const SeededNumbers &numbers,
                        uint64_t index) {
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
  if (isScale) {
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

static Tensor makeTensor(StringRef name, const std::string &stream, RankedTensorType type, bool isScale) {
  Tensor tensor;
  tensor.shape = llvm::to_vector(type.getShape());
  tensor.reals.resize(type.getNumElements());
  SeededNumbers seeded(stream);
  for (size_t i = 0; i < tensor.reals.size(); ++i) {
    tensor.reals[i] = makeNumber(name, type, isScale, seeded, i);
  }
  return tensor;
}

void SeededWeights::begin(ModuleOp module) {
  for (auto weight : module.getOps<WeightOp>()) {
    original.insert(weight.getSymName());
  }
}

SeededWeights::Place SeededWeights::placeOf(WeightOp weight, std::optional<int64_t> layer, int64_t expert) {
  RankedTensorType type = weight.getTensorType();
  int64_t experts = weight.getExperts() ? type.getDimSize(0) : 1;
  std::optional<ArrayRef<int64_t>> layers = weight.getLayers();
  int64_t number = layers && layer ? llvm::find(*layers, *layer) - layers->begin() : 0;
  ArrayRef<int64_t> location = weight.getLocations().slice(2 * (number * experts + expert), 2);
  return {type.getElementType(), location[0], location[1]};
}

void SeededWeights::remember(const Place &place, TensorPtr tensor) {
  places[place.file].try_emplace(place.offset, place.element, std::move(tensor));
}

/// Integers of type `wanted` that lie, the first of them `skipped` bits behind, where those of type `known` do.
static bool unpackNumbers(Type known, const Tensor &tensor, int64_t skipped, Type wanted, int64_t count,
                          std::vector<float> &found) {
  int64_t from = known.getIntOrFloatBitWidth(), to = wanted.getIntOrFloatBitWidth();
  if (!isPackedElement(wanted) || from % to != 0 || skipped + count * to > tensor.size() * from) {
    return false;
  }
  SmallVector<float> values = listValues(wanted);
  for (int64_t bit = skipped; bit < skipped + count * to; bit += to) {
    uint64_t pattern = uint64_t(int64_t(tensor.reals[bit / from])) >> (bit % from);
    found.push_back(values[pattern % values.size()]);
  }
  return true;
}

bool SeededWeights::findNumbers(const Place &place, int64_t count, std::vector<float> &found) const {
  auto file = places.find(place.file);
  if (file == places.end() || file->second.begin()->first > place.offset) {
    return false;
  }
  const auto &[begin, known] = *std::prev(file->second.upper_bound(place.offset));
  const auto &[element, tensor] = known;
  int64_t skipped = (place.offset - begin) * 8;
  if (element.isInteger() && place.element.isInteger()) {
    return unpackNumbers(element, *tensor, skipped, place.element, count, found);
  }
  int64_t first = skipped / int64_t(element.getIntOrFloatBitWidth());
  if (element != place.element || first > tensor->size() - count) {
    return false;
  }
  found.insert(found.end(), tensor->reals.begin() + first, tensor->reals.begin() + first + count);
  return true;
}

/// Whether a weight is what others are that are known: each of its experts.
bool SeededWeights::findElsewhere(WeightOp weight, std::optional<int64_t> layer, Tensor &tensor) const {
  RankedTensorType type = weight.getTensorType();
  int64_t experts = weight.getExperts() ? type.getDimSize(0) : 1;
  tensor.shape = llvm::to_vector(type.getShape());
  bool found = !original.contains(weight.getSymName());
  for (int64_t expert = 0; found && expert < experts; ++expert) {
    found = findNumbers(placeOf(weight, layer, expert), type.getNumElements() / experts, tensor.reals);
  }
  return found;
}

/// The name of the file that has an initializer; empty where the module does not say.
static StringRef findFile(onnx::InitializerOp initializer) {
  auto shards = initializer->getParentOfType<ModuleOp>()->getAttrOfType<ArrayAttr>(kShardsAttr);
  bool isKnown = shards && initializer.getFile() < shards.size();
  return isKnown ? cast<ShardAttr>(shards[initializer.getFile()]).getFile() : StringRef();
}

/// The numbers that a file has.
static llvm::Expected<onnx::Array> readFile(onnx::InitializerOp initializer, StringRef folder) {
  StringRef file = findFile(initializer);
  if (file.empty()) {
    return llvm::createStringError("the file of @" + initializer.getSymName() + " is not known");
  }
  SmallString<256> path(folder);
  llvm::sys::path::append(path, file);
  return onnx::readInitializer(initializer, path);
}

llvm::Expected<onnx::Array> SeededWeights::makeInitializer(onnx::InitializerOp initializer) const {
  RankedTensorType type = initializer.getTensorType();
  Type element = type.getElementType();
  bool isOwn = findFile(initializer).ends_with(".onnx");
  if (!folder.empty() && (isOwn || type.getNumElements() <= kFewNumbers)) {
    return readFile(initializer, folder);
  }
  if (!onnx::isHeld(element) || element.isInteger(64) || element.isInteger(32) || element.isInteger(1)) {
    return llvm::createStringError("no numbers are made up for @" + initializer.getSymName() +
                                   ", which may say what is where");
  }
  onnx::Array array(element, type.getShape());
  SeededNumbers seeded(initializer.getSymName());
  for (auto [i, number] : llvm::enumerate(array.integers)) {
    number = onnx::wrapTo(element, int64_t(seeded.bits(i)));
  }
  if (array.isReal()) {
    Tensor tensor = makeTensor(initializer.getSymName(), initializer.getSymName().str(), type, /*isScale=*/false);
    array.reals.assign(tensor.reals.begin(), tensor.reals.end());
  }
  return array;
}

llvm::Expected<onnx::Array> SeededWeights::getInitializer(onnx::InitializerOp initializer) {
  if (llvm::Error error = reserve(initializer.getTensorType(), initializer.getSymName())) {
    return error;
  }
  llvm::Expected<onnx::Array> array = makeInitializer(initializer);
  if (array && (array->isReal() || array->isInteger())) {
    Tensor tensor;
    tensor.shape = array->shape;
    for (int64_t i = 0; i < array->size(); ++i) {
      tensor.reals.push_back(float(array->real(i)));
    }
    remember({array->element, int64_t(initializer.getFile()), int64_t(initializer.getOffset())},
             std::make_shared<Tensor>(std::move(tensor)));
  }
  return array;
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
  bool isKnown = findElsewhere(weight, layer, tensor);
  if (!isKnown) {
    tensor =
        makeTensor(key.first, key.first + "/" + std::to_string(key.second), weight.getTensorType(), weight.getScale());
  }
  known = std::make_shared<Tensor>(std::move(tensor));
  if (!isKnown && !weight.getExperts()) {
    remember(placeOf(weight, layer, 0), known);
  }
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
