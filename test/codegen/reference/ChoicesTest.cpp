// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which choices of an earlier evaluation a later one follows.

#include "codegen/reference/Choices.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>

namespace fathom::reference::test {

/// The two best of `scores`.
static Choice chooseTwo(std::vector<float> scores) {
  Choice ids(scores.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) { return scores[a] > scores[b]; });
  ids.resize(2);
  return ids;
}

/// What is chosen after `earlier` was, where rounding may have moved a score by 1/128, and the difference of two by
/// twice that.
static Choice choose(const Choice &earlier, Choice own = {2, 3}) {
  const std::vector<float> scores = {0.49f, 0.2f, 1, 0.5f, 0.48f};
  const std::vector<Choice> all = {earlier};
  Choices choices({all, /*tolerance=*/0.0078125});
  choices.settle(
      own, [&] { return scores; },
      [&](llvm::ArrayRef<float> nudges, int32_t *out) {
        Choice again = chooseTwo(addNudges(scores, nudges));
        std::copy(again.begin(), again.end(), out);
      });
  EXPECT_EQ(choices.made.front(), own);
  return own;
}

TEST(ChoicesTest, FollowsOneThatRoundingExplains) { EXPECT_EQ(choose({0, 2}), Choice({2, 0})); }

TEST(ChoicesTest, KeepsItsOwnWhereTheOtherIsAMistake) {
  // 0.48 is too far below 0.5, and 1, which is left out, too far above 0.49.
  EXPECT_EQ(choose({2, 4}), Choice({2, 3}));
  EXPECT_EQ(choose({0, 3}), Choice({2, 3}));
}

TEST(ChoicesTest, KeepsAMistakeOfItsOwn) { EXPECT_EQ(choose({2, 3}, {2, 1}), Choice({2, 1})); }

TEST(ChoicesTest, KeepsItsOwnWhereThereWasNoOtherOfItsSize) {
  EXPECT_EQ(choose({2}), Choice({2, 3}));
  EXPECT_EQ(choose({2, 3, 0}), Choice({2, 3}));
}

} // namespace fathom::reference::test
