// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding, of both domains.

#include "dialects/onnx/evaluate/Heads.h"

using namespace mlir;

namespace fathom::onnx {

namespace {
/// Where a node has what, and whose positions may be an offset.
struct RotaryInputs {
  size_t cosine, sine, positions;
};
} // namespace

/// Cosines and sines [positions, pairs] that `positions` choose from, or [batch, positions, pairs] as they are.
static bool checkTables(NodeValues &node, const RotaryInputs &inputs, const Array &heads, int64_t pairs) {
  const Array &cosine = node.in(inputs.cosine), &sine = node.in(inputs.sine);
  bool chosen = node.has(inputs.positions);
  Extents expected = {heads.shape[0], heads.shape[2], pairs};
  bool fits = cosine.isReal() && sine.isReal() && cosine.shape == sine.shape && cosine.rank() == (chosen ? 2 : 3) &&
              cosine.shape.back() >= pairs;
  fits = fits && (chosen || cosine.shape == expected);
  return fits || node.fail("has cosines and sines that do not fit");
}

static bool rotateBy(NodeValues &node, const RotaryInputs &inputs) {
  std::optional<Array> heads = intoHeads(node, node.in(0), node.integer("num_heads", 0));
  int64_t given = node.integer("rotary_embedding_dim", 0);
  if (!heads && node.in(0).rank() == 3 && node.integer("num_heads", 0) == 0 && node.has(inputs.cosine)) {
    // Heads follow from the tables.
    int64_t width =
        2 * std::max<int64_t>(node.in(inputs.cosine).shape.empty() ? 1 : node.in(inputs.cosine).shape.back(), 1);
    heads = intoHeads(node, node.in(0), node.in(0).shape[2] / width);
  }
  int64_t count = heads ? (given > 0 ? given : heads->shape[3]) : 0;
  if (!heads || count > heads->shape[3] || !checkTables(node, inputs, *heads, count / 2)) {
    return node.fail("wants heads of floats");
  }
  const Array &cosine = node.in(inputs.cosine), &sine = node.in(inputs.sine), &places = node.in(inputs.positions);
  bool chosen = node.has(inputs.positions), isOffset = places.size() == 1;
  int64_t batch = heads->shape[0], length = heads->shape[2];
  if (chosen && (!places.isInteger() || (!isOffset && places.size() != batch * length))) {
    return node.fail("has positions that do not fit");
  }
  int64_t rows = cosine.size() / std::max<int64_t>(cosine.shape.back(), 1);
  bool inside = true;
  rotate(*heads, count, node.integer("interleaved", 0) != 0, [&](int64_t b, int64_t i, int64_t pair) {
    int64_t place = chosen ? places.integers[isOffset ? 0 : b * length + i] : b * length + i;
    // Places are any numbers: nothing is added to one that is beyond the table.
    int64_t row = place >= 0 && place < rows ? place + (chosen && isOffset ? i : 0) : -1;
    bool found = row >= 0 && row < rows;
    inside = inside && found;
    int64_t at = found ? row * cosine.shape.back() + pair : 0;
    return found ? Rotation{cosine.reals[at], sine.reals[at]} : Rotation{1, 0};
  });
  if (!inside) {
    return node.fail("has positions beyond its cosines and sines");
  }
  return node.give(0, node.in(0).rank() == 3 ? fromHeads(*heads) : std::move(*heads));
}

static bool rotary(NodeValues &node) { return rotateBy(node, {1, 2, 3}); }
static bool rotaryMicrosoft(NodeValues &node) { return rotateBy(node, {2, 3, 1}); }

llvm::ArrayRef<EvaluateRow> rotaryRows() {
  static const EvaluateRow rows[] = {
      {"", "RotaryEmbedding", rotary, 3},
      {"com.microsoft", "RotaryEmbedding", rotaryMicrosoft, 4},
  };
  return rows;
}

} // namespace fathom::onnx
