// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each rope_type does to frequencies and magnitudes, in numbers computed apart from Fathom; and what is refused.

#include "test/frontend/huggingface/ConfigText.h"

#include <cmath>

namespace fathom::huggingface {
namespace {

using namespace test;

/// A llama model with heads of `headDim`, base `theta`, and `scaling` as its rope_scaling.
std::string llamaText(const std::string &headDim, const std::string &theta, const std::string &scaling) {
  std::string text = with(configText("llama-tiny"), "head_dim", headDim);
  return with(with(text, "rope_theta", theta), "rope_scaling", scaling);
}

std::vector<double> frequenciesOf(const std::string &theta, const std::string &scaling) {
  return goodConfig(llamaText("128", theta, scaling)).ropeFrequencies();
}

/// Findings about a good configuration.
std::string saidOf(const std::string &text) {
  checkpoint::Diagnostics diagnostics;
  parseModelConfig(text, "config.json", diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 0) << test::printed(diagnostics);
  return test::printed(diagnostics);
}

double plain(double theta, int i) { return std::pow(theta, -2.0 * i / 128); }

TEST(RopeTest, LinearDividesEveryFrequency) {
  std::vector<double> f = frequenciesOf("100000", R"({"type": "linear", "factor": 4.0})");
  ASSERT_EQ(f.size(), 64u);
  for (int i = 0; i < 64; ++i) {
    EXPECT_NEAR(f[i] / (plain(100000, i) / 4), 1, 1e-14) << i;
  }
  EXPECT_EQ(goodConfig(llamaText("128", "1e5", R"({"type": "linear", "factor": 4.0})")).ropeMagnitude(), 1);
}

/// Llama 3.1's own values, as Hugging Face's transformers computes them.
TEST(RopeTest, Llama3KeepsFastPairsAndSlowsTheOthers) {
  std::vector<double> f = frequenciesOf("500000", R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                                        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})");
  for (int i = 0; i <= 28; ++i) {
    EXPECT_NEAR(f[i] / plain(500000, i), 1, 1e-14) << i;
  }
  EXPECT_NEAR(f[29], 0.002166570763503359, 1e-17);
  EXPECT_NEAR(f[31], 0.0008567514129196321, 1e-17);
  EXPECT_NEAR(f[34], 0.00017850781276799638, 1e-18);
  for (int i = 35; i < 64; ++i) {
    EXPECT_NEAR(f[i] / (plain(500000, i) / 8), 1, 1e-14) << i;
  }
}

/// R1-0528-Qwen3-8B: the ramp runs from pair 23 to pair 40.
TEST(RopeTest, YarnOfAWholeHead) {
  std::string scaling = R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768})";
  ModelConfig c = goodConfig(llamaText("128", "1000000", scaling));
  std::vector<double> f = c.ropeFrequencies();
  EXPECT_NEAR(f[23], 0.006978305848598663, 1e-16);
  EXPECT_NEAR(f[30], 0.0010643609812470017, 1e-16);
  EXPECT_NEAR(f[40], 4.445698525097307e-05, 1e-18);
  EXPECT_NEAR(f[63], 3.102344401879299e-07, 1e-20);
  // Without mscale, cos and sin grow, and the softmax stays as it is.
  EXPECT_NEAR(c.ropeMagnitude(), 1.138629436111989, 1e-14);
  EXPECT_DOUBLE_EQ(c.softmaxScale(), 1 / std::sqrt(128.0));
}

TEST(RopeTest, YarnWithoutRoundedBounds) {
  std::vector<double> f = frequenciesOf("1000000", R"({"rope_type": "yarn", "factor": 4.0, "truncate": false,
                                                     "original_max_position_embeddings": 32768})");
  EXPECT_NEAR(f[30], 0.0010792377416765538, 1e-16);
}

/// Only latent attention sharpens: elsewhere mscale_all_dim is there for the magnitude alone.
TEST(RopeTest, YarnSharpensOnlyLatentAttention) {
  ModelConfig c = goodConfig(llamaText("128", "10000", R"({"type": "yarn", "factor": 40, "mscale": 0.5,
                                       "mscale_all_dim": 1.0, "original_max_position_embeddings": 64})"));
  EXPECT_NEAR(c.ropeMagnitude(), (0.05 * std::log(40.0) + 1) / (0.1 * std::log(40.0) + 1), 1e-15);
  EXPECT_DOUBLE_EQ(c.softmaxScale(), 1 / std::sqrt(128.0));
}

/// Hugging Face's rule: the base is theta * (factor * length / most - (factor - 1)) ^ (d / (d - 2)) for sequences of
/// more than `most`, max_position_embeddings. Up to there, which is all that is compiled, it is theta.
TEST(RopeTest, DynamicIsPlainAsFarAsModelsAreCompiled) {
  std::vector<double> f = frequenciesOf("10000", R"({"type": "dynamic", "factor": 4.0})");
  for (int i = 0; i < 64; ++i) {
    EXPECT_DOUBLE_EQ(f[i], plain(10000, i)) << i;
  }
}

/// Other programs may take other values.
TEST(RopeTest, DefaultsAreNamed) {
  std::string taken = "; using 10000, as Hugging Face's transformers does [default-config]\n";
  for (const std::string &text : {without(configText("llama-tiny"), "rope_theta"), llamaText("16", "null", "null")}) {
    std::string said = saidOf(text);
    EXPECT_NE(said.find("\"rope_theta\" is not given" + taken), std::string::npos) << said;
  }
  EXPECT_EQ(saidOf(llamaText("16", "10000", R"({"rope_type": "default"})")), "");
  EXPECT_EQ(saidOf(llamaText("16", "null", R"({"rope_type": "default", "rope_theta": 10000.0})")), "");
  for (const char *scaling :
       {R"({"rope_type": "yarn", "factor": 2.0})",
        R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1, "high_freq_factor": 4})"}) {
    std::string said = saidOf(with(llamaText("16", "10000", scaling), "max_position_embeddings", "10000"));
    EXPECT_NE(said.find("\"rope_scaling.original_max_position_embeddings\" is not given" + taken), std::string::npos)
        << said;
  }
}

TEST(RopeTest, DefaultsAreThoseOfTransformers) {
  EXPECT_EQ(goodConfig(without(configText("llama-tiny"), "rope_theta")).rope.theta, 10000);
  EXPECT_EQ(goodConfig(without(configText("v3-tiny"), "rope_theta")).rope.theta, 10000);
  ModelConfig c = goodConfig(llamaText("16", "10000", R"({"type": "yarn", "factor": 2.0})"));
  EXPECT_EQ(c.rope.originalMaxPositions, c.maxPositions);
}

TEST(RopeTest, TheOriginalContextMayStandBesideTheScaling) {
  std::string text = llamaText("16", "10000", R"({"rope_type": "yarn", "factor": 2.0})");
  text = adding(text, R"("original_max_position_embeddings": 512)");
  EXPECT_EQ(saidOf(text), "");
  EXPECT_EQ(goodConfig(text).rope.originalMaxPositions, 512);
  text = llamaText("16", "10000", R"({"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 256})");
  expectBadConfig(adding(text, R"("original_max_position_embeddings": 512)"), 3,
                  "\"rope_scaling.original_max_position_embeddings\" is 256, but it is 512 beside the scaling");
}

TEST(RopeTest, WhatTransformersIgnoresIsNamed) {
  std::string scaling = R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512,
                           "attn_factor": 0.8782488562869419})";
  std::string said = saidOf(llamaText("16", "10000", scaling));
  EXPECT_NE(said.find("\"rope_scaling.attn_factor\" is 0.8782488562869419, which this \"rope_type\" does not read"),
            std::string::npos)
      << said;
  EXPECT_NEAR(goodConfig(llamaText("16", "10000", scaling)).ropeMagnitude(), 1.138629436111989, 1e-14);
  said =
      saidOf(llamaText("16", "10000", R"({"rope_type": "linear", "factor": 4.0, "mscale": 1.0, "beta_fast": null})"));
  EXPECT_NE(said.find("\"rope_scaling.mscale\" is 1.0"), std::string::npos) << said;
  EXPECT_EQ(said.find("beta_fast"), std::string::npos) << said;
}

TEST(RopeTest, RefusesOtherTypes) {
  for (const char *type : {"longrope", "ntk", "mrope", "su", ""}) {
    std::string scaling = std::string(R"({"type": ")") + type + R"(", "factor": 4.0})";
    expectBadConfig(llamaText("16", "10000", scaling), 4,
                    std::string("\"rope_scaling.type\" is \"") + type +
                        "\", expected one of default, linear, dynamic, yarn, llama3");
  }
}

TEST(RopeTest, RefusesScalingThatLacksOrContradicts) {
  struct Case {
    const char *scaling, *message;
  };
  static const Case cases[] = {
      {R"({"type": "linear"})", "\"rope_scaling.factor\" is missing, but \"rope_type\" linear needs it"},
      {R"({"type": "dynamic"})", "\"rope_scaling.factor\" is missing, but \"rope_type\" dynamic needs it"},
      {R"({"type": "linear", "factor": 0.5})", "\"rope_scaling.factor\" is 0.5, expected a number from 1 to"},
      {R"({"rope_type": "llama3", "factor": 8, "high_freq_factor": 4})", "\"rope_scaling.low_freq_factor\" is missing"},
      {R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1})", "\"rope_scaling.high_freq_factor\" is missing"},
      {R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4})",
       "\"rope_scaling.high_freq_factor\" is not above \"low_freq_factor\""},
      {R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 0, "high_freq_factor": 4})",
       "\"rope_scaling.low_freq_factor\" is 0, expected a number from 1e-06"},
  };
  for (const Case &c : cases) {
    expectBadConfig(llamaText("16", "10000", c.scaling), 3, c.message);
  }
}

TEST(RopeTest, SpellingsOfLlama3AreCompared) {
  auto parameters = [](const char *low) {
    return std::string(R"("rope_parameters": {"rope_type": "llama3", "factor": 8.0, "high_freq_factor": 4.0,
                         "original_max_position_embeddings": 256, "low_freq_factor": )") +
           low + "}";
  };
  goodConfig(adding(configText("llama-tiny"), parameters("1.0")));
  expectBadConfig(adding(configText("llama-tiny"), parameters("2.0")), 3,
                  "\"rope_parameters.low_freq_factor\" is 2.0, but \"rope_scaling.low_freq_factor\" is 1.0");
}

} // namespace
} // namespace fathom::huggingface
