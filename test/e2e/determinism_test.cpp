// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results are the same bits whatever the threads, the chunks of a prompt and the neighbors in a batch.

#include "test/e2e/Golden.h"
#include "test/e2e/Variants.h"

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

/// Every model as it is compiled without options; one of each attention and of each type of weights every way, and one
/// of each attention with every type of the cache.
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
    for (const Variant &variant : {kBf16, kFp8}) {
      cases.push_back({model, variant});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, DeterminismTest, testing::ValuesIn(getCases()), nameOf);

} // namespace
} // namespace fathom::test
