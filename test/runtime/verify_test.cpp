// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom_session_draft and fathom_session_verify, as who drives decode uses them, and what is saved of drafts.

#include "test/runtime/toy_artifact.h"

#include <algorithm>
#include <cstring>
#include <xxhash.h>

namespace fathom::test {
namespace {

using Sequences = std::vector<fathom_sequence_t>;

Tweak drafting(ToyDraft draft) {
  return [draft](ToyContents &c) { addDraft(c, draft); };
}

class VerifyTest : public testing::Test {
protected:
  static constexpr uint32_t kDrafts = 3;

  static ToySession open(fathom_model_t *model, uint64_t drafts = kDrafts) {
    return ToySession(model, [=](auto &options) { options.draft = drafts; });
  }

  static uint32_t lengthOf(fathom_session_t *session, fathom_sequence_t sequence) {
    uint32_t length = 0;
    EXPECT_OK(fathom_session_sequence_length(session, sequence, &length));
    return length;
  }

  static int32_t argmax(const float *logits) {
    return static_cast<int32_t>(std::max_element(logits, logits + kToyVocabulary) - logits);
  }

  /// What the toy says after |prompt|.
  static std::vector<int32_t> expected(std::vector<int32_t> prompt, size_t count) {
    std::vector<int32_t> said;
    for (size_t i = 0; i < count; ++i) {
      said.push_back(toyNext(prompt));
      prompt.push_back(said.back());
    }
    return said;
  }

  /// A step of sequences that each have a next token: drafts, verifies, takes back. Each gets what it says.
  void step(fathom_session_t *session, const Sequences &sequences, std::vector<std::vector<int32_t>> &said) {
    std::vector<int32_t> next, drafts(sequences.size() * kDrafts), tokens;
    std::vector<uint32_t> counts(sequences.size(), kDrafts);
    for (auto &one : said) {
      next.push_back(one.back());
    }
    ASSERT_OK(fathom_session_draft(session, sequences.data(), next.data(), next.size(), drafts.data(), counts.data()));
    for (size_t i = 0; i < next.size(); ++i) {
      drafted += counts[i];
      tokens.push_back(next[i]);
      tokens.insert(tokens.end(), &drafts[i * kDrafts], &drafts[i * kDrafts] + counts[i]++);
    }
    std::vector<float> logits(tokens.size() * kToyVocabulary);
    ASSERT_OK(fathom_session_verify(session, sequences.data(), counts.data(), tokens.data(), sequences.size(),
                                    logits.data(), logits.size()));
    size_t row = 0;
    for (size_t i = 0; i < sequences.size(); row += counts[i++]) {
      size_t right = 0;
      said[i].push_back(argmax(&logits[row * kToyVocabulary]));
      while (right + 1 < counts[i] && tokens[row + right + 1] == said[i].back()) {
        said[i].push_back(argmax(&logits[(row + ++right) * kToyVocabulary]));
      }
      accepted += right;
      uint32_t length = lengthOf(session, sequences[i]) - (counts[i] - 1 - static_cast<uint32_t>(right));
      ASSERT_OK(fathom_session_rewind_sequence(session, sequences[i], length));
    }
  }

  std::vector<int32_t> prompt = {5, 9, 200, 31};
  size_t drafted = 0, accepted = 0;
};

// More rows than a call of the code takes, so that those of one sequence are cut.
TEST_F(VerifyTest, SequencesOfABatchSayWhatEachSaysAlone) {
  for (float errs : {0, 1, 2, 3, 5}) {
    ToyModel model(drafting({errs}));
    ToySession session = open(model);
    Sequences sequences;
    std::vector<std::vector<int32_t>> prompts, said;
    for (int32_t i = 0; i < 7; ++i) {
      prompts.emplace_back(3 + i * 9, i + 1);
      sequences.push_back(session.sequence());
      session.prefill(sequences.back(), prompts.back());
      said.push_back({toyNext(prompts.back())});
    }
    drafted = accepted = 0;
    for (int i = 0; i < 20; ++i) {
      step(session, sequences, said);
    }
    for (size_t i = 0; i < said.size(); ++i) {
      EXPECT_EQ(said[i], expected(prompts[i], said[i].size())) << errs << " " << i;
    }
    EXPECT_EQ(drafted, 7u * 20 * kDrafts);
    EXPECT_EQ(accepted == drafted, errs == 0);
    EXPECT_EQ(accepted == 0, errs == 1);
  }
}

TEST_F(VerifyTest, AWrongGuessOfTheCallersIsTakenBack) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, prompt);
  std::vector<int32_t> tokens = {7, 300, 301};
  std::vector<float> logits(tokens.size() * kToyVocabulary);
  uint32_t count = 3;
  ASSERT_OK(fathom_session_verify(session, &sequence, &count, tokens.data(), 1, logits.data(), logits.size()));
  EXPECT_EQ(lengthOf(session, sequence), 7u);
  for (size_t i = 0; i < tokens.size(); ++i) {
    prompt.push_back(tokens[i]);
    EXPECT_EQ(argmax(&logits[i * kToyVocabulary]), toyNext(prompt)) << i;
  }
  ASSERT_OK(fathom_session_rewind_sequence(session, sequence, 5));
  prompt.resize(5);
  prompt.push_back(8);
  int32_t other = 8;
  ASSERT_OK(fathom_session_decode(session, &sequence, &other, 1, logits.data(), logits.size()));
  EXPECT_EQ(argmax(logits.data()), toyNext(prompt));
}

TEST_F(VerifyTest, RefusesWhatCannotBe) {
  ToyModel model(drafting({}));
  ToySession session = open(model), plain = open(model, 0);
  fathom_sequence_t sequence = session.sequence(), other = plain.sequence();
  int32_t tokens[6] = {}, drafts[kDrafts];
  uint32_t count = 0;
  auto verify = [&](uint32_t of) { return fathom_session_verify(session, &sequence, &of, tokens, 1, nullptr, 0); };
  EXPECT_EQ(verify(0), FATHOM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(verify(6), FATHOM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(fathom_status_message(), "entry 0 of the batch has 6 tokens, expected 1 to 5");
  EXPECT_EQ(fathom_session_verify(session, &sequence, &count, tokens, 0, nullptr, 0), FATHOM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(fathom_session_draft(session, &sequence, tokens, 0, drafts, &count), FATHOM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(fathom_session_draft(plain, &other, tokens, 1, drafts, &count), FATHOM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(fathom_status_message(), "fathom_session_draft: the session was created without drafts");
  tokens[0] = kToyVocabulary;
  EXPECT_EQ(fathom_session_draft(session, &sequence, tokens, 1, drafts, &count), FATHOM_STATUS_BAD_DATA);
  EXPECT_EQ(verify(1), FATHOM_STATUS_BAD_DATA);
}

TEST_F(VerifyTest, ThereAreFewerDraftsAtTheEndOfTheContext) {
  ToyModel model(drafting({}));
  ToySession session = open(model);
  for (uint32_t left : {0, 1, 2, 3, 4, 5}) {
    fathom_sequence_t sequence = session.sequence();
    session.prefill(sequence, std::vector<int32_t>(kToyContext - left, 1));
    int32_t token = 1, drafts[kDrafts];
    uint32_t count = kDrafts;
    fathom_status_t status = fathom_session_draft(session, &sequence, &token, 1, drafts, &count);
    EXPECT_EQ(status, left ? FATHOM_STATUS_OK : FATHOM_STATUS_CONTEXT_FULL);
    EXPECT_TRUE(!left || count == std::min(left - 1, kDrafts)) << left << " " << count;
  }
}

TEST_F(VerifyTest, GuessesAreAskedForOnceAStep) {
  ToyModel model(drafting({}));
  ToySession session = open(model);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, {1, 2, 3});
  for (uint32_t expected : {kDrafts, 0u}) {
    int32_t token = 1, drafts[kDrafts];
    uint32_t count = kDrafts;
    ASSERT_OK(fathom_session_draft(session, &sequence, &token, 1, drafts, &count));
    EXPECT_EQ(count, expected);
    EXPECT_EQ(lengthOf(session, sequence), 3u);
  }
}

std::vector<char> save(fathom_session_t *session, fathom_sequence_t sequence) {
  size_t size = 0;
  EXPECT_EQ(fathom_session_save_sequence(session, sequence, nullptr, 0, &size), FATHOM_STATUS_TOO_SMALL);
  std::vector<char> bytes(size);
  EXPECT_OK(fathom_session_save_sequence(session, sequence, bytes.data(), bytes.size(), &size));
  return bytes;
}

fathom_sequence_t restore(fathom_session_t *session, const std::vector<char> &bytes) {
  fathom_sequence_t sequence = 0;
  EXPECT_OK(fathom_session_restore_sequence(session, bytes.data(), bytes.size(), &sequence));
  return sequence;
}

TEST_F(VerifyTest, SavedSequencesGoOnDrafting) {
  for (float errs : {0, 2, 3}) {
    ToyModel model(drafting({errs}));
    ToySession session = open(model), other = open(model);
    fathom_sequence_t sequence = session.sequence();
    session.prefill(sequence, prompt);
    std::vector<std::vector<int32_t>> said = {{toyNext(prompt)}};
    for (int i = 0; i < 12; ++i) {
      std::vector<char> bytes = save(session, sequence);
      std::vector<std::vector<int32_t>> again = said;
      fathom_sequence_t restored = restore(other, bytes);
      EXPECT_EQ(save(other, restored), bytes);
      step(other, {restored}, again);
      step(session, {sequence}, said);
      // The same drafts, and so as many tokens.
      EXPECT_EQ(again, said) << i;
      EXPECT_OK(fathom_session_destroy_sequence(other, restored));
    }
    EXPECT_EQ(said[0], expected(prompt, said[0].size()));
    EXPECT_TRUE(errs != 0 || accepted == drafted);
  }
}

TEST_F(VerifyTest, WhatASessionWithoutDraftsComputedHasNone) {
  ToyModel model(drafting({}));
  ToySession session = open(model), plain = open(model, 0);
  fathom_sequence_t sequence = plain.sequence();
  plain.prefill(sequence, prompt);
  fathom_sequence_t restored = restore(session, save(plain, sequence));
  std::vector<std::vector<int32_t>> said = {{toyNext(prompt)}};
  for (int i = 0; i < 10; ++i) {
    step(session, {restored}, said);
  }
  EXPECT_EQ(said[0], expected(prompt, 11));
  EXPECT_EQ(drafted, 0u);
  // From its beginning on it can.
  ASSERT_OK(fathom_session_rewind_sequence(session, restored, 0));
  session.prefill(restored, prompt);
  said = {{toyNext(prompt)}};
  step(session, {restored}, said);
  EXPECT_EQ(accepted, kDrafts);
}

TEST_F(VerifyTest, SequencesOfASessionThatDraftsGoOnInOneThatDoesNot) {
  ToyModel model(drafting({}));
  ToySession session = open(model), plain = open(model, 0);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, prompt);
  fathom_sequence_t restored = restore(plain, save(session, sequence));
  int32_t token = 3;
  std::vector<float> logits(kToyVocabulary);
  ASSERT_OK(fathom_session_decode(plain, &restored, &token, 1, logits.data(), logits.size()));
  prompt.push_back(3);
  EXPECT_EQ(argmax(logits.data()), toyNext(prompt));
}

TEST_F(VerifyTest, DamagedDraftsAreRefused) {
  ToyModel model(drafting({}));
  ToySession session = open(model);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, prompt);
  const std::vector<char> good = save(session, sequence);
  // drafted and waiting in the header, and behind the rows the token that waits.
  size_t token = good.size() - sizeof(int32_t) - kToyHidden * sizeof(float);
  for (size_t at : {size_t(28), size_t(32), token}) {
    std::vector<char> bytes = good;
    memset(&bytes[at], 0x7f, sizeof(int32_t));
    uint64_t hash = XXH3_64bits(&bytes[16], bytes.size() - 16);
    memcpy(&bytes[8], &hash, sizeof(hash));
    EXPECT_EQ(fathom_session_restore_sequence(session, bytes.data(), bytes.size(), &sequence), FATHOM_STATUS_BAD_DATA);
    EXPECT_NE(strstr(fathom_status_message(), at == token ? "token 3 is" : "tokens drafted and"), nullptr)
        << fathom_status_message();
  }
}

} // namespace
} // namespace fathom::test
