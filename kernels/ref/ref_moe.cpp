// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mixture of experts: the choice, the sort by expert, products of slots, the weighted sum.

#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace fathom::ref {

static std::vector<double> scores_of(const float *logits, const GateOptions &options) {
  std::vector<double> scores(logits, logits + options.experts);
  switch (options.scoring) {
  case Scoring::Softmax:
    softmax(scores);
    break;
  case Scoring::Sigmoid:
    for (double &score : scores) {
      score = 1.0 / (1.0 + std::exp(-score));
    }
    break;
  }
  return scores;
}

/// Indices of the `count` largest values, descending, ties to the lowest index.
static std::vector<int64_t> largest(const std::vector<float> &values, int64_t count) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return values[a] > values[b] || (values[a] == values[b] && a < b); });
  order.resize(count);
  return order;
}

/// What a group is worth, by its choices in descending order.
static float group_score(const std::vector<float> &group, GroupRule rule) {
  switch (rule) {
  case GroupRule::None:
  case GroupRule::Max:
    return group[0];
  case GroupRule::Top2Sum:
    return group.size() > 1 ? group[0] + group[1] : group[0];
  }
  __builtin_unreachable();
}

static void drop_groups(std::vector<float> &choice, const GateOptions &options) {
  int64_t size = options.experts / options.groups;
  std::vector<float> scores(options.groups);
  for (int64_t g = 0; g < options.groups; ++g) {
    std::vector<float> group(choice.begin() + g * size, choice.begin() + (g + 1) * size);
    std::sort(group.begin(), group.end(), std::greater<float>());
    scores[g] = group_score(group, options.group_rule);
  }
  std::vector<bool> kept(options.groups);
  for (int64_t g : largest(scores, options.chosen_groups)) {
    kept[g] = true;
  }
  for (int64_t e = 0; e < options.groups * size; ++e) {
    choice[e] = kept[e / size] ? choice[e] : -std::numeric_limits<float>::infinity();
  }
}

void moe_gate(const float *logits, const float *bias, int64_t T, const GateOptions &options, int32_t *ids,
              float *weights) {
  int64_t E = options.experts, k = options.chosen;
  for (int64_t t = 0; t < T; ++t) {
    std::vector<double> scores = scores_of(logits + t * E, options);
    std::vector<float> choice(E);
    double lost = 0; // NaN if a choice is.
    for (int64_t e = 0; e < E; ++e) {
      choice[e] = static_cast<float>(scores[e]) + (bias ? bias[e] : 0.0f);
      if (std::isnan(choice[e])) {
        lost = choice[e];
        choice[e] = -std::numeric_limits<float>::infinity();
      }
    }
    if (options.group_rule != GroupRule::None) {
      drop_groups(choice, options);
    }
    std::vector<int64_t> best = largest(choice, k);
    double sum = 0;
    for (int64_t e : best) {
      sum += scores[e];
    }
    double factor = options.factor / (options.normalize ? sum + 1e-20 : 1.0);
    for (int64_t j = 0; j < k; ++j) {
      ids[t * k + j] = static_cast<int32_t>(best[j]);
      weights[t * k + j] = static_cast<float>(scores[best[j]] * factor + lost);
    }
  }
}

void moe_permute(const int32_t *ids, int64_t T, int64_t E, int64_t k, int32_t *offsets, int32_t *source_row,
                 int32_t *slot) {
  int32_t next = 0;
  for (int64_t e = 0; e < E; ++e) {
    offsets[e] = next;
    for (int64_t i = 0; i < T * k; ++i) {
      if (ids[i] == e) {
        source_row[next] = static_cast<int32_t>(i / k);
        slot[i] = next++;
      }
    }
  }
  offsets[E] = next;
}

void moe_linear(const float *x, const int32_t *offsets, const int32_t *source_row, const float *const *w, int64_t E,
                int64_t K, int64_t N, float *out) {
  for (int64_t e = 0; e < E; ++e) {
    for (int64_t s = offsets[e]; s < offsets[e + 1]; ++s) {
      int64_t row = source_row ? source_row[s] : s;
      linear(x + row * K, w[e], 1, K, N, out + s * N);
    }
  }
}

void moe_combine(const float *y, const int32_t *slot, const float *weights, int64_t T, int64_t H, int64_t k,
                 float *out) {
  for (int64_t i = 0; i < T * H; ++i) {
    int64_t t = i / H;
    double sum = 0;
    for (int64_t j = 0; j < k; ++j) {
      sum += static_cast<double>(weights[t * k + j]) * y[slot[t * k + j] * H + i % H];
    }
    out[i] = static_cast<float>(sum);
  }
}

} // namespace fathom::ref
