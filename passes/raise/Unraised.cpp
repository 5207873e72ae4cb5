// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What to say about a graph that is not raised.

#include "passes/raise/Unraised.h"

#include "passes/raise/Nodes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "llvm/ADT/SetVector.h"

#include <map>

using namespace mlir;

namespace fathom::raise {

using onnx::NodeOp;

namespace {
/// What nodes of an operator are compared with, by the forms that a model's parts have.
struct Comparison {
  StringLiteral op;
  StringLiteral forms;
};
} // namespace

static constexpr Comparison kComparisons[] = {
    {"Add", "a sum of rows, a bias, x · cos + turned(x) · sin, and scores + mask"},
    {"Attention", "attention whose mask hides what is later, each time"},
    {"CausalAttention", "heads of queries, keys and values that are columns of rows"},
    {"Concat", "columns side by side, and a past before the positions of the call"},
    {"Div", "x / Sqrt(ReduceMean(x · x) + eps)"},
    {"Gather", "rows of an embedding by token ids"},
    {"MatMul", "rows by a matrix that is constant, and Softmax(scale · Q Kᵀ + mask) V"},
    {"Mul", "x · Reciprocal(Sqrt(ReduceMean(x · x) + eps)) · weight, gate · Sigmoid(gate) · up, and rotations"},
    {"Pow", "x · x of a mean square"},
    {"ReduceMean", "the mean square over the last dimension"},
    {"RMSNormalization", "norms of rows, and of heads"},
    {"Reshape", "dimensions of rows that are split or joined"},
    {"Rotate", "heads that are turned by tables of the position, at frequencies"},
    {"Sigmoid", "gate · Sigmoid(gate) · up"},
    {"Softmax", "Softmax(scale · Q Kᵀ + mask) V over the last dimension"},
};

static StringRef findForms(NodeOp node) {
  auto found = llvm::find_if(kComparisons, [&](const Comparison &row) { return node.getOpType() == row.op; });
  return found == std::end(kComparisons) ? StringRef() : StringRef(found->forms);
}

/// Nodes that `value` follows from and that have no view, though all that they take from rows has.
static SmallVector<NodeOp> findFirst(Value value, const GraphModel &model) {
  SetVector<Operation *> seen;
  SmallVector<NodeOp> first;
  auto visit = [&](Value operand) {
    if (Operation *op = operand.getDefiningOp(); op && !model.findPieces(operand)) {
      seen.insert(op);
    }
  };
  visit(value);
  for (size_t i = 0; i < seen.size(); ++i) {
    auto node = dyn_cast<NodeOp>(seen[i]);
    if (!node) {
      continue;
    }
    if (llvm::any_of(node.getInputs(), [&](Value input) { return model.findPieces(input); })) {
      first.push_back(node);
    }
    llvm::for_each(node.getInputs(), visit);
  }
  return first;
}

/// What a node or the graph calls it; empty where it has no name.
static StringRef findName(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    auto name =
        function ? function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), onnx::kNameAttr) : StringAttr();
    return name ? name.getValue() : StringRef();
  }
  auto name = value.getDefiningOp<NodeOp>() ? dyn_cast<NameLoc>(value.getLoc()) : NameLoc();
  return name ? name.getName().getValue() : StringRef();
}

std::string describe(Value value) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto node = value.getDefiningOp<NodeOp>();
  StringRef name = findName(value);
  stream << (node ? node.getOpType() : isa<BlockArgument>(value) ? StringRef("input") : StringRef("a constant"));
  if (!name.empty()) {
    stream << " '" << name << "'";
  }
  if (auto type = dyn_cast<RankedTensorType>(value.getType())) {
    stream << " [";
    llvm::interleaveComma(llvm::seq(type.getRank()), stream, [&](int64_t dim) {
      type.isDynamicDim(dim) ? stream << getExtentName(value, dim) : stream << type.getDimSize(dim);
    });
    stream << "]";
  }
  return text;
}

static std::string describeInputs(NodeOp node) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::interleave(
      llvm::make_filter_range(node.getInputs(), [](Value input) { return !isa<NoneType>(input.getType()); }), stream,
      [&](Value input) { stream << describe(input); }, " and ");
  return text;
}

/// Why a node is left, where that is known.
static StringRef explain(NodeOp node) {
  if (node.is("DynamicQuantizeLinear")) {
    return ": it has one scale for all tokens of a call, by which what a token gives depends on which others are "
           "there; "
           "quantize weights alone";
  }
  if (node.isMicrosoft("MatMulNBits")) {
    return node.getInput(4) ? ": its columns are in groups (g_idx) that do not lie side by side"
                            : ": its weights are not constants of 2, 4 or 8 bits with scales that fit";
  }
  return "";
}

static InFlightDiagnostic reportNode(NodeOp node) {
  bool isVowel = !node.getOpType().empty() && StringRef("AEIOU").contains(node.getOpType().front());
  InFlightDiagnostic error = emitError(node.getLoc(), isVowel ? "is an " : "is a ")
                             << node.getOpType() << " that was not recognized as a part of a language model"
                             << explain(node);
  error.attachNote() << "it takes " << describeInputs(node);
  StringRef forms = findForms(node);
  forms.empty() ? error.attachNote() << "nothing that Fathom knows of language models looks like it"
                : error.attachNote() << "it was compared with " << forms;
  return error;
}

/// Of the nodes between token ids and logits those that no rule knows, by operator.
static std::map<StringRef, int64_t> countUnknown(Value logits, BlockArgument tokens,
                                                 llvm::function_ref<bool(NodeOp)> isKnown) {
  SetVector<Operation *> before, behind;
  BackwardSliceOptions options;
  options.omitUsesFromAbove = false;
  options.inclusive = true;
  (void)getBackwardSlice(logits, &before, options);
  getForwardSlice(tokens, &behind);
  std::map<StringRef, int64_t> counts;
  for (Operation *op : before) {
    if (auto node = dyn_cast<NodeOp>(op); node && behind.contains(op) && !isKnown(node)) {
      ++counts[node.getOpType()];
    }
  }
  return counts;
}

void reportUnraised(Value logits, BlockArgument tokens, const GraphModel &model,
                    llvm::function_ref<bool(NodeOp)> isKnown) {
  SmallVector<InFlightDiagnostic> errors;
  for (NodeOp node : findFirst(logits, model)) {
    errors.push_back(reportNode(node));
  }
  if (errors.empty()) {
    errors.push_back(emitError(logits.getLoc(), "is not made by a product of the last layer's rows"));
  }
  for (auto [op, count] : countUnknown(logits, tokens, isKnown)) {
    errors.back().attachNote(logits.getLoc()) << "follows from token ids by " << op << ", which no rule knows, in "
                                              << count << (count == 1 ? " node" : " nodes");
  }
  for (InFlightDiagnostic &error : errors) {
    error.report();
  }
}

} // namespace fathom::raise
