// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gate: which experts a token goes to, and with what weights. A warp takes a token.
//
// Operands: logits [T, E], bias f32[E] (read if has_bias), ids i32[T, k], weights f32[T, k].
//
// score = softmax or sigmoid of the logits; choice = score + bias. With a group rule, groups of E / n_group experts are
// ranked by their largest choice or the sum of their two largest, and only topk_group groups stay. The k largest
// choices win, ties to the lowest index, in descending order. weight = score, divided by (sum of the chosen scores +
// 1e-20) if `normalize`, times factor. A NaN never wins against a number. Sums are those of kernels/cpu/moe_gate.cpp,
// bit for bit: of the softmax in sixteen lanes, then in a tree.

#include "kernels/nvptx/kernel.h"

// For the values of constants.
#include "kernels/ops.def"

namespace fathom::nv {

constexpr int kSumLanes = 16;

struct MoeGate : moe_gate_op {
  static FATHOM_INLINE float nan() { return __builtin_nanf(""); }
  static FATHOM_INLINE float infinity() { return __builtin_inff(); }

  /// use(i) for the numbers of this lane.
  template <class Use>
  static FATHOM_INLINE void for_each(int64_t count, const Use &use) {
    for (int64_t i = lane(); i < count; i += kWarp) {
      use(i);
    }
  }

  static FATHOM_INLINE void softmax(const float *logits, int64_t experts, float *scores) {
    float highest = -infinity();
    for_each(experts, [&](int64_t e) FATHOM_INLINED { highest = logits[e] > highest ? logits[e] : highest; });
    highest = largest_of_lanes(highest);
    float total = 0.0f;
    for (int64_t e = lane(); e < experts && lane() < kSumLanes; e += kSumLanes) {
      scores[e] = exponential(logits[e] - highest);
      total = total + scores[e];
    }
    float inverse = 1.0f / sum_of_lanes<kSumLanes>(total);
    warp_barrier();
    // All lanes need the sum of the first sixteen.
    inverse = __builtin_bit_cast(float, shuffle(__builtin_bit_cast(int32_t, inverse), 0));
    for_each(experts, [&](int64_t e) FATHOM_INLINED { scores[e] = scores[e] * inverse; });
  }

  static FATHOM_INLINE void score(int64_t scoring, const float *logits, int64_t experts, float *scores) {
    if (scoring == FATHOM_SCORING_SOFTMAX) {
      return softmax(logits, experts, scores);
    }
    for_each(experts, [&](int64_t e) FATHOM_INLINED { scores[e] = sigmoid(logits[e]); });
  }

  /// Index of the first largest value, in every lane; marks it as taken with NaN.
  static FATHOM_INLINE int32_t take_largest(float *values, int64_t count) {
    warp_barrier();
    auto best = static_cast<int32_t>(count);
    float highest = nan();
    for_each(count, [&](int64_t i) FATHOM_INLINED {
      if (values[i] > highest || (values[i] == values[i] && highest != highest)) {
        best = static_cast<int32_t>(i);
        highest = values[i];
      }
    });
    FATHOM_UNROLL for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      float other = shuffle_xor(highest, distance);
      int32_t index = shuffle_xor(best, distance);
      bool wins = other > highest || (other == other && highest != highest) || (other == highest && index < best);
      best = wins ? index : best;
      highest = wins ? other : highest;
    }
    best = best < count ? best : 0; // nothing but NaN
    warp_barrier();
    if (lane() == 0) {
      values[best] = nan();
    }
    return best;
  }

  static FATHOM_INLINE float group_score(int64_t rule, const float *choice, int64_t size) {
    float first = -infinity(), second = -infinity();
    for (int64_t i = 0; i < size; ++i) {
      float value = choice[i];
      second = value > first ? first : value > second ? value : second;
      first = value > first ? value : first;
    }
    return rule == FATHOM_GROUP_RULE_TOP2_SUM && size > 1 ? first + second : first;
  }

  static FATHOM_INLINE void drop_groups(float *choice, float *groups, const int64_t *c) {
    int64_t size = c[E] / c[n_group];
    warp_barrier();
    for_each(c[n_group],
             [&](int64_t g) FATHOM_INLINED { groups[g] = group_score(c[group_rule], choice + g * size, size); });
    for (int64_t g = 0; g < c[topk_group]; ++g) {
      take_largest(groups, c[n_group]);
    }
    warp_barrier();
    for_each(c[n_group] * size, [&](int64_t e) FATHOM_INLINED {
      choice[e] = groups[e / size] == groups[e / size] ? -infinity() : choice[e];
    });
  }

  /// choice = score + bias; returns 0, or NaN if a choice is: it must not vanish with an expert that nobody chooses.
  static FATHOM_INLINE float choose(const float *scores, const float *bias, const int64_t *c, float *choice) {
    float lost = 0.0f;
    for_each(c[E], [&](int64_t e) FATHOM_INLINED {
      float value = c[has_bias] ? scores[e] + bias[e] : scores[e];
      choice[e] = value == value ? value : -infinity();
      lost = value == value ? lost : value;
    });
    return ballot(lost != lost) != 0 ? nan() : 0.0f;
  }

  static FATHOM_INLINE void route(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t row, float *scores) {
    const float *logits = operand<const float>(dispatch, 0) + row * c[E];
    int32_t *ids = operand<int32_t>(dispatch, 2) + row * c[k];
    float *weights = operand<float>(dispatch, 3) + row * c[k];
    float *choice = scores + c[E];
    score(c[scoring], logits, c[E], scores); // a lane's own, which it chooses from
    float lost = choose(scores, operand<const float>(dispatch, 1), c, choice);
    if (c[group_rule] != FATHOM_GROUP_RULE_NONE) {
      drop_groups(choice, choice + c[E], c);
    }
    float total = 0.0f;
    for (int64_t j = 0; j < c[k]; ++j) {
      int32_t best = take_largest(choice, c[E]);
      total = total + scores[best];
      if (lane() == 0) {
        ids[j] = best;
        weights[j] = scores[best];
      }
    }
    float divisor = c[normalize] ? total + 1e-20f : 1.0f;
    for (int64_t j = 0; lane() == 0 && j < c[k]; ++j) {
      weights[j] = weights[j] / divisor * real(c[factor]) + lost;
    }
    warp_barrier();
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    auto *scores = shared<float>(warp() * gate_bytes(c[E]));
    for (int64_t row = block() * kGateWarps + warp(); row < dispatch->rows; row += blocks() * kGateWarps) {
      route(dispatch, c, row, scores);
    }
  }
};

FATHOM_DEFINE_KERNEL(MoeGate)

} // namespace fathom::nv
