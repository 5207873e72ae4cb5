// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The choice of positions without kernels: scores, ties, edges and parts, and that mistakes in it are seen.

#include "test/passes/lower/StructuredValues.h"

#include "kernels/ref/ref.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"

#include <limits>

namespace fathom::test {

namespace arith = mlir::arith;
namespace math = mlir::math;
using llvm::dyn_cast;
using llvm::isa;
using mlir::Operation;

namespace {

constexpr int64_t kContext = 200, kLayers = 2, kLayer = 1;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// What an op reads that searches an index of these sizes.
Operands getIndexOperands(const ref::IndexShape &s) {
  return {rows("q", s.heads * s.head_dim),
          rows("w", s.heads),
          {"cache", formatv("!deepseek.cache<index: {0} x f32>", s.head_dim)},
          {"layer", "index"},
          ids("positions")};
}

/// deepseek.index_select of these sizes.
GeneratedFunction selectPositions(const ref::IndexShape &s, Mistake mistake = nullptr) {
  return GeneratedFunction::create(
      formatv("deepseek.index_select %q, %w, %cache[%layer] at %positions {{num_heads = {0} : i64, head_dim = {1} : "
              "i64, top_k = {2} : i64}",
              s.heads, s.head_dim, s.kept),
      getIndexOperands(s), {{"y", formatv("tensor<?x{0}xi32>", s.kept)}}, mistake);
}

/// deepseek.index_candidates of these sizes.
GeneratedFunction findCandidates(const ref::IndexShape &s, int64_t parts) {
  return GeneratedFunction::create(
      formatv("deepseek.index_candidates %q, %w, %cache[%layer] at %positions {{num_heads = {0} : i64, head_dim = {1} "
              ": i64, top_k = {2} : i64, parts = {3} : i64}",
              s.heads, s.head_dim, s.kept, parts),
      getIndexOperands(s),
      {rows("scores", parts * s.kept), {"ids", formatv("tensor<?x{0}xi32>", parts * s.kept)}, rows("bounds", parts)});
}

/// A store where the score of a position, for the queries {1, -1} and the weights {1, -1}, is its key.
Cache cacheOfScores(const Floats &scores) {
  Cache cache(kContext, kLayers, {1});
  for (int64_t u = 0; u < int64_t(scores.size()); ++u) {
    *cache.row(kLayer, u) = scores[u];
  }
  return cache;
}

/// The positions that deepseek.index_merge leaves of candidates, [T, parts, topK] each, where the score of a position
/// is that of `keys`.
Ints merge(const Floats &scores, const Ints &candidates, int64_t T, int64_t topK, int64_t parts, Floats bounds = {},
           const Floats &keys = {}) {
  Operands inputs = {
      rows("scores", parts * topK), {"ids", formatv("tensor<?x{0}xi32>", parts * topK)}, rows("bounds", parts)};
  for (const auto &operand : getIndexOperands({2, 1, topK})) {
    inputs.push_back(operand);
  }
  auto merge = GeneratedFunction::create(
      formatv("deepseek.index_merge %scores, %ids within %bounds by %q, %w, %cache[%layer] at %positions {{num_heads = "
              "2 : i64, head_dim = 1 : i64, top_k = {0} : i64, parts = {1} : i64}",
              topK, parts),
      inputs, {{"y", formatv("tensor<?x{0}xi32>", topK)}});
  bounds.resize(T * parts);
  Floats signs;
  for (int64_t t = 0; t < T; ++t) {
    signs.insert(signs.end(), {1, -1});
  }
  Ints positions(T, kContext - 1), got(T * topK, -2);
  Cache cache = cacheOfScores(keys);
  merge.run(T,
            {scores.data(), candidates.data(), bounds.data(), signs.data(), signs.data(), positions.data(), got.data()},
            cache.of(std::vector<int64_t>(T)));
  return got;
}

/// What one row at the last position of `scores` selects, where the score of a position is that number.
Ints selectByScore(const Floats &scores, int64_t topK, Mistake mistake = nullptr) {
  auto select = selectPositions({2, 1, topK}, mistake);
  Cache cache = cacheOfScores(scores);
  // max(0, key) − max(0, −key)
  Floats q = {1, -1}, w = {1, -1};
  Ints positions = {int32_t(scores.size()) - 1}, got(topK, -2);
  select.run(1, {q.data(), w.data(), positions.data(), got.data()}, cache.of({0}));
  return got;
}

/// Whether rows below, at and above top_k, of two sequences, across pages, select what the reference does.
bool selectsAsReference(const ref::IndexShape &s, Mistake mistake = nullptr) {
  auto select = selectPositions(s, mistake);
  Cache cache(kContext, kLayers, {s.head_dim}, 2);
  Floats keys = cache.fill(kLayer, 151, 1, 0), others = cache.fill(kLayer, kContext, 2, 1);
  const int64_t T = 6;
  Ints positions = {0, 6, 7, 64, 150, 199}, want(T * s.kept), got(T * s.kept, -2);
  Floats q = random_floats(T * s.heads * s.head_dim, 3), w = random_floats(T * s.heads, 4);
  ref::index_select(q.data(), w.data(), keys.data(), positions.data(), T - 1, s, want.data());
  ref::index_select(&q[(T - 1) * s.heads * s.head_dim], &w[(T - 1) * s.heads], others.data(), &positions[T - 1], 1, s,
                    &want[(T - 1) * s.kept]);
  select.run(T, {q.data(), w.data(), positions.data(), got.data()}, cache.of({0, 0, 0, 0, 0, 1}));
  return got == want;
}

/// The choice of the last of equal scores, in a row that counts those above the threshold right.
void takeTheLastOfEqualScores(Operation *op) {
  auto compare = dyn_cast<arith::CmpIOp>(op);
  bool takes = compare && compare.getLhs().getType().isInteger(32) && isa<arith::OrIOp>(*compare->user_begin());
  if (takes) {
    compare.setPredicate(arith::CmpIPredicate::sge);
  }
}

void takeNegativeProducts(Operation *op) {
  auto relu = dyn_cast<arith::SelectOp>(op);
  if (relu && relu.getType().isF32()) {
    relu.replaceAllUsesWith(relu.getFalseValue());
  }
}

void scoreByTheLastHead(Operation *op) {
  auto sum = dyn_cast<math::FmaOp>(op);
  if (sum && sum.getB().getDefiningOp<arith::SelectOp>()) {
    mlir::OpBuilder builder(op);
    sum.getCMutable().assign(arith::ConstantOp::create(builder, op->getLoc(), builder.getF32FloatAttr(0)));
  }
}

void takeNaNForANumber(Operation *op) {
  auto compare = dyn_cast<arith::CmpFOp>(op);
  if (compare && compare.getLhs() == compare.getRhs()) {
    compare.setPredicate(arith::CmpFPredicate::UEQ);
  }
}

} // namespace

TEST(StructuredIndexTest, IndexSelect) {
  for (const ref::IndexShape &s : {ref::IndexShape{1, 2, 1}, {20, 6, 7}, {24, 16, 64}, {3, 5, 199}}) {
    SCOPED_TRACE(testing::Message() << s.heads << " heads, top " << s.kept);
    EXPECT_TRUE(selectsAsReference(s));
  }
}

// Parts of several blocks, of one, and of none; the last block of a row is not full.
TEST(StructuredIndexTest, IndexCandidatesOfPartsAreMergedToTheSelection) {
  const ref::IndexShape s = {20, 6, 7};
  const int64_t T = 6;
  Cache cache(kContext, kLayers, {s.head_dim});
  Floats keys = cache.fill(kLayer, kContext, 1);
  Ints positions = {0, 6, 7, 64, 150, 199}, selected(T * s.kept);
  Floats q = random_floats(T * s.heads * s.head_dim, 3), w = random_floats(T * s.heads, 4);
  ref::index_select(q.data(), w.data(), keys.data(), positions.data(), T, s, selected.data());
  for (int64_t parts : {1, 2, 3, 5}) {
    SCOPED_TRACE(testing::Message() << parts << " parts");
    const int64_t count = T * parts * s.kept;
    Floats scores = unset(count), wantScores(count), bounds = unset(T * parts);
    Ints candidates(count, -2), wantCandidates(count);
    ref::index_candidates(q.data(), w.data(), keys.data(), positions.data(), T, s, parts, wantScores.data(),
                          wantCandidates.data());
    findCandidates(s, parts).run(
        T, {q.data(), w.data(), positions.data(), scores.data(), candidates.data(), bounds.data()},
        cache.of({0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(candidates, wantCandidates);
    expectClose(scores, wantScores);
    EXPECT_EQ(bounds, Floats(T * parts));
    EXPECT_EQ(merge(scores, candidates, T, s.kept, parts, bounds), selected);
  }
}

TEST(StructuredIndexTest, IndexMergeTakesTheLowestOfEqualScoresAndNumbersBeforeNaN) {
  EXPECT_EQ(merge({2, 2, 2, 2}, {3, 5, 70, 99}, 1, 2, 2), (Ints{3, 5}));
  EXPECT_EQ(merge({-0.0f, -1, 0, 1}, {3, 5, 70, 99}, 1, 2, 2), (Ints{3, 99}));
  EXPECT_EQ(merge({kNaN, kNaN, -1e30f, kNaN}, {3, 5, 70, 99}, 1, 2, 2), (Ints{3, 70}));
}

TEST(StructuredIndexTest, IndexMergeComputesScoresThatMayBeOff) {
  Floats keys(kContext);
  keys[3] = 1;
  keys[5] = 7;
  // 5 and 70 by what scores are, 3 and 5 by what they are given as.
  EXPECT_EQ(merge({9, 9, 6, 0}, {3, 5, 70, 99}, 1, 2, 2, {3, 0}, keys), (Ints{5, 70}));
  EXPECT_EQ(merge({9, 9, 6, 0}, {3, 5, 70, 99}, 1, 2, 2, {0, 0}, keys), (Ints{3, 5}));
  EXPECT_EQ(merge({9, 9, 6, 0}, {3, -1, 70, -1}, 1, 2, 2, {3, 3}, keys), (Ints{3, 70}));
}

TEST(StructuredIndexTest, IndexMergePassesOverWhatIsNotThere) {
  // Though its score of 0 is larger, or as large.
  EXPECT_EQ(merge({-1, 0, -2, -3}, {3, -1, 70, 99}, 1, 2, 2), (Ints{3, 70}));
  EXPECT_EQ(merge({kNaN, 0, kNaN, 0}, {3, -1, 70, -1}, 1, 2, 2), (Ints{3, 70}));
  EXPECT_EQ(merge({0, 0, 0, 0, 0, 0}, {-1, -1, -1, 0, -1, -1}, 1, 3, 2), (Ints{0, -1, -1}));
}

TEST(StructuredIndexTest, IndexSelectTakesTheLowestOfEqualScores) {
  EXPECT_EQ(selectByScore(Floats(9, 2), 4), (Ints{0, 1, 2, 3}));
  EXPECT_EQ(selectByScore({5, 1, 5, 1, 5, 1}, 4), (Ints{0, 1, 2, 4}));
  EXPECT_EQ(selectByScore({-1, -3, -3, -3, -2}, 3), (Ints{0, 1, 4}));
  // Zeros are equal whatever their sign.
  EXPECT_EQ(selectByScore({-1, -0.0f, 0, -0.0f}, 2), (Ints{1, 2}));
}

TEST(StructuredIndexTest, IndexSelectTakesEveryPositionIfThereIsRoom) {
  EXPECT_EQ(selectByScore({3}, 4), (Ints{0, -1, -1, -1}));
  EXPECT_EQ(selectByScore({3, kNaN, 1}, 4), (Ints{0, 1, 2, -1}));
  EXPECT_EQ(selectByScore({3, 2, 1, 0}, 4), (Ints{0, 1, 2, 3}));
}

TEST(StructuredIndexTest, IndexSelectTakesNumbersBeforeNaN) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(selectByScore({kNaN, -1e30f, kNaN, 1e30f, 0}, 3), (Ints{1, 3, 4}));
  EXPECT_EQ(selectByScore({kNaN, kNaN, kNaN, 1}, 3), (Ints{0, 1, 3}));
  // max(0, −∞) − max(0, ∞)
  EXPECT_EQ(selectByScore({1, infinity, -infinity, kNaN}, 2), (Ints{0, 1}));
}

// Each mistake, made in the code that is generated, fails a test above.
TEST(StructuredIndexTest, AMistakeWithTiesIsSeen) {
  EXPECT_EQ(selectByScore(Floats(9, 2), 4, takeTheLastOfEqualScores), (Ints{0, 1, 2, 8}));
  EXPECT_EQ(selectByScore({5, 1, 5, 1, 5, 1}, 4, takeTheLastOfEqualScores), (Ints{0, 1, 2, 5}));
  // Only ties show it.
  EXPECT_TRUE(selectsAsReference({20, 6, 7}, takeTheLastOfEqualScores));
}

TEST(StructuredIndexTest, MistakesInScoresAreSeen) {
  EXPECT_FALSE(selectsAsReference({20, 6, 7}, takeNegativeProducts));
  EXPECT_FALSE(selectsAsReference({20, 6, 7}, scoreByTheLastHead));
  EXPECT_EQ(selectByScore({1, kNaN, 2}, 2, takeNaNForANumber), (Ints{1, 2}));
}

} // namespace fathom::test
