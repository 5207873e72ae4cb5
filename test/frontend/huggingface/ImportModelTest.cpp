// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From config and weights to IR: which ops a model's layers are, which weights they read, which facts the module has.

#include "frontend/huggingface/ImportModel.h"

#include "dialects/RegisterDialects.h"
#include "dialects/deepseek/DeepSeek.h"
#include "test/frontend/huggingface/SmallModel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

#include <gmock/gmock.h>

namespace fathom::huggingface {
namespace {

using test::configText;
using test::with;
using testing::ElementsAre;

/// The module of a model of zeros that `config` describes.
class Imported {
public:
  explicit Imported(const std::string &config, const GenerationConfig &generation = {},
                    gen::ProjectionType type = gen::ProjectionType::Bf16, StoredType cacheType = StoredType::F32)
      : model(config, type) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    model.config.generation = generation;
    ModelWeights weights = model.findGood();
    module = importModel(context, model.config, weights, *model.checkpoint, {/*maxContext=*/64, cacheType});
  }

  mlir::Attribute fact(llvm::StringRef name) {
    return module->getOperation()->getAttrOfType<mlir::DictionaryAttr>(deepseek::kModelAttr).get(name);
  }

  mlir::func::FuncOp function(llvm::StringRef name) { return module->lookupSymbol<mlir::func::FuncOp>(name); }

  /// The ops of a kind in a function, in order.
  template <typename Op>
  std::vector<Op> ops(llvm::StringRef name) {
    auto found = function(name).getOps<Op>();
    return {found.begin(), found.end()};
  }

  test::SmallModel model;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// What a weight of the IR is called; the empty name where there is none.
std::string nameOf(mlir::Value weight) {
  return weight ? weight.getDefiningOp<deepseek::GetWeightOp>().getWeight().str() : "";
}

/// The weights of the linear maps of a function, in order.
std::vector<std::string> projections(Imported &model, llvm::StringRef function) {
  std::vector<std::string> names;
  for (deepseek::LinearOp op : model.ops<deepseek::LinearOp>(function)) {
    names.push_back(nameOf(op.getWeight()));
  }
  return names;
}

double toDouble(mlir::Attribute attribute) { return mlir::cast<mlir::FloatAttr>(attribute).getValueAsDouble(); }

TEST(ImportModelTest, EveryFamilyIsAValidModule) {
  for (const char *name :
       {"v2-lite-tiny", "v2-tiny", "v3-tiny", "v32-tiny", "moe-tiny", "llama-tiny", "qwen2-tiny", "qwen3-tiny"}) {
    Imported model(configText(name));
    EXPECT_TRUE(mlir::succeeded(mlir::verify(*model.module))) << name;
  }
}

TEST(ImportModelTest, LayersAreCallsOfTheFunctionOfTheirKind) {
  Imported model(configText("v3-tiny"));
  std::vector<std::string> callees;
  std::vector<int64_t> layers;
  for (mlir::func::CallOp call : model.ops<mlir::func::CallOp>("forward")) {
    callees.push_back(call.getCallee().str());
    layers.push_back(*mlir::getConstantIntValue(call.getOperand(3)));
  }
  EXPECT_THAT(callees, ElementsAre("dense", "moe", "moe"));
  EXPECT_THAT(layers, ElementsAre(0, 1, 2));
}

TEST(ImportModelTest, TheStateOfTheLastLayerIsThatBehindTheNorm) {
  Imported model(configText("v3-tiny"));
  auto states = model.ops<deepseek::RecordStateOp>("forward");
  ASSERT_EQ(states.size(), 3u);
  EXPECT_TRUE(states[1].getInput().getDefiningOp<mlir::func::CallOp>());
  EXPECT_EQ(states[2].getLayer(), 2u);
  EXPECT_TRUE(states[2].getInput().getDefiningOp<deepseek::RmsNormOp>());
}

TEST(ImportModelTest, OnlyRowsThatWantLogitsReachTheHead) {
  Imported model(configText("v3-tiny"));
  auto head = model.ops<deepseek::LinearOp>("forward").front();
  EXPECT_TRUE(head.getInput().getDefiningOp<deepseek::SelectRowsOp>());
  EXPECT_EQ(nameOf(head.getWeight()), "lm_head");
}

TEST(ImportModelTest, ATiedHeadIsTheEmbedding) {
  Imported model(with(configText("qwen2-tiny"), "tie_word_embeddings", "true"));
  EXPECT_THAT(projections(model, "forward"), ElementsAre("embed_tokens"));
  EXPECT_EQ(model.module->lookupSymbol("lm_head"), nullptr);
}

TEST(ImportModelTest, ADraftJoinsTheEmbeddingWithTheHiddenState) {
  Imported model(configText("v3-tiny"));
  EXPECT_EQ(mlir::cast<mlir::IntegerAttr>(model.fact("draft_layers")).getInt(), 1);
  EXPECT_THAT(projections(model, "draft_forward"), ElementsAre("mtp.eh_proj", "lm_head"));
  auto halves = model.ops<mlir::tensor::ConcatOp>("draft_forward").front().getInputs();
  auto embedded = halves[0].getDefiningOp<deepseek::RmsNormOp>(),
       hidden = halves[1].getDefiningOp<deepseek::RmsNormOp>();
  EXPECT_EQ(nameOf(embedded.getWeight()), "mtp.enorm");
  EXPECT_TRUE(embedded.getInput().getDefiningOp<deepseek::EmbeddingOp>());
  EXPECT_EQ(nameOf(hidden.getWeight()), "mtp.hnorm");
  EXPECT_EQ(hidden.getInput(), model.function("draft_forward").getArgument(2));
}

TEST(ImportModelTest, ADraftGivesTheStateBeforeItsNormAndTheModelThatBehindIt) {
  Imported model(configText("v3-tiny"));
  auto end = [&](const char *name) { return model.function(name).front().getTerminator(); };
  EXPECT_TRUE(end("draft_forward")->getOperand(1).getDefiningOp<mlir::func::CallOp>());
  EXPECT_EQ(nameOf(end("forward")->getOperand(1).getDefiningOp<deepseek::RmsNormOp>().getWeight()), "norm");
}

TEST(ImportModelTest, ADraftSharesEmbeddingAndHead) {
  Imported model(configText("v3-tiny"));
  EXPECT_EQ(nameOf(model.ops<deepseek::EmbeddingOp>("draft_forward").front().getTable()), "embed_tokens");
  EXPECT_EQ(model.module->lookupSymbol("mtp.embed_tokens"), nullptr);
  EXPECT_EQ(model.module->lookupSymbol("mtp.shared_head.head"), nullptr);
}

TEST(ImportModelTest, AModelWithoutADraftGivesLogitsAlone) {
  Imported model(configText("v2-tiny"));
  EXPECT_EQ(model.fact("draft_layers"), nullptr);
  EXPECT_EQ(model.function("draft_forward"), nullptr);
  EXPECT_EQ(model.function("forward").getNumResults(), 2u);
}

TEST(ImportModelTest, QueriesGoThroughALatentWhereTheModelHasOne) {
  Imported narrow(configText("v3-tiny")), direct(configText("v2-lite-tiny"));
  EXPECT_THAT(projections(narrow, "dense"),
              ElementsAre("dense.self_attn.q_a_proj", "dense.self_attn.q_b_proj", "dense.self_attn.kv_a_proj_with_mqa",
                          "dense.self_attn.o_proj", "dense.mlp.gate_proj", "dense.mlp.up_proj", "dense.mlp.down_proj"));
  EXPECT_THAT(projections(direct, "dense"),
              ElementsAre("dense.self_attn.q_proj", "dense.self_attn.kv_a_proj_with_mqa", "dense.self_attn.o_proj",
                          "dense.mlp.gate_proj", "dense.mlp.up_proj", "dense.mlp.down_proj"));
}

TEST(ImportModelTest, LatentsAreStoredWithTheKeyThatHeadsShare) {
  Imported model(with(configText("v3-tiny"), "rms_norm_eps", "0.25"));
  auto append = model.ops<deepseek::CacheAppendOp>("dense").front();
  ASSERT_EQ(append.getParts().size(), 2u);
  auto norm = append.getParts()[0].getDefiningOp<deepseek::RmsNormOp>();
  ASSERT_TRUE(norm);
  EXPECT_EQ(norm.getEps().convertToDouble(), 1e-6) << "latents have an epsilon of their own";
  EXPECT_TRUE(append.getParts()[1].getDefiningOp<deepseek::RopeOp>());
  auto stores = append.getCache().getType().getStores();
  ASSERT_EQ(stores.size(), 1u);
  EXPECT_EQ(stores[0].getWidth(), 64 + 16);
}

TEST(ImportModelTest, SparseAttentionHasAnIndexOfItsOwn) {
  Imported model(with(configText("v32-tiny"), "rms_norm_eps", "0.25"));
  auto attention = model.ops<deepseek::SparseAttentionOp>("dense").front();
  EXPECT_EQ(attention.getTopK(), 16);
  auto query = attention.getIndexQuery().getDefiningOp<deepseek::RopeOp>();
  ASSERT_TRUE(query);
  EXPECT_EQ(query.getLayout(), deepseek::RopeLayout::half_split) << "pairs are those of the indexer, not the model's";
  EXPECT_EQ(query.getHeadDim(), 32);
  auto projection = query.getInput().getDefiningOp<deepseek::LinearOp>();
  EXPECT_EQ(nameOf(projection.getWeight()), "dense.self_attn.indexer.wq_b");
  EXPECT_EQ(nameOf(projection.getInput().getDefiningOp<deepseek::RmsNormOp>().getWeight()),
            "dense.self_attn.q_a_layernorm")
      << "queries of the index come from the latent of the others";
  auto weights = attention.getIndexWeights().getDefiningOp<deepseek::LinearOp>();
  EXPECT_EQ(nameOf(weights.getWeight()), "dense.self_attn.indexer.weights_proj");

  auto append = model.ops<deepseek::CacheAppendOp>("dense").back();
  EXPECT_EQ(append.getStore(), deepseek::kIndexStore);
  auto key = append.getParts()[0].getDefiningOp<deepseek::RopeOp>();
  EXPECT_EQ(key.getLayout(), deepseek::RopeLayout::half_split);
  auto norm = key.getInput().getDefiningOp<deepseek::LayerNormOp>();
  EXPECT_EQ(norm.getEps().convertToDouble(), 1e-6) << "keys have an epsilon of their own";
  EXPECT_EQ(nameOf(norm.getBias()), "dense.self_attn.indexer.k_norm.bias");
}

TEST(ImportModelTest, NoMorePositionsAreChosenThanThereAre) {
  Imported model(with(configText("v32-tiny"), "index_topk", "16777216"));
  EXPECT_EQ(model.ops<deepseek::SparseAttentionOp>("dense").front().getTopK(), 2560);
}

TEST(ImportModelTest, IndexKeysAreSpreadWhereTheyAreFp8) {
  EXPECT_TRUE(Imported(configText("v32-tiny")).ops<deepseek::HadamardOp>("dense").empty());
  Imported model(configText("v32-tiny"), {}, gen::ProjectionType::Bf16, StoredType::Fp8);
  auto attention = model.ops<deepseek::SparseAttentionOp>("dense").front();
  auto query = attention.getIndexQuery().getDefiningOp<deepseek::HadamardOp>();
  ASSERT_TRUE(query);
  EXPECT_EQ(query.getHeadDim(), 32u);
  EXPECT_TRUE(query.getInput().getDefiningOp<deepseek::RopeOp>());
  auto append = model.ops<deepseek::CacheAppendOp>("dense").back();
  EXPECT_TRUE(append.getParts()[0].getDefiningOp<deepseek::HadamardOp>());
}

TEST(ImportModelTest, StoresKeepNumbersAsTheCacheTypeSays) {
  Imported latents(configText("v3-tiny"), {}, gen::ProjectionType::Bf16, StoredType::Fp8);
  auto store = latents.ops<deepseek::CacheAppendOp>("dense").front().getCache().getType().getStores().front();
  EXPECT_TRUE(store.isF8());
  EXPECT_EQ(store.getTail(), 16) << "the rotated key stays bf16";
  Imported keys(configText("qwen2-tiny"), {}, gen::ProjectionType::Bf16, StoredType::Bf16);
  store = keys.ops<deepseek::CacheAppendOp>("dense").front().getCache().getType().getStores().front();
  EXPECT_TRUE(store.getElement().isBF16());
  EXPECT_EQ(store.getTail(), 0);
}

TEST(ImportModelTest, KeysAreStoredRotatedAndValuesAsTheyAre) {
  Imported model(configText("qwen2-tiny"));
  auto appends = model.ops<deepseek::CacheAppendOp>("dense");
  ASSERT_EQ(appends.size(), 2u);
  EXPECT_TRUE(appends[0].getParts()[0].getDefiningOp<deepseek::RopeOp>());
  EXPECT_TRUE(appends[1].getParts()[0].getDefiningOp<deepseek::LinearOp>());
  EXPECT_EQ(appends[0].getStore(), deepseek::kKeyStore);
  EXPECT_EQ(appends[1].getStore(), deepseek::kValueStore);
}

TEST(ImportModelTest, NormsOfHeadsStandBetweenProjectionAndRotation) {
  Imported model(configText("qwen3-tiny"));
  std::vector<std::string> norms;
  for (deepseek::RopeOp rope : model.ops<deepseek::RopeOp>("dense")) {
    auto norm = rope.getInput().getDefiningOp<deepseek::RmsNormOp>();
    ASSERT_TRUE(norm);
    EXPECT_TRUE(norm.getInput().getDefiningOp<deepseek::LinearOp>());
    norms.push_back(nameOf(norm.getWeight()));
  }
  EXPECT_THAT(norms, ElementsAre("dense.self_attn.q_norm", "dense.self_attn.k_norm"));
}

TEST(ImportModelTest, BiasesBelongToTheirProjection) {
  Imported model(configText("qwen2-tiny"));
  for (deepseek::LinearOp op : model.ops<deepseek::LinearOp>("dense")) {
    std::string weight = nameOf(op.getWeight());
    bool hasBias = llvm::StringRef(weight).ends_with("q_proj") || llvm::StringRef(weight).ends_with("k_proj") ||
                   llvm::StringRef(weight).ends_with("v_proj");
    EXPECT_EQ(nameOf(op.getBias()), hasBias ? weight + ".bias" : "");
  }
}

TEST(ImportModelTest, PairsOfTheRotationLieAsTheFamilySays) {
  auto layout = [](const std::string &config) {
    Imported model(config);
    return model.ops<deepseek::RopeOp>("dense").front().getLayout();
  };
  EXPECT_EQ(layout(configText("v3-tiny")), deepseek::RopeLayout::interleaved);
  EXPECT_EQ(layout(configText("llama-tiny")), deepseek::RopeLayout::half_split);
  EXPECT_EQ(layout(test::adding(configText("v3-tiny"), "\"rope_interleave\": false")),
            deepseek::RopeLayout::half_split);
}

TEST(ImportModelTest, ScalesComeWithTheBlocksOfTheFile) {
  Imported model(configText("v3-tiny-fp8"), {}, gen::ProjectionType::Fp8);
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*model.module)));
  for (deepseek::LinearOp op : model.ops<deepseek::LinearOp>("dense")) {
    EXPECT_EQ(nameOf(op.getScale()), nameOf(op.getWeight()) + "_scale_inv");
    ASSERT_TRUE(op.getBlockAttr());
    EXPECT_EQ(op.getBlockAttr().getRows(), 128);
  }
  for (deepseek::WeightOp weight : model.module->getOps<deepseek::WeightOp>()) {
    EXPECT_EQ(weight.getScale(), weight.getSymName().ends_with("_scale_inv"));
  }
  auto head = model.ops<deepseek::LinearOp>("forward").front();
  EXPECT_FALSE(head.getScale()) << "a head is not quantized";
}

TEST(ImportModelTest, GatesChooseAsTheModelDoes) {
  Imported v3(configText("v3-tiny")), lite(configText("v2-lite-tiny"));
  auto gate = v3.ops<deepseek::MoEGateOp>("moe").front();
  EXPECT_EQ(nameOf(gate.getBias()), "moe.mlp.gate.e_score_correction_bias");
  deepseek::RoutingAttr routing = gate.getRouting();
  EXPECT_EQ(routing.getScoring(), deepseek::Scoring::sigmoid);
  EXPECT_EQ(routing.getGroupRule(), deepseek::GroupRule::top2_sum);
  EXPECT_EQ(routing.getTopK(), 4);
  EXPECT_EQ(routing.getGroups(), 4);
  EXPECT_EQ(routing.getTopGroups(), 2);
  EXPECT_TRUE(routing.getNormalize());
  EXPECT_EQ(double(routing.getFactor()), 2.5);
  gate = lite.ops<deepseek::MoEGateOp>("moe").front();
  EXPECT_FALSE(gate.getBias());
  EXPECT_EQ(gate.getRouting().getScoring(), deepseek::Scoring::softmax);
  EXPECT_EQ(gate.getRouting().getGroupRule(), deepseek::GroupRule::none);
}

TEST(ImportModelTest, SharedExpertsAreAddedWhereThereAreSome) {
  Imported with2(configText("v2-lite-tiny")), without(with(configText("v2-lite-tiny"), "n_shared_experts", "0"));
  EXPECT_EQ(with2.ops<deepseek::SwiGluOp>("moe").size(), 1u);
  EXPECT_EQ(without.ops<deepseek::SwiGluOp>("moe").size(), 0u);
}

TEST(ImportModelTest, SamplingIsThatOfTheModel) {
  GenerationConfig greedy, sampling;
  greedy.temperature = 0.6;
  sampling.sample = true;
  sampling.topK = 20;
  Imported a(configText("qwen2-tiny"), greedy), b(configText("qwen2-tiny"), sampling);
  EXPECT_EQ(toDouble(a.fact("temperature")), 0.0) << "a temperature does nothing where nobody samples";
  EXPECT_EQ(toDouble(b.fact("temperature")), 1.0);
  EXPECT_FALSE(a.fact("top_k"));
  EXPECT_EQ(mlir::cast<mlir::IntegerAttr>(b.fact("top_k")).getInt(), 20);
  EXPECT_FALSE(b.fact("top_p"));
}

TEST(ImportModelTest, FilesAreKnownByNameSizeAndHash) {
  Imported model(configText("qwen2-tiny"));
  auto shards = model.module->getOperation()->getAttrOfType<mlir::ArrayAttr>(deepseek::kShardsAttr);
  ASSERT_EQ(shards.size(), 1u);
  auto shard = mlir::cast<deepseek::ShardAttr>(shards[0]);
  const checkpoint::Shard &file = model.model.checkpoint->shards().front();
  EXPECT_EQ(shard.getFile(), "model.safetensors");
  EXPECT_EQ(uint64_t(shard.getBytes()), file.size);
  EXPECT_EQ(uint64_t(shard.getHeaderHash()), file.header->hash());
}

} // namespace
} // namespace fathom::huggingface
