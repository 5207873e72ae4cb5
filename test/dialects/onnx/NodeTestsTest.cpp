// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX's node tests give the outputs that they say.

#include "test/dialects/onnx/NodeTests.h"

#include "gtest/gtest.h"

#include <map>

namespace fathom::test {
namespace {

using Outcome = NodeTest::Outcome;

TEST(OnnxNodeTest, ModelsGiveWhatTheySay) {
  int passed = 0;
  std::map<std::string, int> skipped;
  for (const NodeTest &test : runNodeTests(FATHOM_ONNX_NODE_TESTS)) {
    EXPECT_TRUE(test.outcome != Outcome::Wrong) << test.name << ": " << test.detail;
    if (test.outcome == Outcome::Skipped) {
      ++skipped[test.detail];
    }
    passed += test.outcome == Outcome::Passed;
  }
  EXPECT_EQ(passed, 643);
  std::map<std::string, int> expected = {{kUnread, 24}, {kUnknownOperators, 261}, {kRandom, 4}};
  EXPECT_EQ(skipped, expected);
}

} // namespace
} // namespace fathom::test
