// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotations by position, and attention of grouped queries to what came before.

#include "passes/raise/ConvertAttention.h"
#include "passes/raise/Nodes.h"

#include <cmath>

using namespace mlir;

namespace fathom::raise {

using deepseek::RopeLayout;
using onnx::NodeOp;

/// How the halves of the last dimension, which a rotation pairs, lie in rows: apart, or in turns.
static std::optional<RopeLayout> getLayout(const Dim &last) {
  int64_t pairs = last.size() / 2;
  if (last == Dim::columns(2 * pairs, 1)) {
    return RopeLayout::half_split;
  }
  bool inTurns = last.kind == Dim::Columns && last.factors == Factors{{2, 1}, {pairs, 2}};
  return inTurns ? std::optional(RopeLayout::interleaved) : std::nullopt;
}

static bool convertRotate(NodeOp node, GraphModel &model) {
  const View *input = model.find(node.getInputs()[0]);
  std::optional<RopeLayout> layout = input ? getLayout(input->dims.back()) : std::nullopt;
  if (!layout || input->hasPast || input->rotation || input->findSequence() < 0) {
    return false;
  }
  Value cosine = node.getInputs()[1], sine = node.getInputs()[2];
  Value table = model.getRopeTable(cosine, sine, input->findSequence() - input->rank() + getRank(cosine));
  int64_t width = input->dims.back().size();
  if (!table || 2 * cast<RankedTensorType>(table.getType()).getDimSize(1) != width) {
    return false;
  }
  std::optional<View> own = model.compact(*input);
  if (own) {
    own->rows = deepseek::RopeOp::create(model.ops(), node.getLoc(), own->rows.getType(), own->rows, table,
                                         model.positions(), *layout, model.ops().getI64IntegerAttr(width));
  } else {
    // Between other columns of each head: latent attention rotates it.
    own = *input;
    own->rotation = Rotation{table, *layout};
  }
  model.set(node.getOutputs()[0], *own);
  return true;
}

std::optional<Heads> getHeads(const View &view) {
  if (view.rank() != 4 || view.findSequence() != 2 || view.dims[1].kind != Dim::Columns ||
      view.dims[3].kind != Dim::Columns) {
    return std::nullopt;
  }
  ArrayRef<Factor> factors = view.dims[1].factors;
  Heads heads = {1, 0, 1, view.dims[3].size()};
  if (!factors.empty() && factors.front().stride > 0) {
    heads.count = factors.front().size;
    heads.stride = factors.front().stride;
    factors = factors.drop_front();
  }
  if (!factors.empty() && factors.front().stride == 0) {
    heads.repeat = factors.front().size;
    factors = factors.drop_front();
  }
  return factors.empty() ? std::optional(heads) : std::nullopt;
}

void giveHeads(NodeOp node, Value rows, int64_t heads, GraphModel &model) {
  View view = model.findPieces(node.getInputs()[0])->views.front();
  int64_t width = deepseek::getWidth(rows.getType()) / heads;
  view.rows = rows;
  view.offset = 0;
  view.rotation.reset();
  view.dims[1] = Dim::columns(heads, width);
  view.dims[3] = Dim::columns(width, 1);
  model.set(node.getOutputs()[0], view);
}

/// The rows of heads; null where these are not side by side.
static Value getHeadRows(Value value, GraphModel &model, std::optional<Heads> &heads) {
  const View *view = model.find(value);
  heads = view ? getHeads(*view) : std::nullopt;
  bool sideBySide =
      heads && (heads->count == 1 || heads->stride == heads->width) && view->dims[3] == Dim::columns(heads->width, 1);
  std::optional<View> own = sideBySide ? model.compact(*view) : std::nullopt;
  return own ? own->rows : Value();
}

static bool attendGrouped(NodeOp node, GraphModel &model) {
  std::optional<Heads> query, keys, values;
  Value q = getHeadRows(node.getInputs()[0], model, query), k = getHeadRows(node.getInputs()[1], model, keys);
  Value v = getHeadRows(node.getInputs()[2], model, values);
  bool fits = q && k && v && query->repeat == 1 && query->width == keys->width && values->width == keys->width &&
              values->count == keys->count && query->count % keys->count == 0 && keys->repeat == values->repeat;
  // Heads that a graph repeats are as many as there are queries; of others each serves several.
  if (!fits || (keys->repeat > 1 && keys->count * keys->repeat != query->count)) {
    return false;
  }
  OpBuilder &builder = model.ops();
  Value layer = model.beginLayer(deepseek::CacheType::get(
      builder.getContext(), {model.createStore(deepseek::kKeyStore, keys->count, keys->width),
                             model.createStore(deepseek::kValueStore, keys->count, keys->width)}));
  model.append(deepseek::kKeyStore, layer, k);
  Value cache = model.append(deepseek::kValueStore, layer, v);
  Value rows = deepseek::GqaAttentionOp::create(builder, node.getLoc(), model.activation(query->count * query->width),
                                                q, cache, layer, model.positions(), query->count, keys->count,
                                                query->width, llvm::APFloat(node.getReal("scale", 1.0)), IntegerAttr());
  giveHeads(node, rows, query->count, model);
  return true;
}

/// Whether queries are those of the call, and keys and values of all tokens up to it, or of the call alone.
static bool sharePast(NodeOp node, GraphModel &model) {
  auto hasPast = [&](unsigned input) -> std::optional<bool> {
    const Pieces *pieces = model.findPieces(node.getInputs()[input]);
    return pieces ? std::optional(pieces->views.front().hasPast) : std::nullopt;
  };
  return hasPast(0) == false && hasPast(1) && hasPast(1) == hasPast(2);
}

static bool convertAttention(NodeOp node, GraphModel &model) {
  return sharePast(node, model) && (attendGrouped(node, model) || attendLatent(node, model));
}

static bool convertSparseAttention(NodeOp node, GraphModel &model) {
  return sharePast(node, model) && attendSparse(node, model);
}

llvm::ArrayRef<RuleRow> attentionRules() {
  static constexpr RuleRow kRows[] = {
      {true, kCausalAttention, convertAttention},
      {true, kRotate, convertRotate},
      {true, kSparseAttention, convertSparseAttention},
  };
  return kRows;
}

} // namespace fathom::raise
