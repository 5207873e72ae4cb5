// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up values for weights, and what recipes make of them.

#ifndef FATHOM_CODEGEN_REFERENCE_SEEDEDWEIGHTS_H
#define FATHOM_CODEGEN_REFERENCE_SEEDEDWEIGHTS_H

#include "codegen/reference/Datum.h"

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace fathom::reference {

/// Values by a weight's name and layer alone, so that they stay the same whatever passes do to a module. Their size
/// suits their part: matrices about 1/sqrt(inputs), norms about 1, scales about 0.015, biases of either sign.
class SeededWeights {
public:
  /// The value of the weight or recipe `name` of `module`, in `layer` where it has layers. An error where there is no
  /// such weight or layer, where it is too large to make up, or where a recipe has a step without a meaning here.
  llvm::Expected<TensorPtr> get(mlir::ModuleOp module, llvm::StringRef name, std::optional<int64_t> layer);

  /// Cosines and sines, [positions, pairs, 2].
  llvm::Expected<TensorPtr> getRopeTable(deepseek::RopeTableOp op);

private:
  llvm::Expected<TensorPtr> makeWeight(deepseek::WeightOp weight, std::optional<int64_t> layer);
  llvm::Expected<TensorPtr> runRecipe(deepseek::RecipeOp recipe, std::optional<int64_t> layer);
  llvm::Expected<TensorPtr> runStep(mlir::Operation *step, llvm::ArrayRef<TensorPtr> sources,
                                    std::optional<int64_t> layer);
  llvm::Error reserve(mlir::Type type, llvm::StringRef name);

  std::map<std::pair<std::string, int64_t>, TensorPtr> weights;
  std::map<const void *, std::map<const void *, TensorPtr>> ropeTables; // by attribute and type
  int64_t numbers = 0;
};

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_SEEDEDWEIGHTS_H
