// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds recipes: what a pass wants done to weights, as IR on the weight side.

#ifndef FATHOM_PASSES_SUPPORT_RECIPES_H
#define FATHOM_PASSES_SUPPORT_RECIPES_H

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace fathom {

/// The name of the weight or recipe that `value` gets; `value` must come from a deepseek.get_weight.
llvm::StringRef getWeightName(mlir::Value value);

/// True where all values come from deepseek.get_weight with the same layer.
bool areWeightsOfOneLayer(mlir::ValueRange values);

/// What a recipe does with its sources: inserts steps and returns the last one's result.
using RecipeSteps = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange sources)>;

/// The value of recipe `name` in the layer that `sources` are of, at the builder's insertion point. The recipe is made
/// from `steps` on first use; sources that are recipes are inlined into it. Sources come from deepseek.get_weight
/// and are either all per expert or none.
mlir::Value getRecipe(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name, mlir::ValueRange sources,
                      RecipeSteps steps);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_RECIPES_H
