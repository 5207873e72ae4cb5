// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whoever takes memory of the apart device for memory of the host is found out.

#include "test/runtime/apart_device.h"

#include <cstdio>
#include <gtest/gtest.h>
#include <vector>

namespace fathom::test {
namespace {

class ApartDeviceTest : public testing::Test {
protected:
  ApartDeviceTest() {
    memory.open({&kApartDevice, nullptr});
    EXPECT_TRUE(memory.grow(100));
  }

  runtime::DeviceMemory memory;
};

using ApartDeviceDeathTest = ApartDeviceTest;

TEST_F(ApartDeviceDeathTest, TheHostCannotReadItsMemory) {
  EXPECT_DEATH(printf("%d", *reinterpret_cast<volatile char *>(memory.address())), "");
}

TEST_F(ApartDeviceDeathTest, MemoryEndsWithItsBlock) {
  std::vector<char> bytes(101);
  EXPECT_DEATH((void)memory.upload(0, bytes.data(), bytes.size()), "beyond its block");
  EXPECT_DEATH((void)memory.readBack(100, bytes.data(), 1), "beyond its block");
}

TEST_F(ApartDeviceDeathTest, AddressesOfTheHostAreNotItsOwn) {
  char byte = 0;
  auto address = reinterpret_cast<runtime::DeviceAddress>(&byte);
  EXPECT_DEATH((void)kApartDevice.readBack(nullptr, &byte, address, 1), "not of this device");
}

TEST_F(ApartDeviceDeathTest, CodeIsThereAsLongAsItsMemory) {
  runtime::DeviceAddress address = 0;
  EXPECT_DEATH((void)kApartDevice.allocate(&address, 100, &address), "not loaded");
}

TEST_F(ApartDeviceTest, NewMemoryHoldsGarbage) {
  std::vector<char> bytes(100);
  EXPECT_EQ(memory.readBack(0, bytes.data(), bytes.size()), FATHOM_STATUS_OK);
  EXPECT_NE(bytes, std::vector<char>(100));
}

TEST_F(ApartDeviceTest, MemoryMovesWhenItGrows) {
  runtime::DeviceAddress before = memory.address();
  EXPECT_TRUE(memory.grow(200));
  EXPECT_NE(memory.address(), before);
}

} // namespace
} // namespace fathom::test
