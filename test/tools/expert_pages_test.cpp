// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts are counted by the pages of a file that are read.

#include "tools/driver/TouchedWeights.h"

#include "test/tools/partial_artifact.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace fathom::driver {
namespace {

constexpr uint64_t kPage = 4096;

/// A mapped file of experts, one after the other, and metadata that says so.
class Experts {
public:
  enum class Place { Stacked, Apart };
  Experts(uint32_t count, uint64_t size, Place place = Place::Stacked) : size(size) {
    std::string path = testing::TempDir() + "fathom-experts-XXXXXX";
    int file = mkstemp(path.data());
    bytes = (count * size + kPage - 1) / kPage * kPage;
    EXPECT_EQ(ftruncate(file, static_cast<off_t>(bytes)), 0);
    void *mapped = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
    data = static_cast<volatile const char *>(mapped);
    close(file);
    unlink(path.c_str());
    for (uint64_t i = 0; i < bytes; i += kPage) {
      read(i, 1);
    }
    describe(place == Place::Stacked ? 1 : count, place == Place::Stacked ? count : 1);
  }
  Experts(const Experts &) = delete;
  ~Experts() { munmap(const_cast<char *>(data), bytes); }

  void read(uint64_t from, uint64_t length) const {
    for (uint64_t i = from; i < from + length; i += kPage) {
      (void)data[i];
    }
  }
  void readExpert(uint64_t index) const { read(index * size, size); }

  const fathom_model_info_t &model() const { return info; }

private:
  void describe(uint32_t count, uint32_t experts) {
    std::vector<artifact::WeightSlice> slices;
    for (uint64_t i = 0; i < count; ++i) {
      slices.emplace_back(i * experts * size, experts * size, 0);
    }
    std::vector<flatbuffers::Offset<artifact::Weight>> weights = {artifact::CreateWeightDirect(
        builder, "moe.mlp.experts.down_proj.panels", "f32", nullptr, "panels", 0, count, experts)};
    std::vector<flatbuffers::Offset<artifact::Segment>> segments = {
        artifact::CreateSegmentDirect(builder, "weights", nullptr, false, 0, bytes)};
    auto weightTable = builder.CreateVector(weights);
    auto sliceTable = builder.CreateVectorOfStructs(slices);
    auto segmentTable = builder.CreateVector(segments);
    auto start = builder.StartTable();
    builder.AddOffset(artifact::Program::VT_WEIGHTS, weightTable);
    builder.AddOffset(artifact::Program::VT_WEIGHT_SLICES, sliceTable);
    info = test::finishArtifact(builder, builder.EndTable(start), {{}, {}, segmentTable});
  }

  uint64_t size, bytes = 0;
  volatile const char *data = nullptr;
  flatbuffers::FlatBufferBuilder builder;
  fathom_model_info_t info = {};
};

TEST(ExpertPagesTest, CountsThoseThatAreRead) {
  for (Experts::Place place : {Experts::Place::Stacked, Experts::Place::Apart}) {
    TouchedWeights touched;
    // Neighbors share pages.
    Experts experts(12, 5 * kPage / 2 * 3, place);
    ASSERT_TRUE(touched.countExperts(experts.model()));
    ASSERT_TRUE(touched.forget());
    EXPECT_EQ(touched.measure().experts, 0u);
    for (uint64_t one : {3, 4, 9, 4}) {
      experts.readExpert(one);
    }
    Touched read = touched.measure();
    EXPECT_EQ(read.experts, 3u);
    EXPECT_GE(read.bytes, 3 * 7 * kPage);
    ASSERT_TRUE(touched.forget());
    EXPECT_EQ(touched.measure().experts, 0u);
  }
}

TEST(ExpertPagesTest, WhatIsFetchedAheadIsNoExpert) {
  TouchedWeights touched;
  Experts experts(4, 8 * kPage);
  ASSERT_TRUE(touched.countExperts(experts.model()));
  ASSERT_TRUE(touched.forget());
  experts.read(0, 9 * kPage);
  EXPECT_EQ(touched.measure().experts, 1u);
}

TEST(ExpertPagesTest, SmallOnesAreNotCounted) {
  TouchedWeights touched;
  Experts experts(8, kPage + 100);
  EXPECT_FALSE(touched.countExperts(experts.model()));
  experts.readExpert(1);
  EXPECT_EQ(touched.measure().experts, 0u);
}

} // namespace
} // namespace fathom::driver
