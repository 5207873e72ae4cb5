// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention to a selection of keys.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>

namespace fathom::test {

class MlaSelectedAttentionTest : public testing::TestWithParam<const Kernel *> {};

static constexpr int64_t kLayers = 2, kLayer = 1, kContext = 400;

static constexpr ref::MlaShape kShapes[] = {{1, 5, 2, 3, 7}, {7, 24, 6, 40, 50}, {20, 16, 8, 16, 32}};

static double scale_of(const ref::MlaShape &s) {
  return 3.0 / std::sqrt(static_cast<double>((s.nope + s.rope) * s.rank));
}

namespace {

struct Attention {
  Attention(const ref::MlaShape &shape, Ints positions, std::vector<int64_t> sequences,
            int64_t element = FATHOM_ROW_F32)
      : shape(shape), width(shape.rank + shape.rope), positions(std::move(positions)), sequences(std::move(sequences)),
        cache({{element, width, element == FATHOM_ROW_F8E4M3 ? shape.rope : 0}}, kContext, kLayers, 3),
        q(random_floats(rows() * shape.heads * width, 22)) {
    for (int64_t sequence = 0; sequence < 3; ++sequence) {
      latents.push_back(cache.fill(kLayer, kContext, 21 + sequence, sequence));
    }
  }

  int64_t rows() const { return static_cast<int64_t>(positions.size()); }

  Floats attend(const Kernel &kernel, int64_t heads_per_item, const Ints *selection = nullptr) {
    Floats out(rows() * shape.heads * shape.rank, std::nanf(""));
    Constants constants = {{"H", shape.heads},
                           {"r", shape.rank},
                           {"dr", shape.rope},
                           {"latent_store", 0},
                           {"latent_element", cache.formats[0].element},
                           {"scale", scale_of(shape)},
                           {"heads_per_item", heads_per_item}};
    Call call{&kernel, constants, {q.data()}, rows(), kLayer, positions, &cache, sequences};
    if (selection) {
      call.constants["k"] = static_cast<double>(selection->size() / rows());
      call.operands.push_back(selection->data());
    }
    call.operands.push_back(out.data());
    run(call);
    return out;
  }

  ref::MlaShape shape;
  int64_t width;
  Ints positions;
  std::vector<int64_t> sequences;
  Cache cache;
  Floats q;
  std::vector<Floats> latents; ///< of each sequence
};

} // namespace

/// For each row every `step`-th of its positions, at most k of them, then -1.
static Ints every(const Ints &positions, int32_t step, int64_t k) {
  Ints selection;
  for (int32_t position : positions) {
    for (int64_t j = 0; j < k; ++j) {
      selection.push_back(j * step <= position ? static_cast<int32_t>(j * step) : -1);
    }
  }
  return selection;
}

TEST_P(MlaSelectedAttentionTest, AttendsToWhatRowsHold) {
  for (int64_t element : {FATHOM_ROW_BF16, FATHOM_ROW_F8E4M3}) {
    SCOPED_TRACE(testing::Message() << "format " << element);
    Attention attention(kShapes[1], {0, 62, 64, 399}, {0, 2, 1, 2}, element);
    Ints selection = every(attention.positions, 3, 110);
    Floats got = attention.attend(*GetParam(), 3, &selection);
    attention.cache = decode(attention.cache, kContext, kLayers, kLayer);
    expect_same_bits(got, attention.attend(*GetParam(), 3, &selection));
  }
}

TEST_P(MlaSelectedAttentionTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  Attention attention(kShapes[1], {0, 62, 64, 399}, {0, 2, 1, 2});
  Ints selection = every(attention.positions, 3, 110);
  attention.attend(*GetParam(), 3, &selection);
}

TEST_P(MlaSelectedAttentionTest, SelectionOfEverythingHasTheBitsOfAllKeys) {
  const Kernel &dense = *kernels::findKernel("mla_latent_attention", GetParam()->arch, "f32", "none");
  for (const ref::MlaShape &shape : kShapes) {
    for (int64_t k : {200, 256, 333}) {
      // Lengths 1, 63, 64, 65, 200 in sequences of their own.
      Attention attention(shape, {0, 62, 63, 64, 199}, {0, 2, 1, 0, 2});
      Ints selection = every(attention.positions, 1, k);
      for (int64_t heads_per_item : {1, 3, 16}) {
        SCOPED_TRACE(testing::Message() << shape.heads << " heads, " << heads_per_item << " an item, k " << k);
        expect_same_bits(attention.attend(*GetParam(), heads_per_item, &selection),
                         attention.attend(dense, heads_per_item));
      }
    }
  }
}

TEST_P(MlaSelectedAttentionTest, MatchesReference) {
  for (const ref::MlaShape &shape : kShapes) {
    Attention attention(shape, {0, 63, 64, 200, 399}, {1, 0, 2, 1, 0});
    for (auto [step, k] : {std::pair<int32_t, int64_t>{1, 1}, {3, 7}, {2, 64}, {5, 65}, {2, 150}, {70, 20}}) {
      SCOPED_TRACE(testing::Message() << shape.heads << " heads, k " << k << ", step " << step);
      Ints selection = every(attention.positions, step, k);
      int64_t row = shape.heads * shape.rank;
      Floats got = attention.attend(*GetParam(), 4, &selection), want(got.size());
      for (int64_t t = 0; t < attention.rows(); ++t) {
        ref::mla_selected_attention(&attention.q[t * shape.heads * attention.width],
                                    attention.latents[attention.sequences[t]].data(), &selection[t * k], 1, k, shape,
                                    scale_of(shape), &want[t * row]);
      }
      expect_near(got, want, 2e-6, 1e-5);
    }
  }
}

TEST_P(MlaSelectedAttentionTest, OneSelectedKeyGivesItsValue) {
  Attention attention(kShapes[1], {300}, {2});
  Ints selection = {131, -1, -1};
  Floats got = attention.attend(*GetParam(), 8, &selection);
  for (int64_t h = 0; h < kShapes[1].heads; ++h) {
    const float *value = attention.cache.row(kLayer, 131, 2), *out = &got[h * kShapes[1].rank];
    expect_same_bits(Floats(out, out + kShapes[1].rank), Floats(value, value + kShapes[1].rank));
  }
}

TEST_P(MlaSelectedAttentionTest, ReadsSelectedRowsOnly) {
  Attention attention(kShapes[1], {300}, {0});
  Ints selection = {5, 64, 127, 128, 299};
  Floats want = attention.attend(*GetParam(), 8, &selection);
  for (int32_t u = 0; u < kContext; ++u) {
    if (std::find(selection.begin(), selection.end(), u) == selection.end()) {
      std::fill_n(attention.cache.row(kLayer, u, 0), attention.width, std::nanf(""));
    }
  }
  expect_same_bits(attention.attend(*GetParam(), 8, &selection), want);
}

INSTANTIATE_TEST_SUITE_P(Catalog, MlaSelectedAttentionTest, testing::ValuesIn(kernels_of("mla_selected_attention")),
                         kernel_name);

} // namespace fathom::test
