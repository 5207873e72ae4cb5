// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pages come back, and end where the limit says. That they keep what they hold is for device_test.cpp.

#include "runtime/device/cpu/cpu_device.h"
#include "runtime/src/page_pool.h"

#include <gtest/gtest.h>
#include <vector>

using fathom::runtime::PagePool;

static constexpr uint64_t kPage = 3 << 12;

static constexpr fathom::runtime::MemorySpace kSpace = {&fathom::runtime::kCpuDevice, nullptr};

static int32_t take(PagePool &pool) {
  int32_t taken = -1;
  EXPECT_TRUE(pool.tryTake(&taken));
  return taken;
}

TEST(PagePoolTest, TakesPagesThatCameBackFirst) {
  PagePool pool;
  ASSERT_EQ(pool.initialize(kSpace, kPage, 0), FATHOM_STATUS_OK);
  int32_t first = take(pool), second = take(pool);
  pool.giveBack(first);
  pool.giveBack(second);
  std::vector<int32_t> again = {take(pool), take(pool), take(pool)};
  EXPECT_EQ(again, (std::vector<int32_t>{second, first, 2}));
}

TEST(PagePoolTest, HasAsManyPagesAsItsLimitHolds) {
  PagePool pool;
  ASSERT_EQ(pool.initialize(kSpace, kPage, 3 * kPage - 1), FATHOM_STATUS_OK);
  int32_t first = take(pool), none = -1;
  take(pool);
  EXPECT_FALSE(pool.tryTake(&none));
  EXPECT_EQ(pool.failTake(), FATHOM_STATUS_OUT_OF_RESOURCES);
  EXPECT_STREQ(fathom_status_message(),
               "not enough memory for a page of the cache (12288 bytes); the session's cache_bytes are used "
               "up");
  pool.giveBack(first);
  EXPECT_EQ(take(pool), first);
}

TEST(PagePoolTest, RefusesAPageThatNoAddressSpaceHolds) {
  PagePool pool;
  ASSERT_EQ(pool.initialize(kSpace, uint64_t(1) << 62, 0), FATHOM_STATUS_OK);
  int32_t none = -1;
  EXPECT_FALSE(pool.tryTake(&none));
  EXPECT_EQ(none, -1);
}
