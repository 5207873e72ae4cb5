// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops on rows and linear maps compute where they have no kernel: decomposed, lowered, compiled, and compared with
// kernels/ref over odd shapes, every type and form of weights.

#include "test/passes/lower/StructuredValues.h"

#include "kernels/ref/ref.h"

#include <array>
#include <limits>

namespace fathom::test {

namespace {

INSTANTIATE_TEST_SUITE_P(Types, StructuredWeightsTest, testing::Values("f32", "bf16", "f8e4m3", "i8"),
                         [](const auto &info) { return std::string(info.param); });

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

TEST(StructuredValuesTest, ArgmaxIsTheFirstOfTheLargestOrNone) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNaN = std::numeric_limits<float>::quiet_NaN();
  GeneratedFunction argmax("deepseek.argmax %x : tensor<?x5xf32> -> tensor<?xi32>", {rows("x", 5)}, {ids("y")});
  Floats x = {1, 3, 2, 3, 0, -4, -5, -3, -6, -3, 1, 2, kNaN, 9, 3, -kInfinity, 0, 0, 0, 0};
  Ints want(4), got(4, 77);
  ref::argmax(x.data(), 4, 5, want.data());
  argmax.run(4, {x.data(), got.data()});
  EXPECT_EQ(got, want);
  EXPECT_EQ(got, (Ints{1, 2, -1, -1}));
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

TEST(StructuredValuesTest, QuantizedRows) {
  for (int64_t width : {1, 31, 32, 33, 96, 130}) {
    SCOPED_TRACE(width);
    Operand x = rows("x", width);
    GeneratedFunction quantize("deepseek.quantize_rows %x : " + x.type + " -> " + x.type, {x}, {rows("y", width)});
    for (int64_t T : kRowCounts) {
      Floats numbers = random_floats(T * width, 2), want(numbers.size()), got = unset(want.size());
      std::fill_n(numbers.begin(), std::min<size_t>(numbers.size(), 32), 0.0f);
      ref::quantize_rows(numbers.data(), T, width, want.data());
      quantize.run(T, {numbers.data(), got.data()});
      expect_same_bits(got, want);
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
      ref::rope(x.data(), positions.data(), table.data(), 3, heads, headDim, headDim, layout, want.data());
      rope.run(3, {x.data(), table.data(), positions.data(), got.data()});
      expectClose(got, want);
    }
  }
}

// Linear maps

TEST_P(StructuredWeightsTest, LinearWithAndWithoutEpilogue) {
  for (auto [K, N] : {std::array<int64_t, 2>{1, 1}, {7, 5}, {130, 33}, {257, 170}, {7168, 2}}) {
    SCOPED_TRACE(testing::Message() << "K " << K << " N " << N);
    Weight w = weight(N, K, 1);
    WeightOperand stored("w", StoredWeight::store(w));
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

// As an operand of its own and as an extra of the epilogue.
TEST_P(StructuredWeightsTest, LinearWithBias) {
  const int64_t T = 3, K = 130, N = 33;
  Weight w = weight(N, K, 1);
  WeightOperand stored("w", StoredWeight::store(w));
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
    SCOPED_TRACE(testing::Message() << "K " << K << " N " << N);
    Weight gate = weight(N, K, 1), up = weight(N, K, 2);
    WeightOperand stored("w", StoredWeight::join(gate, up));
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

} // namespace fathom::test
