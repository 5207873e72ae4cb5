// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What follows from a configuration: layer kinds, softmax scale, rotary frequencies.

#include "frontend/huggingface/ModelConfig.h"

#include "frontend/checkpoint/Files.h"

#include <algorithm>
#include <cmath>

namespace fathom::huggingface {

/// The released files have 2 KB.
static constexpr uint64_t configLimit = 4u << 20;

bool ModelConfig::isMoeLayer(int64_t layer) const {
  return routing.experts > 0 && layer >= routing.firstMoeLayer && layer % routing.layerFrequency == 0;
}

/// YaRN's g(s, m): how much attention must sharpen when positions are stretched by `factor`.
static double yarnMscale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; }

double ModelConfig::softmaxScale() const {
  double scale = 1 / std::sqrt(static_cast<double>(attention.keyWidth));
  if (attention.yarnSharpens && rope.yarn && rope.mscaleAllDim != 0) {
    double mscale = yarnMscale(rope.factor, rope.mscaleAllDim);
    scale *= mscale * mscale;
  }
  return scale;
}

double ModelConfig::ropeMagnitude() const {
  if (!rope.yarn) {
    return 1;
  }
  if (rope.attentionFactor) {
    return *rope.attentionFactor;
  }
  if (rope.mscale == 0 || rope.mscaleAllDim == 0) {
    return yarnMscale(rope.factor, 1);
  }
  return yarnMscale(rope.factor, rope.mscale) / yarnMscale(rope.factor, rope.mscaleAllDim);
}

std::vector<double> ModelConfig::ropeFrequencies() const {
  const double pi = 3.14159265358979323846;
  int64_t d = rope.width;
  // The dimension that turns `rotations` times over the original context.
  auto dimensionAt = [&](double rotations) {
    return d * std::log(rope.originalMaxPositions / (rotations * 2 * pi)) / (2 * std::log(rope.theta));
  };
  double low = 0, high = 0;
  if (rope.yarn) {
    low = dimensionAt(rope.betaFast);
    high = dimensionAt(rope.betaSlow);
    low = std::max(rope.truncate ? std::floor(low) : low, 0.0);
    high = std::min(rope.truncate ? std::ceil(high) : high, static_cast<double>(d - 1));
    high += low == high ? 0.001 : 0;
  }
  std::vector<double> frequencies;
  for (int64_t i = 0; i < d / 2; ++i) {
    double frequency = std::pow(rope.theta, -2.0 * i / d);
    if (rope.yarn) {
      double ramp = std::clamp((i - low) / (high - low), 0.0, 1.0);
      frequency = frequency / rope.factor * ramp + frequency * (1 - ramp);
    }
    if (rope.linear) {
      frequency /= rope.factor;
    }
    if (rope.llama3) {
      double turns = rope.originalMaxPositions * frequency / (2 * pi);
      double kept = (turns - rope.lowFrequencyFactor) / (rope.highFrequencyFactor - rope.lowFrequencyFactor);
      kept = std::clamp(kept, 0.0, 1.0);
      frequency = frequency / rope.factor * (1 - kept) + frequency * kept;
    }
    frequencies.push_back(frequency);
  }
  return frequencies;
}

ModelConfig loadModelConfig(llvm::StringRef directory, checkpoint::Diagnostics &diagnostics,
                            llvm::ArrayRef<Family> known) {
  if (!checkpoint::staysInside(directory, "config.json", diagnostics)) {
    return {};
  }
  std::string path = checkpoint::joinPath(directory, "config.json");
  std::optional<std::string> text = checkpoint::readTextFile(path, path, configLimit, diagnostics);
  if (!text) {
    return {};
  }
  ModelConfig config = parseModelConfig(*text, path, diagnostics, known);
  path = checkpoint::joinPath(directory, "generation_config.json");
  if (!checkpoint::exists(path) || !checkpoint::staysInside(directory, "generation_config.json", diagnostics)) {
    return config;
  }
  if (std::optional<std::string> more = checkpoint::readTextFile(path, path, configLimit, diagnostics)) {
    parseGenerationConfig(*more, path, config, diagnostics);
  }
  return config;
}

} // namespace fathom::huggingface
