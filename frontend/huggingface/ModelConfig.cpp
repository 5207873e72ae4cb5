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

/// The text of a file of `directory`; nothing where there is none, or after a finding.
static std::optional<std::string> readConfig(llvm::StringRef directory, llvm::StringRef name,
                                             checkpoint::Diagnostics &diagnostics) {
  std::string path = checkpoint::joinPath(directory, name);
  if (!checkpoint::exists(path) || !checkpoint::staysInside(directory, name, diagnostics)) {
    return std::nullopt;
  }
  return checkpoint::readTextFile(path, path, kConfigLimit, diagnostics);
}

/// Adds what generation_config.json says; false where there is none.
static bool addGenerationConfig(llvm::StringRef directory, ModelConfig &config, checkpoint::Diagnostics &diagnostics) {
  constexpr llvm::StringLiteral name = "generation_config.json";
  std::optional<std::string> text = readConfig(directory, name, diagnostics);
  if (text) {
    parseGenerationConfig(*text, checkpoint::joinPath(directory, name), config, diagnostics);
  }
  return text.has_value();
}

GraphConfig loadGraphConfig(llvm::StringRef directory, checkpoint::Diagnostics &diagnostics) {
  constexpr llvm::StringLiteral name = "genai_config.json";
  GraphConfig result;
  ModelConfig genai, config;
  genai.maxPositions = config.maxPositions = kMaxPosition;
  std::optional<std::string> text = readConfig(directory, name, diagnostics);
  if (text) {
    parseGenaiConfig(*text, checkpoint::joinPath(directory, name), genai, diagnostics);
    result.maxPositions = genai.maxPositions;
    config.maxPositions = genai.maxPositions;
  }
  result.generation = addGenerationConfig(directory, config, diagnostics) ? config.generation : genai.generation;
  return result;
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
