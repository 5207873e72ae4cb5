// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What --weight-type changes of a model's answers, within what its rounding explains. Prints a row of the table in
// docs/benchmarks/weight-types.md for each model and type:
//
//   build/release/bin/fathom-e2e-tests --gtest_filter='*WeightTypeTest.Answers*' | grep '^|'

#include "test/e2e/Change.h"
#include "test/e2e/Variants.h"

#include <cmath>
#include <cstdio>

namespace fathom::test {
namespace {

Variant withType(const char *name, const char *type, ActivationType activation) {
  Variant variant = {name, codegen::WeightStorage::Pack, /*kernels=*/true, "native"};
  variant.weightType = type;
  variant.activation = activation;
  return variant;
}

const Variant kQ8 = withType("q8", "q8", ActivationType::Int8), kQ8F32 = withType("q8_f32", "q8", ActivationType::F32),
              kF8 = withType("f8", "f8", ActivationType::F32);

class WeightTypeTest : public testing::TestWithParam<Case> {};

/// Half a unit in the last place of the largest number of a group.
const double kRounding = std::ldexp(1, -8), kRoundingOfF8 = std::ldexp(1, -4);
/// Products of the first layer: queries in two steps, latents, outputs, gates, ups and the way down.
constexpr double kProducts = 7;

TEST_P(WeightTypeTest, Answers) {
  Session session(GetParam().compile(), 1, 0, 16);
  Change change = findChange(GetParam().directory(), session);
  std::printf("| %s | %s | %.1e | %.1e | %.1e | %zu of %zu |\n", GetParam().model.c_str(), GetParam().variant.name,
              change.state, change.logit / change.magnitude, change.divergence, change.same, change.prompts);
  // Weights are rounded each for itself, so that a sum moves by far less than all of them could: but not by nothing.
  const Variant &variant = GetParam().variant;
  bool isF8 = variant.weightType == std::string("f8");
  double rounding = isF8 ? kRoundingOfF8 : variant.activation == ActivationType::Int8 ? 2 * kRounding : kRounding;
  EXPECT_LE(change.dense, kProducts * rounding);
  // Of the first layers, weights that are FP8 already stay as they are.
  EXPECT_GE(isF8 ? change.logit / change.magnitude : change.state, kRounding / 64);
  if (GetParam().model == "demo") {
    EXPECT_LE(change.divergence, 1e-3);
    EXPECT_TRUE(isF8 || change.same == change.prompts);
  }
}

std::vector<float> findLogits(const Case &compiled) {
  Session session(compiled.compile());
  return session.prefill(session.createSequence(), readGolden(compiled.directory()).back().tokens).logits;
}

class MachinesTest : public testing::TestWithParam<Case> {};

TEST_P(MachinesTest, HaveTheSameBitsOnEveryMachine) {
  std::vector<float> expected = findLogits(GetParam());
  for (const char *cpu : {"x86-64-v3", "x86-64-v4"}) {
    Case other = GetParam();
    other.variant.mcpu = cpu;
    if (std::string(cpu) != "x86-64-v4" || __builtin_cpu_supports("x86-64-v4")) {
      EXPECT_EQ(findLogits(other), expected) << cpu;
    }
  }
}

class GeneratedLoopsTest : public testing::TestWithParam<Case> {};

/// They read the same numbers, and add them in another order. An activation that then rounds otherwise makes others do
/// so in the layers behind, until they are as far off as rounding is.
TEST_P(GeneratedLoopsTest, AgreeWithKernels) {
  Case generated = GetParam();
  generated.variant.kernels = false;
  std::vector<float> expected = findLogits(GetParam());
  double bound = generated.variant.activation == ActivationType::Int8 ? 4 * kRounding : 1e-4;
  EXPECT_LE(findDistance(findLogits(generated).data(), expected), bound * findLargest(expected));
}

std::vector<Case> getCases(const std::vector<std::string> &models) {
  std::vector<Case> cases;
  for (const std::string &model : models) {
    cases.push_back({model, kQ8});
    cases.push_back({model, kQ8F32});
    cases.push_back({model, kF8});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, WeightTypeTest, testing::ValuesIn(getCases(findOracles())), nameOf);
// Weights of bf16 and of FP8, with experts.
INSTANTIATE_TEST_SUITE_P(Models, MachinesTest, testing::ValuesIn(getCases({"v2-lite-tiny", "v3-tiny-fp8"})), nameOf);
// Of random weights a gate chooses otherwise when an activation rounds otherwise.
INSTANTIATE_TEST_SUITE_P(Models, GeneratedLoopsTest,
                         testing::Values(Case{"v2-lite-tiny", kQ8F32}, Case{"v3-tiny-fp8", kQ8F32}, Case{"demo", kQ8}),
                         nameOf);

} // namespace
} // namespace fathom::test
