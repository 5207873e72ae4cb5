// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The right answers beside a test model: golden.safetensors.

#ifndef FATHOM_TEST_E2E_GOLDEN_H
#define FATHOM_TEST_E2E_GOLDEN_H

#include <cstdint>
#include <string>
#include <vector>

namespace fathom::test {

/// The folders of test/models that have golden answers, sorted; aborts the test program if there are none.
std::vector<std::string> findOracles();

/// What an independent implementation computed for one prompt.
struct GoldenPrompt {
  std::vector<int32_t> tokens;
  /// f32 [tokens, vocabulary]
  std::vector<float> logits;
  /// For each layer f32 [tokens, hidden]; the last one after the final norm.
  std::vector<std::vector<float>> states;
  /// f32 [tokens - 1, vocabulary]: what multi-token prediction drafts from the state of each position and the token
  /// after it; empty for models without.
  std::vector<float> draftLogits;
  /// The greedy continuation.
  std::vector<int32_t> greedy;
};

/// The prompts of the model in `directory`; aborts the test program on a file that is not as expected.
std::vector<GoldenPrompt> readGolden(const std::string &directory);

} // namespace fathom::test

#endif // FATHOM_TEST_E2E_GOLDEN_H
