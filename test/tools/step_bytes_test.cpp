// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom bench` says that a step must read of the cache.

#include "tools/driver/StepBytes.h"

#include "test/tools/partial_artifact.h"

#include <gtest/gtest.h>

namespace fathom::driver {
namespace {

/// Metadata of a model of some layers with a cache, and nothing that is not looked at here.
class Metadata {
public:
  explicit Metadata(uint32_t layers) : layers(layers) {}

  void addStore(const char *name, uint32_t layers, uint32_t width, uint32_t heads) {
    stores.push_back(
        artifact::CreateStoreDirect(builder, name, layers, artifact::StoreElement::f32, width, 1, 0, 0, heads));
  }

  /// An entry point for rows at positions below a limit; 0: at all.
  void addEntry(const char *name, uint32_t maxPositions) {
    entries.push_back(artifact::CreateEntryPointDirect(builder, name, artifact::Form::expanded, 0, 1, 1, maxPositions));
  }

  std::vector<StoreBytes> count(double positions) {
    auto entryTable = builder.CreateVector(entries);
    auto cache = artifact::CreateCacheDirect(builder, 0, &stores);
    auto model = artifact::CreateModelDirect(builder, "family", 0, 0, layers);
    auto start = builder.StartTable();
    builder.AddOffset(artifact::Program::VT_ENTRY_POINTS, entryTable);
    return countCacheBytes(test::finishArtifact(builder, builder.EndTable(start), {model, cache, {}}), positions);
  }

private:
  uint32_t layers;
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<artifact::Store>> stores;
  std::vector<flatbuffers::Offset<artifact::EntryPoint>> entries;
};

TEST(CountCacheBytesTest, CountsRowsOfAllLayersAndHeads) {
  Metadata metadata(3);
  metadata.addStore("key", 3, 16, 2);
  metadata.addStore("value", 3, 8, 2);
  std::vector<StoreBytes> bytes = metadata.count(10.5);
  ASSERT_EQ(bytes.size(), 2u);
  EXPECT_EQ(bytes[0].name, "key");
  EXPECT_EQ(bytes[0].bytes, 10.5 * 3 * 2 * 16 * 4);
  EXPECT_EQ(bytes[1].bytes, 10.5 * 3 * 2 * 8 * 4);
}

TEST(CountCacheBytesTest, LeavesOutWhatADraftKeeps) {
  Metadata metadata(2);
  metadata.addStore("latent", 3, 16, 1);
  EXPECT_EQ(metadata.count(1)[0].bytes, 2 * 16 * 4);
}

TEST(CountCacheBytesTest, SparseAttentionReadsEveryIndexKeyAndWhatItSelects) {
  Metadata metadata(2);
  metadata.addEntry("prefill", 2048);
  metadata.addEntry("decode", 0);
  metadata.addStore("latent", 2, 576, 1);
  metadata.addStore("index", 2, 128, 1);
  std::vector<StoreBytes> bytes = metadata.count(64000);
  EXPECT_EQ(bytes[0].bytes, 2048 * 2 * 576 * 4);
  EXPECT_EQ(bytes[1].bytes, 64000 * 2 * 128 * 4);
}

TEST(CountCacheBytesTest, SparseAttentionToNoMoreThanItSelectsIsDense) {
  Metadata metadata(2);
  metadata.addEntry("prefill", 2048);
  metadata.addStore("latent", 2, 576, 1);
  metadata.addStore("index", 2, 128, 1);
  std::vector<StoreBytes> bytes = metadata.count(2048);
  EXPECT_EQ(bytes[0].bytes, 2048 * 2 * 576 * 4);
  EXPECT_EQ(bytes[1].bytes, 0);
}

} // namespace
} // namespace fathom::driver
