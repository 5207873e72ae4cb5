// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels without a product: embedding, select_rows, swiglu, the norms, rope, the Hadamard transform.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <array>
#include <limits>

namespace fathom::test {

class EmbeddingTest : public testing::TestWithParam<const Kernel *> {};
class SelectRowsTest : public testing::TestWithParam<const Kernel *> {};
class ArgmaxTest : public testing::TestWithParam<const Kernel *> {};
class SwigluTest : public testing::TestWithParam<const Kernel *> {};
class RmsNormTest : public testing::TestWithParam<const Kernel *> {};
class LayerNormTest : public testing::TestWithParam<const Kernel *> {};
class HadamardTest : public testing::TestWithParam<const Kernel *> {};
class RopeTest : public testing::TestWithParam<const Kernel *> {};
class AddRmsNormTest : public testing::TestWithParam<const Kernel *> {};

TEST_P(EmbeddingTest, IsExactAndReadsUnknownTokensAsZeros) {
  const int64_t V = 9;
  Ints tokens = {3, 0, 8, 3, -1, 9, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()};
  int64_t T = tokens.size();
  for (int64_t H : {1, 16, 40, 63}) {
    Weight table(GetParam()->weightType, V, H, 1);
    Floats out(T * H), want(T * H);
    ref::embedding(tokens.data(), table.decoded.data(), T, V, H, want.data());
    run({GetParam(), {{"V", V}, {"H", H}}, {tokens.data(), table.data.data(), out.data()}, T});
    expect_same_bits(out, want);
  }
}

TEST_P(EmbeddingTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  for (int64_t H : {1, 16, 63}) {
    Ints tokens = {3, -1, 8};
    Weight table(GetParam()->weightType, 9, H, 1);
    Floats out(tokens.size() * H);
    run({GetParam(), {{"V", 9}, {"H", H}}, {tokens.data(), table.data.data(), out.data()}, 3});
  }
}

TEST_P(SelectRowsTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  Ints ids = {4, 0, 4, 1, 2};
  Floats x = random_floats(5 * 50, 2), out(5 * 50);
  run({GetParam(), {{"H", 50}}, {x.data(), ids.data(), out.data()}, 5});
}

TEST_P(SwigluTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  for (int64_t N : {15, 100}) {
    Floats gate = random_floats(3 * N, 3), up = random_floats(3 * N, 4), out(3 * N);
    run({GetParam(), {{"N", N}}, {gate.data(), up.data(), out.data()}, 3});
  }
}

TEST_P(SelectRowsTest, Copies) {
  for (int64_t H : {1, 16, 50}) {
    Ints ids = {4, 0, 4};
    Floats x = random_floats(5 * H, 2), out(3 * H), want(3 * H);
    ref::select_rows(x.data(), ids.data(), 3, H, want.data());
    run({GetParam(), {{"H", H}}, {x.data(), ids.data(), out.data()}, 3});
    expect_same_bits(out, want);
  }
}

TEST_P(ArgmaxTest, IsTheFirstOfTheLargest) {
  for (int64_t V : {1, 8, 31, 2048, 5003}) {
    const int64_t T = 5;
    Floats x = random_floats(T * V, 2);
    x[V / 2] = x[V - 1] = 7;               // two are largest
    std::fill_n(x.begin() + V, V, -1e30f); // all are
    Ints out(T, 77), want(T);
    ref::argmax(x.data(), T, V, want.data());
    run({GetParam(), {{"V", V}}, {x.data(), out.data()}, T});
    EXPECT_EQ(out, want) << V;
  }
}

TEST_P(ArgmaxTest, IsNoneWhereANumberIsNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const int64_t V = 3000;
  for (float odd : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    for (int64_t place : {0, 1700, 2999}) {
      Floats x = random_floats(2 * V, 2);
      x[place] = odd;
      Ints out(2, 77), want(2);
      ref::argmax(x.data(), 2, V, want.data());
      run({GetParam(), {{"V", V}}, {x.data(), out.data()}, 2});
      EXPECT_EQ(out, want) << odd << " at " << place;
      EXPECT_EQ(out[0], -1);
    }
  }
}

TEST_P(SwigluTest, MatchesReference) {
  for (int64_t N : {1, 15, 16, 100}) {
    const int64_t T = 3;
    Floats gate = random_floats(T * N, 3), up = random_floats(T * N, 4), out(T * N), want(T * N);
    for (float &value : gate) {
      value *= 60;
    }
    ref::swiglu(gate.data(), up.data(), T * N, want.data());
    run({GetParam(), {{"N", N}}, {gate.data(), up.data(), out.data()}, T});
    expect_near(out, want, 1e-37, 5e-7);
  }
}

/// Columns [offset, offset + width) of rows of `stride` numbers.
static Floats take_columns(const Floats &x, int64_t stride, int64_t offset, int64_t width) {
  Floats dense;
  for (size_t row = 0; row < x.size(); row += stride) {
    dense.insert(dense.end(), &x[row + offset], &x[row + offset] + width);
  }
  return dense;
}

TEST_P(RmsNormTest, MatchesReferenceWithStridesAndOffsets) {
  for (auto [groups, H] : {std::array<int64_t, 2>{1, 1}, {1, 16}, {1, 17}, {1, 576}, {1, 1000}, {7, 40}, {12, 128}}) {
    const int64_t T = 3, width = groups * H, stride = width + 5, offset = 2;
    Weight w(GetParam()->weightType, 1, H, 5);
    Floats x = random_floats(T * stride, 6), dense = take_columns(x, stride, offset, width), out(T * width),
           want(T * width);
    ref::rms_norm(dense.data(), w.decoded.data(), T * groups, H, 1e-6, want.data());
    Constants constants = {{"H", H}, {"groups", groups}, {"x_stride", stride}, {"x_offset", offset}, {"eps", 1e-6}};
    run({GetParam(), constants, {x.data(), w.data.data(), out.data()}, T});
    expect_near(out, want, 0, 1e-6);
  }
}

TEST_P(RmsNormTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  for (auto [groups, H] : {std::array<int64_t, 2>{1, 17}, {1, 576}, {7, 40}}) {
    const int64_t T = 3, width = groups * H, stride = width + 5;
    Weight w(GetParam()->weightType, 1, H, 5);
    Floats x = random_floats(T * stride, 6), out(T * width);
    Constants constants = {{"H", H}, {"groups", groups}, {"x_stride", stride}, {"x_offset", 2}, {"eps", 1e-6}};
    run({GetParam(), constants, {x.data(), w.data.data(), out.data()}, T});
  }
}

TEST_P(RmsNormTest, TakesZerosAndLargeValues) {
  const int64_t H = 32;
  Weight w(GetParam()->weightType, 1, H, 5);
  Constants constants = {{"H", H}, {"groups", 1}, {"x_stride", H}, {"x_offset", 0}, {"eps", 1e-6}};
  for (float value : {0.0f, 1e15f}) {
    Floats x(H, value), out(H), want(H);
    ref::rms_norm(x.data(), w.decoded.data(), 1, H, 1e-6, want.data());
    run({GetParam(), constants, {x.data(), w.data.data(), out.data()}, 1});
    expect_near(out, want, 0, 1e-6);
  }
}

TEST_P(RopeTest, MatchesReferenceInBothLayouts) {
  // The last numbers of a head may pass.
  for (auto [heads, d, dr] :
       {std::array<int64_t, 3>{1, 2, 2}, {3, 40, 40}, {5, 6, 6}, {14, 128, 128}, {3, 128, 64}, {2, 21, 6}}) {
    for (auto layout : {ref::RopeLayout::Interleaved, ref::RopeLayout::HalfSplit}) {
      SCOPED_TRACE(testing::Message() << heads << " heads of " << d << ", of which " << dr << " rotate");
      const int64_t T = 3, width = heads * d, stride = width + 7, offset = 3;
      Ints positions = {99, 0, 64};
      Floats x = random_floats(T * stride, 8), dense = take_columns(x, stride, offset, width), out(T * width),
             want(T * width), table = rope_table(100, dr);
      ref::rope(dense.data(), positions.data(), table.data(), T, heads, d, dr, layout, want.data());
      Constants constants = {{"H", heads},         {"d", d},
                             {"dr", dr},           {"half_split", layout == ref::RopeLayout::HalfSplit},
                             {"x_stride", stride}, {"x_offset", offset}};
      run({GetParam(), constants, {x.data(), table.data(), out.data()}, T, 0, positions});
      expect_near(out, want, 2e-7);
    }
  }
}

TEST_P(RopeTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  for (bool half_split : {false, true}) {
    const int64_t T = 3, stride = 5 * 21 + 7;
    Floats x = random_floats(T * stride, 8), out(T * 5 * 21), table = rope_table(100, 6);
    Constants constants = {{"H", 5},       {"d", 21}, {"dr", 6}, {"half_split", half_split}, {"x_stride", stride},
                           {"x_offset", 3}};
    run({GetParam(), constants, {x.data(), table.data(), out.data()}, T, 0, {99, 0, 64}});
  }
}

TEST_P(LayerNormTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  for (int64_t H : {17, 128}) {
    const int64_t T = 3, stride = H + 5;
    Weight w(GetParam()->weightType, 1, H, 5);
    Floats x = random_floats(T * stride, 6), bias = random_floats(H, 7), out(T * H);
    Constants constants = {{"H", H}, {"x_stride", stride}, {"x_offset", 2}, {"eps", 1e-6}};
    run({GetParam(), constants, {x.data(), w.data.data(), bias.data(), out.data()}, T});
  }
}

TEST_P(LayerNormTest, MatchesReferenceWithStridesAndOffsets) {
  for (int64_t H : {1, 15, 16, 17, 128, 1000}) {
    const int64_t T = 3, stride = H + 5, offset = 2;
    Weight w(GetParam()->weightType, 1, H, 5);
    Floats x = random_floats(T * stride, 6), bias = random_floats(H, 7), dense = take_columns(x, stride, offset, H),
           out(T * H), want(T * H);
    ref::layer_norm(dense.data(), w.decoded.data(), bias.data(), T, H, 1e-6, want.data());
    Constants constants = {{"H", H}, {"x_stride", stride}, {"x_offset", offset}, {"eps", 1e-6}};
    run({GetParam(), constants, {x.data(), w.data.data(), bias.data(), out.data()}, T});
    expect_near(out, want, 1e-6, 1e-6);
  }
}

TEST_P(LayerNormTest, TakesEqualNumbers) {
  const int64_t H = 24;
  Weight w(GetParam()->weightType, 1, H, 5);
  Floats x(H, 3.0f), bias = random_floats(H, 7), out(H);
  Constants constants = {{"H", H}, {"x_stride", H}, {"x_offset", 0}, {"eps", 1e-6}};
  run({GetParam(), constants, {x.data(), w.data.data(), bias.data(), out.data()}, 1});
  expect_same_bits(out, bias);
}

TEST_P(HadamardTest, MatchesReference) {
  for (auto [heads, d] : {std::array<int64_t, 2>{3, 1}, {5, 2}, {3, 8}, {1, 32}, {7, 64}, {64, 128}}) {
    SCOPED_TRACE(testing::Message() << heads << " heads of " << d);
    const int64_t T = 2;
    Floats x = random_floats(T * heads * d, 8), out(x.size()), want(x.size());
    ref::hadamard(x.data(), T, heads, d, want.data());
    run({GetParam(), {{"H", heads}, {"d", d}}, {x.data(), out.data()}, T});
    expect_near(out, want, 1e-6);
  }
}

TEST_P(HadamardTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  for (auto [heads, d] : {std::array<int64_t, 2>{3, 1}, {3, 8}, {7, 64}}) {
    Floats x = random_floats(2 * heads * d, 8), out(x.size());
    run({GetParam(), {{"H", heads}, {"d", d}}, {x.data(), out.data()}, 2});
  }
}

TEST_P(HadamardTest, IsItsOwnInverse) {
  const int64_t heads = 3, d = 128;
  Floats x = random_floats(heads * d, 9), once(x.size()), twice(x.size());
  run({GetParam(), {{"H", heads}, {"d", d}}, {x.data(), once.data()}, 1});
  run({GetParam(), {{"H", heads}, {"d", d}}, {once.data(), twice.data()}, 1});
  expect_near(twice, x, 1e-6);
}

TEST_P(AddRmsNormTest, MatchesReference) {
  for (int64_t H : {1, 31, 512}) {
    const int64_t T = 4;
    Weight w(GetParam()->weightType, 1, H, 5);
    Floats x = random_floats(T * H, 6), r = random_floats(T * H, 7), sum(T * H), out(T * H), want_sum(T * H),
           want(T * H);
    ref::add(x.data(), r.data(), T * H, want_sum.data());
    ref::rms_norm(want_sum.data(), w.decoded.data(), T, H, 1e-6, want.data());
    Constants constants = {{"H", H}, {"eps", 1e-6}};
    run({GetParam(), constants, {x.data(), r.data(), w.data.data(), sum.data(), out.data()}, T});
    expect_same_bits(sum, want_sum);
    expect_near(out, want, 0, 1e-6);
  }
}

/// The norm of add_rms_norm is that of the sum as it is rounded.
TEST_P(AddRmsNormTest, RoundsTheSumBeforeItsNorm) {
  for (int64_t H : {31, 512}) {
    const int64_t T = 4;
    Weight w(GetParam()->weightType, 1, H, 5);
    Floats x = round_numbers(random_floats(T * H, 6)), r = round_numbers(random_floats(T * H, 7)), sum(T * H),
           want(T * H);
    ref::add(x.data(), r.data(), T * H, sum.data());
    std::vector<uint16_t> codes_x = encode(x), codes_r = encode(r), got_sum(T * H), got(T * H);
    Constants constants = {{"H", H}, {"eps", 1e-6}, {"x_element", FATHOM_ROW_BF16}};
    run({GetParam(), constants, {codes_x.data(), codes_r.data(), w.data.data(), got_sum.data(), got.data()}, T});
    EXPECT_EQ(got_sum, encode(sum));
    sum = round_numbers(sum);
    const Kernel &norm = *kernels::findKernel("rms_norm", GetParam()->arch, GetParam()->weightType, "none");
    constants = {{"H", H}, {"groups", 1}, {"x_stride", H}, {"x_offset", 0}, {"eps", 1e-6}};
    run({&norm, constants, {sum.data(), w.data.data(), want.data()}, T});
    EXPECT_EQ(got, encode(want));
  }
}

INSTANTIATE_TEST_SUITE_P(Catalog, EmbeddingTest, testing::ValuesIn(kernels_of("embedding")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, SelectRowsTest, testing::ValuesIn(kernels_of("select_rows")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, ArgmaxTest, testing::ValuesIn(kernels_of("argmax")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, SwigluTest, testing::ValuesIn(kernels_of("swiglu")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, RmsNormTest, testing::ValuesIn(kernels_of("rms_norm")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, LayerNormTest, testing::ValuesIn(kernels_of("layer_norm")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, HadamardTest, testing::ValuesIn(kernels_of("hadamard")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, RopeTest, testing::ValuesIn(kernels_of("rope")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, AddRmsNormTest, testing::ValuesIn(kernels_of("add_rms_norm")), kernel_name);

} // namespace fathom::test
