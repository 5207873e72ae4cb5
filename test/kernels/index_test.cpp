// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The index of sparse attention: what it selects, in one piece and in parts.
//
// Queries, weights and keys are small integers, so that scores are exact in any order and many are equal.

#include "test/kernels/kernel_harness.h"

#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace fathom::test {

class IndexSelectTest : public testing::TestWithParam<const Kernel *> {};
class IndexCandidatesTest : public testing::TestWithParam<const Kernel *> {};
class IndexMergeTest : public testing::TestWithParam<const Kernel *> {};

static constexpr int64_t kLayers = 2, kLayer = 1, kContext = 400;

static Floats small_integers(size_t count, uint32_t seed) {
  Floats values = random_floats(count, seed);
  for (float &value : values) {
    value = std::floor(value * 3);
  }
  return values;
}

namespace {

/// Rows of an index and a store of its keys behind another, of one sequence or more with the same keys.
struct Index {
  Index(const ref::IndexShape &shape, Ints positions, int64_t sequences = 1, int64_t element = FATHOM_ROW_F32)
      : shape(shape), positions(std::move(positions)), q(small_integers(rows() * shape.heads * shape.head_dim, 1)),
        w(small_integers(rows() * shape.heads, 2)), keys(small_integers(kContext * shape.head_dim, 3)),
        cache({{FATHOM_ROW_F32, 16}, {element, shape.head_dim}}, kContext, kLayers, sequences) {}

  int64_t rows() const { return static_cast<int64_t>(positions.size()); }
  Ints reference() const {
    Ints out(rows() * shape.kept, -7);
    ref::index_select(q.data(), w.data(), keys.data(), positions.data(), rows(), shape, out.data());
    return out;
  }
  /// Runs a kernel whose operands are q and w, columns of wider rows, behind those `before` and before `results`.
  void call(const Kernel &kernel, const std::vector<void *> &results, Constants more = {},
            const std::vector<int64_t> &sequences = {}, const std::vector<const void *> &before = {});
  Ints select(const Kernel &kernel, const std::vector<int64_t> &sequences = {}) {
    Ints out(rows() * shape.kept, -7);
    call(kernel, {out.data()}, {}, sequences);
    return out;
  }

  ref::IndexShape shape;
  Ints positions;
  Floats q, w, keys;
  Cache cache;
};

} // namespace

void Index::call(const Kernel &kernel, const std::vector<void *> &results, Constants more,
                 const std::vector<int64_t> &sequences, const std::vector<const void *> &before) {
  const int64_t stride = shape.heads + 5, offset = 3;
  Floats wide(rows() * stride, std::nanf(""));
  for (int64_t i = 0; i < rows() * shape.heads; ++i) {
    wide[i / shape.heads * stride + offset + i % shape.heads] = w[i];
  }
  for (size_t sequence = 0; sequence < cache.page_tables.size(); ++sequence) {
    for (int64_t u = 0; u < kContext; ++u) {
      std::vector<uint8_t> row = ref::encode_row(&keys[u * shape.head_dim], cache.formats[1]);
      std::copy(row.begin(), row.end(), cache.bytes(kLayer, u, sequence, 1));
    }
  }
  more.insert({{"H", shape.heads},
               {"d", shape.head_dim},
               {"k", shape.kept},
               {"w_stride", stride},
               {"w_offset", offset},
               {"index_store", cache.offsets[1]},
               {"index_element", cache.formats[1].element}});
  Call call{&kernel, more, before, rows(), kLayer, positions, &cache, sequences};
  call.operands.insert(call.operands.end(), {q.data(), wide.data()});
  call.operands.insert(call.operands.end(), results.begin(), results.end());
  run(call);
}

static const Ints kEdges = {0, 1, 15, 16, 62, 63, 64, 65, 126, 127, 128, 200, 399};

TEST_P(IndexSelectTest, MatchesReferenceAtPageEdges) {
  for (ref::IndexShape shape : {ref::IndexShape{1, 32, 7},
                                {2, 5, 7},
                                {20, 32, 16},
                                {24, 64, 1},
                                {64, 128, 16},
                                {3, 130, 64},
                                {12, 64, 100},
                                {7, 24, 1000}}) {
    SCOPED_TRACE(testing::Message() << shape.heads << " heads of " << shape.head_dim << ", " << shape.kept << " kept");
    Index index(shape, kEdges);
    EXPECT_EQ(index.select(*GetParam()), index.reference());
  }
}

TEST_P(IndexSelectTest, TiesGoToTheLowestPositions) {
  Index index({4, 32, 70}, {69, 70, 399});
  std::fill(index.keys.begin(), index.keys.end(), 1.0f);
  Ints first(70);
  std::iota(first.begin(), first.end(), 0);
  Ints got = index.select(*GetParam());
  for (int64_t t = 0; t < 3; ++t) {
    EXPECT_EQ(Ints(got.begin() + t * 70, got.begin() + (t + 1) * 70), first);
  }
}

TEST_P(IndexSelectTest, ThresholdIsCrossedByTheFirstOfItsEquals) {
  // Of scores 1, 2, 1, 2, … the twos and then the first ones.
  Index index({1, 1, 150}, {255});
  index.q = {1};
  index.w = {1};
  Ints want;
  for (int32_t u = 0; u < kContext; ++u) {
    index.keys[u] = static_cast<float>(1 + u % 2);
    if (u < 256 && (u % 2 == 1 || u / 2 < 150 - 128)) {
      want.push_back(u);
    }
  }
  EXPECT_EQ(index.select(*GetParam()), want);
}

/// What is selected when position u has score scores[u] * weight, and the others, up to kContext, rest * weight.
static Ints select_by(const Kernel &kernel, int64_t k, const Floats &scores, float rest, float weight = 1) {
  Index index({2, 2, k}, {static_cast<int32_t>(kContext - 1)});
  // Relu keeps what is positive or NaN; a second head's weight is what makes a score negative.
  index.q = {1, 0, 0, 1};
  index.w = {weight, -weight};
  for (int64_t u = 0; u < kContext; ++u) {
    float score = u < static_cast<int64_t>(scores.size()) ? scores[u] : rest;
    index.keys[2 * u] = score < 0 ? 0.0f : score;
    index.keys[2 * u + 1] = score < 0 ? -score : 0.0f;
  }
  EXPECT_EQ(index.select(kernel), index.reference());
  return index.select(kernel);
}

TEST_P(IndexSelectTest, NegativeScoresAreOrdered) {
  EXPECT_EQ(select_by(*GetParam(), 3, {-5, -1, -4, -2, -3}, -9), (Ints{1, 3, 4}));
  EXPECT_EQ(select_by(*GetParam(), 3, {-5, 1, -4, 0, -1e-30f}, -9), (Ints{1, 3, 4}));
}

TEST_P(IndexSelectTest, ZerosOfBothSignsAreEqual) {
  // Products too small for an f32 become 0 or, of the second head, -0.
  EXPECT_EQ(select_by(*GetParam(), 4, {-1e-30f, 1e-30f, -2e-30f, 0, 1e-30f}, -1, 1e-30f), (Ints{0, 1, 2, 3}));
}

TEST_P(IndexSelectTest, NaNLosesToEveryNumber) {
  const float nan = std::nanf("");
  EXPECT_EQ(select_by(*GetParam(), 3, {nan, 1, nan, -1e20f, 2}, nan, 1e30f), (Ints{1, 3, 4})); // -1e20: -infinity
  EXPECT_EQ(select_by(*GetParam(), 3, {nan, 1, -nan, nan, nan}, nan), (Ints{0, 1, 2}));
  EXPECT_EQ(select_by(*GetParam(), 2, Floats(300, nan), 0), (Ints{300, 301}));
}

TEST_P(IndexSelectTest, InfinitiesAreTheLargestAndTheSmallest) {
  // Finite ones are at most 1e38.
  EXPECT_EQ(select_by(*GetParam(), 2, {1e8f, 1e10f, 3, 1e9f, 1e20f}, 5, 1e30f), (Ints{1, 3}));
  EXPECT_EQ(select_by(*GetParam(), 3, {-1e20f, -1e8f, -1e9f, 1}, -1e10f, 1e30f), (Ints{0, 1, 3}));
}

TEST_P(IndexSelectTest, KeepsTheBestOfRisingAndFallingScores) {
  for (float sign : {1.0f, -1.0f}) {
    Floats scores(kContext);
    for (int64_t u = 0; u < kContext; ++u) {
      scores[u] = sign * static_cast<float>(u);
    }
    Ints got = select_by(*GetParam(), 5, scores, 0);
    EXPECT_EQ(got, sign > 0 ? (Ints{395, 396, 397, 398, 399}) : (Ints{0, 1, 2, 3, 4}));
  }
}

TEST_P(IndexSelectTest, RowsThatSeeNoMoreReadNoKeys) {
  Index index({4, 32, 100}, {0, 63, 99});
  std::fill(index.keys.begin(), index.keys.end(), std::nanf(""));
  Ints got = index.select(*GetParam());
  for (int64_t t = 0; t < 3; ++t) {
    for (int32_t j = 0; j < 100; ++j) {
      EXPECT_EQ(got[t * 100 + j], j <= index.positions[t] ? j : -1);
    }
  }
}

TEST_P(IndexSelectTest, RowsAreOfTheirOwnSequences) {
  Index index({12, 64, 20}, {300, 200, 399}, 3);
  EXPECT_EQ(index.select(*GetParam(), {2, 0, 1}), index.reference());
}

TEST_P(IndexSelectTest, FractionsAreSelectedByTheBestWithinRounding) {
  Index index({64, 128, 40}, {399});
  index.q = random_floats(index.q.size(), 4);
  index.w = random_floats(index.w.size(), 5);
  index.keys = random_floats(index.keys.size(), 6);
  Floats scores(kContext);
  Ints ids(kContext), got = index.select(*GetParam());
  ref::index_candidates(index.q.data(), index.w.data(), index.keys.data(), index.positions.data(), 1, {64, 128, 399}, 1,
                        scores.data(), ids.data());
  Floats sorted(scores.begin(), scores.begin() + 399);
  std::sort(sorted.begin(), sorted.end(), std::greater<float>());
  for (int32_t position : got) {
    auto found = std::find(ids.begin(), ids.end(), position);
    EXPECT_TRUE(found != ids.end() && scores[found - ids.begin()] >= sorted[39] - 1e-4f) << position;
  }
}

/// Fills with what is hard to add up or to tell apart: numbers of all magnitudes, equal ones, and what is none.
static void make_hard(int kind, Floats &values, uint32_t seed) {
  const Floats random = random_floats(values.size(), seed), other = random_floats(values.size(), seed + 100);
  for (size_t i = 0; i < values.size(); ++i) {
    float x = random[i];
    bool rare = other[i] > 0.999f;
    const float kinds[] = {x,
                           1 + 1e-5f * x,
                           x * std::exp2(std::floor(20 * other[i])),
                           x * std::exp2(std::floor(70 * other[i])),
                           x * 1e-40f,
                           x * 1e-20f,
                           x * 1e25f,
                           rare ? std::numeric_limits<float>::infinity() : x,
                           rare ? std::nanf("") : x,
                           rare ? 1e6f : 1e-3f * x};
    values[i] = kinds[kind];
  }
}

TEST_P(IndexSelectTest, SelectsTheSamePositionsOnEveryArch) {
  const Kernel &plain = *kernels::findKernel("index_select", "avx2", "f32", "none");
  for (ref::IndexShape shape : {ref::IndexShape{64, 128, 16}, {64, 128, 100}, {20, 130, 50}, {130, 40, 7}, {1, 7, 3}}) {
    for (int kind = 0; kind < 30; ++kind) {
      SCOPED_TRACE(testing::Message() << shape.heads << " heads, " << shape.kept << " kept, kind " << kind);
      Index index(shape, {149, 398, 399});
      // Of keys, of queries, of both.
      make_hard(kind < 20 ? kind % 10 : 0, index.keys, 7);
      make_hard(kind >= 10 ? kind % 10 : 0, index.q, 8);
      make_hard(kind == 27 || kind == 28 ? kind % 10 : 0, index.w, 9);
      EXPECT_EQ(index.select(*GetParam()), index.select(plain));
    }
  }
}

TEST_P(IndexSelectTest, SelectsTheSameOfRepeatedKeysOnEveryArch) {
  const Kernel &plain = *kernels::findKernel("index_select", "avx2", "f32", "none");
  for (int64_t distinct : {1, 2, 3, 20, 64, 150}) {
    for (int64_t element : {FATHOM_ROW_F32, FATHOM_ROW_BF16, FATHOM_ROW_F8E4M3}) {
      Index index({64, 128, 60}, {150, 399}, 1, element);
      index.keys = random_floats(index.keys.size(), 4);
      index.q = random_floats(index.q.size(), 5);
      index.w = random_floats(index.w.size(), 6);
      for (size_t i = distinct * 128; i < index.keys.size(); ++i) {
        index.keys[i] = index.keys[i - distinct * 128];
      }
      EXPECT_EQ(index.select(*GetParam()), index.select(plain)) << distinct << " keys in format " << element;
    }
  }
}

TEST_P(IndexSelectTest, SelectsByQueriesOfBf16) {
  RoundingScope rounding;
  Index index({12, 64, 20}, {10, 399});
  index.q = random_floats(index.q.size(), 4);
  index.keys = random_floats(index.keys.size(), 6);
  index.select(*GetParam());
}

// The index in parts

namespace {

/// What index_candidates gives.
struct FoundCandidates {
  FoundCandidates(const Kernel &kernel, Index &index, int64_t parts)
      : scores(index.rows() * parts * index.shape.kept, std::nanf("")), bounds(index.rows() * parts, std::nanf("")),
        ids(scores.size(), -7) {
    index.call(kernel, {scores.data(), ids.data(), bounds.data()}, {{"parts", parts}});
  }
  Floats scores, bounds;
  Ints ids;
};

} // namespace

static Ints merge(const Kernel &kernel, Index &index, int64_t parts, const FoundCandidates &found) {
  Ints out(index.rows() * index.shape.kept, -7);
  index.call(kernel, {out.data()}, {{"parts", parts}}, {},
             {found.scores.data(), found.ids.data(), found.bounds.data()});
  return out;
}

static Ints select_in_parts(const Kernel &candidates, Index &index, int64_t parts) {
  FoundCandidates found(candidates, index, parts);
  Floats want_scores(found.scores.size());
  Ints want_ids(found.ids.size());
  ref::index_candidates(index.q.data(), index.w.data(), index.keys.data(), index.positions.data(), index.rows(),
                        index.shape, parts, want_scores.data(), want_ids.data());
  EXPECT_EQ(found.ids, want_ids);
  for (size_t i = 0; i < found.scores.size(); ++i) {
    EXPECT_LE(std::fabs(found.scores[i] - want_scores[i]), found.bounds[i / index.shape.kept]);
  }
  return merge(*kernels::findKernel("index_merge", candidates.arch, "f32", "none"), index, parts, found);
}

TEST_P(IndexCandidatesTest, AnyPartsSelectWhatIndexSelectDoes) {
  for (ref::IndexShape shape : {ref::IndexShape{1, 32, 1}, {20, 32, 7}, {64, 128, 64}, {12, 64, 100}, {3, 24, 1000}}) {
    Index index(shape, kEdges);
    Ints whole = index.select(*kernels::findKernel("index_select", GetParam()->arch, "f32", "none"));
    for (int64_t parts : {1, 2, 3, 7, 16}) {
      SCOPED_TRACE(testing::Message() << shape.heads << " heads, " << shape.kept << " kept, " << parts << " parts");
      EXPECT_EQ(select_in_parts(*GetParam(), index, parts), whole);
    }
  }
}

TEST_P(IndexCandidatesTest, ScoresQueriesOfBf16) {
  RoundingScope rounding;
  Index index({12, 64, 20}, {10, 399});
  index.q = random_floats(index.q.size(), 4);
  index.keys = random_floats(index.keys.size(), 6);
  FoundCandidates(*GetParam(), index, 3);
}

TEST_P(IndexCandidatesTest, HalfOfWhatARowSeesAtMostAreCandidates) {
  const int64_t k = 32, parts = 16;
  // 2 * k, 3 * k, less than 4 * k and as much, 8 * k and 12.5 * k keys.
  Index index({4, 32, k}, {63, 95, 126, 127, 255, 399});
  FoundCandidates found(*GetParam(), index, parts);
  std::vector<int64_t> counts;
  for (auto row = found.ids.begin(); row != found.ids.end(); row += parts * k) {
    counts.push_back(parts * k - std::count(row, row + parts * k, -1));
  }
  EXPECT_EQ(counts, (std::vector<int64_t>{k, k, k, 2 * k, 4 * k, 6 * k}));
  EXPECT_EQ(select_in_parts(*GetParam(), index, parts), index.reference());
}

TEST_P(IndexCandidatesTest, ScoresHaveTheBitsOfEveryArchAndOfARowAlone) {
  if (GetParam()->arch == "amx") {
    return; // within bounds, above
  }
  const int64_t k = 390;
  // The first row's.
  auto score = [&](const Kernel &kernel, const Ints &positions, int64_t heads) {
    Index index({heads, 70, k}, positions);
    index.q = random_floats(index.q.size(), 4);
    index.w = random_floats(index.w.size(), 5);
    index.keys = random_floats(index.keys.size(), 6);
    FoundCandidates found(kernel, index, 1);
    EXPECT_EQ(found.bounds, Floats(positions.size()));
    return Floats(found.scores.begin(), found.scores.begin() + k);
  };
  for (int64_t heads : {1, 3, 20, 64}) {
    Floats want = score(*kernels::findKernel("index_candidates", "avx2", "f32", "none"), {399}, heads);
    expect_same_bits(score(*GetParam(), {399}, heads), want);
    expect_same_bits(score(*GetParam(), {399, 395}, heads), want);
  }
}

TEST_P(IndexCandidatesTest, HardNumbersAreMergedToWhatOneSearchSelects) {
  const Kernel &plain = *kernels::findKernel("index_select", "avx2", "f32", "none");
  const Kernel &merging = *kernels::findKernel("index_merge", GetParam()->arch, "f32", "none");
  for (ref::IndexShape shape : {ref::IndexShape{64, 128, 16}, {64, 128, 100}, {20, 130, 50}, {1, 7, 3}}) {
    // What stands in for a GPU is slow.
    for (int kind = 0; kind < 30; kind += is_of_gpu(*GetParam()) ? 13 : 1) {
      for (int64_t parts : {2, 5}) {
        SCOPED_TRACE(testing::Message() << shape.heads << " heads, " << shape.kept << " kept, kind " << kind);
        Index index(shape, {40, 149, 399});
        make_hard(kind < 20 ? kind % 10 : 0, index.keys, 7);
        make_hard(kind >= 10 ? kind % 10 : 0, index.q, 8);
        make_hard(kind == 27 || kind == 28 ? kind % 10 : 0, index.w, 9);
        FoundCandidates found(*GetParam(), index, parts);
        EXPECT_EQ(merge(merging, index, parts, found), index.select(plain));
      }
    }
  }
}

/// Small integers are what they are in every format.
TEST_P(IndexSelectTest, SelectsKeysOfEveryFormat) {
  const ref::IndexShape shape = {20, 136, 7};
  for (int64_t element : {FATHOM_ROW_BF16, FATHOM_ROW_F8E4M3}) {
    Index index(shape, kEdges, 1, element);
    EXPECT_EQ(index.select(*GetParam()), index.reference()) << "format " << element;
  }
}

TEST_P(IndexMergeTest, MatchesReferenceWhateverAPartGives) {
  const int64_t T = 3, parts = 4, k = 9;
  Floats scores = small_integers(T * parts * k, 1);
  Ints ids(scores.size(), -1), out(T * k, -7), want(T * k);
  for (int64_t i = 0; i < T * parts * k; ++i) {
    // Row 0 has whole parts, row 1 has one of a single candidate and others of none, row 2 parts of all sizes.
    int64_t t = i / (parts * k), part = i / k % parts, j = i % k, count = t == 0 ? k : t == 1 ? part == 2 : 2 * part;
    ids[i] = j < count ? static_cast<int32_t>(part * 100 + 3 * j) : -1;
  }
  ref::index_merge(scores.data(), ids.data(), T, k, parts, want.data());
  Floats bounds(T * parts);
  Index index({1, 1, k}, {399, 399, 399});
  index.call(*GetParam(), {out.data()}, {{"parts", parts}}, {}, {scores.data(), ids.data(), bounds.data()});
  EXPECT_EQ(out, want);
}

TEST_P(IndexMergeTest, MergesByQueriesOfBf16) {
  Index index({12, 64, 20}, {10, 399});
  index.q = random_floats(index.q.size(), 4);
  index.keys = random_floats(index.keys.size(), 6);
  FoundCandidates found(*kernels::findKernel("index_candidates", GetParam()->arch, "f32", "none"), index, 3);
  RoundingScope rounding;
  merge(*GetParam(), index, 3, found);
}

TEST_P(IndexMergeTest, PartsBehindThoseInUseAreNotRead) {
  const int64_t parts = 4, k = 9;
  // Rows that use one, one, two and four parts.
  Index index({1, 1, k}, {k - 1, 4 * k - 2, 6 * k - 2, 399});
  const int64_t used[] = {1, 1, 2, 4};
  Floats scores = small_integers(index.rows() * parts * k, 1), bounds(index.rows() * parts);
  Ints ids(scores.size(), -1), out(index.rows() * k, -7), want(out.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    int64_t part = static_cast<int64_t>(i) / k % parts;
    ids[i] = part < used[i / (parts * k)] ? static_cast<int32_t>(i % (parts * k)) : -1;
  }
  ref::index_merge(scores.data(), ids.data(), index.rows(), k, parts, want.data());
  for (size_t i = 0; i < ids.size(); ++i) {
    scores[i] = ids[i] < 0 ? 1000.0f : scores[i];
    ids[i] = static_cast<int32_t>(i % (parts * k));
  }
  index.call(*GetParam(), {out.data()}, {{"parts", parts}}, {}, {scores.data(), ids.data(), bounds.data()});
  EXPECT_EQ(out, want);
}

INSTANTIATE_TEST_SUITE_P(Catalog, IndexSelectTest, testing::ValuesIn(kernels_of("index_select")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, IndexCandidatesTest, testing::ValuesIn(kernels_of("index_candidates")), kernel_name);
INSTANTIATE_TEST_SUITE_P(Catalog, IndexMergeTest, testing::ValuesIn(kernels_of("index_merge")), kernel_name);

} // namespace fathom::test
