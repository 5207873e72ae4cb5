// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the families have in common, computed from their tables.

#include "frontend/huggingface/Families.h"

#include <algorithm>

namespace fathom::huggingface {

std::string patternOf(const TensorFact &fact) {
  return fact.scope == Scope::Model ? fact.name : std::string("model.layers.{layer}.") + fact.name;
}

void expandPattern(llvm::StringRef pattern, int64_t layer, int64_t expert, std::string &out) {
  out.clear();
  while (!pattern.empty()) {
    size_t brace = pattern.find('{');
    out.append(pattern.data(), std::min(brace, pattern.size()));
    pattern = pattern.substr(brace);
    if (pattern.consume_front("{layer}")) {
      out += std::to_string(layer);
    } else if (pattern.consume_front("{expert}")) {
      out += std::to_string(expert);
    }
  }
}

std::vector<int64_t> shapeOf(const TensorFact &fact, const ModelConfig &config) {
  std::vector<int64_t> shape = {fact.rows(config)};
  if (fact.columns) {
    shape.push_back(fact.columns(config));
  }
  return shape;
}

std::vector<int64_t> scaleShapeOf(llvm::ArrayRef<int64_t> shape, const QuantizationConfig &quantization) {
  auto blocks = [](int64_t extent, int64_t block) { return (extent + block - 1) / block; };
  return {blocks(shape[0], quantization.blockRows), blocks(shape[1], quantization.blockColumns)};
}

bool isInLayer(const TensorFact &fact, const ModelConfig &config, int64_t layer) {
  if (fact.wanted && !fact.wanted(config)) {
    return false;
  }
  switch (fact.scope) {
  case Scope::Model:
    return false;
  case Scope::EveryLayer:
    return true;
  case Scope::DenseLayer:
    return !config.isMoeLayer(layer);
  case Scope::MoeLayer:
    return config.isMoeLayer(layer);
  case Scope::MtpLayer:
    return layer >= config.layers;
  }
  return false;
}

/// How many tensors of a kind the main model has.
static int64_t countTensors(const TensorFact &fact, const ModelConfig &config) {
  if (fact.scope == Scope::Model) {
    return !fact.wanted || fact.wanted(config) ? 1 : 0;
  }
  int64_t count = 0;
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    count += isInLayer(fact, config, layer) ? 1 : 0;
  }
  return fact.perExpert ? count * config.routing.experts : count;
}

int64_t countTensors(const ModelConfig &config) {
  int64_t total = 0;
  for (const TensorFact &fact : config.family->tensors) {
    total += countTensors(fact, config);
  }
  return total;
}

std::optional<int64_t> countElements(const ModelConfig &config) {
  int64_t total = 0;
  for (const TensorFact &fact : config.family->tensors) {
    int64_t elements = countTensors(fact, config);
    for (int64_t extent : shapeOf(fact, config)) {
      if (__builtin_mul_overflow(elements, extent, &elements)) {
        return std::nullopt;
      }
    }
    if (__builtin_add_overflow(total, elements, &total)) {
      return std::nullopt;
    }
  }
  return total;
}

const Family *findFamily(llvm::StringRef modelType) {
  for (const Family &family : families()) {
    if (modelType == family.modelType) {
      return &family;
    }
  }
  return nullptr;
}

} // namespace fathom::huggingface
