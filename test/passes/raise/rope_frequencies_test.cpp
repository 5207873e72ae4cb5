// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Frequencies found in tables, and tables that have none.

#include "passes/raise/RopeFrequencies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fathom::raise {

static constexpr int64_t kPositions = 512;

static std::vector<float> makeTable(const std::vector<double> &radians, double magnitude = 1) {
  std::vector<float> table;
  for (int64_t position = 0; position < kPositions; ++position) {
    for (double radian : radians) {
      table.push_back(float(magnitude * std::cos(double(position) * radian)));
      table.push_back(float(magnitude * std::sin(double(position) * radian)));
    }
  }
  return table;
}

TEST(FindFrequencies, GivesRoFormersExactly) {
  std::vector<double> radians = {1, std::pow(500000.0, -0.25), std::pow(500000.0, -0.5), std::pow(500000.0, -0.75)};
  auto found = findFrequencies(makeTable(radians), 4);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->radians, radians);
  EXPECT_EQ(found->magnitude, 1);
}

TEST(FindFrequencies, GivesScaledOnesAndTheirMagnitude) {
  auto found = findFrequencies(makeTable({0.7, 0.003, 2e-5}, 1.125), 3);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->radians, testing::Pointwise(testing::DoubleNear(1e-8), {0.7, 0.003, 2e-5}));
  EXPECT_NEAR(found->magnitude, 1.125, 1e-6);
}

TEST(FindFrequencies, RefusesTablesThatDoNotTurnEvenly) {
  std::vector<float> table = makeTable({1, 0.1});
  table[4 * 300] += 1e-3f;
  EXPECT_FALSE(findFrequencies(table, 2)) << "one position is another";
  table = makeTable({1, 0.1});
  for (size_t i = 4 * 400; i < table.size(); ++i) {
    table[i] *= 1.01f;
  }
  EXPECT_FALSE(findFrequencies(table, 2)) << "the magnitude changes";
}

TEST(FindFrequencies, RefusesTablesOfOnePosition) {
  EXPECT_FALSE(findFrequencies({1.0f, 0.0f}, 1));
  EXPECT_FALSE(findFrequencies({}, 0));
}

} // namespace fathom::raise
