// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sparse attention is dense attention until there are more positions than it selects, to the bit, and whatever else a
// call has in it.

#include "test/e2e/Golden.h"
#include "test/e2e/Model.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>

namespace fathom::test {
namespace {

constexpr const char *kModel = FATHOM_TEST_MODELS "/v32-tiny";
/// More than the longest context of the model.
constexpr int kEverything = 4096;

/// An artifact of the model with another index_topk, made once.
const std::string &compileWithTopK(int topK) {
  static std::map<int, std::string> artifacts;
  std::string &artifact = artifacts[topK];
  if (!artifact.empty()) {
    return artifact;
  }
  llvm::SmallString<128> folder;
  EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("fathom-sparse", folder));
  std::string config = (*llvm::MemoryBuffer::getFile(std::string(kModel) + "/config.json"))->getBuffer().str();
  std::string field = "\"index_topk\": ";
  EXPECT_NE(config.find(field + "16"), std::string::npos);
  config = std::regex_replace(config, std::regex(field + "16"), field + std::to_string(topK));
  std::error_code error;
  llvm::raw_fd_ostream((folder + "/config.json").str(), error) << config;
  EXPECT_FALSE(error);
  EXPECT_FALSE(llvm::sys::fs::copy_file(std::string(kModel) + "/model.safetensors", folder + "/model.safetensors"));
  driver::CompileOptions options;
  options.input = folder.str().str();
  artifact = compile(options);
  llvm::sys::fs::remove_directories(folder);
  return artifact;
}

std::vector<int32_t> getTokens(size_t count) {
  std::vector<int32_t> tokens = readGolden(kModel).back().tokens;
  EXPECT_LE(count, tokens.size());
  tokens.resize(count);
  return tokens;
}

/// Of each position of the longest prompt, token by token.
std::vector<std::vector<float>> decodeAll(const std::string &artifact) {
  Session session(artifact);
  fathom_sequence_t sequence = session.createSequence();
  std::vector<std::vector<float>> logits;
  for (int32_t token : getTokens(90)) {
    logits.push_back(session.decode({sequence}, {token}));
  }
  return logits;
}

class SparseAttentionTest : public testing::TestWithParam<int> {};

TEST_P(SparseAttentionTest, DecodesAsDenseAttentionUpToTopKPositions) {
  static const std::vector<std::vector<float>> dense = decodeAll(compileWithTopK(kEverything));
  std::vector<std::vector<float>> sparse = decodeAll(compileWithTopK(GetParam()));
  size_t topK = GetParam();
  for (size_t position = 0; position < std::min(topK, dense.size()); ++position) {
    EXPECT_EQ(sparse[position], dense[position]) << "position " << position;
  }
  if (topK < dense.size()) {
    EXPECT_NE(sparse[topK], dense[topK]) << "nothing is left out";
  }
}

TEST_P(SparseAttentionTest, ReadsPromptsAsDenseAttentionUpToTopKPositions) {
  std::vector<int32_t> tokens = getTokens(90);
  Session whole(compileWithTopK(kEverything)), chosen(compileWithTopK(GetParam()));
  std::vector<float> all = whole.prefill(whole.createSequence(), tokens).logits;
  std::vector<float> sparse = chosen.prefill(chosen.createSequence(), tokens).logits;
  size_t vocabulary = whole.getInfo().vocabulary, topK = GetParam(), equal = std::min(topK, tokens.size()) * vocabulary;
  EXPECT_TRUE(std::equal(all.begin(), all.begin() + equal, sparse.begin()));
  if (topK < tokens.size()) {
    EXPECT_FALSE(std::equal(all.begin() + equal, all.begin() + equal + vocabulary, sparse.begin() + equal));
  }
}

/// Rows that attend to all of their positions, to as many as are selected, and to few of them, on both sides of the
/// edges of pages and blocks.
TEST_P(SparseAttentionTest, RowsOfOneCallDoNotSeeEachOther) {
  Session session(compileWithTopK(GetParam()), /*threads=*/2, /*chunk=*/0, /*sequences=*/16);
  std::vector<fathom_sequence_t> together;
  std::vector<int32_t> next;
  std::vector<float> alone;
  for (size_t length : {1, 15, 16, 17, 63, 64, 65, 89}) {
    std::vector<int32_t> tokens = getTokens(length + 1);
    next.push_back(tokens.back());
    tokens.pop_back();
    fathom_sequence_t single = session.createSequence();
    session.prefill(single, tokens);
    std::vector<float> logits = session.decode({single}, {next.back()});
    alone.insert(alone.end(), logits.begin(), logits.end());
    together.push_back(session.createSequence());
    session.prefill(together.back(), tokens);
  }
  EXPECT_EQ(session.decode(together, next), alone);
}

/// Blocks of 64 positions, the last of them not full, of which parts have one or two.
constexpr size_t kSeveralBlocks = 300;

std::vector<int32_t> makeTokens(const Session &session, size_t count) {
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = int32_t(i * 31 % session.getInfo().vocabulary);
  }
  return tokens;
}

/// Logits of the last of kSeveralBlocks tokens, which is decoded where a call has up to `maxBatch` rows.
std::vector<float> decodeLast(int64_t maxContext, int64_t maxBatch, bool kernels) {
  driver::CompileOptions options;
  options.input = kModel;
  options.maxContext = maxContext;
  options.maxBatch = maxBatch;
  options.kernels = kernels;
  Session session(compile(options), /*threads=*/3);
  std::vector<int32_t> tokens = makeTokens(session, kSeveralBlocks);
  fathom_sequence_t sequence = session.createSequence();
  session.prefill(sequence, {tokens.begin(), tokens.end() - 1});
  return session.decode({sequence}, {tokens.back()});
}

class PartsOfSparseAttentionTest : public testing::TestWithParam<bool> {};

/// Up to 1024 positions, or where a call may have many rows, a context is searched as one part.
TEST_P(PartsOfSparseAttentionTest, SelectWhatOneDoes) {
  std::vector<float> whole = decodeLast(1024, 16, GetParam());
  EXPECT_EQ(decodeLast(1025, 16, GetParam()), whole) << "2 parts";
  EXPECT_EQ(decodeLast(2560, 16, GetParam()), whole) << "3 parts";
  EXPECT_EQ(decodeLast(2560, 65, GetParam()), whole) << "many rows";
}

/// Prompts are searched as one part, too.
TEST(SparseAttentionOfPromptsTest, SelectsWhatPartsDo) {
  driver::CompileOptions options;
  options.input = kModel;
  Session session(compile(options));
  std::vector<int32_t> tokens = makeTokens(session, kSeveralBlocks);
  std::vector<float> logits = session.prefill(session.createSequence(), tokens).logits;
  logits.erase(logits.begin(), logits.end() - session.getInfo().vocabulary);
  EXPECT_EQ(decodeLast(0, 16, /*kernels=*/true), logits);
}

INSTANTIATE_TEST_SUITE_P(Kernels, PartsOfSparseAttentionTest, testing::Bool());
INSTANTIATE_TEST_SUITE_P(TopK, SparseAttentionTest, testing::Values(1, 7, 16, 63, 64, 65, 89, 90, kEverything));

} // namespace
} // namespace fathom::test
