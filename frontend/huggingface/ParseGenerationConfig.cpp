// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// generation_config.json: token ids and defaults of sampling.

#include "frontend/huggingface/ConfigParser.h"

namespace fathom::huggingface {

using checkpoint::Diagnostics;
using checkpoint::json::Value;

namespace {

/// A setting that changes answers and that the sampler does not know.
struct UndoneSetting {
  const char *key;
  /// The number that changes nothing, as files with all defaults have it. null, false and [] never do.
  double inert = 0;
};

constexpr UndoneSetting undoneSettings[] = {
    {"typical_p", 1},
    {"epsilon_cutoff"},
    {"eta_cutoff"},
    {"top_h"},
    {"presence_penalty"},
    {"frequency_penalty"},
    {"encoder_repetition_penalty", 1},
    {"no_repeat_ngram_size"},
    {"encoder_no_repeat_ngram_size"},
    {"bad_words_ids"},
    {"force_words_ids"},
    {"constraints"},
    {"sequence_bias"},
    {"suppress_tokens"},
    {"begin_suppress_tokens"},
    {"forced_bos_token_id", -1},
    {"forced_eos_token_id", -1},
    {"forced_decoder_ids"},
    {"stop_strings"},
    {"min_length"},
    {"min_new_tokens"},
    {"exponential_decay_length_penalty"},
    {"num_beams", 1},
    {"num_beam_groups", 1},
    {"penalty_alpha"},
    {"guidance_scale", 1},
    {"dola_layers"},
    {"watermarking_config"},
};

bool isInert(Value value, double number) {
  if (value.isArray()) {
    return value.size() == 0;
  }
  return value.boolean() == false || value.number() == number;
}

void warnOfUndone(ConfigReader &reader, llvm::StringRef file, Diagnostics &diagnostics) {
  for (const UndoneSetting &setting : undoneSettings) {
    Value value = reader.get(setting.key);
    if (value && !isInert(value, setting.inert)) {
      diagnostics.warning("ignored-setting", file, value.where(),
                          "\"" + llvm::Twine(setting.key) + "\" is " + quote(value) +
                              ", which Fathom does not do; answers are generated without it");
    }
  }
}

/// Sampling settings act on a model that samples; without "do_sample" it never does.
void warnOfGreedy(ConfigReader &reader, const GenerationConfig &generation, llvm::StringRef file,
                  Diagnostics &diagnostics) {
  Value temperature = reader.get("temperature");
  if (!reader.get("do_sample") && generation.temperature && *generation.temperature != 0 &&
      *generation.temperature != 1) {
    diagnostics.warning("ignored-setting", file, temperature.where(),
                        "\"temperature\" is " + quote(temperature) +
                            ", but \"do_sample\" is not said: the model takes the likeliest tokens",
                        "\"do_sample\": true makes it sample");
  }
}

} // namespace

void parseGenerationConfig(llvm::StringRef text, llvm::StringRef file, ModelConfig &config, Diagnostics &diagnostics) {
  checkpoint::json::Document document;
  if (!parseObject(document, text, file, diagnostics)) {
    return;
  }
  ConfigReader reader(document.root(), file, "", "generation", diagnostics);
  GenerationConfig &generation = config.generation;
  int64_t last = config.vocabulary > 0 ? config.vocabulary - 1 : maxVocabulary;
  std::vector<int64_t> bos;
  if (reader.tokens("bos_token_id", bos, last) && !bos.empty()) {
    generation.bosToken = bos.front();
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
  real("min_p", generation.minP, 0, 1);
  real("repetition_penalty", generation.repetitionPenalty, 0.01, 100);
  int64_t topK = 0;
  if (reader.integer("top_k", topK, 0, maxVocabulary, Need::Optional)) {
    generation.topK = topK;
  }
  warnOfGreedy(reader, generation, file, diagnostics);
  warnOfUndone(reader, file, diagnostics);
}

} // namespace fathom::huggingface
