// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX's node tests give the outputs that they say when they are compiled.

#include "test/dialects/onnx/NodeTests.h"
#include "test/e2e/CompiledFunction.h"

#include "gtest/gtest.h"

namespace fathom::test {
namespace {

using Outcome = NodeTest::Outcome;

/// Nodes without a decomposition are not wrong: a lower number of passed tests is.
TEST(NodeFunctionsTest, ModelsGiveWhatTheySayWhenCompiled) {
  int passed = 0;
  for (const NodeTest &test : runNodeTests(FATHOM_ONNX_NODE_TESTS, callCompiled)) {
    bool isCompiled = test.detail.find(kNotCompiled) == std::string::npos;
    EXPECT_TRUE(test.outcome != Outcome::Wrong || !isCompiled) << test.name << ": " << test.detail;
    passed += test.outcome == Outcome::Passed;
  }
  EXPECT_GE(passed, 584);
}

} // namespace
} // namespace fathom::test
