// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a rotation multiplies with: frequencies, magnitude, and the softmax scale that goes with them. Sources: the YaRN
// paper (arXiv 2309.00071) with DeepSeek's mscale_all_dim, and Hugging Face's modeling_rope_utils for the rest.

#include "frontend/huggingface/ModelConfig.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>

namespace fathom::huggingface {

/// YaRN's g(s, m): how much attention must sharpen when positions are stretched by `factor`.
static double yarnMscale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; }

double ModelConfig::softmaxScale() const {
  double scale = 1 / std::sqrt(static_cast<double>(attention.keyWidth));
  if (attention.yarnSharpens && rope.scaling == RopeScaling::Yarn && rope.mscaleAllDim != 0) {
    double mscale = yarnMscale(rope.factor, rope.mscaleAllDim);
    scale *= mscale * mscale;
  }
  return scale;
}

double ModelConfig::ropeMagnitude() const {
  if (rope.scaling != RopeScaling::Yarn) {
    return 1;
  }
  if (rope.attentionFactor != 0) {
    return rope.attentionFactor;
  }
  if (rope.mscale == 0 || rope.mscaleAllDim == 0) {
    return yarnMscale(rope.factor, 1);
  }
  return yarnMscale(rope.factor, rope.mscale) / yarnMscale(rope.factor, rope.mscaleAllDim);
}

/// The index of the pair that turns `turns` times over the original context, between whole ones where none does.
static double pairThatTurns(const RopeConfig &rope, double turns) {
  double length = static_cast<double>(rope.originalMaxPositions);
  return static_cast<double>(rope.width) * std::log(length / (turns * 2 * llvm::numbers::pi)) /
         (2 * std::log(rope.theta));
}

/// How much of each pair's frequency is divided: 0 before the ramp, 1 after it.
static std::vector<double> yarnRamp(const RopeConfig &rope) {
  double low = pairThatTurns(rope, rope.betaFast), high = pairThatTurns(rope, rope.betaSlow);
  low = std::max(rope.truncate ? std::floor(low) : low, 0.0);
  high = std::min(rope.truncate ? std::ceil(high) : high, static_cast<double>(rope.width - 1));
  high += low == high ? 0.001 : 0;
  std::vector<double> ramp;
  for (int64_t i = 0; i < rope.width / 2; ++i) {
    ramp.push_back(std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0));
  }
  return ramp;
}

/// How much of a frequency stays as it is: all of it where a pair turns often over the original context.
static double llama3Share(const RopeConfig &rope, double frequency) {
  double turns = static_cast<double>(rope.originalMaxPositions) * frequency / (2 * llvm::numbers::pi);
  double share = (turns - rope.lowFrequencyFactor) / (rope.highFrequencyFactor - rope.lowFrequencyFactor);
  return std::clamp(share, 0.0, 1.0);
}

/// Slows pairs down so that a longer context has the angles of training: all alike, or the fast ones, which tell
/// neighbors apart, less than the slow ones.
static void scale(const RopeConfig &rope, std::vector<double> &frequencies) {
  switch (rope.scaling) {
  case RopeScaling::None:
    return;
  case RopeScaling::Linear:
    for (double &frequency : frequencies) {
      frequency /= rope.factor;
    }
    return;
  case RopeScaling::Llama3:
    for (double &frequency : frequencies) {
      double share = llama3Share(rope, frequency);
      frequency = frequency / rope.factor * (1 - share) + frequency * share;
    }
    return;
  case RopeScaling::Yarn: {
    std::vector<double> ramp = yarnRamp(rope);
    for (size_t i = 0; i < ramp.size(); ++i) {
      frequencies[i] = frequencies[i] / rope.factor * ramp[i] + frequencies[i] * (1 - ramp[i]);
    }
    return;
  }
  }
  llvm_unreachable("an unknown scaling");
}

std::vector<double> ModelConfig::ropeFrequencies() const {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < rope.width / 2; ++i) {
    frequencies.push_back(std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(rope.width)));
  }
  scale(rope, frequencies);
  for (auto [frequency, divisor] : llvm::zip(frequencies, rope.divisors)) {
    frequency /= divisor;
  }
  return frequencies;
}

} // namespace fathom::huggingface
