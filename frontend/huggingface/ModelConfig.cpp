// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files to configurations, and which layers are of which kind.

#include "frontend/huggingface/ModelConfig.h"

#include "frontend/checkpoint/Files.h"

namespace fathom::huggingface {

/// The released files have 2 KB.
static constexpr uint64_t kConfigLimit = 4u << 20;

bool ModelConfig::isMoeLayer(int64_t layer) const {
  return routing.experts > 0 && layer >= routing.firstMoeLayer && layer % routing.layerFrequency == 0;
}

/// Adds what generation_config.json says, where it exists.
static void addGenerationConfig(llvm::StringRef directory, ModelConfig &config, checkpoint::Diagnostics &diagnostics) {
  std::string path = checkpoint::joinPath(directory, "generation_config.json");
  if (!checkpoint::exists(path) || !checkpoint::staysInside(directory, "generation_config.json", diagnostics)) {
    return;
  }
  if (std::optional<std::string> text = checkpoint::readTextFile(path, path, kConfigLimit, diagnostics)) {
    parseGenerationConfig(*text, path, config, diagnostics);
  }
}

GenerationConfig loadGenerationConfig(llvm::StringRef directory, checkpoint::Diagnostics &diagnostics) {
  ModelConfig config;
  config.maxPositions = kMaxPosition;
  addGenerationConfig(directory, config, diagnostics);
  return config.generation;
}

ModelConfig loadModelConfig(llvm::StringRef directory, checkpoint::Diagnostics &diagnostics,
                            llvm::ArrayRef<Family> known) {
  if (!checkpoint::staysInside(directory, "config.json", diagnostics)) {
    return {};
  }
  std::string path = checkpoint::joinPath(directory, "config.json");
  std::optional<std::string> text = checkpoint::readTextFile(path, path, kConfigLimit, diagnostics);
  if (!text) {
    return {};
  }
  ModelConfig config = parseModelConfig(*text, path, diagnostics, known);
  addGenerationConfig(directory, config, diagnostics);
  return config;
}

} // namespace fathom::huggingface
