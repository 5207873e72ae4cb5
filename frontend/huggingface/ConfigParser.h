// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser of config.json, shared by the files that implement it.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_CONFIGPARSER_H
#define FATHOM_FRONTEND_HUGGINGFACE_CONFIGPARSER_H

#include "frontend/huggingface/ConfigReader.h"
#include "frontend/huggingface/Families.h"

namespace fathom::huggingface {

/// Far above every released model, and low enough that no product of two of them overflows.
constexpr int64_t maxExtent = 1 << 20, maxVocabulary = 1 << 24, maxCount = 1 << 16, maxLayers = 1 << 12;

/// Parses one config.json; one use.
class ConfigParser {
public:
  ConfigParser(checkpoint::json::Value root, llvm::StringRef file, ModelConfig &config,
               checkpoint::Diagnostics &diagnostics)
      : root(root), file(file), config(config), diagnostics(diagnostics),
        reader(root, file, "", "this model", diagnostics) {}

  void run();

private:
  bool family();
  void notes();
  void sizes();
  void attention();
  void routing();
  void routingMethod();
  void rope();
  void ropeTheta();
  void checkPartial(ConfigReader &from);
  void ropeScaling(checkpoint::json::Value object, llvm::StringRef key, RopeConfig &out);
  void checkUntyped(checkpoint::json::Value object, ConfigReader &scaling);
  void yarn(ConfigReader &scaling, RopeConfig &out);
  void activation();
  void dtype();
  void quantization();
  void checkAttention();
  void checkRouting();
  void checkTotals();
  void checkRows();
  void require(bool holds, const llvm::Twine &relation);

  checkpoint::json::Value root;
  llvm::StringRef file;
  ModelConfig &config;
  checkpoint::Diagnostics &diagnostics;
  ConfigReader reader;
};

/// Parses `text` into `document`; false with a finding where it is not an object.
bool parseObject(checkpoint::json::Document &document, llvm::StringRef text, llvm::StringRef file,
                 checkpoint::Diagnostics &diagnostics);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_CONFIGPARSER_H
