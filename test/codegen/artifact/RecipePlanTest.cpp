// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks of recipes, and the pieces they are cut into.

#include "codegen/artifact/RecipePlan.h"

#include "test/codegen/artifact/Support.h"

namespace fathom::codegen::test {

static SliceRecipe makeRecipe(Layout layout, std::vector<Source> sources, RowMap rowMap = RowMap::Concat) {
  SliceRecipe recipe;
  recipe.layout = layout;
  recipe.rowMap = rowMap;
  recipe.sources = std::move(sources);
  return recipe;
}

static const ShardFile bigShard = {"model.safetensors", 1 << 20};

static int check(const SliceRecipe &recipe) { return exitCode(computeSliceSize(recipe, {bigShard}, "layers.0.q")); }

/// What is wrong with a recipe that only a mistake in the compiler makes; the empty text if nothing is.
static std::string findMistake(const SliceRecipe &recipe) {
  auto size = computeSliceSize(recipe, {bigShard}, "layers.0.q");
  if (size) {
    return "";
  }
  ExitStatus status = takeExitStatus(size.takeError());
  EXPECT_EQ(status.code, 70);
  return status.message;
}

TEST(ComputeSliceSize, RefusesShapesThatDoNotFitTogether) {
  Source a{0, 0, 4, 8, ElementType::BF16, {}};
  Source wider{0, 0, 4, 9, ElementType::BF16, {}};
  Source other{0, 0, 4, 8, ElementType::F16, {}};
  Source taller{0, 0, 5, 8, ElementType::BF16, {}};
  EXPECT_EQ(findMistake(makeRecipe(Layout::Rows, {a, a})), "");
  EXPECT_EQ(findMistake(makeRecipe(Layout::Rows, {a, wider})), "recipe of layers.0.q: sources with 8 and 9 columns");
  EXPECT_EQ(findMistake(makeRecipe(Layout::Rows, {a, other})),
            "recipe of layers.0.q: sources of different element types");
  SliceRecipe widened = makeRecipe(Layout::Rows, {a, other});
  widened.widen = true;
  EXPECT_EQ(findMistake(widened), "") << "conversion makes them alike";
  for (const std::vector<Source> &sources : {std::vector{a, taller}, std::vector{a}}) {
    EXPECT_EQ(findMistake(makeRecipe(Layout::Panels, sources, RowMap::Interleave)),
              "recipe of layers.0.q: interleaved rows need two sources of one shape");
  }
  EXPECT_EQ(findMistake(makeRecipe(Layout::PanelScales, {a})), "recipe of layers.0.q: a source without scales");
  EXPECT_EQ(findMistake(makeRecipe(Layout::Rows, {})), "recipe of layers.0.q: 0 sources");
  EXPECT_EQ(findMistake(makeRecipe(Layout::RopeTable, {})), "recipe of layers.0.q: an empty rope table");
}

TEST(ComputeSliceSize, RefusesSourcesBeyondTheirShard) {
  Source source{0, (1 << 20) - 64, 4, 8, ElementType::BF16, {}};
  EXPECT_EQ(check(makeRecipe(Layout::Rows, {source})), 0);
  ++source.offset;
  EXPECT_EQ(check(makeRecipe(Layout::Rows, {source})), 3);
  source.offset = UINT64_MAX - 3;
  EXPECT_EQ(check(makeRecipe(Layout::Rows, {source})), 3);
  source.offset = 0;
  source.shard = 1;
  EXPECT_EQ(check(makeRecipe(Layout::Rows, {source})), 70);
}

TEST(ComputeSliceSize, RefusesProductsThatOverflow) {
  for (int64_t huge : {INT64_MAX, INT64_MAX >> 16, int64_t(1) << 32, int64_t(-1), int64_t(0)}) {
    Source source{0, 0, huge, huge, ElementType::F32, {}};
    EXPECT_NE(check(makeRecipe(Layout::Rows, {source})), 0) << huge;
  }
  SliceRecipe rope;
  rope.layout = Layout::RopeTable;
  rope.rope = {INT64_MAX, {1.0}, 1.0};
  EXPECT_EQ(check(rope), 4);
}

TEST(ComputeSliceSize, RefusesScalesBeyondTheirShard) {
  Source source{0, 0, 129, 129, ElementType::F8E4M3, ScaleSource{0, (1 << 20) - 16}};
  EXPECT_EQ(check(makeRecipe(Layout::PanelScales, {source})), 0);
  source.scale->offset += 4;
  EXPECT_EQ(check(makeRecipe(Layout::PanelScales, {source})), 3);
}

/// Recipes of scales name no place of the weight itself, which is not read: there need not be room for it.
TEST(ComputeSliceSize, TakesScalesThatEndTheirShard) {
  uint64_t end = (1 << 20) - 16;
  EXPECT_EQ(check(makeRecipe(Layout::PanelScales, {{0, end, 129, 256, ElementType::F8E4M3, ScaleSource{0, end}}})), 0);
}

/// Every piece must be small, and together they must be the slice.
TEST(PieceCursor, CutsMatricesOfAnyShapeIntoSmallPieces) {
  constexpr uint64_t limit = 1 << 16;
  for (auto [layout, widen] : {std::pair(Layout::Rows, false),
                               {Layout::Panels, false},
                               {Layout::PanelScales, false},
                               {Layout::Rows, true},
                               {Layout::Panels, true}}) {
    for (auto [rows, columns] :
         {std::pair<int64_t, int64_t>{1, 1}, {100, 300}, {1, 1 << 20}, {1 << 20, 1}, {33, 70001}}) {
      Source source{0, 0, rows, columns, ElementType::BF16, ScaleSource{0, 0}};
      SliceRecipe recipe = makeRecipe(layout, {source});
      recipe.widen = widen;
      ShardFile shard{"s", 1ull << 40};
      uint64_t size = llvm::cantFail(computeSliceSize(recipe, {shard}, "w"));
      uint64_t total = 0;
      for (PieceCursor cursor(recipe, limit); !cursor.isDone();) {
        Piece piece = cursor.next();
        ASSERT_LE(piece.bytes, limit);
        ASSERT_LE((piece.rowEnd - piece.rowBegin) * (piece.columnEnd - piece.columnBegin) * 2, int64_t(limit));
        ASSERT_GT(piece.bytes, 0u);
        total += piece.bytes;
      }
      EXPECT_EQ(total, size) << "layout " << int(layout) << " of " << rows << "x" << columns;
    }
  }
}

} // namespace fathom::codegen::test
