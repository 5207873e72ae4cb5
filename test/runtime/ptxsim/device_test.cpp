// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulator as a device: what it takes from the environment.

#include "runtime/device/ptxsim/ptxsim.h"
#include "runtime/device/ptxsim/ptxsim_device.h"

#include "fathom/artifact_generated.h"
#include "fathom/fathom.h"

#include <cstdlib>
#include <gtest/gtest.h>

namespace fathom::runtime {
namespace {

class PtxsimDeviceTest : public testing::Test {
protected:
  PtxsimDeviceTest() {
    ptxsim::reset({});
    builder.Finish(artifact::CreateTargetDirect(builder, "nvptx64-nvidia-cuda", "sm_80"));
  }
  ~PtxsimDeviceTest() override { unsetenv("FATHOM_PTXSIM_SEED"); }

  fathom_status_t checkWithSeed(const char *seed) {
    setenv("FATHOM_PTXSIM_SEED", seed, 1);
    return kPtxsimDevice.check(0, *flatbuffers::GetRoot<artifact::Target>(builder.GetBufferPointer()));
  }

private:
  flatbuffers::FlatBufferBuilder builder;
};

TEST_F(PtxsimDeviceTest, SeedsAreNumbers) {
  EXPECT_EQ(checkWithSeed("18446744073709551615"), FATHOM_STATUS_OK) << fathom_status_message();
  for (const char *seed : {"", "x", "7x", "-1", " 7", "18446744073709551616"}) {
    EXPECT_EQ(checkWithSeed(seed), FATHOM_STATUS_INVALID_ARGUMENT) << seed;
    EXPECT_EQ(fathom_status_message(),
              "FATHOM_PTXSIM_SEED is '" + std::string(seed) + "', not a number from 0 to 2^64 - 1");
  }
}

TEST_F(PtxsimDeviceTest, WhoHoldsADeviceKeepsIt) {
  cuda::CUcontext context = nullptr;
  ptxsim::driver().init(0);
  ptxsim::driver().retainContext(&context, 0);
  ptxsim::resetIfUnused({.major = 9});
  int major = 0;
  ptxsim::driver().deviceAttribute(&major, cuda::kComputeCapabilityMajor, 0);
  EXPECT_EQ(major, 8);
  ptxsim::driver().releaseContext(0);
  ptxsim::resetIfUnused({.major = 9});
  ptxsim::driver().init(0);
  ptxsim::driver().deviceAttribute(&major, cuda::kComputeCapabilityMajor, 0);
  EXPECT_EQ(major, 9);
}

} // namespace
} // namespace fathom::runtime
