// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom bench --draft` concludes from what it measured.

#include "tools/driver/DraftResults.h"

#include <gtest/gtest.h>

namespace fathom::driver {
namespace {

/// 100 steps with two drafts each, of which half are right: two tokens a step. Without drafts a step takes 10 ms, with
/// them as many as `milliseconds`, 3 of them to draft and 12 to verify.
DraftResults measured(double milliseconds, uint64_t accepted = 100) {
  DraftResults r;
  r.drafts = 2;
  r.steps = 100;
  r.drafted = 200;
  r.accepted = accepted;
  r.plainStepSeconds.add(10e-3);
  r.stepSeconds.add(1e-3 * milliseconds);
  r.draftSeconds.add(3e-3);
  r.firstDraftSeconds.add(2e-3);
  r.verifySeconds.add(12e-3);
  r.plainRead = {100, 12};
  r.draftRead = {30, 4};
  r.verifyRead = {150, 18};
  return r;
}

TEST(DraftResultsTest, StepsAreOfTokensAndOfParts) {
  DraftResults r = measured(16);
  EXPECT_DOUBLE_EQ(r.tokensPerStep(), 2);
  EXPECT_DOUBLE_EQ(r.acceptance(), 0.5);
  EXPECT_DOUBLE_EQ(r.plainSpeed(10e-3), 100);
  EXPECT_DOUBLE_EQ(r.speed(16e-3), 125);
  EXPECT_DOUBLE_EQ(r.speedup(), 1.25);
  EXPECT_DOUBLE_EQ(r.cost(), 1.6);
  EXPECT_NEAR(r.otherSeconds(), 1e-3, 1e-12);
  EXPECT_DOUBLE_EQ(r.furtherDraftSeconds(), 1e-3);
}

TEST(DraftResultsTest, PartsThatTakeMoreThanTheWholeLeaveNothingElse) { EXPECT_EQ(measured(14).otherSeconds(), 0); }

TEST(DraftResultsTest, ReadsAreOfTokensAndOfAcceptedDrafts) {
  DraftResults r = measured(16);
  EXPECT_DOUBLE_EQ(r.perToken(&WeightsRead::bytes), 90);
  EXPECT_DOUBLE_EQ(r.perToken(&WeightsRead::experts), 11);
  EXPECT_DOUBLE_EQ(r.perAccepted(&WeightsRead::bytes), 80);
  EXPECT_DOUBLE_EQ(r.perAccepted(&WeightsRead::experts), 10);
  EXPECT_EQ(measured(16, 0).perAccepted(&WeightsRead::bytes), 0);
}

// A step that takes 1.6 plain ones needs 0.6 accepted of its two drafts.
TEST(DraftResultsTest, BreaksEvenWhereAcceptedDraftsPayForAStep) {
  EXPECT_NEAR(measured(16).breakEvenAcceptance(), 0.3, 1e-12);
  EXPECT_NEAR(measured(32).breakEvenAcceptance(), 1.1, 1e-12);
}

TEST(DraftResultsTest, ExplainsAGain) {
  EXPECT_EQ(
      measured(16).explain(),
      "drafts gain: a step gives 1.00 tokens more and costs 0.60 steps more, 0.30 for drafting, 0.20 for verifying, "
      "which reads 1.50 times the experts, 0.10 for the rest; it pays from 30 % accepted on");
}

TEST(DraftResultsTest, ExplainsALoss) {
  EXPECT_EQ(
      measured(16, 50).explain(),
      "drafts lose: a step gives 0.50 tokens more and costs 0.60 steps more, 0.30 for drafting, 0.20 for verifying, "
      "which reads 1.50 times the experts, 0.10 for the rest; it pays from 30 % accepted on");
}

TEST(DraftResultsTest, SaysWhereNothingWouldHelp) {
  DraftResults r = measured(32);
  r.plainRead.experts = 0;
  EXPECT_EQ(
      r.explain(),
      "drafts lose: a step gives 1.00 tokens more and costs 2.20 steps more, 0.30 for drafting, 0.20 for verifying, "
      "1.70 for the rest; no acceptance would pay for that");
}

} // namespace
} // namespace fathom::driver
