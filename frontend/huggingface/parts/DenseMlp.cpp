// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The feed-forward network of a dense layer: down(silu(gate(x)) * up(x)), and the biases that some families may have.

#include "frontend/huggingface/LayerBuilder.h"
#include "frontend/huggingface/parts/Part.h"

namespace fathom::huggingface {

static int64_t hidden(const ModelConfig &c) { return c.hidden; }
static int64_t width(const ModelConfig &c) { return c.denseWidth; }
static bool hasBias(const ModelConfig &c) { return c.denseBias; }

static constexpr Field kFields[] = {
    {"intermediate_size", at<&ModelConfig::denseWidth>, Need::Required, 1, kMaxExtent},
};

static constexpr TensorFact kTensors[] = {
    {"post_attention_layernorm.weight", Role::Norm, hidden},
    {"mlp.gate_proj.weight", Role::Projection, width, hidden},
    {"mlp.up_proj.weight", Role::Projection, width, hidden},
    {"mlp.down_proj.weight", Role::Projection, hidden, width},
};

static mlir::Value build(LayerBuilder &builder, mlir::Value input) { return builder.swiGlu(input, "mlp."); }

const Part denseMlp = {"denseMlp", Scope::DenseLayer,         kFields, nullptr, nullptr, kTensors, nullptr,
                       build,      "post_attention_layernorm"};

static constexpr Field kBiasFields[] = {
    {"mlp_bias", at<&ModelConfig::denseBias>, Need::Optional},
};

static constexpr TensorFact kBiasTensors[] = {
    {"mlp.gate_proj.bias", Role::Bias, width, nullptr, hasBias},
    {"mlp.up_proj.bias", Role::Bias, width, nullptr, hasBias},
    {"mlp.down_proj.bias", Role::Bias, hidden, nullptr, hasBias},
};

const Part mlpBias = {"mlpBias", Scope::DenseLayer, kBiasFields, nullptr, nullptr, kBiasTensors};

} // namespace fathom::huggingface
