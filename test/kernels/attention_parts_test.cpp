// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention to parts of a row's keys: each part and their sum against the reference, at the edges of parts, and that
// they have the bits of attention that is not split.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace fathom::test {

class AttentionPartsTest : public testing::TestWithParam<const Kernel *> {};
class AttentionCombineTest : public testing::TestWithParam<const Kernel *> {};

static constexpr int64_t kLayers = 2, kLayer = 1, kContext = 900, kSequences = 2;

namespace {

/// Heads, groups of them with keys of their own, numbers of a key, and how many of these, or of another row, are a
/// value.
struct Shape {
  int64_t heads, groups, key, value;
};

/// What a kernel of parts, or the one that does the same in one, attends to: rows of two sequences, and every other
/// position where they select.
struct Attention {
  Attention(const Kernel &partials, const Shape &shape, Ints positions, int64_t element = FATHOM_ROW_F32)
      : partials(partials), whole(find_whole()), shape(shape), positions(std::move(positions)), element(element),
        cache(formats(), kContext, kLayers, kSequences, shape.groups), q(random_floats(rows() * query(), 5)) {
    for (int64_t t = 0; t < rows(); ++t) {
      sequences.push_back(t % kSequences);
      for (int64_t j = 0; j < kSelected; ++j) {
        selection.push_back(2 * j <= this->positions[t] ? static_cast<int32_t>(2 * j) : -1);
      }
    }
    for (int64_t sequence = 0; sequence < kSequences; ++sequence) {
      keys.push_back(cache.fill(kLayer, kContext, 1 + sequence, sequence, 0));
      values.push_back(grouped() ? cache.fill(kLayer, kContext, 3 + sequence, sequence, 1) : Floats());
    }
  }

  bool grouped() const { return partials.op == "gqa_partials"; }
  bool selects() const { return partials.op == "mla_selected_partials"; }
  int64_t rows() const { return static_cast<int64_t>(positions.size()); }
  int64_t query() const { return shape.heads * shape.key; }
  int64_t out() const { return shape.heads * shape.value; }
  int64_t part() const { return shape.heads * (shape.value + 2); }
  double scale() const { return 1 / std::sqrt(static_cast<double>(shape.key)); }

  const Kernel &find_whole() const {
    std::string op = grouped() ? "gqa_attention" : selects() ? "mla_selected_attention" : "mla_latent_attention";
    return *kernels::findKernel(op, partials.arch, "f32", "none");
  }
  RowFormats formats() const {
    ref::RowFormat row = {element, shape.key};
    return grouped() ? RowFormats{row, row} : RowFormats{row};
  }

  /// Rows from `first` on by a kernel of this attention, `width` numbers or, of bf16, half as many floats each.
  Floats run(const Kernel &kernel, int64_t width, int64_t parts, int64_t first = 0) {
    Floats result((rows() - first) * width, std::nanf(""));
    std::vector<uint16_t> codes = encode(q);
    const void *queries = element == FATHOM_ROW_F32 ? static_cast<const void *>(&q[first * query()])
                                                    : static_cast<const void *>(&codes[first * query()]);
    Constants constants = {{"H", shape.heads}, {"scale", scale()}, {"x_element", element}};
    if (grouped()) {
      constants.insert({{"G", shape.groups}, {"d", shape.key}});
      constants.insert({{"key_store", cache.offsets[0]}, {"key_element", element}});
      constants.insert({{"value_store", cache.offsets[1]}, {"value_element", element}});
    } else {
      constants.insert({{"r", shape.value}, {"dr", shape.key - shape.value}});
      constants.insert({{"latent_store", 0}, {"latent_element", element}});
    }
    if (parts) {
      constants["parts"] = static_cast<double>(parts);
    }
    Call call{&kernel,   constants,
              {queries}, rows() - first,
              kLayer,    Ints(positions.begin() + first, positions.end()),
              &cache,    std::vector<int64_t>(sequences.begin() + first, sequences.end())};
    if (selects()) {
      call.constants["k"] = kSelected;
      call.operands.push_back(&selection[first * kSelected]);
    }
    call.operands.push_back(result.data());
    test::run(call);
    return result;
  }

  Floats attend(int64_t first = 0) { return run(whole, out(), 0, first); }
  Floats attend_to_parts(int64_t parts, int64_t first = 0) { return run(partials, parts * part(), parts, first); }
  Floats combine(const Floats &from, int64_t parts) const {
    Floats result(from.size() / (parts * part()) * out(), std::nanf(""));
    Constants constants = {{"H", shape.heads}, {"d", shape.value}, {"parts", parts}, {"x_element", element}};
    test::run({kernels::findKernel("attention_combine", partials.arch, "f32", "none"),
               constants,
               {from.data(), result.data()},
               static_cast<int64_t>(result.size()) / out()});
    return result;
  }

  Floats want_parts(int64_t parts) const {
    Floats want(rows() * parts * part());
    ref::MlaShape mla = {shape.heads, 0, shape.key - shape.value, 0, shape.value};
    for (int64_t t = 0; t < rows(); ++t) {
      const float *from = &q[t * query()], *past = keys[sequences[t]].data();
      float *to = &want[t * parts * part()];
      if (grouped()) {
        ref::gqa_partials(from, past, values[sequences[t]].data(), &positions[t], 1,
                          {shape.heads, shape.groups, shape.key}, scale(), parts, to);
      } else if (selects()) {
        ref::mla_selected_partials(from, past, &selection[t * kSelected], 1, kSelected, mla, scale(), parts, to);
      } else {
        ref::mla_latent_partials(from, past, &positions[t], 1, mla, scale(), parts, to);
      }
    }
    return want;
  }

  static constexpr int64_t kSelected = (kContext + 1) / 2;
  const Kernel &partials, &whole;
  Shape shape;
  Ints positions;
  int64_t element;
  std::vector<int64_t> sequences = {};
  Cache cache;
  Floats q;
  Ints selection = {};
  std::vector<Floats> keys = {}, values = {}; ///< of each sequence
};

} // namespace

/// Where steps, pages and parts of 128 keys begin and end, for all keys and for every other.
static const Ints kEdges = {0, 62, 63, 64, 126, 127, 128, 254, 255, 256, 511, 512, 767, 768, 899};
/// Of 128 keys each.
static constexpr int64_t kParts = (kContext + 127) / 128;

/// Few heads; and so many that 900 keys are five parts of 192, and half of them four of 128.
static Shape choose_shape(const Kernel &kernel, bool many) {
  bool grouped = kernel.op == "gqa_partials";
  return grouped ? many ? Shape{340, 1, 6, 6} : Shape{6, 2, 40, 40} : many ? Shape{340, 1, 6, 4} : Shape{7, 1, 56, 50};
}

TEST_P(AttentionPartsTest, AreThoseOfTheReference) {
  Attention attention(*GetParam(), choose_shape(*GetParam(), false), kEdges);
  const int64_t values = attention.out();
  Floats got = attention.attend_to_parts(kParts), want = attention.want_parts(kParts);
  for (size_t at = 0; at < want.size(); at += attention.part()) {
    SCOPED_TRACE(testing::Message() << "part " << at / attention.part());
    Floats got_sums(&got[at + values], &got[at] + attention.part()),
        want_sums(&want[at + values], &want[at] + attention.part());
    expect_near(got_sums, want_sums, 2e-6, 2e-6);
    if (want_sums.back() != 0) { // else its values are not read
      expect_near(Floats(&got[at], &got[at + values]), Floats(&want[at], &want[at + values]), 1e-5, 1e-5);
    }
  }
}

TEST_P(AttentionPartsTest, CombinedHaveTheBitsOfAttentionThatIsNotSplit) {
  Attention few(*GetParam(), choose_shape(*GetParam(), false), kEdges);
  expect_same_bits(few.combine(few.attend_to_parts(kParts), kParts), few.attend());
  Attention many(*GetParam(), choose_shape(*GetParam(), true), {0, 191, 192, 899});
  expect_same_bits(many.combine(many.attend_to_parts(6), 6), many.attend());
}

/// Numbers of bf16, at widths that are multiplied as matrices.
TEST_P(AttentionPartsTest, CombinedHaveTheBitsOfAttentionThatIsNotSplitAsMatrices) {
  Shape shape = GetParam()->op == "gqa_partials" ? Shape{12, 2, 128, 128} : Shape{70, 1, 192, 128};
  Attention attention(*GetParam(), shape, {0, 64, 255, 600}, FATHOM_ROW_BF16);
  expect_same_bits(attention.combine(attention.attend_to_parts(kParts), kParts), attention.attend());
}

TEST_P(AttentionPartsTest, RowAloneHasTheBitsItHasInABatch) {
  Attention attention(*GetParam(), choose_shape(*GetParam(), false), {300, 899, 0, 700});
  Floats all = attention.attend_to_parts(kParts), alone = attention.attend_to_parts(kParts, 3);
  Floats combined = attention.combine(all, kParts);
  expect_same_bits(attention.combine(alone, kParts), Floats(combined.end() - attention.out(), combined.end()));
}

TEST_P(AttentionPartsTest, RoundsNumbersOnce) {
  RoundingScope rounding;
  Attention attention(*GetParam(), choose_shape(*GetParam(), false), {255, 899});
  attention.attend_to_parts(kParts);
}

TEST_P(AttentionCombineTest, MatchesTheReference) {
  RoundingScope rounding;
  for (auto [heads, width, parts] : {std::array<int64_t, 3>{1, 1, 1}, {3, 40, 9}, {2, 512, 64}}) {
    SCOPED_TRACE(testing::Message() << heads << " heads, width " << width << ", " << parts << " parts");
    // Of the second row, half of the parts have no keys, and numbers that nobody may read.
    const int64_t T = 2, part = heads * (width + 2);
    Floats partials = random_floats(T * parts * part, 1), out(T * heads * width, std::nanf("")), want(out.size());
    for (int64_t i = 0; i < T * parts; ++i) {
      float *totals = &partials[(i + 1) * part - heads];
      bool empty = i >= parts + (parts + 1) / 2;
      for (int64_t h = 0; h < heads; ++h) {
        totals[h] = empty ? 0 : totals[h] + 2;
      }
      if (empty) {
        std::fill(&partials[i * part], totals, std::nanf(""));
      }
    }
    ref::attention_combine(partials.data(), T, heads, width, parts, want.data());
    run({GetParam(), {{"H", heads}, {"d", width}, {"parts", parts}}, {partials.data(), out.data()}, T});
    expect_near(out, want, 2e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Latent, AttentionPartsTest, testing::ValuesIn(kernels_of("mla_latent_partials")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Selected, AttentionPartsTest, testing::ValuesIn(kernels_of("mla_selected_partials")),
                         kernel_name);
INSTANTIATE_TEST_SUITE_P(Grouped, AttentionPartsTest, testing::ValuesIn(kernels_of("gqa_partials")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, AttentionCombineTest, testing::ValuesIn(kernels_of("attention_combine")),
                         kernel_name);

} // namespace fathom::test
