// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multi-head latent attention: each kernel against the reference, across pages, alone and in a batch, and both forms
// of attention against each other.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <array>
#include <cmath>

namespace fathom::test {

class MlaAppendTest : public testing::TestWithParam<const Kernel *> {};
class MlaAbsorbQueryTest : public testing::TestWithParam<const Kernel *> {};
class MlaLatentAttentionTest : public testing::TestWithParam<const Kernel *> {};
class MlaExpandOutputTest : public testing::TestWithParam<const Kernel *> {};
class MlaAttentionTest : public testing::TestWithParam<const Kernel *> {};

// heads, dn, dr, dv, r: with tails everywhere, many heads, and the ratios of real models.
static constexpr ref::MlaShape kMlaShapes[] = {
    {1, 5, 2, 3, 7}, {7, 24, 6, 40, 50}, {20, 16, 8, 16, 32}, {2, 128, 64, 128, 160}};
static constexpr int64_t kLayers = 2, kLayer = 1, kContext = 400;

/// Keeps scores within a few units: larger ones magnify the rounding of a score.
static double scale_of(const ref::MlaShape &s) {
  return 3.0 / std::sqrt(static_cast<double>((s.nope + s.rope) * s.rank));
}

static int64_t query_size(const ref::MlaShape &s) { return s.heads * (s.nope + s.rope); }

static Weight make_kv_b(const Kernel &kernel, const ref::MlaShape &s) {
  return Weight(kernel.weightType, s.heads * (s.nope + s.value), s.rank, 11);
}

TEST_P(MlaAppendTest, MatchesReferenceAndWritesOnlyItsRows) {
  for (auto [r, dr] : {std::array<int64_t, 2>{16, 8}, {50, 6}, {512, 64}}) {
    const int64_t T = 3, stride = r + dr + 7, offset = 4;
    Weight w(GetParam()->weightType, 1, r, 1);
    Floats kv = random_floats(T * stride, 2), table = rope_table(kContext, dr);
    Ints positions = {62, 63, 64};
    Cache cache(200, kLayers, {r + dr});
    Constants constants = {{"r", r},
                           {"dr", dr},
                           {"kv_stride", stride},
                           {"kv_offset", offset},
                           {"latent_store", 0},
                           {"latent_element", 0},
                           {"eps", 1e-6}};
    run({GetParam(), constants, {kv.data(), w.data.data(), table.data()}, T, kLayer, positions, &cache});
    for (int64_t t = 0; t < T; ++t) {
      Floats want(r + dr), got(cache.row(kLayer, positions[t]), cache.row(kLayer, positions[t]) + r + dr);
      ref::mla_append(&kv[t * stride + offset], w.decoded.data(), table.data(), positions[t], r, dr, 1e-6, want.data());
      expect_near(got, want, 3e-7, 1e-6);
    }
    int64_t written = 0;
    for (float value : cache.memory) {
      written += !std::isnan(value);
    }
    EXPECT_EQ(written, T * (r + dr));
  }
}

/// What is written as f32, encoded: a latent in FP8 has its key in bf16.
TEST_P(MlaAppendTest, EncodesRows) {
  const int64_t r = 150, dr = 6, width = r + dr;
  Weight w(GetParam()->weightType, 1, r, 1);
  Floats kv = random_floats(width, 2), table = rope_table(kContext, dr);
  auto append = [&](const ref::RowFormat &format) {
    Cache cache({format}, kContext, kLayers);
    Constants constants = {{"r", r},         {"dr", dr},          {"kv_stride", width},
                           {"kv_offset", 0}, {"latent_store", 0}, {"latent_element", format.element},
                           {"eps", 1e-6}};
    run({GetParam(), constants, {kv.data(), w.data.data(), table.data()}, 1, kLayer, {70}, &cache});
    const uint8_t *row = cache.bytes(kLayer, 70);
    return std::vector<uint8_t>(row, row + fathom_row_bytes(format.element, format.width, format.tail));
  };
  Floats exact = ref::decode_row(append({FATHOM_ROW_F32, width}).data(), {FATHOM_ROW_F32, width});
  for (const ref::RowFormat &format : RowFormats{{FATHOM_ROW_BF16, width}, {FATHOM_ROW_F8E4M3, width, dr}}) {
    EXPECT_EQ(append(format), ref::encode_row(exact.data(), format)) << "format " << format.element;
  }
}

TEST_P(MlaAppendTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  Weight w(GetParam()->weightType, 1, 50, 1);
  Floats kv = random_floats(56, 2), table = rope_table(kContext, 6);
  for (int64_t element : {FATHOM_ROW_F32, FATHOM_ROW_BF16}) {
    Cache cache({{element, 56}}, kContext, kLayers);
    Constants constants = {{"r", 50},        {"dr", 6},           {"kv_stride", 56},
                           {"kv_offset", 0}, {"latent_store", 0}, {"latent_element", element},
                           {"eps", 1e-6}};
    run({GetParam(), constants, {kv.data(), w.data.data(), table.data()}, 1, kLayer, {70}, &cache});
  }
}

static Floats absorb(const Kernel &kernel, const ref::MlaShape &s, const Weight &kv_b, const Floats &q,
                     const Ints &positions) {
  int64_t T = positions.size();
  Floats table = rope_table(kContext, s.rope), out(T * s.heads * (s.rank + s.rope), std::nanf(""));
  Constants constants = {{"H", s.heads}, {"dn", s.nope}, {"dr", s.rope}, {"dv", s.value}, {"r", s.rank}};
  Call call{&kernel, constants, {q.data(), kv_b.data.data()}, T, kLayer, positions};
  if (kv_b.quantized) {
    call.operands.push_back(kv_b.scales.data());
  }
  call.operands.insert(call.operands.end(), {table.data(), out.data()});
  run(call);
  return out;
}

TEST_P(MlaAbsorbQueryTest, MatchesReference) {
  for (const ref::MlaShape &s : kMlaShapes) {
    Weight kv_b = make_kv_b(*GetParam(), s);
    for (int64_t T : {1, 2, 13}) {
      SCOPED_TRACE(testing::Message() << s.heads << " heads, T " << T);
      Floats q = random_floats(T * query_size(s), 12), table = rope_table(kContext, s.rope),
             want(T * s.heads * (s.rank + s.rope));
      Ints positions = consecutive(T, 60);
      ref::mla_absorb_query(q.data(), kv_b.decoded.data(), positions.data(), table.data(), T, s, want.data());
      Floats got = absorb(*GetParam(), s, kv_b, q, positions);
      expect_near(got, want, 3e-5, 1e-6);
      int64_t last = (T - 1) * query_size(s), size = want.size() / T;
      Floats alone = absorb(*GetParam(), s, kv_b, Floats(q.begin() + last, q.end()), {positions.back()});
      expect_same_bits(alone, Floats(got.end() - size, got.end()));
    }
  }
}

TEST_P(MlaAbsorbQueryTest, RoundsNumbersOnce) {
  RoundingScope rounding(order_tolerance(*GetParam()));
  // Odd widths, whole blocks of scales, and latents that end within a panel.
  for (const ref::MlaShape &s : {kMlaShapes[1], kMlaShapes[3], ref::MlaShape{2, 24, 8, 40, 72}}) {
    for (int64_t T : {1, 13, 40}) {
      SCOPED_TRACE(testing::Message() << "rank " << s.rank << ", T " << T);
      absorb(*GetParam(), s, make_kv_b(*GetParam(), s), random_floats(T * query_size(s), 12), consecutive(T, 60));
    }
  }
}

static Floats expand(const Kernel &kernel, const ref::MlaShape &s, const Weight &kv_b, const Floats &o) {
  int64_t T = o.size() / (s.heads * s.rank);
  Floats out(T * s.heads * s.value, std::nanf(""));
  Constants constants = {{"H", s.heads}, {"dn", s.nope}, {"dv", s.value}, {"r", s.rank}};
  Call call{&kernel, constants, {o.data(), kv_b.data.data()}, T};
  if (kv_b.quantized) {
    call.operands.push_back(kv_b.scales.data());
  }
  call.operands.push_back(out.data());
  run(call);
  return out;
}

TEST_P(MlaExpandOutputTest, MatchesReference) {
  for (const ref::MlaShape &s : kMlaShapes) {
    Weight kv_b = make_kv_b(*GetParam(), s);
    for (int64_t T : {1, 3, 13}) {
      SCOPED_TRACE(testing::Message() << s.heads << " heads, T " << T);
      Floats o = random_floats(T * s.heads * s.rank, 13), want(T * s.heads * s.value);
      ref::mla_expand_output(o.data(), kv_b.decoded.data(), T, s, want.data());
      Floats got = expand(*GetParam(), s, kv_b, o);
      expect_near(got, want, 5e-5, 1e-6);
      Floats alone = expand(*GetParam(), s, kv_b, Floats(o.end() - s.heads * s.rank, o.end()));
      expect_same_bits(alone, Floats(got.end() - s.heads * s.value, got.end()));
    }
  }
}

TEST_P(MlaExpandOutputTest, RoundsNumbersOnce) {
  RoundingScope rounding(order_tolerance(*GetParam()));
  const ref::MlaShape &s = kMlaShapes[1];
  for (int64_t T : {1, 13}) {
    expand(*GetParam(), s, make_kv_b(*GetParam(), s), random_floats(T * s.heads * s.rank, 13));
  }
}

static Floats latent_attention(const Kernel &kernel, const ref::MlaShape &s, int64_t heads_per_item, const Floats &q,
                               const Ints &positions, Cache &cache, const std::vector<int64_t> &sequences = {}) {
  int64_t T = positions.size();
  Floats out(T * s.heads * s.rank, std::nanf(""));
  Constants constants = {{"H", s.heads},
                         {"r", s.rank},
                         {"dr", s.rope},
                         {"latent_store", 0},
                         {"latent_element", cache.formats[0].element},
                         {"scale", scale_of(s)},
                         {"heads_per_item", heads_per_item}};
  run({&kernel, constants, {q.data(), out.data()}, T, kLayer, positions, &cache, sequences});
  return out;
}

TEST_P(MlaLatentAttentionTest, MatchesReferenceAtPageBoundaries) {
  for (const ref::MlaShape &s : kMlaShapes) {
    int64_t width = s.rank + s.rope;
    Cache cache(kContext, kLayers, {width});
    Floats latents = cache.fill(kLayer, kContext, 21);
    Ints positions = {0, 1, 62, 63, 64, 65, 127, 128, 300};
    int64_t T = positions.size();
    Floats q = random_floats(T * s.heads * width, 22), want(T * s.heads * s.rank);
    ref::mla_latent_attention(q.data(), latents.data(), positions.data(), T, s, scale_of(s), want.data());
    for (int64_t heads_per_item : {1, 3, 16}) {
      SCOPED_TRACE(testing::Message() << s.heads << " heads, " << heads_per_item << " an item");
      expect_near(latent_attention(*GetParam(), s, heads_per_item, q, positions, cache), want, 2e-6, 1e-5);
    }
  }
}

TEST_P(MlaLatentAttentionTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  const ref::MlaShape &s = kMlaShapes[1];
  int64_t width = s.rank + s.rope;
  for (int64_t element : {FATHOM_ROW_F32, FATHOM_ROW_BF16}) {
    Cache cache({{element, width}}, kContext, kLayers);
    cache.fill(kLayer, kContext, 21);
    latent_attention(*GetParam(), s, 3, random_floats(2 * s.heads * width, 22), {64, 300}, cache);
  }
}

TEST_P(MlaLatentAttentionTest, AttendsToWhatRowsHold) {
  const ref::MlaShape s = {5, 12, 6, 20, 150};
  int64_t width = s.rank + s.rope;
  for (const ref::RowFormat &format : RowFormats{{FATHOM_ROW_BF16, width}, {FATHOM_ROW_F8E4M3, width, s.rope}}) {
    SCOPED_TRACE(testing::Message() << "format " << format.element);
    Cache cache({format}, kContext, kLayers);
    cache.fill(kLayer, kContext, 21);
    Cache decoded = decode(cache, kContext, kLayers, kLayer);
    Ints positions = {0, 63, 64, 300};
    Floats q = random_floats(positions.size() * s.heads * width, 22);
    expect_same_bits(latent_attention(*GetParam(), s, 3, q, positions, cache),
                     latent_attention(*GetParam(), s, 3, q, positions, decoded));
  }
}

TEST_P(MlaLatentAttentionTest, RowAloneHasTheBitsItHasInABatchOfSequences) {
  const ref::MlaShape &s = kMlaShapes[1];
  int64_t width = s.rank + s.rope;
  Cache cache(kContext, kLayers, {width}, 2);
  cache.fill(kLayer, 66, 31, 0);
  cache.fill(kLayer, 200, 32, 1);
  Floats q = random_floats(2 * s.heads * width, 33);
  Floats both = latent_attention(*GetParam(), s, 4, q, {65, 199}, cache, {0, 1});
  Floats alone = latent_attention(*GetParam(), s, 7, Floats(q.begin() + s.heads * width, q.end()), {199}, cache, {1});
  expect_same_bits(alone, Floats(both.begin() + s.heads * s.rank, both.end()));
}

TEST_P(MlaLatentAttentionTest, HasTheBitsOfEveryArch) {
  if (is_of_gpu(*GetParam())) {
    return; // its chains are its own, and there is one arch
  }
  const ref::MlaShape &s = kMlaShapes[1];
  int64_t width = s.rank + s.rope;
  Cache cache(kContext, kLayers, {width});
  cache.fill(kLayer, 200, 41);
  Floats q = random_floats(s.heads * width, 42);
  const Kernel *first = kernels::findKernel("mla_latent_attention", "avx2", "f32", "none");
  expect_same_bits(latent_attention(*GetParam(), s, 3, q, {199}, cache),
                   latent_attention(*first, s, 3, q, {199}, cache));
}

static Floats attention(const Kernel &kernel, const ref::MlaShape &s, const Weight &kv_b, const Floats &q,
                        const Ints &positions, Cache &cache) {
  int64_t T = positions.size();
  Floats table = rope_table(kContext, s.rope), out(T * s.heads * s.value, std::nanf(""));
  Constants constants = {{"H", s.heads},
                         {"dn", s.nope},
                         {"dr", s.rope},
                         {"dv", s.value},
                         {"r", s.rank},
                         {"latent_store", 0},
                         {"latent_element", cache.formats[0].element},
                         {"scale", scale_of(s)}};
  Call call{&kernel, constants, {q.data(), kv_b.data.data()}, T, kLayer, positions, &cache};
  if (kv_b.quantized) {
    call.operands.push_back(kv_b.scales.data());
  }
  call.operands.insert(call.operands.end(), {table.data(), out.data()});
  run(call);
  return out;
}

TEST_P(MlaAttentionTest, MatchesReferenceAtPageBoundaries) {
  for (const ref::MlaShape &s : kMlaShapes) {
    Weight kv_b = make_kv_b(*GetParam(), s);
    Floats table = rope_table(kContext, s.rope);
    for (auto [first, T] : {std::array<int64_t, 2>{0, 1}, {0, 2}, {63, 1}, {62, 3}, {0, 64}, {0, 65}, {60, 80}}) {
      SCOPED_TRACE(testing::Message() << s.heads << " heads, from " << first << ", T " << T);
      Cache cache(kContext, kLayers, {s.rank + s.rope});
      Floats latents = cache.fill(kLayer, first + T, 51);
      Floats q = random_floats(T * query_size(s), 52), want(T * s.heads * s.value);
      Ints positions = consecutive(T, static_cast<int32_t>(first));
      ref::mla_attention(q.data(), kv_b.decoded.data(), latents.data(), positions.data(), table.data(), T, s,
                         scale_of(s), want.data());
      expect_near(attention(*GetParam(), s, kv_b, q, positions, cache), want, 5e-5, 1e-5);
    }
  }
}

TEST_P(MlaAttentionTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  const ref::MlaShape &s = kMlaShapes[1];
  Cache cache(kContext, kLayers, {s.rank + s.rope});
  cache.fill(kLayer, kContext, 51);
  attention(*GetParam(), s, make_kv_b(*GetParam(), s), random_floats(70 * query_size(s), 52), consecutive(70, 30),
            cache);
}

TEST_P(MlaAttentionTest, AttendsToWhatRowsHold) {
  const ref::MlaShape s = {2, 12, 6, 20, 150};
  int64_t width = s.rank + s.rope;
  Weight kv_b = make_kv_b(*GetParam(), s);
  for (const ref::RowFormat &format : RowFormats{{FATHOM_ROW_BF16, width}, {FATHOM_ROW_F8E4M3, width, s.rope}}) {
    SCOPED_TRACE(testing::Message() << "format " << format.element);
    Cache cache({format}, kContext, kLayers);
    cache.fill(kLayer, kContext, 51);
    Cache decoded = decode(cache, kContext, kLayers, kLayer);
    Ints positions = consecutive(70, 100);
    Floats q = random_floats(positions.size() * query_size(s), 52);
    expect_same_bits(attention(*GetParam(), s, kv_b, q, positions, cache),
                     attention(*GetParam(), s, kv_b, q, positions, decoded));
  }
}

TEST_P(MlaAttentionTest, ChunksOfAPromptHaveTheBitsOfTheWhole) {
  const ref::MlaShape &s = kMlaShapes[1];
  const int64_t T = 300;
  Weight kv_b = make_kv_b(*GetParam(), s);
  Cache cache(kContext, kLayers, {s.rank + s.rope});
  cache.fill(kLayer, T, 61);
  Floats q = random_floats(T * query_size(s), 62);
  Floats whole = attention(*GetParam(), s, kv_b, q, consecutive(T), cache);
  for (int64_t chunk : {1, 7, 64, 100}) {
    SCOPED_TRACE(testing::Message() << "chunks of " << chunk);
    Floats parts;
    for (int64_t first = 0; first < T; first += chunk) {
      int64_t rows = std::min(chunk, T - first);
      // What later chunks will write is not there yet.
      Cache early(kContext, kLayers, {cache.formats[0].width});
      for (int64_t t = 0; t < first + rows; ++t) {
        std::copy_n(cache.row(kLayer, t), cache.formats[0].width, early.row(kLayer, t));
      }
      Floats part(q.begin() + first * query_size(s), q.begin() + (first + rows) * query_size(s));
      Floats out = attention(*GetParam(), s, kv_b, part, consecutive(rows, static_cast<int32_t>(first)), early);
      parts.insert(parts.end(), out.begin(), out.end());
    }
    expect_same_bits(parts, whole);
  }
}

TEST_P(MlaAttentionTest, AgreesWithAbsorbedAttention) {
  const ref::MlaShape &s = kMlaShapes[3];
  std::string_view arch = GetParam()->arch, type = GetParam()->weightType;
  Weight kv_b = make_kv_b(*GetParam(), s);
  Cache cache(kContext, kLayers, {s.rank + s.rope});
  cache.fill(kLayer, 130, 71);
  Floats q = random_floats(query_size(s), 72);
  Floats absorbed = absorb(*kernels::findKernel("mla_absorb_query", arch, type, "rows"), s, kv_b, q, {129});
  Floats latent =
      latent_attention(*kernels::findKernel("mla_latent_attention", arch, "f32", "none"), s, 2, absorbed, {129}, cache);
  Floats decoded = expand(*kernels::findKernel("mla_expand_output", arch, type, "rows"), s, kv_b, latent);
  expect_near(attention(*GetParam(), s, kv_b, q, {129}, cache), decoded, 1e-4, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Catalog, MlaAppendTest, testing::ValuesIn(kernels_of("mla_append")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, MlaAbsorbQueryTest, testing::ValuesIn(kernels_of("mla_absorb_query")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, MlaLatentAttentionTest, testing::ValuesIn(kernels_of("mla_latent_attention")),
                         kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, MlaExpandOutputTest, testing::ValuesIn(kernels_of("mla_expand_output")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, MlaAttentionTest, testing::ValuesIn(kernels_of("mla_attention")), kernel_name);

} // namespace fathom::test
