// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows in integers of 8 bits, and products with them: bit for bit what the definition says, so that every arch, number
// of rows and place in a batch agrees.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

namespace fathom::test {

class QuantizeRowsTest : public testing::TestWithParam<const Kernel *> {};
class IntegerGemmTest : public testing::TestWithParam<const Kernel *> {};
class IntegerMoeGemmTest : public testing::TestWithParam<const Kernel *> {};

static constexpr int64_t kScaled = FATHOM_SCALE_GROUP;

/// Rows of FATHOM_ROW_I8.
namespace {
struct IntegerRows {
  IntegerRows(const Floats &x, int64_t width) : width(width), bytes(x.size() / width * size()) {
    for (int64_t t = 0; t < static_cast<int64_t>(x.size()) / width; ++t) {
      for (int64_t from = 0; from < width; from += kScaled) {
        encode(t, from, &x[t * width + from]);
      }
    }
  }
  int64_t size() const { return fathom_row_bytes(FATHOM_ROW_I8, width, 0); }
  const int8_t *integers(int64_t t) const { return reinterpret_cast<const int8_t *>(&bytes[t * size()]); }
  float scale(int64_t t, int64_t group) const {
    float scale;
    std::memcpy(&scale, &bytes[t * size() + fathom_group_scales(width) + 4 * group], 4);
    return scale;
  }

  int64_t width;
  std::vector<uint8_t> bytes;

private:
  void encode(int64_t t, int64_t from, const float *x) {
    int64_t count = std::min(kScaled, width - from);
    uint8_t *row = &bytes[t * size()];
    float largest = 0, poison = 0;
    for (int64_t i = 0; i < count; ++i) {
      largest = std::fmax(largest, std::fabs(x[i]));
      poison += x[i] - x[i];
    }
    float scale = largest / 127 + poison;
    int32_t offset = 0;
    for (int64_t i = 0; i < count; ++i) {
      int8_t integer = ref::f32_to_i8(x[i], scale);
      std::memcpy(row + from + i, &integer, 1);
      offset -= 128 * integer;
    }
    std::memcpy(row + fathom_group_scales(width) + from / kScaled * 4, &scale, 4);
    std::memcpy(row + fathom_group_offsets(width) + from / kScaled * 4, &offset, 4);
  }
};
} // namespace

static IntegerRows quantize(const Kernel &kernel, const Floats &x, int64_t width, int64_t pad) {
  int64_t T = static_cast<int64_t>(x.size()) / width, wide = width + 2 * pad;
  Floats padded(T * wide, std::nanf(""));
  for (int64_t i = 0; i < T * width; ++i) {
    padded[i / width * wide + pad + i % width] = x[i];
  }
  IntegerRows rows(Floats(x.size()), width);
  Constants constants = {{"H", width}, {"x_stride", wide}, {"x_offset", pad}};
  run({&kernel, constants, {padded.data(), rows.bytes.data()}, T});
  return rows;
}

TEST_P(QuantizeRowsTest, MatchesItsDefinition) {
  for (int64_t width : {1, 31, 32, 33, 48, 128, 300}) {
    SCOPED_TRACE(width);
    Floats x = random_floats(3 * width, 1);
    EXPECT_EQ(quantize(*GetParam(), x, width, 5).bytes, IntegerRows(x, width).bytes);
  }
}

TEST_P(QuantizeRowsTest, RoundsTiesToEvenAndZerosAndTheSmallestToWhatTheyAre) {
  Floats x(3 * kScaled);
  for (int i = 0; i < kScaled; ++i) {
    x[i] = i == 0 ? 254.0f : static_cast<float>(i - 16); // of scale 2
    x[2 * kScaled + i] = std::ldexp(static_cast<float>(i), -149);
  }
  IntegerRows rows = quantize(*GetParam(), x, 3 * kScaled, 0);
  EXPECT_EQ(rows.bytes, IntegerRows(x, 3 * kScaled).bytes);
  EXPECT_EQ(rows.integers(0)[17], 0);
  EXPECT_EQ(rows.integers(0)[19], 2);
  EXPECT_EQ(rows.scale(0, 1), 0.0f);
}

TEST_P(QuantizeRowsTest, GroupsThatAreNotFiniteSpoilTheirScaleAlone) {
  for (float odd : {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    Floats x = random_floats(2 * kScaled, 1);
    x[7] = odd;
    IntegerRows rows = quantize(*GetParam(), x, 2 * kScaled, 0);
    EXPECT_TRUE(std::isnan(rows.scale(0, 0))) << odd;
    EXPECT_TRUE(std::all_of(rows.integers(0), rows.integers(0) + kScaled, [](int8_t integer) { return integer == 0; }));
    EXPECT_EQ(rows.scale(0, 1), IntegerRows(x, 2 * kScaled).scale(0, 1)) << odd;
  }
}

/// Groups add up exactly, and follow one another.
static float multiply(const IntegerRows &x, int64_t t, const Weight &weight, int64_t n) {
  float sum = 0;
  for (int64_t from = 0; from < weight.columns; from += kScaled) {
    int32_t integer = 0;
    for (int64_t k = from; k < std::min(from + kScaled, weight.columns); ++k) {
      integer += x.integers(t)[k] * static_cast<int8_t>(weight.data[n * weight.columns + k]);
    }
    int64_t group = from / kScaled, groups = (weight.columns + kScaled - 1) / kScaled;
    _Float16 scale;
    std::memcpy(&scale, &weight.scales[(n * groups + group) * 2], 2);
    sum = std::fma(static_cast<float>(integer), static_cast<float>(scale) * x.scale(t, group), sum);
  }
  return sum;
}

static Floats multiply(const IntegerRows &x, const Weight &weight, int64_t T) {
  Floats out;
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t n = 0; n < weight.rows; ++n) {
      out.push_back(multiply(x, t, weight, n));
    }
  }
  return out;
}

TEST_P(IntegerGemmTest, HasTheBitsOfItsDefinition) {
  for (auto [K, N, panels] :
       {std::array<int64_t, 3>{1, 1, 1}, {64, 32, 1}, {130, 33, 3}, {300, 100, 8}, {257, 170, 5}, {1100, 64, 2}}) {
    Weight weight("i8", N, K, 7);
    for (int64_t T : {1, 2, 3, 4, 5, 6, 7, 11, 13, 29, 65}) {
      SCOPED_TRACE(testing::Message() << "K " << K << " N " << N << " T " << T);
      IntegerRows x(random_floats(T * K, 8), K);
      std::vector<uint8_t> data = weight.panels(), scales = weight.panel_scales();
      Floats out(T * N);
      Constants constants = {
          {"K", K},          {"N", N},          {"x_stride", x.size()},       {"x_offset", 0},
          {"out_stride", N}, {"out_offset", 0}, {"x_element", FATHOM_ROW_I8}, {"panels_per_item", panels}};
      run({GetParam(), constants, {x.bytes.data(), data.data(), scales.data(), out.data()}, T});
      expect_same_bits(out, multiply(x, weight, T));
    }
  }
}

/// Expert 0 has all rows, and reads them in another order.
TEST_P(IntegerMoeGemmTest, GathersRowsOfBytes) {
  const int64_t T = 9, K = 130, N = 70;
  Weight weight("i8", N, K, 7);
  std::vector<uint8_t> data = weight.panels(), scales = weight.panel_scales();
  Ints offsets = {0, T}, sources(T);
  for (int64_t t = 0; t < T; ++t) {
    sources[t] = static_cast<int32_t>((t * 4 + 1) % T);
  }
  IntegerRows x(random_floats(T * K, 8), K);
  for (bool gather : {false, true}) {
    Floats out(T * N), want;
    Constants constants = {{"K", K},
                           {"N", N},
                           {"E", 1},
                           {"k", 1},
                           {"gather", gather},
                           {"x_element", FATHOM_ROW_I8},
                           {"panels_per_item", 1}};
    run({GetParam(),
         constants,
         {x.bytes.data(), offsets.data(), sources.data(), data.data(), scales.data(), out.data()},
         T});
    for (int64_t i = 0; i < T * N; ++i) {
      want.push_back(multiply(x, gather ? sources[i / N] : i / N, weight, i % N));
    }
    expect_same_bits(out, want);
  }
}

static std::vector<const Kernel *> integer_kernels_of(std::string_view op) {
  std::vector<const Kernel *> kernels = kernels_of(op), integers;
  std::copy_if(kernels.begin(), kernels.end(), std::back_inserter(integers),
               [](const Kernel *kernel) { return kernel->weightType == "i8" && kernel->layout == "panels"; });
  return integers;
}

INSTANTIATE_TEST_SUITE_P(Catalog, QuantizeRowsTest, testing::ValuesIn(kernels_of("quantize_rows")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, IntegerGemmTest, testing::ValuesIn(integer_kernels_of("gemm")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, IntegerMoeGemmTest, testing::ValuesIn(integer_kernels_of("moe_gemm")), kernel_name);

} // namespace fathom::test
