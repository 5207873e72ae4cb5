// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who loads a model for a device that copies weights hears of it, and may end it.

#include "runtime/device/cpu/cpu_device.h"
#include "test/runtime/apart_device.h"
#include "test/runtime/toy_artifact.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

namespace fathom::test {
namespace {

struct Loading {
  std::vector<uint64_t> done;
  uint64_t total = 0, most = UINT64_MAX;

  static fathom_flow_t note(void *user, uint64_t done, uint64_t total) {
    Loading &loading = *static_cast<Loading *>(user);
    loading.done.push_back(done);
    loading.total = total;
    return done < loading.most ? FATHOM_CONTINUE : FATHOM_STOP;
  }

  /// Loads a toy with 40 MB of weights.
  fathom_status_t load(const runtime::Device &device) {
    useDevice(device);
    std::string bytes = makeToy([](ToyContents &contents) {
      contents.table.resize(10 << 20);
      contents.slices[0].size = contents.segments[1].size = contents.table.size() * sizeof(float);
    });
    fathom_model_options_t options;
    fathom_model_options_initialize(&options);
    options.on_load = note;
    options.user = this;
    fathom_model_t *model = nullptr;
    fathom_status_t status = fathom_model_load_memory(bytes.data(), bytes.size(), &options, &model);
    if (status == FATHOM_STATUS_OK) {
      fathom_model_release(model);
    }
    resetDevice();
    return status;
  }
};

TEST(LoadingTest, ProcessorsReadTheFileWhereItIs) {
  Loading loading;
  ASSERT_OK(loading.load(runtime::kCpuDevice));
  EXPECT_TRUE(loading.done.empty());
}

TEST(LoadingTest, SaysHowMuchADeviceHasThatCopiesWeights) {
  Loading loading;
  ASSERT_OK(loading.load(kApartDevice));
  ASSERT_GT(loading.done.size(), 1u);
  EXPECT_TRUE(std::is_sorted(loading.done.begin(), loading.done.end()));
  EXPECT_EQ(loading.done.back(), loading.total);
}

TEST(LoadingTest, MayBeCancelled) {
  Loading loading;
  loading.most = 0;
  EXPECT_EQ(loading.load(kApartDevice), FATHOM_STATUS_CANCELLED);
  EXPECT_EQ(loading.done.size(), 1u);
  EXPECT_EQ(fathom_status_message(), "loading was cancelled after " + std::to_string(loading.done[0]) + " of " +
                                         std::to_string(loading.total) + " bytes of weights");
}

} // namespace
} // namespace fathom::test
