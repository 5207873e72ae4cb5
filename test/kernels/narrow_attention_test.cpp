// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention of activations of bf16 to a cache that is not f32, at widths that a GPU multiplies as matrices: near the
// reference, and a row alone as in a batch.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <cmath>

namespace fathom::test {

class NarrowLatentAttentionTest : public testing::TestWithParam<const Kernel *> {};
class NarrowMlaAttentionTest : public testing::TestWithParam<const Kernel *> {};
class NarrowGqaAttentionTest : public testing::TestWithParam<const Kernel *> {};

using Codes = std::vector<uint16_t>;

static constexpr int64_t kLayers = 2, kLayer = 1, kContext = 400;
static constexpr ref::MlaShape kMlaShapes[] = {{20, 0, 64, 0, 128}, {3, 0, 64, 0, 512}};
/// Groups of as many heads as a block has more than once, of some, and of one.
static constexpr ref::GqaShape kGqaShapes[] = {{70, 1, 128}, {12, 2, 128}, {2, 2, 128}};
/// The rounding of a weight and of a result, of values of size 1.
static constexpr double kTolerance = 6e-3;

static double scale_of(int64_t width) { return 1 / std::sqrt(static_cast<double>(width)); }

static Floats decode(const Codes &codes) {
  Floats numbers;
  for (uint16_t code : codes) {
    numbers.push_back(ref::bf16_to_f32(code));
  }
  return numbers;
}

/// Operands are q, a selection if there is one, and the result.
static Codes attend(const Kernel &kernel, const ref::MlaShape &s, const Codes &q, const Ints &positions, Cache &cache,
                    const Ints *selection = nullptr) {
  auto T = static_cast<int64_t>(positions.size());
  Codes out(T * s.heads * s.rank);
  Constants constants = {{"H", s.heads},
                         {"r", s.rank},
                         {"dr", s.rope},
                         {"latent_store", 0},
                         {"latent_element", cache.formats[0].element},
                         {"scale", scale_of(s.rank)},
                         {"heads_per_item", 3},
                         {"x_element", FATHOM_ROW_BF16}};
  Call call{&kernel, constants, {q.data()}, T, kLayer, positions, &cache};
  if (selection) {
    call.constants["k"] = static_cast<double>(selection->size() / T);
    call.operands.push_back(selection->data());
  }
  call.operands.push_back(out.data());
  run(call);
  return out;
}

static Cache make_latents(const ref::MlaShape &s, int64_t element) {
  return Cache({{element, s.rank + s.rope, element == FATHOM_ROW_F8E4M3 ? s.rope : 0}}, kContext, kLayers);
}

TEST_P(NarrowLatentAttentionTest, IsNearTheReference) {
  for (const ref::MlaShape &s : kMlaShapes) {
    for (int64_t element : {FATHOM_ROW_BF16, FATHOM_ROW_F8E4M3}) {
      SCOPED_TRACE(testing::Message() << s.heads << " heads, rank " << s.rank << ", format " << element);
      Cache cache = make_latents(s, element);
      Floats latents = cache.fill(kLayer, kContext, 21);
      Ints positions = {0, 62, 63, 64, 300};
      auto T = static_cast<int64_t>(positions.size());
      Codes q = encode(random_floats(T * s.heads * (s.rank + s.rope), 22));
      Floats want(T * s.heads * s.rank);
      ref::mla_latent_attention(decode(q).data(), latents.data(), positions.data(), T, s, scale_of(s.rank),
                                want.data());
      expect_near(decode(attend(*GetParam(), s, q, positions, cache)), want, kTolerance);
    }
  }
}

TEST_P(NarrowLatentAttentionTest, RowAloneAndASelectionOfEverythingHaveTheBitsOfABatch) {
  const ref::MlaShape &s = kMlaShapes[0];
  const Kernel &selecting = *kernels::findKernel("mla_selected_attention", GetParam()->arch, "f32", "none");
  Cache cache = make_latents(s, FATHOM_ROW_BF16);
  cache.fill(kLayer, kContext, 21);
  Codes q = encode(random_floats(2 * s.heads * (s.rank + s.rope), 22));
  Codes both = attend(*GetParam(), s, q, {65, 199}, cache);
  Codes last(q.begin() + s.heads * (s.rank + s.rope), q.end());
  Codes want(both.begin() + s.heads * s.rank, both.end());
  EXPECT_EQ(attend(*GetParam(), s, last, {199}, cache), want);
  Ints selection = consecutive(200);
  selection.resize(230, -1);
  EXPECT_EQ(attend(selecting, s, last, {199}, cache, &selection), want);
}

/// Results [T, H * dv] of queries as they are outside of the space of latents.
static Codes attend_expanded(const Kernel &kernel, const ref::MlaShape &s, const Weight &kv_b, const Codes &q,
                             const Ints &positions, Cache &cache) {
  auto T = static_cast<int64_t>(positions.size());
  Floats table = rope_table(kContext, s.rope);
  Codes out(T * s.heads * s.value);
  Constants constants = {{"H", s.heads},
                         {"dn", s.nope},
                         {"dr", s.rope},
                         {"dv", s.value},
                         {"r", s.rank},
                         {"latent_store", 0},
                         {"latent_element", FATHOM_ROW_BF16},
                         {"scale", 0.02},
                         {"x_element", FATHOM_ROW_BF16}};
  Call call{&kernel, constants, {q.data(), kv_b.data.data()}, T, kLayer, positions, &cache};
  if (kv_b.quantized) {
    call.operands.push_back(kv_b.scales.data());
  }
  call.operands.insert(call.operands.end(), {table.data(), out.data()});
  run(call);
  return out;
}

TEST_P(NarrowMlaAttentionTest, IsNearTheReferenceAndARowAloneHasTheBitsOfAPrompt) {
  const ref::MlaShape s = {3, 32, 64, 24, 128};
  Weight kv_b(GetParam()->weightType, s.heads * (s.nope + s.value), s.rank, 11);
  Cache cache = make_latents(s, FATHOM_ROW_BF16);
  Floats latents = cache.fill(kLayer, kContext, 21), table = rope_table(kContext, s.rope);
  Ints positions = consecutive(70, 30);
  int64_t T = 70, width = s.heads * (s.nope + s.rope);
  Codes q = encode(random_floats(T * width, 22));
  Floats want(T * s.heads * s.value);
  ref::mla_attention(decode(q).data(), kv_b.decoded.data(), latents.data(), positions.data(), table.data(), T, s, 0.02,
                     want.data());
  Codes got = attend_expanded(*GetParam(), s, kv_b, q, positions, cache);
  expect_near(decode(got), want, 4e-2);
  Codes alone = attend_expanded(*GetParam(), s, kv_b, Codes(q.end() - width, q.end()), {99}, cache);
  EXPECT_EQ(alone, Codes(got.end() - s.heads * s.value, got.end()));
}

/// Keys of bf16 and values of FP8, of two sequences.
static Cache make_keys_and_values(const ref::GqaShape &s) {
  return Cache({{FATHOM_ROW_BF16, s.head_dim}, {FATHOM_ROW_F8E4M3, s.head_dim}}, kContext, kLayers, 2, s.kv_heads);
}

static Codes attend(const Kernel &kernel, const ref::GqaShape &s, const Codes &q, const Ints &positions, Cache &cache,
                    const std::vector<int64_t> &sequences = {}) {
  Codes out(q.size());
  Constants constants = {{"H", s.heads},
                         {"G", s.kv_heads},
                         {"d", s.head_dim},
                         {"key_store", cache.offsets[0]},
                         {"key_element", FATHOM_ROW_BF16},
                         {"value_store", cache.offsets[1]},
                         {"value_element", FATHOM_ROW_F8E4M3},
                         {"scale", scale_of(s.head_dim)},
                         {"x_element", FATHOM_ROW_BF16}};
  auto T = static_cast<int64_t>(positions.size());
  run({&kernel, constants, {q.data(), out.data()}, T, kLayer, positions, &cache, sequences});
  return out;
}

TEST_P(NarrowGqaAttentionTest, IsNearTheReference) {
  for (const ref::GqaShape &s : kGqaShapes) {
    for (const Ints &positions : {Ints{0, 64, 300}, consecutive(20, 115)}) {
      SCOPED_TRACE(testing::Message() << s.heads << " heads, " << positions.size() << " rows");
      Cache cache = make_keys_and_values(s);
      Floats keys = cache.fill(kLayer, kContext, 1, 0, 0), values = cache.fill(kLayer, kContext, 3, 0, 1);
      auto T = static_cast<int64_t>(positions.size());
      Codes q = encode(random_floats(T * s.heads * s.head_dim, 2));
      Floats want(q.size());
      ref::gqa_attention(decode(q).data(), keys.data(), values.data(), positions.data(), T, s, scale_of(s.head_dim),
                         want.data());
      expect_near(decode(attend(*GetParam(), s, q, positions, cache)), want, kTolerance);
    }
  }
}

/// Rows of a block share keys where they are of one sequence and in the same steps of it.
TEST_P(NarrowGqaAttentionTest, ARowAloneHasTheBitsOfAPromptAmongOthers) {
  for (const ref::GqaShape &s : kGqaShapes) {
    SCOPED_TRACE(testing::Message() << s.heads << " heads");
    Cache cache = make_keys_and_values(s);
    std::vector<int64_t> sequences(40, 0);
    for (int64_t sequence : {0, 1}) {
      cache.fill(kLayer, kContext, 1, sequence, 0);
      cache.fill(kLayer, kContext, 3, sequence, 1);
    }
    Ints positions = consecutive(40, 110), others = {155, 154, 156};
    positions.insert(positions.end(), others.begin(), others.end());
    sequences.insert(sequences.end(), {1, 1, 1});
    const int64_t width = s.heads * s.head_dim;
    Codes q = encode(random_floats(static_cast<int64_t>(positions.size()) * width, 2));
    Codes all = attend(*GetParam(), s, q, positions, cache, sequences);
    for (int64_t t : {0, 17, 18, 39, 40, 41, 42}) {
      Codes own(&q[t * width], &q[t * width] + width), want(&all[t * width], &all[t * width] + width);
      EXPECT_EQ(attend(*GetParam(), s, own, {positions[t]}, cache, {sequences[t]}), want) << "row " << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Catalog, NarrowLatentAttentionTest, testing::ValuesIn(kernels_of("mla_latent_attention")),
                         kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, NarrowMlaAttentionTest, testing::ValuesIn(kernels_of("mla_attention")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, NarrowGqaAttentionTest, testing::ValuesIn(kernels_of("gqa_attention")), kernel_name);

} // namespace fathom::test
