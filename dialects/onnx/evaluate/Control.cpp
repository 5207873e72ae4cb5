// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nodes with graphs: which of them are evaluated, how often, and on what.

#include "dialects/onnx/evaluate/Evaluator.h"
#include "dialects/onnx/evaluate/NodeValues.h"

using namespace mlir;

namespace fathom::onnx {

/// Of a loop, which hostile ones do not end.
static constexpr int64_t kMostTurns = 1'000'000;

/// The graph that is the value of an attribute; null where there is none.
static Region *findGraph(NodeOp node, StringRef name) {
  for (auto [number, other] : llvm::enumerate(node.getGraphNames().value_or(ArrayAttr()))) {
    if (cast<StringAttr>(other).getValue() == name) {
      return &node.getGraphs()[number];
    }
  }
  return nullptr;
}

llvm::Expected<SmallVector<Array>> Evaluator::evaluateGraph(Region &graph, Arrays arguments) {
  Block &block = graph.front();
  auto node = cast<NodeOp>(graph.getParentOp());
  if (block.getNumArguments() != arguments.size()) {
    return errorAt(node, "has a graph of " + Twine(block.getNumArguments()) + " inputs for " + Twine(arguments.size()));
  }
  for (auto [argument, array] : llvm::zip_equal(block.getArguments(), arguments)) {
    bind(argument, std::move(array));
  }
  Arrays outputs;
  for (Value output : block.getTerminator()->getOperands()) {
    llvm::Expected<const Array *> array = evaluate(output);
    if (!array) {
      return array.takeError();
    }
    outputs.push_back(**array);
  }
  // The next turn has others.
  for (Value argument : block.getArguments()) {
    values.erase(argument);
  }
  for (Operation &op : block) {
    for (Value result : op.getResults()) {
      values.erase(result);
    }
  }
  return outputs;
}

llvm::Expected<SmallVector<Array>> Evaluator::evaluateIf(NodeOp node) {
  SmallVector<const Array *> inputs = inputsOf(node);
  bool decided = inputs.size() == 1 && inputs[0] && inputs[0]->integers.size() == 1;
  Region *graph = decided ? findGraph(node, inputs[0]->integers[0] ? "then_branch" : "else_branch") : nullptr;
  return graph ? evaluateGraph(*graph, {}) : errorAt(node, "lacks a condition, or a graph for it");
}

/// Tensors of one shape as one with an axis more, the first; of none what the type says.
static std::optional<Array> stack(ArrayRef<Array> parts, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  Extents shape;
  if (!parts.empty()) {
    shape = parts.front().shape;
    shape.insert(shape.begin(), static_cast<int64_t>(parts.size()));
  } else if (tensor && tensor.getRank() > 0) {
    shape.append(tensor.getShape().begin(), tensor.getShape().end());
    llvm::replace(shape, ShapedType::kDynamic, int64_t(0));
    shape.front() = 0;
  }
  Type element = !parts.empty() ? parts.front().element : tensor ? tensor.getElementType() : Type();
  if (!isHeld(element) || !countElements(shape)) {
    return std::nullopt;
  }
  Array whole(element, shape);
  int64_t at = 0;
  for (const Array &part : parts) {
    if (part.shape != parts.front().shape || part.element != element) {
      return std::nullopt;
    }
    for (int64_t i = 0; i < part.size(); ++i) {
      whole.set(at++, part, i);
    }
  }
  return whole;
}

namespace {
/// What the turns of a loop have left.
struct Turns {
  SmallVector<Array> carried;
  /// For each output that is stacked, its parts.
  SmallVector<std::vector<Array>> parts;
};
} // namespace

static llvm::Expected<SmallVector<Array>> finish(NodeOp node, Turns turns) {
  SmallVector<Array> outputs = std::move(turns.carried);
  for (const std::vector<Array> &parts : turns.parts) {
    bool exists = outputs.size() < node.getNumResults();
    std::optional<Array> whole = stack(parts, exists ? node->getResult(outputs.size()).getType() : Type());
    if (!whole && exists) {
      return errorAt(node, "gives parts of unlike shapes in its turns, or of unknown ones in none");
    }
    outputs.push_back(whole.value_or(Array()));
  }
  return outputs;
}

/// Splits what a turn gave into what is carried and what is stacked.
static void keep(Turns &turns, MutableArrayRef<Array> given, size_t carried) {
  turns.carried.assign(std::make_move_iterator(given.begin()), std::make_move_iterator(given.begin() + carried));
  for (auto [parts, part] : llvm::zip(turns.parts, given.drop_front(carried))) {
    parts.push_back(std::move(part));
  }
}

// Inputs: the most turns, whether to begin, what is carried. The body is given the number of the turn, the condition
// and what is carried, and gives a condition, what is carried and parts.
llvm::Expected<SmallVector<Array>> Evaluator::evaluateLoop(NodeOp node) {
  SmallVector<const Array *> inputs = inputsOf(node);
  Region *body = findGraph(node, "body");
  size_t carried = inputs.size() < 2 ? 0 : inputs.size() - 2;
  size_t given = body ? body->front().getTerminator()->getNumOperands() : 0;
  if (inputs.size() < 2 || given < carried + 1 || llvm::is_contained(ArrayRef(inputs).drop_front(2), nullptr)) {
    return errorAt(node, "has a body that does not fit");
  }
  auto first = [](const Array *array, int64_t other) {
    return array && !array->integers.empty() ? array->integers.front() : other;
  };
  int64_t most = first(inputs[0], INT64_MAX), go = first(inputs[1], 1);
  Turns turns;
  turns.parts.resize(given - 1 - carried);
  for (const Array *array : ArrayRef(inputs).drop_front(2)) {
    turns.carried.push_back(*array);
  }
  Builder builder(node.getContext());
  for (int64_t turn = 0; turn < most && go; ++turn) {
    if (turn == kMostTurns) {
      return errorAt(node, "does not end after " + Twine(turn) + " turns");
    }
    Arrays arguments = {Array::scalar(builder.getI64Type(), turn), Array::scalar(builder.getI1Type(), go)};
    arguments.append(turns.carried.begin(), turns.carried.end());
    llvm::Expected<Arrays> outputs = evaluateGraph(*body, std::move(arguments));
    if (!outputs) {
      return outputs;
    }
    go = first(&outputs->front(), 0);
    keep(turns, MutableArrayRef(*outputs).drop_front(), carried);
  }
  return finish(node, std::move(turns));
}

} // namespace fathom::onnx
