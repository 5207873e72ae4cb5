// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A node with the tensors that it takes, as the rule of its operator sees it.

#ifndef FATHOM_DIALECTS_ONNX_EVALUATE_NODEVALUES_H
#define FATHOM_DIALECTS_ONNX_EVALUATE_NODEVALUES_H

#include "dialects/onnx/Onnx.h"
#include "dialects/onnx/evaluate/Array.h"
#include "dialects/onnx/evaluate/Places.h"

namespace fathom::onnx {

class NodeValues {
public:
  /// An input that is left out is NULL.
  NodeValues(NodeOp node, llvm::ArrayRef<const Array *> inputs)
      : node(node), inputs(inputs.begin(), inputs.end()), results(std::max(node.getNumResults(), kMostOptional)) {}

  NodeOp op() const { return node; }
  int64_t opset() const { return static_cast<int64_t>(op().getOpset()); }

  size_t inputCount() const { return inputs.size(); }
  bool has(size_t input) const { return input < inputs.size() && inputs[input]; }
  /// An input; one that is left out is an empty sequence.
  const Array &in(size_t input) const;
  /// A finding where there is no input, or its rank is not `rank`.
  bool expectRank(size_t input, int64_t rank);

  int64_t integer(llvm::StringRef name, int64_t other) const { return op().getInteger(name, other); }
  double real(llvm::StringRef name, double other) const { return op().getReal(name, other); }
  std::string string(llvm::StringRef name, llvm::StringRef other) const;
  std::optional<Extents> attribute(llvm::StringRef name) const;
  /// A list that newer opsets have as input `input` and older ones as an attribute; nothing where it is not given.
  std::optional<Extents> list(llvm::StringRef name, size_t input) const;
  /// The number that an input is, or `other` where it is left out.
  double number(size_t input, double other) const;
  int64_t whole(size_t input, int64_t other) const;

  /// An input's indices, counted from the front; a finding beyond [-extent, extent).
  std::optional<Extents> indices(size_t input, int64_t extent);

  size_t outputCount() const { return op()->getNumResults(); }
  /// The type of elements that the module says of an output; `other` where it says none.
  mlir::Type elementOf(size_t output, mlir::Type other) const;
  /// Zeros for an output, to be set, whether the node has it or not. NULL after a finding.
  Array *make(size_t output, mlir::Type element, llvm::ArrayRef<int64_t> shape);
  /// The same of a tensor in between; nothing after a finding.
  std::optional<Array> makeInner(mlir::Type element, llvm::ArrayRef<int64_t> shape);
  bool give(size_t output, Array array);
  /// What was made for an output or given.
  Array &made(size_t output) { return results[output]; }
  /// Gives output 0 the elements of `from` that `choose(place)` says; -1: zero, or an empty string.
  template <typename Choose>
  bool pick(const Array &from, llvm::ArrayRef<int64_t> shape, Choose choose);

  /// An axis counted from either end; a finding beyond [-rank, rank).
  std::optional<int64_t> axis(int64_t given, int64_t rank);
  /// Says what is wrong with the node; false.
  bool fail(const llvm::Twine &message);
  const std::string &fault() const { return message; }
  llvm::SmallVector<Array> take() {
    results.truncate(outputCount());
    return std::move(results);
  }

private:
  /// Outputs that rules make although nodes may lack them.
  static constexpr unsigned kMostOptional = 4;

  mutable NodeOp node;
  llvm::SmallVector<const Array *> inputs;
  llvm::SmallVector<Array> results;
  std::string message;
};

/// Computes what a node gives; false after a finding. What it computes in f64 is rounded once, afterwards.
using EvaluateRule = bool (*)(NodeValues &);

struct EvaluateRow {
  llvm::StringRef domain;
  llvm::StringRef op;
  EvaluateRule rule;
  /// Inputs that may not be left out.
  unsigned required = 1;
  bool takesSequences = false;
};

/// The row of an operator; NULL where the evaluator does not know it.
const EvaluateRow *findEvaluateRow(llvm::StringRef domain, llvm::StringRef op);

/// Tables of rules, by what operators have in common; the frontend's rules about shapes have the same.
llvm::ArrayRef<EvaluateRow> alongAxisRows();
llvm::ArrayRef<EvaluateRow> unaryRows();
llvm::ArrayRef<EvaluateRow> elementwiseRows();
llvm::ArrayRef<EvaluateRow> creationRows();
llvm::ArrayRef<EvaluateRow> shapeRows();
llvm::ArrayRef<EvaluateRow> indexRows();
llvm::ArrayRef<EvaluateRow> sequenceRows();
llvm::ArrayRef<EvaluateRow> productRows();
llvm::ArrayRef<EvaluateRow> reduceRows();
llvm::ArrayRef<EvaluateRow> normRows();
llvm::ArrayRef<EvaluateRow> quantizeRows();
llvm::ArrayRef<EvaluateRow> expertRows();
llvm::ArrayRef<EvaluateRow> rotaryRows();
llvm::ArrayRef<EvaluateRow> attentionRows();
llvm::ArrayRef<EvaluateRow> groupQueryRows();
llvm::ArrayRef<EvaluateRow> raisedRows();
llvm::ArrayRef<EvaluateRow> raisedExpertRows();

template <typename Choose>
bool NodeValues::pick(const Array &from, llvm::ArrayRef<int64_t> shape, Choose choose) {
  Array *to = make(0, from.element, shape);
  int64_t at = 0;
  if (to) {
    forEachPlace(shape, [&](llvm::ArrayRef<int64_t> place) {
      int64_t chosen = choose(place);
      chosen < 0 ? void() : to->set(at, from, chosen);
      ++at;
    });
  }
  return to != nullptr;
}

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_EVALUATE_NODEVALUES_H
