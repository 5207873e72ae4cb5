// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads: their layout, their rotation, their attention.

#include "dialects/onnx/evaluate/Heads.h"

#include <cmath>

using namespace mlir;

namespace fathom::onnx {

std::optional<Array> intoHeads(NodeValues &node, const Array &in, int64_t heads) {
  if (in.isReal() && in.rank() == 4) {
    return in;
  }
  if (!in.isReal() || in.rank() != 3 || heads < 1 || in.shape[2] % heads != 0) {
    node.fail("has queries, keys or values that are neither of 4 dimensions nor of 3 with heads");
    return std::nullopt;
  }
  int64_t width = in.shape[2] / heads, positions = in.shape[1];
  Array out(in.element, {in.shape[0], heads, positions, width});
  int64_t at = 0;
  forEachPlace(out.shape, [&](ArrayRef<int64_t> p) {
    out.reals[at++] = in.reals[((p[0] * positions + p[2]) * heads + p[1]) * width + p[3]];
  });
  return out;
}

Array fromHeads(const Array &heads) {
  ArrayRef<int64_t> s = heads.shape;
  Array out(heads.element, {s[0], s[2], s[1] * s[3]});
  int64_t at = 0;
  forEachPlace(s, [&](ArrayRef<int64_t> p) {
    out.reals[((p[0] * s[2] + p[2]) * s[1] + p[1]) * s[3] + p[3]] = heads.reals[at++];
  });
  return out;
}

std::optional<Array> append(NodeValues &node, const Array &past, Array now) {
  if (!past.element) {
    return now;
  }
  Extents shape = now.shape, expected = now.shape;
  if (past.rank() == 4) {
    expected[2] = past.shape[2];
    shape[2] += past.shape[2];
  }
  std::optional<Array> all = node.makeInner(now.element, shape);
  if (past.shape != expected || past.element != now.element || !all) {
    node.fail("has past keys or values that do not fit");
    return std::nullopt;
  }
  int64_t at = 0;
  forEachPlace(shape, [&](ArrayRef<int64_t> p) {
    bool isPast = p[2] < expected[2];
    const Array &from = isPast ? past : now;
    int64_t position = isPast ? p[2] : p[2] - expected[2];
    all->reals[at++] = from.reals[((p[0] * shape[1] + p[1]) * from.shape[2] + position) * shape[3] + p[3]];
  });
  return all;
}

void rotate(Array &heads, int64_t count, bool interleaved, llvm::function_ref<Rotation(int64_t, int64_t, int64_t)> at) {
  Extents shape = heads.shape, strides = stridesOf(shape);
  shape[3] = count / 2;
  forEachPlace(shape, [&](ArrayRef<int64_t> p) {
    int64_t row = elementAt(p.take_front(3), ArrayRef(strides).take_front(3)), pair = p[3];
    double &x = heads.reals[row + (interleaved ? 2 * pair : pair)];
    double &y = heads.reals[row + (interleaved ? 2 * pair + 1 : count / 2 + pair)];
    Rotation by = at(p[0], p[2], pair);
    double turned = by.cosine * x - by.sine * y;
    y = by.sine * x + by.cosine * y;
    x = turned;
  });
}

std::optional<Mask> readMask(NodeValues &node, const Array &mask, ArrayRef<int64_t> scores) {
  if (!mask.element) {
    return [](int64_t, int64_t, int64_t, int64_t) { return 0.0; };
  }
  Extents covered(scores);
  int64_t keys = mask.rank() > 0 && mask.shape.back() != 1 ? mask.shape.back() : scores[3];
  covered[3] = std::min(keys, scores[3]);
  bool fits = (mask.isReal() || mask.isInteger()) && mask.rank() <= 4 && mask.rank() > 0;
  Extents shape = mask.shape;
  if (fits && shape.back() != 1) {
    shape.back() = covered[3];
  }
  if (!fits || broadcast(shape, covered) != covered) {
    node.fail("has a mask that does not fit");
    return std::nullopt;
  }
  Extents strides = stridesIn(mask.shape, covered);
  return [=, &mask](int64_t b, int64_t h, int64_t i, int64_t j) {
    if (j >= covered[3]) {
      return -double(INFINITY);
    }
    int64_t at = elementAt({b, h, i, j}, strides);
    return mask.isReal() ? mask.reals[at] : mask.integers[at] ? 0.0 : -double(INFINITY);
  };
}

double usualScale(const Array &query) {
  return 1 / std::sqrt(static_cast<double>(std::max<int64_t>(query.shape.back(), 1)));
}

std::optional<Extents> lengthsOf(NodeValues &node, size_t input, int64_t batch, int64_t all) {
  if (!node.has(input)) {
    return Extents(batch, all);
  }
  const std::vector<int64_t> &lengths = node.in(input).integers;
  if (static_cast<int64_t>(lengths.size()) != batch) {
    node.fail("has lengths for another batch");
    return std::nullopt;
  }
  return Extents(lengths.begin(), lengths.end());
}

/// The scores of one query become what its softmax is.
static void softmax(MutableArrayRef<double> scores, const AttentionTerms &terms, int64_t head) {
  double most = terms.sink ? terms.sink(head) : -INFINITY;
  for (double score : scores) {
    most = std::max(most, score);
  }
  double sum = terms.sink ? std::exp(terms.sink(head) - most) : 0;
  for (double &score : scores) {
    score = std::isinf(most) ? 0 : std::exp(score - most);
    sum += score;
  }
  for (double &score : scores) {
    score /= sum == 0 ? 1 : sum;
  }
}

static bool fit(const AttentionTerms &terms) {
  ArrayRef<int64_t> q = terms.query->shape, k = terms.key->shape, v = terms.value->shape;
  bool fits = q.size() == 4 && k.size() == 4 && v.size() == 4 && terms.query->isReal() && terms.key->isReal() &&
              terms.value->isReal();
  return fits && q[0] == k[0] && k[0] == v[0] && k[1] == v[1] && k[1] > 0 && q[1] % k[1] == 0 && q[3] == k[3] &&
         k[2] == v[2];
}

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

std::optional<Array> attend(NodeValues &node, const AttentionTerms &terms, Array *kept, ScoreStage stage) {
  if (!fit(terms)) {
    node.fail("has queries, keys and values that do not fit each other");
    return std::nullopt;
  }
  ArrayRef<int64_t> q = terms.query->shape;
  int64_t keys = terms.key->shape[2], width = terms.value->shape[3], shared = q[1] / terms.key->shape[1];
  std::optional<Array> out = node.makeInner(terms.query->element, {q[0], q[1], q[2], width});
  std::vector<double> scores(keys);
  int64_t row = 0;
  auto keep = [&](ScoreStage now) {
    kept &&stage == now ? void(llvm::copy(scores, kept->reals.begin() + row * keys)) : void();
  };
  out ? forEachPlace(q.take_front(3),
                     [&](ArrayRef<int64_t> p) {
                       int64_t head = p[0] * terms.key->shape[1] + p[1] / shared;
                       for (int64_t j = 0; j < keys; ++j) {
                         scores[j] = terms.scale * dot(terms.query->reals.data() + row * q[3],
                                                       terms.key->reals.data() + (head * keys + j) * q[3], q[3]);
                       }
                       keep(ScoreStage::Raw);
                       for (int64_t j = 0; j < keys && terms.cap > 0; ++j) {
                         scores[j] = terms.cap * std::tanh(scores[j] / terms.cap);
                       }
                       keep(ScoreStage::Capped);
                       for (int64_t j = 0; j < keys; ++j) {
                         scores[j] += terms.mask(p[0], p[1], p[2], j);
                       }
                       keep(ScoreStage::Masked);
                       softmax(scores, terms, p[1]);
                       keep(ScoreStage::Softmax);
                       for (int64_t j = 0; j < keys; ++j) {
                         for (int64_t i = 0; i < width; ++i) {
                           out->reals[row * width + i] += scores[j] * terms.value->reals[(head * keys + j) * width + i];
                         }
                       }
                       ++row;
                     })
      : void();
  return out;
}

} // namespace fathom::onnx
