// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A graph on its way to a model: views of its tensors, and @forward as far as it is made.

#ifndef FATHOM_PASSES_RAISE_GRAPHMODEL_H
#define FATHOM_PASSES_RAISE_GRAPHMODEL_H

#include "passes/raise/Probe.h"
#include "passes/raise/RaisedWeights.h"
#include "passes/raise/View.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace fathom::raise {

/// What rules of operators build with. A rule converts the node it is given, or leaves it: then the node has no view.
class GraphModel {
public:
  /// Stores keep numbers as `stored`.
  GraphModel(mlir::func::FuncOp main, mlir::BlockArgument tokens, int64_t maxContext, mlir::Type stored,
             onnx::Evaluator::ReadInitializer read);

  // Of the graph.
  /// The view that a tensor is; null where it is none, or several.
  const View *find(mlir::Value value) const;
  /// The views that it is; null where it is none.
  const Pieces *findPieces(mlir::Value value) const;
  void set(mlir::Value value, View view) { views[value] = {{std::move(view)}, 0}; }
  void set(mlir::Value value, Pieces pieces) { views[value] = std::move(pieces); }
  bool isPast(mlir::Value value);

  // Of the model.
  mlir::OpBuilder &ops() { return builder; }
  RaisedWeights &weights() { return raisedWeights; }
  int64_t getMaxContext() const { return maxContext; }
  mlir::Value positions() { return forward.getArgument(1); }
  mlir::RankedTensorType activation(int64_t width);
  /// A view of rows that have the columns of `view` and no others; nothing where these are not side by side.
  std::optional<View> compact(const View &view);
  /// Says that the output of a node has `rows`, whose columns are the last dimension of what `like` is a view of.
  bool giveRows(onnx::NodeOp node, const View &like, mlir::Value rows);
  /// Rows of `width` columns that a tensor is, one after the other; null where it is not.
  mlir::Value getRows(mlir::Value value, int64_t width);
  /// [positions, pairs, 2]; null where `cosine` and `sine` do not go by the position, as dimension `axis` counts it.
  mlir::Value getRopeTable(mlir::Value cosine, mlir::Value sine, int64_t axis);
  /// A store of rows for each of `heads`, of whose numbers the last `tail` are not FP8 where others are.
  deepseek::StoreAttr createStore(llvm::StringRef name, int64_t heads, int64_t width, int64_t tail = 0);
  /// Begins the next layer, whose stores are of the type `cache`: its number.
  mlir::Value beginLayer(deepseek::CacheType cache);
  /// Writes rows of the parts, side by side, to a store of the layer.
  mlir::Value append(llvm::StringRef store, mlir::Value layer, mlir::ValueRange parts);

  /// Makes the logits of rows that want them from `logits`, and ends @forward. False where these are not one.
  bool finish(mlir::Value logits);

private:
  std::optional<std::vector<float>> probeStep(mlir::Value cosine, mlir::Value sine, int64_t axis, Step step);
  std::optional<std::vector<float>> probeTable(mlir::Value cosine, mlir::Value sine, int64_t axis);
  void setFacts(int64_t vocabulary);

  mlir::func::FuncOp main;
  mlir::func::FuncOp forward;
  mlir::OpBuilder builder;
  RaisedWeights raisedWeights;
  Prober prober;
  int64_t maxContext;
  mlir::Type stored;
  int64_t layers = 0;
  mlir::Value cache;
  llvm::DenseMap<mlir::Value, Pieces> views;
  llvm::DenseMap<std::pair<mlir::Value, mlir::Value>, mlir::Value> tables;
};

/// Converts a node; true where it has views then.
using Rule = bool (*)(onnx::NodeOp node, GraphModel &model);
struct RuleRow {
  /// Of `kDomain`, or of ONNX.
  bool raised;
  llvm::StringLiteral name;
  Rule rule;
};
// By what the operators do.
llvm::ArrayRef<RuleRow> moveRules();
llvm::ArrayRef<RuleRow> layerRules();
llvm::ArrayRef<RuleRow> attentionRules();
llvm::ArrayRef<RuleRow> expertRules();

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_GRAPHMODEL_H
