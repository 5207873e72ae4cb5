// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// onnxruntime's attention with a cache and rotary embedding of its own.

#include "dialects/onnx/evaluate/Heads.h"

#include <cmath>

using namespace mlir;

namespace fathom::onnx {

namespace {
/// What GroupQueryAttention works on, and of each of the batch how many positions were before.
struct GroupedHeads {
  Array query, key, value;
  Extents past;
};
} // namespace

/// The heads of input 0, of which those of keys and values may be the last.
static std::optional<GroupedHeads> readGrouped(NodeValues &node) {
  int64_t heads = node.integer("num_heads", 0), keyHeads = node.integer("kv_num_heads", 0);
  bool packed = !node.has(1);
  if (heads < 1 || keyHeads < 1 || heads > kMostElements || keyHeads > kMostElements || !node.expectRank(0, 3)) {
    node.fail("wants num_heads and kv_num_heads");
    return std::nullopt;
  }
  std::optional<Array> all = intoHeads(node, node.in(0), packed ? heads + 2 * keyHeads : heads);
  std::optional<Array> key = packed ? std::nullopt : intoHeads(node, node.in(1), keyHeads),
                       value = packed ? std::nullopt : intoHeads(node, node.in(2), keyHeads);
  if (!all || (!packed && (!key || !value))) {
    return std::nullopt;
  }
  Extents expected = {all->shape[0], keyHeads, all->shape[2], all->shape[3]};
  if (!packed && (key->shape != expected || value->shape != expected)) {
    node.fail("has keys or values that do not fit its queries");
    return std::nullopt;
  }
  auto part = [&](int64_t first, int64_t count) {
    Extents shape = all->shape;
    shape[1] = count;
    Array heads(all->element, shape);
    Extents strides = stridesOf(all->shape);
    int64_t at = 0;
    forEachPlace(shape, [&](ArrayRef<int64_t> p) {
      heads.reals[at++] = all->reals[elementAt(p, strides) + first * strides[1]];
    });
    return heads;
  };
  if (!packed) {
    return GroupedHeads{std::move(*all), std::move(*key), std::move(*value), {}};
  }
  return GroupedHeads{part(0, heads), part(heads, keyHeads), part(heads + keyHeads, keyHeads), {}};
}

/// Scales each head to a common size, as RMSNormalization does.
static bool normalizeHeads(NodeValues &node, Array &heads, size_t scale) {
  int64_t width = heads.shape[3];
  if (!node.has(scale)) {
    return true;
  }
  if (!node.in(scale).isReal() || node.in(scale).size() != width) {
    return node.fail("has norms of another width");
  }
  for (int64_t at = 0; at < heads.size(); at += width) {
    double square = 0;
    for (int64_t i = 0; i < width; ++i) {
      square += heads.reals[at + i] * heads.reals[at + i] / static_cast<double>(width);
    }
    for (int64_t i = 0; i < width; ++i) {
      heads.reals[at + i] *= node.in(scale).reals[i] / std::sqrt(square + node.real("qk_norm_epsilon", 1e-6));
    }
  }
  return true;
}

/// By the position of each token, which counts those before it, or is input 9.
static bool rotateGrouped(NodeValues &node, GroupedHeads &heads) {
  const Array &cosine = node.in(7), &sine = node.in(8), &places = node.in(9);
  if (node.integer("do_rotary", 0) == 0) {
    return true;
  }
  int64_t pairs = cosine.rank() == 2 ? cosine.shape[1] : 0, length = heads.query.shape[2];
  bool fits = cosine.isReal() && sine.isReal() && pairs > 0 && 2 * pairs <= heads.query.shape[3];
  if (!fits || cosine.shape != sine.shape ||
      (node.has(9) && static_cast<int64_t>(places.integers.size()) != heads.query.shape[0] * length)) {
    return node.fail("has cosines and sines that do not fit");
  }
  bool inside = true;
  for (Array *array : {&heads.query, &heads.key}) {
    rotate(*array, 2 * pairs, node.integer("rotary_interleaved", 0) != 0, [&](int64_t b, int64_t i, int64_t pair) {
      int64_t row = node.has(9) ? places.integers[b * length + i] : heads.past[b] + i;
      bool found = row >= 0 && row < cosine.shape[0];
      inside = inside && found;
      return found ? Rotation{cosine.reals[row * pairs + pair], sine.reals[row * pairs + pair]} : Rotation{1, 0};
    });
  }
  return inside || node.fail("has positions beyond its cosines and sines");
}

/// How many positions each of the batch has before this call; a first call has none, and padding at its end.
static bool countPast(NodeValues &node, GroupedHeads &heads) {
  int64_t length = heads.query.shape[2], total = node.whole(6, -1);
  std::optional<Extents> lengths = lengthsOf(node, 5, heads.query.shape[0], length - 1);
  if (!lengths) {
    return false;
  }
  int64_t room = node.in(3).rank() == 4 ? node.in(3).shape[2] : 0;
  if (node.in(3).shape != node.in(4).shape) {
    return node.fail("has a past of keys that is not like that of values");
  }
  for (int64_t last : *lengths) {
    // Input 6 is left out by some; then a first call is one without a past.
    bool isFirst = total >= 0 ? total == length : room == 0;
    heads.past.push_back(isFirst ? 0 : last + 1 - length);
    if (heads.past.back() < 0 || heads.past.back() > room) {
      return node.fail("has lengths that its past does not have");
    }
  }
  return true;
}

/// Keys or values of the past with those of now behind what each of the batch has.
static std::optional<Array> write(NodeValues &node, const Array &past, const Array &now, ArrayRef<int64_t> from) {
  std::optional<Array> all = append(node, past, now);
  int64_t length = now.shape[2], at = 0;
  forEachPlace(all ? ArrayRef<int64_t>(now.shape) : ArrayRef<int64_t>{0}, [&](ArrayRef<int64_t> p) {
    all->reals[((p[0] * now.shape[1] + p[1]) * all->shape[2] + from[p[0]] + at / now.shape[3] % length) * now.shape[3] +
               p[3]] = now.reals[at];
    ++at;
  });
  return all;
}

// Query, key, value, past key and value, last positions, all positions, cosines and sines, positions, a mask, a score
// for each head that has no value, scales of packed caches, norms of queries and keys.
static bool groupQueryAttention(NodeValues &node) {
  std::optional<GroupedHeads> heads = readGrouped(node);
  if (!heads || !countPast(node, *heads) || !normalizeHeads(node, heads->query, 14) ||
      !normalizeHeads(node, heads->key, 15) || !rotateGrouped(node, *heads)) {
    return false;
  }
  std::optional<Array> key = write(node, node.in(3), heads->key, heads->past),
                       value = write(node, node.in(4), heads->value, heads->past);
  if (!key || !value || node.has(12) || node.has(13)) {
    return node.fail("has a cache of few bits");
  }
  const Array &sinks = node.in(11);
  auto mask =
      readMask(node, node.in(10), {heads->query.shape[0], heads->query.shape[1], heads->query.shape[2], key->shape[2]});
  if (!mask || (node.has(11) && static_cast<int64_t>(sinks.reals.size()) != heads->query.shape[1])) {
    return node.fail("has scores without values for other heads");
  }
  int64_t window = node.integer("local_window_size", -1);
  double scale = node.real("scale", 0);
  AttentionTerms terms = {&heads->query, &*key, &*value, scale != 0 ? scale : usualScale(heads->query),
                          node.real("softcap", 0)};
  terms.mask = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    int64_t position = heads->past[b] + i;
    bool seen = j <= position && (window <= 0 || j > position - window);
    return seen ? (*mask)(b, h, i, j) : -INFINITY;
  };
  if (node.has(11) || node.integer("smooth_softmax", 0)) {
    terms.sink = [&](int64_t head) { return node.has(11) ? sinks.reals[head] : 0; };
  }
  std::optional<Array> out = attend(node, terms);
  return out && node.give(0, fromHeads(*out)) && node.give(1, std::move(*key)) && node.give(2, std::move(*value));
}

llvm::ArrayRef<EvaluateRow> groupQueryRows() {
  static const EvaluateRow rows[] = {{"com.microsoft", "GroupQueryAttention", groupQueryAttention}};
  return rows;
}

} // namespace fathom::onnx
