// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole models against independent implementations: every logit, every layer's state, every greedy token.

#include "test/e2e/Golden.h"
#include "test/e2e/Variants.h"

#include <cmath>

namespace fathom::test {
namespace {

class OracleTest : public testing::TestWithParam<Case> {
protected:
  std::string getDirectory() const { return GetParam().directory(); }
  std::string compileCase() const { return GetParam().compile(); }
};

/// The largest difference, as it is and relative to the largest value.
struct Difference {
  float absolute = 0;
  float relative = 0;
};

Difference compare(const float *actual, const float *expected, size_t count) {
  Difference result;
  float largest = 0;
  for (size_t i = 0; i < count; ++i) {
    float distance = std::abs(actual[i] - expected[i]);
    result.absolute = std::isnan(distance) ? INFINITY : std::max(result.absolute, distance);
    largest = std::max(largest, std::abs(expected[i]));
  }
  result.relative = result.absolute / largest;
  return result;
}

TEST_P(OracleTest, LogitsAtEveryPosition) {
  Session session(compileCase());
  for (const GoldenPrompt &prompt : readGolden(getDirectory())) {
    Session::Outputs outputs = session.prefill(session.createSequence(), prompt.tokens);
    ASSERT_EQ(outputs.logits.size(), prompt.logits.size());
    EXPECT_LE(compare(outputs.logits.data(), prompt.logits.data(), prompt.logits.size()).absolute, 1e-3f)
        << "prompt of " << prompt.tokens.size() << " tokens";
  }
}

TEST_P(OracleTest, StatesAfterEveryLayer) {
  Session session(compileCase());
  for (const GoldenPrompt &prompt : readGolden(getDirectory())) {
    Session::Outputs outputs = session.prefill(session.createSequence(), prompt.tokens);
    const float *state = outputs.states.data();
    for (const std::vector<float> &expected : prompt.states) {
      EXPECT_LE(compare(state, expected.data(), expected.size()).relative, 1e-4f)
          << "prompt of " << prompt.tokens.size() << " tokens, layer "
          << (state - outputs.states.data()) / ptrdiff_t(expected.size());
      state += expected.size();
    }
  }
}

TEST_P(OracleTest, GreedyTokens) {
  Session session(compileCase());
  for (const GoldenPrompt &prompt : readGolden(getDirectory())) {
    EXPECT_EQ(session.generate(prompt.tokens, prompt.greedy.size()), prompt.greedy)
        << "prompt of " << prompt.tokens.size() << " tokens";
  }
}

/// Decode runs MLA in absorbed form, prefill in expanded form: at every position they agree.
TEST_P(OracleTest, DecodeAgreesWithPrefill) {
  Session session(compileCase());
  for (const GoldenPrompt &prompt : readGolden(getDirectory())) {
    fathom_sequence_t sequence = session.createSequence();
    size_t vocabulary = session.getInfo().vocabulary;
    for (size_t i = 0; i < prompt.tokens.size(); ++i) {
      std::vector<float> logits = session.decode({sequence}, {prompt.tokens[i]});
      EXPECT_LE(compare(logits.data(), &prompt.logits[i * vocabulary], vocabulary).absolute, 1e-3f)
          << "position " << i << " of " << prompt.tokens.size();
    }
  }
}

std::vector<Case> getCases() {
  std::vector<Case> cases;
  for (const std::string &model : findOracles()) {
    for (const Variant &variant : {kPacked, kBaseline, kReference, kNoKernels}) {
      cases.push_back({model, variant});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, OracleTest, testing::ValuesIn(getCases()), nameOf);

} // namespace
} // namespace fathom::test
