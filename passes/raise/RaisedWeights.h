// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Initializers and constants of a graph as weights of the deepseek dialect.

#ifndef FATHOM_PASSES_RAISE_RAISEDWEIGHTS_H
#define FATHOM_PASSES_RAISE_RAISEDWEIGHTS_H

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/Onnx.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

namespace fathom::raise {

/// Makes a symbol for each tensor that a model reads, once: a weight where a file has it as it is wanted, a recipe for
/// what has to be converted or transposed, or is in no file.
class RaisedWeights {
public:
  explicit RaisedWeights(mlir::ModuleOp module) : module(module), symbols(module) {}

  /// The weight of `value`, with rows and columns of a matrix exchanged if `transposed`. Null where it is neither an
  /// initializer nor a constant, nor stacks of matrices by turns, or of a type that no weight has.
  mlir::Value get(mlir::OpBuilder &builder, mlir::Value value, bool transposed = false);

  /// The weight that a recipe of the one op makes which `build` makes.
  mlir::Value make(mlir::OpBuilder &builder, llvm::StringRef name, mlir::RankedTensorType type,
                   llvm::function_ref<mlir::Value(mlir::OpBuilder &)> build);

private:
  mlir::Value addFile(mlir::OpBuilder &builder, onnx::InitializerOp initializer, bool transposed);
  mlir::Value addConstant(mlir::OpBuilder &builder, onnx::ConstantOp constant, bool transposed);
  mlir::Value addStacked(mlir::OpBuilder &builder, onnx::NodeOp concat, bool transposed);
  mlir::Value takeMatrix(mlir::OpBuilder &builder, mlir::Value stack, int64_t number);
  mlir::Value read(mlir::OpBuilder &builder, llvm::StringRef name, mlir::RankedTensorType type);

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  /// Their numbers, in the order in which they were met.
  llvm::DenseMap<mlir::Attribute, size_t> constants;
  llvm::DenseMap<mlir::Operation *, size_t> stacks;
};

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_RAISEDWEIGHTS_H
