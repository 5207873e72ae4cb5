// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A family is a row of parts, and nothing else knows it: rows of this test's own, whose model_type and tensor names no
// source of Fathom has, compile and give the answers of the models that they were copied from.

#include "dialects/deepseek/DeepSeek.h"
#include "frontend/huggingface/Families.h"
#include "frontend/huggingface/ImportModel.h"
#include "test/e2e/Golden.h"
#include "test/e2e/Model.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fathom::test {
namespace {

using namespace huggingface;

/// As long as "model.layers.", so that a file of weights keeps its offsets when names change.
constexpr const char *kPrefix = "model.blocks.";

std::vector<Family> getOwnFamilies() {
  static constexpr RoutingFact kSoftmax[] = {
      {"softmax", "greedy", ScoreFunction::Softmax, GroupScore::None, /*correctionBias=*/false}};
  static constexpr RoutingFact kSigmoid[] = {
      {"sigmoid", "noaux_tc", ScoreFunction::Sigmoid, GroupScore::Top2Sum, /*correctionBias=*/true}};
  Family normed = {"normed_heads", {&gqa, &attentionBias, &qkNorm, &denseMlp}, RopePairs::HalfSplit};
  Family routed = {"routed_experts",
                   {&gqa, &denseMlp, &experts},
                   RopePairs::HalfSplit,
                   {kSoftmax, Normalization::OfSeveral, Need::Optional}};
  Family indexed = {"indexed_latents", {&mla, &indexer, &denseMlp, &experts, &mtp}, RopePairs::Interleaved, {kSigmoid}};
  normed.windowsHaveSwitch = true;
  normed.layerPrefix = routed.layerPrefix = indexed.layerPrefix = kPrefix;
  return {normed, routed, indexed};
}

struct Case {
  /// A model of test/models and its model_type, and the row that reads a copy of it.
  const char *model;
  const char *original;
  const char *row;
};

class FamilyTest : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    llvm::SmallString<128> unique;
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("fathom-family", unique));
    folder = unique.str().str();
    copy("config.json");
    copy("model.safetensors");
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string getOriginal() const { return std::string(FATHOM_TEST_MODELS) + "/" + GetParam().model; }
  void copy(const std::string &name) const;
  std::string importModule() const;

  std::string folder;
  std::vector<Family> known = getOwnFamilies();
};

void replaceAll(std::string &text, const std::string &from, const std::string &to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// Names the architecture after the row, as it is named after the original: "NormedHeadsForCausalLM".
void renameArchitecture(std::string &config, llvm::StringRef row) {
  size_t end = config.find("ForCausalLM\"");
  if (end != std::string::npos) {
    size_t begin = config.rfind('"', end) + 1;
    config.replace(begin, end - begin, llvm::convertToCamelFromSnakeCase(row, /*capitalizeFirst=*/true));
  }
}

/// Copies a file, with the names of the row instead of the original's.
void FamilyTest::copy(const std::string &name) const {
  auto original = llvm::MemoryBuffer::getFile(getOriginal() + "/" + name);
  ASSERT_TRUE(original);
  std::string bytes = (*original)->getBuffer().str();
  std::string key = "\"model_type\": ";
  replaceAll(bytes, key + '"' + GetParam().original + '"', key + '"' + GetParam().row + '"');
  renameArchitecture(bytes, GetParam().row);
  replaceAll(bytes, "\"model.layers.", std::string("\"") + kPrefix);
  std::error_code error;
  llvm::raw_fd_ostream(folder + "/" + name, error) << bytes;
  ASSERT_FALSE(error);
}

/// The copy as a module, in a file.
std::string FamilyTest::importModule() const {
  checkpoint::Diagnostics diagnostics;
  ModelConfig config = loadModelConfig(folder, diagnostics, known);
  std::unique_ptr<checkpoint::Checkpoint> files = checkpoint::Checkpoint::open(folder, diagnostics);
  ModelWeights weights;
  if (!diagnostics.hasErrors()) {
    weights = findModelWeights(config, *files, diagnostics);
  }
  std::string findings;
  llvm::raw_string_ostream stream(findings);
  diagnostics.print(stream);
  EXPECT_EQ(findings, "");
  if (diagnostics.hasErrors()) {
    return "";
  }
  mlir::MLIRContext context;
  context.loadDialect<deepseek::DeepSeekDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect,
                      mlir::tensor::TensorDialect>();
  ImportOptions options;
  options.maxContext = config.maxPositions;
  std::string path = folder + "/model.mlir";
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  importModel(context, config, weights, *files, options)->print(file);
  return path;
}

TEST_P(FamilyTest, CompilesAndAnswers) {
  driver::CompileOptions options;
  options.input = importModule();
  options.from = driver::Phase::DeepSeek;
  options.checkpoint = folder;
  Session session(compile(options));
  for (const GoldenPrompt &prompt : readGolden(getOriginal())) {
    Session::Outputs outputs = session.prefill(session.createSequence(), prompt.tokens);
    ASSERT_EQ(outputs.logits.size(), prompt.logits.size());
    for (size_t i = 0; i < prompt.logits.size(); ++i) {
      ASSERT_LE(std::abs(outputs.logits[i] - prompt.logits[i]), 1e-3f) << "logit " << i;
    }
    EXPECT_EQ(session.generate(prompt.tokens, prompt.greedy.size()), prompt.greedy);
  }
}

/// The names are the row's alone: without it the model is refused by name, before anything is read of it.
TEST_P(FamilyTest, IsUnknownWithoutItsRow) {
  checkpoint::Diagnostics diagnostics;
  loadModelConfig(folder, diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 4);
}

INSTANTIATE_TEST_SUITE_P(Rows, FamilyTest,
                         testing::Values(Case{"qwen3-tiny", "qwen3", "normed_heads"},
                                         Case{"moe-tiny", "deepseek", "routed_experts"},
                                         Case{"v32-tiny", "deepseek_v32", "indexed_latents"}),
                         [](const auto &info) { return std::string(info.param.row); });

} // namespace
} // namespace fathom::test
