// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights of products in fewer bits than a checkpoint has them.

#include "passes/model/Passes.h"
#include "passes/support/ScaledWeights.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ASSIGNWEIGHTTYPES
#include "passes/model/Passes.h.inc"

using namespace deepseek;

/// Which experts a token goes to hangs on differences of logits, and the weight that makes them is small.
static bool isRouter(ComputeOp op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) { return isa<MoEGateOp>(user); });
}

/// What the numbers of a weight stand for, inside a recipe: the sources are the weight and its scales, if it has any.
static Value readNumbers(OpBuilder &builder, Location loc, ValueRange sources, BlockScaleAttr block) {
  if (!block) {
    return sources[0];
  }
  auto type = cast<RankedTensorType>(sources[0].getType()).clone(builder.getF32Type());
  Value numbers = ToF32Op::create(builder, loc, type, sources[0]);
  return DequantizeOp::create(builder, loc, type, numbers, sources[1], Value(), FloatAttr(), block);
}

/// The weight in integers of 8 bits.
static ScaledWeight quantize(OpBuilder &builder, Location loc, const ScaledWeight &weight) {
  auto integers = cast<RankedTensorType>(weight.weight.getType()).clone(builder.getI8Type());
  ScaledWeight result = weight;
  result.block = BlockScaleAttr::get(builder.getContext(), 1, kScaleGroup);
  SmallVector<Value, 2> sources = {weight.weight};
  if (weight.scale) {
    sources.push_back(weight.scale);
  }
  std::string name = getWeightName(weight.weight).str();
  result.weight =
      getRecipe(builder, loc, name + ".q8", sources, [&](OpBuilder &inner, Location l, ValueRange inputs) -> Value {
        Value numbers = readNumbers(inner, l, inputs, weight.block);
        return QuantizeOp::create(inner, l, integers, numbers, kScaleGroup);
      });
  result.scale = getRecipe(
      builder, loc, name + ".q8_scale", sources, [&](OpBuilder &inner, Location l, ValueRange inputs) -> Value {
        Value numbers = readNumbers(inner, l, inputs, weight.block);
        return QuantizeScalesOp::create(inner, l, getScaleType(integers, result.block), numbers, kScaleGroup);
      });
  return result;
}

namespace {
struct AssignWeightTypes : impl::AssignWeightTypesBase<AssignWeightTypes> {
  using Base::Base;

  void runOnOperation() override {
    if (type == "keep") {
      return;
    }
    if (type != "q8") {
      getOperation().emitError("expects weights to be 'keep' or 'q8', but got '") << type << "'";
      return signalPassFailure();
    }
    getOperation().walk([&](ComputeOp op) {
      ScaledWeight weight = op.getPackableWeight();
      bool isMade =
          weight.weight && areWeightsOfOneLayer(weight.weight) && (!weight.scale || areWeightsOfOneLayer(weight.scale));
      if (isMade && !isRouter(op)) {
        OpBuilder builder(op);
        op.setPackableWeight(quantize(builder, op.getLoc(), weight));
        ++quantized;
      }
    });
  }
};
} // namespace

} // namespace fathom
