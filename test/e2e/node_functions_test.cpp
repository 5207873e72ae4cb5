// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX's node tests give the outputs that they say when they are compiled.

#include "dialects/RegisterDialects.h"
#include "test/dialects/onnx/NodeTests.h"
#include "test/e2e/CompiledFunction.h"

#include "gtest/gtest.h"

#include <map>

namespace fathom::test {
namespace {

using Outcome = NodeTest::Outcome;

TEST(NodeFunctionsTest, ModelsGiveWhatTheySayWhenCompiled) {
  int passed = 0;
  std::map<std::string, int> missing;
  for (const NodeTest &test : runNodeTests(FATHOM_ONNX_NODE_TESTS, callCompiled)) {
    bool isCompiled = test.detail.find(kNotCompiled) == std::string::npos;
    EXPECT_TRUE(test.outcome != Outcome::Wrong || !isCompiled) << test.name << ": " << test.detail;
    if (!isCompiled) {
      ++missing[test.detail];
    }
    passed += test.outcome == Outcome::Passed;
  }
  for (const auto &[detail, count] : missing) {
    std::printf("%d x %s\n", count, detail.c_str());
  }
  EXPECT_EQ(passed, 0);
}

} // namespace
} // namespace fathom::test
