// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sparse attention without kernels: the norm and rotation of index keys, and attention to what is chosen, which has the
// bits of dense attention where that is everything. structured_index_test.cpp has the choice.

#include "test/passes/lower/StructuredValues.h"

#include "kernels/ref/ref.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#include <array>
#include <gtest/gtest-spi.h>

namespace fathom::test {

namespace {

constexpr int64_t kContext = 200, kLayers = 2, kLayer = 1;

/// deepseek.mla_latent_attention, with a selection of `most` positions or, for 0, without.
GeneratedFunction attend(const ref::MlaShape &s, double scale, int64_t most, Mistake mistake = nullptr) {
  Operands inputs = {rows("q", s.heads * (s.rank + s.rope)),
                     {"cache", formatv("!deepseek.cache<latent: {0} x f32>", s.rank + s.rope)},
                     {"layer", "index"}};
  if (most > 0) {
    inputs.push_back({"selection", formatv("tensor<?x{0}xi32>", most)});
  }
  inputs.push_back(ids("positions"));
  return GeneratedFunction::create(
      formatv(
          "deepseek.mla_latent_attention %q, %cache[%layer]{0} at %positions {{num_heads = {1} : i64, rope_dim = {2} "
          ": i64, softmax_scale = {3:E9} : f64}",
          most > 0 ? " select %selection" : "", s.heads, s.rope, scale),
      inputs, {rows("y", s.heads * s.rank)}, mistake);
}

/// Attention to −1 as well, as if that were position 0.
void attendToPadding(mlir::Operation *op) {
  mlir::OpBuilder builder(op);
  builder.setInsertionPointAfter(op);
  if (auto position = llvm::dyn_cast<mlir::arith::IndexCastOp>(op)) {
    auto zero = mlir::arith::ConstantIndexOp::create(builder, op->getLoc(), 0);
    auto clamped = mlir::arith::MaxSIOp::create(builder, op->getLoc(), position, zero);
    position.getResult().replaceAllUsesExcept(clamped, clamped);
  }
}

/// What rows with room in their selection, and a full one, give, and what the reference does.
std::pair<Floats, Floats> attendToSelections(const ref::MlaShape &s, Mistake mistake = nullptr) {
  const int64_t width = s.rank + s.rope, T = 3, most = 5;
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  auto attention = attend(s, scale, most, mistake);
  Cache cache(kContext, kLayers, {width});
  Floats latents = cache.fill(kLayer, kContext, 1), q = random_floats(T * s.heads * width, 2),
         want(T * s.heads * s.rank);
  Floats got = unset(want.size());
  Ints positions = {0, 70, 199}, selection = {0, -1, -1, -1, -1, 3, 63, 64, 70, -1, 0, 1, 128, 198, 199};
  ref::mla_selected_attention(q.data(), latents.data(), selection.data(), T, most, s, scale, want.data());
  attention.run(T, {q.data(), selection.data(), positions.data(), got.data()}, cache.of({0, 0, 0}));
  return {got, want};
}

} // namespace

TEST(StructuredSparseTest, LayerNorm) {
  for (int64_t width : {1, 7, 8, 130}) {
    for (const char *type : {"f32", "bf16"}) {
      SCOPED_TRACE(testing::Message() << type << ", width " << width);
      Weight w(type, 1, width, 1), bias(type, 1, width, 2);
      Operands inputs = {rows("x", width),
                         {"w", formatv("tensor<{0}x{1}>", width, type)},
                         {"bias", formatv("tensor<{0}x{1}>", width, type)}};
      GeneratedFunction norm("deepseek.layer_norm %x, %w, %bias eps 1.0e-6 : " + listTypes(inputs), inputs,
                             {rows("y", width)});
      for (int64_t T : kRowCounts) {
        Floats x = random_floats(T * width, 3), want(T * width), got = unset(T * width);
        ref::layer_norm(x.data(), w.decoded.data(), bias.decoded.data(), T, width, 1e-6, want.data());
        norm.run(T, {x.data(), w.data.data(), bias.data.data(), got.data()});
        expectClose(got, want);
      }
    }
  }
}

TEST(StructuredSparseTest, RopeOfTheFirstNumbersOfHeads) {
  for (auto [layout, name] :
       {std::pair(ref::RopeLayout::Interleaved, "interleaved"), {ref::RopeLayout::HalfSplit, "half_split"}}) {
    for (auto [heads, headDim, turned] : {std::array<int64_t, 3>{1, 3, 2}, {5, 8, 4}, {3, 40, 6}}) {
      SCOPED_TRACE(testing::Message() << name << ", " << heads << " heads of " << headDim);
      const int64_t width = heads * headDim;
      Operands inputs = {rows("x", width), {"table", formatv("tensor<100x{0}x2xf32>", turned / 2)}, ids("positions")};
      GeneratedFunction rope(formatv("deepseek.rope {0} %x, %table at %positions {{head_dim = {1} : i64} : {2}", name,
                                     headDim, listTypes(inputs)),
                             inputs, {rows("y", width)});
      Floats x = random_floats(3 * width, 1), table = rope_table(100, turned), want(3 * width), got = unset(3 * width);
      Ints positions = {99, 0, 5};
      ref::rope(x.data(), positions.data(), table.data(), 3, heads, headDim, turned, layout, want.data());
      rope.run(3, {x.data(), table.data(), positions.data(), got.data()});
      expectClose(got, want);
    }
  }
}

TEST(StructuredSparseTest, Hadamard) {
  for (auto [heads, headDim] : {std::array<int64_t, 2>{1, 1}, {3, 2}, {5, 8}, {2, 128}}) {
    SCOPED_TRACE(testing::Message() << heads << " heads of " << headDim);
    const int64_t width = heads * headDim;
    GeneratedFunction hadamard(
        formatv("deepseek.hadamard %x {{head_dim = {0} : i64} : tensor<?x{1}xf32>", headDim, width), {rows("x", width)},
        {rows("y", width)});
    Floats x = random_floats(3 * width, 1), want(3 * width), got = unset(3 * width);
    ref::hadamard(x.data(), 3, heads, headDim, want.data());
    hadamard.run(3, {x.data(), got.data()});
    expectClose(got, want);
  }
}

TEST(StructuredSparseTest, AttentionToASelection) {
  for (const ref::MlaShape &s : {ref::MlaShape{1, 5, 2, 3, 7}, {7, 24, 6, 40, 50}}) {
    SCOPED_TRACE(testing::Message() << s.heads << " heads");
    auto [got, want] = attendToSelections(s);
    expectClose(got, want);
  }
}

TEST(StructuredSparseTest, AttentionToPaddingIsSeen) {
  auto [got, want] = attendToSelections({7, 24, 6, 40, 50}, attendToPadding);
  EXPECT_NONFATAL_FAILURE(expectClose(got, want), "element");
}

TEST(StructuredSparseTest, ASelectionOfEverythingHasTheBitsOfDenseAttention) {
  const ref::MlaShape s = {7, 24, 6, 40, 50};
  const int64_t width = s.rank + s.rope, T = 3, most = kContext;
  Cache cache(kContext, kLayers, {width});
  cache.fill(kLayer, kContext, 1);
  Floats q = random_floats(T * s.heads * width, 2), want = unset(T * s.heads * s.rank), got = want;
  Ints positions = {0, 64, 199}, selection(T * most, -1);
  for (int64_t t = 0; t < T; ++t) {
    for (int32_t u = 0; u <= positions[t]; ++u) {
      selection[t * most + u] = u;
    }
  }
  attend(s, 0.125, 0).run(T, {q.data(), positions.data(), want.data()}, cache.of({0, 0, 0}));
  attend(s, 0.125, most).run(T, {q.data(), selection.data(), positions.data(), got.data()}, cache.of({0, 0, 0}));
  expect_same_bits(got, want);
}

// What it is made of, in one op.
TEST(StructuredSparseTest, SparseAttention) {
  const ref::MlaShape s = {3, 6, 4, 5, 12};
  const ref::IndexShape index = {2, 8, 9};
  const int64_t width = s.rank + s.rope, T = 4, queryWidth = s.heads * (s.nope + s.rope);
  Weight kvB("bf16", s.heads * (s.nope + s.value), s.rank, 1);
  WeightOperand stored("kv_b", StoredWeight::store(kvB));
  Cache cache(kContext, kLayers, {width, index.head_dim});
  Floats latents = cache.fill(kLayer, kContext, 2, 0, 0), keys = cache.fill(kLayer, kContext, 3, 0, 1);
  Floats q = random_floats(T * queryWidth, 4), iq = random_floats(T * index.heads * index.head_dim, 5);
  Floats iw = random_floats(T * index.heads, 6), table = rope_table(kContext, s.rope);
  Floats got = unset(T * s.heads * s.value), want(got.size());
  Ints positions = {3, 8, 9, 150};
  Operands inputs = {rows("q", queryWidth),
                     {"cache", formatv("!deepseek.cache<latent: {0} x f32, index: {1} x f32>", width, index.head_dim)},
                     {"layer", "index"}};
  Memory memory = {q.data()};
  append(inputs, memory, stored);
  inputs.insert(inputs.end(), {{"table", formatv("tensor<{0}x{1}x2xf32>", kContext, s.rope / 2)},
                               rows("iq", index.heads * index.head_dim),
                               rows("iw", index.heads),
                               ids("positions")});
  memory.insert(memory.end(), {table.data(), iq.data(), iw.data(), positions.data(), got.data()});
  auto attention = GeneratedFunction::create(
      "deepseek.sparse_attention interleaved %q, %cache[%layer], " + stored.text() +
          ", %table index %iq, %iw at %positions {num_heads = 3 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, "
          "value_dim = "
          "5 : i64, softmax_scale = 0.25 : f64, index_heads = 2 : i64, index_dim = 8 : i64, top_k = 9 : i64}",
      inputs, {rows("y", s.heads * s.value)});
  attention.run(T, memory, cache.of(std::vector<int64_t>(T)));

  Ints selection(T * index.kept);
  ref::index_select(iq.data(), iw.data(), keys.data(), positions.data(), T, index, selection.data());
  Floats absorbed(T * s.heads * width), attended(T * s.heads * s.rank);
  ref::mla_absorb_query(q.data(), kvB.decoded.data(), positions.data(), table.data(), T, s, absorbed.data());
  ref::mla_selected_attention(absorbed.data(), latents.data(), selection.data(), T, index.kept, s, 0.25,
                              attended.data());
  ref::mla_expand_output(attended.data(), kvB.decoded.data(), T, s, want.data());
  expectClose(got, want);
}

} // namespace fathom::test
