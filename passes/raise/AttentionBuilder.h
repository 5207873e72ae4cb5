// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What operators that do all about attention are made of: heads apart, rotations, the past, and attention.

#ifndef FATHOM_PASSES_RAISE_ATTENTIONBUILDER_H
#define FATHOM_PASSES_RAISE_ATTENTIONBUILDER_H

#include "passes/raise/Nodes.h"

namespace fathom::raise {

/// Heads, [batch, heads, positions, width], that attend to the past, if there is one, and to what is behind it.
struct Attended {
  mlir::Value query, keys, values, pastKeys, pastValues, mask;
};

/// 1 / √width.
double getUsualScale(mlir::Value query);

/// Builds at one node, in its place.
class AttentionBuilder {
public:
  explicit AttentionBuilder(onnx::NodeOp node) : builder(node), loc(node.getLoc()), node(node) {}

  /// [batch, positions, heads · width] as [batch, heads, positions, width].
  mlir::Value splitHeads(mlir::Value value, int64_t heads);
  /// The other way round.
  mlir::Value joinHeads(mlir::Value value);
  /// Columns of the last dimension.
  mlir::Value takeColumns(mlir::Value value, int64_t begin, int64_t count);
  /// Rows of a table [positions, pairs] at `ids`.
  mlir::Value lookUp(mlir::Value table, mlir::Value ids);
  /// Numbers of each pair [(batch,) positions, pairs] for both elements of it, as a rotation of
  /// [batch, heads, positions, width] takes them.
  mlir::Value spread(mlir::Value rows);
  /// Positions of the call: 0 and on, or those behind the past.
  mlir::Value createPositions(mlir::Value past, mlir::Value query);
  /// Turns pairs that are halves of the last dimension or, `interleaved`, side by side.
  mlir::Value rotate(mlir::Value value, mlir::Value cosine, mlir::Value sine, bool interleaved);

  /// Replaces the outputs of the node that are there and read.
  void replace(llvm::ArrayRef<mlir::Value> values);
  /// Replaces the node, whose outputs are attention, rows or heads as its first input is, and all keys and values.
  void replaceByAttention(llvm::StringRef name, Attended attended, double scale);

  mlir::OpBuilder builder;
  mlir::Location loc;

private:
  mlir::Value appendPast(mlir::Value past, mlir::Value value, unsigned output);

  onnx::NodeOp node;
};

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_ATTENTIONBUILDER_H
