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
    {"max_position_embeddings", at<&ModelConfig::maxPositions>, Need::Defaulted, 1, kMaxPosition},
    {"rms_norm_eps", at<&ModelConfig::rmsNormEpsilon>, Need::Defaulted, 1e-30, 1},
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
  int64_t vocabulary = parser.config().vocabulary, last = vocabulary > 0 ? vocabulary - 1 : kMaxVocabulary;
  std::vector<int64_t> bos;
  if (reader.tokens("bos_token_id", bos, last) && !bos.empty()) {
    generation.bosToken = bos.front();
  }
  reader.tokens("eos_token_id", generation.eosTokens, last);
  std::string act = "silu";
  if (reader.string("hidden_act", act, Need::NotNull) && act != "silu" && act != "swish") {
    reader.unsupported("hidden_act", "is \"" + escape(act) + "\", but the only supported value is silu");
  }
}

const Part frame = {"frame", Scope::Model, kFields, parse, nullptr, kTensors};

} // namespace fathom::huggingface
