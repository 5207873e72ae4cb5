// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pages keep their index and their contents while the pool grows, come back, and end where the limit says.

#include "runtime/src/page_pool.h"

#include <gtest/gtest.h>
#include <string.h>
#include <vector>

using fathom::runtime::PagePool;

static constexpr uint64_t kPage = 3 << 12;

static char *page(PagePool &pool, int32_t index) { return pool.memory() + index * pool.pageBytes(); }

static int32_t take(PagePool &pool) {
  int32_t taken = -1;
  EXPECT_EQ(pool.take(&taken), FATHOM_STATUS_OK);
  return taken;
}

TEST(PagePoolTest, PagesKeepTheirContentsWhileThePoolGrows) {
  PagePool pool;
  ASSERT_EQ(pool.initialize(kPage, 0), FATHOM_STATUS_OK);
  std::vector<int32_t> pages;
  for (char mark = 0; mark < 100; ++mark) {
    pages.push_back(take(pool));
    memset(page(pool, pages.back()), mark, kPage);
  }
  for (char mark = 0; mark < 100; ++mark) {
    std::vector<char> want(kPage, mark);
    EXPECT_EQ(memcmp(page(pool, pages[mark]), want.data(), kPage), 0) << "page " << int(mark);
  }
}

TEST(PagePoolTest, TakesPagesThatCameBackFirst) {
  PagePool pool;
  ASSERT_EQ(pool.initialize(kPage, 0), FATHOM_STATUS_OK);
  int32_t first = take(pool), second = take(pool);
  pool.giveBack(first);
  pool.giveBack(second);
  std::vector<int32_t> again = {take(pool), take(pool), take(pool)};
  EXPECT_EQ(again, (std::vector<int32_t>{second, first, 2}));
}

TEST(PagePoolTest, HasAsManyPagesAsItsLimitHolds) {
  PagePool pool;
  ASSERT_EQ(pool.initialize(kPage, 3 * kPage - 1), FATHOM_STATUS_OK);
  int32_t first = take(pool), none = -1;
  take(pool);
  EXPECT_EQ(pool.take(&none), FATHOM_STATUS_OUT_OF_RESOURCES);
  EXPECT_STREQ(fathom_status_message(),
               "not enough memory for a page of the cache (12288 bytes); the session's cache_bytes are used "
               "up");
  pool.giveBack(first);
  EXPECT_EQ(take(pool), first);
}

TEST(PagePoolTest, RefusesAPageThatNoAddressSpaceHolds) {
  PagePool pool;
  ASSERT_EQ(pool.initialize(uint64_t(1) << 62, 0), FATHOM_STATUS_OK);
  int32_t none = -1;
  EXPECT_EQ(pool.take(&none), FATHOM_STATUS_OUT_OF_RESOURCES);
  EXPECT_EQ(none, -1);
}
