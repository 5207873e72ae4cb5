// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention of both domains.

#include "dialects/onnx/evaluate/Heads.h"

#include <cmath>

using namespace mlir;

namespace fathom::onnx {

// Query, key, value, mask, past key and value, and how many keys of each of a batch are not padding.
static bool attention(NodeValues &node) {
  int64_t keyHeads = node.integer("kv_num_heads", 0);
  std::optional<Array> query = intoHeads(node, node.in(0), node.integer("q_num_heads", 0));
  std::optional<Array> key = intoHeads(node, node.in(1), keyHeads), value = intoHeads(node, node.in(2), keyHeads);
  key = key ? append(node, node.in(4), std::move(*key)) : std::nullopt;
  value = value ? append(node, node.in(5), std::move(*value)) : std::nullopt;
  if (!query || !key || !value) {
    return false;
  }
  int64_t queries = query->shape[2], keys = key->shape[2];
  std::optional<Extents> lengths = lengthsOf(node, 6, query->shape[0], keys);
  Extents scoreShape = {query->shape[0], query->shape[1], queries, keys};
  auto mask = readMask(node, node.in(3), scoreShape);
  Array *scores = node.make(3, query->element, scoreShape);
  if (!lengths || !mask || !scores) {
    return false;
  }
  bool causal = node.integer("is_causal", 0) != 0, padded = node.has(6);
  int64_t past = node.has(4) ? node.in(4).shape[2] : 0;
  AttentionTerms terms = {&*query, &*key, &*value, node.real("scale", usualScale(*query)), node.real("softcap", 0)};
  terms.mask = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    int64_t first = padded ? (*lengths)[b] - queries : past;
    bool hidden = (causal && j > i + first) || j >= (*lengths)[b];
    return hidden ? -INFINITY : (*mask)(b, h, i, j);
  };
  constexpr ScoreStage stages[] = {ScoreStage::Raw, ScoreStage::Masked, ScoreStage::Capped, ScoreStage::Softmax};
  int64_t mode = node.integer("qk_matmul_output_mode", 0);
  std::optional<Array> out = attend(node, terms, scores, stages[std::clamp<int64_t>(mode, 0, 3)]);
  return out && node.give(0, node.in(0).rank() == 3 ? fromHeads(*out) : std::move(*out)) &&
         node.give(1, std::move(*key)) && node.give(2, std::move(*value));
}

/// Adds a part of input 3 to each position of a flat input.
static bool addBias(NodeValues &node, Array &in, int64_t first) {
  int64_t width = in.rank() == 3 ? in.shape[2] : 0;
  if (!node.has(3) || width == 0) {
    return !node.has(3) || node.fail("adds a bias to heads");
  }
  const Array &bias = node.in(3);
  if (!bias.isReal() || !in.isReal() || first + width > bias.size()) {
    return node.fail("has a bias that does not fit");
  }
  for (int64_t i = 0; i < in.size(); ++i) {
    in.reals[i] += bias.reals[first + i % width];
  }
  return true;
}

// Query, key, value, bias, padding of keys, mask, past key and value.
static bool multiHeadAttention(NodeValues &node) {
  int64_t heads = node.integer("num_heads", 0);
  Array flat[] = {node.in(0), node.in(1), node.in(2)};
  if (!node.expectRank(0, 3) || !node.has(1) || !node.has(2)) {
    return node.fail("wants queries, keys and values apart");
  }
  int64_t width = flat[0].shape[2];
  if (!addBias(node, flat[0], 0) || !addBias(node, flat[1], width) || !addBias(node, flat[2], 2 * width)) {
    return false;
  }
  std::optional<Array> query = intoHeads(node, flat[0], heads), key = intoHeads(node, flat[1], heads),
                       value = intoHeads(node, flat[2], heads);
  key = key ? append(node, node.in(6), std::move(*key)) : std::nullopt;
  value = value ? append(node, node.in(7), std::move(*value)) : std::nullopt;
  if (!query || !key || !value) {
    return false;
  }
  int64_t past = node.has(6) ? node.in(6).shape[2] : 0, keys = key->shape[2];
  auto mask = readMask(node, node.in(5), {query->shape[0], query->shape[1], query->shape[2], keys});
  const Array &padding = node.in(4);
  bool perKey = padding.rank() == 2;
  if (!mask || (node.has(4) && (!padding.isInteger() || padding.size() != query->shape[0] * (perKey ? keys : 1)))) {
    return node.fail("has a padding of its keys that does not fit");
  }
  bool causal = node.integer("unidirectional", 0) != 0;
  double filter = node.real("mask_filter_value", -10000), scale = node.real("scale", 0);
  AttentionTerms terms = {&*query, &*key, &*value, scale != 0 ? scale : usualScale(*query)};
  terms.mask = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    bool seen = !node.has(4) || (perKey ? padding.integers[b * keys + j] != 0 : j < padding.integers[b]);
    return causal && j > i + past ? -INFINITY : (*mask)(b, h, i, j) + (seen ? 0 : filter);
  };
  std::optional<Array> out = attend(node, terms);
  return out && node.give(0, fromHeads(*out)) && node.give(1, std::move(*key)) && node.give(2, std::move(*value));
}

llvm::ArrayRef<EvaluateRow> attentionRows() {
  static const EvaluateRow rows[] = {
      {"", "Attention", attention, 3},
      {"com.microsoft", "MultiHeadAttention", multiHeadAttention},
  };
  return rows;
}

} // namespace fathom::onnx
