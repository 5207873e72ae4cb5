// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is known of the values of an ONNX graph, and a node as the rules of its operator see it.

#ifndef FATHOM_FRONTEND_ONNX_NODESHAPES_H
#define FATHOM_FRONTEND_ONNX_NODESHAPES_H

#include "frontend/onnx/Extent.h"
#include "frontend/onnx/Model.h"

namespace fathom::onnx {

using Shape = std::vector<Extent>;

/// What is known of a value before anything runs.
struct Value {
  explicit Value(int32_t element = 0, std::optional<Shape> shape = std::nullopt,
                 std::optional<Shape> contents = std::nullopt)
      : element(element), shape(std::move(shape)), contents(std::move(contents)) {}

  /// A number of TensorProto.DataType; 0: unknown.
  int32_t element;
  /// Nothing where not even the rank is known.
  std::optional<Shape> shape;
  /// The numbers of a small tensor of integers or bools, row by row, where they follow from shapes and constants.
  std::optional<Shape> contents;
  /// A sequence of such tensors; `contents` is then empty.
  bool isSequence = false;

  bool operator==(const Value &other) const {
    return element == other.element && shape == other.shape && contents == other.contents &&
           isSequence == other.isSequence;
  }
};

/// "float[batch,64]"; "?" for what is not known.
std::string describe(const Value &value, const Symbols &symbols);

/// The numbers of a tensor of integers or bools that the message has, and a number of f32 that is an integer; nothing
/// of any other.
std::optional<std::vector<int64_t>> readIntegers(const proto::TensorProto &tensor);

/// Of which `contents` are followed.
constexpr int64_t kMostContents = 64;
/// Dimensions of what a node gives: gathers by what was gathered double them.
constexpr size_t kMostRank = 32;

/// A node and what it takes, for the rule that says what it gives.
class NodeShapes {
public:
  NodeShapes(const proto::NodeProto &proto, int64_t opset, std::vector<const Value *> inputs, Symbols &symbols)
      : node(proto), version(opset), inputs(std::move(inputs)), symbols(symbols), results(proto.output_size()) {}

  const proto::NodeProto &proto() const { return node; }
  int64_t opset() const { return version; }

  size_t inputCount() const { return inputs.size(); }
  bool has(size_t input) const { return input < inputs.size() && inputs[input]; }
  /// An input; one that is left out is of unknown type and shape.
  const Value &in(size_t input) const;
  bool ranked(size_t input) const { return in(input).shape.has_value(); }
  int64_t rank(size_t input) const { return static_cast<int64_t>(in(input).shape->size()); }
  const Extent &extent(size_t input, int64_t axis) const { return (*in(input).shape)[axis]; }
  /// The numbers of an input where all are constants.
  std::optional<std::vector<int64_t>> integers(size_t input) const;

  const proto::AttributeProto *attribute(llvm::StringRef name) const;
  int64_t integer(llvm::StringRef name, int64_t other) const;
  llvm::StringRef string(llvm::StringRef name, llvm::StringRef other) const;
  /// A list that newer opsets have as input `input` and older ones as an attribute; nothing where it is not given or,
  /// of an input, not known: `isGiven` tells these apart.
  std::optional<std::vector<int64_t>> list(llvm::StringRef name, size_t input, bool *isGiven = nullptr) const;

  size_t outputCount() const { return results.size(); }
  const std::vector<Value> &outputs() const { return results; }
  /// Sets an output, if the node has it; false after a finding about the shape. Of `contents` those are kept that are
  /// few, and one for each element.
  bool give(size_t output, int32_t element, std::optional<Shape> shape, std::optional<Shape> contents = std::nullopt);
  /// Sets output 0 to a sequence of such tensors.
  bool giveSequence(int32_t element, std::optional<Shape> shape);

  /// An axis counted from either end; a finding beyond [-rank, rank).
  std::optional<int64_t> axis(int64_t given, int64_t rank);
  /// An extent of which nothing is known.
  Extent unknown() { return Extent::symbol(symbols.fresh()); }
  /// What a sum, product or quotient comes to, or an extent of which nothing is known.
  Extent orUnknown(std::optional<Extent> extent) { return extent ? *extent : unknown(); }
  /// Extents that one broadcasts to the other's; a finding where they cannot.
  std::optional<Shape> broadcast(llvm::ArrayRef<Extent> a, llvm::ArrayRef<Extent> b);

  /// A finding where inputs `a` and `b` are known to be of types that differ; then false.
  bool checkTypes(size_t a, size_t b);

  /// Says what is wrong with the node; false.
  bool fail(const llvm::Twine &message);
  const std::string &fault() const { return message; }
  std::string describe(const Value &value) const { return onnx::describe(value, symbols); }

private:
  const proto::NodeProto &node;
  int64_t version;
  std::vector<const Value *> inputs;
  Symbols &symbols;
  std::vector<Value> results;
  std::string message;
};

/// Says what a node gives, by its operator; false after a finding. Outputs that it does not set are unknown.
using ShapeRule = bool (*)(NodeShapes &);

struct ShapeRuleRow {
  llvm::StringRef domain;
  llvm::StringRef op;
  ShapeRule rule;
  /// How many of its inputs, the first, no node may leave out in any opset that is read.
  size_t inputs = 1;
};
/// The row of an operator; NULL where Fathom does not know it.
const ShapeRuleRow *findShapeRule(llvm::StringRef domain, llvm::StringRef op);

/// Tables of rules, by what operators have in common.
llvm::ArrayRef<ShapeRuleRow> elementwiseRules();
llvm::ArrayRef<ShapeRuleRow> creationRules();
llvm::ArrayRef<ShapeRuleRow> shapeRules();
llvm::ArrayRef<ShapeRuleRow> indexRules();
llvm::ArrayRef<ShapeRuleRow> productRules();
llvm::ArrayRef<ShapeRuleRow> fusedRules();

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_NODESHAPES_H
