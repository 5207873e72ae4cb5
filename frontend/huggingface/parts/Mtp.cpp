// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multi-token prediction: a layer after the last, with the parts of the layers before it, that joins the embedding of
// the next token with the hidden state of this one.

#include "frontend/huggingface/parts/Part.h"

namespace fathom::huggingface {

static int64_t vocabulary(const ModelConfig &c) { return c.vocabulary; }
static int64_t hidden(const ModelConfig &c) { return c.hidden; }
static int64_t twiceHidden(const ModelConfig &c) { return 2 * c.hidden; }

static constexpr Field kFields[] = {
    {"num_nextn_predict_layers", at<&ModelConfig::mtpLayers>, Need::Optional, 0, 64},
};

/// Its own copies of embedding and head may be left to sharing.
static constexpr bool kOptional = true;

static constexpr TensorFact kTensors[] = {
    {"embed_tokens.weight", Role::Embedding, vocabulary, hidden, nullptr, kOptional},
    {"enorm.weight", Role::Norm, hidden},
    {"hnorm.weight", Role::Norm, hidden},
    {"eh_proj.weight", Role::PlainProjection, hidden, twiceHidden},
    {"shared_head.norm.weight", Role::Norm, hidden},
    {"shared_head.head.weight", Role::Head, vocabulary, hidden, nullptr, kOptional},
};

const Part mtp = {"mtp", Scope::MtpLayer, kFields, nullptr, nullptr, kTensors};

} // namespace fathom::huggingface
