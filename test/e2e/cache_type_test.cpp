// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each --cache-type, and --act-type=bf16, changes of a model's answers, within what its rounding explains. Prints
// a row of the table in docs/benchmarks/cache-types.md for each model and type:
//
//   build/release/bin/fathom-e2e-tests --gtest_filter='*CacheTypeTest.Answers*' | grep '^|'

#include "test/e2e/Change.h"
#include "test/e2e/Variants.h"

#include <cmath>
#include <cstdio>

namespace fathom::test {
namespace {

using huggingface::StoredType;

/// What rounding a cached number changes of it: half a unit in the last of its places, 9 and 4 of them.
double roundingOf(StoredType type) {
  return type == StoredType::F32 ? std::ldexp(1, -25) : std::ldexp(1, type == StoredType::Bf16 ? -9 : -4);
}

/// Roundings to bf16 of what one activation after the first layer is made from, one behind the other: embedding, norm,
/// query (latent, its norm, all heads), absorbed query, cache, attention, values, sum; norm, gate and up, down, sum.
/// Each moves a number by no more than roundingOf(Bf16) of itself; norms and softmax keep what is relative as it is.
constexpr double kRoundingsOfLayer = 14;

class CacheTypeTest : public testing::TestWithParam<Case> {};

TEST_P(CacheTypeTest, Answers) {
  Session session(GetParam().compile(), 1, 0, 16);
  Change change = findChange(GetParam().directory(), session);
  std::printf("| %s | %s | %llu | %.1e | %.1e | %.1e | %zu of %zu |\n", GetParam().model.c_str(),
              GetParam().variant.name, static_cast<unsigned long long>(session.getInfo().cache_token_bytes),
              change.state, change.logit / change.magnitude, change.divergence, change.same, change.prompts);
  // A layer rounds its keys, which moves the weights of values, and its values; what follows attention in it may double
  // half of that. Less than a sixteenth of a rounding is more exact than the type can be.
  StoredType type = GetParam().variant.cacheType;
  EXPECT_STREQ(session.getInfo().cache_type, type == StoredType::F32    ? "f32"
                                             : type == StoredType::Bf16 ? "bf16"
                                                                        : "fp8");
  bool roundsAll = GetParam().variant.activation == ActivationType::Bf16;
  double rounding = roundingOf(type), roundings = roundsAll ? kRoundingsOfLayer : 3;
  double most = type == StoredType::F32 ? 1e-4 : roundings * rounding;
  EXPECT_LE(change.dense, most);
  // An index of rounded keys may choose others to attend to, which has no bound but that of what there is.
  bool selects = std::string(session.getInfo().family) == "deepseek_v32" && type != StoredType::F32;
  EXPECT_LE(change.state, selects ? 1 : most);
  EXPECT_GE(change.state, type == StoredType::F32 ? 0 : rounding / 16);
  // Later layers may choose other experts, so that a single logit has no bound. KL is at most twice the largest change
  // of a logit, which is a rounding of the largest logit where layers amplify nothing.
  double ofLogits = roundsAll ? roundings * session.getInfo().layers * rounding : rounding;
  EXPECT_LE(change.divergence, selects ? change.magnitude : 2 * ofLogits * change.magnitude);
  if (type == StoredType::F32) {
    EXPECT_LE(change.logit, 1e-3);
    EXPECT_EQ(change.same, change.prompts);
  }
}

class CacheTypeVariantsTest : public testing::TestWithParam<Case> {};

/// Without kernels, and with weights that stay in the checkpoint, a cache holds the same numbers.
TEST_P(CacheTypeVariantsTest, Agree) {
  GoldenPrompt prompt = readGolden(GetParam().directory()).front();
  Session session(GetParam().compile());
  std::vector<float> expected = session.prefill(session.createSequence(), prompt.tokens).states;
  expected.resize(prompt.states.front().size());
  for (const Variant &other : {kNoKernels, kReference}) {
    Case variant = GetParam();
    variant.variant.weights = other.weights;
    variant.variant.kernels = other.kernels;
    Session second(variant.compile());
    std::vector<float> states = second.prefill(second.createSequence(), prompt.tokens).states;
    // Sums in another order may round a few of the cached numbers to their other neighbors.
    EXPECT_LE(findDistance(states.data(), expected) / findLargest(expected), roundingOf(variant.variant.cacheType))
        << other.name;
  }
}

/// What is saved with one type is not restored with another: the rows are other bytes.
TEST(CacheTypes, SavedSequencesBelongToTheirType) {
  Case f32 = {"v3-tiny", kPacked}, bf16 = f32;
  bf16.variant.cacheType = StoredType::Bf16;
  Session first(f32.compile()), second(bf16.compile());
  std::vector<int32_t> tokens = readGolden(f32.directory()).front().tokens;
  fathom_sequence_t sequence = second.createSequence();
  std::vector<float> before = second.prefill(sequence, tokens).logits;
  std::string saved = second.save(sequence), other = first.save(first.createSequence());
  fathom_sequence_t restored = 0;
  EXPECT_EQ(first.restore(saved, &restored), FATHOM_STATUS_MISMATCH);
  EXPECT_STREQ(fathom_status_message(),
               "the saved sequence belongs to another artifact: another model, or other options "
               "such as --cache-type; compute it again");
  EXPECT_EQ(second.restore(other, &restored), FATHOM_STATUS_MISMATCH);
  ASSERT_EQ(second.restore(saved, &restored), FATHOM_STATUS_OK) << fathom_status_message();
  EXPECT_EQ(second.decode({restored}, {tokens[0]}), second.decode({sequence}, {tokens[0]}));
}

constexpr Variant kF32 = {"f32", codegen::WeightStorage::Pack, true, "native"};

std::vector<Case> getCases(const std::vector<std::string> &models, std::initializer_list<Variant> variants) {
  std::vector<Case> cases;
  for (const std::string &model : models) {
    for (const Variant &variant : variants) {
      cases.push_back({model, variant});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, CacheTypeTest, testing::ValuesIn(getCases(findOracles(), {kBf16, kFp8})), nameOf);
INSTANTIATE_TEST_SUITE_P(Activations, CacheTypeTest,
                         testing::ValuesIn(getCases(findOracles(), {kActBf16, kActBf16NoKernels})), nameOf);
// What f32 changes is OracleTest's; here for the table.
INSTANTIATE_TEST_SUITE_P(Table, CacheTypeTest, testing::ValuesIn(getCases(findOracles(), {kF32})), nameOf);
// One model for each way to read a cache: grouped queries; latents, all or a selection of them.
INSTANTIATE_TEST_SUITE_P(Models, CacheTypeVariantsTest,
                         testing::ValuesIn(getCases({"qwen3-tiny", "v3-tiny", "v32-tiny"}, {kBf16, kFp8})), nameOf);

} // namespace
} // namespace fathom::test
