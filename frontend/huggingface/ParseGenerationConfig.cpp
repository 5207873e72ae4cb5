// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// generation_config.json: token ids and defaults of sampling, which config.json of older models may hold as well.

#include "frontend/huggingface/ConfigParser.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>

namespace fathom::huggingface {

using checkpoint::Diagnostics;
using checkpoint::json::Value;

/// What the sampler does not know.
static constexpr UndoneSetting kUndoneSettings[] = {
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
    {"max_new_tokens"},
    {"max_time"},
    {"num_return_sequences", 1},
    {"exponential_decay_length_penalty"},
    {"num_beams", 1},
    {"num_beam_groups", 1},
    {"penalty_alpha"},
    {"guidance_scale", 1},
    {"dola_layers"},
    {"watermarking_config"},
};

/// What transformers writes for "max_length" where nobody said one.
static constexpr int64_t kUnsaidLength = 20;

/// What generation_config.json says besides: of programs, of training, of beams that nobody asked for.
static constexpr llvm::StringLiteral kDescriptions =
    "_from_model_config transformers_version trust_remote_code use_cache cache_implementation cache_config "
    "compile_config disable_compile prefill_chunk_size low_memory return_legacy_cache continuous_batching_config "
    "pad_token_id decoder_start_token_id max_length length_penalty early_stopping "
    "diversity_penalty output_attentions output_hidden_states output_scores output_logits return_dict_in_generate "
    "remove_invalid_values renormalize_logits is_assistant num_assistant_tokens num_assistant_tokens_schedule "
    "assistant_confidence_threshold assistant_early_exit assistant_lookbehind target_lookbehind "
    "prompt_lookup_num_tokens max_matching_ngram_size chat_format";

namespace {
/// A setting of the sampler.
struct Setting {
  const char *key;
  std::optional<double> GenerationConfig::*value;
  double low, high;
};
} // namespace

static constexpr Setting kSettings[] = {
    {"temperature", &GenerationConfig::temperature, 0, 100},
    {"top_p", &GenerationConfig::topP, 0, 1},
    {"min_p", &GenerationConfig::minP, 0, 1},
    {"repetition_penalty", &GenerationConfig::repetitionPenalty, 0.01, 100},
};

namespace {
/// Reads generation_config.json, which takes precedence over config.json.
class GenerationReader {
public:
  GenerationReader(ConfigReader &reader, llvm::StringRef file, GenerationConfig &generation, Diagnostics &diagnostics)
      : reader(reader), file(file), generation(generation), diagnostics(diagnostics) {}

  void readTokens(int64_t last);
  void readSampling();
  void warnOfGreedy();
  void warnOfUndone(int64_t context);

private:
  template <typename T>
  void take(llvm::StringRef key, T said, std::optional<T> &config) {
    if (config && *config != said) {
      warnOfDifference(key, llvm::formatv("{0}", *config).str());
    }
    config = said;
  }
  void warnOfDifference(llvm::StringRef key, const std::string &other);
  void warnOfSetting(llvm::StringRef key, Value value);

  ConfigReader &reader;
  llvm::StringRef file;
  GenerationConfig &generation;
  Diagnostics &diagnostics;
};
} // namespace

/// The ids of a list that is short enough to read.
static std::string quoteAll(Value value) {
  constexpr size_t most = 8;
  if (!value.isArray() || value.size() > most) {
    return quote(value);
  }
  std::string text;
  for (Value element : value.elements()) {
    text += (text.empty() ? "" : ", ") + quote(element);
  }
  return "[" + text + "]";
}

void GenerationReader::warnOfDifference(llvm::StringRef key, const std::string &other) {
  Value value = reader.get(key);
  diagnostics.warning("two-configs", file, value.where(),
                      "\"" + key + "\" is " + quoteAll(value) + ", but config.json says " + other +
                          "; generation_config.json takes precedence");
}

void GenerationReader::readTokens(int64_t last) {
  std::vector<int64_t> bos, eos;
  if (reader.tokens("bos_token_id", bos, last) && !bos.empty()) {
    take("bos_token_id", bos.front(), generation.bosToken);
  }
  if (!reader.tokens("eos_token_id", eos, last)) {
    return;
  }
  // Many files name more ends here than config.json does; what only config.json names would end nothing.
  for (int64_t end : generation.eosTokens) {
    if (!llvm::is_contained(eos, end)) {
      warnOfDifference("eos_token_id", std::to_string(end));
      break;
    }
  }
  generation.eosTokens = std::move(eos);
}

void GenerationReader::readSampling() {
  reader.boolean("do_sample", generation.sample);
  for (const Setting &setting : kSettings) {
    double value = 0;
    if (reader.real(setting.key, value, setting.low, setting.high, Need::Optional)) {
      take(setting.key, value, generation.*setting.value);
    }
  }
  // Many files have 50.0, and some have -1 for all.
  double topK = 0;
  if (!reader.real("top_k", topK, -1, kMaxVocabulary, Need::Optional)) {
    return;
  }
  if (topK != std::floor(topK)) {
    reader.bad("top_k", "is " + quote(topK) + ", expected a whole number");
  } else {
    take("top_k", static_cast<int64_t>(std::max(topK, 0.0)), generation.topK);
  }
}

/// Sampling settings act on a model that samples; without "do_sample" it never does.
void GenerationReader::warnOfGreedy() {
  Value temperature = reader.get("temperature");
  double value = generation.temperature.value_or(0);
  if (temperature && !reader.get("do_sample") && !generation.sample && value != 0 && value != 1) {
    diagnostics.warning("ignored-setting", file, temperature.where(),
                        "\"temperature\" is " + quote(temperature) +
                            ", but \"do_sample\" is missing: the model takes the likeliest tokens",
                        "\"do_sample\": true makes it sample");
  }
}

void GenerationReader::warnOfSetting(llvm::StringRef key, Value value) {
  diagnostics.warning("ignored-setting", file, value.where(),
                      "\"" + key + "\" is " + quote(value) +
                          ", which Fathom does not implement; answers are generated without it");
}

/// `context`: the positions of the model, which bound every text.
void GenerationReader::warnOfUndone(int64_t context) {
  for (const UndoneSetting &setting : kUndoneSettings) {
    Value value = reader.get(setting.key);
    if (value && !isInert(value, setting.inert)) {
      warnOfSetting(setting.key, value);
    }
  }
  Value length = reader.get("max_length");
  if (std::optional<int64_t> most = length.integer(); most && *most != kUnsaidLength && *most < context) {
    warnOfSetting("max_length", length);
  }
}

void ConfigParser::sampling() {
  GenerationReader generation(keys, file, modelConfig.generation, diagnostics);
  generation.readSampling();
  generation.warnOfUndone(modelConfig.maxPositions);
}

void parseGenerationConfig(llvm::StringRef text, llvm::StringRef file, ModelConfig &config, Diagnostics &diagnostics) {
  checkpoint::json::Document document;
  if (!parseObject(document, text, file, diagnostics)) {
    return;
  }
  ConfigReader reader(document.root(), file, "", "generation", diagnostics);
  GenerationReader generation(reader, file, config.generation, diagnostics);
  generation.readTokens(config.vocabulary > 0 ? config.vocabulary - 1 : kMaxVocabulary);
  generation.readSampling();
  generation.warnOfGreedy();
  generation.warnOfUndone(config.maxPositions);
  reader.warnOfUnread(kDescriptions, "nothing in Fathom");
}

/// A reader of the object `key` of a file; one without keys after a finding.
static ConfigReader enter(ConfigReader &root, llvm::StringRef key, llvm::StringRef file, Diagnostics &diagnostics) {
  Value object = root.get(key);
  if (object && !object.isObject()) {
    root.bad(key, "is " + quote(object) + ", expected an object");
    object = {};
  }
  return ConfigReader(object, file, key.str() + ".", "onnxruntime-genai", diagnostics);
}

void parseGenaiConfig(llvm::StringRef text, llvm::StringRef file, ModelConfig &config, Diagnostics &diagnostics) {
  checkpoint::json::Document document;
  if (!parseObject(document, text, file, diagnostics)) {
    return;
  }
  ConfigReader root(document.root(), file, "", "onnxruntime-genai", diagnostics);
  ConfigReader model = enter(root, "model", file, diagnostics);
  model.integer("vocab_size", config.vocabulary, 1, kMaxVocabulary, Need::Optional);
  model.integer("context_length", config.maxPositions, 1, kMaxPosition, Need::Optional);
  GenerationReader(model, file, config.generation, diagnostics)
      .readTokens(config.vocabulary > 0 ? config.vocabulary - 1 : kMaxVocabulary);
  ConfigReader search = enter(root, "search", file, diagnostics);
  GenerationReader generation(search, file, config.generation, diagnostics);
  generation.readSampling();
  generation.warnOfUndone(config.maxPositions > 0 ? config.maxPositions : kMaxPosition);
}

void parseSizes(llvm::StringRef text, llvm::StringRef file, ModelConfig &config, Diagnostics &diagnostics) {
  checkpoint::json::Document document;
  if (!parseObject(document, text, file, diagnostics)) {
    return;
  }
  ConfigReader root(document.root(), file, "", "transformers", diagnostics);
  root.integer("vocab_size", config.vocabulary, 1, kMaxVocabulary, Need::Optional);
  root.integer("max_position_embeddings", config.maxPositions, 1, kMaxPosition, Need::Optional);
}

} // namespace fathom::huggingface
