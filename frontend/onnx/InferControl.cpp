// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Branches and loops: what comes out of several ways is what they have in common, and a loop is walked until what it
// carries is settled.

#include "frontend/onnx/Inference.h"

#include "llvm/ADT/STLExtras.h"

namespace fathom::onnx {

using T = proto::TensorProto;

Value Inference::merge(const Value &a, const Value &b) {
  Value merged(a.element == b.element ? a.element : 0);
  merged.isSequence = a.isSequence && b.isSequence;
  if (a.shape && b.shape && a.shape->size() == b.shape->size()) {
    merged.shape = a.shape;
    for (size_t i = 0; i < a.shape->size(); ++i) {
      if ((*a.shape)[i] != (*b.shape)[i]) {
        (*merged.shape)[i] = Extent::symbol(found.symbols.fresh());
      }
    }
  }
  merged.contents = a.contents == b.contents && merged.shape == a.shape ? a.contents : std::nullopt;
  return merged;
}

static const proto::GraphProto *findGraph(const proto::NodeProto &node, llvm::StringRef name) {
  for (const proto::AttributeProto &attribute : node.attribute()) {
    if (attribute.name() == name && attribute.has_g()) {
      return &attribute.g();
    }
  }
  return nullptr;
}

std::vector<Value> Inference::valuesOf(llvm::ArrayRef<ValueId> ids) const {
  std::vector<Value> values;
  for (ValueId id : ids) {
    values.push_back(id == kNoValue ? Value() : found.values[id]);
  }
  return values;
}

Inference::Ids Inference::walkIf(const proto::NodeProto &node, const Scope &scope, TypedGraph &into) {
  const proto::GraphProto *yes = findGraph(node, "then_branch"), *no = findGraph(node, "else_branch");
  if (!yes || !no || node.input_size() != 1 || yes->output_size() != no->output_size()) {
    report(node, "wants a condition, and branches of equally many outputs");
    return {};
  }
  const Value *condition = lookUp(scope, node.input(0));
  bool known =
      condition && condition->contents && condition->contents->size() == 1 && condition->contents->front().constant();
  if (known) {
    return walkGraph(condition->contents->front().is(0) ? *no : *yes, scope, {}, into);
  }
  std::vector<TypedGraph> graphs;
  for (const proto::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g()) {
      TypedGraph &graph = graphs.emplace_back();
      graph.outputs = walkGraph(attribute.g(), scope, {}, graph);
    }
  }
  std::vector<Value> outputs = valuesOf(graphs.front().outputs);
  for (const auto &[a, b] : llvm::zip(outputs, valuesOf(graphs.back().outputs))) {
    a = merge(a, b);
  }
  return append(node, scope, std::move(outputs), std::move(graphs), into);
}

/// Makes `value`, which a loop carries, as unknown as it has to be for what a turn leaves in its place; true where it
/// is. `varies` are its extents that are known to change.
bool Inference::widen(Value &value, const Value &after, std::vector<bool> &varies) {
  Value merged = merge(value, after);
  for (size_t i = 0; merged.shape && i < merged.shape->size(); ++i) {
    varies.resize(merged.shape->size());
    bool changed = (*merged.shape)[i] != (*value.shape)[i];
    (*merged.shape)[i] = varies[i] ? (*value.shape)[i] : (*merged.shape)[i];
    varies[i] = varies[i] || changed;
  }
  bool same = merged == value;
  value = std::move(merged);
  return same;
}

// Inputs are the most turns, a condition, and what is carried; of the body the turn, the condition and that. It gives
// the condition, what is carried, and what is gathered of all turns.
Inference::Ids Inference::walkLoop(const proto::NodeProto &node, const Scope &scope, TypedGraph &into) {
  const proto::GraphProto *body = findGraph(node, "body");
  int carried = node.input_size() - 2;
  if (!body || carried < 0 || body->input_size() != carried + 2 || body->output_size() < carried + 1) {
    report(node, "wants a body that takes the turn, a condition and what is carried, and gives the latter two");
    return {};
  }
  std::vector<Value> inputs = {Value(T::INT64, Shape()), Value(T::BOOL, Shape())};
  for (int i = 0; i < carried; ++i) {
    const Value *value = lookUp(scope, node.input(i + 2));
    inputs.push_back(value ? *value : Value());
  }
  std::vector<std::vector<bool>> varies(carried);
  for (bool settled = false; !settled && visits <= kMostVisits;) {
    ++unsettled;
    TypedGraph draft;
    std::vector<Value> outputs = valuesOf(walkGraph(*body, scope, inputs, draft));
    --unsettled;
    settled = true;
    for (int i = 0; i < carried; ++i) {
      settled = widen(inputs[i + 2], outputs[i + 1], varies[i]) && settled;
    }
  }
  std::vector<TypedGraph> graphs(1);
  graphs[0].outputs = walkGraph(*body, scope, inputs, graphs[0]);
  std::vector<Value> outputs = valuesOf(llvm::ArrayRef(graphs[0].outputs).drop_front());
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (static_cast<int>(i) < carried) {
      outputs[i] = inputs[i + 2];
    } else if (outputs[i].shape) {
      outputs[i].shape->insert(outputs[i].shape->begin(), Extent::symbol(found.symbols.fresh()));
    }
  }
  return append(node, scope, std::move(outputs), std::move(graphs), into);
}

} // namespace fathom::onnx
