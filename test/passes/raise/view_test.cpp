// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which elements of rows views are, after what moves elements about.

#include "passes/raise/View.h"

#include "mlir/IR/Builders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::raise {

using mlir::ShapedType;

static constexpr int64_t kUnknown = ShapedType::kDynamic;

static void PrintTo(const Dim &dim, std::ostream *out) {
  *out << "{" << int(dim.kind);
  for (const Factor &factor : dim.factors) {
    *out << ", " << factor.size << " by " << factor.stride;
  }
  *out << "}";
}

namespace {
/// Views have a type of f32 in mind, and no rows.
class ViewTest : public testing::Test {
protected:
  mlir::RankedTensorType type(llvm::ArrayRef<int64_t> shape) {
    return mlir::RankedTensorType::get(shape, mlir::Float32Type::get(&context));
  }

  /// [batch, sequence, width].
  static View ofRows(int64_t width) { return {{}, {{Dim::Batch}, {Dim::Sequence}, Dim::columns(width, 1)}}; }

  mlir::MLIRContext context;
};
} // namespace

static std::vector<Dim> dimsOf(const std::optional<View> &view) {
  return view ? std::vector<Dim>(view->dims.begin(), view->dims.end()) : std::vector<Dim>();
}

using testing::ElementsAre;

TEST_F(ViewTest, SplitsColumnsIntoHeads) {
  auto heads = reshape(ofRows(32), type({kUnknown, kUnknown, 4, 8}));
  EXPECT_THAT(dimsOf(heads), ElementsAre(Dim{Dim::Batch}, Dim{Dim::Sequence}, Dim::columns(4, 8), Dim::columns(8, 1)));
  EXPECT_FALSE(reshape(ofRows(32), type({kUnknown, kUnknown, 5, 8}))) << "40 columns of 32";
  EXPECT_FALSE(reshape(ofRows(32), type({kUnknown, kUnknown, 2, 8}))) << "some are left";
}

TEST_F(ViewTest, JoinsWhatItSplit) {
  auto heads = reshape(ofRows(32), type({kUnknown, kUnknown, 4, 8}));
  auto moved = transpose(transpose(*heads, {0, 2, 1, 3}).value(), {0, 2, 1, 3});
  EXPECT_THAT(dimsOf(reshape(*moved, type({kUnknown, kUnknown, 32}))), testing::ElementsAreArray(ofRows(32).dims));
}

TEST_F(ViewTest, KeepsTheOrderOfWhatItJoins) {
  View pairs = {{}, {{Dim::Sequence}, Dim::columns(2, 1), Dim::columns(4, 2)}};
  auto joined = reshape(pairs, type({kUnknown, 8}));
  EXPECT_THAT(dimsOf(joined), ElementsAre(Dim{Dim::Sequence}, Dim{Dim::Columns, {{2, 1}, {4, 2}}}));
  EXPECT_FALSE(isWholeRows(*joined, 8));
}

TEST_F(ViewTest, FlattensBatchAndSequenceAndSplitsThemAgain) {
  auto rows = reshape(ofRows(6), type({kUnknown, 6}));
  EXPECT_THAT(dimsOf(rows), ElementsAre(Dim{Dim::Rows}, Dim::columns(6, 1)));
  EXPECT_THAT(dimsOf(reshape(*rows, type({kUnknown, kUnknown, 6}))), testing::ElementsAreArray(ofRows(6).dims));
}

/// Heads of [batch, heads, 1, sequence, width] copied along the third dimension, and joined.
TEST_F(ViewTest, KnowsHeadsThatAreRepeatedEachInTurn) {
  View apart = {{}, {{Dim::Batch}, {Dim::Sequence}, Dim::columns(2, 8), Dim(), Dim::columns(8, 1)}};
  auto copied = expand(apart, type({kUnknown, kUnknown, 2, 3, 8}));
  ASSERT_TRUE(copied);
  auto joined = reshape(*copied, type({kUnknown, kUnknown, 6, 8}));
  EXPECT_THAT(dimsOf(joined), ElementsAre(Dim{Dim::Batch}, Dim{Dim::Sequence}, Dim{Dim::Columns, {{2, 8}, {3, 0}}},
                                          Dim::columns(8, 1)));
  EXPECT_FALSE(isWholeRows(*joined, 48)) << "its elements are of 16 columns";
}

TEST_F(ViewTest, TellsHeadsThatAreTiledFromThoseRepeatedInTurn) {
  View apart = {{}, {{Dim::Batch}, {Dim::Sequence}, Dim(), Dim::columns(2, 8), Dim::columns(8, 1)}};
  auto copied = expand(apart, type({kUnknown, kUnknown, 3, 2, 8}));
  ASSERT_TRUE(copied);
  EXPECT_EQ(dimsOf(reshape(*copied, type({kUnknown, kUnknown, 6, 8})))[2], (Dim{Dim::Columns, {{3, 0}, {2, 8}}}));
}

TEST_F(ViewTest, SlicesColumnsByOffsetAndStep) {
  auto odd = slice(ofRows(8), 2, 1, 4, 2);
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->offset, 1);
  EXPECT_EQ(odd->dims.back(), (Dim::columns(4, 2)));
  EXPECT_FALSE(slice(ofRows(8), 2, 5, 4, 1)) << "one beyond the end";
  EXPECT_FALSE(slice(ofRows(8), 1, 0, 1, 1)) << "tokens are not columns";
}

TEST_F(ViewTest, SlicesWholeRunsOfWhatLiesInTurns) {
  View turns = {{}, {{Dim::Sequence}, {Dim::Columns, {{2, 1}, {4, 2}}}}};
  auto second = slice(turns, 1, 4, 4, 1);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->offset, 1);
  EXPECT_EQ(second->dims.back(), Dim::columns(4, 2));
  EXPECT_FALSE(slice(turns, 1, 2, 4, 1)) << "the end of one run and the beginning of another";
}

TEST_F(ViewTest, CountsColumnsThatAreSideBySide) {
  EXPECT_EQ(countColumns(transpose(*reshape(ofRows(32), type({kUnknown, kUnknown, 4, 8})), {0, 2, 1, 3}).value()), 32);
  EXPECT_EQ(countColumns(slice(ofRows(8), 2, 0, 4, 2).value()), 0) << "every other one";
}

TEST_F(ViewTest, TellsWholeRowsFromPartsAndOtherOrders) {
  EXPECT_TRUE(isWholeRows(ofRows(8), 8));
  EXPECT_FALSE(isWholeRows(ofRows(8), 9));
  EXPECT_FALSE(isWholeRows(transpose(ofRows(8), {0, 2, 1}).value(), 8));
  EXPECT_FALSE(isWholeRows(transpose(ofRows(8), {1, 0, 2}).value(), 8));
  EXPECT_FALSE(isWholeRows(slice(ofRows(8), 2, 0, 4, 2).value(), 4));
}

} // namespace fathom::raise
