// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The feed-forward network of a dense layer: down(silu(gate(x)) * up(x)).

#include "frontend/huggingface/LayerBuilder.h"
#include "frontend/huggingface/parts/Part.h"

namespace fathom::huggingface {

static int64_t hidden(const ModelConfig &c) { return c.hidden; }
static int64_t width(const ModelConfig &c) { return c.denseWidth; }

static constexpr Field fields[] = {
    {"intermediate_size", at<&ModelConfig::denseWidth>, Need::Required, 1, maxExtent},
};

static constexpr TensorFact tensors[] = {
    {"post_attention_layernorm.weight", Role::Norm, hidden},
    {"mlp.gate_proj.weight", Role::Projection, width, hidden},
    {"mlp.up_proj.weight", Role::Projection, width, hidden},
    {"mlp.down_proj.weight", Role::Projection, hidden, width},
};

static mlir::Value build(LayerBuilder &builder, mlir::Value input) { return builder.swiGlu(input, "mlp."); }

const Part denseMlp = {"denseMlp", Scope::DenseLayer,         fields, nullptr, nullptr, tensors, nullptr,
                       build,      "post_attention_layernorm"};

} // namespace fathom::huggingface
