// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiled models on a device whose memory is elsewhere, and on a simulated GPU: every bit is as on the CPU.

#include "test/e2e/Golden.h"
#include "test/e2e/Variants.h"
#include "test/runtime/apart_device.h"
#include "test/runtime/simulated_device.h"

#include "runtime/device/cpu/cpu_device.h"

namespace fathom::test {
namespace {

/// What a session gave.
struct Given {
  std::vector<float> numbers;
  std::vector<int32_t> tokens;
  std::string saved;

  void add(const std::vector<float> &more) { numbers.insert(numbers.end(), more.begin(), more.end()); }
  void add(const std::vector<int32_t> &more) { tokens.insert(tokens.end(), more.begin(), more.end()); }
};

class DeviceTest : public testing::TestWithParam<Case> {
protected:
  void TearDown() override { useDevice(runtime::kCpuDevice); }

  static bool isSimulated() { return GetParam().variant.target != std::string("cpu"); }
  /// The short ones where a step takes long.
  static std::vector<GoldenPrompt> readPrompts() {
    std::vector<GoldenPrompt> prompts = readGolden(GetParam().directory());
    prompts.resize(isSimulated() ? 2 : prompts.size());
    return prompts;
  }

  static Given converse(const std::string &artifact, const std::vector<GoldenPrompt> &prompts, uint64_t drafts);
};

Given DeviceTest::converse(const std::string &artifact, const std::vector<GoldenPrompt> &prompts, uint64_t drafts) {
  Session session(artifact, /*threads=*/2, /*chunk=*/0, /*sequences=*/16, drafts);
  Given given;
  std::vector<fathom_sequence_t> sequences;
  std::vector<int32_t> next;
  for (const GoldenPrompt &prompt : prompts) {
    sequences.push_back(session.createSequence());
    next.push_back(prompt.greedy[0]);
    Session::Outputs outputs = session.prefill(sequences.back(), prompt.tokens);
    given.add(outputs.logits);
    given.add(outputs.states);
  }
  given.add(session.decode(sequences, next));
  if (drafts > 0) {
    for (const std::vector<int32_t> &guesses : session.draft(sequences, next, static_cast<uint32_t>(drafts))) {
      given.add(guesses);
    }
  }
  given.saved = session.save(sequences.back());
  fathom_sequence_t restored = 0;
  EXPECT_EQ(session.restore(given.saved, &restored), FATHOM_STATUS_OK) << fathom_status_message();
  session.rewind(sequences.back(), prompts.back().tokens.size() / 2);
  given.add(session.verify({sequences.back(), restored}, {{1, 2, 3}, {4}}));
  given.add(session.generate(prompts[0].tokens, isSimulated() ? 10 : 100));
  return given;
}

TEST_P(DeviceTest, ConversesAsOnTheCpu) {
  std::string artifact = GetParam().compile();
  std::vector<GoldenPrompt> prompts = readPrompts();
  bool canDraft = GetParam().model.compare(0, 2, "v3") == 0;
  for (uint64_t drafts : {0, canDraft ? 3 : 0}) {
    Given expected = converse(artifact, prompts, drafts);
    useDevice(isSimulated() ? kSimulatedDevice : kApartDevice);
    Given given = converse(artifact, prompts, drafts);
    useDevice(runtime::kCpuDevice);
    EXPECT_EQ(given.numbers, expected.numbers);
    EXPECT_EQ(given.tokens, expected.tokens);
    EXPECT_EQ(given.saved, expected.saved);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DeviceTest,
                         testing::Values(Case{"v2-lite-tiny", kPacked}, Case{"v3-tiny", kPacked}, Case{"v3-tiny", kFp8},
                                         Case{"v3-tiny-fp8", kReference}, Case{"v32-tiny", kPacked},
                                         Case{"v32-tiny", kFp8}, Case{"qwen3-tiny", kNoKernels},
                                         Case{"v3-tiny", kNoKernelsGpu}),
                         nameOf);

} // namespace
} // namespace fathom::test
