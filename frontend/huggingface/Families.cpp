// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is computed from the parts of a family alone.

#include "frontend/huggingface/Families.h"

namespace fathom::huggingface {

llvm::ArrayRef<Family> families() {
  static const std::vector<Family> all = [] {
    std::vector<Family> known = deepSeekFamilies(), more = llamaFamilies();
    known.insert(known.end(), more.begin(), more.end());
    return known;
  }();
  return all;
}

llvm::SmallVector<const Part *> partsOf(const Family &family) {
  llvm::SmallVector<const Part *> parts = {&frame};
  parts.append(family.parts.begin(), family.parts.end());
  return parts;
}

std::string TensorFact::stackName() const {
  llvm::StringRef text = name;
  text.consume_front("model.");
  text.consume_back(".weight");
  auto [before, after] = text.split("{expert}.");
  return (before + after).str();
}

bool TensorFact::isPerExpert() const { return llvm::StringRef(name).contains("{expert}"); }

std::string patternOf(const Part &part, const TensorFact &fact, const ModelConfig &config) {
  return part.scope == Scope::Model ? fact.name : std::string(config.family->layerPrefix) + "{layer}." + fact.name;
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

bool isInLayer(const Part &part, const ModelConfig &config, int64_t layer) {
  switch (part.scope) {
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

void forEachTensor(const ModelConfig &config, int64_t layer,
                   llvm::function_ref<void(const Part &, const TensorFact &)> visit) {
  for (const Part *part : partsOf(*config.family)) {
    if (layer == kWholeModel ? part->scope != Scope::Model : !isInLayer(*part, config, layer)) {
      continue;
    }
    for (const TensorFact &fact : part->tensors) {
      if (!fact.wanted || fact.wanted(config)) {
        visit(*part, fact);
      }
    }
  }
}

llvm::SmallVector<Store> storesOf(const ModelConfig &config) {
  llvm::SmallVector<Store> stores;
  for (const Part *part : config.family->parts) {
    if (part->stores) {
      stores.append(part->stores(config));
    }
  }
  return stores;
}

int64_t storedWidth(const ModelConfig &config) {
  int64_t width = 0;
  for (const Store &store : storesOf(config)) {
    width += store.heads * store.width;
  }
  return width;
}

int64_t countTensors(const ModelConfig &config) {
  int64_t total = 0;
  for (int64_t layer = kWholeModel; layer < config.layers; ++layer) {
    forEachTensor(config, layer, [&](const Part &, const TensorFact &fact) {
      total += fact.isPerExpert() ? config.routing.experts : 1;
    });
  }
  return total;
}

std::optional<int64_t> countElements(const ModelConfig &config) {
  int64_t total = 0;
  bool fits = true;
  for (int64_t layer = kWholeModel; layer < config.layers && fits; ++layer) {
    forEachTensor(config, layer, [&](const Part &, const TensorFact &fact) {
      int64_t elements = fact.isPerExpert() ? config.routing.experts : 1;
      for (int64_t extent : shapeOf(fact, config)) {
        fits = fits && !__builtin_mul_overflow(elements, extent, &elements);
      }
      fits = fits && !__builtin_add_overflow(total, elements, &total);
    });
  }
  return fits ? std::optional<int64_t>(total) : std::nullopt;
}

} // namespace fathom::huggingface
