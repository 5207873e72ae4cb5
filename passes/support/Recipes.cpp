// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds recipes and the values they give.

#include "passes/support/Recipes.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

StringRef getWeightName(Value value) { return value.getDefiningOp<GetWeightOp>().getWeight(); }

bool areWeightsOfOneLayer(ValueRange values) {
  GetWeightOp first;
  for (Value value : values) {
    auto get = value ? value.getDefiningOp<GetWeightOp>() : GetWeightOp();
    if (!get || (first && get.getLayer() != first.getLayer())) {
      return false;
    }
    first = get;
  }
  return true;
}

/// Makes the weight or recipe called `symbol` available inside a recipe.
static Value inlineSource(OpBuilder &builder, Location loc, Operation *symbol) {
  if (auto weight = dyn_cast<WeightOp>(symbol)) {
    return SourceOp::create(builder, loc, weight.getTensorType(), weight.getSymName());
  }
  IRMapping mapping;
  Block &body = cast<RecipeOp>(symbol).getBody().front();
  for (Operation &op : body.without_terminator()) {
    builder.clone(op, mapping);
  }
  return mapping.lookup(cast<YieldOp>(body.getTerminator()).getValue());
}

/// A recipe with the layers and experts of its sources.
static RecipeOp createRecipe(ModuleOp module, Location loc, StringRef name, ArrayRef<WeightSymbol> symbols,
                             RecipeSteps steps) {
  OpBuilder builder(module.getContext());
  auto firstFunction = llvm::find_if(*module.getBody(), [](Operation &op) { return !isa<WeightSymbol>(op); });
  builder.setInsertionPoint(module.getBody(), firstFunction);
  auto placeholder = RankedTensorType::get({1}, builder.getF32Type());
  WeightSymbol stack = symbols.empty() ? WeightSymbol() : symbols.front();
  auto recipe = RecipeOp::create(builder, loc, name, placeholder, stack && stack.getExperts(),
                                 stack ? stack.getLayersAttr() : nullptr);
  builder.setInsertionPointToStart(&recipe.getBody().emplaceBlock());
  SmallVector<Value> sources;
  for (WeightSymbol symbol : symbols) {
    sources.push_back(inlineSource(builder, loc, symbol));
  }
  Value result = steps(builder, loc, sources);
  YieldOp::create(builder, loc, result);
  recipe.setType(cast<RankedTensorType>(result.getType()));
  return recipe;
}

Value getRecipe(OpBuilder &builder, Location loc, StringRef name, ValueRange sources, RecipeSteps steps) {
  auto module = builder.getInsertionBlock()->getParent()->getParentOfType<ModuleOp>();
  auto recipe = module.lookupSymbol<RecipeOp>(name);
  Value layer;
  SmallVector<WeightSymbol> symbols;
  for (Value source : sources) {
    auto get = source.getDefiningOp<GetWeightOp>();
    layer = get.getLayer();
    symbols.push_back(module.lookupSymbol<WeightSymbol>(get.getWeight()));
  }
  if (!recipe) {
    recipe = createRecipe(module, loc, name, symbols, steps);
  }
  return GetWeightOp::create(builder, loc, recipe.getTensorType(), recipe.getSymName(), layer);
}

} // namespace fathom
