// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gate: which experts a token goes to, and with what weights. A token is an item.
//
// Operands: logits [T, E], bias f32[E] (read if has_bias), ids i32[T, k], weights f32[T, k].
//
// score = softmax or sigmoid of the logits; choice = score + bias. With a group rule, groups of E / n_group
// experts are ranked by their largest choice or the sum of their two largest, and only topk_group groups
// stay. The k largest choices win, ties to the lowest index, in descending order. weight = score, divided by
// (sum of the chosen scores + 1e-20) if `normalize`, times factor. A NaN never wins against a number.

#include "kernels/cpu/kernel.h"

// For the values of constants.
#include "kernels/ops.def"

namespace fathom::cpu {

enum class Scoring : int64_t { Softmax = FATHOM_SCORING_SOFTMAX, Sigmoid = FATHOM_SCORING_SIGMOID };
enum class GroupRule : int64_t {
  None = FATHOM_GROUP_RULE_NONE,
  Max = FATHOM_GROUP_RULE_MAX,
  Top2Sum = FATHOM_GROUP_RULE_TOP2_SUM
};

struct MoeGate : RowItems<moe_gate_constants> {
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

  static FATHOM_INLINE void score(Scoring scoring, const float *logits, int64_t experts, float *scores) {
    switch (scoring) {
    case Scoring::Softmax:
      return softmax(logits, experts, scores);
    case Scoring::Sigmoid:
      return sigmoids(logits, experts, scores);
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

  static FATHOM_INLINE float group_score(GroupRule rule, const float *choice, int64_t size) {
    float first = -infinity(), second = -infinity();
    for (int64_t i = 0; i < size; ++i) {
      float value = choice[i];
      second = value > first ? first : value > second ? value : second;
      first = value > first ? value : first;
    }
    switch (rule) {
    case GroupRule::None:
    case GroupRule::Max:
      return first;
    case GroupRule::Top2Sum:
      return size > 1 ? first + second : first;
    }
    __builtin_unreachable();
  }

  static FATHOM_INLINE void drop_groups(float *choice, float *groups, const int64_t *c) {
    int64_t size = c[E] / c[n_group];
    for (int64_t g = 0; g < c[n_group]; ++g) {
      groups[g] = group_score(static_cast<GroupRule>(c[group_rule]), choice + g * size, size);
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
    score(static_cast<Scoring>(c[scoring]), logits, c[E], scores);
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
    float divisor = c[normalize] ? total + 1e-20f : 1.0f;
    for (int64_t j = 0; j < c[k]; ++j) {
      weights[j] = weights[j] / divisor * real(c[factor]) + lost;
    }
  }
};

FATHOM_DEFINE_KERNEL(MoeGate)

} // namespace fathom::cpu
