// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights and recipes in IR, and what the packer is told to do for them.

#include "codegen/weights/LowerRecipes.h"

#include "dialects/RegisterDialects.h"

#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::codegen::test {

using testing::ElementsAre;

static llvm::Expected<std::vector<WeightContents>> lower(const std::string &text,
                                                         WeightStorage storage = WeightStorage::Pack) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module) {
    return llvm::createStringError("not a valid module");
  }
  return lowerRecipes(*module, storage);
}

/// Three weights, and the steps of a recipe over them that ends in %result of `type`.
static std::string makeRecipe(const std::string &type, const std::string &steps) {
  return R"(
    deepseek.weight @a : tensor<48x256xf8E4M3FN> from "a" at [0, 100]
    deepseek.weight @b : tensor<48x256xf8E4M3FN> from "b" at [1, 200]
    deepseek.weight @a_scale : tensor<1x2xf32> scale from "a_scale" at [0, 300]
    deepseek.weight @plain : tensor<48x2xf32> from "plain" at [0, 400]
    deepseek.weight @bias : tensor<6xbf16> from "bias" at [0, 500]
    deepseek.weight @long : tensor<9xbf16> from "long" at [0, 600]
    deepseek.weight @natural : tensor<48x256xui4> from "natural" at [0, 700]
    deepseek.weight @whole : tensor<48x256xi8> from "whole" at [0, 800]
    deepseek.weight @floats : tensor<48x256xf4E2M1FN> from "floats" at [0, 900]
    deepseek.recipe @r : )" +
         type + " {\n" + steps + "\ndeepseek.yield %result : " + type + "\n} {plan.first_slice = 0 : i64}\n";
}

static SliceRecipe lowerRecipe(const std::string &type, const std::string &steps) {
  auto weights = llvm::cantFail(lower(makeRecipe(type, steps)));
  EXPECT_EQ(weights.size(), 1u);
  return std::get<SliceRecipe>(weights.front().slices.front());
}

static std::string refuse(const std::string &type, const std::string &steps) {
  auto weights = lower(makeRecipe(type, steps));
  return weights ? "" : llvm::toString(weights.takeError());
}

template <typename Action>
static const Action *getAction(const SliceRecipe &recipe, size_t step) {
  return std::get_if<Action>(&recipe.steps.at(step).action);
}

/// (shard, offset) of each source.
static std::vector<std::pair<uint32_t, uint64_t>> listPlaces(const SliceRecipe &recipe) {
  std::vector<std::pair<uint32_t, uint64_t>> places;
  for (const Source &source : recipe.sources) {
    places.emplace_back(source.shard, source.offset);
  }
  return places;
}

static constexpr char kTwoWeights[] = R"(
    deepseek.weight @second : tensor<6xbf16> from "second" at [1, 64] {plan.first_slice = 1 : i64}
    deepseek.weight @unused : tensor<8x4xf32> from "unused" at [0, 0]
    deepseek.weight @first : tensor<8x4xf32> from "first" at [0, 128] {plan.first_slice = 0 : i64})";

TEST(LowerRecipes, FollowsTheWeightTableAndNotTheModule) {
  auto weights = llvm::cantFail(lower(kTwoWeights));
  ASSERT_EQ(weights.size(), 2u);
  EXPECT_EQ(weights[0].name, "first");
  EXPECT_EQ(weights[0].element_type, "f32");
  EXPECT_THAT(weights[0].shape, ElementsAre(8, 4));
  EXPECT_EQ(weights[1].name, "second");
}

TEST(LowerRecipes, CopiesWeightsThatAreAsTheCheckpointHasThem) {
  auto weights = llvm::cantFail(lower(kTwoWeights));
  const auto &vector = std::get<SliceRecipe>(weights[1].slices.front());
  EXPECT_TRUE(vector.steps.empty());
  ASSERT_THAT(listPlaces(vector), ElementsAre(std::pair(1, 64)));
  EXPECT_EQ(vector.sources[0].rows, 6);
  EXPECT_EQ(vector.sources[0].columns, 1);
  EXPECT_EQ(vector.sources[0].type, ElementType::BF16);
}

TEST(LowerRecipes, LeavesThemInTheCheckpointIfItMay) {
  auto weights = llvm::cantFail(lower(kTwoWeights, WeightStorage::Reference));
  const auto &slice = std::get<ExternalSlice>(weights[1].slices.front());
  EXPECT_EQ(slice.shard, 1u);
  EXPECT_EQ(slice.offset, 64u);
  EXPECT_EQ(slice.size, 12u);
}

TEST(LowerRecipes, PacksWhatIsInNoCheckpointEvenThen) {
  auto weights = llvm::cantFail(lower(R"(
    deepseek.recipe @rope : tensor<16x2x2xf32> {
      %t = deepseek.rope_table <frequencies = [1.0, 0.5], magnitude = 0.75> : tensor<16x2x2xf32>
      deepseek.yield %t : tensor<16x2x2xf32>
    } {plan.first_slice = 0 : i64})",
                                      WeightStorage::Reference));
  const auto &recipe = std::get<SliceRecipe>(weights[0].slices.front());
  EXPECT_EQ(weights[0].layout, "rows");
  const auto *rope = getAction<RopeTable>(recipe, 0);
  ASSERT_TRUE(rope);
  EXPECT_EQ(rope->positions, 16);
  EXPECT_THAT(rope->frequencies, ElementsAre(1.0, 0.5));
  EXPECT_EQ(rope->magnitude, 0.75);
}

TEST(LowerRecipes, FindsTheTensorOfEachLayerAndExpert) {
  auto weights = llvm::cantFail(lower(R"(
    deepseek.weight @moe.mlp.experts.up_proj : tensor<2x8x4xbf16> experts layers [1, 5]
        from "{layer}.{expert}" at [0, 10, 0, 20, 1, 30, 1, 40] {plan.first_slice = 0 : i64})"));
  std::vector<std::pair<uint32_t, uint64_t>> places;
  for (const SliceContents &slice : weights[0].slices) {
    places.push_back(listPlaces(std::get<SliceRecipe>(slice)).front());
  }
  EXPECT_THAT(places, ElementsAre(std::pair(0, 10), std::pair(0, 20), std::pair(1, 30), std::pair(1, 40)));
  EXPECT_THAT(weights[0].shape, ElementsAre(8, 4));
  EXPECT_EQ(weights[0].experts, 1u);
}

TEST(LowerRecipes, PutsTheExpertsOfALayerInASliceWhereWeightsArePacked) {
  auto weights = llvm::cantFail(lower(R"(
    module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "avx2", tune = "x86-64-v3",
                                                          layout = <panels = 32, interleave = 32>>} {
      deepseek.weight @down_proj : tensor<2x8x4xbf16> experts layers [1, 5]
          from "{layer}.{expert}" at [0, 10, 0, 20, 1, 30, 1, 40] {plan.first_slice = 0 : i64}
      deepseek.weight @norm : tensor<8xbf16> from "norm" at [0, 0] {plan.first_slice = 2 : i64}
    })"));
  EXPECT_EQ(weights[0].slices.size(), 4u);
  EXPECT_EQ(weights[0].experts, 2u);
  EXPECT_THAT(weights[0].shape, ElementsAre(2, 8, 4));
  EXPECT_EQ(weights[1].experts, 0u);
}

TEST(LowerRecipes, GivesEachExpertItsPartOfAConstant) {
  auto weights = llvm::cantFail(lower(R"(
    deepseek.weight @numbers : tensor<2x3x4xi8> experts from "numbers" at [0, 10, 0, 22]
    deepseek.recipe @r : tensor<2x3x4xf32> experts {
      %n = deepseek.source @numbers : tensor<2x3x4xi8>
      %f = deepseek.to_f32 %n : tensor<2x3x4xi8> -> tensor<2x3x4xf32>
      %s = deepseek.constant dense<[[[1.0, 2.0]], [[3.0, 4.0]]]> : tensor<2x1x2xf32>
      %z = deepseek.constant dense<5.0> : tensor<2x1x2xf32>
      %w = deepseek.dequantize %f scales %s zeros %z block <3 x 2>
          : (tensor<2x3x4xf32>, tensor<2x1x2xf32>, tensor<2x1x2xf32>) -> tensor<2x3x4xf32>
      deepseek.yield %w : tensor<2x3x4xf32>
    } {plan.first_slice = 0 : i64})"));
  ASSERT_EQ(weights[0].slices.size(), 2u);
  std::vector<std::vector<float>> scales;
  for (const SliceContents &slice : weights[0].slices) {
    for (size_t step : {1, 2}) {
      const auto *constant = getAction<Constant>(std::get<SliceRecipe>(slice), step);
      ASSERT_TRUE(constant && constant->rows == 1 && constant->columns == 2);
      const auto *numbers = reinterpret_cast<const float *>(constant->bytes.data());
      scales.emplace_back(numbers, numbers + constant->bytes.size() / sizeof(float));
    }
  }
  EXPECT_THAT(scales, ElementsAre(ElementsAre(1, 2), ElementsAre(5, 5), ElementsAre(3, 4), ElementsAre(5, 5)));
}

TEST(LowerRecipes, GivesAllLayersAWeightWithoutLayers) {
  auto weights = llvm::cantFail(lower(R"(
    deepseek.weight @own : tensor<8x4xbf16> layers [0, 1] from "{layer}" at [0, 10, 0, 20]
    deepseek.weight @shared : tensor<8x4xbf16> from "shared" at [1, 77]
    deepseek.recipe @r : tensor<16x4xbf16> layers [0, 1] {
      %own = deepseek.source @own : tensor<8x4xbf16>
      %shared = deepseek.source @shared : tensor<8x4xbf16>
      %both = deepseek.concat_rows %own, %shared : (tensor<8x4xbf16>, tensor<8x4xbf16>) -> tensor<16x4xbf16>
      deepseek.yield %both : tensor<16x4xbf16>
    } {plan.first_slice = 0 : i64})"));
  ASSERT_EQ(weights[0].slices.size(), 2u);
  EXPECT_THAT(listPlaces(std::get<SliceRecipe>(weights[0].slices[0])), ElementsAre(std::pair(0, 10), std::pair(1, 77)));
  EXPECT_THAT(listPlaces(std::get<SliceRecipe>(weights[0].slices[1])), ElementsAre(std::pair(0, 20), std::pair(1, 77)));
}

TEST(LowerRecipes, SaysStepsInOrder) {
  SliceRecipe recipe = lowerRecipe("tensor<96x256xf8E4M3FN>", R"(
    %b = deepseek.source @b : tensor<48x256xf8E4M3FN>
    %a = deepseek.source @a : tensor<48x256xf8E4M3FN>
    %result = deepseek.concat_rows %a, %b
        : (tensor<48x256xf8E4M3FN>, tensor<48x256xf8E4M3FN>) -> tensor<96x256xf8E4M3FN>)");
  EXPECT_THAT(listPlaces(recipe), ElementsAre(std::pair(1, 200), std::pair(0, 100)));
  ASSERT_EQ(recipe.steps.size(), 1u);
  EXPECT_TRUE(getAction<ConcatRows>(recipe, 0));
  EXPECT_THAT(recipe.steps[0].inputs, ElementsAre(1, 0));
}

TEST(LowerRecipes, LaysOutWhatTheTypeSays) {
  auto weights =
      llvm::cantFail(lower(makeRecipe("tensor<48x256xf8E4M3FN, #deepseek.layout<panels = 16, interleave = 32>>", R"(
    %a = deepseek.source @a : tensor<48x256xf8E4M3FN>
    %result = deepseek.convert_layout %a
        : tensor<48x256xf8E4M3FN> -> tensor<48x256xf8E4M3FN, #deepseek.layout<panels = 16, interleave = 32>>)")));
  // 24 rows, 8 of zeros, and so the other half.
  EXPECT_THAT(weights[0].shape, ElementsAre(4, 256, 16));
  const auto &recipe = std::get<SliceRecipe>(weights[0].slices.front());
  ASSERT_EQ(recipe.steps.size(), 2u);
  const auto *interleave = getAction<InterleaveRows>(recipe, 0);
  ASSERT_TRUE(interleave);
  EXPECT_EQ(interleave->block, 32);
  EXPECT_THAT(recipe.steps[0].inputs, ElementsAre(0));
  ASSERT_TRUE(getAction<PackPanels>(recipe, 1));
  EXPECT_EQ(getAction<PackPanels>(recipe, 1)->width, 16);
  EXPECT_THAT(recipe.steps[1].inputs, ElementsAre(1));
}

TEST(LowerRecipes, PacksScalesOfRows) {
  SliceRecipe recipe = lowerRecipe("tensor<48x2xf32, #deepseek.layout<panels = 32>>", R"(
    %scale = deepseek.source @a_scale : tensor<1x2xf32>
    %rows = deepseek.expand_scale %scale rows 128 : tensor<1x2xf32> -> tensor<48x2xf32>
    %result = deepseek.convert_layout %rows : tensor<48x2xf32> -> tensor<48x2xf32, #deepseek.layout<panels = 32>>)");
  ASSERT_EQ(recipe.sources.size(), 1u);
  EXPECT_TRUE(recipe.sources[0].scale);
  EXPECT_EQ(recipe.sources[0].rows, 1);
  EXPECT_EQ(recipe.sources[0].columns, 2);
  const auto *repeat = getAction<RepeatRows>(recipe, 0);
  ASSERT_TRUE(repeat);
  EXPECT_EQ(repeat->block, 128);
  EXPECT_EQ(repeat->rows, 48);
  ASSERT_TRUE(getAction<PackPanels>(recipe, 1));
  EXPECT_EQ(getAction<PackPanels>(recipe, 1)->width, 32);
}

TEST(LowerRecipes, SlicesRows) {
  SliceRecipe recipe = lowerRecipe("tensor<3x256xf8E4M3FN>", R"(
    %a = deepseek.source @a : tensor<48x256xf8E4M3FN>
    %result = deepseek.slice_rows %a begin 1 step 2 : tensor<48x256xf8E4M3FN> -> tensor<3x256xf8E4M3FN>)");
  const auto *slice = getAction<SliceRows>(recipe, 0);
  ASSERT_TRUE(slice);
  EXPECT_EQ(std::tuple(slice->begin, slice->step, slice->rows), std::tuple(1, 2, 3));
}

TEST(LowerRecipes, ConcatenatesVectorsOfAnyLength) {
  SliceRecipe recipe = lowerRecipe("tensor<15xf32>", R"(
    %bias = deepseek.source @bias : tensor<6xbf16>
    %long = deepseek.source @long : tensor<9xbf16>
    %both = deepseek.concat_rows %bias, %long : (tensor<6xbf16>, tensor<9xbf16>) -> tensor<15xbf16>
    %result = deepseek.to_f32 %both : tensor<15xbf16> -> tensor<15xf32>)");
  EXPECT_TRUE(getAction<ConcatRows>(recipe, 0));
  EXPECT_TRUE(getAction<ToF32>(recipe, 1));
  ASSERT_EQ(recipe.sources.size(), 2u);
  // Rows may differ, columns may not.
  EXPECT_EQ(recipe.sources[0].columns, recipe.sources[1].columns);
  EXPECT_EQ(recipe.sources[0].rows + recipe.sources[1].rows, 15);
}

TEST(LowerRecipes, TransposesMatrices) {
  SliceRecipe recipe = lowerRecipe("tensor<256x48xf8E4M3FN>", R"(
    %a = deepseek.source @a : tensor<48x256xf8E4M3FN>
    %result = deepseek.transpose %a : tensor<48x256xf8E4M3FN> -> tensor<256x48xf8E4M3FN>)");
  ASSERT_EQ(recipe.steps.size(), 1u);
  EXPECT_TRUE(getAction<Transpose>(recipe, 0));
  EXPECT_EQ(recipe.sources[0].rows, 48);
}

TEST(LowerRecipes, TakesConstantsAlongWithAllTheirNumbers) {
  auto bytesOf = [](const std::string &type, const std::string &numbers) {
    SliceRecipe recipe = lowerRecipe(type, "%result = deepseek.constant dense<" + numbers + "> : " + type);
    EXPECT_TRUE(recipe.sources.empty());
    const auto *constant = getAction<Constant>(recipe, 0);
    return std::tuple(constant->rows, constant->columns, constant->bytes);
  };
  std::string one("\0\0\x80\x3f", 4), two("\0\0\0\x40", 4);
  EXPECT_EQ(bytesOf("tensor<2xf32>", "[1.0, 2.0]"), std::tuple(2, 1, one + two));
  EXPECT_EQ(bytesOf("tensor<3xf32>", "1.0"), std::tuple(3, 1, one + one + one)) << "a splat has one number in IR";
  EXPECT_EQ(bytesOf("tensor<1x2x2xf32>", "[[[1.0, 2.0], [2.0, 1.0]]]"), std::tuple(1, 4, one + two + two + one));
}

TEST(LowerRecipes, ReadsNumbersOfFewBitsAsBytes) {
  auto unpack = [](const std::string &weight, const std::string &type) {
    SliceRecipe recipe =
        lowerRecipe("tensor<48x256xf32>", "%a = deepseek.source @" + weight + " : " + type +
                                              "\n%result = deepseek.to_f32 %a : " + type + " -> tensor<48x256xf32>");
    EXPECT_EQ(recipe.sources[0].type, ElementType::Byte);
    const auto *action = getAction<Unpack>(recipe, 0);
    return std::tuple(recipe.sources[0].columns, action->bits, action->values);
  };
  auto [columns, bits, values] = unpack("natural", "tensor<48x256xui4>");
  EXPECT_EQ(columns, 128);
  EXPECT_EQ(bits, 4u);
  EXPECT_THAT(values, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  std::tie(columns, bits, values) = unpack("whole", "tensor<48x256xi8>");
  EXPECT_EQ(columns, 256);
  EXPECT_EQ(values[127], 127);
  EXPECT_EQ(values[128], -128);
  std::tie(columns, bits, values) = unpack("floats", "tensor<48x256xf4E2M1FN>");
  EXPECT_THAT(values, ElementsAre(0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6));
}

TEST(LowerRecipes, DequantizesByBlocks) {
  SliceRecipe recipe = lowerRecipe("tensor<48x250xbf16>", R"(
    %a = deepseek.source @natural : tensor<48x256xui4>
    %scales = deepseek.source @plain : tensor<48x2xf32>
    %numbers = deepseek.to_f32 %a : tensor<48x256xui4> -> tensor<48x256xf32>
    %result = deepseek.dequantize %numbers scales %scales zero 8.0 block <1 x 128>
        : (tensor<48x256xf32>, tensor<48x2xf32>) -> tensor<48x250xbf16>)");
  const auto *dequantize = getAction<Dequantize>(recipe, 1);
  ASSERT_TRUE(dequantize);
  EXPECT_TRUE(*dequantize == (Dequantize{250, 1, 128, 8.0f, ElementType::BF16}));
  EXPECT_THAT(recipe.steps[1].inputs, ElementsAre(2, 1)) << "what is unpacked, and the second source";
}

TEST(LowerRecipes, QuantizesByGroups) {
  SliceRecipe numbers = lowerRecipe("tensor<48x256xi8>", R"(
    %a = deepseek.source @a : tensor<48x256xf8E4M3FN>
    %result = deepseek.quantize %a group 32 : tensor<48x256xf8E4M3FN> -> tensor<48x256xi8>)");
  SliceRecipe scales = lowerRecipe("tensor<48x8xf16>", R"(
    %a = deepseek.source @a : tensor<48x256xf8E4M3FN>
    %result = deepseek.quantize_scales %a group 32 : tensor<48x256xf8E4M3FN> -> tensor<48x8xf16>)");
  ASSERT_TRUE(getAction<Quantize>(numbers, 0) && getAction<QuantizeScales>(scales, 0));
  EXPECT_EQ(getAction<Quantize>(numbers, 0)->group, 32);
  EXPECT_EQ(getAction<QuantizeScales>(scales, 0)->group, 32);
}

TEST(LowerRecipes, NamesTheLayout) {
  auto layout = [](const std::string &type, const std::string &steps) {
    return llvm::cantFail(lower(makeRecipe(type, steps))).front().layout;
  };
  EXPECT_EQ(layout("tensor<48x256xf8E4M3FN, #deepseek.layout<panels = 32>>", R"(
    %a = deepseek.source @a : tensor<48x256xf8E4M3FN>
    %result = deepseek.convert_layout %a
        : tensor<48x256xf8E4M3FN> -> tensor<48x256xf8E4M3FN, #deepseek.layout<panels = 32>>)"),
            "panels");
  EXPECT_EQ(layout("tensor<1x2xf32, #deepseek.layout<panels = 32>>", R"(
    %scale = deepseek.source @a_scale : tensor<1x2xf32>
    %result = deepseek.convert_layout %scale : tensor<1x2xf32> -> tensor<1x2xf32, #deepseek.layout<panels = 32>>)"),
            "panels");
  EXPECT_EQ(layout("tensor<48x256xf32>", R"(
    %a = deepseek.source @a : tensor<48x256xf8E4M3FN>
    %result = deepseek.to_f32 %a : tensor<48x256xf8E4M3FN> -> tensor<48x256xf32>)"),
            "rows");
}

TEST(LowerRecipes, LeavesOutStepsWithoutUse) {
  SliceRecipe recipe = lowerRecipe("tensor<6xf32>", R"(
    %long = deepseek.source @long : tensor<9xbf16>
    %bias = deepseek.source @bias : tensor<6xbf16>
    %result = deepseek.to_f32 %bias : tensor<6xbf16> -> tensor<6xf32>
    %unused = deepseek.to_f32 %long : tensor<9xbf16> -> tensor<9xf32>)");
  EXPECT_THAT(listPlaces(recipe), ElementsAre(std::pair(0, 500)));
  EXPECT_EQ(recipe.steps.size(), 1u);
}

TEST(LowerRecipes, JudgesScalesAsScalesAndNothingElse) {
  auto isScale = [](const std::string &weight) {
    auto weights =
        llvm::cantFail(lower("deepseek.weight " + weight + " from \"w\" at [0, 0] {plan.first_slice = 0 : i64}"));
    return std::get<SliceRecipe>(weights[0].slices.front()).sources.front().scale;
  };
  EXPECT_TRUE(isScale("@w : tensor<1x2xf32> scale"));
  EXPECT_FALSE(isScale("@w_scale_inv : tensor<1x2xf32>")) << "names mean nothing";
}

TEST(LowerRecipes, RefusesStepsThatThePackerDoesNotKnow) {
  EXPECT_EQ(refuse("tensor<1xf32>", "%result = arith.constant dense<0.0> : tensor<1xf32>"),
            "recipe 'r' has a step 'arith.constant' that the packer does not know");
}

TEST(LowerRecipes, RefusesStepsOfWhatIsNotAMatrix) {
  EXPECT_EQ(refuse("tensor<16x2x2xf32, #deepseek.layout<panels = 32>>", R"(
    %t = deepseek.rope_table <frequencies = [1.0, 0.5], magnitude = 0.75> : tensor<16x2x2xf32>
    %result = deepseek.convert_layout %t
        : tensor<16x2x2xf32> -> tensor<16x2x2xf32, #deepseek.layout<panels = 32>>)"),
            "recipe 'r' has a step 'deepseek.convert_layout' that does not take tensor<16x2x2xf32>");
}

TEST(SliceName, IsThatOfTheTensorInTheCheckpoint) {
  auto name = [](const std::string &weight, uint32_t slice) {
    auto weights = llvm::cantFail(lower("deepseek.weight @w : " + weight + " {plan.first_slice = 0 : i64}"));
    return weights[0].sliceName(slice, std::nullopt);
  };
  EXPECT_EQ(name("tensor<8xbf16> from \"model.norm.weight\" at [0, 0]", 0), "model.norm.weight");
  EXPECT_EQ(name("tensor<8x4xbf16> layers [3, 4] from \"layers.{layer}.o_proj\" at [0, 0, 0, 0]", 1),
            "layers.4.o_proj");
  EXPECT_EQ(name("tensor<2x8x4xbf16> experts layers [3, 4] from \"layers.{layer}.experts.{expert}.up\" at "
                 "[0, 0, 0, 0, 0, 0, 0, 0]",
                 3),
            "layers.4.experts.1.up");
}

TEST(SliceName, OfJoinedWeightsIsTheSourceOrAll) {
  auto weights = llvm::cantFail(lower(makeRecipe("tensor<15xbf16>", R"(
    %bias = deepseek.source @bias : tensor<6xbf16>
    %long = deepseek.source @long : tensor<9xbf16>
    %result = deepseek.concat_rows %bias, %long : (tensor<6xbf16>, tensor<9xbf16>) -> tensor<15xbf16>)")));
  EXPECT_EQ(weights[0].sliceName(0, std::nullopt), "bias or long");
  EXPECT_EQ(weights[0].sliceName(0, 1), "long");
}

} // namespace fathom::codegen::test
