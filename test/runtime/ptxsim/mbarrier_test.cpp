// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Phases of mbarriers end when they should, and what PTX leaves undefined is named.

#include "runtime/device/ptxsim/mbarrier.h"

#include "runtime/device/ptxsim/copy_groups.h"

#include <gtest/gtest.h>
#include <vector>

namespace fathom::runtime::ptxsim {
namespace {

class MbarrierTest : public testing::Test {
protected:
  Mbarrier barrier;

  bool passes(unsigned parity, unsigned thread = 0) {
    bool complete = false;
    EXPECT_STREQ(barrier.testParity(thread, parity, complete), nullptr);
    return complete;
  }
  bool passesState(uint64_t state) const {
    bool complete = false;
    EXPECT_STREQ(barrier.test(state, complete), nullptr);
    return complete;
  }
  void completePhases(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      EXPECT_STREQ(barrier.arrive(), nullptr);
    }
  }
};

TEST_F(MbarrierTest, OnAFreshOneOddParityHasPassed) {
  barrier.init(1);
  EXPECT_TRUE(passes(1));
  EXPECT_FALSE(passes(0));
}

TEST_F(MbarrierTest, APhaseEndsWithTheLastArrival) {
  barrier.init(3);
  barrier.arrive(2);
  EXPECT_FALSE(passes(0));
  EXPECT_FALSE(passesState(0));
  barrier.arrive();
  EXPECT_TRUE(passes(0));
  EXPECT_TRUE(passesState(0));
  EXPECT_FALSE(passes(1));
  EXPECT_EQ(barrier.phase(), 1u);
  EXPECT_EQ(barrier.pending(), 3u);
}

TEST_F(MbarrierTest, APhaseWaitsForBytes) {
  barrier.init(1);
  barrier.expectBytes(96);
  barrier.arrive();
  EXPECT_FALSE(passes(0));
  barrier.completeBytes(64);
  EXPECT_FALSE(passes(0));
  barrier.completeBytes(32);
  EXPECT_TRUE(passes(0));
}

TEST_F(MbarrierTest, BytesMayComeBeforeTheyAreExpected) {
  barrier.init(1);
  barrier.completeBytes(64);
  EXPECT_EQ(barrier.pendingBytes(), -64);
  barrier.expectBytes(64);
  EXPECT_FALSE(passes(0));
  barrier.arrive();
  EXPECT_TRUE(passes(0));
}

TEST_F(MbarrierTest, WhoDropsOutIsNotExpectedAgain) {
  barrier.init(2);
  barrier.arrive(1, true);
  barrier.arrive();
  EXPECT_EQ(barrier.pending(), 1u);
}

TEST_F(MbarrierTest, UseBeforeInitIsNamed) {
  bool complete;
  for (const char *problem : {barrier.arrive(), barrier.expectBytes(1), barrier.completeBytes(1), barrier.invalidate(),
                              barrier.test(0, complete), barrier.testParity(0, 0, complete)}) {
    EXPECT_STREQ(problem, "the mbarrier is not initialized");
  }
}

TEST_F(MbarrierTest, CountsAreBounded) {
  EXPECT_STREQ(barrier.init(0), "an mbarrier expects 1 to 1048575 arrivals");
  EXPECT_STREQ(barrier.init(1 << 20), "an mbarrier expects 1 to 1048575 arrivals");
  barrier.init(2);
  EXPECT_STREQ(barrier.init(2), "the mbarrier is initialized already, and was not invalidated");
  EXPECT_STREQ(barrier.arrive(3), "more arrivals at the mbarrier than its phase expects");
  EXPECT_STREQ(barrier.expectBytes(1 << 20), "the tx-count of the mbarrier leaves -1048575 to 1048575");
}

TEST_F(MbarrierTest, MoreArrivalsThanExpectedAreNamedWhileBytesAreMissing) {
  barrier.init(1);
  barrier.expectBytes(8);
  barrier.arrive();
  EXPECT_STREQ(barrier.arrive(), "more arrivals at the mbarrier than its phase expects");
}

TEST_F(MbarrierTest, MayBeUsedAgainAfterInvalidation) {
  barrier.init(1);
  barrier.arrive();
  EXPECT_STREQ(barrier.invalidate(), nullptr);
  EXPECT_STREQ(barrier.init(2), nullptr);
  EXPECT_EQ(barrier.phase(), 0u);
}

TEST_F(MbarrierTest, StatesOfOlderPhasesAreNamed) {
  barrier.init(1);
  completePhases(2);
  bool complete;
  EXPECT_NE(barrier.test(0, complete), nullptr);
  EXPECT_TRUE(passesState(1));
  EXPECT_FALSE(passesState(2));
}

TEST_F(MbarrierTest, AWaiterTwoPhasesLateIsNamed) {
  barrier.init(1);
  EXPECT_FALSE(passes(0));
  completePhases(1);
  EXPECT_TRUE(passes(0));
  completePhases(1);
  EXPECT_TRUE(passes(1));
  completePhases(2);
  bool complete;
  EXPECT_STREQ(barrier.testParity(0, 0, complete),
               "the thread waits for a phase of the mbarrier that is two or more behind");
}

TEST_F(MbarrierTest, AWaiterMayAskAgainOrBeOnePhaseLate) {
  barrier.init(1);
  completePhases(1);
  EXPECT_TRUE(passes(0));
  EXPECT_TRUE(passes(0));
  completePhases(1);
  EXPECT_TRUE(passes(1));
}

TEST(CopyGroupsTest, WaitsForAllButTheLastGroups) {
  CopyGroups<int> groups;
  std::vector<int> landed;
  auto land = [&](int copy) { landed.push_back(copy); };
  groups.issue(1);
  groups.issue(2);
  groups.commit();
  groups.commit(); // empty, and counts
  groups.issue(3);
  groups.wait(2, land);
  EXPECT_TRUE(landed.empty());
  groups.wait(1, land);
  EXPECT_EQ(landed, (std::vector<int>{1, 2}));
  EXPECT_EQ(groups.complete(), 1u);
  groups.wait(0, land);
  EXPECT_EQ(landed.size(), 2u) << "what is not committed is in no group";
  EXPECT_TRUE(groups.hasUncommitted());
  groups.waitAll(land);
  EXPECT_EQ(landed.back(), 3);
  EXPECT_TRUE(groups.isEmpty());
}

TEST(CopyGroupsTest, WaitsForMoreGroupsThanThereAre) {
  CopyGroups<int> groups;
  groups.issue(1);
  groups.commit();
  groups.wait(5, [](int) { ADD_FAILURE(); });
  EXPECT_EQ(groups.complete(), 0u);
  EXPECT_EQ(groups.oldest(), 1);
}

TEST(CopyGroupsTest, VisitsWhatIsDueWithoutFinishingIt) {
  CopyGroups<int> groups;
  groups.issue(1);
  groups.commit();
  groups.issue(2);
  groups.commit();
  groups.forEachDue(1, [](int &copy) { copy += 10; });
  EXPECT_EQ(groups.oldest(), 11);
  groups.forEachDue(0, [](int &copy) { copy += 10; });
  EXPECT_EQ(groups.oldest(), 21);
}

} // namespace
} // namespace fathom::runtime::ptxsim
