// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights in the layout of the kernels that read them.

#include "passes/fuse/Passes.h"
#include "passes/support/ScaledWeights.h"

#include "kernels/Catalog.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_PACKWEIGHTS
#include "passes/fuse/Passes.h.inc"

namespace {

using namespace deepseek;

static bool hasKernelForPanels(Operation *op) {
  auto name = op->getAttrOfType<StringAttr>(kKernelAttr);
  const kernels::Kernel *kernel = name ? kernels::findKernel(name.getValue()) : nullptr;
  return kernel && StringRef(kernel->layout) == "packed";
}

template <typename Op>
static void packWeight(Op op) {
  bool isStack = std::is_same_v<Op, MoELinearOp> || std::is_same_v<Op, MoELinearSwiGluOp>;
  if (!hasKernelForPanels(op) || getWeightShape(cast<RankedTensorType>(op.getWeight().getType()), isStack).panels) {
    return;
  }
  Value scale = op.getScale();
  if (!areWeightsOfOneLayer(op.getWeight()) || (scale && !areWeightsOfOneLayer(scale))) {
    return;
  }
  OpBuilder builder(op);
  ScaledWeight packed = packPanels(builder, op.getLoc(), {op.getWeight(), op.getScale(), op.getBlockAttr()});
  op.getWeightMutable().assign(packed.weight);
  if (packed.scale) {
    op.getScaleMutable().assign(packed.scale);
    op.setBlockAttr(packed.block);
  }
}

/// The kernel of a gate adds an f32 bias to scores.
static void convertBias(MoEGateOp op) {
  Value bias = op.getBias();
  if (!op->hasAttr(kKernelAttr) || !bias || !areWeightsOfOneLayer(bias) ||
      cast<RankedTensorType>(bias.getType()).getElementType().isF32()) {
    return;
  }
  OpBuilder builder(op);
  auto type = cast<RankedTensorType>(bias.getType()).clone(builder.getF32Type());
  auto convert = [&](OpBuilder &inner, Location loc, ValueRange sources) -> Value {
    return ToF32Op::create(inner, loc, type, sources[0]);
  };
  std::string name = (getWeightName(bias) + ".f32").str();
  op.getBiasMutable().assign(getRecipe(builder, op.getLoc(), name, bias, convert));
}

struct PackWeights : impl::PackWeightsBase<PackWeights> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      TypeSwitch<Operation *>(op)
          .Case<LinearOp, LinearSwiGluOp, MoELinearOp, MoELinearSwiGluOp>([](auto op) { packWeight(op); })
          .Case([](MoEGateOp op) { convertBias(op); });
    }
    removeUnusedRecipes();
  }

  void removeUnusedRecipes() {
    getOperation().walk([](GetWeightOp op) {
      if (op.use_empty()) {
        op.erase();
      }
    });
    llvm::StringSet<> used;
    getOperation().walk([&](GetWeightOp op) { used.insert(op.getWeight()); });
    for (RecipeOp recipe : llvm::make_early_inc_range(getOperation().getOps<RecipeOp>())) {
      if (!used.contains(recipe.getSymName())) {
        recipe.erase();
      }
    }
  }
};

} // namespace
} // namespace fathom
