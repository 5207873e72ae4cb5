// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts in one tensor a layer: each matrix is found where it lies, and other layouts are named.

#include "test/frontend/huggingface/SmallModel.h"

namespace fathom::huggingface {
namespace {

using checkpoint::DType;
using test::configText;
using test::SmallModel;
using test::TestTensor;
using test::with;

const std::string layer1 = "model.layers.1.mlp.";

/// The model of a configuration, with `stacks` in place of the tensors of all experts of layer 1 and their scales.
class StackedModel : public SmallModel {
public:
  explicit StackedModel(const std::vector<TestTensor> &stacks, const std::string &text = configText("v3-tiny"),
                        gen::ProjectionType type = gen::ProjectionType::Bf16)
      : SmallModel(text, type) {
    llvm::erase_if(tensors, [](const TestTensor &tensor) {
      return llvm::StringRef(tensor.name).starts_with(layer1 + "experts.");
    });
    tensors.insert(tensors.end(), stacks.begin(), stacks.end());
  }
};

/// Sixteen experts of 32 x 128.
std::vector<TestTensor> gateUpAndDown() {
  return {{layer1 + "experts.gate_up_proj", DType::BF16, {16, 64, 128}},
          {layer1 + "experts.down_proj", DType::BF16, {16, 128, 32}}};
}

void expectOffsets(const SmallModel &model, const WeightStack &stack, const std::string &tensor, uint64_t first,
                   uint64_t step) {
  checkpoint::TensorRef ref = model.checkpoint->allTensors()[*model.checkpoint->find(tensor)];
  for (uint64_t expert = 0; expert < uint64_t(stack.experts); ++expert) {
    EXPECT_EQ(stack.locations[expert].offset, ref.tensor->offset + first + expert * step) << stack.part << expert;
  }
}

TEST(StackedExpertsTest, GateAndUpShareATensor) {
  StackedModel model(gateUpAndDown());
  ModelWeights weights = model.findGood();
  const LayerGroup *group = weights.groupOf(1);
  // As a layer whose experts have tensors of their own.
  EXPECT_EQ(weights.groupOf(2), group);
  const WeightStack *gate = group->find("mlp.experts.gate_proj");
  EXPECT_EQ(gate->shape, (std::vector<int64_t>{32, 128}));
  EXPECT_EQ(gate->experts, 16);
  uint64_t bytes = 32 * 128 * 2;
  expectOffsets(model, *gate, layer1 + "experts.gate_up_proj", 0, 2 * bytes);
  expectOffsets(model, *group->find("mlp.experts.up_proj"), layer1 + "experts.gate_up_proj", bytes, 2 * bytes);
  expectOffsets(model, *group->find("mlp.experts.down_proj"), layer1 + "experts.down_proj", 0, bytes);
}

TEST(StackedExpertsTest, EachProjectionHasATensor) {
  StackedModel model({{layer1 + "switch_mlp.gate_proj.weight", DType::BF16, {16, 32, 128}},
                      {layer1 + "switch_mlp.up_proj.weight", DType::BF16, {16, 32, 128}},
                      {layer1 + "switch_mlp.down_proj.weight", DType::BF16, {16, 128, 32}}});
  ModelWeights weights = model.findGood();
  expectOffsets(model, *weights.groupOf(1)->find("mlp.experts.up_proj"), layer1 + "switch_mlp.up_proj.weight", 0,
                32 * 128 * 2);
}

TEST(StackedExpertsTest, ShapesMustBeThoseOfAllExperts) {
  std::vector<TestTensor> stacks = gateUpAndDown();
  stacks[0].shape = {15, 64, 128};
  stacks[1].shape = {16, 128, 33};
  StackedModel model(stacks);
  model.expectBad(
      3, "model.layers.1.mlp.experts.gate_up_proj: has shape [15, 64, 128], but config.json implies [16, 64, 128]");
  model.expectBad(
      3, "model.layers.1.mlp.experts.down_proj: has shape [16, 128, 33], but config.json implies [16, 128, 32]");
}

TEST(StackedExpertsTest, MatricesThatLieAcrossAreNamed) {
  std::vector<TestTensor> stacks = gateUpAndDown();
  stacks[0].shape = {16, 128, 64};
  stacks[1].shape = {16, 32, 128};
  StackedModel model(stacks);
  model.expectBad(
      4, "model.layers.1.mlp.experts.gate_up_proj: has shape [16, 128, 64]: experts, inputs, outputs; expected "
         "experts, outputs, inputs, [16, 64, 128] [unsupported-layout]");
  model.expectBad(4, "model.layers.1.mlp.experts.down_proj: has shape [16, 32, 128]");
}

TEST(StackedExpertsTest, OneOfBothSpellingsIsLeftOver) {
  SmallModel model(configText("v3-tiny"), gen::ProjectionType::Bf16);
  model.tensors.push_back(gateUpAndDown()[0]);
  model.expectBad(3, "model.layers.1.mlp.experts.gate_up_proj: no part of this deepseek_v3 uses this tensor");
}

/// Eight experts of `width` x 320 in FP8.
std::vector<TestTensor> fp8Stacks(int64_t width) {
  int64_t blocks = (width + 127) / 128;
  return {{layer1 + "experts.gate_up_proj", DType::F8_E4M3, {8, 2 * width, 320}},
          {layer1 + "experts.gate_up_proj_scale_inv", DType::F32, {8, 2 * blocks, 3}},
          {layer1 + "experts.down_proj", DType::F8_E4M3, {8, 320, width}},
          {layer1 + "experts.down_proj_scale_inv", DType::F32, {8, 3, blocks}}};
}

std::string fp8Config(const char *width) { return with(configText("v3-tiny-fp8"), "moe_intermediate_size", width); }

TEST(StackedExpertsTest, ScalesAreStackedToo) {
  StackedModel model(fp8Stacks(256), fp8Config("256"), gen::ProjectionType::Fp8);
  ModelWeights weights = model.findGood();
  const WeightStack *scales = weights.groupOf(1)->find("mlp.experts.up_proj_scale_inv");
  ASSERT_NE(scales, nullptr);
  EXPECT_EQ(scales->shape, (std::vector<int64_t>{2, 3}));
  expectOffsets(model, *scales, layer1 + "experts.gate_up_proj_scale_inv", 2 * 3 * 4, 4 * 3 * 4);
}

TEST(StackedExpertsTest, ABlockOfTwoMatricesIsNamed) {
  StackedModel model(fp8Stacks(96), fp8Config("96"), gen::ProjectionType::Fp8);
  model.expectBad(
      4, "model.layers.1.mlp.experts.gate_up_proj_scale_inv: has blocks of 128 rows that belong to two matrices: "
         "each has 96 [unsupported-layout]");
}

TEST(StackedExpertsTest, Fp8WithoutAQuantizationConfigIsRefused) {
  StackedModel model(fp8Stacks(96), fp8Config("96"), gen::ProjectionType::Fp8);
  model.config.quantization.reset();
  model.expectBad(3, "is F8_E4M3, but config.json has no \"quantization_config\"");
}

TEST(StackedExpertsTest, ScalesMustBeThere) {
  StackedModel model(fp8Stacks(256), fp8Config("256"), gen::ProjectionType::Fp8);
  model.remove(layer1 + "experts.down_proj_scale_inv");
  model.expectBad(3, "model.layers.1.mlp.experts.down_proj: is F8_E4M3, but no shard has its scales");
}

} // namespace
} // namespace fathom::huggingface
