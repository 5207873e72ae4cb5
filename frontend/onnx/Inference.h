// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk through a model that inferShapes does.

#ifndef FATHOM_FRONTEND_ONNX_INFERENCE_H
#define FATHOM_FRONTEND_ONNX_INFERENCE_H

#include "frontend/checkpoint/StringIndex.h"
#include "frontend/onnx/InferShapes.h"

namespace fathom::onnx {

/// Values by name: those of a graph, and around it those that nodes within may use.
struct Scope {
  const Scope *outer = nullptr;
  checkpoint::StringIndex names = {};
  /// By the number of the name.
  std::vector<ValueId> own = {};

  /// Names live as long as the model.
  void set(llvm::StringRef name, ValueId id) {
    auto [number, isNew] = names.insert(name);
    own.resize(names.size());
    own[number] = id;
  }
  bool has(llvm::StringRef name) const { return names.find(name).has_value(); }
  ValueId find(llvm::StringRef name) const {
    std::optional<uint32_t> number = names.find(name);
    return number ? own[*number] : outer ? outer->find(name) : kNoValue;
  }
};

/// Follows one model; one use.
class Inference {
public:
  Inference(const Model &model, checkpoint::Diagnostics &diagnostics) : model(model), diagnostics(diagnostics) {}

  TypedModel run();

private:
  using Nodes = google::protobuf::RepeatedPtrField<proto::NodeProto>;
  using Ids = std::vector<ValueId>;
  /// A loop's body is walked again while what it carries changes; loops in loops multiply.
  static constexpr size_t kMostVisits = 500'000;

  /// Into what a SplitToSequence splits its input.
  struct Parts {
    int64_t axis;
    std::vector<int64_t> sizes;
    bool keepsAxis;
  };

  ValueId add(Value value);
  const Value *lookUp(const Scope &scope, llvm::StringRef name) const;
  void readInputs(Scope &scope);
  Value typeOf(const proto::ValueInfoProto &value);
  Extent parseExtent(llvm::StringRef text);
  void walk(const Nodes &nodes, Scope &scope, TypedGraph &into);
  void walkInto(const proto::NodeProto &node, Scope &scope, TypedGraph &into);
  /// What a node gives, in place of which calls and decided branches leave their own nodes.
  Ids walkNode(const proto::NodeProto &node, const Scope &scope, TypedGraph &into);
  Ids walkGraph(const proto::GraphProto &graph, const Scope &outer, llvm::ArrayRef<Value> inputs, TypedGraph &into);
  Ids walkIf(const proto::NodeProto &node, const Scope &scope, TypedGraph &into);
  Ids walkLoop(const proto::NodeProto &node, const Scope &scope, TypedGraph &into);
  Ids call(const proto::FunctionProto &function, const proto::NodeProto &node, const Scope &scope, TypedGraph &into);
  /// Sequences whose tensors are known one by one, and what is taken from these.
  Ids walkSplitToSequence(const proto::NodeProto &node, const Scope &scope, TypedGraph &into);
  Ids walkSequenceConstruct(const proto::NodeProto &node, const Scope &scope, TypedGraph &into);
  Ids walkSequenceAt(const proto::NodeProto &node, const Scope &scope, TypedGraph &into);
  /// A Gemm and what is done with its result.
  Ids walkFusedGemm(const proto::NodeProto &node, const Scope &scope, TypedGraph &into);
  Ids walkParts(const proto::NodeProto &node, const Parts &parts, const Scope &scope, TypedGraph &into);
  proto::NodeProto &makeNode(const proto::NodeProto &given, llvm::StringRef op, const std::string &input);
  Ids applyRule(const proto::NodeProto &node, const Scope &scope, TypedGraph &into);
  Ids append(const proto::NodeProto &node, const Scope &scope, std::vector<Value> outputs,
             std::vector<TypedGraph> graphs, TypedGraph &into);
  Value merge(const Value &a, const Value &b);
  bool widen(Value &value, const Value &after, std::vector<bool> &varies);
  std::vector<Value> valuesOf(llvm::ArrayRef<ValueId> ids) const;
  int64_t opsetOf(llvm::StringRef domain) const;
  const proto::FunctionProto *findFunction(const proto::NodeProto &node) const;
  static std::optional<Parts> findParts(NodeShapes node);
  void report(const proto::NodeProto &node, const llvm::Twine &what);
  void reportMissing();

  const Model &model;
  checkpoint::Diagnostics &diagnostics;
  TypedModel found;
  /// Keys of functions, and their numbers in the model.
  std::vector<std::string> functionKeys;
  checkpoint::StringIndex functions;
  std::vector<const proto::FunctionProto *> calls;
  /// While a loop is not settled nothing is reported.
  unsigned unsettled = 0;
  /// Of nodes of loops that are not settled.
  size_t visits = 0;
  /// Numbers that may still be followed: models have some for each reshape, hostile ones for each node.
  size_t contentsLeft = 10'000'000;
  /// The tensors of sequences, and how many more may be followed: a node of a few bytes has many.
  std::map<ValueId, Ids> sequences;
  size_t partsLeft = 100'000;
};

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_INFERENCE_H
