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
GraphConverter::Values GraphConverter::convertLoop(onnx::NodeOp node, ValueRange inputs) {
  NodeBuilder b(builder, node, inputs);
  Region *body = findGraph(node, "body");
  size_t carried = inputs.size() < 2 ? 0 : inputs.size() - 2;
  size_t given = body ? body->front().getTerminator()->getNumOperands() : 0;
  bool fits = inputs.size() >= 2 && given >= carried + 1 && body->front().getNumArguments() == carried + 2 &&
              (!inputs[0] || isSingle(inputs[0])) && (!inputs[1] || isSingle(inputs[1])) &&
              node->getNumResults() == given - 1 && !llvm::is_contained(inputs.drop_front(2), Value());
  // The turn and the condition, what is carried, and stacks of parts.
  Values first = {b.index(0), b.constant(builder.getI1Type(), 1)};
  SmallVector<Type> types = {first[0].getType(), first[1].getType()};
  for (size_t i = 0; fits && i < given - 1; ++i) {
    Type type = i < carried ? convertTensorType(body->front().getArgument(static_cast<unsigned>(i + 2)).getType())
                            : Type(stackType(node->getResult(i).getType()));
    Value start = !type         ? Value()
                  : i < carried ? conform(b, inputs[i + 2], type, describe(node))
                                : makeStack(b, cast<RankedTensorType>(type));
    fits = start != nullptr;
    types.push_back(type);
    first.push_back(start);
  }
  if (!fits) {
    miss(node, "a body that does not fit");
    return {};
  }
  first[1] = inputs[1] ? numberOf(b, inputs[1]) : first[1];
  Value most = inputs[0] ? b.toIndex(numberOf(b, inputs[0])) : b.index(kMostTurns);
  bool whole = true;
  auto loop = scf::WhileOp::create(
      builder, node.getLoc(), types, first,
      [&](OpBuilder &, Location loc, ValueRange state) {
        Value goes = b.both(state[1], b.less(state[0], most));
        b.check(b.either(b.isNot(goes), b.less(state[0], b.index(kMostTurns))), "does not end");
        scf::ConditionOp::create(builder, loc, goes, state);
      },
      [&](OpBuilder &, Location loc, ValueRange state) {
        auto scalar = [&](Value number, Type type) {
          return Value(b.create<tensor::FromElementsOp>(RankedTensorType::get({}, type), number));
        };
        Type i64 = builder.getI64Type();
        Values arguments = {scalar(b.create<arith::IndexCastOp>(i64, state[0]), i64),
                            scalar(state[1], builder.getI1Type())};
        for (auto [i, argument] : llvm::enumerate(MutableArrayRef(arguments))) {
          Type type = convertTensorType(body->front().getArgument(static_cast<unsigned>(i)).getType());
          argument = cast<RankedTensorType>(type).getRank() == 0 ? argument : b.reshape(argument, b.index(1));
        }
        llvm::append_range(arguments, state.slice(2, carried));
        SmallVector<Type> outputTypes = {Type()};
        llvm::append_range(outputTypes, ArrayRef(types).slice(2, carried));
        outputTypes.append(given - 1 - carried, Type());
        Values outputs = convertGraph(*body, arguments, outputTypes), next = {b.add(state[0], 1)};
        whole = outputs.size() == given;
        for (size_t i = 0; whole && i < given; ++i) {
          Value stack = i > carried ? state[i + 1] : Value();
          next.push_back(i == 0  ? numberOf(b, outputs[0])
                         : stack ? conform(b, append(b, stack, outputs[i], state[0]), stack.getType(), describe(node))
                                 : outputs[i]);
        }
        scf::YieldOp::create(builder, loc, whole ? ValueRange(next) : state);
      });
  return whole ? Values(loop.getResults().drop_front(2)) : Values();
}

} // namespace fathom
