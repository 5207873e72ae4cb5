// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom bench` counts as weights of a token, by the layouts and names that artifacts have.

#include "tools/driver/TouchedWeights.h"

#include "test/tools/partial_artifact.h"

#include <gtest/gtest.h>

namespace fathom::driver {
namespace {

/// Metadata with weights of one slice each.
class Metadata {
public:
  void add(const char *name, const char *type, const std::vector<int64_t> &shape, const char *layout, uint64_t bytes,
           uint32_t experts = 0, bool scale = false) {
    auto first = static_cast<uint32_t>(slices.size());
    slices.emplace_back(0, bytes, 0);
    weights.push_back(artifact::CreateWeightDirect(builder, name, type, &shape, layout, first, 1, experts, scale));
  }

  WeightCount count() {
    auto weightTable = builder.CreateVector(weights);
    auto sliceTable = builder.CreateVectorOfStructs(slices);
    auto start = builder.StartTable();
    builder.AddOffset(artifact::Program::VT_WEIGHTS, weightTable);
    builder.AddOffset(artifact::Program::VT_WEIGHT_SLICES, sliceTable);
    return countWeights(test::finishArtifact(builder, builder.EndTable(start)));
  }

private:
  flatbuffers::FlatBufferBuilder builder;
  std::vector<artifact::WeightSlice> slices;
  std::vector<flatbuffers::Offset<artifact::Weight>> weights;
};

TEST(CountWeightsTest, CountsMatricesPackedOrNot) {
  Metadata metadata;
  metadata.add("moe.self_attn.q_proj.panels", "bf16", {2, 64, 32}, "panels", 8192);
  metadata.add("moe.self_attn.kv_b_proj", "f32", {8, 4}, "rows", 128);
  metadata.add("moe.mlp.gate.panels", "f8e4m3", {1, 64, 32}, "panels", 2048);
  WeightCount count = metadata.count();
  EXPECT_EQ(count.denseElements, 4096 + 32 + 2048);
  EXPECT_EQ(count.denseBytes, 8192u + 128 + 2048);
  EXPECT_EQ(count.expertBytes, 0u);
}

TEST(CountWeightsTest, KeepsExpertsAndHeadApart) {
  Metadata metadata;
  metadata.add("moe.mlp.experts.down_proj.panels", "bf16", {3, 1, 16, 32}, "panels", 3072, 3);
  metadata.add("moe.mlp.shared_experts.down_proj.panels", "bf16", {1, 8, 32}, "panels", 512);
  metadata.add("lm_head.panels", "bf16", {4, 16, 32}, "panels", 4096);
  WeightCount count = metadata.count();
  EXPECT_EQ(count.expertElements, 3 * 512);
  EXPECT_EQ(count.denseElements, 256);
  EXPECT_EQ(count.headElements, 2048);
  EXPECT_EQ(count.expertBytes, 3072u);
  EXPECT_EQ(count.experts, 3u);
  EXPECT_EQ(count.denseBytes, 512u + 4096);
}

TEST(CountWeightsTest, NormsAndScalesAreBytesButNoMatrices) {
  Metadata metadata;
  metadata.add("norm", "bf16", {16}, "rows", 32);
  metadata.add("dense.mlp.down_proj.scales", "f32", {2, 2}, "rows", 16, 0, true);
  WeightCount count = metadata.count();
  EXPECT_EQ(count.denseBytes, 48u);
  EXPECT_EQ(count.denseElements, 0);
}

TEST(CountWeightsTest, LeavesOutTheDraft) {
  Metadata metadata;
  metadata.add("mtp.mlp.experts.down_proj.panels", "bf16", {1, 16, 32}, "panels", 1024, 1);
  metadata.add("mtp.self_attn.q_a_proj+mtp.self_attn.kv_a_proj_with_mqa.panels", "bf16", {1, 8, 32}, "panels", 512);
  WeightCount count = metadata.count();
  EXPECT_EQ(count.expertBytes + count.denseBytes + count.experts, 0u);
}

TEST(CountWeightsTest, LeavesOutTables) {
  Metadata metadata;
  metadata.add("embed_tokens", "bf16", {100, 16}, "rows", 3200);
  metadata.add("rope_table", "f32", {4096, 8, 2}, "rows", 262144);
  metadata.add("lm_head", "bf16", {100, 16}, "rows", 3200);
  WeightCount count = metadata.count();
  EXPECT_EQ(count.denseBytes, 3200u);
  EXPECT_EQ(count.headElements, 1600);
  EXPECT_EQ(count.denseElements, 0);
}

TEST(CountWeightsTest, AnEmbeddingInPanelsIsTheHeadThatSharesIt) {
  Metadata metadata;
  metadata.add("embed_tokens", "bf16", {100, 16}, "rows", 3200);
  metadata.add("embed_tokens.panels", "bf16", {4, 16, 32}, "panels", 4096);
  WeightCount count = metadata.count();
  EXPECT_EQ(count.denseBytes, 4096u);
  EXPECT_EQ(count.headElements, 2048);
}

TEST(CountWeightsTest, AnEmbeddingWithoutAHeadIsTheHead) {
  Metadata metadata;
  metadata.add("embed_tokens", "bf16", {100, 16}, "rows", 3200);
  WeightCount count = metadata.count();
  EXPECT_EQ(count.denseBytes, 3200u);
  EXPECT_EQ(count.headElements, 1600);
}

} // namespace
} // namespace fathom::driver
