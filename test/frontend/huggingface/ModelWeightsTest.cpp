// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sorting real and odd-shaped checkpoints into groups of layers and stacks of tensors.

#include "test/frontend/huggingface/SmallModel.h"

namespace fathom::huggingface {
namespace {

using checkpoint::DType;
using test::configText;
using test::SmallModel;
using test::with;

/// Loads a checkpoint of test/models that must be good.
ModelWeights load(const std::string &directory, std::unique_ptr<checkpoint::Checkpoint> &checkpoint) {
  checkpoint::Diagnostics diagnostics;
  ModelConfig config = loadModelConfig(directory, diagnostics);
  checkpoint = checkpoint::Checkpoint::open(directory, diagnostics);
  EXPECT_FALSE(diagnostics.hasErrors()) << test::printed(diagnostics);
  ModelWeights weights = findModelWeights(config, *checkpoint, diagnostics);
  EXPECT_EQ(test::printed(diagnostics), "") << directory;
  return weights;
}

/// A draft layer's copies of the embedding and the head, which nobody reads.
size_t countCopies(const checkpoint::Checkpoint &checkpoint) {
  return llvm::count_if(checkpoint.allTensors(), [](const checkpoint::TensorRef &ref) {
    llvm::StringRef name = ref.tensor->name;
    return name.starts_with("model.layers.") &&
           (name.ends_with(".embed_tokens.weight") || name.ends_with(".shared_head.head.weight"));
  });
}

size_t countTensors(const ModelWeights &weights) {
  size_t count = weights.model.size();
  for (const LayerGroup *group : weights.allGroups()) {
    for (const WeightStack &stack : group->stacks) {
      EXPECT_EQ(stack.locations.size(), group->layers.size() * std::max<size_t>(stack.experts, 1)) << stack.part;
      count += stack.locations.size();
    }
  }
  return count;
}

TEST(ModelWeightsTest, RealCheckpointsAreAccountedForToTheLastTensor) {
  for (const char *name : {"v2-lite-tiny", "v2-tiny", "v3-tiny", "v3-tiny-fp8", "demo"}) {
    std::unique_ptr<checkpoint::Checkpoint> checkpoint;
    ModelWeights weights = load(test::modelPath(name), checkpoint);
    EXPECT_EQ(weights.groups.size(), 2u) << name;
    EXPECT_EQ(weights.model.size(), 3u) << name;
    EXPECT_EQ(countTensors(weights) + countCopies(*checkpoint), checkpoint->tensorCount()) << name;
  }
}

TEST(ModelWeightsTest, StacksAreLayerMajorThenExpert) {
  std::unique_ptr<checkpoint::Checkpoint> checkpoint;
  ModelWeights weights = load(test::modelPath("v3-tiny"), checkpoint);
  const LayerGroup &moe = weights.groups[1];
  EXPECT_EQ(moe.name, "moe");
  EXPECT_TRUE(moe.moe);
  EXPECT_EQ(moe.layers, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(weights.groupOf(2), &moe);
  EXPECT_EQ(weights.groupOf(3), nullptr);
  const WeightStack *up = moe.find("mlp.experts.up_proj");
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->pattern, "model.layers.{layer}.mlp.experts.{expert}.up_proj.weight");
  EXPECT_EQ(up->experts, 16);
  EXPECT_EQ(up->shape, (std::vector<int64_t>{32, 128}));
  EXPECT_EQ(up->tensorBytes(), 32u * 128 * 2);
  for (int64_t layer : {1, 2}) {
    for (int64_t expert : {0, 9, 15}) {
      std::string name;
      expandPattern(up->pattern, layer, expert, name);
      checkpoint::TensorRef ref = checkpoint->allTensors()[*checkpoint->find(name)];
      const Location &location = up->locations[(layer - 1) * 16 + expert];
      EXPECT_EQ(location.shard, ref.shard);
      EXPECT_EQ(location.offset, ref.tensor->offset);
    }
  }
  EXPECT_EQ(moe.find("mlp.gate.e_score_correction_bias")->dtype, DType::F32);
  EXPECT_EQ(moe.find("mlp.gate_proj"), nullptr);
  ASSERT_TRUE(weights.draft);
  EXPECT_EQ(weights.draft->name, "mtp");
  EXPECT_EQ(weights.draft->find("eh_proj")->shape, (std::vector<int64_t>{128, 256}));
}

TEST(ModelWeightsTest, Fp8WeightsBringTheirRaggedScales) {
  std::unique_ptr<checkpoint::Checkpoint> checkpoint;
  ModelWeights weights = load(test::modelPath("v3-tiny-fp8"), checkpoint);
  const LayerGroup *group = weights.groupOf(1);
  EXPECT_EQ(group->find("self_attn.kv_a_proj_with_mqa")->dtype, DType::F8_E4M3);
  const WeightStack *scales = group->find("self_attn.kv_a_proj_with_mqa_scale_inv");
  ASSERT_NE(scales, nullptr);
  // 144 x 320 in blocks of 128.
  EXPECT_EQ(scales->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(scales->dtype, DType::F32);
  EXPECT_TRUE(scales->scale);
  EXPECT_FALSE(group->find("self_attn.kv_a_proj_with_mqa")->scale);
  EXPECT_EQ(group->find("mlp.experts.gate_proj_scale_inv")->experts, 8);
  EXPECT_EQ(group->find("mlp.gate")->dtype, DType::BF16);
}

TEST(ModelWeightsTest, ReleasedV3HasItsTensorsAndShapes) {
  test::TempDirectory directory;
  checkpoint::Diagnostics diagnostics;
  gen::GenerateOptions options;
  options.headersOnly = true;
  std::string config = test::readFile(test::modelPath("configs/deepseek-v3-671b.json"));
  ASSERT_TRUE(generateCheckpoint(config, "c", directory.path("v3"), options, diagnostics));
  std::unique_ptr<checkpoint::Checkpoint> checkpoint;
  ModelWeights weights = load(directory.path("v3"), checkpoint);
  EXPECT_EQ(checkpoint->tensorCount(), 91991u);
  ASSERT_EQ(weights.groups.size(), 2u);
  EXPECT_EQ(weights.groups[0].layers.size(), 3u);
  EXPECT_EQ(weights.groups[1].layers.size(), 58u);
  struct Case {
    size_t group;
    const char *part;
    std::vector<int64_t> shape, scale;
  };
  for (const Case &c :
       {Case{0, "self_attn.q_a_proj", {1536, 7168}, {12, 56}}, Case{0, "self_attn.q_b_proj", {24576, 1536}, {192, 12}},
        Case{0, "self_attn.kv_a_proj_with_mqa", {576, 7168}, {5, 56}},
        Case{0, "self_attn.kv_b_proj", {32768, 512}, {256, 4}}, Case{0, "self_attn.o_proj", {7168, 16384}, {56, 128}},
        Case{0, "mlp.gate_proj", {18432, 7168}, {144, 56}}, Case{0, "mlp.down_proj", {7168, 18432}, {56, 144}},
        Case{1, "mlp.experts.up_proj", {2048, 7168}, {16, 56}},
        Case{1, "mlp.shared_experts.down_proj", {7168, 2048}, {56, 16}}}) {
    EXPECT_EQ(weights.groups[c.group].find(c.part)->shape, c.shape) << c.part;
    EXPECT_EQ(weights.groups[c.group].find(c.part + std::string("_scale_inv"))->shape, c.scale) << c.part;
  }
}

TEST(ModelWeightsTest, OddConfigurationsHaveTheirTensors) {
  std::string v3 = configText("v3-tiny"), v2 = configText("v2-lite-tiny");
  const std::string texts[] = {
      with(v3, "hidden_size", "97"),
      with(with(v3, "n_group", "1"), "topk_group", "1"),
      with(v3, "first_k_dense_replace", "0"),
      with(v3, "first_k_dense_replace", "3"),
      with(v3, "n_routed_experts", "null"),
      with(v3, "n_shared_experts", "0"),
      with(v3, "q_lora_rank", "null"),
      with(v3, "moe_layer_freq", "2"),
      with(with(v3, "n_routed_experts", "300"), "n_group", "5"),
      with(v2, "q_lora_rank", "33"),
  };
  for (const std::string &text : texts) {
    for (gen::ProjectionType projections : {gen::ProjectionType::Bf16, gen::ProjectionType::F32}) {
      std::string type = projections == gen::ProjectionType::F32 ? "\"float32\"" : "\"bfloat16\"";
      SmallModel model(with(text, "torch_dtype", type), projections);
      ModelWeights weights = model.findGood();
      EXPECT_EQ(countTensors(weights) + countCopies(*model.checkpoint), model.checkpoint->tensorCount()) << text;
    }
  }
}

TEST(ModelWeightsTest, TiedEmbeddingsShareTheHead) {
  SmallModel model(with(configText("v3-tiny"), "tie_word_embeddings", "true"), gen::ProjectionType::Bf16);
  ModelWeights weights = model.findGood();
  EXPECT_TRUE(weights.tiedHead);
  EXPECT_EQ(weights.find("lm_head"), nullptr);
  EXPECT_NE(weights.find("embed_tokens"), nullptr);
}

/// What is said of a head beside a tied one, whose last byte is `last`; the embedding is zeros.
std::string saidOfTiedHead(DType type, char last) {
  SmallModel model(with(configText("v3-tiny"), "tie_word_embeddings", "true"), gen::ProjectionType::Bf16);
  model.tensors.push_back({"lm_head.weight", type, {512, 128}});
  std::string bytes = test::makeSafetensors(model.tensors);
  bytes.back() = last;
  model.directory.write("model.safetensors", bytes);
  checkpoint::Diagnostics diagnostics;
  auto checkpoint = checkpoint::Checkpoint::open(model.directory.path(), diagnostics);
  EXPECT_FALSE(findModelWeights(model.config, *checkpoint, diagnostics).find("lm_head"));
  EXPECT_EQ(diagnostics.exitCode(), 0);
  return test::printed(diagnostics);
}

TEST(ModelWeightsTest, ATiedHeadOnDiskIsComparedWithTheEmbedding) {
  EXPECT_EQ(saidOfTiedHead(DType::BF16, 0), "");
  EXPECT_NE(
      saidOfTiedHead(DType::BF16, 1).find("lm_head.weight: differs from model.embed_tokens.weight, which is used"),
      std::string::npos);
  EXPECT_NE(saidOfTiedHead(DType::F32, 0).find("lm_head.weight: differs from model.embed_tokens.weight"),
            std::string::npos);
}

TEST(ModelWeightsTest, ATiedHeadThatCannotBeReadIsAnError) {
  SmallModel model(with(configText("v3-tiny"), "tie_word_embeddings", "true"), gen::ProjectionType::Bf16);
  model.tensors.push_back({"lm_head.weight", DType::BF16, {512, 128}});
  model.findGood();
  std::filesystem::resize_file(model.directory.path("model.safetensors"), 4096);
  checkpoint::Diagnostics diagnostics;
  findModelWeights(model.config, *model.checkpoint, diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 5) << test::printed(diagnostics);
}

TEST(ModelWeightsTest, LayersThatDifferInTypesFormGroupsOfTheirOwn) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  model.at("model.layers.2.self_attn.o_proj.weight").dtype = DType::F32;
  ModelWeights weights = model.findGood();
  ASSERT_EQ(weights.groups.size(), 3u);
  EXPECT_EQ(weights.groups[2].name, "moe_2");
  EXPECT_EQ(weights.groups[2].layers, std::vector<int64_t>{2});
  EXPECT_EQ(weights.groupOf(2)->find("self_attn.o_proj")->dtype, DType::F32);
}

TEST(ModelWeightsTest, ScalesMayLieInAnotherShard) {
  SmallModel model(configText("v3-tiny-fp8"), gen::ProjectionType::Fp8);
  std::vector<test::TestTensor> weights, scales;
  std::string map;
  for (const test::TestTensor &tensor : model.tensors) {
    bool scale = llvm::StringRef(tensor.name).ends_with("_scale_inv");
    (scale ? scales : weights).push_back(tensor);
    map += (map.empty() ? "\"" : ",\"") + tensor.name + "\":\"" + (scale ? "s" : "w") + ".safetensors\"";
  }
  model.directory.write("w.safetensors", test::makeSafetensors(weights));
  model.directory.write("s.safetensors", test::makeSafetensors(scales));
  model.directory.write("model.safetensors.index.json", "{\"weight_map\":{" + map + "}}");
  ModelWeights found = model.findGood();
  EXPECT_EQ(found.groupOf(0)->find("mlp.up_proj_scale_inv")->locations[0].shard, 0u);
  EXPECT_EQ(found.groupOf(0)->find("mlp.up_proj")->locations[0].shard, 1u);
}

/// Without the tensors whose names begin with `prefix`.
void removeAll(SmallModel &model, const std::string &prefix) {
  auto isOne = [&](const test::TestTensor &tensor) { return tensor.name.rfind(prefix, 0) == 0; };
  model.tensors.erase(std::remove_if(model.tensors.begin(), model.tensors.end(), isOne), model.tensors.end());
}

/// Finds the weights of a sound model, and what is said of them.
ModelWeights findDraft(SmallModel &model, std::string &said, bool wanted = true) {
  model.directory.write("model.safetensors", test::makeSafetensors(model.tensors));
  checkpoint::Diagnostics diagnostics;
  model.checkpoint = checkpoint::Checkpoint::open(model.directory.path(), diagnostics);
  ModelWeights weights = findModelWeights(model.config, *model.checkpoint, diagnostics, wanted);
  EXPECT_EQ(diagnostics.exitCode(), 0);
  said = test::printed(diagnostics);
  return weights;
}

TEST(ModelWeightsTest, ADraftLayerMayBeUndeclared) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  model.config.mtpLayers = 0;
  model.config.saysMtpLayers = false;
  std::string said;
  EXPECT_TRUE(findDraft(model, said).draft);
  EXPECT_EQ(said, "");
}

TEST(ModelWeightsTest, ADraftOfAnotherNameIsIgnoredWhereNoneIsWanted) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  removeAll(model, "model.layers.3.");
  model.tensors.push_back({"mtp.0.enorm.weight", DType::BF16, {128}});
  std::string said;
  EXPECT_FALSE(findDraft(model, said, /*wanted=*/false).draft);
  EXPECT_EQ(said, "");
}

TEST(ModelWeightsTest, ADraftLayerMayBeAbsent) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  removeAll(model, "model.layers.3.");
  std::string said;
  EXPECT_FALSE(findDraft(model, said).draft);
  EXPECT_NE(said.find("note: " + model.directory.path() +
                      ": config.json says num_nextn_predict_layers 1, but no shard has layer 3; the model is compiled "
                      "without a draft [draft]"),
            std::string::npos)
      << said;
  EXPECT_FALSE(findDraft(model, said, /*wanted=*/false).draft);
  EXPECT_EQ(said, "");
}

TEST(ModelWeightsTest, OfSeveralDraftLayersTheFirstIsUsed) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  std::vector<test::TestTensor> more;
  for (const test::TestTensor &tensor : model.tensors) {
    if (tensor.name.rfind("model.layers.3.", 0) == 0) {
      more.push_back(tensor);
      more.back().name.replace(0, 15, "model.layers.4.");
    }
  }
  model.tensors.insert(model.tensors.end(), more.begin(), more.end());
  std::string said;
  ModelWeights weights = findDraft(model, said);
  EXPECT_EQ(weights.draft->layers, (std::vector<int64_t>{3}));
  EXPECT_NE(said.find("has 2 multi-token-prediction layers, of which the first is used"), std::string::npos) << said;
}

TEST(ModelWeightsTest, AnotherNumberOfDraftLayersThanStatedIsNamed) {
  for (const char *stated : {"0", "7", "null"}) {
    SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
    model.config = test::goodConfig(with(configText("v3-tiny"), "num_nextn_predict_layers", stated));
    std::string said;
    EXPECT_TRUE(findDraft(model, said).draft);
    EXPECT_NE(said.find("config.json says num_nextn_predict_layers "), std::string::npos) << said;
    EXPECT_NE(said.find(", but the shards have 1; shards say what they hold [draft]"), std::string::npos) << said;
  }
}

TEST(ModelWeightsTest, ADraftLayersCopiesOfTheModelsTensorsAreNotRead) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  ModelWeights weights = model.findGood();
  EXPECT_EQ(weights.draft->find("embed_tokens"), nullptr);
  EXPECT_EQ(weights.draft->find("shared_head.head"), nullptr);
  EXPECT_NE(weights.draft->find("shared_head.norm"), nullptr);
  model.remove("model.layers.3.embed_tokens.weight");
  model.remove("model.layers.3.shared_head.head.weight");
  EXPECT_TRUE(model.findGood().draft);
}

/// Fine-tuned models may have trained the model's alone, or padded it.
TEST(ModelWeightsTest, ADraftLayersCopiesThatDifferAreNamed) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  model.at("model.layers.3.embed_tokens.weight").shape = {500, 128};
  model.at("model.layers.3.shared_head.head.weight").dtype = DType::F32;
  std::string said;
  EXPECT_TRUE(findDraft(model, said).draft);
  for (const char *names : {"model.layers.3.embed_tokens.weight: differs from model.embed_tokens.weight, which is used",
                            "model.layers.3.shared_head.head.weight: differs from lm_head.weight, which is used"}) {
    EXPECT_NE(said.find(names), std::string::npos) << said;
  }
}

TEST(ModelWeightsTest, ADraftLayerThatNobodyWantsIsNotRequired) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  model.remove("model.layers.3.enorm.weight");
  model.tensors.push_back({"model.layers.3.surprise", DType::F32, {1}});
  std::string said;
  EXPECT_FALSE(findDraft(model, said, /*wanted=*/false).draft);
  EXPECT_NE(said.find("warning: " + model.directory.path() + ": model.layers.3.enorm.weight: no shard has this tensor"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("model.layers.3.surprise: is not known"), std::string::npos) << said;
}

/// Patterns also come from modules that anybody wrote.
TEST(ModelWeightsTest, OtherBracesInPatternsStay) {
  std::string name;
  expandPattern("{a}.{layer}{{expert}.{", 3, 7, name);
  EXPECT_EQ(name, "{a}.3{7.{");
}

TEST(ModelWeightsTest, FrequencyBuffersAreIgnored) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  model.tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", DType::F32, {8}});
  model.findGood();
}

} // namespace
} // namespace fathom::huggingface
