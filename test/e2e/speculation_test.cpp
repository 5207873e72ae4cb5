// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models that draft say what they say without drafts, token by token, with every way to sample, and of their drafts as
// many are right as of drafts that nothing went before.

#include "test/e2e/EntryPoints.h"
#include "test/e2e/Golden.h"
#include "test/e2e/Variants.h"

#include <algorithm>
#include <memory>

namespace fathom::test {
namespace {

constexpr size_t kTokens = 200;

/// A session that drafts so many tokens a step, or none.
class Speaker {
public:
  Speaker(fathom_model_t *model, uint64_t drafts) {
    fathom_session_options_t options;
    fathom_session_options_initialize(&options);
    options.threads = 2;
    options.max_sequences = 1;
    options.draft = drafts;
    EXPECT_EQ(fathom_session_create(model, &options, &session), FATHOM_STATUS_OK) << fathom_status_message();
  }
  ~Speaker() { fathom_session_release(session); }
  Speaker(const Speaker &) = delete;

  std::vector<int32_t> say(const std::vector<int32_t> &prompt, const fathom_sampling_t &sampling, uint64_t count) {
    std::vector<int32_t> said;
    fathom_generate_options_t options;
    fathom_generate_options_initialize(&options);
    options.tokens = prompt.data();
    options.token_count = prompt.size();
    options.max_tokens = count;
    options.ignore_eos = 1;
    options.sampling = &sampling;
    options.user = &said;
    options.on_token = [](void *user, int32_t token, const char *, size_t) {
      if (token >= 0) {
        static_cast<std::vector<int32_t> *>(user)->push_back(token);
      }
      return FATHOM_CONTINUE;
    };
    fathom_generate_result_initialize(&result);
    EXPECT_EQ(fathom_session_generate(session, &options, &result), FATHOM_STATUS_OK) << fathom_status_message();
    return said;
  }

  fathom_generate_result_t result;

private:
  fathom_session_t *session = nullptr;
};

/// What the draft layer guesses of an answer where it never guessed before: all of its rows are computed anew for every
/// guess. Nothing that wrong guesses left can be in them.
class FreshDrafts {
public:
  FreshDrafts(const std::string &artifact, const std::vector<int32_t> &prompt, const std::vector<int32_t> &answer)
      : model(artifact), tokens(prompt), before(prompt.size()) {
    states = model.prefill(prompt).hidden;
    for (int32_t token : answer) {
      std::vector<float> state = model.call("decode", {token}, int32_t(tokens.size())).hidden;
      states.insert(states.end(), state.begin(), state.end());
      tokens.push_back(token);
    }
  }

  /// The guesses of what follows token `at` of the answer.
  std::vector<int32_t> guess(size_t at) {
    size_t last = before + at - 1, width = model.getHidden();
    if (last > 0) {
      model.call("draft_headless", {tokens.begin() + 1, tokens.begin() + last + 1}, 0, states);
    }
    EntryPoints::Outputs row = {{}, {states.begin() + last * width, states.begin() + (last + 1) * width}};
    std::vector<int32_t> guesses;
    int32_t token = tokens[last + 1];
    for (size_t step = 0; step < FATHOM_MOST_DRAFTS; ++step) {
      row = model.call("draft", {token}, int32_t(last + step), row.hidden);
      token = int32_t(std::max_element(row.logits.begin(), row.logits.end()) - row.logits.begin());
      guesses.push_back(token);
    }
    return guesses;
  }

private:
  EntryPoints model;
  std::vector<int32_t> tokens;
  std::vector<float> states;
  size_t before;
};

/// What comes of guesses, given those after each token of an answer.
struct Outcome {
  uint64_t steps = 0, drafted = 0, accepted = 0;
  /// How often the guess of each place of a step was the first that was wrong.
  uint64_t rejected[FATHOM_MOST_DRAFTS] = {};

  Outcome(const std::vector<std::vector<int32_t>> &guesses, const std::vector<int32_t> &answer, size_t most) {
    for (size_t at = 0; at + 1 < answer.size(); ++at) {
      size_t count = std::min(most, answer.size() - at - 2), right = 0;
      while (right < count && guesses[at][right] == answer[at + 1 + right]) {
        ++right;
      }
      if (right < count) {
        ++rejected[right];
      }
      steps += 1;
      drafted += count;
      accepted += right;
      at += right;
    }
  }
};

class SpeculationTest : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    ASSERT_EQ(fathom_model_load_file(GetParam().compile().c_str(), nullptr, &model), FATHOM_STATUS_OK);
    for (uint64_t drafts = 0; drafts <= FATHOM_MOST_DRAFTS; ++drafts) {
      speakers.push_back(std::make_unique<Speaker>(model, drafts));
    }
    prompt = readGolden(GetParam().directory()).front().tokens;
    fathom_sampling_initialize(&greedy);
  }
  void TearDown() override {
    speakers.clear();
    fathom_model_release(model);
  }

  void expectSame(const fathom_sampling_t &sampling, uint64_t drafts) {
    EXPECT_EQ(speakers[drafts]->say(prompt, sampling, kTokens), speakers[0]->say(prompt, sampling, kTokens))
        << drafts << " drafts, seed " << sampling.seed;
    EXPECT_GT(speakers[drafts]->result.drafted_tokens, 0u);
  }

  fathom_model_t *model = nullptr;
  std::vector<std::unique_ptr<Speaker>> speakers;
  std::vector<int32_t> prompt;
  fathom_sampling_t greedy;
};

TEST_P(SpeculationTest, GreedyAnswersAreTheSame) {
  std::vector<int32_t> expected = speakers[0]->say(prompt, greedy, kTokens);
  EXPECT_EQ(expected.size(), kTokens);
  for (uint64_t drafts = 1; drafts <= FATHOM_MOST_DRAFTS; ++drafts) {
    EXPECT_EQ(speakers[drafts]->say(prompt, greedy, kTokens), expected) << drafts;
    const fathom_generate_result_t &result = speakers[drafts]->result;
    EXPECT_EQ(result.decode_steps + result.accepted_tokens, kTokens - 1) << drafts;
    // Of random weights no layer can guess anything.
    EXPECT_TRUE(GetParam().model != "demo" || result.accepted_tokens > kTokens / 4) << result.accepted_tokens;
  }
}

TEST_P(SpeculationTest, AnswersWithEverySeedAreTheSame) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    fathom_sampling_t sampling = greedy;
    sampling.temperature = 1;
    sampling.seed = seed;
    expectSame(sampling, 1 + seed % FATHOM_MOST_DRAFTS);
  }
}

TEST_P(SpeculationTest, AnswersWithEverySamplingAreTheSame) {
  fathom_sampling_t all[6];
  for (fathom_sampling_t &sampling : all) {
    sampling = greedy;
    sampling.temperature = 1;
  }
  all[0].temperature = 0;
  all[0].repetition_penalty = 1.3f;
  all[1].repetition_penalty = 1.3f;
  all[2].top_k = 5;
  all[3].top_p = 0.8f;
  all[4].min_p = 0.1f;
  all[5] = {sizeof(all[5]), 0.7f, 40, 0.9f, 0.05f, 0.9f, 7};
  for (size_t i = 0; i < 6; ++i) {
    expectSame(all[i], 1 + i % FATHOM_MOST_DRAFTS);
  }
}

/// Of the demo each guess of a step is the first wrong one at times, so that all that can be taken back is.
TEST_P(SpeculationTest, AsManyDraftsAreRightAsOfAFreshStore) {
  fathom_sampling_t sampling = greedy;
  sampling.temperature = 0.5f;
  std::vector<int32_t> answer = speakers[0]->say(prompt, sampling, kTokens);
  FreshDrafts fresh(GetParam().compile(), prompt, answer);
  std::vector<std::vector<int32_t>> guesses;
  for (size_t at = 0; at < answer.size(); ++at) {
    guesses.push_back(fresh.guess(at));
  }
  for (uint64_t drafts = 1; drafts <= FATHOM_MOST_DRAFTS; ++drafts) {
    Outcome expected(guesses, answer, drafts);
    speakers[drafts]->say(prompt, sampling, kTokens);
    const fathom_generate_result_t &result = speakers[drafts]->result;
    EXPECT_EQ(result.accepted_tokens, expected.accepted) << drafts;
    EXPECT_EQ(result.drafted_tokens, expected.drafted) << drafts;
    EXPECT_EQ(result.decode_steps, expected.steps) << drafts;
    for (size_t place = 0; GetParam().model == "demo" && place < drafts; ++place) {
      EXPECT_GT(expected.rejected[place], 0u) << place << " of " << drafts;
    }
  }
}

TEST_P(SpeculationTest, TheContextsEndIsWhereItIsWithoutDrafts) {
  fathom_model_info_t info;
  fathom_model_info_initialize(&info);
  ASSERT_EQ(fathom_model_info(model, &info), FATHOM_STATUS_OK);
  // As near to the end that all numbers of drafts have to shrink.
  std::vector<int32_t> longest(info.max_context - 7, 5);
  std::vector<int32_t> expected = speakers[0]->say(longest, greedy, UINT64_MAX);
  EXPECT_EQ(expected.size(), 8u);
  for (uint64_t drafts = 1; drafts <= FATHOM_MOST_DRAFTS; ++drafts) {
    EXPECT_EQ(speakers[drafts]->say(longest, greedy, UINT64_MAX), expected) << drafts;
    EXPECT_EQ(speakers[drafts]->result.stop, FATHOM_STOPPED_AT_CONTEXT);
  }
}

/// Every model that drafts, and one whose cache rounds what it keeps.
std::vector<Case> getCases() {
  std::vector<Case> cases = {{"v32-tiny", kFp8}};
  for (const std::string &model : findOracles()) {
    Case one = {model, kPacked};
    if (!readGolden(one.directory()).back().draftLogits.empty()) {
      cases.push_back(one);
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, SpeculationTest, testing::ValuesIn(getCases()), nameOf);

} // namespace
} // namespace fathom::test
