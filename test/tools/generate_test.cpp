// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Generated checkpoints: valid, reproducible, with weights of sane size.

#include "test/frontend/huggingface/SmallModel.h"
#include "tools/gen/RandomWeights.h"

#include <cmath>
#include <map>

namespace fathom::gen {
namespace {

using checkpoint::DType;
using huggingface::ModelConfig;
using test::configText;
using test::TempDirectory;

/// Generates into `directory`/`name`; must succeed.
void generate(const TempDirectory &directory, const std::string &name, const std::string &config,
              const GenerateOptions &options) {
  checkpoint::Diagnostics diagnostics;
  EXPECT_TRUE(generateCheckpoint(config, "config.json", directory.path(name), options, diagnostics));
  EXPECT_EQ(test::printed(diagnostics), "");
}

/// Every file of a directory, names and bytes.
std::map<std::string, std::string> contents(const std::string &path) {
  std::map<std::string, std::string> files;
  for (const auto &entry : std::filesystem::directory_iterator(path)) {
    files[entry.path().filename()] = test::readFile(entry.path());
  }
  return files;
}

TEST(GenerateTest, EveryTypeMakesAValidCheckpoint) {
  for (ProjectionType type : {ProjectionType::Bf16, ProjectionType::F32, ProjectionType::Fp8}) {
    for (const char *name : {"v2-lite-tiny", "v3-tiny", "v3-tiny-fp8", "v32-tiny-fp8"}) {
      TempDirectory directory;
      GenerateOptions options;
      options.projections = type;
      options.maxShardBytes = 300'000;
      generate(directory, "out", configText(name), options);
      checkpoint::Diagnostics diagnostics;
      ModelConfig config = huggingface::loadModelConfig(directory.path("out"), diagnostics);
      auto checkpoint = checkpoint::Checkpoint::open(directory.path("out"), diagnostics);
      ASSERT_NE(checkpoint, nullptr) << test::printed(diagnostics);
      EXPECT_GT(checkpoint->shards().size(), 1u);
      findModelWeights(config, *checkpoint, diagnostics);
      EXPECT_EQ(test::printed(diagnostics), "");
      EXPECT_EQ(config.quantization.has_value(), type == ProjectionType::Fp8);
    }
  }
}

TEST(GenerateTest, BytesDependOnTheSeedAlone) {
  TempDirectory directory;
  GenerateOptions options;
  options.threads = 1;
  generate(directory, "one", configText("v3-tiny-fp8"), options);
  options.threads = 3;
  generate(directory, "three", configText("v3-tiny-fp8"), options);
  options.seed = 1;
  generate(directory, "other", configText("v3-tiny-fp8"), options);
  EXPECT_EQ(contents(directory.path("one")), contents(directory.path("three")));
  EXPECT_NE(contents(directory.path("one")), contents(directory.path("other")));
}

TEST(GenerateTest, HeadersOnlyFilesHaveTheSizeButNoData) {
  TempDirectory directory;
  GenerateOptions options;
  generate(directory, "full", configText("v3-tiny"), options);
  options.headersOnly = true;
  generate(directory, "hollow", configText("v3-tiny"), options);
  EXPECT_EQ(std::filesystem::file_size(directory.path("full/model.safetensors")),
            std::filesystem::file_size(directory.path("hollow/model.safetensors")));
  checkpoint::Diagnostics diagnostics;
  EXPECT_NE(checkpoint::Checkpoint::open(directory.path("hollow"), diagnostics), nullptr);
}

TEST(GenerateTest, TensorsAreAlignedToTheirElements) {
  for (const PlannedShard &shard :
       planShards(test::goodConfig(configText("v3-tiny-fp8")), ProjectionType::Fp8, 100'000)) {
    for (const PlannedTensor &tensor : shard.tensors) {
      EXPECT_EQ(tensor.offset % (checkpoint::bitWidth(tensor.dtype) / 8), 0u) << tensor.name;
    }
  }
}

TEST(GenerateTest, RefusesADirectoryInUse) {
  TempDirectory directory;
  directory.write("out/precious", "x");
  checkpoint::Diagnostics diagnostics;
  EXPECT_FALSE(generateCheckpoint(configText("v3-tiny"), "c", directory.path("out"), {}, diagnostics));
  EXPECT_EQ(diagnostics.exitCode(), 5);
  EXPECT_EQ(contents(directory.path("out")).size(), 1u);
}

TEST(GenerateTest, LeavesNothingBehindWhenStopped) {
  TempDirectory directory;
  std::atomic<bool> cancelled{true};
  GenerateOptions options;
  options.cancelled = &cancelled;
  checkpoint::Diagnostics diagnostics;
  EXPECT_FALSE(generateCheckpoint(configText("v3-tiny"), "c", directory.path("out"), options, diagnostics));
  EXPECT_FALSE(std::filesystem::exists(directory.path("out")));
}

TEST(GenerateTest, RefusesBadConfigurations) {
  TempDirectory directory;
  checkpoint::Diagnostics diagnostics;
  EXPECT_FALSE(generateCheckpoint("{}", "c", directory.path("out"), {}, diagnostics));
  EXPECT_EQ(diagnostics.exitCode(), 3);
  EXPECT_FALSE(std::filesystem::exists(directory.path("out")));
}

float fromE4M3(uint8_t byte) {
  int exponent = (byte >> 3) & 15, mantissa = byte & 7;
  float value = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
  return byte & 0x80 ? -value : value;
}

TEST(GenerateTest, RoundsToTheNearestE4M3) {
  for (int byte = 0; byte < 256; ++byte) {
    if ((byte & 127) != 127) {
      EXPECT_EQ(toE4M3(fromE4M3(byte)), byte);
    }
  }
  for (int byte = 0; byte < 126; ++byte) {
    float low = fromE4M3(byte), high = fromE4M3(byte + 1);
    EXPECT_EQ(toE4M3(low + 0.49f * (high - low)), byte);
    EXPECT_EQ(toE4M3(low + 0.51f * (high - low)), byte + 1);
    EXPECT_EQ(toE4M3(low + 0.5f * (high - low)), byte % 2 ? byte + 1 : byte);
  }
  EXPECT_EQ(toE4M3(1e9f), 0x7e);
}

TEST(GenerateTest, NoiseHasTheMeanAndDeviationAskedFor) {
  RandomTensor random(7, "x", DType::F32, 1, 0.25);
  std::vector<float> values(100'000);
  random.draw(0, values.size(), reinterpret_cast<char *>(values.data()));
  double sum = 0, squares = 0;
  for (float value : values) {
    sum += value;
    squares += (value - 1.0) * (value - 1.0);
  }
  EXPECT_NEAR(sum / values.size(), 1, 0.01);
  EXPECT_NEAR(std::sqrt(squares / values.size()), 0.25, 0.01);
  std::vector<float> part(101);
  random.draw(500, part.size(), reinterpret_cast<char *>(part.data()));
  EXPECT_TRUE(std::equal(part.begin(), part.end(), values.begin() + 500));
}

} // namespace
} // namespace fathom::gen
