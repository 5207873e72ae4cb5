// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Routing: which experts a token goes to, tokens sorted by expert, and the experts' results added up.

#ifndef FATHOM_KERNELS_CPU_MOE_H
#define FATHOM_KERNELS_CPU_MOE_H

#include "kernels/cpu/kernel.h"
#include "kernels/cpu/weights.h"

namespace fathom::cpu {

/// Operands: logits [T, E], bias f32[E] (read if has_bias), ids i32[T, k], weights f32[T, k].
///
/// score = softmax or sigmoid of the logits; choice = score + bias. With a group rule, groups of E / n_group
/// experts are ranked by their largest choice or the sum of their two largest, and only topk_group groups
/// stay. The k largest choices win, ties to the lowest index, in descending order. weight = score, divided by
/// (sum of the chosen scores + 1e-20) if `normalise`, times factor. A NaN never wins against a number.
struct MoeRoute {
  enum Constant { FATHOM_CONSTANTS_MOE_ROUTE };

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t * /*c*/) { return rows; }

  static FATHOM_INLINE float nan() { return __builtin_nanf(""); }
  static FATHOM_INLINE float infinity() { return __builtin_inff(); }

  static FATHOM_INLINE void softmax(const float *logits, int64_t experts, float *scores) {
    float highest = -infinity();
    for (int64_t e = 0; e < experts; ++e) {
      highest = logits[e] > highest ? logits[e] : highest;
    }
    f32x16 total = 0.0f;
    for (int64_t e = 0; e < experts; e += kLanes) {
      int64_t count = smaller(kLanes, experts - e);
      f32x16 value = exponential(load_part(logits + e, count) - highest);
      store(scores + e, value);
      total = total + load_part(scores + e, count);
    }
    float inverse = 1.0f / sum(total);
    for (int64_t e = 0; e < experts; ++e) {
      scores[e] = scores[e] * inverse;
    }
  }

  static FATHOM_INLINE void sigmoids(const float *logits, int64_t experts, float *scores) {
    for (int64_t e = 0; e < experts; e += kLanes) {
      store(scores + e, sigmoid(load_part(logits + e, smaller(kLanes, experts - e))));
    }
  }

  /// Index of the first largest value; marks it as taken with NaN.
  static FATHOM_INLINE int64_t take_largest(float *values, int64_t count) {
    int64_t best = 0;
    float highest = nan();
    for (int64_t i = 0; i < count; ++i) {
      if (values[i] > highest || (values[i] == values[i] && highest != highest)) {
        best = i;
        highest = values[i];
      }
    }
    values[best] = nan();
    return best;
  }

  static FATHOM_INLINE float group_score(const float *choice, int64_t size, bool two) {
    float first = -infinity(), second = -infinity();
    for (int64_t i = 0; i < size; ++i) {
      float value = choice[i];
      second = value > first ? first : value > second ? value : second;
      first = value > first ? value : first;
    }
    return two ? first + second : first;
  }

  static FATHOM_INLINE void drop_groups(float *choice, float *groups, const int64_t *c) {
    int64_t size = c[E] / c[n_group];
    for (int64_t g = 0; g < c[n_group]; ++g) {
      groups[g] = group_score(choice + g * size, size, c[group_rule] == FATHOM_GROUP_RULE_SUM_OF_TWO && size > 1);
    }
    for (int64_t g = 0; g < c[topk_group]; ++g) {
      take_largest(groups, c[n_group]);
    }
    for (int64_t e = 0; e < c[n_group] * size; ++e) {
      choice[e] = groups[e / size] == groups[e / size] ? -infinity() : choice[e];
    }
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    const float *logits = operand<const float>(dispatch, 0) + item * c[E];
    auto *bias = operand<const float>(dispatch, 1);
    int32_t *ids = operand<int32_t>(dispatch, 2) + item * c[k];
    float *weights = operand<float>(dispatch, 3) + item * c[k];
    auto *scores = static_cast<float *>(scratch);
    float *choice = scores + c[E] + kLanes;
    if (c[scoring] == FATHOM_SCORING_SOFTMAX) {
      softmax(logits, c[E], scores);
    } else {
      sigmoids(logits, c[E], scores);
    }
    float lost = 0.0f; // NaN if a choice is: it must not vanish with an expert that nobody chooses.
    for (int64_t e = 0; e < c[E]; ++e) {
      float value = c[has_bias] ? scores[e] + bias[e] : scores[e];
      choice[e] = value == value ? value : -infinity();
      lost = value == value ? lost : value;
    }
    if (c[group_rule] != FATHOM_GROUP_RULE_NONE) {
      drop_groups(choice, choice + c[E] + kLanes, c);
    }
    float total = 0.0f;
    for (int64_t j = 0; j < c[k]; ++j) {
      ids[j] = static_cast<int32_t>(take_largest(choice, c[E]));
      weights[j] = scores[ids[j]];
      total = total + weights[j];
    }
    float divisor = c[normalise] ? total + 1e-20f : 1.0f;
    for (int64_t j = 0; j < c[k]; ++j) {
      weights[j] = weights[j] / divisor * real(c[factor]) + lost;
    }
  }
};

/// Operands: ids i32[T, k], offsets i32[E + 1], source_row i32[T * k], slot i32[T, k].
///
/// Slots are (token, choice) pairs sorted by expert, in order of (token, choice) within one: expert e has the slots
/// [offsets[e], offsets[e + 1]), source_row[slot] is a slot's token and slot[t, j] the slot of a pair. One item.
struct MoePermute {
  enum Constant { FATHOM_CONSTANTS_MOE_PERMUTE };

  static FATHOM_INLINE int64_t items(int64_t /*rows*/, const int64_t * /*c*/) { return 1; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t /*item*/, void *scratch) {
    auto *ids = operand<const int32_t>(dispatch, 0);
    auto *offsets = operand<int32_t>(dispatch, 1);
    auto *source_row = operand<int32_t>(dispatch, 2);
    auto *slot = operand<int32_t>(dispatch, 3);
    auto *next = static_cast<int32_t *>(scratch);
    int64_t pairs = dispatch->rows * c[k];
    for (int64_t e = 0; e < c[E]; ++e) {
      next[e] = 0;
    }
    for (int64_t i = 0; i < pairs; ++i) {
      ++next[ids[i]];
    }
    offsets[0] = 0;
    for (int64_t e = 0; e < c[E]; ++e) {
      offsets[e + 1] = offsets[e] + next[e];
      next[e] = offsets[e];
    }
    for (int64_t i = 0; i < pairs; ++i) {
      int32_t to = next[ids[i]]++;
      slot[i] = to;
      source_row[to] = static_cast<int32_t>(i / c[k]);
    }
  }
};

/// Operands: y [T * k, H], slot i32[T, k], weights f32[T, k], out [T, H] = sum over j of weights[j] *
/// y[slot[j]] in order, then the epilogue's.
struct MoeCombine {
  enum Constant { FATHOM_CONSTANTS_MOE_COMBINE };

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t * /*c*/) { return rows; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    auto *y = operand<const float>(dispatch, 0);
    const int32_t *slot = operand<const int32_t>(dispatch, 1) + item * c[k];
    const float *weights = operand<const float>(dispatch, 2) + item * c[k];
    float *out = operand<float>(dispatch, 3) + item * c[H];
    int64_t column = 0;
    for (; column + kPanel <= c[H]; column += kPanel) {
      alignas(64) float values[kPanel];
      for (int64_t i = 0; i < kPanel; i += kLanes) {
        f32x16 total = 0.0f;
        for (int64_t j = 0; j < c[k]; ++j) {
          total = fma(weights[j], load(y + slot[j] * c[H] + column + i), total);
        }
        store(values + i, total);
      }
      fathom_epilogue(dispatch, item, column, kPanel, values);
      store(out + column, load(values));
      store(out + column + kLanes, load(values + kLanes));
    }
    if (column < c[H]) {
      combine_rest(dispatch, c, item, column, y, slot, weights, out);
    }
  }

  static FATHOM_INLINE void combine_rest(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item,
                                         int64_t column, const float *y, const int32_t *slot, const float *weights,
                                         float *out) {
    alignas(64) float values[kPanel];
    int64_t count = c[H] - column;
    for (int64_t i = 0; i < count; ++i) {
      float total = 0.0f;
      for (int64_t j = 0; j < c[k]; ++j) {
        total = __builtin_elementwise_fma(weights[j], y[slot[j] * c[H] + column + i], total);
      }
      values[i] = total;
    }
    fathom_epilogue(dispatch, item, column, count, values);
    for (int64_t i = 0; i < count; ++i) {
      out[column + i] = values[i];
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_MOE_H
