// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotations by position, and attention to what came before.

#include "passes/raise/GraphModel.h"
#include "passes/raise/Nodes.h"

#include <cmath>

using namespace mlir;

namespace fathom::raise {

using onnx::NodeOp;

/// Heads of a view [batch, heads, positions, width], or with heads and positions exchanged.
static bool hasHeads(const View &view) {
  const Dim &last = view.dims.back();
  return view.rank() == 4 && last.kind == Dim::Columns && last.stride == 1 && last.repeat == 1;
}

static bool convertRotate(NodeOp node, GraphModel &model) {
  const View *input = model.find(node.getInputs()[0]);
  if (!input || input->hasPast || input->dims.back().kind != Dim::Columns || input->dims.back().stride != 1) {
    return false;
  }
  Value cosine = node.getInputs()[1], sine = node.getInputs()[2];
  int64_t axis = input->findSequence() - input->rank() + getRank(cosine);
  std::optional<View> view = model.compact(*input);
  Value table = view && input->findSequence() >= 0 ? model.getRopeTable(cosine, sine, axis) : Value();
  int64_t pairs = table ? cast<RankedTensorType>(table.getType()).getDimSize(1) : 0;
  if (!table || 2 * pairs != view->dims.back().size) {
    return false;
  }
  view->rows =
      deepseek::RopeOp::create(model.ops(), node.getLoc(), view->rows.getType(), view->rows, table, model.positions(),
                               deepseek::RopeLayout::half_split, model.ops().getI64IntegerAttr(2 * pairs));
  model.set(node.getOutputs()[0], *view);
  return true;
}

namespace {
/// Heads side by side in rows, each `repeat` times as the graph has them.
struct Heads {
  Value rows;
  int64_t count, repeat, width;
};
} // namespace

/// The heads of [batch, heads, positions, width], whatever order they came in.
static std::optional<Heads> getHeads(Value value, GraphModel &model) {
  const View *view = model.find(value);
  if (!view || !hasHeads(*view) || view->findSequence() != 2 || view->dims[1].kind != Dim::Columns) {
    return std::nullopt;
  }
  std::optional<View> own = model.compact(*view);
  if (!own) {
    return std::nullopt;
  }
  const Dim &heads = own->dims[1], &columns = own->dims[3];
  bool sideBySide = heads.size == heads.repeat || heads.stride == columns.size;
  return sideBySide ? std::optional(Heads{own->rows, heads.size / heads.repeat, heads.repeat, columns.size})
                    : std::nullopt;
}

static bool convertAttention(NodeOp node, GraphModel &model) {
  std::optional<Heads> query = getHeads(node.getInputs()[0], model), keys = getHeads(node.getInputs()[1], model);
  std::optional<Heads> values = getHeads(node.getInputs()[2], model);
  bool fits = query && keys && values && query->repeat == 1 && query->width == keys->width &&
              values->width == keys->width && values->count == keys->count && query->count % keys->count == 0;
  // Heads that a graph repeats are as many as there are queries; of others each serves several.
  fits = fits && keys->repeat == values->repeat && (keys->repeat == 1 || keys->count * keys->repeat == query->count);
  if (!fits) {
    return false;
  }
  View view = *model.find(node.getInputs()[0]);
  view.rows = model.attend(query->rows, keys->rows, values->rows, query->count, keys->count, keys->width,
                           node.getReal("scale", 1.0));
  view.offset = 0;
  view.dims[1] = {Dim::Columns, query->count, query->width};
  view.dims[3] = {Dim::Columns, query->width, 1};
  model.set(node.getOutputs()[0], view);
  return true;
}

llvm::ArrayRef<RuleRow> attentionRules() {
  static constexpr RuleRow rows[] = {{true, kCausalAttention, convertAttention}, {true, kRotate, convertRotate}};
  return rows;
}

} // namespace fathom::raise
