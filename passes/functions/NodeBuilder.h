// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A node with the tensors that it takes, as the decomposition of its operator sees it. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_NODEBUILDER_H
#define FATHOM_PASSES_FUNCTIONS_NODEBUILDER_H

#include "passes/support/StructuredBuilder.h"

#include "dialects/onnx/Onnx.h"

#include "llvm/ADT/DenseMap.h"

#include <optional>

namespace fathom {

/// Builds what a node is in structured ops. Tensors are those of its values without names of extents and without signs:
/// what is natural, types of the node say. Floats of 16 bits are computed as f32.
class NodeBuilder : public StructuredBuilder {
public:
  using Type = mlir::Type;
  using Integers = llvm::SmallVector<int64_t>;

  /// Sizes that are told before anything is computed: by tensor and axis.
  using ToldSizes = llvm::DenseMap<std::pair<Value, int64_t>, Value>;

  /// An input that is left out is null; in the place of a sequence are its tensors.
  NodeBuilder(mlir::OpBuilder &builder, onnx::NodeOp node, ValueRange inputs, const ToldSizes &told)
      : StructuredBuilder(builder, node.getLoc()), node(node), inputs(inputs), told(told) {}

  onnx::NodeOp op() const { return node; }
  int64_t opset() const { return static_cast<int64_t>(op().getOpset()); }

  size_t inputCount() const { return inputs.size(); }
  ValueRange all() const { return inputs; }
  bool has(size_t input) const { return input < inputs.size() && inputs[input]; }
  Value in(size_t input) const { return inputs[input]; }
  int64_t rank(size_t input) const { return rankOf(in(input)); }
  static int64_t rankOf(Value tensor) { return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getRank(); }
  /// What the module says elements are, with signs; null: the node has no such output.
  Type elementOf(size_t input) const { return mlir::getElementTypeOrSelf(op().getInputs()[input].getType()); }
  Type resultElement(size_t output) const;
  bool isNatural(size_t input) const { return elementOf(input).isUnsignedInteger(); }
  bool isReal(size_t input) const { return mlir::isa<mlir::FloatType>(elementOf(input)); }
  /// What numbers of a type are computed as.
  Type computed(Type element) const;

  int64_t integer(llvm::StringRef name, int64_t other) const { return op().getInteger(name, other); }
  double number(llvm::StringRef name, double other) const { return op().getReal(name, other); }
  llvm::StringRef string(llvm::StringRef name, llvm::StringRef other) const;
  std::optional<Integers> attribute(llvm::StringRef name) const;
  /// The integers of an input, where they are known while compiling.
  std::optional<Integers> known(size_t input) const;
  /// A list that newer opsets have as input `input` and older ones as an attribute: as indices, or where it has to be
  /// known while compiling. Nothing where it is not given, or after `fail`.
  std::optional<Values> list(llvm::StringRef name, size_t input);
  std::optional<Integers> knownList(llvm::StringRef name, size_t input);
  /// The elements of a list, as indices. Nothing after `fail`: how many there are depends on data.
  std::optional<Values> indicesOf(Value tensor);
  /// An axis counted from either end; nothing after `fail`.
  std::optional<int64_t> axis(int64_t given, int64_t rank);

  /// For each axis of `rank` whether it is among these, which are counted from either end; a call ends with a message
  /// if one is beyond.
  Values areAmong(ValueRange axes, int64_t rank);

  /// A constant of a type of numbers.
  Value constant(Type type, double value);
  Value zero(Type type) { return constant(type, 0); }
  Value less(Value a, Value b, bool natural = false);
  Value isNot(Value condition) { return create<arith::XOrIOp>(condition, constant(builder.getI1Type(), 1)); }
  Value isNaN(Value a) { return create<arith::CmpFOp>(arith::CmpFPredicate::UNO, a, a); }
  /// A number as one of another type, as Cast does: floats are cut off, and end where the type's range does.
  Value convert(Value number, Type from, Type to);
  /// One of two numbers, of which the other is not computed.
  Value choose(Value condition, llvm::function_ref<Value()> yes, llvm::function_ref<Value()> no);

  /// The number that an index is known to be, and dynamic otherwise; one that no size can be is not.
  static int64_t knownSize(Value size);
  /// The size of a dimension as what made the tensor has it, so that sizes which are the same are one value, and are
  /// neither compared nor chosen from.
  Value size(Value tensor, int64_t dimension);
  Values sizesOf(Value tensor);
  /// Of all sizes from `from` on, before `to`.
  Value product(ValueRange sizes) {
    Value all = index(1);
    for (Value size : sizes) {
      all = multiply(all, size);
    }
    return all;
  }
  /// What sizes broadcast to; calls end with a message where they do not.
  Values broadcast(llvm::ArrayRef<Values> sizes);
  /// The element of `tensor` that is broadcast to one of `sizes` at `indices`.
  Value atBroadcast(Value tensor, ValueRange sizes, ValueRange indices);

  /// A tensor of `element`, a type of the node or of numbers, whose numbers `fill` computes from indices.
  Value make(Type element, ValueRange sizes, llvm::function_ref<Value(ValueRange)> fill);
  /// The same as output of the node.
  bool giveMade(Type element, ValueRange sizes, llvm::function_ref<Value(ValueRange)> fill) {
    return give(make(element, sizes, fill));
  }
  /// Not initialized.
  Value makeEmpty(Type element, ValueRange sizes);
  /// The elements in their order, in another shape of as many, which is checked.
  Value reshape(Value tensor, ValueRange sizes);
  /// The same as [outer, length, inner] along an axis.
  Value asRows(Value tensor, int64_t axis);
  /// A tensor of 16 bits as f32.
  Value toComputed(Value tensor);

  /// Loops over all places of `sizes`, the last axis innermost; `body` makes of what is carried the next.
  Value forEachPlace(llvm::ArrayRef<Value> sizes, Value carried,
                     llvm::function_ref<Value(ValueRange place, Value carried)> body);

  /// An index counted from either end of `extent`, as one from the front; a call ends with a message if it is beyond.
  Value checkedIndex(Value given, Value extent);
  /// Ends a call with a message where `condition` is false.
  void check(Value condition, const llvm::Twine &message);
  void checkEqual(Value a, Value b, const llvm::Twine &message) { check(isSame(a, b), message); }
  Value isSame(Value a, Value b) { return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, a, b); }

  /// Adds an output; true.
  bool give(Value tensor) {
    outputs.push_back(tensor);
    return true;
  }
  /// Says why the node has no decomposition; false.
  bool fail(const llvm::Twine &why) {
    fault = fault.empty() ? why.str() : fault;
    return false;
  }
  const std::string &getFault() const { return fault; }
  llvm::ArrayRef<Value> results() const { return outputs; }

private:
  Value loopInside(llvm::ArrayRef<Value> sizes, Value carried, Values &place,
                   llvm::function_ref<Value(ValueRange, Value)> body);

  mutable onnx::NodeOp node;
  Values inputs;
  const ToldSizes &told;
  Values outputs;
  std::string fault;
};

/// Whether elements are numbers of 4 or floats of 8 bits, each a byte of code: nodes move and convert them.
bool isNarrow(mlir::Type element);
/// `type` without names of extents and signs of integers.
mlir::Type convertTensorType(mlir::Type type);
/// `value` as one of `type`, whose sizes are checked where they are not known; null: they cannot be.
mlir::Value conform(StructuredBuilder &b, mlir::Value value, mlir::Type type, llvm::StringRef what);
/// "node 'name' (MatMul)".
std::string describe(onnx::NodeOp node);

/// Builds the outputs of a node; false after `fail`.
using DecomposeRule = bool (*)(NodeBuilder &);

struct DecomposeRow {
  llvm::StringRef domain;
  llvm::StringRef op;
  DecomposeRule rule;
  /// Inputs that may not be left out.
  unsigned required = 1;
};

/// The row of an operator; NULL where there is none.
const DecomposeRow *findDecomposeRow(llvm::StringRef domain, llvm::StringRef op);

/// Tables of rules, as dialects/onnx/evaluate has them.
llvm::ArrayRef<DecomposeRow> decomposeUnaryRows();
llvm::ArrayRef<DecomposeRow> decomposeElementwiseRows();
llvm::ArrayRef<DecomposeRow> decomposeCreationRows();
llvm::ArrayRef<DecomposeRow> decomposeShapeRows();
llvm::ArrayRef<DecomposeRow> decomposeIndexRows();
llvm::ArrayRef<DecomposeRow> decomposeReduceRows();
llvm::ArrayRef<DecomposeRow> decomposeAlongAxisRows();
llvm::ArrayRef<DecomposeRow> decomposeProductRows();
llvm::ArrayRef<DecomposeRow> decomposeNormRows();
llvm::ArrayRef<DecomposeRow> decomposeQuantizeRows();
llvm::ArrayRef<DecomposeRow> decomposeAttentionRows();
llvm::ArrayRef<DecomposeRow> decomposeGroupQueryRows();
llvm::ArrayRef<DecomposeRow> decomposeRotaryRows();
llvm::ArrayRef<DecomposeRow> decomposeExpertRows();
llvm::ArrayRef<DecomposeRow> decomposePackedRows();
llvm::ArrayRef<DecomposeRow> decomposeRowRows();
llvm::ArrayRef<DecomposeRow> decomposeSequenceRows();

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_NODEBUILDER_H
