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
#include "llvm/ADT/StringMap.h"

namespace fathom::raise {

struct MatrixOf;
struct StoredMatrices;

/// Whether weights of a type are read as they are; f16 becomes f32.
bool isRead(mlir::Type element);

/// The name that all have but for a number of each, in whose place there is `placeholder`; or else that of the first.
std::string findPattern(llvm::ArrayRef<llvm::StringRef> names, llvm::ArrayRef<int64_t> numbers,
                        llvm::StringRef placeholder);

/// Makes a symbol for each tensor that a model reads, once: a weight where a file has it as it is wanted, a recipe for
/// what has to be converted or transposed, or is in no file.
class RaisedWeights {
public:
  explicit RaisedWeights(mlir::ModuleOp module) : module(module), symbols(module) {}

  /// The weight of `value`, with rows and columns of a matrix exchanged if `transposed`. Null where it is neither an
  /// initializer nor a constant, nor stacks of matrices by turns, or of a type that no weight has.
  mlir::Value get(mlir::OpBuilder &builder, mlir::Value value, bool transposed = false);

  /// The same with scales beside it, where kernels read numbers as they are stored.
  deepseek::ScaledWeight getScaled(mlir::OpBuilder &builder, mlir::Value value, bool transposed = false);

  /// The weight [E, N, K] that a constant is: a stack of a file, or matrices that lie apart, with the rows of each or
  /// its columns. Null where it is something else.
  mlir::Value getStack(mlir::OpBuilder &builder, mlir::Value value);

  /// The weight that a recipe makes of the ops which `build` makes.
  mlir::Value make(mlir::OpBuilder &builder, llvm::StringRef name, mlir::RankedTensorType type,
                   llvm::function_ref<mlir::Value(mlir::OpBuilder &)> build, bool experts = false);

private:
  /// A matrix, or a stack of such, that a file or the compiler has, for recipes.
  struct Matrix {
    mlir::RankedTensorType type;
    /// Null where there are numbers.
    mlir::StringAttr weight;
    mlir::DenseElementsAttr numbers;
  };

  /// What a recipe is to make of numbers and their scales.
  struct Dequantized {
    mlir::RankedTensorType type;
    Matrix numbers, scales;
    std::optional<Matrix> zeros;
    mlir::FloatAttr zero;
    deepseek::BlockScaleAttr block;
  };

  struct Whole;
  /// Input `input` of a node as `rows` of `columns` or more, of `bits` each where these are not 0.
  using FindMatrix =
      llvm::function_ref<std::optional<Matrix>(unsigned input, int64_t rows, int64_t columns, unsigned bits)>;

  mlir::Value addFile(mlir::OpBuilder &builder, onnx::InitializerOp initializer, mlir::RankedTensorType stored,
                      bool transposed, bool converts);
  mlir::Value addConstant(mlir::OpBuilder &builder, onnx::ConstantOp constant, bool transposed);
  mlir::Value addDequantized(mlir::OpBuilder &builder, onnx::NodeOp node, bool transposed);
  deepseek::ScaledWeight addScaled(mlir::OpBuilder &builder, onnx::NodeOp node, bool transposed);
  mlir::Value addStacked(mlir::OpBuilder &builder, onnx::NodeOp concat, bool transposed);
  mlir::Value takeMatrix(mlir::OpBuilder &builder, mlir::Value stack, int64_t number);
  mlir::Value read(mlir::OpBuilder &builder, llvm::StringRef name, mlir::RankedTensorType type);
  /// The name of an initializer's numbers as a weight of the type; null where it is one of another.
  mlir::StringAttr addWeight(onnx::InitializerOp initializer, mlir::RankedTensorType type);
  onnx::InitializerOp findInitializer(mlir::Value value);
  /// The numbers of an initializer or a constant, of `bits` each where these are not 0, as `rows` of `columns` or more.
  std::optional<Matrix> findMatrix(mlir::Value value, int64_t rows, int64_t columns, unsigned bits);
  Matrix makeConstant(const StoredMatrices &stored, llvm::ArrayRef<int64_t> shape);
  mlir::Value readMatrix(mlir::OpBuilder &inner, mlir::Location loc, const Matrix &matrix);
  std::optional<Dequantized> findDequantized(onnx::NodeOp node, llvm::ArrayRef<int64_t> shape, FindMatrix find);
  mlir::Value readDequantized(mlir::OpBuilder &inner, mlir::Location loc, const Dequantized &of);
  std::string nameMade(mlir::Value made, llvm::StringRef base);

  std::optional<Matrix> addStack(const StoredMatrices &stored, const llvm::Twine &suffix);
  std::optional<Matrix> findStack(llvm::ArrayRef<MatrixOf> matrices, int64_t begin, int64_t rows);
  std::optional<Dequantized> findScaledStack(llvm::ArrayRef<MatrixOf> matrices);
  std::optional<Whole> findScaledWhole(mlir::Value stack, llvm::ArrayRef<MatrixOf> matrices);
  std::optional<Whole> findStoredWhole(mlir::OpBuilder &builder, mlir::Value stack, llvm::ArrayRef<MatrixOf> matrices,
                                       int64_t begin, int64_t rows);

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  /// Their numbers, in the order in which they were met.
  llvm::DenseMap<mlir::Attribute, size_t> constants;
  /// Of weights and recipes, by the names that they would have if none had them already.
  llvm::StringMap<mlir::StringAttr> names;
  llvm::DenseMap<mlir::Value, std::string> namesOfMade;
  llvm::DenseMap<mlir::Operation *, size_t> stacks;
};

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_RAISEDWEIGHTS_H
