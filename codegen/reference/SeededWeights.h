// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up values for weights, and what recipes make of them.

#ifndef FATHOM_CODEGEN_REFERENCE_SEEDEDWEIGHTS_H
#define FATHOM_CODEGEN_REFERENCE_SEEDEDWEIGHTS_H

#include "codegen/reference/Datum.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/Onnx.h"
#include "dialects/onnx/evaluate/Array.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace fathom::reference {

/// Values by a weight's name and layer alone, so that they stay the same whatever passes do to a module. What a pass
/// gives another name has the values of what lies at the same place. Their size suits their part: matrices about
/// 1/sqrt(inputs), norms about 1, scales about 0.015, biases of either sign.
class SeededWeights {
public:
  /// Says which module the first pass gets: its weights are known by their names, and others that come by their places.
  void begin(mlir::ModuleOp module);

  /// The value of the weight or recipe `name` of `module`, in `layer` where it has layers. An error where there is no
  /// such weight or layer, where it is too large to make up, or where a recipe has a step without a meaning here.
  llvm::Expected<TensorPtr> get(mlir::ModuleOp module, llvm::StringRef name, std::optional<int64_t> layer);

  /// Where the files of a graph are: initializers of few numbers, which may be angles or masks, have those in them, as
  /// do those in the graph's own message, beside which exporters put weights.
  void setFolder(llvm::StringRef path) { folder = path.str(); }

  /// The numbers of an initializer of a graph. An error where it is of integers that say what is where.
  llvm::Expected<onnx::Array> getInitializer(onnx::InitializerOp initializer);

  /// Cosines and sines, [positions, pairs, 2].
  llvm::Expected<TensorPtr> getRopeTable(deepseek::RopeTableOp op);

private:
  /// A tensor in a file.
  struct Place {
    mlir::Type element;
    int64_t file, offset;
  };

  llvm::Expected<onnx::Array> makeInitializer(onnx::InitializerOp initializer) const;
  llvm::Expected<TensorPtr> makeWeight(deepseek::WeightOp weight, std::optional<int64_t> layer);
  static Place placeOf(deepseek::WeightOp weight, std::optional<int64_t> layer, int64_t expert);
  void remember(const Place &place, TensorPtr tensor);
  /// The numbers from a place on; false where they are not known. Integers may be taken for shorter ones.
  bool findNumbers(const Place &place, int64_t count, std::vector<float> &numbers) const;
  bool findElsewhere(deepseek::WeightOp weight, std::optional<int64_t> layer, Tensor &tensor) const;
  llvm::Expected<TensorPtr> runRecipe(deepseek::RecipeOp recipe, std::optional<int64_t> layer);
  llvm::Expected<TensorPtr> runStep(mlir::Operation *step, llvm::ArrayRef<TensorPtr> sources,
                                    std::optional<int64_t> layer);
  llvm::Error reserve(mlir::Type type, llvm::StringRef name);

  std::map<std::pair<std::string, int64_t>, TensorPtr> weights;
  llvm::StringSet<> original;
  std::string folder;
  /// Of each file, by offset.
  std::map<int64_t, std::map<int64_t, std::pair<mlir::Type, TensorPtr>>> places;
  std::map<const void *, std::map<const void *, TensorPtr>> ropeTables; // by attribute and type
  int64_t numbers = 0;
};

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_SEEDEDWEIGHTS_H
