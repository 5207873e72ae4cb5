// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The argmax is what one loop over all logits says, wherever it is.

#include "runtime/src/argmax.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

using fathom::runtime::argmax;

static int32_t find(const std::vector<float> &logits) { return argmax(logits.data(), logits.size()); }

TEST(ArgmaxTest, IsTheLargestAtEveryPlace) {
  for (size_t count : {1, 2, 15, 16, 17, 40, 320}) {
    for (size_t place = 0; place < count; ++place) {
      std::vector<float> logits(count, -3);
      logits[place] = -1;
      EXPECT_EQ(find(logits), static_cast<int32_t>(place)) << count;
    }
  }
}

TEST(ArgmaxTest, IsTheLowestOfEquals) {
  std::vector<float> logits(50, 1);
  EXPECT_EQ(find(logits), 0);
  logits[49] = logits[33] = logits[18] = 2;
  EXPECT_EQ(find(logits), 18);
  // Zeros of both signs are equal.
  EXPECT_EQ(find({-1, -0.0f, 0.0f}), 1);
  EXPECT_EQ(find({-1, 0.0f, -0.0f}), 1);
}

TEST(ArgmaxTest, IsNoneWhereALogitIsNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (float bad : {kInfinity, -kInfinity, std::nanf("")}) {
    for (size_t place = 0; place < 40; ++place) {
      std::vector<float> logits(40, 1);
      logits[place] = bad;
      EXPECT_EQ(find(logits), -1) << bad << " at " << place;
    }
  }
}

TEST(ArgmaxTest, TakesTheLargestNumbers) {
  constexpr float kMost = std::numeric_limits<float>::max();
  EXPECT_EQ(find({-kMost, kMost, kMost}), 1);
  EXPECT_EQ(find({-kMost, -kMost}), 0);
}
