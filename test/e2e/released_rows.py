# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Two layers of each released configuration, as rows of variations.py: all its widths, made to fit."""

import json
import os

CONFIGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models", "configs")

# What an op's kernels are specialized for; configurations that agree in these are tried once.
WIDTHS = (
    "hidden_size", "intermediate_size", "moe_intermediate_size", "num_attention_heads", "num_key_value_heads",
    "head_dim", "q_lora_rank", "kv_lora_rank", "n_group", "num_experts_per_tok", "model_type",
)  # fmt: skip


def shrink(config):
    """One dense layer and, where there are experts, one with 16 of them; a small vocabulary."""
    small = {k: v for k, v in config.items() if k not in ("bos_token_id", "eos_token_id", "num_nextn_predict_layers")}
    small |= {"num_hidden_layers": 2, "vocab_size": 512}
    if "n_routed_experts" in config:
        small |= {"first_k_dense_replace": 1, "n_routed_experts": 16}
    if "index_topk" in config:
        # Fewer than the tokens of a prompt.
        small |= {"index_topk": 3}
    return small


def read_rows():
    rows, seen = {}, set()
    for file in sorted(os.listdir(CONFIGS)):
        with open(os.path.join(CONFIGS, file), encoding="utf-8") as text:
            config = json.load(text)
        widths = tuple(config.get(key) for key in WIDTHS)
        if widths not in seen:
            seen.add(widths)
            rows[file.removesuffix(".json")] = shrink(config), "fp8" if "quantization_config" in config else "bf16"
    return rows


ROWS = read_rows()
