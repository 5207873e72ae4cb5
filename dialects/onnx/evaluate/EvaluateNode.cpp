// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One node: its rule, and that what comes out is what the module says.

#include "dialects/onnx/evaluate/Evaluator.h"
#include "dialects/onnx/evaluate/NodeValues.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace fathom::onnx {

static const EvaluateRow *findRow(NodeOp node) {
  return findEvaluateRow(node.getDomain().value_or(""), node.getOpType());
}

bool canEvaluate(NodeOp node) { return findRow(node) != nullptr; }

/// Whether an array is of a type, as far as that says.
static bool fits(const Array &array, Type type) {
  auto tensor = dyn_cast<TensorType>(type);
  if (!tensor || !array.element) {
    return true;
  }
  bool fits = array.element == tensor.getElementType();
  if (tensor.hasRank()) {
    fits = fits && succeeded(verifyCompatibleShape(array.shape, tensor.getShape()));
  }
  return fits;
}

static std::string typeOf(const Array &array) {
  std::string text;
  llvm::raw_string_ostream(text) << RankedTensorType::get(array.shape, array.element);
  return text;
}

llvm::Expected<SmallVector<Array>> evaluateNode(NodeOp node, ArrayRef<const Array *> inputs, Rounding rounding) {
  const EvaluateRow *row = findRow(node);
  if (!row) {
    return errorAt(node, "is of an operator that is not evaluated");
  }
  NodeValues values(node, inputs);
  for (unsigned i = 0; i < row->required; ++i) {
    if (!values.has(i)) {
      return errorAt(node, "lacks input " + Twine(i));
    }
  }
  for (const Array *input : inputs) {
    if (input && input->isSequence() && !row->takesSequences) {
      return errorAt(node, "has a sequence where it wants a tensor");
    }
  }
  if (!row->rule(values)) {
    return errorAt(node, values.fault());
  }
  SmallVector<Array> outputs = values.take();
  for (auto [number, array] : llvm::enumerate(outputs)) {
    Type type = node->getResult(number).getType();
    if (rounding == Rounding::AsTyped || array.isInteger()) {
      array.round();
    }
    if (!fits(array, type)) {
      std::string text;
      llvm::raw_string_ostream(text) << type;
      return errorAt(node, "gives " + typeOf(array) + ", not the " + text + " of its type");
    }
  }
  return outputs;
}

} // namespace fathom::onnx
