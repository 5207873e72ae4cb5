// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The packer against its naive twin, and its behavior with odd values, vanishing input and huge input.

#include "codegen/artifact/WeightPacker.h"

#include "dialects/support/Hash.h"
#include "test/codegen/artifact/Support.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace fathom::codegen::test {

namespace {

/// A packer's input, run and result.
struct PackFixture {
  TemporaryDirectory directory;
  ShardBuilder shard;
  std::vector<SliceRecipe> recipes;
  PackOptions options;
  PackResult result;

  void add(std::vector<Source> sources, const std::vector<StepAction> &actions = {}) {
    recipes.push_back(makeRecipe(std::move(sources), actions));
  }

  std::vector<PackJob> makeJobs(const ShardFile &file, uint64_t &size) const {
    std::vector<PackJob> jobs;
    size = 0;
    for (uint32_t i = 0; i < recipes.size(); ++i) {
      uint64_t bytes = llvm::cantFail(computeSliceSize(recipes[i], {file}, "w"));
      jobs.push_back({&recipes[i], size, bytes, i, 0});
      size = (size + bytes + 63) / 64 * 64;
    }
    return jobs;
  }

  llvm::Error pack(const ShardFile &file) {
    uint64_t size = 0;
    std::vector<PackJob> jobs = makeJobs(file, size);
    auto output = llvm::cantFail(AtomicFile::create(directory.path("packed"), {}));
    auto packed = packWeights(jobs, recipes.size(), {file}, *output, 0, size, options);
    if (!packed) {
      return packed.takeError();
    }
    result = std::move(*packed);
    return output->commit();
  }

  std::string packedBytes() const { return readFile(directory.path("packed")); }

  std::string expectedBytes() const {
    std::string bytes;
    for (const SliceRecipe &recipe : recipes) {
      bytes += packNaively(recipe, shard.bytes);
      bytes.resize((bytes.size() + 63) / 64 * 64, '\0');
    }
    return bytes;
  }

  void expectExact() {
    ASSERT_EQ(exitCode(pack(shard.save(directory.path("shard")))), 0);
    std::string bytes = packedBytes();
    // Not EXPECT_EQ, which would print megabytes.
    EXPECT_TRUE(bytes == expectedBytes());
    EXPECT_EQ(result.hash, hashBytes(bytes));
  }
};

} // namespace

TEST(WeightPacker, CopiesRows) {
  PackFixture fixture;
  fixture.add({fixture.shard.add(5, 7, ElementType::BF16, 1)});
  fixture.add({fixture.shard.add(3, 1001, ElementType::F8E4M3, 2)});
  fixture.expectExact();
}

class PackSteps : public testing::TestWithParam<std::tuple<ElementType, int64_t, int64_t>> {};

TEST_P(PackSteps, EqualTheNaiveLoopsInSmallPieces) {
  auto [type, rows, columns] = GetParam();
  PackFixture fixture;
  fixture.options.pieceBytes = 1 << 12;
  fixture.add({fixture.shard.add(rows, columns, type, 3)}, {PackPanels{32}});
  fixture.add({fixture.shard.add(rows, columns, type, 9)}, {PackPanels{12}});
  fixture.add({fixture.shard.add(rows, columns, type, 4)}, {ToF32()});
  fixture.add({fixture.shard.add(rows, columns, type, 6)}, {ToF32(), PackPanels{32}});
  fixture.add({fixture.shard.add(rows, columns, type, 7)}, {PackPanels{32}, ToF32()});
  fixture.add({fixture.shard.add(rows, columns, type, 8)}, {RepeatRows{3, 3 * rows - 1}});
  fixture.add({fixture.shard.add(rows, columns, type, 10)}, {Transpose()});
  fixture.add({fixture.shard.add(rows, columns, type, 12)}, {SliceRows{rows / 3, 1, rows - rows / 3}});
  fixture.add({fixture.shard.add(rows, columns, type, 13)}, {Transpose(), SliceRows{0, 2, (columns + 1) / 2}});
  fixture.add({fixture.shard.add(rows, columns, type, 11)}, {Transpose(), ToF32(), PackPanels{32}});
  fixture.add({fixture.shard.add(rows, columns, type, 14)}, {Quantize{32}, PackPanels{32}});
  fixture.add({fixture.shard.add(rows, columns, type, 14)}, {QuantizeScales{32}, PackPanels{32}});
  fixture.add({fixture.shard.add(rows, columns, type, 15)}, {ToF32(), Quantize{7}});
  fixture.add({fixture.shard.add(rows, columns, type, 16)}, {Quantize{128, ElementType::F8E4M3}, PackPanels{32}});
  fixture.add({fixture.shard.add(rows, columns, type, 16)}, {QuantizeScales{128, ElementType::F8E4M3}, PackPanels{32}});
  fixture.add({fixture.shard.add(rows, columns, type, 17)}, {ToBF16(), PackPanels{32}});
  Source scales = fixture.shard.addScales(rows, columns, 5);
  fixture.recipes.push_back(makeScalesRecipe({{scales, rows}}, {PackPanels{32}}));
  fixture.expectExact();
}

INSTANTIATE_TEST_SUITE_P(RaggedShapes, PackSteps,
                         testing::Combine(testing::Values(ElementType::BF16, ElementType::F16, ElementType::F32,
                                                          ElementType::F8E4M3),
                                          testing::Values(1, 31, 32, 33, 129), testing::Values(1, 127, 128, 129, 700)));

/// What each pattern of bits stands for, no two the same.
static Unpack unpackBits(unsigned bits) {
  Unpack unpack = {bits, {}};
  for (unsigned pattern = 0; pattern < 1u << bits; ++pattern) {
    unpack.values.push_back(static_cast<float>(pattern) - 3);
  }
  return unpack;
}

/// Numbers of `bits`, rows filled up to whole bytes, with scales and, unless one is for all, zeros of their blocks.
static SliceRecipe makeQuantized(ShardBuilder &shard, unsigned bits, int64_t rows, const Dequantize &dequantize,
                                 bool hasZeros, const std::vector<StepAction> &actions) {
  int64_t inByte = 8 / bits, bytes = (dequantize.columns + inByte - 1) / inByte;
  int64_t gridRows = (rows + dequantize.blockRows - 1) / dequantize.blockRows;
  int64_t gridColumns = (dequantize.columns + dequantize.blockColumns - 1) / dequantize.blockColumns;
  SliceRecipe recipe;
  recipe.sources = {shard.add(rows, bytes, ElementType::Byte, bits),
                    shard.add(gridRows, gridColumns, ElementType::F32, 2)};
  if (hasZeros) {
    recipe.sources.push_back(shard.add(gridRows, (gridColumns + inByte - 1) / inByte, ElementType::Byte, 3));
  }
  auto first = static_cast<uint32_t>(recipe.sources.size());
  recipe.steps.push_back({unpackBits(bits), {0}});
  if (hasZeros) {
    recipe.steps.push_back({unpackBits(bits), {2}});
    recipe.steps.push_back({dequantize, {first, 1, first + 1}});
  } else {
    recipe.steps.push_back({dequantize, {first, 1}});
  }
  for (const StepAction &action : actions) {
    recipe.steps.push_back({action, {static_cast<uint32_t>(first + recipe.steps.size() - 1)}});
  }
  return recipe;
}

class PackQuantized : public testing::TestWithParam<std::tuple<unsigned, int64_t, int64_t, bool>> {};

TEST_P(PackQuantized, EqualsTheNaiveLoopsInSmallPieces) {
  auto [bits, blockRows, blockColumns, hasZeros] = GetParam();
  PackFixture fixture;
  fixture.options.pieceBytes = 1 << 9;
  Dequantize dequantize = {157, blockRows, blockColumns, 8.0f, ElementType::F32};
  for (const std::vector<StepAction> &actions :
       {std::vector<StepAction>{}, {Transpose()}, {PackPanels{32}}, {Transpose(), PackPanels{12}}}) {
    fixture.recipes.push_back(makeQuantized(fixture.shard, bits, 37, dequantize, hasZeros, actions));
  }
  fixture.expectExact();
}

INSTANTIATE_TEST_SUITE_P(Blocks, PackQuantized,
                         testing::Combine(testing::Values(2u, 4u, 8u), testing::Values(1, 5, 37),
                                          testing::Values(1, 32, 157), testing::Bool()));

TEST(WeightPacker, RoundsDequantizedNumbersToTheNearest) {
  PackFixture fixture;
  Source number = fixture.shard.add(1, 4, ElementType::Byte, 1), scale = fixture.shard.add(1, 1, ElementType::F32, 1);
  float one = 1.0f;
  memcpy(&fixture.shard.bytes[number.offset], "\x00\x01\x02\x03", 4);
  memcpy(&fixture.shard.bytes[scale.offset], &one, sizeof(one));
  // Halves of the last place of bf16, between an even and an odd number, and a NaN.
  Unpack values = {8, {}};
  values.values = {1.00390625f, 1.01171875f, 1.004f, NAN};
  values.values.resize(256, 1.0f);
  Dequantize dequantize = {4, 1, 4, 0.0f, ElementType::BF16};
  fixture.recipes.push_back({{number, scale}, {{values, {0}}, {dequantize, {2, 1}}}});
  ASSERT_EQ(exitCode(fixture.pack(fixture.shard.save(fixture.directory.path("shard")))), 0);
  EXPECT_EQ(fixture.packedBytes().substr(0, 8), std::string("\x80\x3f\x82\x3f\x81\x3f\xc0\x7f", 8));
}

TEST(WeightPacker, CountsAScaleThatIsOddOnceInWhateverPieces) {
  for (uint64_t pieceBytes : {64, 400, 1 << 20}) {
    PackFixture fixture;
    fixture.options.pieceBytes = pieceBytes;
    Dequantize dequantize = {157, 5, 32, 0.0f, ElementType::F32};
    SliceRecipe recipe = makeQuantized(fixture.shard, 4, 37, dequantize, false, {Transpose()});
    float nan = NAN;
    memcpy(&fixture.shard.bytes[recipe.sources[1].offset + 7 * sizeof(nan)], &nan, sizeof(nan));
    // What zeros of numbers stand for is up to zero points.
    memset(&fixture.shard.bytes[recipe.sources[0].offset], 0, 37 * 79);
    fixture.recipes.push_back(recipe);
    ASSERT_EQ(exitCode(fixture.pack(fixture.shard.save(fixture.directory.path("shard")))), 0);
    EXPECT_EQ(fixture.result.findings[0].odd.nonFinite, 1u) << pieceBytes;
    EXPECT_EQ(fixture.result.zeros.count, 0u);
  }
}

TEST(WeightPacker, ConcatenatesSourcesInsideAPanel) {
  PackFixture fixture;
  Source q = fixture.shard.add(48, 300, ElementType::F8E4M3, 1);
  Source kv = fixture.shard.add(201, 300, ElementType::F8E4M3, 2);
  for (const std::vector<StepAction> &actions : {std::vector<StepAction>{ConcatRows()},
                                                 {ConcatRows(), PackPanels{32}},
                                                 {ConcatRows(), ToF32()},
                                                 {ConcatRows(), ToF32(), PackPanels{32}}}) {
    fixture.add({q, kv, q}, actions);
  }
  Source qScales = fixture.shard.addScales(48, 300, 3);
  Source kvScales = fixture.shard.addScales(201, 300, 4);
  fixture.recipes.push_back(
      makeScalesRecipe({{qScales, 48}, {kvScales, 201}, {qScales, 48}}, {ConcatRows(), PackPanels{32}}));
  fixture.expectExact();
}

TEST(WeightPacker, InterleavesPaddedBlocksOfTwoHalves) {
  PackFixture fixture;
  for (int64_t rows : {1, 32, 48, 161}) {
    Source gate = fixture.shard.add(rows, 260, ElementType::F8E4M3, 1);
    Source up = fixture.shard.add(rows, 260, ElementType::F8E4M3, 2);
    fixture.add({gate, up}, {ConcatRows(), InterleaveRows{32}});
    fixture.add({gate, up}, {ConcatRows(), InterleaveRows{8}, PackPanels{32}});
    fixture.add({gate, up}, {ToF32(), ConcatRows(), InterleaveRows{32}, PackPanels{32}});
    Source gateScales = fixture.shard.addScales(rows, 260, 3);
    Source upScales = fixture.shard.addScales(rows, 260, 4);
    fixture.recipes.push_back(
        makeScalesRecipe({{gateScales, rows}, {upScales, rows}}, {ConcatRows(), InterleaveRows{32}, PackPanels{32}}));
  }
  fixture.expectExact();
}

TEST(WeightPacker, JoinsWhatStepsJoined) {
  PackFixture fixture;
  Source a = fixture.shard.add(33, 10, ElementType::BF16, 1);
  Source b = fixture.shard.add(7, 10, ElementType::BF16, 2);
  SliceRecipe recipe = makeRecipe({a, b}, {ConcatRows()});
  recipe.steps.push_back({InterleaveRows{16}, {2}});
  recipe.steps.push_back({ConcatRows(), {1, 3, 0}});
  fixture.recipes.push_back(recipe);
  fixture.expectExact();
}

TEST(WeightPacker, WidensSourcesOfSeveralTypes) {
  PackFixture fixture;
  fixture.add({fixture.shard.add(5, 40, ElementType::F16, 1), fixture.shard.add(7, 40, ElementType::BF16, 2),
               fixture.shard.add(3, 40, ElementType::F32, 3)},
              {ToF32(), ConcatRows()});
  fixture.expectExact();
}

TEST(WeightPacker, ComputesRopeTables) {
  PackFixture fixture;
  fixture.recipes.push_back({{}, {{RopeTable{777, {1.0, 0.31, 1e-4}, 0.8125}, {}}}});
  fixture.recipes.push_back({{}, {{RopeTable{3, std::vector<double>(150, 0.5), 1.0}, {}}}});
  fixture.options.pieceBytes = 1000;
  fixture.expectExact();
}

TEST(WeightPacker, WritesConstantsInPieces) {
  PackFixture fixture;
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    bytes += static_cast<char>(i * 7);
  }
  fixture.recipes.push_back({{}, {{Constant{3, 100, ElementType::BF16, bytes}, {}}}});
  fixture.options.pieceBytes = 128;
  ASSERT_EQ(exitCode(fixture.pack(fixture.shard.save(fixture.directory.path("shard")))), 0);
  EXPECT_EQ(fixture.packedBytes().substr(0, bytes.size()), bytes);
}

TEST(WeightPacker, WritesTheSameBytesWithAnyNumberOfThreads) {
  PackFixture fixture;
  fixture.options.pieceBytes = 1 << 12;
  for (uint32_t i = 0; i < 20; ++i) {
    fixture.add({fixture.shard.add(65 + i, 90, ElementType::BF16, i)}, {PackPanels{32}});
  }
  for (unsigned threads : {1, 2, 7}) {
    fixture.options.threads = threads;
    fixture.expectExact();
  }
}

TEST(WeightPacker, CountsEveryOddValueOnce) {
  PackFixture fixture;
  fixture.options.pieceBytes = 1 << 12;
  Source plain = fixture.shard.add(40, 50, ElementType::BF16, 1);
  uint16_t infinity = 0x7f80;
  memcpy(&fixture.shard.bytes[plain.offset + 100], &infinity, 2);
  memcpy(&fixture.shard.bytes[plain.offset + 3998], &infinity, 2);
  Source scales = fixture.shard.addScales(200, 700, 2);
  float bad[] = {NAN, -1.0f};
  memcpy(&fixture.shard.bytes[scales.offset + 8], bad, sizeof(bad));
  fixture.add({plain}, {PackPanels{32}});
  fixture.recipes.push_back(
      makeScalesRecipe({{scales, 200}, {scales, 200}}, {ConcatRows(), InterleaveRows{32}, PackPanels{32}}));
  fixture.add({scales});
  ASSERT_EQ(exitCode(fixture.pack(fixture.shard.save(fixture.directory.path("shard")))), 0);
  EXPECT_EQ(fixture.result.findings[0].odd.nonFinite, 2u);
  EXPECT_EQ(fixture.result.findings[0].odd.badScales, 0u);
  EXPECT_EQ(fixture.result.findings[1].odd.badScales, 4u);
  EXPECT_EQ(fixture.result.findings[2].odd.badScales, 2u);
}

TEST(WeightPacker, SaysWhereTheFirstOddValueIs) {
  PackFixture fixture;
  fixture.options.pieceBytes = 1 << 12;
  Source gate = fixture.shard.add(70, 300, ElementType::F8E4M3, 1);
  Source up = fixture.shard.add(70, 300, ElementType::F8E4M3, 2);
  for (uint64_t element : {69 * 300 + 299, 40 * 300 + 7, 40 * 300 + 250}) {
    fixture.shard.bytes[gate.offset + element] = '\x7f';
  }
  fixture.shard.bytes[up.offset] = '\xff';
  fixture.add({gate, up}, {ConcatRows(), InterleaveRows{32}, PackPanels{32}});
  ASSERT_EQ(exitCode(fixture.pack(fixture.shard.save(fixture.directory.path("shard")))), 0);
  OddValues odd = fixture.result.findings[0].odd;
  EXPECT_EQ(odd.nonFinite, 4u);
  EXPECT_EQ(std::tuple(odd.firstNonFinite.source, odd.firstNonFinite.row, odd.firstNonFinite.column),
            std::tuple(0u, 40, 7));
}

TEST(WeightPacker, CountsTensorsThatAreAllZeroOnce) {
  PackFixture fixture;
  fixture.options.pieceBytes = 1 << 12;
  Source good = fixture.shard.add(70, 300, ElementType::BF16, 1);
  Source zero = fixture.shard.add(70, 300, ElementType::BF16, 2);
  Source last = fixture.shard.add(70, 300, ElementType::BF16, 3);
  Source bias = fixture.shard.add(1, 300, ElementType::F32, 4);
  Source joinedBias{0, bias.offset, 300, 1, ElementType::F32};
  Source scales = fixture.shard.addScales(129, 129, 5);
  std::string &bytes = fixture.shard.bytes;
  std::fill_n(bytes.begin() + zero.offset, 70 * 300 * 2, '\0');
  // One value at the very end is enough.
  std::fill_n(bytes.begin() + last.offset, 70 * 300 * 2 - 1, '\0');
  std::fill_n(bytes.begin() + bias.offset, 300 * 4, '\0');
  std::fill_n(bytes.begin() + scales.offset, 4 * 4, '\0');
  fixture.add({last});
  fixture.add({bias}, {ToF32()});
  fixture.add({joinedBias, joinedBias}, {ConcatRows(), ToF32()});
  fixture.add({good, zero}, {ConcatRows(), InterleaveRows{32}, PackPanels{32}});
  fixture.add({zero}, {ToF32()});
  fixture.recipes.push_back(makeScalesRecipe({{scales, 129}}, {PackPanels{32}}));
  fixture.expectExact();
  ZeroTensors zeros = fixture.result.zeros;
  EXPECT_EQ(zeros.count, 2u);
  EXPECT_EQ(std::tuple(zeros.weight, zeros.slice, zeros.source), std::tuple(3u, 0u, 1u));
}

TEST(WeightPacker, ReportsProgressUpToTheTotal) {
  PackFixture fixture;
  fixture.options.pieceBytes = 1 << 12;
  fixture.add({fixture.shard.add(100, 64, ElementType::F32, 1)});
  uint64_t last = 0;
  unsigned calls = 0;
  fixture.options.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, 25600u);
    last = done;
    ++calls;
  };
  fixture.expectExact();
  EXPECT_EQ(last, 25600u);
  EXPECT_GT(calls, 3u);
}

TEST(WeightPacker, FailsWhenAShardChangedItsSizeSinceItsHeaderWasRead) {
  PackFixture fixture;
  fixture.add({fixture.shard.add(4, 4, ElementType::F32, 1)});
  ShardFile file = fixture.shard.save(fixture.directory.path("shard"));
  ASSERT_EQ(truncate(file.path.c_str(), 40), 0);
  EXPECT_EQ(exitCode(fixture.pack(file)), 5);
  EXPECT_EQ(fixture.directory.list(), std::vector<std::string>{"shard"});
}

TEST(WeightPacker, FailsWhenAShardIsTruncatedWhileItIsRead) {
  PackFixture fixture;
  fixture.options.pieceBytes = 1 << 12;
  fixture.add({fixture.shard.add(2000, 64, ElementType::F32, 1)}, {PackPanels{32}});
  ShardFile file = fixture.shard.save(fixture.directory.path("shard"));
  fixture.options.progress = [&](uint64_t, uint64_t) { EXPECT_EQ(truncate(file.path.c_str(), 4096), 0); };
  EXPECT_EQ(exitCode(fixture.pack(file)), 5);
  EXPECT_EQ(fixture.directory.list(), std::vector<std::string>{"shard"});
}

TEST(WeightPacker, FailsOnAShardThatIsMissingOrNoFile) {
  PackFixture fixture;
  fixture.add({fixture.shard.add(4, 4, ElementType::F32, 1)});
  EXPECT_EQ(exitCode(fixture.pack({fixture.directory.path("absent"), 1 << 20})), 5);
  EXPECT_EQ(exitCode(fixture.pack({fixture.directory.getRoot(), 1 << 20})), 5);
}

static long peakResidentKilobytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(WeightPacker, StaysSmallHoweverLargeTheInputIs) {
  PackFixture fixture;
  // A sparse file: 400 MB in one matrix with wide rows, twice, and one with a single row.
  ShardFile file{fixture.directory.path("shard"), 400 << 20};
  int descriptor = open(file.path.c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_EQ(ftruncate(descriptor, file.size), 0);
  close(descriptor);
  Source wide{0, 0, 200, 1 << 20, ElementType::BF16};
  Source single{0, 0, 1, 100 << 20, ElementType::F32};
  fixture.add({wide}, {PackPanels{32}});
  fixture.add({single});
  long before = peakResidentKilobytes();
  ASSERT_EQ(exitCode(fixture.pack(file)), 0);
  EXPECT_LE(peakResidentKilobytes() - before, 64 << 10);
}

} // namespace fathom::codegen::test
