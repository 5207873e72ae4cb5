// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nodes of a graph to structured ops, one after the other. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_GRAPHCONVERTER_H
#define FATHOM_PASSES_FUNCTIONS_GRAPHCONVERTER_H

#include "passes/functions/NodeBuilder.h"

#include "dialects/onnx/evaluate/KnownExtents.h"

#include "llvm/ADT/DenseMap.h"

#include <map>

namespace fathom {

/// Builds at the insertion point of a builder what nodes are. What cannot be built is collected, and all of it reported
/// at the end.
class GraphConverter {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  explicit GraphConverter(mlir::OpBuilder &builder) : builder(builder) {}

  /// Says what a value of the graph is; null: unknown, because a node has no decomposition.
  void bind(Value value, Value tensor);
  /// The same of an input of the whole graph: whoever calls has checked that extents of one name are the same.
  void bindInput(Value input, Value tensor);
  Value get(Value value) const { return values.lookup(value); }

  void convertBlock(mlir::Block &block);
  /// Reports nodes that have no decomposition: by operators, and how many there are of each.
  mlir::LogicalResult reportMissing(mlir::Location loc) const;

private:
  /// Where the value of an extent's name is: a dimension of a tensor.
  struct Dimension {
    /// What the graph has in its place.
    Value source;
    Value tensor;
    int64_t axis;
  };
  /// What extents are, in names "%N" of which N counts dimensions.
  struct Extents {
    onnx::KnownExtents known;
    std::vector<Dimension> dimensions;

    void bind(llvm::StringRef polynomial, Dimension dimension);
  };

  void convert(mlir::Operation &op);
  Value convertConstant(onnx::ConstantOp op);
  Value convertExtents(onnx::ExtentsOp op);
  Value convertInitializer(onnx::GetInitializerOp op);
  void convertNode(onnx::NodeOp node);
  /// What a node takes, and for a sequence its tensors; nothing where one is unknown.
  std::optional<Values> readInputs(onnx::NodeOp node) const;
  void bindOutputs(onnx::NodeOp node, mlir::ValueRange outputs);
  std::optional<Values> convertOperator(onnx::NodeOp node, mlir::ValueRange inputs);
  Value evaluateExtent(StructuredBuilder &b, llvm::StringRef polynomial);
  void miss(onnx::NodeOp node, llvm::StringRef why);
  void miss(const std::string &what, const std::string &where);

  // Nodes with graphs.
  mlir::Region *findGraph(onnx::NodeOp node, llvm::StringRef name);
  /// The outputs of a graph where the builder is, as `types` say; none if one is unknown.
  Values convertGraph(mlir::Region &graph, mlir::ValueRange arguments, mlir::TypeRange types);
  Values convertIf(onnx::NodeOp node, mlir::ValueRange inputs);
  Values convertLoop(onnx::NodeOp node, mlir::ValueRange inputs);
  /// A loop begins with `first`: the number of its turn and a condition, what is carried, and stacks of parts.
  struct LoopState {
    mlir::Region *body;
    size_t carried;
    Values first;
    llvm::SmallVector<mlir::Type> types;
  };
  /// Nothing where the body does not fit.
  std::optional<LoopState> startLoop(NodeBuilder &b);
  Values turnLoop(NodeBuilder &b, const LoopState &loop, mlir::ValueRange state);

  mlir::OpBuilder &builder;
  llvm::DenseMap<Value, Value> values;
  llvm::DenseMap<Value, Values> sequences;
  Extents extents;
  llvm::StringMap<Value> inputSizes;
  NodeBuilder::ToldSizes told;
  /// By operator and reason, how many nodes there are, and the first of them.
  struct Missing {
    int64_t count = 0;
    std::string first;
  };
  std::map<std::string, Missing> missing;
};

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_GRAPHCONVERTER_H
