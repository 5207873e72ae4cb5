// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks of recipes, and the pieces they are cut into.

#include "codegen/artifact/RecipePlan.h"

#include "test/codegen/artifact/Support.h"

namespace fathom::codegen::test {

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
  Source a{0, 0, 4, 8, ElementType::BF16};
  Source wider{0, 0, 4, 9, ElementType::BF16};
  Source other{0, 0, 4, 8, ElementType::F16};
  Source taller{0, 0, 5, 8, ElementType::BF16};
  EXPECT_EQ(findMistake(makeRecipe({a, a}, {ConcatRows()})), "");
  EXPECT_EQ(findMistake(makeRecipe({a, wider}, {ConcatRows()})), "recipe of layers.0.q: inputs with 8 and 9 columns");
  EXPECT_EQ(findMistake(makeRecipe({a, other}, {ConcatRows()})),
            "recipe of layers.0.q: inputs of different element types");
  EXPECT_EQ(findMistake(makeRecipe({a, other}, {ToF32(), ConcatRows()})), "") << "conversion makes them alike";
  constexpr char halves[] = "recipe of layers.0.q: interleaved rows need one input with an even number of rows";
  EXPECT_EQ(findMistake(makeRecipe({a}, {InterleaveRows{32}})), "");
  EXPECT_EQ(findMistake(makeRecipe({taller}, {InterleaveRows{32}})), halves);
  EXPECT_EQ(findMistake(makeRecipe({a}, {InterleaveRows{0}})), halves);
  EXPECT_EQ(findMistake(makeRecipe({a}, {SliceRows{1, 2, 2}})), "");
  EXPECT_EQ(findMistake(makeRecipe({a}, {SliceRows{1, 2, 3}})),
            "recipe of layers.0.q: 3 rows from 1, 2 apart, are not those of one input");
  EXPECT_EQ(findMistake(makeRecipe({a}, {SliceRows{4, 1, 1}})),
            "recipe of layers.0.q: 1 rows from 4, 1 apart, are not those of one input");
  EXPECT_EQ(findMistake(makeRecipe({a}, {RepeatRows{2, 7}})), "");
  EXPECT_EQ(findMistake(makeRecipe({a}, {RepeatRows{2, 9}})),
            "recipe of layers.0.q: 9 rows are not those of one input, each repeated 2 times");
  EXPECT_EQ(findMistake(makeRecipe({a}, {RepeatRows{0, 4}})),
            "recipe of layers.0.q: 4 rows are not those of one input, each repeated 0 times");
}

TEST(ComputeSliceSize, RefusesStepsWithTheWrongInputs) {
  Source a{0, 0, 4, 8, ElementType::BF16};
  auto refuse = [&](StepAction action, llvm::SmallVector<uint32_t, 2> inputs) {
    return findMistake({{a}, {{std::move(action), std::move(inputs)}}});
  };
  EXPECT_EQ(refuse(ToF32(), {1}), "recipe of layers.0.q: a step that reads matrix 1 of 1");
  EXPECT_EQ(refuse(ToF32(), {0, 0}), "recipe of layers.0.q: a conversion of 2 inputs");
  EXPECT_EQ(refuse(PackPanels{32}, {}), "recipe of layers.0.q: panels of 0 inputs");
  for (int64_t width : {0, 4097}) {
    EXPECT_EQ(refuse(PackPanels{width}, {0}),
              "recipe of layers.0.q: panels of " + std::to_string(width) + " rows, expected 1 to 4096");
  }
  EXPECT_EQ(refuse(ConcatRows(), {}), "recipe of layers.0.q: rows of no inputs");
  EXPECT_EQ(refuse(RopeTable{4, {1.0}, 1.0}, {0}), "recipe of layers.0.q: a rope table with inputs");
}

TEST(ComputeSliceSize, RefusesConstantsOfAnotherSizeAndTablesTransposed) {
  auto refuse = [](std::vector<StepAction> actions) {
    SliceRecipe recipe = {{}, {{std::move(actions.front()), {}}}};
    for (size_t i = 1; i < actions.size(); ++i) {
      recipe.steps.push_back({std::move(actions[i]), {static_cast<uint32_t>(i - 1)}});
    }
    return findMistake(recipe);
  };
  std::string six(24, 'x');
  EXPECT_EQ(refuse({Constant{2, 3, ElementType::F32, six}, Transpose()}), "");
  constexpr char size[] = "recipe of layers.0.q: a constant with inputs, or of a size that is not its shape's";
  EXPECT_EQ(refuse({Constant{2, 4, ElementType::F32, six}}), size);
  EXPECT_EQ(refuse({Constant{2, 3, ElementType::F32, six + "x"}}), size);
  EXPECT_EQ(refuse({Constant{INT64_MAX, 3, ElementType::F32, six}}), size);
  EXPECT_EQ(refuse({Constant{2, 3, ElementType::F32, six}, Constant{2, 3, ElementType::F32, six}}), size);
  EXPECT_EQ(refuse({RopeTable{4, {1.0}, 1.0}, Transpose()}),
            "recipe of layers.0.q: a transposition of other than one matrix of single columns");
}

TEST(ComputeSliceSize, RefusesNumbersThatAreNotPackedSo) {
  auto refuse = [](ElementType type, unsigned bits, size_t values) {
    return findMistake(makeRecipe({{0, 0, 4, 8, type}}, {Unpack{bits, std::vector<float>(values)}}));
  };
  EXPECT_EQ(refuse(ElementType::Byte, 4, 16), "");
  constexpr char packed[] = "recipe of layers.0.q: packed numbers that are not bytes of one input";
  EXPECT_EQ(refuse(ElementType::BF16, 4, 16), packed);
  EXPECT_EQ(refuse(ElementType::Byte, 4, 15), packed);
  EXPECT_EQ(refuse(ElementType::Byte, 3, 8), packed);
  EXPECT_EQ(refuse(ElementType::Byte, 16, 1 << 16), packed);
}

TEST(ComputeSliceSize, RefusesScalesAndZerosOfOtherBlocks) {
  constexpr ElementType f32 = ElementType::F32;
  Source numbers{0, 0, 5, 8, f32};
  auto refuse = [&](Source scales, std::optional<Source> zeros, const Dequantize &dequantize) {
    SliceRecipe recipe = {{numbers, scales}, {{dequantize, {0, 1}}}};
    if (zeros) {
      recipe.sources.push_back(*zeros);
      recipe.steps[0].inputs.push_back(2);
    }
    return findMistake(recipe);
  };
  Source scales{0, 0, 3, 2, f32}, longer{0, 0, 3, 4, f32}, taller{0, 0, 4, 2, f32},
      halves{0, 0, 3, 2, ElementType::F16};
  Dequantize good{7, 2, 4}, wide{9, 2, 4}, none{7, 0, 4}, bytes{7, 2, 4, 0.0f, ElementType::Byte};
  EXPECT_EQ(refuse(scales, std::nullopt, good), "");
  EXPECT_EQ(refuse(scales, longer, good), "") << "rows of zeros may end with others";
  constexpr char mistake[] = "recipe of layers.0.q: numbers, scales and zeros that do not fit";
  EXPECT_EQ(refuse(longer, std::nullopt, good), mistake);
  EXPECT_EQ(refuse(taller, std::nullopt, good), mistake);
  EXPECT_EQ(refuse(halves, std::nullopt, good), mistake);
  EXPECT_EQ(refuse(scales, taller, good), mistake);
  for (const Dequantize &other : {wide, none, bytes}) {
    EXPECT_EQ(refuse(scales, scales, other), mistake);
  }
  numbers.columns = INT64_MAX;
  EXPECT_EQ(refuse(scales, scales, {INT64_MAX, INT64_MAX, 1}),
            "recipe of layers.0.q: a matrix of shape [5, " + std::to_string(INT64_MAX) + "]");
}

TEST(ComputeSliceSize, RefusesToQuantizeWhatIsNotNumbers) {
  Source a{0, 0, 4, 8, ElementType::BF16}, bytes{0, 0, 4, 8, ElementType::Byte};
  constexpr char mistake[] = "recipe of layers.0.q: a quantization of other than one matrix of numbers";
  EXPECT_EQ(findMistake(makeRecipe({a}, {Quantize{3}})), "");
  EXPECT_EQ(findMistake(makeRecipe({a}, {QuantizeScales{3}})), "");
  EXPECT_EQ(findMistake(makeRecipe({bytes}, {Quantize{3}})), mistake);
  EXPECT_EQ(findMistake(makeRecipe({a}, {Quantize{0}})), mistake);
  EXPECT_EQ(findMistake(makeRecipe({a}, {PackPanels{32}, QuantizeScales{3}})), mistake);
}

TEST(ComputeSliceSize, RefusesRecipesThatAreEmptyOrTooLong) {
  Source a{0, 0, 4, 8, ElementType::BF16};
  EXPECT_EQ(findMistake({}), "recipe of layers.0.q: 0 sources and 0 steps");
  EXPECT_EQ(findMistake(makeRecipe({a}, std::vector<StepAction>(256, ToF32()))), "");
  EXPECT_EQ(findMistake(makeRecipe({a}, std::vector<StepAction>(257, ToF32()))),
            "recipe of layers.0.q: 1 sources and 257 steps");
  EXPECT_EQ(findMistake(makeRecipe({}, {})), "recipe of layers.0.q: 0 sources and 0 steps");
  EXPECT_EQ(findMistake({{}, {{RopeTable(), {}}}}), "recipe of layers.0.q: a matrix of shape [0, 0]");
  EXPECT_EQ(findMistake(makeRecipe({{0, 0, 4, 8, ElementType::BF16, /*scale=*/true}})),
            "recipe of layers.0.q: scales that are not f32");
}

TEST(ComputeSliceSize, RefusesSourcesBeyondTheirShard) {
  Source source{0, (1 << 20) - 64, 4, 8, ElementType::BF16};
  EXPECT_EQ(check(makeRecipe({source})), 0);
  ++source.offset;
  EXPECT_EQ(check(makeRecipe({source})), 3);
  source.offset = UINT64_MAX - 3;
  EXPECT_EQ(check(makeRecipe({source})), 3);
  source.offset = 0;
  source.shard = 1;
  EXPECT_EQ(check(makeRecipe({source})), 70);
}

TEST(ComputeSliceSize, RefusesProductsThatOverflow) {
  for (int64_t huge : {INT64_MAX, INT64_MAX >> 16, int64_t(1) << 32, int64_t(-1), int64_t(0)}) {
    EXPECT_NE(check(makeRecipe({{0, 0, huge, huge, ElementType::F32}})), 0) << huge;
  }
  RopeTable rope{INT64_MAX >> 16, std::vector<double>(1 << 15), 1.0};
  EXPECT_EQ(check({{}, {{rope, {}}}}), 4);
  // Rows, each of one number, that double with every step.
  SliceRecipe doubled = makeRecipe({{0, 0, 1, 1, ElementType::F32}});
  for (uint32_t i = 0; i < 64; ++i) {
    doubled.steps.push_back({ConcatRows(), {i, i}});
  }
  EXPECT_EQ(check(doubled), 70);
}

/// Every piece must be small, and together they must be the slice.
TEST(PieceCursor, CutsMatricesOfAnyShapeIntoSmallPieces) {
  constexpr uint64_t limit = 1 << 16;
  for (const std::vector<StepAction> &actions :
       {std::vector<StepAction>{}, {PackPanels{32}}, {ToF32()}, {ToF32(), PackPanels{32}}}) {
    for (auto [rows, columns] :
         {std::pair<int64_t, int64_t>{1, 1}, {100, 300}, {1, 1 << 20}, {1 << 20, 1}, {33, 70001}}) {
      SliceRecipe recipe = makeRecipe({{0, 0, rows, columns, ElementType::BF16}}, actions);
      uint64_t size = llvm::cantFail(computeSliceSize(recipe, {{"s", 1ull << 40}}, "w"));
      MatrixShape shape = getResultShape(recipe);
      uint64_t total = 0;
      for (PieceCursor cursor(shape, limit); !cursor.isDone();) {
        Piece piece = cursor.next();
        ASSERT_LE(shape.countBytes(piece), limit);
        ASSERT_GT(shape.countBytes(piece), 0u);
        ASSERT_EQ(piece.column % shape.columnUnit, 0);
        total += shape.countBytes(piece);
      }
      EXPECT_EQ(total, size) << actions.size() << " steps on " << rows << "x" << columns;
    }
  }
}

} // namespace fathom::codegen::test
