// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What compute ops compute where they have no kernel: decomposed, lowered, compiled, and compared with kernels/ref over
// odd shapes, every type and form of weights.

#include "test/passes/lower/StructuredValues.h"

#include "kernels/ref/ref.h"

#include <array>
#include <limits>

namespace fathom::test {

namespace {

INSTANTIATE_TEST_SUITE_P(Types, StructuredWeightsTest, testing::Values("f32", "bf16", "f8e4m3"),
                         [](const auto &info) { return std::string(info.param); });

constexpr int64_t kRowCounts[] = {1, 3, 13};

/// Adds an extra operand to an output.
const char *const kEpilogue = " epilogue(%extra) {\n^bb0(%sum: f32, %e: f32):\n%next = arith.addf %sum, %e : f32\n"
                              "deepseek.yield %next : f32\n}";

} // namespace

// Rows

TEST(StructuredValuesTest, EmbeddingAndSelectedRows) {
  Weight table("bf16", 11, 7, 1);
  auto embedding = GeneratedFunction::create("deepseek.embedding %tokens, %table",
                                             {ids("tokens"), {"table", "tensor<11x7xbf16>"}}, {rows("y", 7)});
  auto select = GeneratedFunction::create("deepseek.select_rows %x, %rows", {{"x", "tensor<11x7xf32>"}, ids("rows")},
                                          {rows("y", 7)});
  Ints tokens = {10, 0, 3, 3};
  Floats want(4 * 7), got = unset(4 * 7);
  ref::embedding(tokens.data(), table.decoded.data(), 4, 11, 7, want.data());
  embedding.run(4, {tokens.data(), table.data.data(), got.data()});
  expect_same_bits(got, want);
  got = unset(4 * 7);
  select.run(4, {table.decoded.data(), tokens.data(), got.data()});
  expect_same_bits(got, want);
}

TEST(StructuredValuesTest, Norms) {
  for (int64_t width : {1, 7, 8, 130}) {
    for (const char *type : {"f32", "bf16"}) {
      SCOPED_TRACE(testing::Message() << type << ", width " << width);
      Weight w(type, 1, width, 1);
      Operand x = rows("x", width), residual = rows("residual", width);
      Operand weight = {"w", formatv("tensor<{0}x{1}>", width, type).str()};
      GeneratedFunction norm("deepseek.rms_norm %x, %w eps 1.0e-6 : " + listTypes({x, weight}), {x, weight},
                             {rows("y", width)});
      GeneratedFunction addNorm("deepseek.add_rms_norm %x, %residual, %w eps 1.0e-6 : " + listTypes({x, weight}),
                                {x, residual, weight}, {rows("sum", width), rows("y", width)});
      for (int64_t T : kRowCounts) {
        Floats a = random_floats(T * width, 2), b = random_floats(T * width, 3), sum(T * width), want(T * width);
        Floats got = unset(T * width), gotSum = got;
        ref::rms_norm(a.data(), w.decoded.data(), T, width, 1e-6, want.data());
        norm.run(T, {a.data(), w.data.data(), got.data()});
        expectClose(got, want);
        ref::add(a.data(), b.data(), T * width, sum.data());
        ref::rms_norm(sum.data(), w.decoded.data(), T, width, 1e-6, want.data());
        addNorm.run(T, {a.data(), b.data(), w.data.data(), gotSum.data(), got.data()});
        expect_same_bits(gotSum, sum);
        expectClose(got, want);
      }
    }
  }
}

TEST(StructuredValuesTest, NormsOfGroups) {
  for (auto [groups, width] : {std::array<int64_t, 2>{1, 5}, {3, 1}, {4, 16}, {7, 10}, {8, 24}}) {
    SCOPED_TRACE(testing::Message() << groups << " groups of " << width);
    Weight w("bf16", 1, width, 1);
    Operands inputs = {rows("x", groups * width), {"w", formatv("tensor<{0}xbf16>", width)}};
    GeneratedFunction norm("deepseek.rms_norm %x, %w eps 1.0e-6 : " + listTypes(inputs), inputs,
                           {rows("y", groups * width)});
    for (int64_t T : kRowCounts) {
      Floats x = random_floats(T * groups * width, 2), want(x.size()), got = unset(want.size());
      ref::rms_norm(x.data(), w.decoded.data(), T * groups, width, 1e-6, want.data());
      norm.run(T, {x.data(), w.data.data(), got.data()});
      expectClose(got, want);
    }
  }
}

TEST(StructuredValuesTest, SwiGlu) {
  Operand gate = rows("gate", 33), up = rows("up", 33);
  GeneratedFunction swiglu("deepseek.swiglu %gate, %up : " + gate.type, {gate, up}, {rows("y", 33)});
  // exp overflows and underflows at the larger ones.
  for (float scale : {1.0f, 20.0f, 200.0f}) {
    Floats g = random_floats(33, 1), u = random_floats(33, 2), want(33), got = unset(33);
    for (float &value : g) {
      value *= scale;
    }
    ref::swiglu(g.data(), u.data(), 33, want.data());
    swiglu.run(1, {g.data(), u.data(), got.data()});
    expectClose(got, want);
  }
}

// silu(x) / x is exp(x) / (1 + exp(x)), as exact as the polynomial for exp and three roundings.
TEST(StructuredValuesTest, ExpIsExactTo2e7) {
  const int64_t count = 2000;
  Operand gate = rows("gate", count), up = rows("up", count);
  GeneratedFunction swiglu("deepseek.swiglu %gate, %up : " + gate.type, {gate, up}, {rows("y", count)});
  Floats g(count), ones(count, 1), want(count), got = unset(count);
  for (int64_t i = 0; i < count; ++i) {
    g[i] = static_cast<float>(i - count / 2) * 0.085f;
  }
  ref::swiglu(g.data(), ones.data(), count, want.data());
  swiglu.run(1, {g.data(), ones.data(), got.data()});
  expect_near(got, want, 0, 2e-7 + 3 * 6e-8);
}

TEST(StructuredValuesTest, RopeTable) {
  GeneratedFunction table("deepseek.rope_table <frequencies = [1.0, 0.01], magnitude = 1.5> : "
                          "tensor<100x2x2xf32>",
                          {}, {{"y", "tensor<100x2x2xf32>"}});
  Floats want, got = unset(400);
  for (int position = 0; position < 100; ++position) {
    for (double frequency : {1.0, 0.01}) {
      want.push_back(static_cast<float>(1.5 * std::cos(position * frequency)));
      want.push_back(static_cast<float>(1.5 * std::sin(position * frequency)));
    }
  }
  table.run(1, {got.data()});
  expect_same_bits(got, want);
}

TEST(StructuredValuesTest, Rope) {
  for (auto [layout, name] :
       {std::pair(ref::RopeLayout::Interleaved, "interleaved"), {ref::RopeLayout::HalfSplit, "half_split"}}) {
    for (auto [heads, headDim] : {std::array<int64_t, 2>{1, 2}, {1, 6}, {5, 2}, {3, 40}, {8, 24}}) {
      SCOPED_TRACE(testing::Message() << name << ", " << heads << " heads of " << headDim);
      const int64_t width = heads * headDim;
      Operands inputs = {rows("x", width), {"table", formatv("tensor<100x{0}x2xf32>", headDim / 2)}, ids("positions")};
      GeneratedFunction rope(formatv("deepseek.rope {0} %x, %table at %positions : {1}", name, listTypes(inputs)),
                             inputs, {rows("y", width)});
      Floats x = random_floats(3 * width, 1), table = rope_table(100, headDim), want(3 * width), got = unset(3 * width);
      Ints positions = {99, 0, 5};
      ref::rope(x.data(), positions.data(), table.data(), 3, heads, headDim, layout, want.data());
      rope.run(3, {x.data(), table.data(), positions.data(), got.data()});
      expectClose(got, want);
    }
  }
}

// Linear maps

TEST_P(StructuredWeightsTest, LinearWithAndWithoutEpilogue) {
  for (auto [K, N] : {std::array<int64_t, 2>{1, 1}, {7, 5}, {130, 33}, {257, 170}, {7168, 2}}) {
    for (Form form : {Form::Rows, Form::Panels}) {
      SCOPED_TRACE(testing::Message() << "K " << K << " N " << N << (form == Form::Rows ? " rows" : " panels"));
      Weight w = weight(N, K, 1);
      WeightOperand stored("w", StoredWeight::store(w, form));
      Operands inputs = {rows("x", K)};
      Memory memory = {nullptr};
      append(inputs, memory, stored);
      auto plain = GeneratedFunction::create("deepseek.linear %x, " + stored.text(), inputs, {rows("y", N)});
      Operands withExtra = inputs;
      withExtra.push_back(rows("extra", N));
      auto fused =
          GeneratedFunction::create("deepseek.linear %x, " + stored.text() + kEpilogue, withExtra, {rows("y", N)});
      for (int64_t T : kRowCounts) {
        Floats x = random_floats(T * K, 2), extra = random_floats(T * N, 3), want(T * N), got = unset(T * N);
        ref::linear(x.data(), w.decoded.data(), T, K, N, want.data());
        Memory all = memory;
        all[0] = x.data();
        all.push_back(got.data());
        plain.run(T, all);
        expectClose(got, want);
        all.insert(all.end() - 1, extra.data());
        fused.run(T, all);
        ref::add(want.data(), extra.data(), T * N, want.data());
        expectClose(got, want);
      }
    }
  }
}

// As an operand of its own and as an extra of the epilogue.
TEST_P(StructuredWeightsTest, LinearWithBias) {
  const int64_t T = 3, K = 130, N = 33;
  Weight w = weight(N, K, 1);
  WeightOperand stored("w", StoredWeight::store(w, Form::Rows));
  for (const char *type : {"f32", "bf16"}) {
    SCOPED_TRACE(type);
    Weight bias(type, 1, N, 2);
    Floats x = random_floats(T * K, 3), want(T * N);
    ref::linear(x.data(), w.decoded.data(), T, K, N, want.data());
    ref::add_bias(want.data(), bias.decoded.data(), T, N, want.data());
    Operands inputs = {rows("x", K)};
    Memory memory = {x.data()};
    append(inputs, memory, stored);
    inputs.push_back({"extra", formatv("tensor<{0}x{1}>", N, type)});
    memory.push_back(bias.data.data());
    for (const std::string &how : {std::string(" bias %extra"), std::string(kEpilogue)}) {
      Floats got = unset(T * N);
      Memory all = memory;
      all.push_back(got.data());
      GeneratedFunction::create("deepseek.linear %x, " + stored.text() + how, inputs, {rows("y", N)}).run(T, all);
      expectClose(got, want);
    }
  }
}

TEST_P(StructuredWeightsTest, LinearSwiGlu) {
  for (auto [K, N] : {std::array<int64_t, 2>{7, 5}, {130, 70}}) {
    for (Form form : {Form::Rows, Form::Panels}) {
      SCOPED_TRACE(testing::Message() << "K " << K << " N " << N << (form == Form::Rows ? " rows" : " panels"));
      Weight gate = weight(N, K, 1), up = weight(N, K, 2);
      WeightOperand stored("w", StoredWeight::interleave(gate, up, form));
      Operands inputs = {rows("x", K)};
      Floats x = random_floats(3 * K, 3), a(3 * N), b(3 * N), got = unset(3 * N);
      Memory memory = {x.data()};
      append(inputs, memory, stored);
      memory.push_back(got.data());
      GeneratedFunction::create("deepseek.linear_swiglu %x, " + stored.text(), inputs, {rows("y", N)}).run(3, memory);
      ref::linear(x.data(), gate.decoded.data(), 3, K, N, a.data());
      ref::linear(x.data(), up.decoded.data(), 3, K, N, b.data());
      ref::swiglu(a.data(), b.data(), 3 * N, a.data());
      expectClose(got, a);
    }
  }
}

TEST(StructuredValuesTest, LinearOfHalfPrecision) {
  std::vector<_Float16> w(5 * 7);
  Floats decoded = random_floats(5 * 7, 1), x = random_floats(7, 2), want(5), got = unset(5);
  for (size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<_Float16>(decoded[i]);
    decoded[i] = static_cast<float>(w[i]);
  }
  ref::linear(x.data(), decoded.data(), 1, 7, 5, want.data());
  auto linear =
      GeneratedFunction::create("deepseek.linear %x, %w", {rows("x", 7), {"w", "tensor<5x7xf16>"}}, {rows("y", 5)});
  linear.run(1, {x.data(), w.data(), got.data()});
  expectClose(got, want);
}

TEST(StructuredValuesTest, EveryF8HasItsValue) {
  std::vector<uint8_t> codes(256);
  Floats one = {1}, scales = {1, 1}, got = unset(256);
  for (size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<uint8_t>(i);
  }
  auto linear = GeneratedFunction::create("deepseek.linear %x, %w scale %s <128 x 128>",
                                          {rows("x", 1), {"w", "tensor<256x1xf8E4M3FN>"}, {"s", "tensor<2x1xf32>"}},
                                          {rows("y", 256)});
  linear.run(1, {one.data(), codes.data(), scales.data(), got.data()});
  for (size_t i = 0; i < codes.size(); ++i) {
    float want = ref::f8e4m3_to_f32(codes[i]);
    EXPECT_TRUE(got[i] == want || (std::isnan(got[i]) && std::isnan(want))) << i << " is " << got[i];
  }
}

// Mixture of experts

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
    for (auto rule : {ref::GroupRule::None, ref::GroupRule::Max, ref::GroupRule::SumOfTwo}) {
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
    o.group_rule = ref::GroupRule::SumOfTwo;
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

/// Weights of experts, in one form.
std::vector<StoredWeight> storeAll(const std::vector<Weight> &weights, Form form) {
  std::vector<StoredWeight> stored;
  for (const Weight &weight : weights) {
    stored.push_back(StoredWeight::store(weight, form));
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
  for (Form form : {Form::Rows, Form::Panels}) {
    for (bool gather : {true, false}) {
      SCOPED_TRACE(testing::Message() << (form == Form::Rows ? "rows" : "panels") << (gather ? ", gather" : ""));
      auto stack = WeightOperand::stack("w", storeAll(weights, form));
      Floats x = random_floats(slots * kHidden, 1), want(slots * kWidth), got = unset(slots * kWidth);
      Operands inputs = {rows("x", kHidden, gather ? 1 : kTopK), {"offsets", "tensor<10xi32>"}, ids("sources", kTopK)};
      Memory memory = {x.data(), p.offsets.data(), p.sourceRows.data()};
      append(inputs, memory, stack);
      memory.push_back(got.data());
      auto linear = GeneratedFunction::create(
          formatv("deepseek.moe_linear {0} %x, %offsets, %sources, {1} top_k 3", gather ? "gather" : "", stack.text()),
          inputs, {rows("y", kWidth, kTopK)});
      linear.run(T, memory);
      ref::moe_linear(x.data(), p.offsets.data(), gather ? p.sourceRows.data() : nullptr, decodeAll(weights).data(),
                      kExperts, kHidden, kWidth, want.data());
      expectClose(got, want);
    }
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
  for (Form form : {Form::Rows, Form::Panels}) {
    SCOPED_TRACE(form == Form::Rows ? "rows" : "panels");
    std::vector<StoredWeight> stored;
    for (int64_t e = 0; e < kExperts; ++e) {
      stored.push_back(StoredWeight::interleave(gates[e], ups[e], form));
    }
    auto stack = WeightOperand::stack("w", std::move(stored));
    Floats got = unset(slots * kWidth);
    Operands inputs = {rows("x", kHidden), {"offsets", "tensor<10xi32>"}, ids("sources", kTopK)};
    Memory memory = {x.data(), p.offsets.data(), p.sourceRows.data()};
    append(inputs, memory, stack);
    memory.push_back(got.data());
    auto linear = GeneratedFunction::create("deepseek.moe_linear_swiglu gather %x, %offsets, %sources, " +
                                                stack.text() + " top_k 3",
                                            inputs, {rows("y", kWidth, kTopK)});
    linear.run(T, memory);
    expectClose(got, a);
  }
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

  auto gate = WeightOperand::stack("gate", storeAll(gates, Form::Rows));
  auto up = WeightOperand::stack("up", storeAll(ups, Form::Rows));
  auto down = WeightOperand::stack("down", storeAll(downs, Form::Rows));
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
