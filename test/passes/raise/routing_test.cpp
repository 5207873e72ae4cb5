// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Routings found in the weights of rows, and rows that no routing gives.

#include "passes/raise/Routing.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fathom::raise {

using deepseek::GroupRule;
using deepseek::Scoring;

static constexpr size_t kExperts = 12;
static const std::vector<double> kBias = {0.1, -0.4, 0.3, 0, 0.2, -0.1, -0.3, 0.4, -0.2, 0.5, 0.05, -0.05};

/// Logits that no two experts share.
static std::vector<RoutedRow> makeRows(const Routing &routing, const std::vector<double> &bias) {
  std::vector<RoutedRow> rows(48);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t expert = 0; expert < kExperts; ++expert) {
      rows[i].logits.push_back(4 * std::sin(double(i * kExperts + expert) * double(i + 1)));
    }
    rows[i].weights = route(routing, rows[i].logits, bias);
  }
  return rows;
}

static void expectFound(const Routing &routing, const std::vector<double> &bias) {
  std::optional<Routing> found = inferRouting(makeRows(routing, bias), bias);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->scoring, routing.scoring);
  EXPECT_EQ(found->groupRule, routing.groupRule);
  EXPECT_EQ(found->topK, routing.topK);
  EXPECT_EQ(found->groups, routing.groups);
  EXPECT_EQ(found->topGroups, routing.topGroups);
  EXPECT_EQ(found->normalize, routing.normalize);
  EXPECT_EQ(found->factor, routing.factor);
}

TEST(InferRouting, FindsThoseOfEveryFamily) {
  expectFound({Scoring::softmax, GroupRule::none, 3, 1, 1, false, 1}, {});
  expectFound({Scoring::softmax, GroupRule::max, 4, 4, 2, false, 16}, {});
  expectFound({Scoring::softmax, GroupRule::none, 2, 1, 1, true, 1}, {});
  expectFound({Scoring::sigmoid, GroupRule::top2_sum, 3, 4, 2, true, 2.5}, kBias);
  expectFound({Scoring::sigmoid, GroupRule::none, 3, 1, 1, true, 1.75}, kBias);
}

TEST(InferRouting, TakesRoundingsOfF32OffTheFactor) {
  Routing routing = {Scoring::softmax, GroupRule::none, 3, 1, 1, false, double(0.1f)};
  std::optional<Routing> found = inferRouting(makeRows(routing, {}), {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->factor, 0.1);
}

TEST(InferRouting, RefusesWeightsOfBiasedScores) {
  std::vector<RoutedRow> rows = makeRows({Scoring::sigmoid, GroupRule::none, 3, 1, 1, false, 1}, kBias);
  for (RoutedRow &row : rows) {
    for (size_t expert = 0; expert < kExperts; ++expert) {
      row.weights[expert] += row.weights[expert] != 0 ? kBias[expert] : 0;
    }
  }
  EXPECT_FALSE(inferRouting(rows, kBias));
}

TEST(InferRouting, RefusesRowsThatDisagree) {
  std::vector<RoutedRow> rows = makeRows({Scoring::softmax, GroupRule::none, 3, 1, 1, false, 1}, {});
  *std::find_if(rows.back().weights.begin(), rows.back().weights.end(), [](double weight) { return weight != 0; }) *=
      1.01;
  EXPECT_FALSE(inferRouting(rows, {})) << "one weight is another";
  rows = makeRows({Scoring::softmax, GroupRule::none, 3, 1, 1, false, 1}, {});
  rows.back().weights = route({Scoring::softmax, GroupRule::none, 4}, rows.back().logits, {});
  EXPECT_FALSE(inferRouting(rows, {})) << "one row has an expert more";
}

} // namespace fathom::raise
