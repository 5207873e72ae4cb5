// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Latent attention, to all positions and to those that an indexer chooses.

#include "passes/raise/ConvertAttention.h"
#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

using deepseek::StoreAttr;
using onnx::NodeOp;

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

static std::optional<Latent> findLatent(NodeOp node, GraphModel &model) {
  const Pieces *query = model.findPieces(node.getInputs()[0]), *keys = model.findPieces(node.getInputs()[1]);
  const View *values = model.find(node.getInputs()[2]);
  Latent found;
  bool fits = query && keys && values && matchLatentQuery(*query, found) &&
              matchLatentKeys(*query, *keys, *values, found);
  return fits ? std::optional(found) : std::nullopt;
}

/// The store of latents, each with the rotated key behind it.
static StoreAttr createLatentStore(Latent &found, GraphModel &model) {
  int64_t width = deepseek::getWidth(found.expansion.getInput().getType()) + found.rope;
  return model.createStore(deepseek::kLatentStore, 1, width, found.rope);
}

bool attendLatent(NodeOp node, GraphModel &model) {
  std::optional<Latent> found = findLatent(node, model);
  if (!found) {
    return false;
  }
  OpBuilder &builder = model.ops();
  Value layer =
      model.beginLayer(deepseek::CacheType::get(builder.getContext(), createLatentStore(*found, model)));
  Value cache = model.append(deepseek::kLatentStore, layer, {found->expansion.getInput(), found->key.getResult()});
  Value rows = deepseek::MlaAttentionOp::create(
      builder, node.getLoc(), model.activation(found->heads * found->value), found->query, cache, layer,
      found->expansion.getWeight(), found->expansion.getScale(), found->rotation.table, model.positions(),
      found->expansion.getBlockAttr(), found->heads, found->nope, found->rope, found->value,
      llvm::APFloat(node.getReal("scale", 1.0)), found->rotation.layout);
  giveHeads(node, rows, found->heads, model);
  return true;
}

namespace {
/// What an indexer chooses by.
struct Index {
  /// Heads side by side, the first numbers of which are to be turned.
  Value query;
  Rotation rotation;
  int64_t heads, width;
  /// The turned and the other numbers of the key, and a weight for each head.
  Value turned, rest, weights;
};
} // namespace

/// Queries of heads of two parts, the first of which is to be rotated.
static bool matchIndexQuery(const Pieces &query, Index &found) {
  if (query.views.size() != 2 || query.axis != 3) {
    return false;
  }
  const View &rope = query.views[0], &rest = query.views[1];
  std::optional<Heads> first = getHeads(rope), second = getHeads(rest);
  if (!first || !second || rope.rows != rest.rows || !rope.rotation || rest.rotation) {
    return false;
  }
  found.query = rope.rows;
  found.rotation = *rope.rotation;
  found.heads = first->count;
  found.width = first->width + second->width;
  auto hasStride = [&](const Heads &heads) {
    return heads.count == found.heads && heads.repeat == 1 && heads.stride == found.width;
  };
  return hasStride(*first) && hasStride(*second) && rope.offset == 0 && rest.offset == first->width &&
         rest.dims[3] == Dim::columns(second->width, 1) &&
         deepseek::getWidth(found.query.getType()) == found.heads * found.width;
}

/// One key for all heads, of the same two parts.
static bool matchIndexKey(const Pieces &query, const Pieces &key, Index &found, GraphModel &model) {
  if (key.views.size() != 2 || key.axis != 3) {
    return false;
  }
  const View &rope = key.views[0], &rest = key.views[1];
  std::optional<Heads> first = getHeads(rope), second = getHeads(rest);
  auto turned = rope.rows.getDefiningOp<deepseek::RopeOp>();
  bool fits = first && second && turned && first->count == 1 && second->count == 1 && first->repeat == 1 &&
              second->repeat == 1 && rope.offset == 0 && turned.turnsWholeRow() &&
              turned.getTable() == found.rotation.table && turned.getLayout() == found.rotation.layout &&
              rope.dims[3] == query.views[0].dims[3] && rest.dims[3] == query.views[1].dims[3];
  std::optional<View> own = fits ? model.compact(rest) : std::nullopt;
  found.turned = turned;
  found.rest = own ? own->rows : Value();
  return own.has_value();
}

static std::optional<Index> findIndex(NodeOp node, GraphModel &model) {
  const Pieces *query = model.findPieces(node.getInputs()[3]), *key = model.findPieces(node.getInputs()[4]);
  Index found;
  if (!query || !key || !matchIndexQuery(*query, found) || !matchIndexKey(*query, *key, found, model)) {
    return std::nullopt;
  }
  found.weights = model.getRows(node.getInputs()[5], found.heads);
  return found.weights ? std::optional(found) : std::nullopt;
}

bool attendSparse(NodeOp node, GraphModel &model) {
  std::optional<Latent> found = findLatent(node, model);
  std::optional<Index> index = found ? findIndex(node, model) : std::nullopt;
  if (!index) {
    return false;
  }
  OpBuilder &builder = model.ops();
  Value query = deepseek::RopeOp::create(builder, node.getLoc(), index->query.getType(), index->query,
                                         index->rotation.table, model.positions(), index->rotation.layout,
                                         builder.getI64IntegerAttr(index->width));
  Value layer = model.beginLayer(deepseek::CacheType::get(
      builder.getContext(),
      {createLatentStore(*found, model), model.createStore(deepseek::kIndexStore, 1, index->width)}));
  model.append(deepseek::kLatentStore, layer, {found->expansion.getInput(), found->key.getResult()});
  Value cache = model.append(deepseek::kIndexStore, layer, {index->turned, index->rest});
  Value rows = deepseek::SparseAttentionOp::create(
      builder, node.getLoc(), model.activation(found->heads * found->value), found->query, cache, layer,
      found->expansion.getWeight(), found->expansion.getScale(), found->rotation.table, query, index->weights,
      model.positions(), found->expansion.getBlockAttr(), found->heads, found->nope, found->rope, found->value,
      llvm::APFloat(node.getReal("scale", 1.0)), index->heads, index->width,
      std::min(node.getInteger("top_k", 0), model.getMaxContext()), found->rotation.layout);
  giveHeads(node, rows, found->heads, model);
  return true;
}

} // namespace fathom::raise
