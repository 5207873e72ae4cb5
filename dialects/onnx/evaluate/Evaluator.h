// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What values of an `onnx` module are: the meaning of its nodes.

#ifndef FATHOM_DIALECTS_ONNX_EVALUATE_EVALUATOR_H
#define FATHOM_DIALECTS_ONNX_EVALUATE_EVALUATOR_H

#include "dialects/onnx/Onnx.h"
#include "dialects/onnx/evaluate/Array.h"
#include "dialects/onnx/evaluate/KnownExtents.h"

#include "llvm/ADT/DenseMap.h"

#include <functional>
#include <memory>

namespace fathom::onnx {

/// Whether floats are rounded to the types that a module says, or only what they mean is wanted.
enum class Rounding { AsTyped, None };

/// Evaluates values of a function on demand, each once. Every operator computes in f64 and rounds once, to the type of
/// its result.
class Evaluator {
public:
  /// Reads the numbers of an initializer.
  using ReadInitializer = std::function<llvm::Expected<Array>(InitializerOp)>;

  /// Without `read`, files are not at hand.
  explicit Evaluator(ReadInitializer read = nullptr, Rounding rounding = Rounding::AsTyped)
      : read(std::move(read)), rounding(rounding) {}

  /// Says what a value is, an argument's or any other: the graph ends there. The extents that its type names are from
  /// then on what its extents are.
  void bind(mlir::Value value, Array array);
  void bindExtent(llvm::StringRef name, int64_t value) { extents.bind(name, value); }

  /// What a value is, which stays so. An error names the node at whose location it was found, and what is wrong there.
  llvm::Expected<const Array *> evaluate(mlir::Value value);
  /// What a polynomial of the names that are bound comes to, e.g. "2*batch*past + 1".
  llvm::Expected<int64_t> evaluateExtent(llvm::StringRef polynomial) { return evaluateExtent(polynomial, nullptr); }

private:
  using Arrays = llvm::SmallVector<Array>;

  bool isKnown(mlir::Value value) const { return values.count(value) != 0; }
  bool pushUnknown(mlir::Operation *op, llvm::SmallVectorImpl<mlir::Value> &pending);
  llvm::Error compute(mlir::Value value);
  llvm::Expected<Array> computeExtents(ExtentsOp op);
  llvm::Expected<Array> readInitializer(GetInitializerOp op);
  llvm::Error computeNode(NodeOp node);
  llvm::SmallVector<const Array *> inputsOf(NodeOp node) const;
  const Array *find(mlir::Value value) const;
  llvm::Expected<int64_t> evaluateExtent(llvm::StringRef polynomial, mlir::Operation *near);
  llvm::Error findExtent(llvm::StringRef name, mlir::Operation *near);

  // Nodes with graphs.
  llvm::Expected<Arrays> evaluateGraph(mlir::Region &graph, Arrays arguments);
  llvm::Expected<Arrays> evaluateIf(NodeOp node);
  llvm::Expected<Arrays> evaluateLoop(NodeOp node);

  ReadInitializer read;
  Rounding rounding;
  /// What nobody has bound is owned here as well.
  llvm::DenseMap<mlir::Value, std::unique_ptr<Array>> values;
  KnownExtents extents;
};

/// What a node without graphs gives for these inputs; NULL: left out.
llvm::Expected<llvm::SmallVector<Array>> evaluateNode(NodeOp node, llvm::ArrayRef<const Array *> inputs,
                                                      Rounding rounding = Rounding::AsTyped);

/// Whether `evaluateNode` has a rule for an operator.
bool canEvaluate(NodeOp node);

/// An error at a node: "node 'name' (MatMul): what".
llvm::Error errorAt(NodeOp node, const llvm::Twine &what);

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_EVALUATE_EVALUATOR_H
