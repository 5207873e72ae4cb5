// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sampling: which tokens can be drawn, how often, and what parameters are refused.

#include "runtime/src/sampler.h"
#include "test/runtime/toy_artifact.h"

#include <cfloat>
#include <cmath>
#include <map>

namespace fathom::test {
namespace {

fathom_sampling_t sampling(const std::function<void(fathom_sampling_t &)> &tweak) {
  fathom_sampling_t result;
  fathom_sampling_initialize(&result);
  result.temperature = 1;
  tweak(result);
  return result;
}

std::map<int32_t, int> draw(const std::vector<float> &logits, const fathom_sampling_t &parameters, int times) {
  fathom_sampler_t *sampler = nullptr;
  EXPECT_OK(fathom_sampler_create(static_cast<uint32_t>(logits.size()), &parameters, &sampler));
  std::map<int32_t, int> counts;
  for (int i = 0; i < times; ++i) {
    int32_t token = -1;
    EXPECT_OK(fathom_sampler_sample(sampler, logits.data(), &token));
    counts[token] += 1;
  }
  fathom_sampler_release(sampler);
  return counts;
}

std::vector<int32_t> keys(const std::map<int32_t, int> &counts) {
  std::vector<int32_t> result;
  for (const auto &entry : counts) {
    result.push_back(entry.first);
  }
  return result;
}

const std::vector<float> kLogits = {0, 2, 1, 2, -1};

TEST(SamplerTest, GreedyTakesTheLowestOfEqualLogits) {
  auto counts = draw(kLogits, sampling([](auto &s) { s.temperature = 0; }), 3);
  EXPECT_EQ(keys(counts), std::vector<int32_t>{1});
}

TEST(SamplerTest, DrawsInProportion) {
  std::vector<float> logits = {0, std::log(2.0f), std::log(5.0f)};
  auto counts = draw(logits, sampling([](auto &s) { s.seed = 3; }), 80000);
  EXPECT_NEAR(counts[0], 10000, 500);
  EXPECT_NEAR(counts[1], 20000, 700);
  EXPECT_NEAR(counts[2], 50000, 700);
}

TEST(SamplerTest, TemperatureSharpens) {
  auto counts = draw({0, 1}, sampling([](auto &s) { s.temperature = 0.5f; }), 50000);
  EXPECT_NEAR(counts[1] / 50000.0, 1 / (1 + std::exp(-2.0)), 0.01);
}

TEST(SamplerTest, HugeAndTinyTemperaturesAreDefined) {
  EXPECT_EQ(draw(kLogits, sampling([](auto &s) { s.temperature = 1e30f; }), 1000).size(), 5u);
  EXPECT_EQ(keys(draw(kLogits, sampling([](auto &s) { s.temperature = 1e-30f; }), 1000)), (std::vector<int32_t>{1, 3}));
}

TEST(SamplerTest, TopKKeepsTheBest) {
  EXPECT_EQ(keys(draw(kLogits, sampling([](auto &s) { s.top_k = 3; }), 1000)), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(keys(draw(kLogits, sampling([](auto &s) { s.top_k = 1; }), 100)), std::vector<int32_t>{1});
  EXPECT_EQ(draw(kLogits, sampling([](auto &s) { s.top_k = INT32_MAX; }), 2000).size(), 5u);
}

TEST(SamplerTest, TopPKeepsWhatReachesIt) {
  // Probabilities 0.05, 0.38, 0.14, 0.38, 0.02.
  EXPECT_EQ(keys(draw(kLogits, sampling([](auto &s) { s.top_p = 0.5f; }), 1000)), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(keys(draw(kLogits, sampling([](auto &s) { s.top_p = 0; }), 100)), std::vector<int32_t>{1});
}

TEST(SamplerTest, MinPDropsTheUnlikely) {
  EXPECT_EQ(keys(draw(kLogits, sampling([](auto &s) { s.min_p = 0.3f; }), 1000)), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(keys(draw(kLogits, sampling([](auto &s) { s.min_p = 1; }), 100)), (std::vector<int32_t>{1, 3}));
}

TEST(SamplerTest, TopPComesBeforeMinP) {
  // Of all five, 1 and 3 have 0.78 and 2 is needed for 0.8; of those that min-p keeps they have 0.84.
  auto both = sampling([](auto &s) {
    s.top_p = 0.8f;
    s.min_p = 0.3f;
  });
  EXPECT_EQ(keys(draw(kLogits, both, 1000)), (std::vector<int32_t>{1, 2, 3}));
  both.min_p = 0.5f;
  EXPECT_EQ(keys(draw(kLogits, both, 1000)), (std::vector<int32_t>{1, 3}));
}

TEST(SamplerTest, PenaltyTurnsAwayFromWhatWasSeen) {
  fathom_sampling_t parameters = sampling([](auto &s) {
    s.temperature = 0;
    s.repetition_penalty = 3;
  });
  fathom_sampler_t *sampler = nullptr;
  ASSERT_OK(fathom_sampler_create(5, &parameters, &sampler));
  int32_t seen = 1, token = -1;
  ASSERT_OK(fathom_sampler_observe(sampler, &seen, 1));
  ASSERT_OK(fathom_sampler_sample(sampler, kLogits.data(), &token));
  EXPECT_EQ(token, 3);
  // 3 was observed when it was drawn: 2/3 each, so 2 with its 1 is next.
  ASSERT_OK(fathom_sampler_sample(sampler, kLogits.data(), &token));
  EXPECT_EQ(token, 2);
  int32_t foreign = 5;
  EXPECT_EQ(fathom_sampler_observe(sampler, &foreign, 1), FATHOM_STATUS_BAD_DATA);
  fathom_sampler_release(sampler);
}

TEST(SamplerTest, EqualSeedsGiveEqualDraws) {
  for (uint64_t seed : {uint64_t(0), UINT64_MAX}) {
    auto parameters = sampling([&](auto &s) { s.seed = seed; });
    EXPECT_EQ(draw(kLogits, parameters, 100), draw(kLogits, parameters, 100));
  }
  EXPECT_NE(draw(kLogits, sampling([](auto &s) { s.seed = 1; }), 100),
            draw(kLogits, sampling([](auto &s) { s.seed = 2; }), 100));
}

TEST(SamplerTest, RefusesLogitsThatAreNoNumbers) {
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    for (float temperature : {0.0f, 1.0f}) {
      fathom_sampling_t parameters = sampling([&](auto &s) { s.temperature = temperature; });
      fathom_sampler_t *sampler = nullptr;
      ASSERT_OK(fathom_sampler_create(3, &parameters, &sampler));
      float logits[] = {0, 1, bad};
      int32_t token = -1;
      EXPECT_EQ(fathom_sampler_sample(sampler, logits, &token), FATHOM_STATUS_FAILED);
      EXPECT_EQ(token, -1);
      fathom_sampler_release(sampler);
    }
  }
}

TEST(SamplerTest, MaskedTokensAreNeverDrawn) {
  auto counts = draw({-FLT_MAX, 0, -FLT_MAX, 0}, sampling([](auto &) {}), 1000);
  EXPECT_EQ(keys(counts), (std::vector<int32_t>{1, 3}));
}

TEST(SamplerTest, RefusesParametersOutOfRange) {
  const std::function<void(fathom_sampling_t &)> bad[] = {[](auto &s) { s.temperature = -1; },
                                                          [](auto &s) { s.temperature = NAN; },
                                                          [](auto &s) { s.temperature = INFINITY; },
                                                          [](auto &s) { s.top_p = 2; },
                                                          [](auto &s) { s.top_p = NAN; },
                                                          [](auto &s) { s.top_p = -0.1f; },
                                                          [](auto &s) { s.top_k = -1; },
                                                          [](auto &s) { s.min_p = 1.5f; },
                                                          [](auto &s) { s.repetition_penalty = 0; },
                                                          [](auto &s) { s.repetition_penalty = -1; },
                                                          [](auto &s) { s.repetition_penalty = NAN; }};
  for (const auto &tweak : bad) {
    fathom_sampling_t parameters = sampling(tweak);
    fathom_sampler_t *sampler = nullptr;
    EXPECT_EQ(fathom_sampler_create(3, &parameters, &sampler), FATHOM_STATUS_INVALID_ARGUMENT);
  }
}

TEST(SamplerTest, ExponentialIsAccurate) {
  for (double x = 0; x > -700; x -= 0.37) {
    EXPECT_NEAR(runtime::exponential(x) / std::exp(x), 1, 4e-16) << x;
  }
  EXPECT_EQ(runtime::exponential(-1e300), 0);
  EXPECT_EQ(runtime::exponential(-INFINITY), 0);
}

} // namespace
} // namespace fathom::test
