// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that a graph is raised to.

#include "dialects/onnx/Raised.h"

#include "dialects/onnx/evaluate/Functions.h"
#include "dialects/onnx/evaluate/Heads.h"

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

llvm::ArrayRef<EvaluateRow> raisedRows() {
  using namespace raised;
  static const EvaluateRow rows[] = {
      {kDomain, kRotate, rotatePairs, 3},
      {kDomain, kSwiGlu, swiGlu, 2},
      {kDomain, kCausalAttention, causalAttention, 3},
  };
  return rows;
}

} // namespace fathom::onnx
