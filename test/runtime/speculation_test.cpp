// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom_session_generate with drafts: what it says, where it stops and what it leaves are those of a session without.

#include "test/runtime/toy_artifact.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

namespace fathom::test {
namespace {

Tweak drafting(ToyDraft draft) {
  return [draft](ToyContents &c) { addDraft(c, draft); };
}

/// One answer, and all that can be told of it.
struct Said {
  fathom_status_t status;
  std::string message;
  std::vector<int32_t> tokens;
  fathom_stop_t stop;
  uint32_t length;

  bool operator==(const Said &o) const {
    return std::tie(status, message, tokens, stop, length) == std::tie(o.status, o.message, o.tokens, o.stop, o.length);
  }
};

/// A session, and an answer in a sequence of it.
class Speaker {
public:
  explicit Speaker(fathom_model_t *model, uint64_t drafts,
                   const std::function<void(fathom_session_options_t &)> &tweak = {})
      : session(model, [&](auto &options) {
          options.draft = drafts;
          if (tweak) {
            tweak(options);
          }
        }) {
    sequence = session.sequence();
    fathom_generate_options_initialize(&options);
    fathom_sampling_initialize(&sampling);
    fathom_generate_result_initialize(&result);
    options.max_tokens = 60;
    options.ignore_eos = 1;
    options.sampling = &sampling;
    options.on_token = hear;
    options.user = this;
  }

  Said say(std::vector<int32_t> prompt = {5, 9, 200, 31}) {
    heard.clear();
    options.sequence = sequence;
    options.tokens = prompt.data();
    options.token_count = prompt.size();
    fathom_status_t status = fathom_session_generate(session, &options, &result);
    std::string message = status == FATHOM_STATUS_OK ? "" : fathom_status_message();
    return {status, message, heard, result.stop, length()};
  }

  uint32_t length() const {
    uint32_t length = 0;
    EXPECT_OK(fathom_session_sequence_length(session, sequence, &length));
    return length;
  }

  ToySession session;
  fathom_sequence_t sequence;
  fathom_generate_options_t options;
  fathom_sampling_t sampling;
  fathom_generate_result_t result;
  std::vector<int32_t> heard;
  /// Called after each token; whether to go on.
  std::function<bool(size_t count)> during;

private:
  static fathom_flow_t hear(void *user, int32_t token, const char *, size_t) {
    auto *speaker = static_cast<Speaker *>(user);
    if (token >= 0) {
      speaker->heard.push_back(token);
    }
    bool goesOn = token < 0 || !speaker->during || speaker->during(speaker->heard.size());
    return goesOn ? FATHOM_CONTINUE : FATHOM_STOP;
  }
};

std::vector<fathom_sampling_t> everySampling() {
  std::vector<fathom_sampling_t> all(1);
  fathom_sampling_initialize(&all[0]);
  auto add = [&](auto change) {
    fathom_sampling_t sampling = all[0];
    change(sampling);
    all.push_back(sampling);
  };
  for (uint64_t seed = 0; seed < 20; ++seed) {
    add([&](auto &s) { s.temperature = 1.5f, s.seed = seed; });
  }
  add([](auto &s) { s.repetition_penalty = 1.3f; });
  add([](auto &s) { s.temperature = 2, s.repetition_penalty = 1.3f; });
  add([](auto &s) { s.temperature = 2, s.top_k = 3; });
  add([](auto &s) { s.temperature = 2, s.top_p = 0.7f; });
  add([](auto &s) { s.temperature = 2, s.min_p = 0.2f; });
  add([](auto &s) { s.temperature = 3, s.top_k = 9, s.top_p = 0.9f, s.min_p = 0.1f, s.repetition_penalty = 0.8f; });
  return all;
}

// A draft that is always right, one that never is, and some that err at other places of a step each time.
TEST(SpeculationTest, SaysWhatPlainDecodingSays) {
  for (float errs : {0, 1, 2, 3, 4, 7}) {
    ToyModel model(drafting({errs}));
    for (const fathom_sampling_t &sampling : everySampling()) {
      Speaker plain(model, 0);
      plain.sampling = sampling;
      Said expected = plain.say();
      ASSERT_EQ(expected.status, FATHOM_STATUS_OK) << expected.message;
      for (uint64_t drafts : {1, 2, 3, 4}) {
        Speaker speaker(model, drafts);
        speaker.sampling = sampling;
        EXPECT_EQ(speaker.say(), expected) << errs << " " << drafts << " " << sampling.seed;
      }
    }
  }
}

TEST(SpeculationTest, CountsStepsAndDrafts) {
  ToyModel right(drafting({0})), wrong(drafting({1}));
  for (uint64_t drafts : {1, 2, 3, 4}) {
    Speaker speaker(right, drafts);
    speaker.options.max_tokens = 201;
    EXPECT_EQ(speaker.say().tokens.size(), 201u);
    EXPECT_EQ(speaker.result.decode_steps, (200 + drafts) / (drafts + 1));
    // A draft after which no token is drawn is not made.
    EXPECT_EQ(speaker.result.drafted_tokens, 200 - speaker.result.decode_steps);
    EXPECT_EQ(speaker.result.accepted_tokens, speaker.result.drafted_tokens);

    Speaker other(wrong, drafts);
    other.say();
    EXPECT_EQ(other.result.decode_steps, 59u);
    EXPECT_EQ(other.result.accepted_tokens, 0u);
    EXPECT_GT(other.result.drafted_tokens, 57 * drafts - 4);
  }
  Speaker plain(right, 0);
  plain.say();
  EXPECT_EQ(plain.result.decode_steps, 59u);
  EXPECT_EQ(plain.result.drafted_tokens, 0u);
}

TEST(SpeculationTest, PromptsOfManyChunksAreFollowed) {
  ToyModel model(drafting({0}));
  std::vector<int32_t> prompt(100);
  for (size_t i = 0; i < prompt.size(); ++i) {
    prompt[i] = static_cast<int32_t>(i * 37 % kToyVocabulary);
  }
  for (uint32_t chunk : {1, 2, 7, 16}) {
    Speaker speaker(model, 3, [&](auto &options) { options.prefill_chunk = chunk; });
    EXPECT_EQ(speaker.say(prompt).tokens[0], toyNext(prompt));
    EXPECT_EQ(speaker.result.accepted_tokens, speaker.result.drafted_tokens) << chunk;
  }
}

TEST(SpeculationTest, StopsAtTheContextWithinADraft) {
  ToyModel model(drafting({3}));
  for (size_t prompt = kToyContext - 9; prompt <= kToyContext; ++prompt) {
    Speaker plain(model, 0), speaker(model, 4);
    plain.options.max_tokens = speaker.options.max_tokens = UINT64_MAX;
    Said expected = plain.say(std::vector<int32_t>(prompt, 3));
    EXPECT_EQ(expected.stop, FATHOM_STOPPED_AT_CONTEXT);
    EXPECT_EQ(expected.length, kToyContext);
    EXPECT_EQ(speaker.say(std::vector<int32_t>(prompt, 3)), expected) << prompt;
  }
}

TEST(SpeculationTest, StopsAtAnEndTokenWithinADraft) {
  std::vector<int32_t> said;
  {
    ToyModel model;
    said = Speaker(model, 0).say().tokens;
  }
  for (size_t at = 0; at < 12; ++at) {
    ToyModel model([&](ToyContents &c) {
      addDraft(c);
      c.eos = {said[at]};
    });
    Speaker plain(model, 0), speaker(model, 4);
    plain.options.ignore_eos = speaker.options.ignore_eos = 0;
    EXPECT_EQ(speaker.say(), plain.say()) << at;
    EXPECT_EQ(speaker.result.stop, FATHOM_STOPPED_AT_EOS);
  }
}

/// Ends the first answer by |end| at each token, and goes on with another prompt.
void endEarly(const std::function<bool(Speaker &)> &end, fathom_status_t expected) {
  for (float errs : {0, 2, 3}) {
    ToyModel model(drafting({errs}));
    for (size_t at = 1; at < 12; ++at) {
      Speaker plain(model, 0), speaker(model, 4);
      for (Speaker *one : {&plain, &speaker}) {
        one->during = [&end, at, one](size_t count) { return count < at || end(*one); };
      }
      Said said = plain.say();
      EXPECT_EQ(said.status, expected);
      EXPECT_EQ(speaker.say(), said) << at;
      for (Speaker *one : {&plain, &speaker}) {
        one->during = nullptr;
      }
      EXPECT_EQ(speaker.say({7, 8}), plain.say({7, 8})) << at;
      EXPECT_TRUE(errs != 0 || speaker.result.accepted_tokens == speaker.result.drafted_tokens) << at;
    }
  }
}

TEST(SpeculationTest, TheCallbackStopsItWithinADraft) {
  endEarly([](Speaker &) { return false; }, FATHOM_STATUS_OK);
}

TEST(SpeculationTest, CancelEndsItWithinADraft) {
  auto cancel = [](Speaker &speaker) { return fathom_session_cancel(speaker.session) == FATHOM_STATUS_OK; };
  endEarly(cancel, FATHOM_STATUS_CANCELLED);
}

// The row before the cut has seen a token that is no longer there; all others are drafted anew.
TEST(SpeculationTest, DraftsFollowARewind) {
  ToyModel model(drafting({0, 1}));
  for (uint32_t length : {0, 1, 3, 4, 5, 17, 60, 63}) {
    Speaker plain(model, 0), speaker(model, 4);
    EXPECT_EQ(speaker.say(), plain.say());
    for (Speaker *one : {&plain, &speaker}) {
      EXPECT_OK(fathom_session_rewind_sequence(one->session, one->sequence, length));
    }
    EXPECT_EQ(speaker.say({11, 12, 13}), plain.say({11, 12, 13})) << length;
    EXPECT_GT(speaker.result.drafted_tokens, 40u);
    EXPECT_EQ(speaker.result.accepted_tokens, speaker.result.drafted_tokens) << length;
  }
}

// Answers are the same whatever is drafted: only how many drafts are right shows such a mistake.
TEST(SpeculationTest, RowsThatAreNotRewoundAreSeen) {
  auto countRight = [](float errs, const char *function) {
    ToyModel model([&](ToyContents &c) {
      addDraft(c, {errs});
      c.entries[2].function = addFunction(c, function);
      c.entries[3].function = addFunction(c, function + std::string("_headless"));
    });
    Speaker speaker(model, 4), plain(model, 0);
    for (Speaker *one : {&speaker, &plain}) {
      one->say();
      EXPECT_OK(fathom_session_rewind_sequence(one->session, one->sequence, 0));
    }
    EXPECT_EQ(speaker.say({11, 12, 13}), plain.say({11, 12, 13})) << function;
    return speaker.result.accepted_tokens;
  };
  // Of a sequence that was rewound, and of drafts that were wrong as well.
  EXPECT_LT(countRight(0, "draft_not_rewound"), countRight(0, "draft"));
  EXPECT_LT(countRight(3, "draft_not_rewound"), countRight(3, "draft"));
}

// Prefill and single steps are followed as well, by sessions that draft.
TEST(SpeculationTest, DraftsFollowStepsThatDoNotDraft) {
  ToyModel model(drafting({0}));
  for (int32_t steps : {1, 4, 5, 6, 7, 20}) {
    Speaker plain(model, 0), speaker(model, 4);
    for (Speaker *one : {&plain, &speaker}) {
      for (int32_t token = 0; token < steps; ++token) {
        EXPECT_OK(fathom_session_decode(one->session, &one->sequence, &token, 1, nullptr, 0));
      }
    }
    EXPECT_EQ(speaker.say(), plain.say()) << steps;
    EXPECT_EQ(speaker.result.accepted_tokens, speaker.result.drafted_tokens) << steps;
  }
}

TEST(SpeculationTest, LogitsOfDraftsNeedNotBeNumbers) {
  ToyModel model(drafting({0, 0, NAN}));
  EXPECT_EQ(Speaker(model, 4).say(), Speaker(model, 0).say());
}

ToyModel poisoned(float errs, int32_t token) {
  return ToyModel([=](ToyContents &c) {
    addDraft(c, {errs, 0, 0, static_cast<float>(token)});
    c.entries[1].function = addFunction(c, "poisoned");
  });
}

TEST(SpeculationTest, LogitsAfterAWrongDraftAreNotLookedAt) {
  ToyModel toy;
  Said expected = Speaker(toy, 0).say();
  // What a draft that errs says is 7 more.
  int32_t wrong = (expected.tokens[9] + 7) % static_cast<int32_t>(kToyVocabulary);
  ASSERT_EQ(std::count(expected.tokens.begin(), expected.tokens.end(), wrong), 0);
  ToyModel model = poisoned(1, wrong);
  EXPECT_EQ(Speaker(model, 1).say(), expected);
}

TEST(SpeculationTest, LogitsThatAreNoNumbersAreAnErrorWhereTheyAreWithoutDrafts) {
  ToyModel toy;
  std::vector<int32_t> said = Speaker(toy, 0).say().tokens;
  for (size_t at = 0; at < 8; ++at) {
    ToyModel model = poisoned(0, said[at]);
    Said expected = Speaker(model, 0).say();
    EXPECT_EQ(expected.status, FATHOM_STATUS_FAILED);
    EXPECT_EQ(Speaker(model, 4).say(), expected) << at;
  }
}

TEST(SpeculationTest, APoolThatRunsOutDoesSoWhereItDoesWithoutDrafts) {
  ToyModel model(drafting({0}));
  auto small = [](auto &options) { options.cache_bytes = 2 * 3 * 64 * 2 * sizeof(float); };
  Speaker plain(model, 0, small), speaker(model, 4, small);
  plain.options.max_tokens = speaker.options.max_tokens = 200;
  Said expected = plain.say();
  EXPECT_EQ(expected.status, FATHOM_STATUS_OUT_OF_RESOURCES);
  EXPECT_EQ(speaker.say(), expected);
}

TEST(SpeculationTest, RefusesDraftsThatCannotBe) {
  ToyModel plain, model(drafting({0})), narrow([](ToyContents &c) {
    addDraft(c);
    c.entries[2].maxRows = c.entries[3].maxRows = 5;
  });
  fathom_session_options_t options;
  fathom_session_options_initialize(&options);
  fathom_session_t *session = nullptr;
  options.draft = 1;
  EXPECT_EQ(fathom_session_create(plain, &options, &session), FATHOM_STATUS_UNSUPPORTED);
  EXPECT_NE(strstr(fathom_status_message(), "the artifact has no draft"), nullptr) << fathom_status_message();
  EXPECT_EQ(fathom_session_create(narrow, &options, &session), FATHOM_STATUS_UNSUPPORTED);
  EXPECT_NE(strstr(fathom_status_message(), "takes 5 rows, expected 6"), nullptr) << fathom_status_message();
  options.draft = FATHOM_MOST_DRAFTS + 1;
  EXPECT_EQ(fathom_session_create(model, &options, &session), FATHOM_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(strstr(fathom_status_message(), "draft is 5, expected at most 4"), nullptr) << fathom_status_message();
}

} // namespace
} // namespace fathom::test
