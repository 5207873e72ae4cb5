// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The multi-token-prediction layer against independent implementations: every logit that it drafts with, in all ways to
// call it, and that it leaves the model alone.

#include "test/e2e/EntryPoints.h"
#include "test/e2e/Golden.h"
#include "test/e2e/Variants.h"

#include <cmath>

namespace fathom::test {
namespace {

float largestDifference(const std::vector<float> &actual, const float *expected) {
  float largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    float distance = std::abs(actual[i] - expected[i]);
    largest = std::isnan(distance) ? INFINITY : std::max(largest, distance);
  }
  return largest;
}

std::vector<float> slice(const std::vector<float> &rows, size_t width, size_t first, size_t count) {
  return {rows.begin() + first * width, rows.begin() + (first + count) * width};
}

class DraftTest : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    artifact = GetParam().compile();
    for (GoldenPrompt &prompt : readGolden(GetParam().directory())) {
      if (prompt.tokens.size() > 1) { // of one token there is nothing to draft from
        prompts.push_back(std::move(prompt));
      }
    }
  }

  std::string artifact;
  std::vector<GoldenPrompt> prompts;
};

/// Row i sees the hidden state of position i and token i + 1.
TEST_P(DraftTest, LogitsAtEveryPosition) {
  for (const GoldenPrompt &prompt : prompts) {
    ASSERT_FALSE(prompt.draftLogits.empty()) << prompt.tokens.size() << " tokens";
    EntryPoints model(artifact);
    size_t rows = prompt.tokens.size() - 1;
    std::vector<float> states = model.prefill(prompt.tokens).hidden;
    EntryPoints::Outputs drafted = model.call("draft", {prompt.tokens.begin() + 1, prompt.tokens.end()}, 0,
                                              slice(states, model.getHidden(), 0, rows));
    ASSERT_EQ(drafted.logits.size(), prompt.draftLogits.size());
    EXPECT_LE(largestDifference(drafted.logits, prompt.draftLogits.data()), 1e-3f) << rows << " rows";
  }
}

/// A session drafts a row or two at a time, after steps of decode, and rows of a prompt without logits.
TEST_P(DraftTest, RowsHaveTheSameBitsTogetherAndAlone) {
  EntryPoints whole(artifact), single(artifact);
  const std::vector<int32_t> &tokens = prompts.back().tokens;
  size_t width = whole.getHidden(), vocabulary = whole.getVocabulary();
  std::vector<float> states = whole.prefill(tokens).hidden;
  EXPECT_EQ(single.prefill(tokens, "_headless").hidden, states);
  EntryPoints::Outputs together = whole.call("draft", {tokens.begin() + 1, tokens.end()}, 0, states);
  for (size_t row = 0; row + 1 < tokens.size(); ++row) {
    const char *name = row % 3 == 0 ? "draft_headless" : "draft";
    EntryPoints::Outputs alone = single.call(name, {tokens[row + 1]}, int32_t(row), slice(states, width, row, 1));
    EXPECT_EQ(alone.hidden, slice(together.hidden, width, row, 1)) << "row " << row;
    if (!alone.logits.empty()) {
      EXPECT_EQ(alone.logits, slice(together.logits, vocabulary, row, 1)) << "row " << row;
    }
  }
}

/// Drafts write rows of their own, whatever they guess.
TEST_P(DraftTest, TheModelAnswersAsWithoutIt) {
  EntryPoints drafted(artifact), plain(artifact);
  const std::vector<int32_t> &tokens = prompts.back().tokens;
  std::vector<int32_t> before(tokens.begin(), tokens.end() - 1);
  std::vector<float> states = drafted.prefill(before).hidden;
  plain.prefill(before);
  drafted.call("draft", std::vector<int32_t>(before.size() + 3, 5), 0,
               std::vector<float>((before.size() + 3) * drafted.getHidden(), 0.5f));
  auto position = int32_t(before.size());
  EXPECT_EQ(drafted.call("decode", {tokens.back()}, position).logits,
            plain.call("decode", {tokens.back()}, position).logits);
}

/// States that are drafted from are those that the reference calls hidden.
TEST_P(DraftTest, StatesAreThoseBehindTheNorm) {
  EntryPoints model(artifact);
  const GoldenPrompt &prompt = prompts.back();
  std::vector<float> states = model.prefill(prompt.tokens).hidden;
  float largest = 0;
  for (float value : prompt.states.back()) {
    largest = std::max(largest, std::abs(value));
  }
  EXPECT_LE(largestDifference(states, prompt.states.back().data()), 1e-4f * largest);
  for (size_t row = 0; row < prompt.tokens.size(); ++row) {
    std::vector<float> step = model.call("decode", {prompt.tokens[row]}, int32_t(row)).hidden;
    EXPECT_LE(largestDifference(step, &prompt.states.back()[row * model.getHidden()]), 1e-4f * largest) << row;
  }
}

std::vector<Case> getCases() {
  std::vector<Case> cases;
  for (const std::string &model : findOracles()) {
    Case one = {model, kPacked};
    if (readGolden(one.directory()).back().draftLogits.empty()) {
      continue;
    }
    for (const Variant &variant : {kPacked, kBaseline, kReference, kNoKernels}) {
      cases.push_back({model, variant});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, DraftTest, testing::ValuesIn(getCases()), nameOf);

/// A draft is where the checkpoint has its layer and it is wanted, and nowhere else.
TEST(DraftOptionTest, NoneLeavesTheLayerOut) {
  driver::CompileOptions options;
  options.input = std::string(FATHOM_TEST_MODELS) + "/v3-tiny";
  EXPECT_TRUE(EntryPoints(compile(options)).has("draft"));
  options.draft = false;
  EXPECT_FALSE(EntryPoints(compile(options)).has("draft"));
}

} // namespace
} // namespace fathom::test
