// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On which device a model runs, of a machine that has several.

#include "runtime/device/cpu/cpu_device.h"
#include "test/runtime/apart_device.h"
#include "test/runtime/fake_driver.h"
#include "test/runtime/toy_artifact.h"

#include <cstdlib>
#include <cstring>
#include <memory>

namespace fathom::test {
namespace {

using runtime::kCpuDevice;

/// A GPU's program before that of a CPU. What both are made of is a CPU's: only it runs.
const Tweak kBoth = [](ToyContents &contents) {
  contents.targets = {{"nvptx64-nvidia-cuda", "sm_80"}, {"x86_64-unknown-linux-gnu", "toy-cpu"}};
};

class DeviceChoiceTest : public testing::Test {
protected:
  void SetUp() override {
    FakeDriver::reset();
    useDevice(kCpuDevice, &kFakeCudaDevice);
  }
  void TearDown() override {
    FakeDriver::reset();
    unsetenv("FATHOM_DEVICE");
    resetDevice();
  }

  /// Which variant runs on which device, or what is said instead.
  static std::string choose(const char *device, const Tweak &tweak = kBoth,
                            fathom_status_t expected = FATHOM_STATUS_OK) {
    std::string bytes = makeToy(tweak);
    std::unique_ptr<void, void (*)(void *)> aligned(aligned_alloc(4096, (bytes.size() + 4095) / 4096 * 4096), free);
    memcpy(aligned.get(), bytes.data(), bytes.size());
    fathom_model_options_t options;
    fathom_model_options_initialize(&options);
    options.device = device;
    fathom_model_t *model = nullptr;
    fathom_status_t status = fathom_model_load_memory(aligned.get(), bytes.size(), &options, &model);
    EXPECT_EQ(status, expected);
    if (status != FATHOM_STATUS_OK) {
      return fathom_status_message();
    }
    fathom_model_info_t info;
    fathom_model_info_initialize(&info);
    EXPECT_OK(fathom_model_info(model, &info));
    std::string chosen = std::to_string(info.variant) + " on " + info.device;
    fathom_model_release(model);
    return chosen;
  }
};

TEST_F(DeviceChoiceTest, AMissingGpuIsNoErrorWhereThereIsAProgramForTheCpu) {
  FakeDriver::gpus = 0;
  EXPECT_EQ(choose(nullptr), "1 on cpu");
}

TEST_F(DeviceChoiceTest, AChosenDeviceRunsItsOwnProgramsOnly) {
  EXPECT_EQ(choose("cpu"), "1 on cpu");
  FakeDriver::gpus = 0;
  EXPECT_EQ(choose("fakecuda", kBoth, FATHOM_STATUS_DEVICE).find("fakecuda: cannot find a GPU: "), 0u);
}

TEST_F(DeviceChoiceTest, TheEnvironmentChoosesWhereOptionsDoNot) {
  setenv("FATHOM_DEVICE", "abacus", 1);
  EXPECT_EQ(choose("cpu"), "1 on cpu");
  EXPECT_EQ(choose(nullptr, kBoth, FATHOM_STATUS_INVALID_ARGUMENT),
            "device 'abacus' is unknown; expected cpu, fakecuda[:N]; the environment variable FATHOM_DEVICE names it");
}

TEST_F(DeviceChoiceTest, AnEmptyVariableIsAsNone) {
  FakeDriver::gpus = 0;
  setenv("FATHOM_DEVICE", "", 1);
  EXPECT_EQ(choose(nullptr), "1 on cpu");
}

TEST_F(DeviceChoiceTest, NamesMustBeWhole) {
  for (const char *name : {"", "cp", "cpux", "cpu:0", "fakecuda:", "fakecuda:x", "fakecuda:-1", "fakecuda:1x"}) {
    EXPECT_EQ(choose(name, kBoth, FATHOM_STATUS_INVALID_ARGUMENT),
              std::string("device '") + name + "' is unknown; expected cpu, fakecuda[:N]");
  }
}

TEST_F(DeviceChoiceTest, GpusHaveNumbers) {
  for (const char *name : {"fakecuda:65536", "fakecuda:99999999999999999999"}) {
    EXPECT_EQ(choose(name, kBoth, FATHOM_STATUS_INVALID_ARGUMENT),
              std::string("device '") + name + "' is out of range: numbers are up to 65535");
  }
  EXPECT_EQ(choose("fakecuda:1", kBoth, FATHOM_STATUS_DEVICE),
            "fakecuda:1: there is no GPU 1: this machine has 1, counted from 0");
}

TEST_F(DeviceChoiceTest, SaysThatThereIsNoProgramForADevice) {
  EXPECT_EQ(choose("fakecuda", {}, FATHOM_STATUS_MISMATCH),
            "the device 'fakecuda' runs code for nvptx64, but the artifact is for 'x86_64-unknown-linux-gnu'; compile "
            "the model for it, or choose another device");
}

TEST_F(DeviceChoiceTest, ASimulatorRunsOnlyWhatAsksForIt) {
  useDevice(kCpuDevice, &kFakeSimDevice);
  EXPECT_EQ(choose(nullptr), "1 on cpu");
  useDevice(kFakeSimDevice, &kCpuDevice);
  EXPECT_EQ(choose("fakesim", {}), "0 on fakesim");
}

} // namespace
} // namespace fathom::test
