// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vocabulary, embedding, final norm and head.

#include "frontend/huggingface/ConfigParser.h"

namespace fathom::huggingface {

static int64_t vocabulary(const ModelConfig &c) { return c.vocabulary; }
static int64_t hidden(const ModelConfig &c) { return c.hidden; }
static bool hasOwnHead(const ModelConfig &c) { return !c.tiedEmbeddings; }

static constexpr Field kFields[] = {
    {"vocab_size", at<&ModelConfig::vocabulary>, Need::Required, 1, kMaxVocabulary},
    {"hidden_size", at<&ModelConfig::hidden>, Need::Required, 1, kMaxExtent},
    {"num_hidden_layers", at<&ModelConfig::layers>, Need::Required, 1, kMaxLayers},
    {"max_position_embeddings", at<&ModelConfig::maxPositions>, Need::Required, 1, kMaxPosition},
    {"rms_norm_eps", at<&ModelConfig::rmsNormEpsilon>, Need::Required, 1e-30, 1},
    {"tie_word_embeddings", at<&ModelConfig::tiedEmbeddings>, Need::Optional},
};

static constexpr TensorFact kTensors[] = {
    {"model.embed_tokens.weight", Role::Embedding, vocabulary, hidden},
    {"model.norm.weight", Role::Norm, hidden},
    {"lm_head.weight", Role::Head, vocabulary, hidden, hasOwnHead},
};

static void parse(ConfigParser &parser) {
  ConfigReader &reader = parser.reader();
  GenerationConfig &generation = parser.config().generation;
  std::vector<int64_t> bos;
  if (reader.tokens("bos_token_id", bos, kMaxVocabulary) && !bos.empty()) {
    generation.bosToken = bos.front();
  }
  reader.tokens("eos_token_id", generation.eosTokens, kMaxVocabulary);
  std::string act = "silu";
  if (reader.string("hidden_act", act, Need::NotNull) && act != "silu" && act != "swish") {
    reader.unsupported("hidden_act", "is \"" + escape(act) + "\", but the only supported value is silu");
  }
}

static void check(ConfigParser &parser) {
  const ModelConfig &config = parser.config();
  std::vector<int64_t> tokens = config.generation.eosTokens;
  tokens.push_back(config.generation.bosToken.value_or(0));
  for (int64_t token : tokens) {
    parser.require(token < config.vocabulary, "token id " + llvm::Twine(token) + " is not below \"vocab_size\" (" +
                                                  llvm::Twine(config.vocabulary) + ")");
  }
}

const Part frame = {"frame", Scope::Model, kFields, parse, check, kTensors};

} // namespace fathom::huggingface
