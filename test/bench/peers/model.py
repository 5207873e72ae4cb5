# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The model that is measured: DeepSeek-V2-Lite with fewer layers, random weights and a tokenizer."""

import json
import os
import shutil

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BASE_CONFIG = os.path.join(FIXTURES, "models", "configs", "deepseek-v2-lite.json")
TOKENIZER = os.path.join(FIXTURES, "tokenizer", "fixtures", "deepseek-v3")
# Rows of the embedding that this tokenizer's own model has.
TOKENIZER_ROWS = 129280
BF16 = 2


def make_config(layers, experts):
    """V2-Lite's config.json with other numbers of layers and experts, and the tokenizer's vocabulary."""
    with open(BASE_CONFIG, encoding="utf-8") as stream:
        config = json.load(stream)
    config.update(num_hidden_layers=layers, n_routed_experts=experts, vocab_size=TOKENIZER_ROWS, bos_token_id=0,
                  eos_token_id=1)
    return config


def weight_bytes(config):
    """Bytes of bf16 weights that one token reads, and of the model: (active, all). Norms are left out."""
    hidden, heads, rank = config["hidden_size"], config["num_attention_heads"], config["kv_lora_rank"]
    nope, rope, value = config["qk_nope_head_dim"], config["qk_rope_head_dim"], config["v_head_dim"]
    attention = hidden * heads * (nope + rope) + hidden * (rank + rope) + rank * heads * (nope + value)
    attention += heads * value * hidden
    dense_layers = config["first_k_dense_replace"]
    moe_layers = config["num_hidden_layers"] - dense_layers
    expert = 3 * hidden * config["moe_intermediate_size"]
    dense = (dense_layers + moe_layers) * attention + dense_layers * 3 * hidden * config["intermediate_size"]
    dense += moe_layers * (config["n_shared_experts"] * expert + config["n_routed_experts"] * hidden)
    head = config["vocab_size"] * hidden
    active = dense + moe_layers * config["num_experts_per_tok"] * expert + head
    everything = dense + moe_layers * config["n_routed_experts"] * expert + 2 * head
    return active * BF16, everything * BF16


def make_checkpoint(fathom, folder, config, seed):
    """Writes config.json, weights and tokenizer to folder/checkpoint; returns that path."""
    os.makedirs(folder, exist_ok=True)
    config_file = os.path.join(folder, "config.json")
    with open(config_file, "w", encoding="utf-8") as stream:
        json.dump(config, stream, indent=2)
    checkpoint = os.path.join(folder, "checkpoint")
    fathom.generate(config_file, checkpoint, seed)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(TOKENIZER, name), checkpoint)
    return checkpoint
