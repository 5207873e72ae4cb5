// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sparse attention selects.

#include "fathom/kernel_abi.h"
#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>

namespace fathom::ref {

namespace {

/// Positions of a block, all of which are in one part.
constexpr int64_t kBlock = FATHOM_PAGE_TOKENS;

struct Scored {
  float score;
  int32_t position;
};

} // namespace

/// Larger scores first, then lower positions; NaN behind all numbers.
static bool is_better(const Scored &a, const Scored &b) {
  if (std::isnan(a.score) != std::isnan(b.score)) {
    return std::isnan(b.score);
  }
  return a.score > b.score || (!(b.score > a.score) && a.position < b.position);
}

/// The best `count`, in ascending order of position.
static void keep_best(std::vector<Scored> &keys, int64_t count) {
  std::sort(keys.begin(), keys.end(), is_better);
  keys.resize(std::min<size_t>(keys.size(), count));
  std::sort(keys.begin(), keys.end(), [](const Scored &a, const Scored &b) { return a.position < b.position; });
}

float index_score(const float *q, const float *w, const float *key, const IndexShape &shape) {
  double score = 0;
  for (int64_t h = 0; h < shape.heads; ++h) {
    double product = 0;
    for (int64_t i = 0; i < shape.head_dim; ++i) {
      product += static_cast<double>(q[h * shape.head_dim + i]) * key[i];
    }
    score += w[h] * (product < 0 ? 0 : product);
  }
  return static_cast<float>(score);
}

void index_select(const float *q, const float *w, const float *keys, const int32_t *positions, int64_t T,
                  const IndexShape &shape, int32_t *out) {
  std::vector<float> scores(T * shape.kept);
  index_candidates(q, w, keys, positions, T, shape, 1, scores.data(), out);
}

void index_candidates(const float *q, const float *w, const float *keys, const int32_t *positions, int64_t T,
                      const IndexShape &shape, int64_t parts, float *scores, int32_t *ids) {
  std::fill_n(scores, T * parts * shape.kept, 0.0f);
  std::fill_n(ids, T * parts * shape.kept, -1);
  for (int64_t i = 0; i < T * parts; ++i, scores += shape.kept, ids += shape.kept) {
    int64_t t = i / parts, part = i % parts, visible = positions[t] + 1, blocks = (visible + kBlock - 1) / kBlock;
    std::vector<Scored> best;
    int64_t used = std::clamp<int64_t>(visible / (2 * shape.kept), 1, parts);
    auto begin_of = [&](int64_t i) { return std::min(blocks * std::min(i, used) / used * kBlock, visible); };
    for (int64_t u = begin_of(part); u < begin_of(part + 1); ++u) {
      const float *key = keys + u * shape.head_dim;
      best.push_back({visible <= shape.kept
                          ? 0
                          : index_score(q + t * shape.heads * shape.head_dim, w + t * shape.heads, key, shape),
                      static_cast<int32_t>(u)});
    }
    keep_best(best, shape.kept);
    for (size_t j = 0; j < best.size(); ++j) {
      scores[j] = best[j].score;
      ids[j] = best[j].position;
    }
  }
}

void index_merge(const float *scores, const int32_t *ids, int64_t T, int64_t k, int64_t parts, int32_t *out) {
  for (int64_t t = 0; t < T; ++t, scores += parts * k, ids += parts * k) {
    std::vector<Scored> best;
    for (int64_t j = 0; j < parts * k; ++j) {
      if (ids[j] >= 0) {
        best.push_back({scores[j], ids[j]});
      }
    }
    keep_best(best, k);
    for (int64_t j = 0; j < k; ++j) {
      out[t * k + j] = j < static_cast<int64_t>(best.size()) ? best[j].position : -1;
    }
  }
}

} // namespace fathom::ref
