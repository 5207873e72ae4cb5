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

/// What a file beside a graph says, which `parse` reads; nothing where there is none.
static std::optional<ModelConfig> readBesideGraph(llvm::StringRef directory, llvm::StringRef name,
                                                  decltype(parseGenaiConfig) parse,
                                                  checkpoint::Diagnostics &diagnostics) {
  std::optional<std::string> text = readConfig(directory, name, diagnostics);
  if (!text) {
    return std::nullopt;
  }
  ModelConfig config;
  parse(*text, checkpoint::joinPath(directory, name), config, diagnostics);
  return config;
}

GraphConfig loadGraphConfig(llvm::StringRef directory, checkpoint::Diagnostics &diagnostics) {
  std::optional<ModelConfig> said = readBesideGraph(directory, "genai_config.json", parseGenaiConfig, diagnostics);
  said = said ? said : readBesideGraph(directory, "config.json", parseSizes, diagnostics);
  GraphConfig result;
  if (said && said->maxPositions > 0) {
    result.maxPositions = said->maxPositions;
  }
  if (said && said->vocabulary > 0) {
    result.vocabulary = said->vocabulary;
  }
  ModelConfig config;
  config.maxPositions = result.maxPositions.value_or(kMaxPosition);
  bool isSaid = addGenerationConfig(directory, config, diagnostics);
  result.generation = isSaid || !said ? config.generation : said->generation;
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
