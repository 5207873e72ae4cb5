// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The module of a model: its facts, its weights, a function per group of layers, @forward and @draft_forward.

#include "frontend/huggingface/ImportModel.h"

#include "dialects/deepseek/Phase.h"
#include "frontend/huggingface/Families.h"
#include "frontend/huggingface/LayerBuilder.h"
#include "frontend/huggingface/parts/Part.h"

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
    for (const LayerGroup *group : weights.allGroups()) {
      addWeights(*group);
    }
    for (const LayerGroup *group : weights.allGroups()) {
      addLayer(*group);
    }
    addForward();
    if (weights.draft) {
      addDraft(*weights.draft);
    }
    return module;
  }

private:
  void setFacts(ModuleOp module);
  void addWeight(const WeightStack &stack, const Twine &prefix);
  void addWeights(const LayerGroup &group);
  void addConversion(StringRef name, deepseek::WeightOp weight);
  struct Port {
    StringRef name; // empty: none
    Type type;
  };
  func::FuncOp addFunction(StringRef name, ArrayRef<Port> inputs, ArrayRef<Port> results);
  SmallVector<Port> listOutputs();
  void addLayer(const LayerGroup &group);
  LayerBuilder makeBuilder(const LayerGroup &group);
  void addForward();
  void addDraft(const LayerGroup &group);
  LayerBuilder::State callLayer(const LayerGroup &group, LayerBuilder::State in, Value positions, Value layer);
  Value embed(Value tokens);
  Value computeLogits(Value states, Value rows);
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

SmallVector<NamedAttribute> convertGeneration(Builder &builder, const GenerationConfig &generation) {
  SmallVector<NamedAttribute> facts = {
      builder.getNamedAttr("bos_token", builder.getI64IntegerAttr(generation.bosToken.value_or(-1))),
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
    facts.push_back(builder.getNamedAttr("top_k", builder.getI64IntegerAttr(*generation.topK)));
  }
  return facts;
}

void ModelImporter::setFacts(ModuleOp module) {
  auto integer = [&](StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  SmallVector<NamedAttribute> facts = {
      builder.getNamedAttr("family", builder.getStringAttr(config.modelType)),
      integer("vocabulary", config.vocabulary),
      integer("hidden", config.hidden),
      integer("layers", config.layers),
      integer("max_context", options.maxContext),
  };
  facts.append(convertGeneration(builder, config.generation));
  if (weights.draft) {
    facts.push_back(integer("draft_layers", 1));
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
  Type types[] = {builder.getF32Type(), builder.getBF16Type(), Float8E4M3FNType::get(builder.getContext())};
  SmallVector<deepseek::StoreAttr> stores;
  for (const Store &store : storesOf(config)) {
    stores.push_back(deepseek::StoreAttr::get(builder.getContext(), store.name, store.heads, store.width,
                                              types[size_t(options.cacheType)],
                                              options.cacheType == StoredType::Fp8 ? store.tail : 0));
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
                                           RankedTensorType::get(shape, stored), stack.experts > 0, stack.scale, layers,
                                           stack.pattern, builder.getDenseI64ArrayAttr(locations));
  if (stored != read) {
    addConversion(name, weight);
  }
}

void ModelImporter::addWeights(const LayerGroup &group) {
  for (const WeightStack &stack : group.stacks) {
    addWeight(stack, group.name + ".");
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

func::FuncOp ModelImporter::addFunction(StringRef name, ArrayRef<Port> inputs, ArrayRef<Port> results) {
  auto getType = [](const Port &port) { return port.type; };
  auto type = builder.getFunctionType(llvm::map_to_vector(inputs, getType), llvm::map_to_vector(results, getType));
  auto function = func::FuncOp::create(builder, loc, name, type);
  for (auto [number, input] : llvm::enumerate(inputs)) {
    function.setArgAttr(number, deepseek::kInputAttr, builder.getStringAttr(input.name));
  }
  for (auto [number, result] : llvm::enumerate(results)) {
    if (!result.name.empty()) {
      function.setResultAttr(number, deepseek::kOutputAttr, builder.getStringAttr(result.name));
    }
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
                              {{"", stream}, {"", cache()}});
  function.setPrivate();
  LayerBuilder layer = makeBuilder(group);
  LayerBuilder::State out =
      layer.build({function.getArgument(0), function.getArgument(2)}, function.getArgument(1), function.getArgument(3));
  func::ReturnOp::create(builder, loc, ValueRange{out.stream, out.cache});
}

LayerBuilder ModelImporter::makeBuilder(const LayerGroup &group) {
  SmallVector<deepseek::Real> frequencies;
  for (double frequency : config.ropeFrequencies()) {
    frequencies.push_back(frequency);
  }
  auto rope = deepseek::RopeAttr::get(builder.getContext(), frequencies, config.ropeMagnitude());
  return LayerBuilder(builder, config, group, rope, options.maxContext);
}

Value ModelImporter::getWeight(StringRef part) {
  const WeightStack *stack = weights.find(part);
  auto type = RankedTensorType::get(stack->shape, getReadType(builder, stack->dtype));
  return deepseek::GetWeightOp::create(builder, loc, type, stack->part, Value());
}

Value ModelImporter::embed(Value tokens) {
  return deepseek::EmbeddingOp::create(builder, loc, activation(config.hidden), tokens, getWeight("embed_tokens"));
}

LayerBuilder::State ModelImporter::callLayer(const LayerGroup &group, LayerBuilder::State in, Value positions,
                                             Value layer) {
  auto call = func::CallOp::create(builder, loc, group.name, TypeRange{in.stream.getType(), in.cache.getType()},
                                   ValueRange{in.stream, positions, in.cache, layer});
  return {call.getResult(0), call.getResult(1)};
}

Value ModelImporter::computeLogits(Value states, Value rows) {
  Value selected = deepseek::SelectRowsOp::create(builder, loc, states.getType(), states, rows);
  Value head = getWeight(weights.tiedHead ? "embed_tokens" : "lm_head");
  return deepseek::LinearOp::create(builder, loc, activation(config.vocabulary), selected, head, Value(), Value(),
                                    ValueRange(), deepseek::BlockScaleAttr());
}

/// Logits, what a draft begins with where there is one, and the cache.
SmallVector<ModelImporter::Port> ModelImporter::listOutputs() {
  SmallVector<Port> outputs = {{deepseek::kLogitsOutput, activation(config.vocabulary)}};
  if (weights.draft) {
    outputs.push_back({deepseek::kHiddenOutput, activation(config.hidden)});
  }
  outputs.push_back({"", cache()});
  return outputs;
}

/// func @forward(%tokens, %positions, %logit_rows, %cache) -> (logits, hidden_out, cache)
void ModelImporter::addForward() {
  OpBuilder::InsertionGuard guard(builder);
  auto function = addFunction("forward",
                              {{deepseek::kTokensInput, ids()},
                               {deepseek::kPositionsInput, ids()},
                               {deepseek::kLogitRowsInput, ids()},
                               {deepseek::kCacheInput, cache()}},
                              listOutputs());
  LayerBuilder::State state = {embed(function.getArgument(0)), function.getArgument(3)};
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    Value index = arith::ConstantIndexOp::create(builder, loc, layer);
    state = callLayer(*weights.groupOf(layer), state, function.getArgument(1), index);
    if (layer + 1 < config.layers) {
      deepseek::RecordStateOp::create(builder, loc, state.stream, layer);
    }
  }
  // As in the hidden states of transformers, the last layer's is the one behind the norm.
  Value x = deepseek::RmsNormOp::create(builder, loc, state.stream.getType(), state.stream, getWeight("norm"),
                                        llvm::APFloat(config.rmsNormEpsilon));
  deepseek::RecordStateOp::create(builder, loc, x, config.layers - 1);
  SmallVector<Value> results = {computeLogits(x, function.getArgument(2))};
  if (weights.draft) {
    results.push_back(x);
  }
  results.push_back(state.cache);
  func::ReturnOp::create(builder, loc, results);
}

/// func @draft_forward(%tokens, %positions, %hidden, %logit_rows, %cache) -> (logits, hidden_out, cache), where a token
/// is the one behind its row's position. Its layer has rows of the cache behind those of the model's.
void ModelImporter::addDraft(const LayerGroup &group) {
  OpBuilder::InsertionGuard guard(builder);
  auto function = addFunction("draft_forward",
                              {{deepseek::kTokensInput, ids()},
                               {deepseek::kPositionsInput, ids()},
                               {deepseek::kHiddenInput, activation(config.hidden)},
                               {deepseek::kLogitRowsInput, ids()},
                               {deepseek::kCacheInput, cache()}},
                              listOutputs());
  Value index = arith::ConstantIndexOp::create(builder, loc, config.layers);
  LayerBuilder layer = makeBuilder(group);
  layer.setLayer(index);
  Value joined = joinDraftInputs(layer, embed(function.getArgument(0)), function.getArgument(2));
  LayerBuilder::State out = callLayer(group, {joined, function.getArgument(4)}, function.getArgument(1), index);
  Value x = layer.norm(out.stream, "shared_head.norm", config.rmsNormEpsilon);
  Value logits = computeLogits(x, function.getArgument(3));
  func::ReturnOp::create(builder, loc, ValueRange{logits, out.stream, out.cache});
}

OwningOpRef<ModuleOp> importModel(MLIRContext &context, const ModelConfig &config, const ModelWeights &weights,
                                  const checkpoint::Checkpoint &checkpoint, const ImportOptions &options) {
  return ModelImporter(context, config, weights, checkpoint, options).run();
}

} // namespace fathom::huggingface
