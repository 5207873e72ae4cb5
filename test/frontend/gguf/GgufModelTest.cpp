// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files as checkpoints: which tensors there are, what they hold, and what metadata become.

#include "frontend/gguf/GgufModel.h"
#include "test/frontend/Support.h"
#include "test/frontend/gguf/GgufBuilder.h"

#include <numeric>

namespace fathom::gguf {

using checkpoint::DType;
using test::bytesOf;
using test::GgufBuilder;
using test::printed;

/// f32 numbers first, first + 1 and so on.
static std::string count(size_t numbers, float first = 0) {
  std::string bytes;
  for (size_t i = 0; i < numbers; ++i) {
    bytes += bytesOf(first + static_cast<float>(i));
  }
  return bytes;
}

static GgufBuilder makeModel(const std::string &architecture, uint32_t layers = 1) {
  GgufBuilder builder;
  auto add = [&](const std::string &key, auto value) { builder.add(architecture + "." + key, value); };
  builder.add("general.architecture", architecture);
  add("embedding_length", 8u);
  add("block_count", layers);
  add("context_length", 16u);
  add("feed_forward_length", 4u);
  add("attention.head_count", 2u);
  add("attention.layer_norm_rms_epsilon", 1e-6f);
  add("rope.freq_base", 10000.0f);
  builder.addTensor("token_embd.weight", {8, 3}, 0, count(24));
  return builder;
}

namespace {
/// A model in a file of its own, and its tensors.
struct Opened {
  explicit Opened(const std::string &bytes) {
    directory.write("m.gguf", bytes);
    model = GgufModel::open(directory.path("m.gguf"), diagnostics);
    if (model) {
      checkpoint = model->takeCheckpoint(diagnostics);
    }
  }

  const checkpoint::TensorInfo *find(llvm::StringRef name) const {
    std::optional<size_t> index = checkpoint ? checkpoint->find(name) : std::nullopt;
    return index ? checkpoint->allTensors()[*index].tensor : nullptr;
  }

  /// The f32 numbers of a tensor, read `step` bytes at a time.
  std::vector<float> read(llvm::StringRef name, uint64_t step) const {
    const checkpoint::TensorInfo *tensor = find(name);
    std::vector<float> numbers(tensor ? tensor->size / 4 : 0);
    auto *bytes = reinterpret_cast<uint8_t *>(numbers.data());
    for (uint64_t at = 0; tensor && at < tensor->size; at += step) {
      EXPECT_TRUE(
          checkpoint->shards()[0].view->read(bytes + at, std::min(step, tensor->size - at), tensor->offset + at));
    }
    return numbers;
  }

  test::TempDirectory directory;
  Diagnostics diagnostics;
  std::unique_ptr<GgufModel> model;
  std::unique_ptr<checkpoint::Checkpoint> checkpoint;
};
} // namespace

TEST(GgufModelTest, RowsOfQueriesAreInTheOrderOfHuggingFace) {
  // Two heads of 4 rows; row 2i + j of the file is row 2j + i here.
  Opened opened(makeModel("llama").addTensor("blk.0.attn_q.weight", {1, 8}, 0, count(8)).build());
  ASSERT_TRUE(opened.model) << printed(opened.diagnostics);
  for (uint64_t step : {1, 3, 4, 100}) {
    EXPECT_EQ(opened.read("model.layers.0.self_attn.q_proj.weight", step), (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}))
        << step;
  }
}

TEST(GgufModelTest, BiasesOfQueriesGoWithThem) {
  Opened opened(makeModel("llama").addTensor("blk.0.attn_q.bias", {8}, 0, count(8)).build());
  EXPECT_EQ(opened.read("model.layers.0.self_attn.q_proj.bias", 100), (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
}

TEST(GgufModelTest, OtherArchitecturesHaveThatOrder) {
  Opened opened(makeModel("qwen2").addTensor("blk.0.attn_q.weight", {1, 8}, 0, count(8)).build());
  EXPECT_EQ(opened.read("model.layers.0.self_attn.q_proj.weight", 100), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(GgufModelTest, BlocksBecomeFloats) {
  std::string block = bytesOf(uint16_t(0x4000));
  for (int i = 0; i < 32; ++i) {
    block += static_cast<char>(i);
  }
  Opened opened(makeModel("qwen2").addTensor("blk.0.ffn_up.weight", {32, 2}, 8, block + block).build());
  ASSERT_TRUE(opened.find("model.layers.0.mlp.up_proj.weight")) << printed(opened.diagnostics);
  EXPECT_EQ(opened.find("model.layers.0.mlp.up_proj.weight")->dtype, DType::F32);
  std::vector<float> expected(64);
  for (int i = 0; i < 64; ++i) {
    expected[i] = static_cast<float>(2 * (i % 32));
  }
  EXPECT_EQ(opened.read("model.layers.0.mlp.up_proj.weight", 7), expected);
}

TEST(GgufModelTest, FloatsStayAsTheyAre) {
  Opened opened(makeModel("qwen2").addTensor("blk.0.ffn_up.weight", {4, 2}, 30, std::string(16, 'b')).build());
  ASSERT_TRUE(opened.find("model.layers.0.mlp.up_proj.weight")) << printed(opened.diagnostics);
  EXPECT_EQ(opened.find("model.layers.0.mlp.up_proj.weight")->dtype, DType::BF16);
  EXPECT_EQ(opened.find("model.layers.0.mlp.up_proj.weight")->size, 16u);
}

static GgufBuilder makeLatentModel() {
  GgufBuilder builder = makeModel("deepseek2");
  auto add = [&](const std::string &key, auto value) { builder.add("deepseek2." + key, value); };
  add("attention.kv_lora_rank", 2u);
  add("attention.key_length_mla", 5u);
  add("attention.value_length_mla", 1u);
  add("rope.dimension_count", 2u);
  add("expert_count", 2u);
  add("expert_used_count", 1u);
  add("expert_feed_forward_length", 4u);
  return builder;
}

TEST(GgufModelTest, KeysAndValuesBecomeOneMatrix) {
  // Two heads: keys [latent 2, width 3], values [width 1, latent 2].
  GgufBuilder builder = makeLatentModel().addTensor("blk.0.attn_k_b.weight", {3, 2, 2}, 0, count(12));
  Opened opened(builder.addTensor("blk.0.attn_v_b.weight", {2, 1, 2}, 0, count(4, 100)).build());
  ASSERT_TRUE(opened.model) << printed(opened.diagnostics);
  for (uint64_t step : {4, 12, 1000}) {
    EXPECT_EQ(opened.read("model.layers.0.self_attn.kv_b_proj.weight", step),
              (std::vector<float>{0, 3, 1, 4, 2, 5, 100, 101, 6, 9, 7, 10, 8, 11, 102, 103}))
        << step;
  }
}

TEST(GgufModelTest, AWholeMatrixTakesPrecedence) {
  GgufBuilder builder = makeLatentModel().addTensor("blk.0.attn_k_b.weight", {3, 4}, 0, count(12));
  builder.addTensor("blk.0.attn_v_b.weight", {2, 2}, 0, count(4))
      .addTensor("blk.0.attn_kv_b.weight", {2, 8}, 0, count(16));
  Opened opened(builder.build());
  EXPECT_EQ(opened.read("model.layers.0.self_attn.kv_b_proj.weight", 1000).back(), 15);
}

TEST(GgufModelTest, HalvesThatDoNotFitAreNamed) {
  Opened lone(makeLatentModel().addTensor("blk.0.attn_k_b.weight", {3, 2, 2}, 0, count(12)).build());
  EXPECT_NE(printed(lone.diagnostics).find("blk.0.attn_v_b.weight: no file has this tensor"), std::string::npos);
  GgufBuilder builder = makeLatentModel().addTensor("blk.0.attn_k_b.weight", {3, 2, 2}, 0, count(12));
  Opened other(builder.addTensor("blk.0.attn_v_b.weight", {3, 1, 2}, 0, count(6)).build());
  EXPECT_NE(printed(other.diagnostics).find("of as many heads and the same latent"), std::string::npos);
}

TEST(GgufModelTest, NumbersAreSpelledAsBeforeRounding) {
  Opened opened(makeModel("llama").build());
  ASSERT_TRUE(opened.model) << printed(opened.diagnostics);
  EXPECT_NE(opened.model->config().find("\"rms_norm_eps\": 1e-06,"), std::string::npos) << opened.model->config();
  EXPECT_NE(opened.model->config().find("\"vocab_size\": 3,"), std::string::npos);
  EXPECT_NE(opened.model->config().find("\"tie_word_embeddings\": true,"), std::string::npos);
}

TEST(GgufModelTest, DivisorsOfRotationsAreRead) {
  Opened opened(makeModel("llama").addTensor("rope_freqs.weight", {2}, 0, count(2, 1)).build());
  ASSERT_TRUE(opened.model) << printed(opened.diagnostics);
  EXPECT_EQ(opened.model->ropeDivisors(), (std::vector<double>{1, 2}));
  Opened zero(makeModel("llama").addTensor("rope_freqs.weight", {2}, 0, count(2)).build());
  EXPECT_NE(printed(zero.diagnostics).find("number 0 divides a frequency"), std::string::npos);
}

namespace {
struct Refused {
  const char *what;
  GgufBuilder builder;
  int exitCode;
  const char *message;
};
} // namespace

static std::vector<Refused> listRefused() {
  auto llama = [](const std::string &key, auto value) { return makeModel("llama").add("llama." + key, value); };
  auto latent = [](const std::string &key, auto value) { return makeLatentModel().add("deepseek2." + key, value); };
  GgufBuilder halves = makeModel("llama");
  halves.add("llama.attention.key_length", 4u).add("llama.attention.value_length", 6u);
  return {
      {"no architecture", GgufBuilder(), 3, "general.architecture: is missing"},
      {"gemma", GgufBuilder().add("general.architecture", "gemma"), 4,
       "is \"gemma\", expected one of llama, qwen2, qwen3, deepseek, deepseek2"},
      {"a number", GgufBuilder().add("general.architecture", 7u), 3, "is u32, expected a string"},
      {"no tensors", GgufBuilder().add("general.architecture", "llama"), 3, "the file has no such tensor"},
      {"experts of Mixtral", llama("expert_count", 8u), 4, "llama.expert_count: is 8, which is not implemented"},
      {"divisors in halves", makeModel("llama").addTensor("rope_freqs.weight", {2}, 1, std::string(4, 0)), 4,
       "expected a vector of F32"},
      {"windows", llama("attention.sliding_window", 4096u), 4, "llama.attention.sliding_window"},
      {"soft caps", llama("attn_logit_softcapping", 50.0f), 4, "the only supported value is 0"},
      {"part of a head rotates", llama("rope.dimension_count", 2u), 4, "rotations are of 2"},
      {"widths differ", halves, 4, "keys have 4 numbers, values 6"},
      {"infinite", llama("logit_scale", __builtin_inff()), 3, "is not a finite number"},
      {"gate 3", latent("expert_gating_func", 3u), 4, "the only supported values are 1 (softmax) and 2 (sigmoid)"},
      {"keys do not rotate",
       makeModel("deepseek2").add("deepseek2.attention.key_length", 2u).add("deepseek2.rope.dimension_count", 2u), 3,
       "expected more than the 2 that rotate"},
      {"only drafts", llama("nextn_predict_layers", 1u), 3, "is 1, expected fewer than all 1 layers"},
      {"the second of two", llama("x", 1u).add("split.count", 2u).add("split.no", 1u), 3, "this is part 2 of 2"},
      {"as many parts as nobody has", llama("x", 1u).add("split.count", 70000u), 3, "is above 65535"},
      {"a part by another name", llama("x", 1u).add("split.count", 2u), 3, "does not end with -00001-of-00002.gguf"},
  };
}

TEST(GgufModelTest, OthersAreRefused) {
  for (const Refused &refused : listRefused()) {
    Opened opened(refused.builder.build());
    EXPECT_FALSE(opened.model) << refused.what;
    EXPECT_EQ(opened.diagnostics.exitCode(), refused.exitCode) << refused.what << printed(opened.diagnostics);
    EXPECT_NE(printed(opened.diagnostics).find(refused.message), std::string::npos)
        << refused.what << ": " << printed(opened.diagnostics);
  }
}

TEST(GgufModelTest, PartsAreOneModel) {
  test::TempDirectory directory;
  GgufBuilder first = makeModel("qwen2").add("split.count", 2u).add("split.no", 0u).add("split.tensors.count", 2u);
  GgufBuilder second = GgufBuilder().add("split.count", 2u).add("split.no", 1u);
  second.addTensor("output_norm.weight", {8}, 0, count(8, 5));
  directory.write("m-00001-of-00002.gguf", first.build());
  std::string path = directory.path("m-00001-of-00002.gguf");
  Diagnostics missing;
  EXPECT_FALSE(GgufModel::open(path, missing));
  EXPECT_NE(printed(missing).find("m-00002-of-00002.gguf"), std::string::npos) << printed(missing);
  directory.write("m-00002-of-00002.gguf", second.build());
  Diagnostics diagnostics;
  auto model = GgufModel::open(path, diagnostics);
  ASSERT_TRUE(model) << printed(diagnostics);
  auto checkpoint = model->takeCheckpoint(diagnostics);
  const checkpoint::TensorInfo &norm = *checkpoint->allTensors()[*checkpoint->find("model.norm.weight")].tensor;
  float number = 0;
  ASSERT_TRUE(checkpoint->shards()[0].view->read(&number, 4, norm.offset + 28));
  EXPECT_EQ(number, 12);
}

TEST(GgufModelTest, PartsSayWhichTheyAre) {
  auto open = [](uint32_t tensors, uint32_t number) {
    test::TempDirectory directory;
    GgufBuilder first = makeModel("qwen2").add("split.count", 2u).add("split.no", 0u);
    directory.write("m-00001-of-00002.gguf", first.add("split.tensors.count", tensors).build());
    directory.write("m-00002-of-00002.gguf", GgufBuilder().add("split.count", 2u).add("split.no", number).build());
    Diagnostics diagnostics;
    EXPECT_FALSE(GgufModel::open(directory.path("m-00001-of-00002.gguf"), diagnostics));
    return printed(diagnostics);
  };
  EXPECT_NE(open(1, 0).find("expected part 1 of 2"), std::string::npos) << open(1, 0);
  EXPECT_NE(open(3, 1).find("is 3, but the parts have 1 tensors"), std::string::npos) << open(3, 1);
}

TEST(GgufModelTest, WhatIsLeftOutIsSaid) {
  Opened unread(makeModel("llama").add("llama.unheard_of", 1u).build());
  EXPECT_TRUE(unread.model);
  EXPECT_NE(printed(unread.diagnostics).find("llama.unheard_of: is not read"), std::string::npos);
  Opened drafts(makeModel("llama", 2).add("llama.nextn_predict_layers", 1u).build());
  EXPECT_TRUE(drafts.model);
  EXPECT_NE(printed(drafts.diagnostics).find("the model is compiled without a draft"), std::string::npos);
  EXPECT_NE(drafts.model->config().find("\"num_hidden_layers\": 1,"), std::string::npos);
}

static GgufBuilder makeVocabulary(const std::string &pre) {
  GgufBuilder builder;
  builder.add("tokenizer.ggml.model", "gpt2").add("tokenizer.ggml.pre", pre);
  builder.addStrings("tokenizer.ggml.tokens", {"a", "b", "ab", "<s>", "[PAD4]"});
  builder.add("tokenizer.ggml.token_type", ValueType::Array, test::integersOf({1, 1, 1, 3, 5}));
  builder.addStrings("tokenizer.ggml.merges", {"a b"}).add("tokenizer.ggml.bos_token_id", 3u);
  return builder;
}

static std::optional<ConvertedTokenizer> convert(const GgufBuilder &builder, Diagnostics &diagnostics) {
  std::string bytes = builder.build();
  auto file = GgufFile::parse(bytes, bytes.size(), "m.gguf", diagnostics);
  MetadataReader metadata(*file, "m.gguf", diagnostics);
  return convertTokenizer(metadata);
}

TEST(GgufModelTest, VocabulariesBecomeTokenizers) {
  Diagnostics diagnostics;
  auto converted = convert(makeVocabulary("llama-bpe"), diagnostics);
  ASSERT_TRUE(converted) << printed(diagnostics);
  EXPECT_NE(converted->tokenizer.find(R"("vocab":{"a":0,"b":1,"ab":2,"<s>":3},"merges":["a b"])"), std::string::npos)
      << converted->tokenizer;
  EXPECT_NE(converted->tokenizer.find(R"("ignore_merges":true)"), std::string::npos);
  EXPECT_NE(converted->config.find(R"("bos_token":"<s>")"), std::string::npos) << converted->config;
  EXPECT_NE(converted->config.find(R"("add_bos_token":true)"), std::string::npos);
}

TEST(GgufModelTest, OtherVocabulariesAreRefused) {
  auto expect = [](const GgufBuilder &builder, int exitCode, const std::string &message) {
    Diagnostics diagnostics;
    EXPECT_FALSE(convert(builder, diagnostics));
    EXPECT_EQ(diagnostics.exitCode(), exitCode) << printed(diagnostics);
    EXPECT_NE(printed(diagnostics).find(message), std::string::npos) << printed(diagnostics);
  };
  expect(makeVocabulary("gpt-4o"), 4, "is \"gpt-4o\", expected one of deepseek-v3");
  expect(GgufBuilder().add("tokenizer.ggml.model", "llama"), 4, "the only supported value is gpt2");
  expect(GgufBuilder().add("tokenizer.ggml.model", "gpt2"), 3, "is missing, but the vocabulary needs it");
  expect(makeVocabulary("qwen2").add("tokenizer.ggml.eos_token_id", 5u), 3, "is 5, but there are tokens 0 to 5 only");
  GgufBuilder broken = GgufBuilder().add("tokenizer.ggml.model", "gpt2").addStrings("tokenizer.ggml.merges", {});
  expect(broken.addStrings("tokenizer.ggml.tokens", {"a", "\xff"}), 3, "has an element 1 that is not UTF-8");
}

} // namespace fathom::gguf
