// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights of products in fewer bits than a checkpoint has them.

#include "passes/model/Passes.h"
#include "passes/support/ScaledWeights.h"
#include "passes/support/WeightTypes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

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

/// A recipe of a weight's numbers, inside of which `build` makes them into something else.
static Value getRecipeOf(OpBuilder &builder, Location loc, const ScaledWeight &weight, StringRef suffix,
                         llvm::function_ref<Value(OpBuilder &, Location, Value)> build) {
  SmallVector<Value, 2> sources = {weight.weight};
  if (weight.scale) {
    sources.push_back(weight.scale);
  }
  std::string name = (getWeightName(weight.weight) + suffix).str();
  return getRecipe(builder, loc, name, sources, [&](OpBuilder &inner, Location l, ValueRange inputs) -> Value {
    return build(inner, l, readNumbers(inner, l, inputs, weight.block));
  });
}

/// The weight in 8 bits, of groups that share a scale.
static ScaledWeight quantize(OpBuilder &builder, Location loc, const ScaledWeight &weight, Type element, int64_t group,
                             StringRef suffix) {
  auto numbers = cast<RankedTensorType>(weight.weight.getType()).clone(element);
  auto block = BlockScaleAttr::get(builder.getContext(), 1, group);
  ScaledWeight result = weight;
  result.block = block;
  result.weight = getRecipeOf(builder, loc, weight, suffix, [&](OpBuilder &inner, Location l, Value source) -> Value {
    return QuantizeOp::create(inner, l, numbers, source, group);
  });
  auto scales = (suffix + "_scale").str();
  result.scale = getRecipeOf(builder, loc, weight, scales, [&](OpBuilder &inner, Location l, Value source) -> Value {
    return QuantizeScalesOp::create(inner, l, getScaleType(numbers, block), source, group);
  });
  return result;
}

static ScaledWeight roundToBF16(OpBuilder &builder, Location loc, const ScaledWeight &weight) {
  auto type = cast<RankedTensorType>(weight.weight.getType()).clone(builder.getBF16Type());
  ScaledWeight result = weight;
  result.weight = getRecipeOf(builder, loc, weight, ".bf16", [&](OpBuilder &inner, Location l, Value source) -> Value {
    return ToBF16Op::create(inner, l, type, source);
  });
  result.scale = Value();
  result.block = BlockScaleAttr();
  return result;
}

/// A weight that is of the type already stays as it is.
static ScaledWeight convert(OpBuilder &builder, Location loc, const ScaledWeight &weight, WeightType type) {
  Type element = getElementTypeOrSelf(weight.weight);
  switch (type) {
  case WeightType::Keep:
    return weight;
  case WeightType::Bf16:
    return element.isBF16() ? weight : roundToBF16(builder, loc, weight);
  case WeightType::F8:
    return isa<Float8E4M3FNType>(element)
               ? weight
               : quantize(builder, loc, weight, Float8E4M3FNType::get(builder.getContext()), kScaleBlock, ".f8");
  case WeightType::Q8:
    return canMultiplyIntegers(element, weight.block)
               ? weight
               : quantize(builder, loc, weight, builder.getI8Type(), kScaleGroup, ".q8");
  }
  llvm_unreachable("covered switch");
}

/// By what an op does and stands between: names are those of the checkpoint.
static WeightRole findRole(ComputeOp op) {
  if (isa<MoELinearOp, MoELinearSwiGluOp, MoEExpertsOp>(op)) {
    return WeightRole::Experts;
  }
  bool isDown = isa_and_nonnull<SwiGluOp, LinearSwiGluOp>(op->getOperand(0).getDefiningOp());
  if (isDown || isa<LinearSwiGluOp>(op) || llvm::any_of(op->getUsers(), llvm::IsaPred<SwiGluOp>)) {
    return WeightRole::Mlp;
  }
  bool isResult = llvm::any_of(op->getUsers(), llvm::IsaPred<func::ReturnOp>);
  return isResult ? WeightRole::Head : WeightRole::Attention;
}

namespace {
struct AssignWeightTypes : impl::AssignWeightTypesBase<AssignWeightTypes> {
  using Base::Base;

  void runOnOperation() override {
    llvm::Expected<WeightTypes> types = parseWeightTypes(type);
    if (!types) {
      getOperation().emitError("cannot give weights types: ") << llvm::toString(types.takeError());
      return signalPassFailure();
    }
    getOperation().walk([&](ComputeOp op) { assign(op, *types); });
  }

  void assign(ComputeOp op, const WeightTypes &types) {
    ScaledWeight weight = op.getPackableWeight();
    bool isMade =
        weight.weight && areWeightsOfOneLayer(weight.weight) && (!weight.scale || areWeightsOfOneLayer(weight.scale));
    if (!isMade || isRouter(op)) {
      return;
    }
    OpBuilder builder(op);
    ScaledWeight converted = convert(builder, op.getLoc(), weight, types.of(findRole(op)));
    if (converted.weight != weight.weight) {
      op.setPackableWeight(converted);
      ++assigned;
    }
  }
};
} // namespace

} // namespace fathom
