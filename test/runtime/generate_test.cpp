// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom_session_generate: when it stops, what it says, and who may interrupt it.

#include "test/runtime/toy_artifact.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fathom::test {
namespace {

struct Heard {
  std::vector<int32_t> tokens;
  std::string text;
  size_t stopAfter = SIZE_MAX;
  std::function<void()> during;
};

fathom_flow_t hear(void *user, int32_t token, const char *piece, size_t length) {
  Heard *heard = static_cast<Heard *>(user);
  heard->text.append(piece, length);
  if (token >= 0) {
    heard->tokens.push_back(token);
  }
  if (heard->during) {
    heard->during();
  }
  return heard->tokens.size() >= heard->stopAfter ? FATHOM_STOP : FATHOM_CONTINUE;
}

class GenerateTest : public testing::Test {
protected:
  GenerateTest() {
    fathom_generate_options_initialize(&options);
    fathom_generate_result_initialize(&result);
    options.tokens = prompt.data();
    options.token_count = prompt.size();
    options.max_tokens = 5;
    options.ignore_eos = 1;
    options.on_token = hear;
    options.user = &heard;
  }

  std::vector<int32_t> expected(size_t count) const {
    std::vector<int32_t> all = prompt, answer;
    for (size_t i = 0; i < count; ++i) {
      answer.push_back(toyNext(all));
      all.push_back(answer.back());
    }
    return answer;
  }

  std::vector<int32_t> prompt = {5, 9, 200, 31};
  ToyModel model;
  ToySession session{model};
  fathom_generate_options_t options;
  fathom_generate_result_t result;
  Heard heard;
};

TEST_F(GenerateTest, SaysTheGreedyTokens) {
  ASSERT_OK(fathom_session_generate(session, &options, &result));
  EXPECT_EQ(heard.tokens, expected(5));
  EXPECT_EQ(result.stop, FATHOM_STOPPED_AT_MAX_TOKENS);
  EXPECT_EQ(result.prompt_tokens, 4u);
  EXPECT_EQ(result.generated_tokens, 5u);
}

// With a penalty they are drawn from logits, without they come from the device.
TEST_F(GenerateTest, NamesTheLayerWhoseNumbersAreNoneHoweverTokensAreDrawn) {
  ToyModel poisoned([](ToyContents &contents) { contents.table[2] = std::nanf(""); });
  ToySession other(poisoned);
  fathom_sampling_t sampling;
  fathom_sampling_initialize(&sampling);
  options.sampling = &sampling;
  for (float penalty : {1.0f, 1.5f}) {
    sampling.repetition_penalty = penalty;
    EXPECT_EQ(fathom_session_generate(other, &options, &result), FATHOM_STATUS_FAILED);
    EXPECT_STREQ(fathom_status_message(),
                 "a logit at position 3 is nan; the first value that is not finite comes out of layers.0: check the "
                 "weights, or the cache they were computed from");
  }
}

// What the penalty then does is in sampler_test.cpp.
TEST_F(GenerateTest, ReadsWhatWasSeenBefore) {
  std::vector<int32_t> seen = {5, 100000};
  options.seen = seen.data();
  options.seen_count = 1;
  ASSERT_OK(fathom_session_generate(session, &options, nullptr));
  options.seen_count = 2;
  EXPECT_EQ(fathom_session_generate(session, &options, nullptr), FATHOM_STATUS_BAD_DATA);
  options.seen = nullptr;
  EXPECT_EQ(fathom_session_generate(session, &options, nullptr), FATHOM_STATUS_INVALID_ARGUMENT);
}

TEST_F(GenerateTest, MoreTokensThanTheContextAreNotRead) {
  options.token_count = SIZE_MAX / 8;
  EXPECT_EQ(fathom_session_generate(session, &options, nullptr), FATHOM_STATUS_CONTEXT_FULL);
}

TEST_F(GenerateTest, ASecondAnswerIsTheSame) {
  ASSERT_OK(fathom_session_generate(session, &options, nullptr));
  std::vector<int32_t> first = heard.tokens;
  heard.tokens.clear();
  ASSERT_OK(fathom_session_generate(session, &options, nullptr));
  EXPECT_EQ(heard.tokens, first);
}

TEST_F(GenerateTest, ZeroTokensOnlyReadThePrompt) {
  options.max_tokens = 0;
  ASSERT_OK(fathom_session_generate(session, &options, &result));
  EXPECT_TRUE(heard.tokens.empty());
}

TEST_F(GenerateTest, StopsAtTheEndToken) {
  // The eos token is the toy's third.
  int32_t eos = expected(3)[2];
  ToyModel ending([&](ToyContents &c) { c.eos = {eos}; });
  ToySession other(ending);
  options.ignore_eos = 0;
  options.max_tokens = UINT64_MAX;
  ASSERT_OK(fathom_session_generate(other, &options, &result));
  EXPECT_EQ(heard.tokens, expected(2));
  EXPECT_EQ(result.stop, FATHOM_STOPPED_AT_EOS);
}

TEST_F(GenerateTest, StopsAtTheContext) {
  options.max_tokens = UINT64_MAX;
  ASSERT_OK(fathom_session_generate(session, &options, &result));
  EXPECT_EQ(result.stop, FATHOM_STOPPED_AT_CONTEXT);
  // The token after the last position can still be told.
  EXPECT_EQ(result.generated_tokens, kToyContext - prompt.size() + 1);
}

TEST_F(GenerateTest, RefusesPromptsBeyondTheContextWithBothNumbers) {
  prompt.assign(kToyContext, 1);
  options.tokens = prompt.data();
  options.token_count = prompt.size();
  EXPECT_OK(fathom_session_generate(session, &options, nullptr));
  prompt.push_back(1);
  options.tokens = prompt.data();
  options.token_count = prompt.size();
  EXPECT_EQ(fathom_session_generate(session, &options, nullptr), FATHOM_STATUS_CONTEXT_FULL);
  EXPECT_NE(strstr(fathom_status_message(), "257"), nullptr);
  EXPECT_NE(strstr(fathom_status_message(), "256"), nullptr);
}

TEST_F(GenerateTest, RefusesEmptyPrompts) {
  options.token_count = 0;
  EXPECT_EQ(fathom_session_generate(session, &options, nullptr), FATHOM_STATUS_INVALID_ARGUMENT);
  options.tokens = nullptr;
  EXPECT_EQ(fathom_session_generate(session, &options, nullptr), FATHOM_STATUS_INVALID_ARGUMENT);
}

TEST_F(GenerateTest, TheFirstTokenAloneIsAPrompt) {
  options.tokens = nullptr;
  options.prompt = "";
  options.prompt_length = 0;
  ASSERT_OK(fathom_session_generate(session, &options, &result));
  EXPECT_EQ(result.prompt_tokens, 1u);
  options.encode_flags = 0;
  EXPECT_EQ(fathom_session_generate(session, &options, nullptr), FATHOM_STATUS_INVALID_ARGUMENT);
}

TEST_F(GenerateTest, TheCallbackStopsIt) {
  heard.stopAfter = 2;
  ASSERT_OK(fathom_session_generate(session, &options, &result));
  EXPECT_EQ(heard.tokens, expected(2));
  EXPECT_EQ(result.stop, FATHOM_STOPPED_BY_CALLBACK);
}

TEST_F(GenerateTest, TheCallbackMustNotCallTheSession) {
  fathom_status_t inner = FATHOM_STATUS_OK;
  heard.during = [&] {
    fathom_sequence_t sequence;
    inner = fathom_session_create_sequence(session, &sequence);
  };
  ASSERT_OK(fathom_session_generate(session, &options, nullptr));
  EXPECT_EQ(inner, FATHOM_STATUS_BUSY);
  EXPECT_EQ(heard.tokens, expected(5));
}

TEST_F(GenerateTest, TheCallbackMayCallWhatIsThreadSafe) {
  uint32_t threads = 0;
  heard.during = [&] {
    EXPECT_OK(fathom_session_threads(session, &threads));
    EXPECT_OK(fathom_session_retain(session));
    EXPECT_OK(fathom_session_release(session));
  };
  ASSERT_OK(fathom_session_generate(session, &options, nullptr));
  EXPECT_GT(threads, 0u);
}

TEST_F(GenerateTest, ASequenceOfItsOwnIsOneOfTheSessions) {
  ToySession small(model, [](auto &o) { o.max_sequences = 1; });
  EXPECT_OK(fathom_session_generate(small, &options, nullptr));
  options.sequence = small.sequence();
  EXPECT_OK(fathom_session_generate(small, &options, nullptr));
  options.sequence = 0;
  EXPECT_EQ(fathom_session_generate(small, &options, nullptr), FATHOM_STATUS_OUT_OF_RESOURCES);
}

TEST_F(GenerateTest, CancelEndsItWithinAStep) {
  options.max_tokens = UINT64_MAX;
  heard.during = [&] { fathom_session_cancel(session); };
  fathom_generate_result_t result;
  fathom_generate_result_initialize(&result);
  EXPECT_EQ(fathom_session_generate(session, &options, &result), FATHOM_STATUS_CANCELLED);
  EXPECT_EQ(heard.tokens.size(), 1u);
  EXPECT_EQ(result.generated_tokens, 1u);
  EXPECT_EQ(result.stop, FATHOM_STOPPED_BY_CALLBACK);
  heard.during = nullptr;
  heard.tokens.clear();
  options.max_tokens = 5;
  ASSERT_OK(fathom_session_generate(session, &options, nullptr));
  EXPECT_EQ(heard.tokens, expected(5));
}

TEST_F(GenerateTest, ASessionTakesOneThreadAtATime) {
  std::atomic<bool> inside{false}, leave{false};
  heard.during = [&] {
    inside = true;
    while (!leave) {
      std::this_thread::yield();
    }
  };
  std::thread other([&] { EXPECT_OK(fathom_session_generate(session, &options, nullptr)); });
  while (!inside) {
    std::this_thread::yield();
  }
  fathom_sequence_t sequence;
  EXPECT_EQ(fathom_session_create_sequence(session, &sequence), FATHOM_STATUS_BUSY);
  leave = true;
  other.join();
}

TEST_F(GenerateTest, ReleasedWhileItRunsItEndsFirst) {
  fathom_session_t *own = nullptr;
  ASSERT_OK(fathom_session_create(model, nullptr, &own));
  bool released = false;
  heard.during = [&] {
    if (!released) {
      EXPECT_OK(fathom_session_release(own));
      released = true;
    }
  };
  ASSERT_OK(fathom_session_generate(own, &options, nullptr));
  EXPECT_EQ(heard.tokens, expected(5));
  EXPECT_EQ(fathom_session_release(own), FATHOM_STATUS_INVALID_HANDLE);
}

TEST_F(GenerateTest, TextGoesInAndWholeCharactersComeOut) {
  options.tokens = nullptr;
  options.prompt = "\xc3\xa4";
  options.prompt_length = 2;
  ASSERT_OK(fathom_session_generate(session, &options, &result));
  // bos and two bytes.
  EXPECT_EQ(result.prompt_tokens, 3u);
  EXPECT_EQ(heard.tokens[0], toyNext({kToyBos, 0xc3, 0xa4}));
}

TEST_F(GenerateTest, BytesThatAreNoCharacterAreReplacedInPiecesAlone) {
  int32_t first = 0;
  while (toyNext({first}) < 0x80 || toyNext({first}) > 0xff) {
    ++first;
  }
  options.tokens = &first;
  options.token_count = options.max_tokens = 1;
  ASSERT_OK(fathom_session_generate(session, &options, nullptr));
  EXPECT_EQ(heard.text, "\xef\xbf\xbd");
  int32_t token = toyNext({first});
  char byte = 0;
  size_t length = 0;
  ASSERT_OK(fathom_model_decode(model, &token, 1, 0, &byte, 1, &length));
  EXPECT_EQ(static_cast<unsigned char>(byte), token);
}

TEST_F(GenerateTest, ContinuesInASequenceOfTheCallers) {
  options.sequence = session.sequence();
  ASSERT_OK(fathom_session_generate(session, &options, nullptr));
  uint32_t length = 0;
  ASSERT_OK(fathom_session_sequence_length(session, options.sequence, &length));
  EXPECT_EQ(length, 4 + 5 - 1u);
  std::vector<int32_t> all = prompt;
  all.insert(all.end(), heard.tokens.begin(), heard.tokens.end() - 1);
  int32_t more[] = {7};
  all.push_back(7);
  options.tokens = more;
  options.token_count = 1;
  heard.tokens.clear();
  ASSERT_OK(fathom_session_generate(session, &options, nullptr));
  EXPECT_EQ(heard.tokens[0], toyNext(all));
}

TEST_F(GenerateTest, TextWithoutATokenizerIsUnsupported) {
  ToyModel mute([](ToyContents &c) { c.tokenizer = false; });
  ToySession other(mute);
  ASSERT_OK(fathom_session_generate(other, &options, nullptr));
  EXPECT_EQ(heard.tokens, expected(5));
  options.tokens = nullptr;
  options.prompt = "a";
  options.prompt_length = 1;
  EXPECT_EQ(fathom_session_generate(other, &options, nullptr), FATHOM_STATUS_UNSUPPORTED);
}

TEST_F(GenerateTest, AChildOfForkGetsAnErrorNotADeadlock) {
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    _exit(fathom_session_generate(session, &options, nullptr) == FATHOM_STATUS_FAILED ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

} // namespace
} // namespace fathom::test
