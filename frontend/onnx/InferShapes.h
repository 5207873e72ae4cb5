// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An ONNX model with the types and shapes of all its values, in the sizes that a caller chooses. What the model says of
// values between nodes is not believed: exporters get it wrong.

#ifndef FATHOM_FRONTEND_ONNX_INFERSHAPES_H
#define FATHOM_FRONTEND_ONNX_INFERSHAPES_H

#include "frontend/onnx/NodeShapes.h"

#include <map>

namespace fathom::onnx {

/// A value of a model by its place in `TypedModel::values`.
using ValueId = uint32_t;
/// Of an input or output that a node leaves out.
constexpr ValueId kNoValue = UINT32_MAX;

struct TypedGraph;

struct TypedNode {
  const proto::NodeProto *proto;
  /// The version of its domain's operators.
  int64_t opset;
  std::vector<ValueId> inputs, outputs;
  /// Of its attributes that are graphs, in their order.
  std::vector<TypedGraph> graphs;
};

/// A graph without calls of functions and branches that are decided: what is within these stands in their place.
struct TypedGraph {
  std::vector<ValueId> inputs;
  /// Initializers; those of the main graph are in the order of the model's.
  std::vector<std::pair<ValueId, const proto::TensorProto *>> constants;
  std::vector<TypedNode> nodes;
  std::vector<ValueId> outputs;
};

/// An operator that Fathom does not know.
struct MissingOperator {
  /// How many have it, those of functions once for each call.
  int64_t nodes = 0;
  /// The first of them, as messages have it.
  std::string first;
};

/// Refers to messages of the model that it was made of.
struct TypedModel {
  Symbols symbols;
  std::vector<Value> values;
  TypedGraph main;
  /// Operators that Fathom does not know, by domain and name.
  std::map<std::pair<std::string, std::string>, MissingOperator> missing;
  /// Nodes of functions with attributes of their calls.
  std::vector<std::unique_ptr<proto::NodeProto>> substituted;

  const Value &output(size_t number) const;
};

/// Follows shapes through a model that was checked. Nodes whose inputs do not fit are findings, and operators that
/// Fathom does not know, once each.
TypedModel inferShapes(const Model &model, checkpoint::Diagnostics &diagnostics);

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_INFERSHAPES_H
