// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nodes with graphs: branches and loops.

#include "passes/functions/GraphConverter.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace fathom {

using Values = StructuredBuilder::Values;

/// Of a loop that nothing ends.
static constexpr int64_t kMostTurns = 1 << 24;

Region *GraphConverter::findGraph(onnx::NodeOp node, StringRef name) {
  for (auto [number, other] : llvm::enumerate(node.getGraphNames().value_or(ArrayAttr()))) {
    if (cast<StringAttr>(other).getValue() == name) {
      return &node.getGraphs()[number];
    }
  }
  return nullptr;
}

GraphConverter::Values GraphConverter::convertGraph(Region &graph, ValueRange arguments, TypeRange types) {
  Extents outside = extents;
  for (auto [argument, value] : llvm::zip(graph.front().getArguments(), arguments)) {
    bind(argument, value);
  }
  convertBlock(graph.front());
  extents = std::move(outside);
  auto node = cast<onnx::NodeOp>(graph.getParentOp());
  StructuredBuilder b(builder, node.getLoc());
  Values outputs;
  for (auto [output, type] : llvm::zip(graph.front().getTerminator()->getOperands(), types)) {
    Value tensor = get(output);
    tensor = tensor && type ? conform(b, tensor, type, describe(node)) : tensor;
    if (!tensor) {
      return {};
    }
    outputs.push_back(tensor);
  }
  return outputs;
}

/// The one number of a tensor.
static Value numberOf(StructuredBuilder &b, Value tensor) {
  return b.at(tensor, Values(NodeBuilder::rankOf(tensor), b.index(0)));
}

static bool isSingle(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.hasStaticShape() && type.getNumElements() == 1;
}

GraphConverter::Values GraphConverter::convertIf(onnx::NodeOp node, ValueRange inputs) {
  StructuredBuilder b(builder, node.getLoc());
  SmallVector<Type> types = llvm::map_to_vector(node->getResultTypes(), convertTensorType);
  Region *yes = findGraph(node, "then_branch"), *no = findGraph(node, "else_branch");
  if (inputs.size() != 1 || !inputs[0] || !isSingle(inputs[0]) || !yes || !no || llvm::is_contained(types, Type())) {
    miss(node, "a condition or graphs that do not fit");
    return {};
  }
  auto choice = scf::IfOp::create(builder, node.getLoc(), types, numberOf(b, inputs[0]), /*withElseRegion=*/true);
  bool whole = true;
  for (auto [region, graph] : {std::pair(&choice.getThenRegion(), yes), {&choice.getElseRegion(), no}}) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&region->front());
    Values outputs = convertGraph(*graph, {}, types);
    whole = whole && outputs.size() == types.size();
    whole ? void(scf::YieldOp::create(builder, node.getLoc(), outputs)) : void();
  }
  if (!whole) {
    // Reported where it was found; nothing may be left of half a branch.
    return {};
  }
  return Values(choice.getResults());
}

/// `stack` with one part more, behind `count` others that have its sizes.
static Value append(NodeBuilder &b, Value stack, Value part, Value count) {
  Values sizes = b.sizesOf(part);
  for (auto [i, size] : llvm::enumerate(sizes)) {
    Value same = b.isSame(size, b.size(stack, static_cast<int64_t>(i) + 1));
    b.check(b.either(same, b.isSame(count, b.index(0))), "gives parts of unlike shapes in its turns");
  }
  sizes.insert(sizes.begin(), b.add(count, 1));
  return b.make(getElementTypeOrSelf(part.getType()), sizes, [&](ValueRange i) {
    return b.choose(b.less(i[0], count), [&] { return b.at(stack, i); }, [&] { return b.at(part, i.drop_front()); });
  });
}

/// A stack of no parts; sizes that the type does not know are 0 then.
static Value makeStack(NodeBuilder &b, RankedTensorType type) {
  Values sizes;
  for (int64_t size : type.getShape().drop_front()) {
    sizes.push_back(ShapedType::isDynamic(size) ? b.index(0) : b.index(size));
  }
  sizes.insert(sizes.begin(), b.index(0));
  Value none = b.makeEmpty(type.getElementType(), sizes);
  return b.create<tensor::CastOp>(type, none);
}

static RankedTensorType stackType(Type type) {
  auto tensor = dyn_cast_or_null<RankedTensorType>(convertTensorType(type));
  if (!tensor || tensor.getRank() == 0) {
    return {};
  }
  SmallVector<int64_t> shape(tensor.getShape());
  shape[0] = ShapedType::kDynamic;
  return tensor.clone(shape);
}

// Inputs: the most turns, whether to begin, what is carried. The body is given the number of the turn, the condition
// and what is carried, and gives a condition, what is carried and parts.
std::optional<GraphConverter::LoopState> GraphConverter::startLoop(NodeBuilder &b) {
  LoopState loop = {findGraph(b.op(), "body"), b.inputCount() < 2 ? 0 : b.inputCount() - 2, {}, {}};
  size_t given = loop.body ? loop.body->front().getTerminator()->getNumOperands() : 0;
  auto isChoice = [&](size_t input) { return !b.has(input) || isSingle(b.in(input)); };
  if (b.inputCount() < 2 || !isChoice(0) || !isChoice(1) || given < loop.carried + 1 ||
      loop.body->front().getNumArguments() != loop.carried + 2 || b.op()->getNumResults() != given - 1) {
    return std::nullopt;
  }
  Value begins = b.has(1) ? numberOf(b, b.in(1)) : b.constant(builder.getI1Type(), 1);
  loop.first = {b.index(0), begins};
  for (size_t i = 0; i < given - 1; ++i) {
    bool isCarried = i < loop.carried;
    Type type = isCarried ? convertTensorType(loop.body->front().getArgument(static_cast<unsigned>(i + 2)).getType())
                          : Type(stackType(b.op()->getResult(i).getType()));
    if (!type || (isCarried && !b.has(i + 2))) {
      return std::nullopt;
    }
    loop.first.push_back(isCarried ? conform(b, b.in(i + 2), type, describe(b.op()))
                                   : makeStack(b, cast<RankedTensorType>(type)));
  }
  loop.types = llvm::map_to_vector(loop.first, [](Value value) { return value ? value.getType() : Type(); });
  return llvm::is_contained(loop.first, Value()) ? std::nullopt : std::optional(loop);
}

/// The number of the turn and the condition, as tensors of the types that the body has for them.
static Values giveCounters(NodeBuilder &b, Block &body, ValueRange state) {
  Value turn = b.create<arith::IndexCastOp>(b.builder.getI64Type(), state[0]);
  Values counters;
  Value numbers[] = {turn, state[1]};
  for (auto [number, argument] : llvm::zip(numbers, body.getArguments())) {
    Value tensor = b.create<tensor::FromElementsOp>(RankedTensorType::get({}, number.getType()), number);
    bool isNumber = cast<RankedTensorType>(argument.getType()).getRank() == 0;
    counters.push_back(isNumber ? tensor : b.reshape(tensor, b.index(1)));
  }
  return counters;
}

/// The state after a turn; none if a node of the body is unknown.
GraphConverter::Values GraphConverter::turnLoop(NodeBuilder &b, const LoopState &loop, ValueRange state) {
  Values arguments = giveCounters(b, loop.body->front(), state);
  llvm::append_range(arguments, state.slice(2, loop.carried));
  size_t stacks = state.size() - 2 - loop.carried;
  SmallVector<Type> types = {Type()};
  llvm::append_range(types, ArrayRef(loop.types).slice(2, loop.carried));
  types.append(stacks, Type());
  Values outputs = convertGraph(*loop.body, arguments, types);
  if (outputs.size() != types.size()) {
    return {};
  }
  Values next = {b.add(state[0], 1), numberOf(b, outputs.front())};
  llvm::append_range(next, ArrayRef<Value>(outputs).slice(1, loop.carried));
  for (auto [stack, part] : llvm::zip_equal(state.take_back(stacks), ArrayRef<Value>(outputs).take_back(stacks))) {
    next.push_back(conform(b, append(b, stack, part, state[0]), stack.getType(), describe(b.op())));
  }
  // Parts of another type than the graph says.
  return llvm::is_contained(next, Value()) ? Values() : next;
}

GraphConverter::Values GraphConverter::convertLoop(onnx::NodeOp node, ValueRange inputs) {
  NodeBuilder b(builder, node, inputs, told);
  std::optional<LoopState> start = startLoop(b);
  if (!start) {
    miss(node, "a body that does not fit");
    return {};
  }
  Value most = b.has(0) ? b.toIndex(numberOf(b, b.in(0))) : b.index(kMostTurns);
  bool isKnown = true;
  auto loop = scf::WhileOp::create(
      builder, node.getLoc(), start->types, start->first,
      [&](OpBuilder &, Location loc, ValueRange state) {
        Value goes = b.both(state[1], b.less(state[0], most));
        b.check(b.either(b.isNot(goes), b.less(state[0], b.index(kMostTurns))), "does not end");
        scf::ConditionOp::create(builder, loc, goes, state);
      },
      [&](OpBuilder &, Location loc, ValueRange state) {
        Values next = turnLoop(b, *start, state);
        isKnown = !next.empty();
        scf::YieldOp::create(builder, loc, isKnown ? ValueRange(next) : state);
      });
  return isKnown ? Values(loop.getResults().drop_front(2)) : Values();
}

} // namespace fathom
