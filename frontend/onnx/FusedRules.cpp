// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that are a whole part of a model: attention, rotary embedding, experts, products of packed weights. Those
// of com.microsoft are described in ONNX Runtime's docs/ContribOperators.md.

#include "frontend/onnx/NodeShapes.h"

namespace fathom::onnx {

using T = proto::TensorProto;

static bool like(NodeShapes &node) { return node.give(0, node.in(0).element, node.in(0).shape); }

/// `in` with another last extent.
static std::optional<Shape> withLast(const Value &in, const Extent &last) {
  std::optional<Shape> shape = in.shape;
  if (shape && !shape->empty()) {
    shape->back() = last;
  }
  return shape;
}

static bool skipNorm(NodeShapes &node) {
  const Value &in = node.in(0);
  return node.give(1, T::FLOAT, withLast(in, 1)) && node.give(2, T::FLOAT, withLast(in, 1)) &&
         node.give(3, in.element, in.shape) && like(node);
}

static bool matMulNBits(NodeShapes &node) {
  int64_t depth = node.integer("K", 0), outputs = node.integer("N", 0);
  const std::optional<Shape> &rows = node.in(0).shape;
  if (depth < 1 || outputs < 1 || (rows && (rows->empty() || (rows->back().constant() && !rows->back().is(depth))))) {
    return node.fail("has K = " + llvm::Twine(depth) + " and N = " + llvm::Twine(outputs) + ", which do not fit " +
                     node.describe(node.in(0)));
  }
  return node.give(0, node.in(0).element, withLast(node.in(0), outputs));
}

/// Rows of a table by indices; of bytes that hold several numbers each.
static bool gatherBlockQuantized(NodeShapes &node) {
  int64_t bits = node.integer("bits", 4), gathered = node.integer("gather_axis", 0);
  if (!node.ranked(0) || !node.ranked(1)) {
    return node.give(0, node.in(2).element, std::nullopt);
  }
  bool fits = node.rank(0) == 2 && (gathered == 0 || gathered == -2) && (bits == 2 || bits == 4 || bits == 8);
  if (!fits) {
    return node.fail("has bits = " + llvm::Twine(bits) + " and gather_axis = " + llvm::Twine(gathered) + " of " +
                     node.describe(node.in(0)) + ", which is not supported");
  }
  Shape shape = *node.in(1).shape;
  int64_t inByte = node.in(0).element == T::UINT8 ? 8 / bits : 1;
  shape.push_back(node.orUnknown(Extent::multiply(node.extent(0, 1), inByte)));
  return node.give(0, node.in(2).element, shape);
}

static bool fusedMatMul(NodeShapes &node) {
  if (!node.ranked(0) || !node.ranked(1) || node.rank(0) < 2 || node.rank(1) < 2) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  bool turnA = node.integer("transA", 0) != 0, turnB = node.integer("transB", 0) != 0;
  llvm::ArrayRef<Extent> a = *node.in(0).shape, b = *node.in(1).shape;
  std::optional<Shape> shape = node.broadcast(a.drop_back(2), b.drop_back(2));
  if (!shape) {
    return false;
  }
  shape->push_back(a[a.size() - (turnA ? 1 : 2)]);
  shape->push_back(b[b.size() - (turnB ? 2 : 1)]);
  return node.give(0, node.in(0).element, shape);
}

/// Heads of keys or values, [batch, heads, positions, width], with those of `past` before them.
static std::optional<Shape> withPast(NodeShapes &node, std::optional<Shape> now, size_t past) {
  if (now && node.ranked(past) && node.rank(past) == 4 && now->size() == 4) {
    (*now)[2] = node.orUnknown(Extent::add(node.extent(past, 2), (*now)[2]));
  }
  return now;
}

/// [batch, positions, heads · width] as [batch, heads, positions, width].
static std::optional<Shape> intoHeads(NodeShapes &node, const Value &in, int64_t heads) {
  if (!in.shape || in.shape->size() != 3 || heads < 1) {
    return in.shape && in.shape->size() == 4 ? in.shape : std::nullopt;
  }
  const Shape &shape = *in.shape;
  return Shape{shape[0], Extent(heads), shape[1], node.orUnknown(Extent::divide(shape[2], heads))};
}

// Query, key, value [batch, heads, positions, width] or flat; mask, past key and value.
static bool attention(NodeShapes &node) {
  int64_t queryHeads = node.integer("q_num_heads", 0), keyHeads = node.integer("kv_num_heads", 0);
  std::optional<Shape> query = intoHeads(node, node.in(0), queryHeads), key = intoHeads(node, node.in(1), keyHeads),
                       value = intoHeads(node, node.in(2), keyHeads);
  int32_t element = node.in(0).element;
  bool flat = node.ranked(0) && node.rank(0) == 3;
  if (!query || !key || !value) {
    return node.fail(
        "has queries, keys or values that are neither of 4 dimensions nor of 3 and q_num_heads and kv_num_heads: " +
        node.describe(node.in(0)) + ", " + node.describe(node.in(1)) + ", " + node.describe(node.in(2)));
  }
  std::optional<Shape> keys = withPast(node, key, 4), values = withPast(node, value, 5);
  Shape scores = {(*query)[0], (*query)[1], (*query)[2], (*keys)[2]};
  Shape out = {(*query)[0], (*query)[1], (*query)[2], (*value)[3]};
  if (flat) {
    out = {out[0], out[2], node.orUnknown(Extent::multiply(out[1], out[3]))};
  }
  return node.give(0, element, out) && node.give(1, node.in(1).element, keys) &&
         node.give(2, node.in(2).element, values) && node.give(3, element, scores);
}

// Query [batch, positions, heads · width], which may be of keys and values as well; past key and value [batch, heads,
// positions, width].
static bool groupQueryAttention(NodeShapes &node) {
  int64_t heads = node.integer("num_heads", 0), keyHeads = node.integer("kv_num_heads", 0);
  if (!node.ranked(0) || node.rank(0) != 3 || heads < 1 || keyHeads < 1) {
    return node.fail("has num_heads = " + llvm::Twine(heads) + " and kv_num_heads = " + llvm::Twine(keyHeads) +
                     ", and queries of " + node.describe(node.in(0)));
  }
  int64_t all = node.has(1) ? heads : heads + 2 * keyHeads;
  Extent width = node.orUnknown(Extent::divide(node.extent(0, 2), all));
  Extent out = node.orUnknown(Extent::multiply(width, heads));
  std::optional<Shape> present = withPast(node, Shape{node.extent(0, 0), keyHeads, node.extent(0, 1), width}, 3);
  int32_t element = node.in(0).element;
  return node.give(0, element, Shape{node.extent(0, 0), node.extent(0, 1), out}) && node.give(1, element, present) &&
         node.give(2, element, present);
}

static bool multiHeadAttention(NodeShapes &node) {
  if (!node.ranked(0) || node.rank(0) != 3 || !node.ranked(2)) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  int64_t heads = node.integer("num_heads", 0);
  Extent out = node.rank(2) == 3   ? node.extent(2, 2)
               : node.rank(2) == 4 ? node.orUnknown(Extent::multiply(node.extent(2, 1), node.extent(2, 3)))
                                   : node.unknown();
  std::optional<Shape> key = intoHeads(node, node.in(1), heads), value = intoHeads(node, node.in(2), heads);
  return node.give(0, node.in(0).element, withLast(node.in(0), out)) &&
         node.give(1, node.in(0).element, withPast(node, key, 6)) &&
         node.give(2, node.in(0).element, withPast(node, value, 7));
}

llvm::ArrayRef<ShapeRuleRow> fusedRules() {
  static const ShapeRuleRow rows[] = {
      {"", "Attention", attention, 3},
      {"", "RotaryEmbedding", like, 3},
      {"com.microsoft", "FusedMatMul", fusedMatMul, 2},
      {"com.microsoft", "GatherBlockQuantized", gatherBlockQuantized, 3},
      {"com.microsoft", "GroupQueryAttention", groupQueryAttention},
      {"com.microsoft", "MatMulNBits", matMulNBits, 3},
      {"com.microsoft", "MoE", like, 3},
      {"com.microsoft", "MultiHeadAttention", multiHeadAttention},
      {"com.microsoft", "QMoE", like, 3},
      {"com.microsoft", "RotaryEmbedding", like, 3},
      {"com.microsoft", "SkipLayerNormalization", skipNorm, 3},
      {"com.microsoft", "SkipSimplifiedLayerNormalization", skipNorm, 3},
  };
  return rows;
}

} // namespace fathom::onnx
