// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One product for all projections of an input.

#include "passes/model/Passes.h"
#include "passes/support/ScaledWeights.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_FUSESHAREDINPUTPROJECTIONS
#include "passes/model/Passes.h.inc"

using namespace deepseek;

static bool readsColumns(OpOperand &use);

/// True where something reads `value`, and nothing that needs its rows whole.
static bool isReadAsColumns(Value value) { return !value.use_empty() && llvm::all_of(value.getUses(), readsColumns); }

/// A number of rows may be asked of columns too, and a cache write copies them.
static bool readsColumns(OpOperand &use) {
  Operation *user = use.getOwner();
  if (isa<tensor::DimOp, CacheAppendOp>(user)) {
    return true;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user)) {
    return slice->use_empty() || isReadAsColumns(slice);
  }
  auto compute = dyn_cast<ComputeOp>(user);
  if (!compute || llvm::count(user->getOperands(), use.get()) > 1) {
    return false;
  }
  KernelDescription description;
  compute.describe(description);
  return description.columns == use.get();
}

static bool isProjection(LinearOp linear) {
  return linear.getEpilogue().empty() && isRowByRow(linear.getWeight().getType()) && isReadAsColumns(linear);
}

static bool haveBiasesToConcatenate(LinearOp a, LinearOp b) {
  if (!a.getBias() || !b.getBias()) {
    return a.getBias() == b.getBias();
  }
  return areWeightsOfOneLayer({a.getBias(), b.getBias()}) &&
         a.getBias().getType().getElementType() == b.getBias().getType().getElementType();
}

static bool canJoin(LinearOp a, LinearOp b) {
  return a->getBlock() == b->getBlock() && haveBiasesToConcatenate(a, b) &&
         canCombine(a.getPackableWeight(), b.getPackableWeight());
}

/// Takes the projections that can join the first out of `projections`, in order.
static SmallVector<LinearOp> takeGroup(SmallVectorImpl<LinearOp> &projections) {
  LinearOp first = projections.front();
  auto rest = std::stable_partition(projections.begin(), projections.end(),
                                    [&](LinearOp linear) { return linear == first || canJoin(first, linear); });
  SmallVector<LinearOp> group(projections.begin(), rest);
  projections.erase(projections.begin(), rest);
  return group;
}

static LinearOp createJoined(OpBuilder &builder, ArrayRef<LinearOp> group) {
  LinearOp first = group.front();
  SmallVector<Location> locations;
  SmallVector<ScaledWeight> weights;
  SmallVector<Value> biases;
  int64_t width = 0;
  for (LinearOp linear : group) {
    locations.push_back(linear.getLoc());
    weights.push_back(linear.getPackableWeight());
    biases.push_back(linear.getBias());
    width += getWidth(linear.getType());
  }
  Location loc = builder.getFusedLoc(locations);
  ScaledWeight weight = concatRows(builder, loc, weights);
  Value bias = first.getBias() ? concatVectors(builder, loc, biases) : Value();
  auto type = cast<RankedTensorType>(first.getType());
  return LinearOp::create(builder, loc, type.clone({type.getDimSize(0), width}), first.getInput(), weight.weight,
                          weight.scale, bias, ValueRange(), weight.block);
}

static void join(ArrayRef<LinearOp> group) {
  OpBuilder builder(group.front());
  LinearOp joined = createJoined(builder, group);
  OpFoldResult rows = tensor::getMixedSize(builder, joined.getLoc(), joined, 0);
  int64_t offset = 0;
  for (LinearOp linear : group) {
    int64_t width = getWidth(linear.getType());
    linear.replaceAllUsesWith(sliceColumns(builder, joined.getLoc(), joined, rows, offset, width));
    offset += width;
  }
  llvm::for_each(group, [](LinearOp linear) { linear.erase(); });
}

namespace {
struct FuseSharedInputProjections : impl::FuseSharedInputProjectionsBase<FuseSharedInputProjections> {
  void runOnOperation() override {
    // In the order of the program, which decides that of the joined rows and thus of the artifact's bytes.
    llvm::MapVector<Value, SmallVector<LinearOp>> projections;
    getOperation().walk([&](LinearOp linear) {
      if (isProjection(linear)) {
        projections[linear.getInput()].push_back(linear);
      }
    });
    for (auto &[input, linears] : projections) {
      while (!linears.empty()) {
        SmallVector<LinearOp> group = takeGroup(linears);
        if (group.size() > 1) {
          join(group);
          fused += group.size() - 1;
        }
      }
    }
  }
};
} // namespace

} // namespace fathom
