// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tests of generated code's values share.

#ifndef FATHOM_TEST_PASSES_LOWER_STRUCTUREDVALUES_H
#define FATHOM_TEST_PASSES_LOWER_STRUCTUREDVALUES_H

#include "test/passes/lower/StoredWeight.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

namespace fathom::test {

using llvm::formatv;

using Memory = std::vector<const void *>;

inline constexpr int64_t kRowCounts[] = {1, 3, 13};

/// Adds an extra operand to an output.
inline constexpr const char *kEpilogue =
    " epilogue(%extra) {\n^bb0(%sum: f32, %e: f32):\n%next = arith.addf %sum, %e : f32\n"
    "deepseek.yield %next : f32\n}";

/// Tests with weights of one type of the catalog.
class StructuredWeightsTest : public testing::TestWithParam<const char *> {
protected:
  static Weight weight(int64_t rows, int64_t columns, uint32_t seed) { return Weight(GetParam(), rows, columns, seed); }
};

inline Operand rows(const std::string &name, int64_t width, int64_t perRow = 1) {
  return {name, formatv("tensor<?x{0}xf32>", width), perRow};
}

inline Operand ids(const std::string &name, int64_t perRow = 1) { return {name, "tensor<?xi32>", perRow}; }

/// NaN, as memory is that nobody wrote.
inline Floats unset(int64_t count) { return Floats(count, std::nanf("")); }

/// Within 1e-5 of the largest output.
inline void expectClose(const Floats &got, const Floats &want) {
  float largest = 0;
  for (float value : want) {
    largest = std::max(largest, std::fabs(value));
  }
  expect_near(got, want, 1e-5 * static_cast<double>(largest));
}

} // namespace fathom::test

#endif // FATHOM_TEST_PASSES_LOWER_STRUCTUREDVALUES_H
