// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole models against independent implementations: every logit, every layer's state, every greedy token.

#include "test/e2e/Golden.h"
#include "test/e2e/Model.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fathom::test {
namespace {

/// A way to compile a model. Every one must give the reference's answers.
struct Variant {
  const char *name;
  codegen::WeightStorage weights;
  bool kernels;
  const char *mcpu;
};

struct Case {
  std::string model;
  Variant variant;
};

void PrintTo(const Case &value, std::ostream *stream) { *stream << value.model << '/' << value.variant.name; }

class OracleTest : public testing::TestWithParam<Case> {
protected:
  std::string getDirectory() const { return std::string(FATHOM_TEST_MODELS) + "/" + GetParam().model; }

  std::string compileCase() const {
    driver::CompileOptions options;
    options.input = getDirectory();
    options.weights = GetParam().variant.weights;
    options.kernels = GetParam().variant.kernels;
    options.mcpu = GetParam().variant.mcpu;
    return compile(options);
  }
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

constexpr Variant kPacked = {"packed", codegen::WeightStorage::Pack, true, "native"};
constexpr Variant kBaseline = {"x86_64_v3", codegen::WeightStorage::Pack, true, "x86-64-v3"};
constexpr Variant kReference = {"reference", codegen::WeightStorage::Reference, true, "native"};
constexpr Variant kNoKernels = {"no_kernels", codegen::WeightStorage::Pack, false, "native"};

std::vector<Case> getCases() {
  std::vector<Case> cases;
  for (const std::string &model : findOracles()) {
    for (const Variant &variant : {kPacked, kBaseline, kReference, kNoKernels}) {
      cases.push_back({model, variant});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, OracleTest, testing::ValuesIn(getCases()), [](const auto &info) {
  std::string name = info.param.model + "_" + info.param.variant.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

} // namespace
} // namespace fathom::test
