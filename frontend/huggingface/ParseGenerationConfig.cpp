// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// generation_config.json: token ids and defaults of sampling.

#include "frontend/huggingface/ConfigParser.h"

namespace fathom::huggingface {

using checkpoint::Diagnostics;

void parseGenerationConfig(llvm::StringRef text, llvm::StringRef file, ModelConfig &config, Diagnostics &diagnostics) {
  checkpoint::json::Document document;
  if (!parseObject(document, text, file, diagnostics)) {
    return;
  }
  ConfigReader reader(document.root(), file, "", "generation", diagnostics);
  GenerationConfig &generation = config.generation;
  int64_t last = config.vocabulary > 0 ? config.vocabulary - 1 : maxVocabulary;
  std::vector<int64_t> bos, pad;
  if (reader.tokens("bos_token_id", bos, last) && !bos.empty()) {
    generation.bosToken = bos.front();
  }
  if (reader.tokens("pad_token_id", pad, last) && !pad.empty()) {
    generation.padToken = pad.front();
  }
  reader.tokens("eos_token_id", generation.eosTokens, last);
  reader.boolean("do_sample", generation.sample);
  auto real = [&](llvm::StringRef key, std::optional<double> &out, double low, double high) {
    double value = 0;
    if (reader.real(key, value, low, high, Need::Optional)) {
      out = value;
    }
  };
  real("temperature", generation.temperature, 0, 100);
  real("top_p", generation.topP, 0, 1);
  double penalty = 1;
  if (reader.real("repetition_penalty", penalty, 0.01, 100, Need::Optional) && penalty != 1) {
    diagnostics.warning("ignored-setting", file, reader.get("repetition_penalty").where(),
                        "\"repetition_penalty\" is " + quote(reader.get("repetition_penalty")) +
                            ", which a model cannot have as its default; it is ignored",
                        "say --repetition-penalty when the model runs");
  }
  int64_t topK = 0;
  if (reader.integer("top_k", topK, 0, maxVocabulary, Need::Optional)) {
    generation.topK = topK;
  }
}

} // namespace fathom::huggingface
