// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The module of a model: its facts, its weights, a function per group of layers, and @forward.

#include "frontend/huggingface/ImportModel.h"

#include "dialects/deepseek/Phase.h"
#include "frontend/huggingface/Families.h"
#include "frontend/huggingface/LayerBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace fathom::huggingface {

namespace {
class ModelImporter {
public:
  ModelImporter(MLIRContext &context, const ModelConfig &config, const ModelWeights &weights,
                const checkpoint::Checkpoint &checkpoint, const ImportOptions &options)
      : builder(&context), loc(builder.getUnknownLoc()), config(config), weights(weights), checkpoint(checkpoint),
        options(options) {}

  OwningOpRef<ModuleOp> run() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    builder.setInsertionPointToEnd(module->getBody());
    setFacts(*module);
    for (const WeightStack &stack : weights.model) {
      addWeight(stack, "");
    }
    for (const LayerGroup &group : weights.groups) {
      for (const WeightStack &stack : group.stacks) {
        addWeight(stack, group.name + ".");
      }
    }
    for (const LayerGroup &group : weights.groups) {
      addLayer(group);
    }
    addForward();
    return module;
  }

private:
  void setFacts(ModuleOp module);
  void addWeight(const WeightStack &stack, const Twine &prefix);
  void addConversion(StringRef name, deepseek::WeightOp weight);
  struct Input {
    StringRef name;
    Type type;
  };
  func::FuncOp addFunction(StringRef name, ArrayRef<Input> inputs, ArrayRef<Type> results);
  void addLayer(const LayerGroup &group);
  void addForward();
  Value getWeight(StringRef part);

  Type activation(int64_t width) { return RankedTensorType::get({ShapedType::kDynamic, width}, builder.getF32Type()); }
  Type ids() { return RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type()); }
  Type cache();

  OpBuilder builder;
  mlir::Location loc;
  const ModelConfig &config;
  const ModelWeights &weights;
  const checkpoint::Checkpoint &checkpoint;
  const ImportOptions &options;
};
} // namespace

void ModelImporter::setFacts(ModuleOp module) {
  const GenerationConfig &generation = config.generation;
  auto integer = [&](StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  SmallVector<NamedAttribute> facts = {
      builder.getNamedAttr("family", builder.getStringAttr(config.modelType)),
      integer("vocabulary", config.vocabulary),
      integer("hidden", config.hidden),
      integer("layers", config.layers),
      integer("max_context", options.maxContext),
      integer("bos_token", generation.bosToken.value_or(-1)),
      builder.getNamedAttr("eos_tokens", builder.getDenseI64ArrayAttr(generation.eosTokens)),
  };
  auto addReal = [&](StringRef name, std::optional<double> value) {
    if (value) {
      facts.push_back(builder.getNamedAttr(name, builder.getF64FloatAttr(*value)));
    }
  };
  // Without "do_sample" generation is greedy, whatever the temperature; what else is not said stays absent.
  addReal("temperature", generation.sample ? generation.temperature.value_or(1.0) : 0.0);
  addReal("top_p", generation.topP);
  addReal("min_p", generation.minP);
  addReal("repetition_penalty", generation.repetitionPenalty);
  if (generation.topK) {
    facts.push_back(integer("top_k", *generation.topK));
  }
  module->setAttr(deepseek::kModelAttr, builder.getDictionaryAttr(facts));
  deepseek::markPhase(module, "deepseek");

  // Weights say where they lie by a shard's place in this list; its size and hash tell another file of that name.
  SmallVector<Attribute> shards;
  for (const checkpoint::Shard &shard : checkpoint.shards()) {
    shards.push_back(deepseek::ShardAttr::get(builder.getContext(), shard.name, shard.size, shard.header->hash()));
  }
  module->setAttr(deepseek::kShardsAttr, builder.getArrayAttr(shards));
}

Type ModelImporter::cache() {
  SmallVector<deepseek::StoreAttr> stores;
  for (const Store &store : storesOf(config)) {
    stores.push_back(
        deepseek::StoreAttr::get(builder.getContext(), store.name, store.heads, store.width, builder.getF32Type()));
  }
  return deepseek::CacheType::get(builder.getContext(), stores);
}

void ModelImporter::addWeight(const WeightStack &stack, const Twine &prefix) {
  SmallVector<int64_t> shape(stack.shape.begin(), stack.shape.end());
  if (stack.experts > 0) {
    shape.insert(shape.begin(), stack.experts);
  }
  SmallVector<int64_t> locations;
  locations.reserve(2 * stack.locations.size());
  for (const Location &location : stack.locations) {
    locations.push_back(location.shard);
    locations.push_back(int64_t(location.offset));
  }
  DenseI64ArrayAttr layers = stack.layers.empty() ? nullptr : builder.getDenseI64ArrayAttr(stack.layers);
  std::string name = (prefix + stack.part).str();
  Type stored = convertDType(builder, stack.dtype), read = getReadType(builder, stack.dtype);
  auto weight = deepseek::WeightOp::create(builder, loc, stored == read ? name : name + ".stored",
                                           RankedTensorType::get(shape, stored), stack.experts > 0, layers,
                                           stack.pattern, builder.getDenseI64ArrayAttr(locations));
  if (stored != read) {
    addConversion(name, weight);
  }
}

/// A recipe called `name` for what code reads instead of `weight`.
void ModelImporter::addConversion(StringRef name, deepseek::WeightOp weight) {
  OpBuilder::InsertionGuard guard(builder);
  RankedTensorType stored = weight.getTensorType(), read = stored.clone(builder.getF32Type());
  auto recipe = deepseek::RecipeOp::create(builder, loc, name, read, weight.getExperts(), weight.getLayersAttr());
  builder.setInsertionPointToStart(&recipe.getBody().emplaceBlock());
  Value source = deepseek::SourceOp::create(builder, loc, stored, weight.getSymName());
  deepseek::YieldOp::create(builder, loc, deepseek::ToF32Op::create(builder, loc, read, source));
}

func::FuncOp ModelImporter::addFunction(StringRef name, ArrayRef<Input> inputs, ArrayRef<Type> results) {
  auto types = llvm::map_to_vector(inputs, [](const Input &input) { return input.type; });
  auto function = func::FuncOp::create(builder, loc, name, builder.getFunctionType(types, results));
  for (auto [number, input] : llvm::enumerate(inputs)) {
    function.setArgAttr(number, deepseek::kInputAttr, builder.getStringAttr(input.name));
  }
  builder.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

/// func @<group>(%stream, %positions, %cache, %layer) -> (stream, cache)
void ModelImporter::addLayer(const LayerGroup &group) {
  OpBuilder::InsertionGuard guard(builder);
  Type stream = activation(config.hidden);
  auto function = addFunction(group.name,
                              {{deepseek::kActivationInput, stream},
                               {deepseek::kPositionsInput, ids()},
                               {deepseek::kCacheInput, cache()},
                               {deepseek::kLayerInput, builder.getIndexType()}},
                              {stream, cache()});
  function.setPrivate();
  SmallVector<deepseek::Real> frequencies;
  for (double frequency : config.ropeFrequencies()) {
    frequencies.push_back(frequency);
  }
  auto rope = deepseek::RopeAttr::get(builder.getContext(), frequencies, config.ropeMagnitude());
  LayerBuilder layer(builder, config, group, rope, options.maxContext);
  LayerBuilder::State out =
      layer.build({function.getArgument(0), function.getArgument(2)}, function.getArgument(1), function.getArgument(3));
  func::ReturnOp::create(builder, loc, ValueRange{out.stream, out.cache});
}

Value ModelImporter::getWeight(StringRef part) {
  const WeightStack *stack = weights.find(part);
  auto type = RankedTensorType::get(stack->shape, getReadType(builder, stack->dtype));
  return deepseek::GetWeightOp::create(builder, loc, type, stack->part, Value());
}

/// func @forward(%tokens, %positions, %logit_rows, %cache) -> (logits, cache)
void ModelImporter::addForward() {
  Type stream = activation(config.hidden);
  auto function = addFunction("forward",
                              {{deepseek::kTokensInput, ids()},
                               {deepseek::kPositionsInput, ids()},
                               {deepseek::kLogitRowsInput, ids()},
                               {deepseek::kCacheInput, cache()}},
                              {activation(config.vocabulary), cache()});
  function.setResultAttr(0, deepseek::kOutputAttr, builder.getStringAttr(deepseek::kLogitsOutput));
  Value positions = function.getArgument(1);
  Value x = deepseek::EmbeddingOp::create(builder, loc, stream, function.getArgument(0), getWeight("embed_tokens"));
  Value state = function.getArgument(3);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    Value index = arith::ConstantIndexOp::create(builder, loc, layer);
    auto call = func::CallOp::create(builder, loc, weights.groupOf(layer)->name, TypeRange{stream, cache()},
                                     ValueRange{x, positions, state, index});
    x = call.getResult(0);
    state = call.getResult(1);
    if (layer + 1 < config.layers) {
      deepseek::RecordStateOp::create(builder, loc, x, layer);
    }
  }
  // As in the hidden states of transformers, the last layer's is the one behind the norm.
  x = deepseek::RmsNormOp::create(builder, loc, stream, x, getWeight("norm"), llvm::APFloat(config.rmsNormEpsilon));
  deepseek::RecordStateOp::create(builder, loc, x, config.layers - 1);
  Value selected = deepseek::SelectRowsOp::create(builder, loc, stream, x, function.getArgument(2));
  Value head = getWeight(weights.tiedHead ? "embed_tokens" : "lm_head");
  Value logits = deepseek::LinearOp::create(builder, loc, activation(config.vocabulary), selected, head, Value(),
                                            Value(), ValueRange(), deepseek::BlockScaleAttr());
  func::ReturnOp::create(builder, loc, ValueRange{logits, state});
}

OwningOpRef<ModuleOp> importModel(MLIRContext &context, const ModelConfig &config, const ModelWeights &weights,
                                  const checkpoint::Checkpoint &checkpoint, const ImportOptions &options) {
  return ModelImporter(context, config, weights, checkpoint, options).run();
}

} // namespace fathom::huggingface
