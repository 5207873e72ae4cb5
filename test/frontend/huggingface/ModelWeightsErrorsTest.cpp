// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors that are missing, left over, misshapen or of the wrong type: all named, by model part.

#include "test/frontend/huggingface/SmallModel.h"

namespace fathom::huggingface {
namespace {

using checkpoint::DType;
using test::configText;
using test::SmallModel;

SmallModel bf16() { return SmallModel(configText("v3-tiny"), gen::ProjectionType::Bf16); }
SmallModel fp8() { return SmallModel(configText("v3-tiny-fp8"), gen::ProjectionType::Fp8); }

TEST(ModelWeightsErrorsTest, MissingTensorsAreNamedByPart) {
  SmallModel model = bf16();
  model.remove("model.layers.2.mlp.experts.15.down_proj.weight");
  model.remove("model.norm.weight");
  model.expectBad(3, "model.layers.2.mlp.experts.15.down_proj.weight: no shard has this tensor [missing-tensor]");
  model.expectBad(3, "model.norm.weight: no shard has this tensor");
}

TEST(ModelWeightsErrorsTest, AMissingHeadSuggestsTying) {
  SmallModel model = bf16();
  model.remove("lm_head.weight");
  model.expectBad(3, "\"tie_word_embeddings\": true");
}

TEST(ModelWeightsErrorsTest, ManyMissingTensorsAreFolded) {
  SmallModel model = bf16();
  model.config.layers = 40;
  checkpoint::Diagnostics diagnostics;
  model.find(diagnostics);
  EXPECT_GT(diagnostics.errorCount(), 1000u);
  EXPECT_LT(test::printed(diagnostics).size(), 20000u);
}

TEST(ModelWeightsErrorsTest, ImpossibleCountsAreNotTried) {
  SmallModel model = bf16();
  model.config.layers = 4096;
  model.config.routing.experts = 65536;
  model.expectBad(3, "config.json implies 805");
}

TEST(ModelWeightsErrorsTest, MisshapenTensors) {
  SmallModel model = bf16();
  model.at("model.layers.0.mlp.down_proj.weight").shape = {128, 223};
  model.at("model.layers.1.self_attn.q_a_layernorm.weight").shape = {48, 1};
  model.expectBad(3, "model.layers.0.mlp.down_proj.weight: has shape [128, 223], but config.json implies [128, 224]");
  model.expectBad(3, "model.layers.1.self_attn.q_a_layernorm.weight: has shape [48, 1], but config.json implies [48]");
}

TEST(ModelWeightsErrorsTest, A13EmbeddingRowsMustBeTheVocabulary) {
  SmallModel model = bf16();
  model.at("model.embed_tokens.weight").shape = {500, 128};
  model.expectBad(3, "model.embed_tokens.weight: has shape [500, 128], but config.json implies [512, 128]");
}

TEST(ModelWeightsErrorsTest, UnsupportedTypes) {
  for (DType type : {DType::I8, DType::F8_E5M2, DType::F64}) {
    SmallModel model = bf16();
    model.at("model.layers.1.mlp.experts.3.up_proj.weight").dtype = type;
    model.expectBad(4, "model.layers.1.mlp.experts.3.up_proj.weight: is " + name(type).str() +
                           ", expected one of BF16, F16, F32, F8_E4M3 [unsupported-dtype]");
  }
  SmallModel model = fp8();
  model.at("model.layers.1.mlp.gate.weight").dtype = DType::F8_E4M3;
  model.expectBad(4, "model.layers.1.mlp.gate.weight: is F8_E4M3, expected one of BF16, F16, F32 [unsupported-dtype]");
}

TEST(ModelWeightsErrorsTest, ExpertsOfOneLayerMustBeAlike) {
  SmallModel model = bf16();
  model.at("model.layers.1.mlp.experts.3.up_proj.weight").dtype = DType::F32;
  model.expectBad(4, "model.layers.1.mlp.experts.3.up_proj.weight: is F32, but the experts before it are BF16");
}

TEST(ModelWeightsErrorsTest, MatricesOfExpertsMustBeAlike) {
  SmallModel model = fp8();
  for (int layer : {1, 2}) {
    for (int expert = 0; expert < model.config.routing.experts; ++expert) {
      std::string part = layer == 1 ? "up_proj" : "down_proj";
      std::string name =
          "model.layers." + std::to_string(layer) + ".mlp.experts." + std::to_string(expert) + "." + part + ".weight";
      model.at(name).dtype = DType::BF16;
      model.remove(name + "_scale_inv");
    }
  }
  model.expectBad(
      4, "model.layers.1.mlp.experts.0.up_proj.weight: is BF16, but mlp.experts.gate_proj of that layer is F8_E4M3");
  model.expectBad(
      4, "model.layers.2.mlp.experts.0.down_proj.weight: is BF16, but mlp.experts.gate_proj of that layer is F8_E4M3");
}

TEST(ModelWeightsErrorsTest, B19Fp8NeedsScalesOfTheRightShape) {
  SmallModel model = fp8();
  model.remove("model.layers.0.self_attn.o_proj.weight_scale_inv");
  model.at("model.layers.0.self_attn.q_a_proj.weight_scale_inv").shape = {2, 2};
  model.at("model.layers.0.self_attn.q_b_proj.weight_scale_inv").dtype = DType::F8_E8M0;
  model.expectBad(3, "model.layers.0.self_attn.o_proj.weight: is F8_E4M3, but no shard has its scales");
  model.expectBad(
      3, "model.layers.0.self_attn.q_a_proj.weight_scale_inv: has shape [2, 2], but config.json implies [2, 3]");
  model.expectBad(
      3, "model.layers.0.self_attn.q_b_proj.weight_scale_inv: is F8_E8M0, but the only supported value is F32");
}

TEST(ModelWeightsErrorsTest, Fp8NeedsAQuantizationConfig) {
  SmallModel model = fp8();
  model.config.quantization.reset();
  model.expectBad(3, "is F8_E4M3, but config.json has no \"quantization_config\"");
}

TEST(ModelWeightsErrorsTest, C7LeftOverTensorsAreListed) {
  SmallModel model = bf16();
  model.tensors.push_back({"model.layers.0.self_attn.q_a_proj.bias", DType::BF16, {48}});
  model.tensors.push_back({"model.layers.0.self_attn.o_proj.weight_scale_inv", DType::F32, {1, 1}});
  model.tensors.push_back({"model.layers.9.mlp.up_proj.weight", DType::F32, {1, 1}});
  model.tensors.push_back({"model.layers.1.mlp.experts.16.up_proj.weight", DType::BF16, {32, 128}});
  model.expectBad(3, "model.layers.0.self_attn.q_a_proj.bias: no part of this deepseek_v3 uses this tensor");
  model.expectBad(3, "model.layers.0.self_attn.o_proj.weight_scale_inv: are scales of a weight that is not FP8");
  model.expectBad(3,
                  "model.layers.9.mlp.up_proj.weight: is beyond the last layer: config.json says num_hidden_layers 3");
  model.expectBad(3, "model.layers.1.mlp.experts.16.up_proj.weight: no part of");
}

TEST(ModelWeightsErrorsTest, OtherLayoutsAreOneFinding) {
  for (const char *name : {"self_attn.qkv_proj.weight", "mlp.gate_up_proj.weight", "self_attn.o_proj.qweight",
                           "self_attn.o_proj.weight.absmax"}) {
    SmallModel model = bf16();
    model.remove("model.layers.0.self_attn.o_proj.weight");
    model.tensors.push_back({std::string("model.layers.0.") + name, DType::BF16, {4, 4}});
    checkpoint::Diagnostics diagnostics;
    model.find(diagnostics);
    EXPECT_EQ(diagnostics.exitCode(), 4) << name;
    EXPECT_EQ(diagnostics.errorCount(), 1u) << test::printed(diagnostics);
  }
}

TEST(ModelWeightsErrorsTest, ADraftOfAnotherNameIsOneFinding) {
  SmallModel model = bf16();
  for (const char *part : {"enorm", "hnorm", "attn.q_norm"}) {
    model.tensors.push_back({"mtp.0." + std::string(part) + ".weight", DType::BF16, {128}});
  }
  checkpoint::Diagnostics diagnostics;
  model.find(diagnostics);
  EXPECT_EQ(diagnostics.errorCount(), 1u) << test::printed(diagnostics);
  model.expectBad(4, "mtp.0.enorm.weight: is named as in DeepSeek's own format, expected the "
                     "multi-token-prediction layer as \"model.layers.3.\" [renamed-draft]");
  model.expectBad(4, "leave the layer out: fathom compile --draft=none");
}

TEST(ModelWeightsErrorsTest, OtherFamiliesHaveNoDraftOfAnotherName) {
  SmallModel model(configText("llama-tiny"), gen::ProjectionType::Bf16);
  model.tensors.push_back({"mtp.0.enorm.weight", DType::BF16, {128}});
  model.expectBad(3, "mtp.0.enorm.weight: no part of this llama uses this tensor");
}

TEST(ModelWeightsErrorsTest, AConfigurationOfFp8WithoutFp8IsNamed) {
  SmallModel model = bf16();
  model.config.quantization = QuantizationConfig();
  checkpoint::Diagnostics diagnostics;
  model.find(diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 0);
  EXPECT_NE(test::printed(diagnostics).find("but no weight is F8_E4M3; weights say what they hold [two-configs]"),
            std::string::npos);
}

TEST(ModelWeightsErrorsTest, AnIncompleteDraftLayerIsAsBadAsAnother) {
  SmallModel model = bf16();
  model.remove("model.layers.3.enorm.weight");
  model.expectBad(3, "model.layers.3.enorm.weight: no shard has this tensor");
  model.expectBad(3, "the multi-token-prediction layer can be left out: fathom compile --draft=none [draft]");
}

TEST(ModelWeightsErrorsTest, LeavingTheDraftOutIsAdvisedOnlyWhereItHelps) {
  SmallModel model = bf16();
  model.remove("model.layers.3.enorm.weight");
  model.remove("model.layers.0.input_layernorm.weight");
  checkpoint::Diagnostics diagnostics;
  model.find(diagnostics);
  EXPECT_EQ(diagnostics.errorCount(), 2u);
  EXPECT_EQ(test::printed(diagnostics).find("--draft=none"), std::string::npos) << test::printed(diagnostics);
}

TEST(ModelWeightsErrorsTest, TooFewLayersInTheConfigAreNoticed) {
  SmallModel model = bf16();
  model.config.layers = 2;
  for (int64_t mtpLayers : {0, 1}) {
    model.config.mtpLayers = mtpLayers;
    model.expectBad(3, "model.layers.2.input_layernorm.weight: is beyond the last layer");
  }
  model.expectBad(3, "num_hidden_layers in config.json counts all layers but those of multi-token prediction");
}

TEST(ModelWeightsErrorsTest, TooManyLayersInTheConfigAreNoticed) {
  SmallModel model = bf16();
  model.config.layers = 4;
  model.expectBad(3, "model.layers.3.eh_proj.weight: no part of this deepseek_v3 uses this tensor");
  model.expectBad(3, "num_hidden_layers in config.json counts all layers but those of multi-token prediction");
}

TEST(ModelWeightsErrorsTest, TensorsOfAnotherFamilyNameIt) {
  SmallModel model = bf16();
  model.tensors.push_back({"model.layers.0.self_attn.indexer.wk.weight", DType::BF16, {32, 128}});
  model.expectBad(3, "layers of deepseek_v32 have such a tensor: is \"model_type\" right?");
}

} // namespace
} // namespace fathom::huggingface
