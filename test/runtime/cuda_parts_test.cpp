// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parts of the device `cuda` alone: the library of the driver, what its results say, sizes of grids, a step's memory.

#include "runtime/device/cuda/driver_library.h"
#include "runtime/device/cuda/grid_sizes.h"
#include "runtime/device/cuda/step_memory.h"
#include "test/runtime/fake_driver.h"
#include "test/runtime/toy_artifact.h"

#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fathom::test {
namespace {

using namespace runtime::cuda;

TEST(DriverLibraryTest, SaysWhatIsMissing) {
  const DriverTable *driver = nullptr;
  void *installed = dlopen("libcuda.so.1", RTLD_NOW);
  if (installed) {
    GTEST_SKIP() << "this machine has a driver";
  }
  EXPECT_EQ(openDriverLibrary(&driver), FATHOM_STATUS_DEVICE);
  EXPECT_STREQ(fathom_status_message(),
               "no NVIDIA driver: libcuda.so.1 cannot be loaded (libcuda.so.1: cannot open shared object file: No such "
               "file or directory); install the driver, or run a model of --target=cpu with --device=cpu");
  EXPECT_EQ(fathom_status_exit_code(FATHOM_STATUS_DEVICE), 8);
}

/// As dlsym of a library that has all functions but one.
void *findAllBut(void *lacking, const char *symbol) {
#define FATHOM_CUDA_FUNCTION(name, its, parameters)                                                                    \
  if (strcmp(symbol, #its) == 0 && strcmp(symbol, static_cast<const char *>(lacking)) != 0) {                          \
    return reinterpret_cast<void *>(kFakeDriver.name);                                                                 \
  }
#include "runtime/device/cuda/driver.def"
  return nullptr;
}

DriverTable tableWithout(const char *symbol) {
  DriverTable table = {};
  bindDriver(const_cast<char *>(symbol), findAllBut, &table);
  return table;
}

TEST(DriverLibraryTest, SaysThatADriverIsTooOld) {
  EXPECT_EQ(checkDriver(tableWithout("cuGraphInstantiateWithFlags")), FATHOM_STATUS_DEVICE);
  EXPECT_STREQ(fathom_status_message(),
               "the NVIDIA driver is too old: libcuda.so.1 has no cuGraphInstantiateWithFlags; install that of CUDA "
               "11.8 or later (this one is of CUDA 12.0)");
  EXPECT_EQ(checkDriver(tableWithout("cuDriverGetVersion")), FATHOM_STATUS_DEVICE);
  EXPECT_STREQ(fathom_status_message(), "the NVIDIA driver is too old: libcuda.so.1 has no cuDriverGetVersion; install "
                                        "that of CUDA 11.8 or later");
}

TEST(DriverLibraryTest, ADriverNeedsNoOptionalFunction) {
  EXPECT_OK(checkDriver(tableWithout("cuTensorMapEncodeTiled")));
}

TEST(DriverLibraryTest, TheFakeDriverHasAllFunctions) { EXPECT_OK(checkDriver(kFakeDriver)); }

/// A grid, and the GPU it is for.
class GridSizesTest : public testing::Test {
protected:
  uint32_t blocks(uint64_t rows, uint32_t factor, artifact::GridT grid, uint64_t scratchLimit = 0) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(artifact::CreateGrid(builder, &grid));
    GpuFacts gpu = {};
    gpu.multiprocessors = 10;
    return GridSizes(gpu, scratchLimit)
        .blocks(*flatbuffers::GetRoot<artifact::Grid>(builder.GetBufferPointer()), rows, factor);
  }

  static artifact::GridT grid(uint32_t blocks, uint32_t rowsPerBlock, uint64_t scratch = 0) {
    artifact::GridT made;
    made.threads = 100;
    made.blocks = blocks;
    made.rows_per_block = rowsPerBlock;
    made.scratch_bytes = scratch;
    return made;
  }
};

TEST_F(GridSizesTest, RowsAreRoundedUpToBlocks) {
  EXPECT_EQ(blocks(1, 1, grid(1, 8)), 1u);
  EXPECT_EQ(blocks(9, 1, grid(5, 8)), 10u);
  EXPECT_EQ(blocks(9, 8, grid(1, 8)), 9u);
}

TEST_F(GridSizesTest, AGpuHasNoMoreBlocksThanItCanHold) {
  EXPECT_EQ(blocks(1 << 20, 1, grid(7, 1)), 640u);
  EXPECT_EQ(blocks(1 << 20, UINT32_MAX, grid(UINT32_MAX, 1)), 640u);
}

TEST_F(GridSizesTest, ScratchMemoryBoundsBlocksButForOne) {
  EXPECT_EQ(blocks(100, 1, grid(1, 1, 1000), 700000), 7u);
  EXPECT_EQ(blocks(100, 1, grid(1, 1, 1000), 100), 1u);
}

TEST(GpuTest, AdviceSuitsTheResult) {
  const std::string other = "; the artifact's code is not for this GPU: compile it with --sm for it",
                    lost = "; the GPU is lost to this process: start the program again";
  const std::pair<std::string, std::vector<CUresult>> rows[] = {
      {"; the GPU has no memory left for this: end what else uses it", {kOutOfMemory}},
      {"; this machine has no NVIDIA GPU that the driver can use", {kNoDevice}},
      {other, {kInvalidImage, kNoBinaryForGpu}},
      {"; the artifact is damaged, or the compiler has a mistake", {kInvalidPtx}},
      {"; the driver is older than the code: install a newer one", {kUnsupportedPtxVersion}},
      {lost, {kIllegalAddress, 702, 714, 715, kMisalignedAddress, 717, 718, kLaunchFailed}},
      // For these there is none: they are of contexts, mappings, peers, and launches that are too large.
      {"", {201, 205, 206, 207, 208, 701, 704, 705, 708, 712, 713, 720, 999}}};
  for (const auto &[advice, results] : rows) {
    for (CUresult result : results) {
      EXPECT_EQ(checkResult(kFakeDriver, result, "try"), FATHOM_STATUS_DEVICE);
      std::string expected = "cannot try: CUDA_ERROR_FAKE (" + std::to_string(result) + ", made up)" + advice;
      std::string message = fathom_status_message();
      EXPECT_EQ(advice.empty() ? message : message.substr(0, expected.size()), expected);
    }
  }
}

// Far more rows of logits than staging has room for.
TEST(StepMemoryTest, LargeOutputsComeInPieces) {
  constexpr uint32_t kVocabulary = 5 << 20, kRows = 3;
  artifact::ProgramT program;
  program.target = std::make_unique<artifact::TargetT>();
  program.code = std::make_unique<artifact::CodeT>();
  program.entry_points.push_back(std::make_unique<artifact::EntryPointT>());
  program.entry_points[0]->max_rows = kRows;
  program.entry_points[0]->hidden_out = true;
  artifact::ModelT model;
  model.vocabulary = kVocabulary;
  model.hidden = 7;
  flatbuffers::FlatBufferBuilder programBuilder, modelBuilder;
  programBuilder.Finish(artifact::CreateProgram(programBuilder, &program));
  modelBuilder.Finish(artifact::CreateModel(modelBuilder, &model));
  auto &madeProgram = *flatbuffers::GetRoot<artifact::Program>(programBuilder.GetBufferPointer());
  auto &madeModel = *flatbuffers::GetRoot<artifact::Model>(modelBuilder.GetBufferPointer());

  FakeDriver::reset();
  Gpu gpu;
  ASSERT_OK(gpu.open(kFakeDriver, 0));
  GpuScope scope(gpu);
  StepMemory step;
  ASSERT_OK(step.open(gpu, madeProgram, madeModel));
  StepLayout layout(*madeProgram.entry_points()->Get(0), madeModel, kRows);
  std::vector<float> given(kVocabulary * kRows), hidden(7 * kRows), taken(given.size()), takenHidden(hidden.size());
  for (size_t i = 0; i < given.size(); ++i) {
    given[i] = float(i % 1000003);
  }
  hidden = {given.begin() + 500, given.begin() + 500 + long(hidden.size())};
  CUstream stream;
  ASSERT_EQ(kFakeDriver.createStream(&stream, 0), kSuccess);
  kFakeDriver.upload(step.address() + layout.logits, given.data(), given.size() * sizeof(float), stream);
  kFakeDriver.upload(step.address() + layout.hiddenOut, hidden.data(), hidden.size() * sizeof(float), stream);
  fathom_call_t call = {};
  call.rows = call.logit_rows = kRows;
  call.logits = taken.data();
  call.hidden_out = takenHidden.data();
  ASSERT_OK(step.download(layout, call, stream));
  EXPECT_EQ(taken, given);
  EXPECT_EQ(takenHidden, hidden);
  EXPECT_EQ(FakeDriver::calls("readBack"), 2u);
  kFakeDriver.destroyStream(stream);
}

} // namespace
} // namespace fathom::test
