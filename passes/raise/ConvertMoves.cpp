// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nodes that move elements about: views of the same rows.

#include "passes/raise/GraphModel.h"
#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

using onnx::NodeOp;

static RankedTensorType getResultType(NodeOp node) {
  return dyn_cast<RankedTensorType>(node.getOutputs()[0].getType());
}

static bool give(NodeOp node, std::optional<View> view, GraphModel &model) {
  if (view) {
    model.set(node.getOutputs()[0], std::move(*view));
  }
  return view.has_value();
}

static bool convertTranspose(NodeOp node, GraphModel &model) {
  const Pieces *input = model.findPieces(node.getInputs()[0]);
  SmallVector<int64_t> order = getPermutation(node);
  if (!input || int64_t(order.size()) != input->views.front().rank()) {
    return false;
  }
  Pieces result;
  result.axis = llvm::find(order, input->axis) - order.begin();
  for (const View &view : input->views) {
    result.views.push_back(*transpose(view, order));
  }
  model.set(node.getOutputs()[0], std::move(result));
  return true;
}

/// Of pieces: where dimensions of one element are dropped or added, and all others stay.
static bool reshapePieces(NodeOp node, const Pieces &input, GraphModel &model) {
  auto from = dyn_cast<RankedTensorType>(node.getInputs()[0].getType());
  RankedTensorType to = getResultType(node);
  auto keep = [](RankedTensorType type) {
    return llvm::to_vector(llvm::make_filter_range(getSizes(type), [](const Size &size) { return size.number != 1; }));
  };
  if (!from || !to || keep(from) != keep(to)) {
    return false;
  }
  auto isWide = [](int64_t size) { return size != 1; };
  int64_t number = llvm::count_if(from.getShape().take_front(input.axis), isWide), axis = 0;
  for (; to.getDimSize(axis) == 1 || number > 0; ++axis) {
    number -= isWide(to.getDimSize(axis));
  }
  Pieces result = {{}, axis};
  for (const View &view : input.views) {
    SmallVector<int64_t> shape = llvm::to_vector(to.getShape());
    shape[axis] = view.dims[input.axis].size();
    std::optional<View> piece = reshape(view, to.clone(shape));
    if (!piece) {
      return false;
    }
    result.views.push_back(*piece);
  }
  model.set(node.getOutputs()[0], std::move(result));
  return true;
}

static bool convertReshape(NodeOp node, GraphModel &model) {
  const Pieces *pieces = model.findPieces(node.getInputs()[0]);
  if (pieces && pieces->views.size() > 1) {
    return reshapePieces(node, *pieces, model);
  }
  const View *input = model.find(node.getInputs()[0]);
  RankedTensorType type = getResultType(node);
  return input && type && give(node, reshape(*input, type), model);
}

static bool convertExpand(NodeOp node, GraphModel &model) {
  const View *input = model.find(node.getInputs()[0]);
  RankedTensorType type = getResultType(node);
  return input && type && give(node, expand(*input, type), model);
}

static bool convertSlice(NodeOp node, GraphModel &model) {
  const View *input = model.find(node.getInputs()[0]);
  RankedTensorType type = getResultType(node);
  if (!input || !type || type.getRank() != input->rank()) {
    return false;
  }
  auto starts = getIntegers(node.getInput(1)), axes = getAxes(node, 3, type.getRank()),
       steps = getIntegers(node.getInput(4));
  bool known = starts && axes && axes->size() == starts->size() && (steps || !node.getInput(4));
  std::optional<View> view = *input;
  for (size_t i = 0; known && view && i < axes->size(); ++i) {
    int64_t axis = (*axes)[i], size = view->dims[axis].size(), step = steps ? (*steps)[i] : 1;
    int64_t begin = (*starts)[i] + ((*starts)[i] < 0 ? size : 0);
    view = slice(*view, axis, begin, type.getDimSize(axis), step);
  }
  return known && give(node, view, model);
}

/// What a graph keeps of tokens before, and the tokens of the call behind it.
static bool appendToPast(NodeOp node, int64_t axis, GraphModel &model) {
  const Pieces *last = model.findPieces(node.getInputs()[1]);
  auto follows = [&](const View &view) { return axis == view.findSequence() && !view.hasPast; };
  if (!last || !llvm::all_of(last->views, follows)) {
    return false;
  }
  Pieces result = *last;
  for (View &view : result.views) {
    view.hasPast = true;
  }
  model.set(node.getOutputs()[0], std::move(result));
  return true;
}

static bool convertConcat(NodeOp node, GraphModel &model) {
  RankedTensorType type = getResultType(node);
  int64_t axis = node.getInteger("axis", 0);
  axis += axis < 0 && type ? type.getRank() : 0;
  if (node.getInputs().size() == 2 && model.isPast(node.getInputs()[0])) {
    return appendToPast(node, axis, model);
  }
  Pieces result;
  result.axis = axis;
  for (Value input : node.getInputs()) {
    const View *view = model.find(input);
    if (!view || axis >= view->rank() || view->dims[axis].kind != Dim::Columns) {
      return false;
    }
    result.views.push_back(*view);
  }
  model.set(node.getOutputs()[0], std::move(result));
  return true;
}

/// Between types of floats: activations are computed in one.
static bool convertCast(NodeOp node, GraphModel &model) {
  const Pieces *input = model.findPieces(node.getInputs()[0]);
  RankedTensorType type = getResultType(node);
  if (!input || !type || !isa<FloatType>(type.getElementType())) {
    return false;
  }
  model.set(node.getOutputs()[0], *input);
  return true;
}

llvm::ArrayRef<RuleRow> moveRules() {
  static constexpr RuleRow kRows[] = {
      {false, "Cast", convertCast},       {false, "Concat", convertConcat}, {false, "Expand", convertExpand},
      {false, "Reshape", convertReshape}, {false, "Slice", convertSlice},   {false, "Transpose", convertTranspose},
  };
  return kRows;
}

} // namespace fathom::raise
