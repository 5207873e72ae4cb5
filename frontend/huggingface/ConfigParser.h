// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser of config.json: what all families have in common, and what parts read and check with.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_CONFIGPARSER_H
#define FATHOM_FRONTEND_HUGGINGFACE_CONFIGPARSER_H

#include "frontend/huggingface/ConfigReader.h"
#include "frontend/huggingface/Families.h"

namespace fathom::huggingface {

/// Parses one config.json; one use.
class ConfigParser {
public:
  ConfigParser(checkpoint::json::Value root, llvm::StringRef file, llvm::ArrayRef<Family> known, ModelConfig &config,
               checkpoint::Diagnostics &diagnostics)
      : root(root), file(file), known(known), modelConfig(config), diagnostics(diagnostics),
        keys(root, file, "", "this model", diagnostics) {}

  void run();

  // For parts.
  ConfigReader &reader() { return keys; }
  ModelConfig &config() { return modelConfig; }
  void read(llvm::ArrayRef<Field> fields) { read(fields, keys, modelConfig); }
  /// A finding where a relation between fields does not hold.
  void require(bool holds, const llvm::Twine &relation);
  /// A finding where a row has more numbers than a module can say.
  void requireRow(int64_t width);
  /// A finding where a list that says something of each layer has another length.
  void requirePerLayer(llvm::StringRef key);

private:
  bool family();
  void notes();
  void read(llvm::ArrayRef<Field> fields, ConfigReader &reader, ModelConfig &config);
  void takeDefault(const Field &field);
  void rope();
  void ropeTheta();
  void checkPartial(ConfigReader &from);
  void ropeScaling(checkpoint::json::Value object, llvm::StringRef key, ModelConfig &out);
  void originalPositions(ConfigReader &scaling, RopeConfig &rope);
  void compareSpellings(checkpoint::json::Value parameters, checkpoint::json::Value scaling, ModelConfig &older);
  void checkUntyped(checkpoint::json::Value object, ConfigReader &scaling);
  void checkScaling(ConfigReader &scaling, const RopeConfig &rope);
  void warnOfUnreadScaling(checkpoint::json::Value object, llvm::StringRef key, llvm::ArrayRef<Field> fields);
  void dtype();
  void sampling();
  void refuseUndone();
  void checkLayerTypes();
  void requireOfEachLayer(llvm::StringRef key, llvm::StringRef supported);
  void compareArchitecture();
  void warnOfUnread();
  void quantization();
  void checkTotals();
  void checkWeights();

  checkpoint::json::Value root;
  llvm::StringRef file;
  llvm::ArrayRef<Family> known;
  ModelConfig &modelConfig;
  checkpoint::Diagnostics &diagnostics;
  ConfigReader keys;
};

/// Parses `text` into `document`; false with a finding where it is not an object.
bool parseObject(checkpoint::json::Document &document, llvm::StringRef text, llvm::StringRef file,
                 checkpoint::Diagnostics &diagnostics);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_CONFIGPARSER_H
