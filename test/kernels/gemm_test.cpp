// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dense products: against the reference over ragged shapes, and bit for bit against each other.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>

namespace fathom::test {

namespace {

struct Shape {
  int64_t K, N, panelsPerItem;
};

constexpr Shape kShapes[] = {{1, 1, 1},     {64, 32, 1},   {128, 64, 2}, {130, 33, 3},
                             {300, 100, 8}, {257, 170, 5}, {300, 128, 4}};
constexpr float kUntouched = 12345.0f;
constexpr int64_t kPad = 3; // extra columns around x and out

} // namespace

/// Rounding of a chain over K, relative to values of size 1.
static double tolerance(int64_t K) { return 3e-7 * static_cast<double>(K) + 1e-6; }

/// out [T, N] of a kernel with weights, `shift` bytes into their memory, or with gates and ups. Checks that nothing
/// beside is written.
static Floats product(const Kernel &kernel, const Floats &x, const Weight &gate, const Gated *both, int64_t T,
                      int64_t panelsPerItem, size_t shift = 0, int64_t element = FATHOM_ROW_F32) {
  int64_t K = gate.columns, N = gate.rows, wide = K + 2 * kPad, out_wide = N + 2 * kPad;
  Floats padded(T * wide, kUntouched), out(T * out_wide, kUntouched);
  for (int64_t i = 0; i < T * K; ++i) {
    padded[i / K * wide + kPad + i % K] = x[i];
  }
  bool panels = kernel.layout == "panels";
  std::vector<uint8_t> data = panels ? gate.panels() : gate.data;
  std::vector<uint8_t> scales = panels ? gate.panel_scales() : gate.scales;
  if (both) {
    data = both->data;
    scales = both->scales;
  }
  data.insert(data.begin(), shift, 0);
  std::vector<uint16_t> codes = encode(padded);
  Call call{&kernel,
            {{"K", K},
             {"N", N},
             {"x_stride", wide},
             {"x_offset", kPad},
             {"out_stride", out_wide},
             {"out_offset", kPad},
             {"x_element", static_cast<double>(element)},
             {"panels_per_item", panelsPerItem}},
            {padded.data(), data.data() + shift},
            T};
  if (element == FATHOM_ROW_BF16) {
    call.operands[0] = codes.data();
  }
  if (gate.quantized) {
    call.operands.push_back(scales.data());
  }
  call.operands.push_back(out.data());
  run(call);
  Floats dense;
  for (int64_t i = 0; i < T * out_wide; ++i) {
    bool inside = i % out_wide >= kPad && i % out_wide < kPad + N;
    EXPECT_TRUE(inside || out[i] == kUntouched) << "element " << i << " beside the output was written";
    if (inside) {
      dense.push_back(out[i]);
    }
  }
  return dense;
}

class GemmTest : public testing::TestWithParam<const Kernel *> {};
class GemmSwigluTest : public testing::TestWithParam<const Kernel *> {};

TEST_P(GemmTest, MatchesReferenceOverShapes) {
  for (const Shape &shape : kShapes) {
    Weight weight(GetParam()->weightType, shape.N, shape.K, 7);
    for (int64_t T : {1, 2, 3, 4, 5, 6, 7, 13, 64, 65}) {
      SCOPED_TRACE(testing::Message() << "K " << shape.K << " N " << shape.N << " T " << T);
      Floats x = random_floats(T * shape.K, 8), want(T * shape.N), extra = random_floats(T * shape.N, 9);
      ref::linear(x.data(), weight.decoded.data(), T, shape.K, shape.N, want.data());
      ref::add(want.data(), extra.data(), T * shape.N, want.data());
      EpilogueScope epilogue(extra, shape.N);
      expect_near(product(*GetParam(), x, weight, nullptr, T, shape.panelsPerItem), want, tolerance(shape.K));
    }
  }
}

TEST_P(GemmTest, RowAloneHasTheBitsItHasInABatch) {
  const int64_t T = 300, K = 300, N = 100;
  Weight weight(GetParam()->weightType, N, K, 17);
  Floats x = random_floats(T * K, 18), batch = product(*GetParam(), x, weight, nullptr, T, 2);
  for (int64_t t : {0, 5, 11, 64, 295, 299}) {
    Floats row(&x[t * K], &x[t * K] + K), want(&batch[t * N], &batch[t * N] + N);
    expect_same_bits(product(*GetParam(), row, weight, nullptr, 1, 3), want);
  }
  // As many as registers hold, as tiles decode for themselves, and more.
  for (int64_t T2 = 2; T2 < 32; ++T2) {
    Floats want(batch.begin(), batch.begin() + T2 * N);
    expect_same_bits(product(*GetParam(), Floats(x.begin(), x.begin() + T2 * K), weight, nullptr, T2, 1), want);
  }
}

TEST_P(GemmTest, RoundsNumbersOnce) {
  RoundingScope rounding(order_tolerance(*GetParam()));
  for (const Shape &shape : kShapes) {
    Weight weight(GetParam()->weightType, shape.N, shape.K, 7);
    for (int64_t T : {1, 2, 4, 6, 13, 70}) {
      SCOPED_TRACE(testing::Message() << "K " << shape.K << " N " << shape.N << " T " << T);
      Floats x = random_floats(T * shape.K, 8), extra = random_floats(T * shape.N, 9);
      EpilogueScope epilogue(extra, shape.N);
      product(*GetParam(), x, weight, nullptr, T, shape.panelsPerItem);
    }
  }
}

/// Whether a kernel multiplies bf16 by tiles.
static bool has_tiles(const Kernel &kernel) { return kernel.arch == "amxbf16" && kernel.layout == "panels"; }

/// What a chain over k in ascending order gives where pairs are swapped before.
TEST_P(GemmTest, ProductsOfBf16AddTheOddOfAPairFirst) {
  if (GetParam()->weightType != "bf16" || is_of_gpu(*GetParam()) || has_tiles(*GetParam())) {
    return;
  }
  for (const Shape &shape : kShapes) {
    Weight weight("bf16", shape.N, shape.K, 7);
    for (int64_t T : {1, 2, 3, 5, 6, 7, 13, 29}) {
      SCOPED_TRACE(testing::Message() << "K " << shape.K << " N " << shape.N << " T " << T);
      Floats x = round_numbers(random_floats(T * shape.K, 8));
      Floats want = product(*GetParam(), swap_pairs(x, shape.K), weight.swap_pairs(), nullptr, T, shape.panelsPerItem);
      Floats got = product(*GetParam(), x, weight, nullptr, T, shape.panelsPerItem, 0, FATHOM_ROW_BF16);
      if (GetParam()->arch == "avx512bf16") {
        expect_near(got, want, tolerance(shape.K)); // what its instruction does with every number is not written down
      } else {
        expect_same_bits(got, want);
      }
    }
  }
}

/// x * w as an instruction of AMX adds it up: of each 32 steps the even ones, the odd ones, and both to the sum.
static float product_of_tiles(const float *x, const float *w, int64_t K) {
  float sum = 0;
  for (int64_t from = 0; from < K; from += 32) {
    float chains[2] = {0, 0};
    for (int64_t k = from; k < std::min(from + 32, K); ++k) {
      chains[k % 2] = std::fma(x[k], w[k], chains[k % 2]);
    }
    sum += chains[0] + chains[1];
  }
  return sum;
}

TEST_P(GemmTest, TilesAddTheEvenAndTheOddOf32Steps) {
  if (!has_tiles(*GetParam())) {
    return;
  }
  for (const Shape &shape : kShapes) {
    Weight weight("bf16", shape.N, shape.K, 7);
    for (int64_t T : {1, 2, 16, 17, 31, 32, 33, 70}) {
      SCOPED_TRACE(testing::Message() << "K " << shape.K << " N " << shape.N << " T " << T);
      Floats x = round_numbers(random_floats(T * shape.K, 8)), want(T * shape.N);
      for (int64_t i = 0; i < T * shape.N; ++i) {
        want[i] = product_of_tiles(&x[i / shape.N * shape.K], &weight.decoded[i % shape.N * shape.K], shape.K);
      }
      expect_same_bits(product(*GetParam(), x, weight, nullptr, T, shape.panelsPerItem, 0, FATHOM_ROW_BF16), want);
    }
  }
}

TEST_P(GemmTest, RowOfBf16AloneHasTheBitsItHasInABatch) {
  const int64_t T = 150, K = 300, N = 100;
  Weight weight(GetParam()->weightType, N, K, 17);
  Floats x = random_floats(T * K, 18), batch = product(*GetParam(), x, weight, nullptr, T, 2, 0, FATHOM_ROW_BF16);
  for (int64_t T2 : {1, 2, 3, 5, 6, 7, 13, 40}) {
    Floats want(batch.begin(), batch.begin() + T2 * N);
    expect_same_bits(
        product(*GetParam(), Floats(x.begin(), x.begin() + T2 * K), weight, nullptr, T2, 1, 0, FATHOM_ROW_BF16), want);
  }
}

// Tensors of a checkpoint begin anywhere in a cache line; in a GPU's memory all begin at multiples of 16 bytes.
TEST_P(GemmTest, RowsOfWeightsMayBeginAnywhere) {
  if (GetParam()->layout != "rows" || is_of_gpu(*GetParam())) {
    return;
  }
  const int64_t K = 300, N = 40;
  Weight weight(GetParam()->weightType, N, K, 19);
  Floats x = random_floats(K, 20), want = product(*GetParam(), x, weight, nullptr, 1, 2);
  for (size_t shift = weight.element; shift < 64; shift += weight.element) {
    expect_same_bits(product(*GetParam(), x, weight, nullptr, 1, 2, shift), want);
  }
}

TEST_P(GemmTest, HasTheBitsOfEveryArchAndLayout) {
  const int64_t T = 13, K = 257, N = 170;
  Weight weight(GetParam()->weightType, N, K, 27);
  Floats x = random_floats(T * K, 28);
  const Kernel *first = kernels::findKernel("gemm", "avx2", GetParam()->weightType, "panels");
  expect_same_bits(product(*GetParam(), x, weight, nullptr, T, 2), product(*first, x, weight, nullptr, T, 2));
}

static Floats gated_reference(const Floats &x, const Weight &gate, const Weight &up, int64_t T) {
  int64_t K = gate.columns, N = gate.rows;
  Floats a(T * N), b(T * N);
  ref::linear(x.data(), gate.decoded.data(), T, K, N, a.data());
  ref::linear(x.data(), up.decoded.data(), T, K, N, b.data());
  ref::swiglu(a.data(), b.data(), T * N, a.data());
  return a;
}

TEST_P(GemmSwigluTest, MatchesReferenceOverShapes) {
  for (const Shape &shape : kShapes) {
    Gated both(Weight(GetParam()->weightType, shape.N, shape.K, 37),
               Weight(GetParam()->weightType, shape.N, shape.K, 38));
    for (int64_t T : {1, 2, 4, 6, 13, 65}) {
      SCOPED_TRACE(testing::Message() << "K " << shape.K << " N " << shape.N << " T " << T);
      Floats x = random_floats(T * shape.K, 39);
      double bound = tolerance(shape.K) * 10; // values reach 10 before they are multiplied
      expect_near(product(*GetParam(), x, both.gate, &both, T, shape.panelsPerItem),
                  gated_reference(x, both.gate, both.up, T), bound, 1e-5);
    }
  }
}

TEST_P(GemmSwigluTest, RoundsNumbersOnce) {
  RoundingScope rounding(10 * order_tolerance(*GetParam()));
  for (int64_t T : {1, 13, 40, 70}) {
    Gated both(Weight(GetParam()->weightType, 33, 130, 37), Weight(GetParam()->weightType, 33, 130, 38));
    product(*GetParam(), random_floats(T * 130, 39), both.gate, &both, T, 2);
  }
}

TEST_P(GemmSwigluTest, RowAloneHasTheBitsItHasInABatch) {
  const int64_t T = 29, K = 300, N = 100;
  Gated both(Weight(GetParam()->weightType, N, K, 47), Weight(GetParam()->weightType, N, K, 48));
  Floats x = random_floats(T * K, 49), batch = product(*GetParam(), x, both.gate, &both, T, 2);
  for (int64_t t = 0; t < T; t += 7) {
    Floats row(&x[t * K], &x[t * K] + K), want(&batch[t * N], &batch[t * N] + N);
    expect_same_bits(product(*GetParam(), row, both.gate, &both, 1, 1), want);
  }
}

INSTANTIATE_TEST_SUITE_P(Catalog, GemmTest, testing::ValuesIn(kernels_of("gemm")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, GemmSwigluTest, testing::ValuesIn(kernels_of("gemm_swiglu")), kernel_name);

} // namespace fathom::test
