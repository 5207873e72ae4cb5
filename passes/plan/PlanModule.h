// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is known of a module before its functions become plans, and the places of its weights.

#ifndef FATHOM_PASSES_PLAN_PLANMODULE_H
#define FATHOM_PASSES_PLAN_PLANMODULE_H

#include "passes/plan/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"

namespace fathom {

/// Facts about functions, gathered while none is a plan yet, and the weight table.
class PlanModule {
public:
  explicit PlanModule(mlir::ModuleOp module);

  /// Layers of the model.
  int64_t getLayers() const { return layers; }
  /// Those and the draft's, all of which have rows in stores.
  int64_t getStoredLayers() const { return storedLayers; }
  /// The most rows in a call of an entry point, or of one that calls a layer.
  int64_t getMostRows(llvm::StringRef function) const { return mostRows.lookup(function); }
  /// The layers that a function serves, in the order of its weights' slices.
  llvm::ArrayRef<int64_t> getLayersOf(llvm::StringRef function) { return layersOf[function]; }

  /// A weight, or a function as it was.
  mlir::Operation *lookup(llvm::StringRef symbol) { return symbols.lookup(symbol); }
  /// The first slice of a weight in the weight table.
  int64_t getFirstSlice(deepseek::WeightSymbol weight);

private:
  void findLayers(mlir::func::FuncOp function);
  void countRows(mlir::func::FuncOp entry, int64_t rows);

  mlir::SymbolTable symbols;
  int64_t layers;
  int64_t storedLayers;
  int64_t slices = 0;
  llvm::StringMap<int64_t> mostRows;
  llvm::StringMap<llvm::SmallVector<int64_t>> layersOf;
};

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_PLANMODULE_H
