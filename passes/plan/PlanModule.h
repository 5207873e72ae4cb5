// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the functions of a module share while they become plans: kernels, weights, generated functions.

#ifndef PASSES_PLAN_PLANMODULE_H
#define PASSES_PLAN_PLANMODULE_H

#include "passes/plan/Passes.h"

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"

namespace fathom {

/// What the functions of a module share.
class PlanModule {
public:
  explicit PlanModule(mlir::ModuleOp module);

  /// Notes the scratch memory that the kernels handed out so far need.
  void setScratchBytes();

  /// The kernel op for these constants and epilogue, which reads operands of types `extras`, made on first use.
  llvm::StringRef getKernel(const kernels::Kernel &kernel, llvm::ArrayRef<int64_t> constants, mlir::Region &epilogue,
                            mlir::TypeRange extras, int64_t mostRows);
  /// A function around a copy of `op`, which has no kernel.
  mlir::func::FuncOp createGenerated(mlir::Operation *op, llvm::ArrayRef<mlir::Type> inputs,
                                     llvm::ArrayRef<mlir::Type> results);
  /// The first slice of a weight in the weight table.
  int64_t getFirstSlice(mlir::Operation *weight);
  mlir::Operation *lookup(llvm::StringRef weight) { return symbols.lookup(weight); }
  int64_t getLayers() const { return layers; }
  /// The layers that a function serves, in the order of its weights' slices.
  llvm::ArrayRef<int64_t> getLayersOf(llvm::StringRef function) { return layersOf[function]; }

private:
  void findLayers(mlir::func::FuncOp function);

  mlir::ModuleOp module;
  mlir::OpBuilder builder;
  mlir::SymbolTable symbols;
  int64_t layers;
  int64_t slices = 0;
  int64_t generated = 0;
  int64_t scratchBytes = 0;
  llvm::StringMap<std::string> kernelNames;
  llvm::StringMap<llvm::SmallVector<int64_t>> layersOf;
};

} // namespace fathom

#endif // PASSES_PLAN_PLANMODULE_H
