// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prefill and decode: the same numbers however rows are cut, shared and scheduled.

#include "test/runtime/toy_artifact.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>
#include <xmmintrin.h>

namespace fathom::test {
namespace {

std::vector<int32_t> someTokens(size_t count, int32_t seed = 1) {
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = static_cast<int32_t>((seed * 37 + i * 11) % kToyVocabulary);
  }
  return tokens;
}

int32_t argmax(const float *logits) {
  return static_cast<int32_t>(std::max_element(logits, logits + kToyVocabulary) - logits);
}

std::vector<float> decode(fathom_session_t *session, std::vector<fathom_sequence_t> sequences,
                          std::vector<int32_t> tokens) {
  std::vector<float> logits(tokens.size() * kToyVocabulary);
  EXPECT_OK(
      fathom_session_decode(session, sequences.data(), tokens.data(), tokens.size(), logits.data(), logits.size()));
  return logits;
}

TEST(SessionTest, PrefillsEveryPosition) {
  ToyModel model;
  ToySession session(model);
  std::vector<int32_t> tokens = someTokens(150);
  std::vector<float> logits = session.prefill(session.sequence(), tokens);
  for (size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(argmax(&logits[i * kToyVocabulary]), toyNext({tokens.begin(), tokens.begin() + i + 1})) << i;
  }
}

TEST(SessionTest, ResultsDoNotDependOnThreadsOrChunks) {
  ToyModel model;
  std::vector<int32_t> tokens = someTokens(131);
  ToySession reference(model, [](auto &options) { options.threads = 1; });
  std::vector<float> expected = reference.prefill(reference.sequence(), tokens);
  for (uint32_t threads : {1, 2, 5}) {
    for (uint32_t chunk : {1, 3, 7, 64, 1000}) {
      ToySession session(model, [&](auto &options) {
        options.threads = threads;
        options.prefill_chunk = chunk;
      });
      EXPECT_EQ(session.prefill(session.sequence(), tokens), expected) << threads << " " << chunk;
    }
  }
}

TEST(SessionTest, DecodeContinuesPrefill) {
  ToyModel model;
  ToySession session(model);
  std::vector<int32_t> tokens = someTokens(63);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, tokens);
  // Across the end of a page.
  for (int step = 0; step < 5; ++step) {
    tokens.push_back(step + 3);
    EXPECT_EQ(argmax(decode(session, {sequence}, {step + 3}).data()), toyNext(tokens));
  }
}

TEST(SessionTest, BatchRowsEqualSingleRows) {
  ToyModel model;
  ToySession session(model);
  std::vector<fathom_sequence_t> together, alone;
  std::vector<int32_t> step;
  // More sequences than one call of the code takes.
  for (int32_t i = 0; i < 7; ++i) {
    together.push_back(session.sequence());
    alone.push_back(session.sequence());
    session.prefill(together.back(), someTokens(10 + i * 13, i));
    session.prefill(alone.back(), someTokens(10 + i * 13, i));
    step.push_back(i);
  }
  std::vector<float> logits = decode(session, together, step);
  for (size_t i = 0; i < alone.size(); ++i) {
    std::vector<float> row(&logits[i * kToyVocabulary], &logits[i * kToyVocabulary] + kToyVocabulary);
    EXPECT_EQ(row, decode(session, {alone[i]}, {step[i]})) << i;
  }
}

TEST(SessionTest, MoreTokensThanTheContextAreNotRead) {
  ToyModel model;
  ToySession session(model);
  int32_t token = 0;
  EXPECT_EQ(fathom_session_prefill(session, session.sequence(), &token, size_t(1) << 60, nullptr),
            FATHOM_STATUS_CONTEXT_FULL);
}

static std::vector<float> prefillStates(ToySession &session, const std::vector<int32_t> &tokens) {
  std::vector<float> states(kToyLayers * tokens.size() * kToyHidden);
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.states = states.data();
  outputs.states_capacity = states.size();
  EXPECT_OK(fathom_session_prefill(session, session.sequence(), tokens.data(), tokens.size(), &outputs));
  return states;
}

TEST(SessionTest, StatesAreLaidOutByLayerThenPosition) {
  ToyModel model;
  ToySession session(model, [](auto &options) { options.prefill_chunk = 4; });
  std::vector<int32_t> tokens = someTokens(10);
  std::vector<float> states = prefillStates(session, tokens);
  for (uint32_t layer = 0; layer < kToyLayers; ++layer) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      float expected = toyState({tokens.begin(), tokens.begin() + i + 1}, layer);
      EXPECT_EQ(states[(layer * tokens.size() + i) * kToyHidden + 2], expected + 2) << layer << " " << i;
    }
  }
}

/// The toy computes in f32: what is taken for bf16 are the lower and the upper halves of its numbers.
TEST(SessionTest, StatesOfBf16AreWidened) {
  ToyModel model([](ToyContents &c) { c.functions[0].commands[2].element = artifact::StoreElement::bf16; });
  ToySession session(model);
  std::vector<int32_t> tokens = someTokens(6);
  std::vector<float> states = prefillStates(session, tokens);
  for (size_t i = 2; i < tokens.size() * kToyHidden / 2; i += kToyHidden) {
    float number = toyState({tokens.begin(), tokens.begin() + i / kToyHidden + 1}, 0) + 2;
    uint32_t bits, halves[2];
    memcpy(&bits, &number, sizeof bits);
    memcpy(halves, &states[2 * i], sizeof halves);
    EXPECT_EQ(halves[0], bits << 16) << i;
    EXPECT_EQ(halves[1], bits & 0xFFFF0000) << i;
  }
}

TEST(SessionTest, ChunksThatWantNoLogitsRunWithoutTheHead) {
  ToyModel model([](ToyContents &c) {
    c.entries.push_back({"headless", artifact::Form::expanded, addFunction(c, "headless"), 1, 16, 4096, false});
  });
  ToySession session(model, [](auto &options) { options.prefill_chunk = 4; });
  std::vector<int32_t> tokens = someTokens(10);
  std::vector<float> states(kToyLayers * tokens.size() * kToyHidden), logits(kToyVocabulary);
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  outputs.states = states.data();
  outputs.states_capacity = states.size();
  ASSERT_OK(fathom_session_prefill(session, session.sequence(), tokens.data(), tokens.size(), &outputs));
  // Of three chunks the last one wants logits.
  for (size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(states[i * kToyHidden] == -1, i < 8) << i;
  }
}

TEST(SessionTest, StepsThatWantNoLogitsRunWithoutTheHead) {
  ToyModel model([](ToyContents &c) {
    c.entries.back().function = addFunction(c, "trap");
    c.entries.push_back({"headless", artifact::Form::absorbed, addFunction(c, "headless"), 1, 4, 4096, false});
  });
  ToySession session(model);
  int32_t token = 1;
  fathom_sequence_t sequence = session.sequence();
  EXPECT_OK(fathom_session_decode(session, &sequence, &token, 1, nullptr, 0));
}

TEST(SessionTest, ADraftIsNoStepOfTheModel) {
  ToyModel model([](ToyContents &c) {
    addDraft(c);
    for (ToyEntry &entry : c.entries) {
      entry.function =
          entry.hidden ? addFunction(c, entry.logits ? "draft_trap" : "draft_trap_headless") : entry.function;
    }
  });
  ToySession session(model);
  EXPECT_EQ(argmax(decode(session, {session.sequence()}, {7}).data()), toyNext({7}));
}

// Where prefill is for the first positions, others go to the absorbed form: no chunk has some of both.
TEST(SessionTest, ChunksEndWhereTheExpandedFormDoes) {
  ToyModel whole, model([](ToyContents &contents) {
    contents.entries[0].function = addFunction(contents, "below_40");
    contents.entries[0].maxPositions = 40;
    contents.entries[1].function = addFunction(contents, "from_40");
    contents.entries.push_back({"prefill_sparse", artifact::Form::absorbed, contents.entries[1].function, 1, 24, 4096});
  });
  std::vector<int32_t> tokens = someTokens(150);
  ToySession reference(whole);
  std::vector<float> expected = reference.prefill(reference.sequence(), tokens);
  for (uint32_t chunk : {0, 1, 3, 16, 20}) {
    ToySession session(model, [&](auto &options) { options.prefill_chunk = chunk; });
    EXPECT_EQ(session.prefill(session.sequence(), tokens), expected) << chunk;
    // In two parts, the second from any position on.
    for (size_t first : {39, 40, 41}) {
      fathom_sequence_t sequence = session.sequence();
      session.prefill(sequence, {tokens.begin(), tokens.begin() + first});
      std::vector<float> rest = session.prefill(sequence, {tokens.begin() + first, tokens.end()});
      EXPECT_TRUE(std::equal(rest.begin(), rest.end(), expected.begin() + first * kToyVocabulary, expected.end()));
    }
  }
}

TEST(SessionTest, RewoundAndReusedSequencesForget) {
  ToyModel model;
  ToySession session(model, [](auto &options) { options.max_sequences = 1; });
  fathom_sequence_t first = session.sequence();
  std::vector<float> expected = session.prefill(first, someTokens(100));
  ASSERT_OK(fathom_session_rewind_sequence(session, first, 0));
  session.prefill(first, someTokens(120, 9));
  ASSERT_OK(fathom_session_destroy_sequence(session, first));
  EXPECT_EQ(fathom_session_rewind_sequence(session, first, 0), FATHOM_STATUS_INVALID_HANDLE);
  EXPECT_EQ(session.prefill(session.sequence(), someTokens(100)), expected);
}

TEST(SessionTest, RewindKeepsThePrefix) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence();
  std::vector<int32_t> tokens = someTokens(100);
  session.prefill(sequence, tokens);
  ASSERT_OK(fathom_session_rewind_sequence(session, sequence, 30));
  tokens.resize(30);
  tokens.push_back(5);
  EXPECT_EQ(argmax(decode(session, {sequence}, {5}).data()), toyNext(tokens));
  EXPECT_EQ(fathom_session_rewind_sequence(session, sequence, 32), FATHOM_STATUS_INVALID_ARGUMENT);
}

TEST(SessionTest, TheContextIsTheLimitAndNothingIsLostThere) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, someTokens(kToyContext));
  int32_t token = 1;
  EXPECT_EQ(fathom_session_decode(session, &sequence, &token, 1, nullptr, 0), FATHOM_STATUS_CONTEXT_FULL);
  uint32_t length = 0;
  EXPECT_OK(fathom_session_sequence_length(session, sequence, &length));
  EXPECT_EQ(length, kToyContext);
  std::vector<int32_t> tooMany = someTokens(kToyContext + 1);
  EXPECT_EQ(fathom_session_prefill(session, session.sequence(), tooMany.data(), tooMany.size(), nullptr),
            FATHOM_STATUS_CONTEXT_FULL);
}

TEST(SessionTest, RefusesTokensOutsideTheVocabulary) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence();
  for (int32_t bad : {-1, static_cast<int32_t>(kToyVocabulary), INT32_MAX}) {
    int32_t tokens[] = {1, bad};
    EXPECT_EQ(fathom_session_prefill(session, sequence, tokens, 2, nullptr), FATHOM_STATUS_BAD_DATA);
    EXPECT_EQ(fathom_session_decode(session, &sequence, &bad, 1, nullptr, 0), FATHOM_STATUS_BAD_DATA);
  }
  uint32_t length = 1;
  EXPECT_OK(fathom_session_sequence_length(session, sequence, &length));
  EXPECT_EQ(length, 0u);
}

TEST(SessionTest, RefusesOutputsThatAreTooSmall) {
  ToyModel model;
  ToySession session(model);
  std::vector<float> logits(2 * kToyVocabulary);
  int32_t tokens[] = {1, 2};
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_ALL;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size() - 1;
  EXPECT_EQ(fathom_session_prefill(session, session.sequence(), tokens, 2, &outputs), FATHOM_STATUS_TOO_SMALL);
  outputs.logits = nullptr;
  EXPECT_EQ(fathom_session_prefill(session, session.sequence(), tokens, 2, &outputs), FATHOM_STATUS_INVALID_ARGUMENT);
  // Room for logits that nobody asks for is a mistake in `which`.
  outputs.which = FATHOM_LOGITS_NONE;
  outputs.logits = logits.data();
  EXPECT_EQ(fathom_session_prefill(session, session.sequence(), tokens, 2, &outputs), FATHOM_STATUS_INVALID_ARGUMENT);
}

TEST(SessionTest, SequencesOfAnotherSessionAreNone) {
  ToyModel model;
  ToySession session(model), other(model);
  fathom_sequence_t sequence = session.sequence(), theirs = other.sequence();
  EXPECT_NE(sequence, theirs);
  EXPECT_EQ(fathom_session_destroy_sequence(session, theirs), FATHOM_STATUS_INVALID_HANDLE);
}

TEST(SessionTest, APoolThatRunsOutFailsOneRequestOnly) {
  ToyModel model;
  // Two pages of 2 layers, 64 positions, 2 values.
  ToySession session(model, [](auto &options) { options.cache_bytes = 2 * 2 * 64 * 2 * sizeof(float); });
  fathom_sequence_t first = session.sequence(), second = session.sequence();
  std::vector<int32_t> tokens = someTokens(64);
  session.prefill(first, tokens);
  std::vector<int32_t> longer = someTokens(65);
  EXPECT_EQ(fathom_session_prefill(session, second, longer.data(), longer.size(), nullptr),
            FATHOM_STATUS_OUT_OF_RESOURCES);
  tokens.push_back(7);
  EXPECT_EQ(argmax(decode(session, {first}, {7}).data()), toyNext(tokens));
}

TEST(SessionTest, TheCacheTakesWhatSequencesHadAtOnce) {
  ToyModel model;
  ToySession session(model);
  auto pages = [&] {
    uint64_t bytes = 1;
    EXPECT_OK(fathom_session_cache_bytes(session, &bytes));
    return static_cast<double>(bytes) / 1024;
  };
  EXPECT_EQ(pages(), 0);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, someTokens(65));
  EXPECT_EQ(pages(), 2);
  EXPECT_OK(fathom_session_destroy_sequence(session, sequence));
  session.prefill(session.sequence(), someTokens(64));
  EXPECT_EQ(pages(), 2);
}

TEST(SessionTest, RefusesABatchWithASequenceTwice) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence(), both[] = {sequence, sequence};
  int32_t tokens[] = {1, 2};
  EXPECT_EQ(fathom_session_decode(session, both, tokens, 2, nullptr, 0), FATHOM_STATUS_INVALID_ARGUMENT);
}

TEST(SessionTest, NamesTheLayerWhoseNumbersAreNone) {
  ToyModel model([](ToyContents &c) { c.table[2] = NAN; });
  ToySession session(model);
  std::vector<int32_t> tokens = someTokens(8);
  std::vector<float> logits(kToyVocabulary);
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  EXPECT_EQ(fathom_session_prefill(session, session.sequence(), tokens.data(), tokens.size(), &outputs),
            FATHOM_STATUS_FAILED);
  EXPECT_NE(std::string(fathom_status_message()).find("layers.0"), std::string::npos) << fathom_status_message();
}

std::vector<char> save(fathom_session_t *session, fathom_sequence_t sequence) {
  size_t size = 0;
  EXPECT_EQ(fathom_session_save_sequence(session, sequence, nullptr, 0, &size), FATHOM_STATUS_TOO_SMALL);
  std::vector<char> bytes(size);
  EXPECT_EQ(fathom_session_save_sequence(session, sequence, bytes.data(), bytes.size(), &size), FATHOM_STATUS_OK);
  return bytes;
}

TEST(SessionTest, SavedSequencesComeBackInAnotherSession) {
  ToyModel model;
  ToySession session(model), other(model);
  fathom_sequence_t sequence = session.sequence(), restored = 0;
  session.prefill(sequence, someTokens(77));
  std::vector<char> bytes = save(session, sequence);
  ASSERT_OK(fathom_session_restore_sequence(other, bytes.data(), bytes.size(), &restored));
  EXPECT_EQ(decode(other, {restored}, {3}), decode(session, {sequence}, {3}));
  for (size_t i = 0; i < bytes.size(); i += i < 48 ? 1 : 13) {
    std::vector<char> bad = bytes;
    bad[i] ^= 1;
    EXPECT_NE(fathom_session_restore_sequence(other, bad.data(), bad.size(), &restored), FATHOM_STATUS_OK) << i;
  }
}

TEST(SessionTest, SavedSequencesHaveTheRowsOfEveryHead) {
  // Two heads in one layer lie where one head in each of two layers does, so the code is right for both. What orders
  // its commands is another store then, one of two layers.
  ToyModel model([](ToyContents &c) {
    c.stores[0].layers = 1, c.stores[0].heads = 2;
    c.stores.push_back({"order", 2, 2, 1, 0, c.pageBytes});
    c.pageBytes *= 2;
    for (ToyCommand &command : c.functions[1].commands) {
      artifact::Access access = command.operands.back().access();
      command.operands.back() = artifact::Operand(1, 0, 0, artifact::Place::store, access);
    }
  });
  ToySession session(model), other(model);
  fathom_sequence_t sequence = session.sequence(), restored = 0;
  session.prefill(sequence, someTokens(77));
  std::vector<char> bytes = save(session, sequence);
  ASSERT_OK(fathom_session_restore_sequence(other, bytes.data(), bytes.size(), &restored));
  EXPECT_EQ(decode(other, {restored}, {3}), decode(session, {sequence}, {3}));
}

TEST(SessionTest, SaysHowASavedSequenceIsDamaged) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence(), restored = 0;
  session.prefill(sequence, someTokens(3));
  std::vector<char> bytes = save(session, sequence);
  size_t size = bytes.size();
  bytes.push_back(0);
  for (size_t wrong : {size_t(0), size_t(7), size - 1, size + 1}) {
    EXPECT_EQ(fathom_session_restore_sequence(session, bytes.data(), wrong, &restored), FATHOM_STATUS_BAD_DATA)
        << wrong;
  }
  EXPECT_NE(strstr(fathom_status_message(), "bytes do not have the hash"), nullptr) << fathom_status_message();
  for (size_t at : {size_t(0), size_t(8), size_t(16), size_t(24), size_t(28), size - 1}) {
    bytes[at] ^= 1;
    EXPECT_EQ(fathom_session_restore_sequence(session, bytes.data(), size, &restored), FATHOM_STATUS_BAD_DATA) << at;
    bytes[at] ^= 1;
  }
  EXPECT_OK(fathom_session_restore_sequence(session, bytes.data(), size, &restored));
}

TEST(SessionTest, RefusesCachesOfAnotherArtifact) {
  ToyModel model, other([](ToyContents &c) { c.topK = 3; });
  ToySession session(model), target(other);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, someTokens(3));
  std::vector<char> bytes = save(session, sequence);
  EXPECT_EQ(fathom_session_restore_sequence(target, bytes.data(), bytes.size(), &sequence), FATHOM_STATUS_MISMATCH);
}

TEST(SessionTest, TheCallersFloatingPointStateMattersNotAndComesBack) {
  ToyModel model;
  ToySession session(model);
  std::vector<float> expected = session.prefill(session.sequence(), someTokens(20));
  unsigned before = _mm_getcsr();
  // Flush to zero, denormals are zero, round down.
  unsigned changed = (before & ~0x6000u) | 0x8040u | 0x2000u;
  _mm_setcsr(changed);
  std::vector<float> logits = session.prefill(session.sequence(), someTokens(20));
  unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  EXPECT_EQ(after & 0xffc0u, changed & 0xffc0u);
  EXPECT_EQ(logits, expected);
}

TEST(SessionTest, WorksOnASmallStack) {
  ToyModel model;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 128 * 1024);
  pthread_t thread;
  auto body = [](void *argument) -> void * {
    ToySession session(static_cast<fathom_model_t *>(argument));
    session.prefill(session.sequence(), someTokens(100));
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, body, static_cast<fathom_model_t *>(model)), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

TEST(SessionTest, ManySessionsAtOnceGiveWhatEachGivesAlone) {
  ToyModel model;
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> results(8);
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        ToySession session(model);
        results[i] = session.prefill(session.sequence(), someTokens(90, static_cast<int32_t>(i)));
      }
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  for (size_t i = 0; i < results.size(); ++i) {
    ToySession session(model);
    EXPECT_EQ(session.prefill(session.sequence(), someTokens(90, static_cast<int32_t>(i))), results[i]);
  }
}

} // namespace
} // namespace fathom::test
