// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotations by position, and attention to what came before: grouped queries, and latents.

#include "passes/raise/GraphModel.h"
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

namespace {
/// Heads of a view [batch, heads, positions, width]: `count` of them, `stride` apart, each `repeat` times.
struct Heads {
  int64_t count, stride, repeat, width;
};
} // namespace

static std::optional<Heads> getHeads(const View &view) {
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

/// Gives rows of heads side by side, as [batch, heads, positions, width].
static void giveHeads(NodeOp node, Value rows, int64_t heads, GraphModel &model) {
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

namespace {
/// Latent attention, expanded: what keys and values are made of.
struct Latent {
  Value query;
  deepseek::LinearOp expansion;
  deepseek::RopeOp key;
  Rotation rotation;
  int64_t heads, nope, rope, value;
};
} // namespace

/// Queries of two parts of one product, the second of which is to be rotated.
static bool matchLatentQuery(const Pieces &query, Latent &found) {
  if (query.views.size() != 2 || query.axis != 3) {
    return false;
  }
  const View &nope = query.views[0], &rope = query.views[1];
  std::optional<Heads> first = getHeads(nope), second = getHeads(rope);
  if (!first || !second || nope.rows != rope.rows || nope.rotation || !rope.rotation) {
    return false;
  }
  found.query = nope.rows;
  found.rotation = *rope.rotation;
  found.heads = first->count;
  found.nope = first->width;
  found.rope = second->width;
  int64_t width = found.nope + found.rope;
  auto hasStride = [&](const Heads &heads) {
    return heads.count == found.heads && heads.repeat == 1 && (heads.count == 1 || heads.stride == width);
  };
  return hasStride(*first) && hasStride(*second) && nope.dims[3] == Dim::columns(found.nope, 1) && nope.offset == 0 &&
         rope.offset == found.nope && deepseek::getWidth(found.query.getType()) == found.heads * width;
}

/// Keys of an expanded latent and of one rotated key for all heads, and values of the same expansion.
static bool matchLatentKeys(const Pieces &query, const Pieces &keys, const View &values, Latent &found) {
  if (keys.views.size() != 2 || keys.axis != 3) {
    return false;
  }
  const View &nope = keys.views[0], &rope = keys.views[1];
  std::optional<Heads> first = getHeads(nope), second = getHeads(rope), third = getHeads(values);
  found.expansion = nope.rows.getDefiningOp<deepseek::LinearOp>();
  found.key = rope.rows.getDefiningOp<deepseek::RopeOp>();
  if (!first || !second || !third || !found.expansion || !found.key || values.rows != nope.rows) {
    return false;
  }
  found.value = third->width;
  int64_t width = found.nope + found.value;
  auto isExpanded = [&](const Heads &heads) {
    return heads.count == found.heads && heads.repeat == 1 && (heads.count == 1 || heads.stride == width);
  };
  bool sameRotation = found.key.getTable() == found.rotation.table && found.key.getLayout() == found.rotation.layout &&
                      rope.dims[3] == query.views[1].dims[3] && found.key.turnsWholeRow();
  return isExpanded(*first) && isExpanded(*third) && first->width == found.nope && nope.offset == 0 &&
         values.offset == found.nope && nope.dims[3] == Dim::columns(found.nope, 1) &&
         values.dims[3] == Dim::columns(found.value, 1) && second->count == 1 && second->repeat == found.heads &&
         second->width == found.rope && rope.offset == 0 && sameRotation && !found.expansion.getBias() &&
         deepseek::getWidth(found.expansion.getType()) == found.heads * width;
}

static bool attendLatent(NodeOp node, GraphModel &model) {
  const Pieces *query = model.findPieces(node.getInputs()[0]), *keys = model.findPieces(node.getInputs()[1]);
  const View *values = model.find(node.getInputs()[2]);
  Latent found;
  if (!query || !keys || !values || !matchLatentQuery(*query, found) ||
      !matchLatentKeys(*query, *keys, *values, found)) {
    return false;
  }
  OpBuilder &builder = model.ops();
  Value latent = found.expansion.getInput();
  int64_t width = deepseek::getWidth(latent.getType()) + found.rope;
  Value layer = model.beginLayer(
      deepseek::CacheType::get(builder.getContext(), model.createStore(deepseek::kLatentStore, 1, width, found.rope)));
  Value cache = model.append(deepseek::kLatentStore, layer, {latent, found.key.getResult()});
  Value rows = deepseek::MlaAttentionOp::create(
      builder, node.getLoc(), model.activation(found.heads * found.value), found.query, cache, layer,
      found.expansion.getWeight(), found.expansion.getScale(), found.rotation.table, model.positions(),
      found.expansion.getBlockAttr(), found.heads, found.nope, found.rope, found.value,
      llvm::APFloat(node.getReal("scale", 1.0)), found.rotation.layout);
  giveHeads(node, rows, found.heads, model);
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

llvm::ArrayRef<RuleRow> attentionRules() {
  static constexpr RuleRow kRows[] = {{true, kCausalAttention, convertAttention}, {true, kRotate, convertRotate}};
  return kRows;
}

} // namespace fathom::raise
