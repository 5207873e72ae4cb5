// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes to a store; grouped-query attention against the reference: across pages, with few rows and many, and a row
// alone as in a batch.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>

namespace fathom::test {

class CacheAppendTest : public testing::TestWithParam<const Kernel *> {};
class GqaAttentionTest : public testing::TestWithParam<const Kernel *> {};

// Groups of one, of a few and of all heads, head widths with tails.
static constexpr ref::GqaShape kShapes[] = {{1, 1, 5}, {6, 6, 16}, {9, 3, 40}, {7, 1, 24}, {12, 2, 128}};
static constexpr int64_t kLayers = 2, kLayer = 1, kContext = 400;

static double scale_of(const ref::GqaShape &s) { return 1 / std::sqrt(static_cast<double>(s.head_dim)); }

static Floats attend(const Kernel &kernel, const ref::GqaShape &s, const Floats &q, const Ints &positions,
                     Cache &cache) {
  Floats out(q.size(), std::nanf(""));
  Constants constants = {{"H", s.heads},
                         {"G", s.kv_heads},
                         {"d", s.head_dim},
                         {"key_store", cache.offsets[0]},
                         {"key_element", cache.formats[0].element},
                         {"value_store", cache.offsets[1]},
                         {"value_element", cache.formats[1].element},
                         {"scale", scale_of(s)}};
  int64_t T = positions.size();
  run({&kernel, constants, {q.data(), out.data()}, T, kLayer, positions, &cache});
  return out;
}

TEST_P(GqaAttentionTest, MatchesReference) {
  for (const ref::GqaShape &s : kShapes) {
    for (int64_t T : {1, 3, 75}) {
      SCOPED_TRACE(testing::Message() << s.heads << " heads in " << s.kv_heads << " groups, T " << T);
      Ints positions;
      for (int64_t t = 0; t < T; ++t) {
        positions.push_back(static_cast<int32_t>(60 + t));
      }
      Cache cache(kContext, kLayers, {s.head_dim, s.head_dim}, 1, s.kv_heads);
      Floats keys = cache.fill(kLayer, 60 + T, 1, 0, 0), values = cache.fill(kLayer, 60 + T, 3, 0, 1);
      Floats q = random_floats(T * s.heads * s.head_dim, 2), want(q.size());
      ref::gqa_attention(q.data(), keys.data(), values.data(), positions.data(), T, s, scale_of(s), want.data());
      expect_near(attend(*GetParam(), s, q, positions, cache), want, 2e-6);
    }
  }
}

TEST_P(GqaAttentionTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  const ref::GqaShape s = {6, 2, 40};
  for (int64_t T : {2, 75}) {
    Cache cache({{FATHOM_ROW_BF16, s.head_dim}, {FATHOM_ROW_F32, s.head_dim}}, kContext, kLayers, 1, s.kv_heads);
    cache.fill(kLayer, kContext, 1, 0, 0);
    cache.fill(kLayer, kContext, 3, 0, 1);
    attend(*GetParam(), s, random_floats(T * s.heads * s.head_dim, 2), consecutive(T, 60), cache);
  }
}

TEST_P(GqaAttentionTest, RowsDoNotDependOnTheirNeighbors) {
  const ref::GqaShape s = {6, 2, 40};
  const int64_t T = 70, width = s.heads * s.head_dim;
  Cache cache(kContext, kLayers, {s.head_dim, s.head_dim}, 1, s.kv_heads);
  cache.fill(kLayer, kContext, 1, 0, 0);
  cache.fill(kLayer, kContext, 3, 0, 1);
  Floats q = random_floats(T * width, 2);
  Ints positions;
  for (int64_t t = 0; t < T; ++t) {
    positions.push_back(static_cast<int32_t>(5 * t));
  }
  Floats all = attend(*GetParam(), s, q, positions, cache);
  for (int64_t t : {0, 13, 69}) {
    Floats alone = attend(*GetParam(), s, Floats(&q[t * width], &q[t * width] + width), {positions[t]}, cache);
    expect_same_bits(alone, Floats(&all[t * width], &all[t * width] + width));
  }
}

TEST_P(CacheAppendTest, WritesColumnsToTheStoreAndNothingElse) {
  const int64_t T = 3, heads = 2, width = 19, stride = 50, offset = 4;
  Floats x = random_floats(T * stride, 1);
  Ints positions = {62, 63, 64};
  Cache cache(kContext, kLayers, {16, width, 8}, 1, heads);
  Constants constants = {
      {"G", heads},  {"d", width}, {"x_stride", stride}, {"x_offset", offset}, {"store", cache.offsets[1]},
      {"element", 0}};
  run({GetParam(), constants, {x.data()}, T, kLayer, positions, &cache});
  for (int64_t i = 0; i < T * heads; ++i) {
    const float *row = cache.row(kLayer, positions[i / heads], 0, 1, i % heads);
    const float *from = &x[i / heads * stride + offset + i % heads * width];
    expect_same_bits(Floats(row, row + width), Floats(from, from + width));
  }
  EXPECT_EQ(std::count_if(cache.memory.begin(), cache.memory.end(), [](float value) { return !std::isnan(value); }),
            T * heads * width);
}

/// Keys and values may be kept in formats of their own.
TEST_P(GqaAttentionTest, AttendsToWhatRowsHold) {
  const ref::GqaShape s = {6, 2, 136};
  for (auto [key, value] : {std::pair<int64_t, int64_t>{FATHOM_ROW_BF16, FATHOM_ROW_BF16},
                            {FATHOM_ROW_F8E4M3, FATHOM_ROW_F8E4M3},
                            {FATHOM_ROW_F32, FATHOM_ROW_F8E4M3}}) {
    for (int64_t T : {2, 70}) {
      SCOPED_TRACE(testing::Message() << "formats " << key << " and " << value << ", T " << T);
      Cache cache({{key, s.head_dim}, {value, s.head_dim}}, kContext, kLayers, 1, s.kv_heads);
      cache.fill(kLayer, kContext, 1, 0, 0);
      cache.fill(kLayer, kContext, 3, 0, 1);
      Cache decoded = decode(cache, kContext, kLayers, kLayer);
      Floats q = random_floats(T * s.heads * s.head_dim, 2);
      Ints positions = consecutive(T, 190);
      expect_same_bits(attend(*GetParam(), s, q, positions, cache), attend(*GetParam(), s, q, positions, decoded));
    }
  }
}

TEST_P(CacheAppendTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  Floats x = random_floats(2 * 131, 1);
  for (int64_t element : {FATHOM_ROW_F32, FATHOM_ROW_BF16, FATHOM_ROW_F8E4M3}) {
    Cache cache({{element, 131}}, kContext, kLayers, 1, 2);
    Constants constants = {{"G", 2},        {"d", 131},   {"x_stride", 262},
                           {"x_offset", 0}, {"store", 0}, {"element", element}};
    run({GetParam(), constants, {x.data()}, 1, kLayer, {70}, &cache});
  }
}

TEST_P(CacheAppendTest, EncodesRows) {
  const int64_t T = 2, heads = 2, width = 131;
  Floats x = random_floats(T * heads * width, 1);
  Ints positions = {63, 64};
  for (int64_t element : {FATHOM_ROW_BF16, FATHOM_ROW_F8E4M3}) {
    ref::RowFormat format = {element, width};
    Cache cache({format}, kContext, kLayers, 1, heads);
    Constants constants = {{"G", heads},    {"d", width}, {"x_stride", heads * width},
                           {"x_offset", 0}, {"store", 0}, {"element", element}};
    run({GetParam(), constants, {x.data()}, T, kLayer, positions, &cache});
    for (int64_t i = 0; i < T * heads; ++i) {
      std::vector<uint8_t> want = ref::encode_row(&x[i * width], format);
      const uint8_t *got = cache.bytes(kLayer, positions[i / heads], 0, 0, i % heads);
      EXPECT_EQ(std::vector<uint8_t>(got, got + want.size()), want) << "format " << element << ", row " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Catalog, CacheAppendTest, testing::ValuesIn(kernels_of("cache_append")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, GqaAttentionTest, testing::ValuesIn(kernels_of("gqa_attention")), kernel_name);

} // namespace fathom::test
