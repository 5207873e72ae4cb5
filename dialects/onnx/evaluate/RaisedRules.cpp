// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that a graph is raised to.

#include "dialects/onnx/Raised.h"

#include "dialects/onnx/evaluate/Functions.h"
#include "dialects/onnx/evaluate/Heads.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace fathom::onnx {

// Input, cosine, sine.
static bool rotatePairs(NodeValues &node) {
  const Array &x = node.in(0), &cosine = node.in(1), &sine = node.in(2);
  bool isReal = x.isReal() && cosine.isReal() && sine.isReal() && x.rank() > 0 && x.shape.back() % 2 == 0;
  std::optional<Extents> factors = isReal ? broadcast(cosine.shape, sine.shape) : std::nullopt;
  std::optional<Extents> shape = factors ? broadcast(x.shape, *factors) : std::nullopt;
  if (!shape || shape->back() != x.shape.back()) {
    return node.fail("wants pairs of floats, and cosines and sines of them");
  }
  Array *to = node.make(0, x.element, *shape);
  if (!to) {
    return false;
  }
  Extents strides = stridesIn(x.shape, *shape), cosines = stridesIn(cosine.shape, *shape),
          sines = stridesIn(sine.shape, *shape);
  int64_t half = shape->back() / 2, at = 0;
  forEachPlace(*shape, [&](ArrayRef<int64_t> place) {
    bool isFirst = place.back() < half;
    int64_t own = elementAt(place, strides);
    double turned = isFirst ? -x.reals[own + half] : x.reals[own - half];
    to->reals[at++] =
        x.reals[own] * cosine.reals[elementAt(place, cosines)] + turned * sine.reals[elementAt(place, sines)];
  });
  return true;
}

// Gate, up.
static bool swiGlu(NodeValues &node) {
  const Array &gate = node.in(0), &up = node.in(1);
  if (!gate.isReal() || !up.isReal() || gate.shape != up.shape) {
    return node.fail("wants floats of one shape");
  }
  Array *to = node.make(0, gate.element, gate.shape);
  for (size_t i = 0; to && i < gate.reals.size(); ++i) {
    to->reals[i] = gate.reals[i] * sigmoid(gate.reals[i]) * up.reals[i];
  }
  return to != nullptr;
}

// Query, key, value.
static bool causalAttention(NodeValues &node) {
  const Array &query = node.in(0), &key = node.in(1), &value = node.in(2);
  if (query.rank() != 4 || key.rank() != 4) {
    return node.fail("wants heads of queries, keys and values");
  }
  int64_t before = key.shape[2] - query.shape[2];
  AttentionTerms terms = {&query, &key, &value, node.real("scale", 1)};
  terms.mask = [&](int64_t, int64_t, int64_t i, int64_t j) { return j > before + i ? -double(INFINITY) : 0; };
  std::optional<Array> out = attend(node, terms);
  return out && node.give(0, std::move(*out));
}

/// Σ_h weight_h · max(0, query_h · key) of query `i` and each key: index queries [batch, heads, positions, width], keys
/// [batch, 1, keys, width] and weights [batch, positions, heads].
static SmallVector<double> scoreKeys(NodeValues &node, int64_t batch, int64_t i) {
  const Array &query = node.in(3), &key = node.in(4), &weights = node.in(5);
  int64_t heads = query.shape[1], positions = query.shape[2], width = query.shape[3], keys = key.shape[2];
  SmallVector<double> scores(keys, 0.0);
  for (int64_t j = 0; j < keys; ++j) {
    const double *own = key.reals.data() + (batch * keys + j) * width;
    for (int64_t head = 0; head < heads; ++head) {
      const double *first = query.reals.data() + ((batch * heads + head) * positions + i) * width;
      double product = std::inner_product(own, own + width, first, 0.0);
      scores[j] += weights.reals[(batch * positions + i) * heads + head] * std::max(0.0, product);
    }
  }
  return scores;
}

/// Of the keys that a query may see whether it sees each: those of the largest scores, of equal ones the first.
static SmallVector<bool> chooseKeys(ArrayRef<double> scores, int64_t visible, int64_t topK) {
  SmallVector<int64_t> order(std::clamp<int64_t>(visible, 0, int64_t(scores.size())));
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order, [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  order.truncate(std::clamp<int64_t>(topK, 0, int64_t(order.size())));
  SmallVector<bool> chosen(scores.size(), false);
  for (int64_t j : order) {
    chosen[j] = true;
  }
  return chosen;
}

static bool fitsIndex(NodeValues &node) {
  const Array &query = node.in(0), &key = node.in(1), &of = node.in(3), &by = node.in(4), &weights = node.in(5);
  bool areReal = query.rank() == 4 && key.rank() == 4 && of.isReal() && by.isReal() && weights.isReal() &&
                 of.rank() == 4 && by.rank() == 4;
  return areReal && of.shape[0] == query.shape[0] && of.shape[2] == query.shape[2] && by.shape[2] == key.shape[2] &&
         by.size() == query.shape[0] * key.shape[2] * of.shape[3] &&
         weights.size() == of.shape[0] * of.shape[1] * of.shape[2];
}

// Query, key, value, index query, index key, index weights.
static bool sparseAttention(NodeValues &node) {
  if (!fitsIndex(node)) {
    return node.fail("wants heads, and index queries, keys and weights of the same positions");
  }
  const Array &query = node.in(0), &key = node.in(1), &value = node.in(2);
  int64_t positions = query.shape[2], before = key.shape[2] - positions;
  SmallVector<SmallVector<bool>> chosen;
  for (int64_t row = 0; row < query.shape[0] * positions; ++row) {
    int64_t i = row % positions;
    chosen.push_back(chooseKeys(scoreKeys(node, row / positions, i), before + i + 1, node.integer("top_k", 1)));
  }
  AttentionTerms terms = {&query, &key, &value, node.real("scale", 1)};
  terms.mask = [&](int64_t b, int64_t, int64_t i, int64_t j) {
    return chosen[b * positions + i][j] ? 0 : -double(INFINITY);
  };
  std::optional<Array> out = attend(node, terms);
  return out && node.give(0, std::move(*out));
}

namespace {
/// Numbers as rows of a matrix, some of which are `bits` wide and lie in bytes from the lowest up. Rows may be longer
/// than those of the matrix.
struct PackedRows {
  PackedRows(const Array &array, int64_t rows, int64_t bits)
      : array(array),
        bits(bits > 0 && array.isInteger() && int64_t(array.element.getIntOrFloatBitWidth()) > bits ? bits : 0),
        width(array.size() * (this->bits ? 8 / this->bits : 1) / std::max<int64_t>(rows, 1)) {}

  double at(int64_t row, int64_t column) const {
    int64_t index = row * width + column;
    if (bits == 0) {
      return array.real(index);
    }
    int64_t byte = array.integers[index * bits / 8];
    return double((byte >> (index * bits % 8)) & ((1 << bits) - 1));
  }

  const Array &array;
  int64_t bits, width;
};
} // namespace

// Numbers, scales, zeros.
static bool dequantize(NodeValues &node) {
  auto type = dyn_cast<RankedTensorType>(node.op().getOutputs()[0].getType());
  std::optional<Extents> block = node.attribute("block");
  if (!type || type.getRank() < 2 || !type.hasStaticShape() || !block || block->size() != 2 || (*block)[0] <= 0 ||
      (*block)[1] <= 0) {
    return node.fail("wants matrices, and blocks of them");
  }
  int64_t rows = type.getShape().end()[-2], columns = type.getShape().back(), bits = node.integer("bits", 0);
  int64_t all = type.getNumElements() / std::max<int64_t>(columns, 1), down = llvm::divideCeil(rows, (*block)[0]);
  int64_t grids = all / std::max<int64_t>(rows, 1) * down, across = llvm::divideCeil(columns, (*block)[1]);
  PackedRows numbers(node.in(0), all, bits), scales(node.in(1), grids, 0), zeros(node.in(2), grids, bits);
  Array *to = node.make(0, type.getElementType(), type.getShape());
  if (!to || numbers.width < columns || scales.width < across || (node.has(2) && zeros.width < across)) {
    return node.fail("has fewer numbers, scales or zeros than its matrix");
  }
  for (int64_t i = 0; i < all * columns; ++i) {
    int64_t row = i / columns, y = row / rows * down + row % rows / (*block)[0], x = i % columns / (*block)[1];
    double zero = node.has(2) ? zeros.at(y, x) : node.real("zero", 0);
    to->reals[i] = (numbers.at(row, i % columns) - zero) * scales.at(y, x);
  }
  return true;
}

llvm::ArrayRef<EvaluateRow> raisedRows() {
  using namespace raised;
  static const EvaluateRow rows[] = {
      {kDomain, kRotate, rotatePairs, 3},
      {kDomain, kSwiGlu, swiGlu, 2},
      {kDomain, kDequantize, dequantize, 2},
      {kDomain, kCausalAttention, causalAttention, 3},
      {kDomain, kSparseAttention, sparseAttention, 6},
  };
  return rows;
}

} // namespace fathom::onnx
