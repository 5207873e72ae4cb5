// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recipes for weights that bring scales.

#include "passes/support/ScaledWeights.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

static RankedTensorType getType(Value value) { return cast<RankedTensorType>(value.getType()); }

static int64_t getRows(Value value) { return countRows(getType(value)); }

static RankedTensorType withRows(Value value, int64_t rows) { return withRows(getType(value), rows); }

static std::string joinNames(ValueRange weights, StringRef separator) {
  return llvm::join(llvm::map_range(weights, getWeightName), separator);
}

bool canCombine(const ScaledWeight &a, const ScaledWeight &b) {
  return a.block == b.block && getType(a.weight).getElementType() == getType(b.weight).getElementType() &&
         areWeightsOfOneLayer({a.weight, b.weight}) && (!a.scale || areWeightsOfOneLayer({a.scale, b.scale}));
}

/// A scale for each of `rows` outputs.
static Value expandScale(OpBuilder &builder, Location loc, Value scale, BlockScaleAttr block, int64_t rows) {
  return block.getRows() == 1
             ? scale
             : ExpandScaleOp::create(builder, loc, withRows(scale, rows), scale, block.getRows()).getResult();
}

/// Combines weights and, with scales expanded to one row per output, their scales in the same way.
static ScaledWeight combine(OpBuilder &builder, Location loc, ArrayRef<ScaledWeight> parts, StringRef separator,
                            RecipeSteps steps) {
  SmallVector<Value> weights, scales;
  for (const ScaledWeight &part : parts) {
    weights.push_back(part.weight);
    scales.push_back(part.scale);
  }
  ScaledWeight result;
  result.weight = getRecipe(builder, loc, joinNames(weights, separator), weights, steps);
  BlockScaleAttr block = parts.front().block;
  if (!block) {
    return result;
  }
  auto expandAndCombine = [&](OpBuilder &inner, Location l, ValueRange sources) {
    SmallVector<Value> expanded;
    for (auto [source, weight] : llvm::zip(sources, weights)) {
      expanded.push_back(expandScale(inner, l, source, block, getRows(weight)));
    }
    return steps(inner, l, expanded);
  };
  result.scale = getRecipe(builder, loc, joinNames(scales, separator), scales, expandAndCombine);
  result.block = BlockScaleAttr::get(builder.getContext(), 1, block.getColumns());
  return result;
}

static Value concat(OpBuilder &builder, Location loc, ValueRange sources) {
  int64_t rows = 0;
  for (Value source : sources) {
    rows += getRows(source);
  }
  return ConcatRowsOp::create(builder, loc, withRows(sources.front(), rows), sources);
}

ScaledWeight concatRows(OpBuilder &builder, Location loc, ArrayRef<ScaledWeight> weights) {
  return combine(builder, loc, weights, "+", concat);
}

Value concatVectors(OpBuilder &builder, Location loc, ValueRange vectors) {
  return getRecipe(builder, loc, joinNames(vectors, "+"), vectors, concat);
}

ScaledWeight joinGateAndUp(OpBuilder &builder, Location loc, const ScaledWeight &gate, const ScaledWeight &up) {
  ScaledWeight both = combine(builder, loc, {gate, up}, "|", concat);
  both.gateAndUp = true;
  return both;
}

ScaledWeight convertLayout(OpBuilder &builder, Location loc, const ScaledWeight &weight, LayoutAttr layout) {
  auto convert = [&](OpBuilder &inner, Location l, Value source) -> Value {
    return ConvertLayoutOp::create(inner, l, withLayout(getType(source), layout), source);
  };
  ScaledWeight result;
  result.gateAndUp = weight.gateAndUp;
  result.weight =
      getRecipe(builder, loc, (getWeightName(weight.weight) + ".panels").str(), weight.weight,
                [&](OpBuilder &inner, Location l, ValueRange sources) { return convert(inner, l, sources[0]); });
  if (!weight.scale) {
    return result;
  }
  int64_t rows = getRows(weight.weight);
  auto expandAndConvert = [&](OpBuilder &inner, Location l, ValueRange sources) {
    return convert(inner, l, expandScale(inner, l, sources[0], weight.block, rows));
  };
  result.scale =
      getRecipe(builder, loc, (getWeightName(weight.scale) + ".panels").str(), weight.scale, expandAndConvert);
  result.block = BlockScaleAttr::get(builder.getContext(), 1, weight.block.getColumns());
  return result;
}

} // namespace fathom
