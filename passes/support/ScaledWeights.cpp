// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recipes for weights that bring scales.

#include "passes/support/ScaledWeights.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

static RankedTensorType getType(Value value) { return cast<RankedTensorType>(value.getType()); }

static int64_t getRows(Value value) { return getType(value).getShape().drop_back().back(); }

static RankedTensorType withRows(Value value, int64_t rows) {
  SmallVector<int64_t> shape(getType(value).getShape());
  shape[shape.size() - 2] = rows;
  return getType(value).clone(shape);
}

bool canCombine(const ScaledWeight &a, const ScaledWeight &b) {
  return a.block == b.block && getType(a.weight).getElementType() == getType(b.weight).getElementType() &&
         areWeightsOfOneLayer({a.weight, b.weight}) && (!a.scale || areWeightsOfOneLayer({a.scale, b.scale}));
}

/// Combines two weights and, with scales expanded to one row per output, their scales in the same way.
static ScaledWeight combine(OpBuilder &builder, Location loc, const ScaledWeight &a, const ScaledWeight &b,
                            StringRef separator, RecipeSteps steps) {
  auto nameOf = [&](Value first, Value second) {
    return (getWeightName(first) + separator + getWeightName(second)).str();
  };
  ScaledWeight result;
  result.weight = getRecipe(builder, loc, nameOf(a.weight, b.weight), {a.weight, b.weight}, steps);
  if (!a.scale) {
    return result;
  }
  int64_t rows[] = {getRows(a.weight), getRows(b.weight)};
  auto expandAndCombine = [&](OpBuilder &inner, Location l, ValueRange sources) {
    SmallVector<Value> expanded;
    for (auto [source, count] : llvm::zip(sources, rows)) {
      expanded.push_back(ExpandScaleOp::create(inner, l, withRows(source, count), source, a.block.getRows()));
    }
    return steps(inner, l, expanded);
  };
  result.scale = getRecipe(builder, loc, nameOf(a.scale, b.scale), {a.scale, b.scale}, expandAndCombine);
  result.block = BlockScaleAttr::get(builder.getContext(), 1, a.block.getColumns());
  return result;
}

ScaledWeight concatRows(OpBuilder &builder, Location loc, const ScaledWeight &a, const ScaledWeight &b) {
  return combine(builder, loc, a, b, "+", [](OpBuilder &inner, Location l, ValueRange sources) -> Value {
    return ConcatRowsOp::create(inner, l, withRows(sources[0], getRows(sources[0]) + getRows(sources[1])), sources);
  });
}

ScaledWeight interleaveRows(OpBuilder &builder, Location loc, const ScaledWeight &a, const ScaledWeight &b) {
  return combine(builder, loc, a, b, "|", [](OpBuilder &inner, Location l, ValueRange sources) -> Value {
    int64_t rows = 2 * llvm::alignTo(getRows(sources[0]), kPanelWidth);
    return InterleaveRowsOp::create(inner, l, withRows(sources[0], rows), sources[0], sources[1], kPanelWidth);
  });
}

static Value pack(OpBuilder &builder, Location loc, Value source) {
  return PackPanelsOp::create(builder, loc, getPanelsType(getType(source)), source);
}

ScaledWeight packPanels(OpBuilder &builder, Location loc, const ScaledWeight &weight) {
  ScaledWeight result;
  result.weight =
      getRecipe(builder, loc, (getWeightName(weight.weight) + ".panels").str(), weight.weight,
                [](OpBuilder &inner, Location l, ValueRange sources) { return pack(inner, l, sources[0]); });
  if (!weight.scale) {
    return result;
  }
  int64_t rows = getRows(weight.weight);
  auto expandAndPack = [&](OpBuilder &inner, Location l, ValueRange sources) {
    Value scale = sources[0];
    if (weight.block.getRows() != 1) {
      scale = ExpandScaleOp::create(inner, l, withRows(scale, rows), scale, weight.block.getRows());
    }
    return pack(inner, l, scale);
  };
  result.scale = getRecipe(builder, loc, (getWeightName(weight.scale) + ".panels").str(), weight.scale, expandAndPack);
  result.block = BlockScaleAttr::get(builder.getContext(), 1, weight.block.getColumns());
  return result;
}

} // namespace fathom
