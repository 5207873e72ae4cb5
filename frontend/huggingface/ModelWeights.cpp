// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sorting tensors into parts: look up every name that the family's parts imply, then account for every tensor that
// no fact asked for.

#include "frontend/huggingface/ModelWeights.h"

#include "frontend/huggingface/TensorFinder.h"
#include "frontend/huggingface/WeightCopies.h"
#include "llvm/ADT/STLExtras.h"

namespace fathom::huggingface {

using checkpoint::Checkpoint;
using checkpoint::Diagnostics;
using checkpoint::DType;
using checkpoint::Problem;

uint64_t WeightStack::tensorBytes() const {
  uint64_t bits = checkpoint::bitWidth(dtype);
  // The shape equals that of a tensor whose byte size was checked against its file.
  for (int64_t extent : shape) {
    bits *= static_cast<uint64_t>(extent);
  }
  return bits / 8;
}

static const WeightStack *findStack(const std::vector<WeightStack> &stacks, llvm::StringRef part) {
  auto at = llvm::find_if(stacks, [&](const WeightStack &stack) { return stack.part == part; });
  return at == stacks.end() ? nullptr : &*at;
}

const WeightStack *LayerGroup::find(llvm::StringRef part) const { return findStack(stacks, part); }

const WeightStack *ModelWeights::find(llvm::StringRef part) const { return findStack(model, part); }

std::vector<const LayerGroup *> ModelWeights::allGroups() const {
  std::vector<const LayerGroup *> all;
  for (const LayerGroup &group : groups) {
    all.push_back(&group);
  }
  if (draft) {
    all.push_back(&*draft);
  }
  return all;
}

const LayerGroup *ModelWeights::groupOf(int64_t layer) const {
  auto at = llvm::find_if(groups, [&](const LayerGroup &group) { return llvm::is_contained(group.layers, layer); });
  return at == groups.end() ? nullptr : &*at;
}

/// True where the layers of both have the same weights, of the same shapes and element types.
static bool areAlike(const LayerGroup &a, const LayerGroup &b) {
  return a.moe == b.moe && llvm::equal(a.stacks, b.stacks, [](const WeightStack &x, const WeightStack &y) {
           return x.part == y.part && x.shape == y.shape && x.dtype == y.dtype;
         });
}

/// Adds a layer, itself a group of one, to the group it is like, or makes it a new group of kind `kind`.
static void addLayer(std::vector<LayerGroup> &groups, LayerGroup layer, llvm::StringRef kind) {
  for (LayerGroup &group : groups) {
    if (!areAlike(group, layer)) {
      continue;
    }
    group.layers.push_back(layer.layers.front());
    for (auto [into, from] : llvm::zip_equal(group.stacks, layer.stacks)) {
      into.layers = group.layers;
      into.locations.insert(into.locations.end(), from.locations.begin(), from.locations.end());
    }
    return;
  }
  size_t sameKind = llvm::count_if(groups, [&](const LayerGroup &group) { return group.moe == layer.moe; });
  layer.name = kind.str() + (sameKind == 0 ? "" : "_" + std::to_string(sameKind + 1));
  groups.push_back(std::move(layer));
}

namespace {

/// What the shards have of a layer behind the model's last.
struct LayerRemains {
  /// A tensor that only a multi-token-prediction layer has.
  bool ofDraft = false;
  /// A tensor that any layer has.
  bool ofLayer = false;
  /// All of those, not counting experts.
  bool wholeLayer = true;

  bool any() const { return ofDraft || ofLayer; }
};

/// Finds the weights of one model; one use.
class WeightSorter {
public:
  WeightSorter(const ModelConfig &config, const Checkpoint &checkpoint, Diagnostics &diagnostics)
      : config(config), checkpoint(checkpoint), diagnostics(diagnostics), finder(config, checkpoint, diagnostics) {}

  ModelWeights run(bool wantDraft);

private:
  std::vector<WeightStack> stacksOf(int64_t layer);
  LayerGroup layer(int64_t index);
  void draftLayer(bool wanted);
  void describeDraft() const;
  LayerRemains findRemains(int64_t layer) const;
  bool refuseWrapped() const;
  bool refuseLayout() const;
  bool refuseRenamedDraft() const;
  void compareQuantization() const;
  void accountForRest();
  void explainRest(const checkpoint::TensorRef &ref);

  const ModelConfig &config;
  const Checkpoint &checkpoint;
  Diagnostics &diagnostics;
  TensorFinder finder;
  ModelWeights weights;
  int64_t mtpEnd = 0;
  /// Errors of the draft's layer.
  size_t draftErrors = 0;
};

} // namespace

ModelWeights WeightSorter::run(bool wantDraft) {
  if (refuseWrapped() || refuseLayout() || (wantDraft && refuseRenamedDraft())) {
    return {};
  }
  // A config.json may imply billions of tensors; naming each missing one would take hours.
  int64_t implied = countTensors(config);
  if (implied > 2 * static_cast<int64_t>(checkpoint.tensorCount()) + 1'000'000) {
    diagnostics.error(Problem::BadInput, "missing-tensor", checkpoint.directory(), "",
                      "config.json implies " + llvm::Twine(implied) + " tensors, but the shards have " +
                          llvm::Twine(checkpoint.tensorCount()));
    return {};
  }
  weights.tiedHead = config.tiedEmbeddings;
  weights.model = stacksOf(kWholeModel);
  for (int64_t index = 0; index < config.layers; ++index) {
    addLayer(weights.groups, layer(index), config.isMoeLayer(index) ? "moe" : "dense");
  }
  draftLayer(wantDraft);
  accountForRest();
  compareQuantization();
  if (draftErrors > 0 && draftErrors == diagnostics.errorCount()) {
    diagnostics.note("draft", checkpoint.directory(), "",
                     "the multi-token-prediction layer can be left out: fathom compile --draft=none");
  }
  return std::move(weights);
}

/// What PEFT calls the tensors of adapters, and of the weights that they adapt.
static bool isOfAdapter(llvm::StringRef name) {
  return name.starts_with("base_model.") || name.contains(".lora_") || name.contains(".base_layer.");
}

static constexpr llvm::StringLiteral kNotDescribed = "the model computes something that config.json does not describe";
static constexpr llvm::StringLiteral kLayerCount =
    "num_hidden_layers in config.json counts all layers but those of multi-token prediction";
static constexpr llvm::StringLiteral kMergeAdapter =
    "tensors of a PEFT adapter: merge it into the weights (merge_and_unload) and save the model that this gives";

/// One finding where layers are there under another name, instead of one for each of their tensors.
bool WeightSorter::refuseWrapped() const {
  llvm::StringRef expected = config.family->layerPrefix, found;
  for (const checkpoint::TensorRef &ref : checkpoint.allTensors()) {
    llvm::StringRef name = ref.tensor->name;
    if (name.starts_with(expected)) {
      return false;
    }
    size_t at = name.find("layers.");
    found = found.empty() && at != llvm::StringRef::npos ? name : found;
  }
  if (found.empty()) {
    return false;
  }
  diagnostics.error(Problem::Unsupported, "wrapped-weights", checkpoint.directory(), found,
                    "names of layers begin with \"" + escape(found.take_front(found.find("layers.")), 80) +
                        "layers.\", expected \"" + expected + "\"",
                    isOfAdapter(found) ? kMergeAdapter
                                       : "save the model that generates text (AutoModelForCausalLM), not its base, a "
                                         "larger model around it or a trainer's wrapper");
  return true;
}

/// One finding where projections are stored in a way that no part reads, instead of one for each.
bool WeightSorter::refuseLayout() const {
  static constexpr std::pair<const char *, const char *> kLayouts[] = {
      {".self_attn.qkv_proj.", "has several projections in one tensor, which is supported for experts only"},
      {".mlp.gate_up_proj.", "has several projections in one tensor, which is supported for experts only"},
      {".shared_experts.gate_up_proj.", "has several projections in one tensor, which is supported for experts only"},
      {".qweight", "is quantized; the only supported quantization is FP8"},
      {".weight.absmax", "is quantized; the only supported quantization is FP8"},
  };
  for (const checkpoint::TensorRef &ref : checkpoint.allTensors()) {
    for (auto [mark, what] : kLayouts) {
      if (ref.tensor->name.contains(mark)) {
        diagnostics.error(Problem::Unsupported, "unsupported-layout", checkpoint.shards()[ref.shard].path,
                          ref.tensor->name, what, "use the original checkpoint, or save the model unfused");
        return true;
      }
    }
  }
  return false;
}

/// True of what DeepSeek's own format calls tensors of multi-token prediction, which it does not count as layers.
static bool isOfRenamedDraft(const ModelConfig &config, llvm::StringRef name) {
  return name.starts_with("mtp.") && llvm::is_contained(config.family->parts, &mtp);
}

/// One finding where the draft is there under another name, instead of one for each of its tensors.
bool WeightSorter::refuseRenamedDraft() const {
  for (const checkpoint::TensorRef &ref : checkpoint.allTensors()) {
    llvm::StringRef name = ref.tensor->name;
    if (isOfRenamedDraft(config, name)) {
      diagnostics.error(Problem::Unsupported, "renamed-draft", checkpoint.shards()[ref.shard].path, name,
                        "is named as in DeepSeek's own format, expected the multi-token-prediction layer as \"" +
                            llvm::Twine(config.family->layerPrefix) + llvm::Twine(config.layers) + ".\"",
                        "use a checkpoint in the format of transformers, or leave the layer out: fathom compile "
                        "--draft=none");
      return true;
    }
  }
  return false;
}

/// A configuration of FP8 over weights that are not: it was not changed when they were converted, or they were not.
void WeightSorter::compareQuantization() const {
  auto isFp8 = [](const WeightStack &stack) { return stack.dtype == DType::F8_E4M3; };
  bool used = llvm::any_of(weights.groups, [&](const LayerGroup &group) { return llvm::any_of(group.stacks, isFp8); });
  if (config.quantization && !used && !diagnostics.hasErrors()) {
    diagnostics.warning(
        "two-configs", checkpoint.directory(), "",
        "config.json has a \"quantization_config\" of fp8, but no weight is F8_E4M3; weights say what they hold");
  }
}

std::vector<WeightStack> WeightSorter::stacksOf(int64_t layer) {
  std::vector<WeightStack> stacks;
  forEachTensor(config, layer, [&](const Part &part, const TensorFact &fact) {
    finder.collect(fact, patternOf(part, fact, config), layer, stacks);
  });
  return stacks;
}

LayerGroup WeightSorter::layer(int64_t index) {
  LayerGroup group;
  group.moe = config.isMoeLayer(index);
  group.layers = {index};
  group.stacks = stacksOf(index);
  return group;
}

LayerRemains WeightSorter::findRemains(int64_t layer) const {
  LayerRemains remains;
  forEachTensor(config, layer, [&](const Part &part, const TensorFact &fact) {
    bool isThere = !fact.copyOf && findTensor(checkpoint, config, part, fact, layer);
    if (part.scope == Scope::MtpLayer) {
      remains.ofDraft |= isThere;
    } else {
      remains.ofLayer |= isThere;
      remains.wholeLayer &= isThere || fact.isPerExpert();
    }
  });
  return remains;
}

/// Finds the first multi-token-prediction layer; further ones, and all where no draft is wanted, are recognized only.
void WeightSorter::draftLayer(bool wanted) {
  // A config.json may leave num_nextn_predict_layers out although the shards have the layer.
  mtpEnd = config.layers + config.mtpLayers;
  while (findRemains(mtpEnd).ofDraft) {
    ++mtpEnd;
  }
  int64_t next = config.layers;
  // A layer that lacks nothing but what would make it draft is one of the model: num_hidden_layers is too small.
  if (LayerRemains first = findRemains(next); first.wholeLayer && !first.ofDraft) {
    mtpEnd = next;
  }
  if (next == mtpEnd) {
    return;
  }
  size_t errors = diagnostics.errorCount();
  if (wanted && findRemains(next).any()) {
    compareCopies(config, checkpoint, next, diagnostics);
    weights.draft = layer(next++);
    weights.draft->name = "mtp";
  }
  draftErrors = diagnostics.errorCount() - errors;
  if (wanted && draftErrors == 0) {
    describeDraft();
  }
  finder.setOptionalModel(true);
  for (; next < mtpEnd; ++next) {
    if (findRemains(next).any()) {
      (void)layer(next);
    }
  }
}

/// Says what the configuration leads one to expect, and is not.
void WeightSorter::describeDraft() const {
  auto note = [&](const llvm::Twine &text) { diagnostics.note("draft", checkpoint.directory(), "", text); };
  int64_t found = 0;
  for (int64_t layer = config.layers; layer < mtpEnd; ++layer) {
    found += findRemains(layer).any();
  }
  std::string stated = "config.json says num_nextn_predict_layers " + std::to_string(config.mtpLayers);
  if (!weights.draft) {
    note(stated + ", but no shard has layer " + llvm::Twine(config.layers) + "; the model is compiled without a draft");
    return;
  }
  if (config.saysMtpLayers && found != config.mtpLayers) {
    note(stated + ", but the shards have " + llvm::Twine(found) + "; shards say what they hold");
  }
  if (found > 1) {
    note("has " + llvm::Twine(found) +
         " multi-token-prediction layers, of which the first is used; it drafts further tokens from its own states");
  }
}

void WeightSorter::accountForRest() {
  for (size_t i = 0; i < checkpoint.tensorCount(); ++i) {
    const checkpoint::TensorRef &ref = checkpoint.allTensors()[i];
    if (!finder.isUsed(i) && !isOfRenamedDraft(config, ref.tensor->name)) {
      explainRest(ref);
    }
  }
}

/// The layer index in "<prefix><index>.", which is cut off, or -1.
static int64_t takeLayer(llvm::StringRef &name, llvm::StringRef prefix) {
  int64_t index = -1;
  if (!name.consume_front(prefix) || name.consumeInteger(10, index) || !name.consume_front(".")) {
    return -1;
  }
  return index;
}

/// The part of a family whose layers have a tensor of this name, or null.
static const Part *findPart(const Family &family, llvm::StringRef name) {
  if (takeLayer(name, family.layerPrefix) < 0) {
    return nullptr;
  }
  auto hasIt = [&](const Part *part) {
    return llvm::any_of(part->tensors, [&](const TensorFact &fact) { return name == fact.name; });
  };
  auto at = llvm::find_if(family.parts, hasIt);
  return at == family.parts.end() ? nullptr : *at;
}

/// What may be wrong where no part of the family uses a tensor.
static std::string explainUnused(llvm::StringRef name, const ModelConfig &config) {
  if (isOfAdapter(name)) {
    return kMergeAdapter.str();
  }
  if (const Part *part = findPart(*config.family, name)) {
    return part->scope == Scope::MtpLayer ? kLayerCount.str() : kNotDescribed.str();
  }
  for (const Family &other : families()) {
    if (findPart(other, name)) {
      return std::string("layers of ") + other.modelType + " have such a tensor: is \"model_type\" right?";
    }
  }
  return kNotDescribed.str();
}

void WeightSorter::explainRest(const checkpoint::TensorRef &ref) {
  llvm::StringRef name = ref.tensor->name, file = checkpoint.shards()[ref.shard].path;
  llvm::StringRef rest = name;
  int64_t layer = takeLayer(rest, config.family->layerPrefix);
  if (name.ends_with("rotary_emb.inv_freq")) {
    diagnostics.note("ignored-tensor", file, name, "is ignored: frequencies come from config.json");
  } else if (config.tiedEmbeddings && name == "lm_head.weight") {
    compareTiedHead(checkpoint, ref, diagnostics);
  } else if (layer >= config.layers && layer < mtpEnd) {
    diagnostics.warning("ignored-tensor", file, name, "is not known in a multi-token-prediction layer; ignored");
  } else if (layer >= config.layers) {
    diagnostics.error(Problem::BadInput, "unexpected-tensor", file, name,
                      "is beyond the last layer: config.json says num_hidden_layers " + llvm::Twine(config.layers) +
                          " and num_nextn_predict_layers " + llvm::Twine(config.mtpLayers),
                      kLayerCount);
  } else if (name.ends_with("_scale_inv")) {
    diagnostics.error(Problem::BadInput, "unexpected-tensor", file, name, "are scales of a weight that is not FP8");
  } else {
    diagnostics.error(Problem::BadInput, "unexpected-tensor", file, name,
                      "no part of this " + config.modelType + " uses this tensor", explainUnused(name, config));
  }
}

ModelWeights findModelWeights(const ModelConfig &config, const Checkpoint &checkpoint, Diagnostics &diagnostics,
                              bool wantDraft) {
  return WeightSorter(config, checkpoint, diagnostics).run(wantDraft);
}

} // namespace fathom::huggingface
