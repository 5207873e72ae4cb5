// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each way to order two accesses is enough, and without it they are found, with both places.

#include "runtime/device/ptxsim/shadow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

namespace fathom::runtime::ptxsim {
namespace {

using testing::IsEmpty;
using Kind = Shadow::Kind;

constexpr unsigned kThreads = 64;

class ShadowTest : public testing::Test {
protected:
  Clocks clocks{kThreads};
  std::vector<Conflict> conflicts;
  Shadow shadow{256, clocks, [this](const Conflict &conflict) { conflicts.push_back(conflict); }};
  uint32_t instruction = 0;

  void access(unsigned thread, Kind kind, uint32_t address, uint32_t bytes) {
    shadow.access(thread, ++instruction, kind, address, bytes);
  }
  void write(unsigned thread, uint32_t address, uint32_t bytes = 4) { access(thread, Kind::Write, address, bytes); }
  void read(unsigned thread, uint32_t address, uint32_t bytes = 4) { access(thread, Kind::Read, address, bytes); }
  void barrier(unsigned first = 0, unsigned count = kThreads) {
    std::vector<unsigned> threads(count);
    std::iota(threads.begin(), threads.end(), first);
    clocks.meet(threads);
  }
  std::vector<Hazard> hazards() const {
    std::vector<Hazard> result;
    for (const Conflict &conflict : conflicts) {
      result.push_back(conflict.hazard);
    }
    return result;
  }
  void expect(Hazard hazard) const { EXPECT_THAT(hazards(), testing::ElementsAre(hazard)); }
};

TEST_F(ShadowTest, FindsReadsOfWhatNothingWrote) {
  write(0, 4, 12);
  read(0, 8, 8);
  EXPECT_THAT(conflicts, IsEmpty());
  read(0, 12, 8);
  expect(Hazard::Uninitialized);
  EXPECT_EQ(conflicts[0].address, 16u);
  EXPECT_EQ(conflicts[0].access.instruction, 3u);
}

TEST_F(ShadowTest, FindsReadsAfterUnorderedWritesWithBothPlaces) {
  write(3, 32);
  read(5, 35, 1);
  expect(Hazard::Race);
  EXPECT_EQ(conflicts[0].address, 35u);
  EXPECT_EQ(conflicts[0].access.actor, 5u);
  EXPECT_FALSE(conflicts[0].isWrite);
  EXPECT_EQ(conflicts[0].earlier.actor, 3u);
  EXPECT_EQ(conflicts[0].earlier.instruction, 1u);
  EXPECT_TRUE(conflicts[0].earlierIsWrite);
}

TEST_F(ShadowTest, FindsWritesAfterUnorderedReads) {
  write(0, 0);
  barrier();
  read(40, 0);
  read(3, 0);
  barrier(0, 32);
  write(1, 0); // after the reads of its own warp only
  expect(Hazard::Race);
  EXPECT_EQ(conflicts[0].earlier.actor, 40u);
}

TEST_F(ShadowTest, FindsUnorderedWrites) {
  write(0, 0);
  write(1, 2, 1);
  expect(Hazard::Race);
}

TEST_F(ShadowTest, LetsNeighborsWriteAndOneThreadDoAsItLikes) {
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    write(thread, thread * 2, 2);
    read(thread, thread * 2, 2);
    write(thread, thread * 2, 2);
  }
  EXPECT_THAT(conflicts, IsEmpty());
}

TEST_F(ShadowTest, BarriersOrderAllThatTakePart) {
  write(3, 32);
  barrier();
  read(5, 32);
  read(40, 32);
  barrier();
  write(7, 32);
  EXPECT_THAT(conflicts, IsEmpty());
}

TEST_F(ShadowTest, BarriersOrderNobodyElse) {
  write(3, 32);
  barrier(0, 32);
  read(31, 32);
  EXPECT_THAT(conflicts, IsEmpty());
  read(40, 32);
  expect(Hazard::Race);
}

TEST_F(ShadowTest, WhatAThreadDoesAfterABarrierIsNotOrderedByIt) {
  barrier();
  write(3, 32);
  read(5, 32);
  expect(Hazard::Race);
}

TEST_F(ShadowTest, OrderIsTransitive) {
  write(0, 0);
  barrier(0, 32);  // 0 … 31
  barrier(16, 32); // 16 … 47
  read(47, 0);
  EXPECT_THAT(conflicts, IsEmpty());
}

TEST_F(ShadowTest, ReleaseAndAcquireOrder) {
  Knowledge object;
  write(0, 0);
  clocks.release(0, object);
  write(0, 4);
  clocks.acquire(33, object);
  read(33, 0);
  EXPECT_THAT(conflicts, IsEmpty());
  read(33, 4);
  expect(Hazard::Race);
}

TEST_F(ShadowTest, StrongAccessesDoNotRaceWithEachOther) {
  access(0, Kind::StrongWrite, 0, 4);
  access(1, Kind::StrongWrite, 0, 4);
  access(2, Kind::StrongRead, 0, 4);
  EXPECT_THAT(conflicts, IsEmpty());
  read(3, 0);
  expect(Hazard::Race);
}

TEST_F(ShadowTest, CopiesAreUnfinishedUntilTheirGroupIsWaitedFor) {
  unsigned copies = clocks.addActor(2);
  shadow.start(2, {copies, 90}, 1, Kind::Write, 0, 16);
  shadow.start(2, {copies, 91}, 2, Kind::Write, 16, 16);
  clocks.finish(2, copies, 1);
  read(2, 0, 16);
  EXPECT_THAT(conflicts, IsEmpty());
  read(2, 16, 16);
  expect(Hazard::Unfinished);
  EXPECT_EQ(clocks.threadOf(conflicts[0].earlier.actor), 2u);
}

TEST_F(ShadowTest, FinishedCopiesAreOrderedForOthersByABarrier) {
  unsigned copies = clocks.addActor(2);
  shadow.start(2, {copies, 90}, 1, Kind::Write, 0, 16);
  clocks.finish(2, copies, 1);
  barrier();
  read(50, 0, 16);
  EXPECT_THAT(conflicts, IsEmpty());
}

TEST_F(ShadowTest, AWaitAfterTheBarrierIsTooLateForOthers) {
  unsigned copies = clocks.addActor(2);
  shadow.start(2, {copies, 90}, 1, Kind::Write, 0, 16);
  barrier();
  clocks.finish(2, copies, 1);
  read(50, 0, 16);
  expect(Hazard::Unfinished);
}

TEST_F(ShadowTest, CopiesRaceWithEachOther) {
  unsigned copies = clocks.addActor(2);
  shadow.start(2, {copies, 90}, 1, Kind::Write, 0, 16);
  shadow.start(2, {copies, 91}, 1, Kind::Write, 8, 8);
  expect(Hazard::Unfinished);
}

TEST_F(ShadowTest, WhatLandsIsSeenFromItsEpochOn) {
  unsigned engine = clocks.addActor(0);
  Doer copy{engine, 90};
  shadow.start(0, copy, Shadow::kNever, Kind::AsyncWrite, 0, 64);
  clocks.finish(1, engine, 7);
  shadow.land(copy, 7, 0, 32);
  read(1, 0, 32);
  EXPECT_THAT(conflicts, IsEmpty());
  read(1, 32, 16);
  expect(Hazard::Unfinished);
}

TEST_F(ShadowTest, AsynchronousReadsForbidWritesUntilTheyAreFinished) {
  unsigned products = clocks.addActor(0);
  write(0, 0, 16);
  clocks.fenceProxy(0, 0);
  shadow.start(0, {products, 90}, 1, Kind::AsyncRead, 0, 16);
  read(0, 0, 16);
  EXPECT_THAT(conflicts, IsEmpty());
  write(0, 0, 1);
  expect(Hazard::Unfinished);
}

TEST_F(ShadowTest, ABarrierFinishesNoReadInTheBackground) {
  unsigned products = clocks.addActor(0);
  write(0, 0, 16);
  clocks.fenceProxy(0, 0);
  shadow.start(0, {products, 90}, 1, Kind::AsyncRead, 0, 16);
  barrier();
  write(0, 0, 1);
  expect(Hazard::Unfinished);
}

TEST_F(ShadowTest, ABarrierOrdersNoWriteBesideThoseBeforeIt) {
  write(3, 0, 16);
  barrier();
  read(5, 0, 4);
  write(7, 4, 4);
  EXPECT_THAT(conflicts, IsEmpty());
  read(9, 0, 4);
  EXPECT_THAT(conflicts, IsEmpty());
  read(9, 4, 4);
  expect(Hazard::Race);
}

TEST_F(ShadowTest, TheAsyncProxySeesWhatItsWriterFenced) {
  write(3, 0, 16);
  clocks.fenceProxy(3, 3);
  barrier();
  shadow.start(0, {clocks.addActor(0), 90}, 1, Kind::AsyncRead, 0, 16);
  EXPECT_THAT(conflicts, IsEmpty());
}

TEST_F(ShadowTest, AProxyFenceOfAnotherThreadOrBeforeTheWriteIsNone) {
  clocks.fenceProxy(3, 3);
  write(3, 0, 16);
  barrier();
  clocks.fenceProxy(0, 0);
  shadow.start(0, {clocks.addActor(0), 90}, 1, Kind::AsyncRead, 0, 16);
  expect(Hazard::MissingProxyFence);
}

TEST_F(ShadowTest, AProxyFenceCoversFinishedCopiesOfItsThread) {
  unsigned copies = clocks.addActor(2);
  shadow.start(2, {copies, 90}, 1, Kind::Write, 0, 16);
  clocks.finish(2, copies, 1);
  clocks.fenceProxy(2, copies);
  shadow.start(2, {clocks.addActor(2), 91}, 1, Kind::AsyncRead, 0, 16);
  EXPECT_THAT(conflicts, IsEmpty());
}

TEST_F(ShadowTest, IgnoresWhatIsOutOfBounds) {
  write(0, 250, 16);
  write(1, 400, 16);
  EXPECT_THAT(conflicts, IsEmpty());
}

} // namespace
} // namespace fathom::runtime::ptxsim
