// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The same for mixture of experts: the gate, the order of rows by expert, and what experts compute.

#include "test/passes/lower/StructuredValues.h"

#include "kernels/ref/ref.h"

#include <array>
#include <limits>

namespace fathom::test {

static GeneratedFunction createGate(const ref::GateOptions &o, bool hasBias) {
  static const char *const rules[] = {"none", "max", "top2_sum"};
  Operands inputs = {rows("logits", o.experts)};
  if (hasBias) {
    inputs.push_back({"bias", formatv("tensor<{0}xf32>", o.experts)});
  }
  Operands outputs = {{"ids", formatv("tensor<?x{0}xi32>", o.chosen)}, rows("weights", o.chosen)};
  return GeneratedFunction::create(
      formatv("deepseek.moe_gate %logits{0} <{1}, {2}, top_k = {3}, groups = {4}, top_groups = {5}, normalize = {6}, "
              "factor = {7}>",
              hasBias ? " bias %bias" : "", o.scoring == ref::Scoring::Sigmoid ? "sigmoid" : "softmax",
              rules[static_cast<int>(o.group_rule)], o.chosen, o.groups, o.chosen_groups,
              o.normalize ? "true" : "false", o.factor),
      inputs, outputs);
}

static void expectReferenceRoutes(const ref::GateOptions &o, bool hasBias) {
  const int64_t T = 17;
  Floats logits = random_floats(T * o.experts, 1), bias = random_floats(o.experts, 2);
  // Equal logits, for ties.
  std::fill_n(logits.begin(), o.experts, 0.5f);
  Ints wantIds(T * o.chosen), gotIds(T * o.chosen, -1);
  Floats want(T * o.chosen), got = unset(T * o.chosen);
  ref::moe_gate(logits.data(), hasBias ? bias.data() : nullptr, T, o, wantIds.data(), want.data());
  Memory memory = {logits.data()};
  if (hasBias) {
    memory.push_back(bias.data());
  }
  memory.insert(memory.end(), {gotIds.data(), got.data()});
  createGate(o, hasBias).run(T, memory);
  EXPECT_EQ(gotIds, wantIds);
  expectClose(got, want);
}

TEST(StructuredValuesTest, GateOverRules) {
  for (auto [experts, chosen, groups, kept] :
       {std::array<int64_t, 4>{1, 1, 1, 1}, {20, 3, 5, 2}, {9, 4, 9, 5}, {64, 6, 8, 3}}) {
    for (auto rule : {ref::GroupRule::None, ref::GroupRule::Max, ref::GroupRule::Top2Sum}) {
      SCOPED_TRACE(testing::Message() << experts << " experts, rule " << static_cast<int>(rule));
      ref::GateOptions o;
      o.experts = experts;
      o.chosen = chosen;
      o.groups = groups;
      o.chosen_groups = kept;
      o.group_rule = rule;
      o.factor = 2.5;
      expectReferenceRoutes(o, /*hasBias=*/false);
      o.scoring = ref::Scoring::Sigmoid;
      o.normalize = true;
      expectReferenceRoutes(o, /*hasBias=*/true);
    }
  }
}

// What comes after reads the experts' weights at these ids.
TEST(StructuredValuesTest, OddLogitsStillChooseExpertsThatExist) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  for (auto scoring : {ref::Scoring::Softmax, ref::Scoring::Sigmoid}) {
    ref::GateOptions o;
    o.experts = 4;
    o.chosen = 3;
    o.groups = 2;
    o.chosen_groups = 2;
    o.group_rule = ref::GroupRule::Top2Sum;
    o.scoring = scoring;
    GeneratedFunction gate = createGate(o, /*hasBias=*/false);
    for (const Floats &logits : {Floats(4, nan), Floats(4, inf), Floats(4, -inf), Floats{nan, 1, inf, -inf}}) {
      Ints ids(3, -1);
      Floats weights = unset(3);
      gate.run(1, {logits.data(), ids.data(), weights.data()});
      for (int32_t id : ids) {
        EXPECT_TRUE(id >= 0 && id < 4) << id;
      }
    }
  }
}

TEST(StructuredValuesTest, NaNAmongBiasesMakesWeightsNaN) {
  ref::GateOptions o;
  o.experts = 4;
  o.chosen = 2;
  o.scoring = ref::Scoring::Sigmoid;
  Floats logits(4, 0.5f), bias = {0, 0, 0, std::nanf("")}, weights = unset(2);
  Ints ids(2, -1);
  createGate(o, /*hasBias=*/true).run(1, {logits.data(), bias.data(), ids.data(), weights.data()});
  EXPECT_TRUE(std::isnan(weights[0]) && std::isnan(weights[1]));
}

namespace {

/// Choices of distinct experts, some of which nobody chooses, and what the reference makes of them.
struct Permutation {
  Permutation(int64_t T, int64_t E, int64_t k) : ids(T * k), offsets(E + 1), sourceRows(T * k), slots(T * k) {
    for (int64_t t = 0; t < T; ++t) {
      for (int64_t j = 0; j < k; ++j) {
        ids[t * k + j] = static_cast<int32_t>((5 * t + 2 * (k - j)) % E);
      }
    }
    ref::moe_permute(ids.data(), T, E, k, offsets.data(), sourceRows.data(), slots.data());
  }
  Ints ids, offsets, sourceRows, slots;
};

/// Weights of experts.
std::vector<StoredWeight> storeAll(const std::vector<Weight> &weights) {
  std::vector<StoredWeight> stored;
  for (const Weight &weight : weights) {
    stored.push_back(StoredWeight::store(weight));
  }
  return stored;
}

std::vector<const float *> decodeAll(const std::vector<Weight> &weights) {
  std::vector<const float *> decoded;
  for (const Weight &weight : weights) {
    decoded.push_back(weight.decoded.data());
  }
  return decoded;
}

constexpr int64_t kExperts = 9, kTopK = 3, kHidden = 21, kWidth = 37;

} // namespace

TEST(StructuredValuesTest, PermuteAndCombine) {
  for (auto [T, E, k] : {std::array<int64_t, 3>{1, 1, 1}, {1, 9, 3}, {13, 9, 3}, {40, 70, 6}}) {
    SCOPED_TRACE(testing::Message() << T << " rows, " << E << " experts");
    std::string pairs = formatv("tensor<?x{0}xi32>", k);
    auto permute = GeneratedFunction::create(
        formatv("deepseek.moe_permute %ids experts {0}", E), {{"ids", pairs}},
        {{"offsets", formatv("tensor<{0}xi32>", E + 1)}, ids("sources", k), {"slots", pairs}});
    Permutation want(T, E, k);
    Ints offsets(E + 1, -1), sources(T * k, -1), slots(T * k, -1);
    permute.run(T, {want.ids.data(), offsets.data(), sources.data(), slots.data()});
    EXPECT_EQ(offsets, want.offsets);
    EXPECT_EQ(sources, want.sourceRows);
    EXPECT_EQ(slots, want.slots);

    auto combine = GeneratedFunction::create(std::string("deepseek.moe_combine %x, %slots, %weights") + kEpilogue,
                                             {rows("x", 7, k), {"slots", pairs}, rows("weights", k), rows("extra", 7)},
                                             {rows("y", 7)});
    Floats x = random_floats(T * k * 7, 1), weights = random_floats(T * k, 2), extra = random_floats(T * 7, 3);
    Floats sum(T * 7), got = unset(T * 7);
    ref::moe_combine(x.data(), want.slots.data(), weights.data(), T, 7, k, sum.data());
    ref::add(sum.data(), extra.data(), T * 7, sum.data());
    combine.run(T, {x.data(), want.slots.data(), weights.data(), extra.data(), got.data()});
    expectClose(got, sum);
  }
}

TEST_P(StructuredWeightsTest, GroupedLinear) {
  const int64_t T = 13, slots = T * kTopK;
  Permutation p(T, kExperts, kTopK);
  std::vector<Weight> weights;
  for (int64_t e = 0; e < kExperts; ++e) {
    weights.push_back(weight(kWidth, kHidden, static_cast<uint32_t>(10 + e)));
  }
  for (bool gather : {true, false}) {
    SCOPED_TRACE(testing::Message() << (gather ? "gather, a table" : "no gather, a stack"));
    auto experts = gather ? WeightOperand::table("w", storeAll(weights))
                          : WeightOperand("w", StoredWeight::stack(storeAll(weights)));
    Floats x = random_floats(slots * kHidden, 1), want(slots * kWidth), got = unset(slots * kWidth);
    Operands inputs = {rows("x", kHidden, gather ? 1 : kTopK), {"offsets", "tensor<10xi32>"}, ids("sources", kTopK)};
    Memory memory = {x.data(), p.offsets.data(), p.sourceRows.data()};
    append(inputs, memory, experts);
    memory.push_back(got.data());
    auto linear = GeneratedFunction::create(
        formatv("deepseek.moe_linear {0} %x, %offsets, %sources, {1} top_k 3", gather ? "gather" : "", experts.text()),
        inputs, {rows("y", kWidth, kTopK)});
    linear.run(T, memory);
    ref::moe_linear(x.data(), p.offsets.data(), gather ? p.sourceRows.data() : nullptr, decodeAll(weights).data(),
                    kExperts, kHidden, kWidth, want.data());
    expectClose(got, want);
  }
}

TEST_P(StructuredWeightsTest, GroupedLinearSwiGlu) {
  const int64_t T = 13, slots = T * kTopK;
  Permutation p(T, kExperts, kTopK);
  std::vector<Weight> gates, ups;
  for (int64_t e = 0; e < kExperts; ++e) {
    gates.push_back(weight(kWidth, kHidden, static_cast<uint32_t>(10 + e)));
    ups.push_back(weight(kWidth, kHidden, static_cast<uint32_t>(30 + e)));
  }
  Floats x = random_floats(T * kHidden, 1), a(slots * kWidth), b = a;
  for (auto [weights, out] : {std::pair(&gates, &a), {&ups, &b}}) {
    ref::moe_linear(x.data(), p.offsets.data(), p.sourceRows.data(), decodeAll(*weights).data(), kExperts, kHidden,
                    kWidth, out->data());
  }
  ref::swiglu(a.data(), b.data(), slots * kWidth, a.data());
  std::vector<StoredWeight> stored;
  for (int64_t e = 0; e < kExperts; ++e) {
    stored.push_back(StoredWeight::join(gates[e], ups[e]));
  }
  auto experts = WeightOperand::table("w", std::move(stored));
  Floats got = unset(slots * kWidth);
  Operands inputs = {rows("x", kHidden), {"offsets", "tensor<10xi32>"}, ids("sources", kTopK)};
  Memory memory = {x.data(), p.offsets.data(), p.sourceRows.data()};
  append(inputs, memory, experts);
  memory.push_back(got.data());
  auto linear = GeneratedFunction::create("deepseek.moe_linear_swiglu gather %x, %offsets, %sources, " +
                                              experts.text() + " top_k 3",
                                          inputs, {rows("y", kWidth, kTopK)});
  linear.run(T, memory);
  expectClose(got, a);
}

TEST_P(StructuredWeightsTest, Experts) {
  const int64_t T = 5, slots = T * kTopK;
  Permutation p(T, kExperts, kTopK);
  std::vector<Weight> gates, ups, downs;
  for (int64_t e = 0; e < kExperts; ++e) {
    gates.push_back(weight(kWidth, kHidden, static_cast<uint32_t>(10 + e)));
    ups.push_back(weight(kWidth, kHidden, static_cast<uint32_t>(30 + e)));
    downs.push_back(weight(kHidden, kWidth, static_cast<uint32_t>(50 + e)));
  }
  Floats x = random_floats(T * kHidden, 1), choice = random_floats(T * kTopK, 2), a(slots * kWidth), b = a;
  Floats y(slots * kHidden), want(T * kHidden), got = unset(T * kHidden);
  for (auto [weights, out] : {std::pair(&gates, &a), {&ups, &b}}) {
    ref::moe_linear(x.data(), p.offsets.data(), p.sourceRows.data(), decodeAll(*weights).data(), kExperts, kHidden,
                    kWidth, out->data());
  }
  ref::swiglu(a.data(), b.data(), slots * kWidth, a.data());
  ref::moe_linear(a.data(), p.offsets.data(), nullptr, decodeAll(downs).data(), kExperts, kWidth, kHidden, y.data());
  ref::moe_combine(y.data(), p.slots.data(), choice.data(), T, kHidden, kTopK, want.data());

  auto gate = WeightOperand::table("gate", storeAll(gates));
  auto up = WeightOperand::table("up", storeAll(ups));
  auto down = WeightOperand::table("down", storeAll(downs));
  Operands inputs = {rows("x", kHidden), {"ids", "tensor<?x3xi32>"}, rows("choice", kTopK)};
  Memory memory = {x.data(), p.ids.data(), choice.data()};
  std::string scales;
  for (const WeightOperand *weight : {&gate, &up, &down}) {
    inputs.push_back(weight->weight());
    append(memory, weight->data());
  }
  for (const WeightOperand *weight : {&gate, &up, &down}) {
    for (const Operand &scale : weight->scale()) {
      scales += (scales.empty() ? " scale %" : ", %") + scale.name;
      inputs.push_back(scale);
      append(memory, weight->scales());
    }
  }
  memory.push_back(got.data());
  auto experts =
      GeneratedFunction::create("deepseek.moe_experts %x, %ids, %choice, %gate, %up, %down" + scales + gate.block(),
                                inputs, {rows("y", kHidden)});
  experts.run(T, memory);
  expectClose(got, want);
}

} // namespace fathom::test
