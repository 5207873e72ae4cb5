// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk through a graph that evaluates what a value needs, and names of extents.

#include "dialects/onnx/evaluate/Evaluator.h"

#include "dialects/onnx/evaluate/NodeValues.h"

using namespace mlir;

namespace fathom::onnx {

/// What messages call the place of an operation.
static std::string describe(Operation *op) {
  auto name = dyn_cast<NameLoc>(op->getLoc());
  auto node = dyn_cast<NodeOp>(op);
  std::string kind = node ? node.getOpType().str() : op->getName().getStringRef().str();
  return (node ? "node '" : "'") + (name ? name.getName().str() : "?") + "' (" + kind + ")";
}

static llvm::Error makeError(const Twine &what) { return llvm::createStringError(what); }
llvm::Error errorAt(NodeOp node, const Twine &what) { return makeError(describe(node) + ": " + what); }

static ShapeAttr shapeOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? dyn_cast_or_null<ShapeAttr>(type.getEncoding()) : ShapeAttr();
}

/// Calls `visit(name, extent)` for each dynamic extent of a value's type.
template <typename Visit>
static void forEachName(Value value, ArrayRef<int64_t> extents, Visit visit) {
  ShapeAttr shape = shapeOf(value);
  auto type = dyn_cast<RankedTensorType>(value.getType());
  size_t number = 0;
  for (int64_t axis = 0; shape && axis < type.getRank() && axis < static_cast<int64_t>(extents.size()); ++axis) {
    if (type.isDynamicDim(axis) && number < shape.getExtents().size()) {
      visit(shape.getExtents()[number++].getValue(), extents[axis]);
    }
  }
}

void Evaluator::bind(Value value, Array array) {
  forEachName(value, array.shape, [&](StringRef polynomial, int64_t extent) { extents.bind(polynomial, extent); });
  values[value] = std::make_unique<Array>(std::move(array));
}

const Array *Evaluator::find(Value value) const {
  auto found = values.find(value);
  return found == values.end() ? nullptr : found->second.get();
}

/// Whether any operand has to be computed first.
bool Evaluator::pushUnknown(Operation *op, SmallVectorImpl<Value> &pending) {
  size_t before = pending.size();
  for (Value operand : op->getOperands()) {
    if (!isa<NoneType>(operand.getType()) && !isKnown(operand)) {
      pending.push_back(operand);
    }
  }
  return pending.size() > before;
}

llvm::Expected<const Array *> Evaluator::evaluate(Value value) {
  // Graphs are deeper than the stack.
  SmallVector<Value> pending = {value};
  while (!pending.empty()) {
    Value next = pending.back();
    if (isKnown(next)) {
      pending.pop_back();
      continue;
    }
    Operation *op = next.getDefiningOp();
    if (!op) {
      return makeError("argument " + Twine(cast<BlockArgument>(next).getArgNumber()) + " has no value");
    }
    if (pushUnknown(op, pending)) {
      continue;
    }
    if (llvm::Error error = compute(next)) {
      return error;
    }
    if (!isKnown(next)) {
      return makeError(describe(op) + ": does not give output " + Twine(cast<OpResult>(next).getResultNumber()));
    }
  }
  return find(value);
}

llvm::Error Evaluator::compute(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto node = dyn_cast<NodeOp>(op)) {
    return computeNode(node);
  }
  llvm::Expected<Array> array = [&]() -> llvm::Expected<Array> {
    if (auto constant = dyn_cast<ConstantOp>(op)) {
      return readAttribute(constant.getValue());
    }
    if (auto numbers = dyn_cast<ExtentsOp>(op)) {
      return computeExtents(numbers);
    }
    if (auto get = dyn_cast<GetInitializerOp>(op)) {
      return readInitializer(get);
    }
    return makeError("is not evaluated");
  }();
  if (!array) {
    return makeError(describe(op) + ": " + llvm::toString(array.takeError()));
  }
  bind(value, std::move(*array));
  return llvm::Error::success();
}

llvm::Expected<Array> Evaluator::readInitializer(GetInitializerOp op) {
  auto initializer = SymbolTable::lookupNearestSymbolFrom<InitializerOp>(op, op.getInitializerAttr());
  if (!initializer) {
    return makeError("there is no '" + op.getInitializer() + "'");
  }
  if (!read) {
    return makeError("'" + op.getInitializer() + "' is in a file, and files are not at hand");
  }
  return read(initializer);
}

llvm::Expected<Array> Evaluator::computeExtents(ExtentsOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  if (!isHeld(type.getElementType()) || !countElements(type.getShape())) {
    return makeError("is of a type that is not evaluated");
  }
  Array array(type.getElementType(), type.getShape());
  for (auto [number, text] : llvm::zip_equal(array.integers, op.getNumbers().getExtents())) {
    llvm::Expected<int64_t> value = evaluateExtent(text.getValue(), op);
    if (!value) {
      return value.takeError();
    }
    number = wrapTo(array.element, *value);
  }
  return array;
}

/// A value before `near` of whose extents one has the name.
static Value findNamed(StringRef name, Operation *near) {
  Value found;
  auto look = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (type && !found) {
      forEachName(value, type.getShape(), [&](StringRef other, int64_t) { found = other == name ? value : found; });
    }
  };
  for (Operation *op = near; op && op->getBlock() && !found; op = op->getParentOp()) {
    llvm::for_each(op->getBlock()->getArguments(), look);
    for (Operation &other : *op->getBlock()) {
      if (&other == op || found) {
        break;
      }
      llvm::for_each(other.getResults(), look);
    }
  }
  return found;
}

/// Evaluates what tells an extent, if anything does.
llvm::Error Evaluator::findExtent(StringRef name, Operation *near) {
  Value value = near ? findNamed(name, near) : Value();
  llvm::Expected<const Array *> array = value ? evaluate(value) : nullptr;
  return array ? llvm::Error::success() : array.takeError();
}

llvm::Expected<int64_t> Evaluator::evaluateExtent(StringRef polynomial, Operation *near) {
  std::string unknown;
  std::optional<int64_t> value = extents.evaluate(polynomial, unknown);
  while (!value) {
    std::string last = unknown;
    if (llvm::Error error = findExtent(unknown, near)) {
      return error;
    }
    value = extents.evaluate(polynomial, unknown);
    if (!value && unknown == last) {
      return makeError("the extent '" + unknown + "' has no value");
    }
  }
  return *value;
}

SmallVector<const Array *> Evaluator::inputsOf(NodeOp node) const {
  return llvm::map_to_vector(node.getInputs(), [&](Value input) { return find(input); });
}

llvm::Error Evaluator::computeNode(NodeOp node) {
  llvm::Expected<Arrays> outputs = node.is("If")     ? evaluateIf(node)
                                   : node.is("Loop") ? evaluateLoop(node)
                                                     : evaluateNode(node, inputsOf(node), rounding);
  if (!outputs) {
    return outputs.takeError();
  }
  for (auto [result, array] : llvm::zip(node.getOutputs(), *outputs)) {
    // What an operator leaves open has no value, and what was bound stays.
    bool given = array.element || isa<SequenceType>(result.getType());
    if (given && !isKnown(result)) {
      bind(result, std::move(array));
    }
  }
  return llvm::Error::success();
}

} // namespace fathom::onnx
