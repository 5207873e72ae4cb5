// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of rows that are sorted by what multiplies them, as loops have them.

#include "passes/raise/SlicedProducts.h"

#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

using onnx::NodeOp;

namespace {
/// A loop of known length whose only state begins without rows.
struct RowsLoop {
  int64_t turns;
  Value turn, condition, rows, nextCondition, nextRows;
};
} // namespace

static std::optional<RowsLoop> matchRowsLoop(Value value) {
  NodeOp loop = matchNode(value, "Loop");
  if (!loop || loop.getInputs().size() != 3 || loop.getOutputs().size() != 1 || loop.getGraphs().size() != 1) {
    return std::nullopt;
  }
  Block &body = loop.getGraphs().front().front();
  std::optional<SmallVector<int64_t>> turns = getIntegers(loop.getInput(0));
  auto start = dyn_cast<RankedTensorType>(loop.getInputs()[2].getType());
  bool isGiven = !loop.getInput(1) || getSplat(loop.getInput(1)).value_or(0) != 0;
  Operation *end = body.getTerminator();
  if (!turns || turns->size() != 1 || !isGiven || !start || start.getRank() != 2 || start.getDimSize(0) != 0 ||
      body.getNumArguments() != 3 || end->getNumOperands() != 2) {
    return std::nullopt;
  }
  return RowsLoop{turns->front(),      body.getArgument(0), body.getArgument(1),
                  body.getArgument(2), end->getOperand(0),  end->getOperand(1)};
}

/// Whether a loop goes on whatever its turns compute.
static bool goesOn(const RowsLoop &loop) {
  Value condition = loop.nextCondition;
  while (NodeOp same = matchNode(condition, "Identity")) {
    condition = same.getInputs()[0];
  }
  return condition == loop.condition || getSplat(condition).value_or(0) != 0;
}

/// What a turn of a loop takes its own number of, as a list of one.
static Value matchTurns(Value value, Value turn) {
  NodeOp gather = matchNode(value, "Gather");
  if (!gather || gather.getInteger("axis", 0) != 0 || getRank(gather.getInputs()[0]) != 1) {
    return {};
  }
  Value place = gather.getInputs()[1];
  NodeOp list = matchNode(place, "Reshape");
  bool isList = list && getRank(place) == 1 && list.getInputs()[0] == turn;
  bool isOutside = gather.getInputs()[0].getParentBlock() != turn.getParentBlock();
  return isList && isOutside ? gather.getInputs()[0] : Value();
}

/// Whether a Slice is one of rows, none of them left out.
static bool slicesRows(NodeOp slice) {
  std::optional<SmallVector<int64_t>> axes = getAxes(slice, 3, 2), steps = getIntegers(slice.getInput(4));
  return getRank(slice.getInputs()[0]) == 2 && slice.getInput(1) && slice.getInput(2) &&
         (axes ? axes->size() == 1 && axes->front() == 0 : !slice.getInput(3)) &&
         (steps ? steps->size() == 1 && steps->front() == 1 : !slice.getInput(4));
}

std::optional<SlicedProduct> matchSlicedProduct(Value value) {
  std::optional<RowsLoop> loop = matchRowsLoop(value);
  NodeOp concat = loop && goesOn(*loop) ? matchNode(loop->nextRows, "Concat") : NodeOp();
  bool appends = concat && concat.getInputs().size() == 2 && concat.getInputs()[0] == loop->rows &&
                 concat.getInteger("axis", 0) == 0;
  NodeOp product = appends ? matchNode(concat.getInputs()[1], "MatMul") : NodeOp();
  NodeOp slice = product ? matchNode(product.getInputs()[0], "Slice") : NodeOp();
  if (!slice || !slicesRows(slice)) {
    return std::nullopt;
  }
  Value begins = matchTurns(slice.getInputs()[1], loop->turn), ends = matchTurns(slice.getInputs()[2], loop->turn);
  return begins && ends ? std::optional(SlicedProduct{slice.getInputs()[0], product.getInputs()[1], loop->turn,
                                                      loop->turns, begins, ends})
                        : std::nullopt;
}

Value findSlicedProduct(Value rows) {
  Operation *loop = rows.hasOneUse() ? rows.user_begin()->getParentOp() : nullptr;
  Value value = isa_and_present<NodeOp>(loop) && loop->getNumResults() == 1 ? Value(loop->getResult(0)) : Value();
  std::optional<SlicedProduct> product = value ? matchSlicedProduct(value) : std::nullopt;
  return product && product->rows == rows ? value : Value();
}

} // namespace fathom::raise
