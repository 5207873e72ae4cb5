// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results are the same bits whatever the threads, the chunks of a prompt, the neighbors in a batch and the drafts.

#include "test/e2e/Golden.h"
#include "test/e2e/Variants.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace fathom::test {
namespace {

class DeterminismTest : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    artifact = GetParam().compile();
    prompts = readGolden(GetParam().directory());
    longest = prompts.back().tokens;
  }

  std::string artifact;
  std::vector<GoldenPrompt> prompts;
  std::vector<int32_t> longest;
};

TEST_P(DeterminismTest, Threads) {
  Session one(artifact, /*threads=*/1);
  std::vector<float> expected = one.prefill(one.createSequence(), longest).logits;
  for (uint32_t threads : {2u, 3u, 7u}) {
    Session many(artifact, threads);
    EXPECT_EQ(many.prefill(many.createSequence(), longest).logits, expected) << threads << " threads";
  }
}

TEST_P(DeterminismTest, PrefillChunks) {
  Session whole(artifact);
  std::vector<float> expected = whole.prefill(whole.createSequence(), longest).logits;
  // The models with sparse attention choose 16 positions: chunks end before, at and after the first row that chooses.
  for (uint32_t chunk : {1u, 3u, 16u, 17u, 64u}) {
    Session chunked(artifact, /*threads=*/2, chunk);
    EXPECT_EQ(chunked.prefill(chunked.createSequence(), longest).logits, expected) << "chunks of " << chunk;
  }
}

TEST_P(DeterminismTest, BatchNeighbors) {
  Session session(artifact, /*threads=*/2);
  std::vector<fathom_sequence_t> together;
  std::vector<int32_t> next;
  std::vector<std::vector<float>> alone;
  for (const GoldenPrompt &prompt : prompts) {
    fathom_sequence_t single = session.createSequence();
    session.prefill(single, prompt.tokens);
    alone.push_back(session.decode({single}, {prompt.greedy[0]}));
    together.push_back(session.createSequence());
    session.prefill(together.back(), prompt.tokens);
    next.push_back(prompt.greedy[0]);
  }
  std::vector<float> batch = session.decode(together, next);
  size_t vocabulary = session.getInfo().vocabulary;
  for (size_t i = 0; i < alone.size(); ++i) {
    std::vector<float> row(batch.begin() + i * vocabulary, batch.begin() + (i + 1) * vocabulary);
    EXPECT_EQ(row, alone[i]) << "sequence " << i;
  }
}

/// Several tokens of a sequence in one call, as drafts are verified, whoever has how many beside it.
TEST_P(DeterminismTest, TokensOfOneSequenceTogether) {
  Session session(artifact, /*threads=*/2);
  std::vector<fathom_sequence_t> together;
  std::vector<std::vector<int32_t>> next;
  std::vector<float> alone;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const GoldenPrompt &prompt = prompts[i];
    fathom_sequence_t single = session.createSequence();
    session.prefill(single, prompt.tokens);
    together.push_back(session.createSequence());
    session.prefill(together.back(), prompt.tokens);
    size_t count = std::min(1 + i % 5, prompt.greedy.size());
    next.emplace_back(prompt.greedy.begin(), prompt.greedy.begin() + static_cast<std::ptrdiff_t>(count));
    for (int32_t token : next.back()) {
      std::vector<float> row = session.decode({single}, {token});
      alone.insert(alone.end(), row.begin(), row.end());
    }
  }
  EXPECT_EQ(session.verify(together, next), alone);
}

/// Drafts that are wrong at every place of a step, and none, are taken back and leave nothing.
TEST_P(DeterminismTest, WrongTokensBehindRightOnes) {
  Session session(artifact, /*threads=*/2);
  const std::vector<int32_t> &answer = prompts.back().greedy;
  fathom_sequence_t plain = session.createSequence(), drafted = session.createSequence();
  session.prefill(plain, longest);
  session.prefill(drafted, longest);
  for (size_t at = 0, step = 0; at < answer.size(); ++step) {
    size_t right = std::min(1 + step % (FATHOM_MOST_DRAFTS + 1), answer.size() - at);
    std::vector<int32_t> tokens;
    std::vector<float> expected;
    for (size_t i = 0; i <= FATHOM_MOST_DRAFTS; ++i) {
      tokens.push_back(i < right ? answer[at + i] : int32_t(i));
    }
    for (size_t i = 0; i < right; ++i) {
      std::vector<float> row = session.decode({plain}, {answer[at + i]});
      expected.insert(expected.end(), row.begin(), row.end());
    }
    std::vector<float> logits = session.verify({drafted}, {tokens});
    logits.resize(expected.size());
    EXPECT_EQ(logits, expected) << right << " right tokens after " << at;
    at += right;
    session.rewind(drafted, longest.size() + at);
  }
}

/// What wants no logits leaves the cache as what does.
TEST_P(DeterminismTest, StepsWithoutLogits) {
  Session session(artifact);
  fathom_sequence_t with = session.createSequence(), without = session.createSequence();
  // More than sparse attention chooses.
  for (int32_t token : std::vector<int32_t>(longest.begin(), longest.begin() + 20)) {
    session.decode({with}, {token});
    session.append(without, token);
  }
  int32_t next = longest[20];
  EXPECT_EQ(session.decode({without}, {next}), session.decode({with}, {next}));
}

/// A second prompt in a session finds nothing of the first.
TEST_P(DeterminismTest, SequencesAreIndependent) {
  Session fresh(artifact);
  std::vector<float> expected = fresh.prefill(fresh.createSequence(), prompts[1].tokens).logits;
  Session used(artifact);
  used.prefill(used.createSequence(), longest);
  EXPECT_EQ(used.prefill(used.createSequence(), prompts[1].tokens).logits, expected);
}

/// A prompt that is answered with its golden tokens, beside others.
struct Speaker {
  const GoldenPrompt &prompt;
  fathom_sequence_t sequence;
  size_t said = 0;
  std::vector<float> logits = {};
};

/// Of models that draft.
class DraftedDeterminismTest : public DeterminismTest {
protected:
  /// The logits after each golden token of each prompt, in one call for all, where a token that was drafted and is
  /// golden needs no call of its own. Counts those.
  std::vector<std::vector<float>> answerTogether(Session &session, uint32_t drafts) {
    std::vector<Speaker> speakers;
    for (const GoldenPrompt &prompt : prompts) {
      speakers.push_back({prompt, session.createSequence()});
      session.prefill(speakers.back().sequence, prompt.tokens);
    }
    std::vector<Speaker *> active;
    do {
      active.clear();
      for (Speaker &speaker : speakers) {
        if (speaker.said < speaker.prompt.greedy.size()) {
          active.push_back(&speaker);
        }
      }
    } while (!active.empty() && answerOnce(session, active, drafts));
    std::vector<std::vector<float>> answers;
    for (Speaker &speaker : speakers) {
      answers.push_back(std::move(speaker.logits));
    }
    return answers;
  }

  size_t accepted = 0;

private:
  bool answerOnce(Session &session, const std::vector<Speaker *> &speakers, uint32_t drafts) {
    std::vector<fathom_sequence_t> sequences;
    std::vector<std::vector<int32_t>> tokens;
    std::vector<int32_t> next;
    for (const Speaker *speaker : speakers) {
      sequences.push_back(speaker->sequence);
      next.push_back(speaker->prompt.greedy[speaker->said]);
      tokens.push_back({next.back()});
    }
    if (drafts > 0) {
      std::vector<std::vector<int32_t>> guesses = session.draft(sequences, next, drafts);
      for (size_t i = 0; i < tokens.size(); ++i) {
        tokens[i].insert(tokens[i].end(), guesses[i].begin(), guesses[i].end());
      }
    }
    std::vector<float> logits = session.verify(sequences, tokens);
    const float *rows = logits.data();
    for (size_t i = 0; i < tokens.size(); ++i) {
      take(session, *speakers[i], tokens[i], rows);
      rows += tokens[i].size() * session.getInfo().vocabulary;
    }
    return true;
  }

  /// Keeps the rows of `tokens` that are golden, and takes the others back.
  void take(Session &session, Speaker &speaker, const std::vector<int32_t> &tokens, const float *rows) {
    const std::vector<int32_t> &golden = speaker.prompt.greedy;
    size_t most = std::min(tokens.size(), golden.size() - speaker.said);
    auto end = tokens.begin() + static_cast<std::ptrdiff_t>(most);
    size_t right = std::mismatch(tokens.begin(), end, &golden[speaker.said]).first - tokens.begin();
    speaker.logits.insert(speaker.logits.end(), rows, rows + right * session.getInfo().vocabulary);
    speaker.said += right;
    accepted += right - 1;
    if (right < tokens.size()) {
      session.rewind(speaker.sequence, speaker.prompt.tokens.size() + speaker.said);
    }
  }
};

TEST_P(DraftedDeterminismTest, DraftsWithThreadsChunksAndNeighbors) {
  Session plain(artifact);
  std::vector<std::vector<float>> expected = answerTogether(plain, 0);
  struct Way {
    uint32_t threads, chunk, drafts;
  };
  // Chunks before, at and after the 16 positions that models with sparse attention choose.
  for (Way way : {Way{1, 0, 1}, {2, 16, 4}, {3, 17, 2}, {7, 1, 3}}) {
    Session session(artifact, way.threads, way.chunk, /*sequences=*/8, way.drafts);
    accepted = 0;
    EXPECT_EQ(answerTogether(session, way.drafts), expected) << way.drafts << " drafts, " << way.threads << " threads";
    EXPECT_TRUE(GetParam().model != "demo" || accepted > 0);
  }
}

/// Every model as it is compiled without options; one of each attention and of each type of weights every way, and one
/// of each attention with every type of the cache and of activations.
std::vector<Case> getCases() {
  std::vector<Case> cases;
  for (const std::string &model : findOracles()) {
    cases.push_back({model, kPacked});
  }
  for (const char *model : {"v3-tiny-fp8", "v32-tiny-fp8", "v2-lite-tiny", "qwen3-tiny"}) {
    for (const Variant &variant : {kBaseline, kReference, kNoKernels}) {
      cases.push_back({model, variant});
    }
  }
  for (const char *model : {"v32-tiny", "v2-lite-tiny", "qwen3-tiny"}) {
    for (const Variant &variant : {kBf16, kFp8, kActBf16, kActBf16NoKernels}) {
      cases.push_back({model, variant});
    }
  }
  return cases;
}

std::vector<Case> getDraftingCases() {
  std::vector<Case> cases = getCases();
  llvm::erase_if(cases, [](const Case &one) { return readGolden(one.directory()).back().draftLogits.empty(); });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, DeterminismTest, testing::ValuesIn(getCases()), nameOf);
INSTANTIATE_TEST_SUITE_P(Models, DraftedDeterminismTest, testing::ValuesIn(getDraftingCases()), nameOf);

} // namespace
} // namespace fathom::test
