// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multi-token prediction: a layer after the last, with the parts of the layers before it, that joins the embedding of
// the next token with the hidden state of this one.

#include "frontend/huggingface/ConfigParser.h"
#include "frontend/huggingface/LayerBuilder.h"
#include "frontend/huggingface/parts/Part.h"

namespace fathom::huggingface {

static int64_t vocabulary(const ModelConfig &c) { return c.vocabulary; }
static int64_t hidden(const ModelConfig &c) { return c.hidden; }
static int64_t twiceHidden(const ModelConfig &c) { return 2 * c.hidden; }

static constexpr Field kFields[] = {
    {"num_nextn_predict_layers", at<&ModelConfig::mtpLayers>, Need::Optional, 0, 64},
};

static constexpr TensorFact kTensors[] = {
    // It shares the model's embedding and head by definition.
    {"embed_tokens.weight", Role::Embedding, vocabulary, hidden, nullptr, "model.embed_tokens.weight"},
    {"enorm.weight", Role::Norm, hidden},
    {"hnorm.weight", Role::Norm, hidden},
    {"eh_proj.weight", Role::PlainProjection, hidden, twiceHidden},
    {"shared_head.norm.weight", Role::Norm, hidden},
    {"shared_head.head.weight", Role::Head, vocabulary, hidden, nullptr, "lm_head.weight"},
};

/// Null says that there are none; a file that leaves the number out says nothing.
static void parse(ConfigParser &parser) {
  parser.config().saysMtpLayers = parser.reader().has("num_nextn_predict_layers");
}

/// The embedding's half comes first, as in the released weights; DeepSeek's paper draws it second.
mlir::Value joinDraftInputs(LayerBuilder &b, mlir::Value embedded, mlir::Value hidden) {
  double epsilon = b.config().rmsNormEpsilon;
  mlir::Value halves[] = {b.norm(embedded, "enorm", epsilon), b.norm(hidden, "hnorm", epsilon)};
  return b.linear(mlir::tensor::ConcatOp::create(b.ops(), b.loc(), /*dim=*/1, halves), "eh_proj");
}

const Part mtp = {"mtp", Scope::MtpLayer, kFields, parse, nullptr, kTensors};

} // namespace fathom::huggingface
