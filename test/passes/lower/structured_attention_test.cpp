// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The latent cache and attention without kernels, compared with kernels/ref across pages and sequences.

#include "test/passes/lower/StructuredValues.h"

#include "kernels/ref/ref.h"

#include <array>

namespace fathom::test {

namespace {

using StructuredAttentionTest = StructuredWeightsTest;

INSTANTIATE_TEST_SUITE_P(Types, StructuredAttentionTest, testing::Values("f32", "bf16", "f8e4m3"),
                         [](const auto &info) { return std::string(info.param); });

constexpr int64_t kContext = 200, kLayers = 2, kLayer = 1;

// heads, dn, dr, dv, r: with tails everywhere.
constexpr ref::MlaShape kMlaShapes[] = {{1, 5, 2, 3, 7}, {7, 24, 6, 40, 50}, {12, 16, 8, 16, 32}};

/// Rows as a type of caches has them.
std::string describe(const ref::RowFormat &format) {
  const char *elements[] = {"f32", "bf16", "f8E4M3FN"};
  std::string text = formatv("{0} x {1}", format.width - format.tail, elements[format.element]);
  return format.tail ? text + formatv(" + {0} x bf16", format.tail).str() : text;
}

std::string latents(const ref::RowFormat &format) { return "!deepseek.cache<latent: " + describe(format) + ">"; }
std::string latents(int64_t width) { return latents({FATHOM_ROW_F32, width}); }

/// Rows in each format; those of FP8 with and without a tail.
RowFormats listFormats(int64_t width, int64_t tail) {
  return {
      {FATHOM_ROW_F32, width}, {FATHOM_ROW_BF16, width}, {FATHOM_ROW_F8E4M3, width}, {FATHOM_ROW_F8E4M3, width, tail}};
}

Operand ropeTable(int64_t width) { return {"table", formatv("tensor<{0}x{1}x2xf32>", kContext, width / 2)}; }

std::string dimensions(const ref::MlaShape &s, const std::string &names) {
  std::string text = formatv(" {{num_heads = {0} : i64", s.heads);
  for (auto [name, value] : {std::pair("nope_dim", s.nope), {"rope_dim", s.rope}, {"value_dim", s.value}}) {
    if (names.find(name) != std::string::npos) {
      text += formatv(", {0} = {1} : i64", name, value);
    }
  }
  return text;
}

/// Keeps scores within a few units: larger ones magnify the rounding of a score.
double scaleOf(const ref::MlaShape &s) { return 3.0 / std::sqrt(static_cast<double>((s.nope + s.rope) * s.rank)); }

/// Rows [positions] of a cache, and nothing beside them.
void expectWrittenRows(Cache &cache, const Ints &positions, const Floats &want) {
  Floats got;
  for (int32_t position : positions) {
    got.insert(got.end(), cache.row(kLayer, position), cache.row(kLayer, position) + cache.formats[0].width);
  }
  expectClose(got, want);
  int64_t written = llvm::count_if(cache.memory, [](float value) { return !std::isnan(value); });
  EXPECT_EQ(written, static_cast<int64_t>(want.size()));
}

} // namespace

TEST(StructuredCacheTest, CacheAppend) {
  Operands inputs = {{"cache", latents(11)}, {"layer", "index"}, rows("latent", 7), rows("key", 4), ids("positions")};
  GeneratedFunction function("deepseek.cache_append %cache[\"latent\"][%layer], %latent, %key at %positions : " +
                                 listTypes({inputs[0], inputs[2], inputs[3]}) + " at " + inputs[4].type,
                             inputs, {});
  Cache cache(kContext, kLayers, {11});
  Floats latent = random_floats(3 * 7, 1), key = random_floats(3 * 4, 2), want;
  Ints positions = {63, 64, 130};
  for (int64_t t = 0; t < 3; ++t) {
    want.insert(want.end(), &latent[t * 7], &latent[t * 7] + 7);
    want.insert(want.end(), &key[t * 4], &key[t * 4] + 4);
  }
  function.run(3, {latent.data(), key.data(), positions.data()}, cache.of({0, 0, 0}));
  expectWrittenRows(cache, positions, want);
}

/// Rows are what kernels/ref encodes, to the last byte.
TEST(StructuredCacheTest, CacheAppendEncodesRows) {
  for (const ref::RowFormat &format : listFormats(151, 13)) {
    SCOPED_TRACE(describe(format));
    Operands inputs = {{"cache", latents(format)}, {"layer", "index"}, rows("x", 140), rows("y", 11), ids("positions")};
    GeneratedFunction function("deepseek.cache_append %cache[\"latent\"][%layer], %x, %y at %positions : " +
                                   listTypes({inputs[0], inputs[2], inputs[3]}) + " at " + inputs[4].type,
                               inputs, {});
    Cache cache({format}, kContext, kLayers);
    Floats x = random_floats(2 * 140, 1), y = random_floats(2 * 11, 2);
    Ints positions = {63, 64};
    function.run(2, {x.data(), y.data(), positions.data()}, cache.of({0, 0}));
    for (int64_t t = 0; t < 2; ++t) {
      Floats row(&x[t * 140], &x[t * 140] + 140);
      row.insert(row.end(), &y[t * 11], &y[t * 11] + 11);
      std::vector<uint8_t> want = ref::encode_row(row.data(), format);
      const uint8_t *got = cache.bytes(kLayer, positions[t]);
      EXPECT_EQ(std::vector<uint8_t>(got, got + want.size()), want) << "row " << t;
    }
  }
}

TEST(StructuredCacheTest, MlaAppend) {
  for (auto [r, dr] : {std::array<int64_t, 2>{7, 2}, {50, 6}}) {
    for (const char *type : {"f32", "bf16"}) {
      SCOPED_TRACE(testing::Message() << type << ", r " << r);
      const int64_t width = r + dr;
      Weight norm(type, 1, r, 1);
      Operands inputs = {{"cache", latents(width)},
                         {"layer", "index"},
                         rows("x", width),
                         {"norm", formatv("tensor<{0}x{1}>", r, type)},
                         ropeTable(dr),
                         ids("positions")};
      Operands typed = inputs;
      typed.erase(typed.begin() + 1);
      GeneratedFunction function(
          "deepseek.mla_append interleaved %cache[%layer], %x, %norm, %table at %positions eps 1.0e-6 : " +
              listTypes(typed),
          inputs, {});
      Cache cache(kContext, kLayers, {width});
      Floats x = random_floats(3 * width, 2), table = rope_table(kContext, dr), want(3 * width);
      Ints positions = {63, 64, 130};
      for (int64_t t = 0; t < 3; ++t) {
        ref::mla_append(&x[t * width], norm.decoded.data(), table.data(), positions[t], r, dr, 1e-6, &want[t * width]);
      }
      function.run(3, {x.data(), norm.data.data(), table.data(), positions.data()}, cache.of({0, 0, 0}));
      expectWrittenRows(cache, positions, want);
    }
  }
}

TEST_P(StructuredAttentionTest, AbsorbedQueryAndExpandedOutput) {
  for (const ref::MlaShape &s : kMlaShapes) {
    SCOPED_TRACE(testing::Message() << s.heads << " heads");
    Weight kvB = weight(s.heads * (s.nope + s.value), s.rank, 1);
    WeightOperand stored("kv_b", StoredWeight::store(kvB));
    const int64_t T = 3, queryWidth = s.heads * (s.nope + s.rope), absorbedWidth = s.heads * (s.rank + s.rope);
    Ints positions = {199, 0, 64};
    Floats q = random_floats(T * queryWidth, 2), table = rope_table(kContext, s.rope);
    Floats want(T * absorbedWidth), got = unset(T * absorbedWidth);
    Operands inputs = {rows("q", queryWidth)};
    Memory memory = {q.data()};
    append(inputs, memory, stored);
    inputs.insert(inputs.end(), {ropeTable(s.rope), ids("positions")});
    memory.insert(memory.end(), {table.data(), positions.data(), got.data()});
    auto absorb =
        GeneratedFunction::create("deepseek.mla_absorb_query interleaved %q, " + stored.text() +
                                      ", %table at %positions" + dimensions(s, "nope_dim rope_dim value_dim") + "}",
                                  inputs, {rows("y", absorbedWidth)});
    absorb.run(T, memory);
    ref::mla_absorb_query(q.data(), kvB.decoded.data(), positions.data(), table.data(), T, s, want.data());
    expectClose(got, want);

    Floats o = random_floats(T * s.heads * s.rank, 3);
    want.resize(T * s.heads * s.value);
    got = unset(want.size());
    inputs = {rows("o", s.heads * s.rank)};
    memory = {o.data()};
    append(inputs, memory, stored);
    memory.push_back(got.data());
    auto expand = GeneratedFunction::create("deepseek.mla_expand_output %o, " + stored.text() +
                                                dimensions(s, "nope_dim value_dim") + "}",
                                            inputs, {rows("y", s.heads * s.value)});
    expand.run(T, memory);
    ref::mla_expand_output(o.data(), kvB.decoded.data(), T, s, want.data());
    expectClose(got, want);
  }
}

TEST(StructuredCacheTest, LatentAttentionAcrossPagesAndSequences) {
  for (const ref::MlaShape &s : kMlaShapes) {
    for (const ref::RowFormat &format : listFormats(s.rank + s.rope, s.rope)) {
      SCOPED_TRACE(testing::Message() << s.heads << " heads, " << describe(format));
      const int64_t width = s.rank + s.rope;
      Operands inputs = {rows("q", s.heads * width), {"cache", latents(format)}, {"layer", "index"}, ids("positions")};
      auto attention = GeneratedFunction::create(
          formatv("deepseek.mla_latent_attention %q, %cache[%layer] at %positions{0}, softmax_scale = {1:E9} : f64}",
                  dimensions(s, "rope_dim"), scaleOf(s)),
          inputs, {rows("y", s.heads * s.rank)});
      Cache cache({format}, kContext, kLayers, 2);
      Floats latents = cache.fill(kLayer, 66, 1, 0), others = cache.fill(kLayer, kContext, 2, 1);
      Ints positions = {0, 63, 64, 65, 150};
      const int64_t T = 5, size = s.heads * s.rank;
      Floats q = random_floats(T * s.heads * width, 3), want(T * size), got = unset(T * size);
      ref::mla_latent_attention(q.data(), latents.data(), positions.data(), T - 1, s, scaleOf(s), want.data());
      ref::mla_latent_attention(&q[(T - 1) * s.heads * width], others.data(), &positions[T - 1], 1, s, scaleOf(s),
                                &want[(T - 1) * size]);
      attention.run(T, {q.data(), positions.data(), got.data()}, cache.of({0, 0, 0, 0, 1}));
      expectClose(got, want);
    }
  }
}

// Groups of one, of three, and of all heads; heads of 40 numbers.
TEST(StructuredCacheTest, GroupedAttentionAcrossPagesAndSequences) {
  for (const ref::GqaShape &s : {ref::GqaShape{1, 1, 2}, {6, 6, 5}, {9, 3, 40}, {7, 1, 16}, {16, 2, 8}, {8, 2, 24}}) {
    SCOPED_TRACE(testing::Message() << s.heads << " heads in " << s.kv_heads << " groups");
    const int64_t T = 5, size = s.heads * s.head_dim;
    const double scale = 1 / std::sqrt(static_cast<double>(s.head_dim));
    Operands inputs = {
        rows("q", size),
        {"cache", formatv("!deepseek.cache<key: {0} x {1} x f32, value: {0} x {1} x f32>", s.kv_heads, s.head_dim)},
        {"layer", "index"},
        ids("positions")};
    auto attention = GeneratedFunction::create(
        formatv("deepseek.gqa_attention %q, %cache[%layer] at %positions {{num_heads = {0} : i64, num_kv_heads = {1} : "
                "i64, head_dim = {2} : i64, softmax_scale = {3:E9} : f64}",
                s.heads, s.kv_heads, s.head_dim, scale),
        inputs, {rows("y", size)});
    Cache cache(kContext, kLayers, {s.head_dim, s.head_dim}, 2, s.kv_heads);
    Floats q = random_floats(T * size, 3), want(T * size), got = unset(T * size);
    Ints positions = {0, 63, 64, 65, 150};
    auto expect = [&](int64_t sequence, int64_t tokens, int64_t from, int64_t count) {
      Floats keys = cache.fill(kLayer, tokens, 1, sequence, 0), values = cache.fill(kLayer, tokens, 2, sequence, 1);
      ref::gqa_attention(&q[from * size], keys.data(), values.data(), &positions[from], count, s, scale,
                         &want[from * size]);
    };
    expect(0, 66, 0, T - 1);
    expect(1, kContext, T - 1, 1);
    attention.run(T, {q.data(), positions.data(), got.data()}, cache.of({0, 0, 0, 0, 1}));
    expectClose(got, want);
  }
}

/// What `attention`, of a query and a cache, has of five rows of a context that is more than a part, and its reference.
static void expectParts(const std::string &attention, int64_t query, int64_t partials, const std::string &cacheType,
                        Cache &cache, llvm::function_ref<void(const float *, const int32_t *, float *)> reference) {
  const int64_t T = 5;
  Operands inputs = {rows("q", query), {"cache", cacheType}, {"layer", "index"}, ids("positions")};
  auto generated = GeneratedFunction::create(attention, inputs, {rows("y", partials)});
  Floats q = random_floats(T * query, 3), want(T * partials), got = unset(T * partials);
  Ints positions = {0, 126, 127, 128, kContext - 1};
  reference(q.data(), positions.data(), want.data());
  generated.run(T, {q.data(), positions.data(), got.data()}, cache.of(std::vector<int64_t>(T)));
  expectClose(got, want);
}

TEST(StructuredCacheTest, AttentionToParts) {
  const int64_t parts = 3; // the last is empty
  const ref::MlaShape &mla = kMlaShapes[1];
  Cache latentCache(kContext, kLayers, {mla.rank + mla.rope});
  Floats past = latentCache.fill(kLayer, kContext, 1);
  expectParts(
      formatv("deepseek.mla_latent_attention %q, %cache[%layer] at %positions{0}, softmax_scale = {1:E9} : f64, "
              "parts = {2} : i64}",
              dimensions(mla, "rope_dim"), scaleOf(mla), parts),
      mla.heads * (mla.rank + mla.rope), parts * mla.heads * (mla.rank + 2), latents(mla.rank + mla.rope), latentCache,
      [&](const float *q, const int32_t *positions, float *want) {
        ref::mla_latent_partials(q, past.data(), positions, 5, mla, scaleOf(mla), parts, want);
      });
  const ref::GqaShape gqa = {6, 2, 8};
  Cache cache(kContext, kLayers, {gqa.head_dim, gqa.head_dim}, 1, gqa.kv_heads);
  Floats keys = cache.fill(kLayer, kContext, 1, 0, 0), values = cache.fill(kLayer, kContext, 2, 0, 1);
  expectParts(formatv("deepseek.gqa_attention %q, %cache[%layer] at %positions {{num_heads = 6 : i64, num_kv_heads = 2 "
                      ": i64, head_dim = 8 : i64, softmax_scale = 0.5 : f64, parts = {0} : i64}",
                      parts),
              48, parts * 60, "!deepseek.cache<key: 2 x 8 x f32, value: 2 x 8 x f32>", cache,
              [&](const float *q, const int32_t *positions, float *want) {
                ref::gqa_partials(q, keys.data(), values.data(), positions, 5, gqa, 0.5, parts, want);
              });
}

TEST(StructuredCacheTest, AttentionCombine) {
  const int64_t T = 2, heads = 3, width = 5, parts = 2, part = heads * (width + 2);
  GeneratedFunction combine(
      "deepseek.attention_combine %x {num_heads = 3 : i64, parts = 2 : i64} : tensor<?x42xf32> -> "
      "tensor<?x15xf32>",
      {rows("x", parts * part)}, {rows("y", heads * width)});
  Floats x = random_floats(T * parts * part, 1), want(T * heads * width), got = unset(want.size());
  for (int64_t i = 0; i < T * parts * heads; ++i) {
    float &total = x[i / heads * part + part - heads + i % heads];
    total = i / heads == T * parts - 1 ? 0 : total + 2; // the last part has no keys
  }
  std::fill_n(&x[(T * parts - 1) * part], part - heads, std::nanf("")); // and its numbers are not read
  ref::attention_combine(x.data(), T, heads, width, parts, want.data());
  combine.run(T, {x.data(), got.data()});
  expectClose(got, want);
}

TEST_P(StructuredAttentionTest, Attention) {
  for (const ref::MlaShape &s : kMlaShapes) {
    SCOPED_TRACE(testing::Message() << s.heads << " heads");
    const int64_t T = 5, width = s.rank + s.rope, queryWidth = s.heads * (s.nope + s.rope);
    Weight kvB = weight(s.heads * (s.nope + s.value), s.rank, 1);
    WeightOperand stored("kv_b", StoredWeight::store(kvB));
    Cache cache(kContext, kLayers, {width});
    Floats filled = cache.fill(kLayer, 67, 2), q = random_floats(T * queryWidth, 3);
    Floats table = rope_table(kContext, s.rope), want(T * s.heads * s.value), got = unset(want.size());
    Ints positions = consecutive(T, 62);
    Operands inputs = {rows("q", queryWidth), {"cache", latents(width)}, {"layer", "index"}};
    Memory memory = {q.data()};
    append(inputs, memory, stored);
    inputs.insert(inputs.end(), {ropeTable(s.rope), ids("positions")});
    memory.insert(memory.end(), {table.data(), positions.data(), got.data()});
    auto attention = GeneratedFunction::create(
        formatv("deepseek.mla_attention interleaved %q, %cache[%layer], {0}, %table at %positions{1}, softmax_scale = "
                "{2:E9} : f64}",
                stored.text(), dimensions(s, "nope_dim rope_dim value_dim"), scaleOf(s)),
        inputs, {rows("y", s.heads * s.value)});
    attention.run(T, memory, cache.of(std::vector<int64_t>(T)));
    ref::mla_attention(q.data(), kvB.decoded.data(), filled.data(), positions.data(), table.data(), T, s, scaleOf(s),
                       want.data());
    expectClose(got, want);
  }
}

} // namespace fathom::test
