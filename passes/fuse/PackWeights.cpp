// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights in the layout of the kernels that read them.

#include "passes/fuse/Passes.h"
#include "passes/support/Kernels.h"
#include "passes/support/ScaledWeights.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_PACKWEIGHTS
#include "passes/fuse/Passes.h.inc"

using namespace deepseek;

static void packWeight(ComputeOp op, TargetAttr target) {
  ScaledWeight weight = op.getPackableWeight();
  if (!weight.weight || !isRowByRow(weight.weight.getType()) || !areWeightsOfOneLayer(weight.weight) ||
      (weight.scale && !areWeightsOfOneLayer(weight.scale))) {
    return;
  }
  OpBuilder builder(op);
  op.setPackableWeight(convertLayout(builder, op.getLoc(), weight, target.getLayoutOf(weight.gateAndUp)));
}

/// Kernels read small weights, such as the bias of a gate, as f32.
static void convertToF32(OpOperand &operand) {
  Value weight = operand.get();
  if (!areWeightsOfOneLayer(weight) || cast<RankedTensorType>(weight.getType()).getElementType().isF32()) {
    return;
  }
  OpBuilder builder(operand.getOwner());
  auto type = cast<RankedTensorType>(weight.getType()).clone(builder.getF32Type());
  auto convert = [&](OpBuilder &inner, Location loc, ValueRange sources) -> Value {
    return ToF32Op::create(inner, loc, type, sources[0]);
  };
  std::string name = (getWeightName(weight) + ".f32").str();
  operand.set(getRecipe(builder, operand.getOwner()->getLoc(), name, weight, convert));
}

namespace {
struct PackWeights : impl::PackWeightsBase<PackWeights> {
  void runOnOperation() override {
    FailureOr<TargetAttr> target = getTarget(getOperation());
    if (failed(target)) {
      return signalPassFailure();
    }
    SmallVector<ComputeOp> ops;
    getOperation().walk([&](ComputeOp op) { ops.push_back(op); });
    for (ComputeOp op : ops) {
      const kernels::Kernel *kernel = getKernel(op);
      if (kernel && target->getLayout() && StringRef(kernel->layout) == LayoutAttr::kCatalogName) {
        packWeight(op, *target);
      }
      if (kernel) {
        MutableOperandRange weights = op.getF32Weights();
        llvm::for_each(weights, convertToF32);
      }
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
