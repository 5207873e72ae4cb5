# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Configurations nobody released, as rows of variations.py: odd sizes, one group, no dense layer, many experts."""

COMMON = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000,
    "rope_scaling": None,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
    "vocab_size": 128,
    "torch_dtype": "bfloat16",
}
V2 = COMMON | {
    "model_type": "deepseek_v2",
    "moe_intermediate_size": 32,
    "num_attention_heads": 2,
    "q_lora_rank": None,
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 16,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "topk_method": "greedy",
    "scoring_func": "softmax",
    "norm_topk_prob": False,
    "routed_scaling_factor": 1.0,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
}
V3 = V2 | {
    "model_type": "deepseek_v3",
    "q_lora_rank": 48,
    "n_group": 2,
    "topk_method": "noaux_tc",
    "scoring_func": "sigmoid",
    "norm_topk_prob": True,
    "routed_scaling_factor": 2.5,
}
V32 = V3 | {"model_type": "deepseek_v32", "index_n_heads": 4, "index_head_dim": 16, "index_topk": 7}
LLAMA = COMMON | {
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
QWEN2 = LLAMA | {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 4096}
QWEN3 = QWEN2 | {"model_type": "qwen3", "head_dim": 24}
MOE = LLAMA | {
    "model_type": "deepseek",
    "moe_intermediate_size": 32,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "norm_topk_prob": False,
    "first_k_dense_replace": 1,
}
GROUPED = {"topk_method": "group_limited_greedy"}
YARN = {"type": "yarn", "factor": 40, "original_max_position_embeddings": 64, "beta_fast": 32, "beta_slow": 1}


def heads(count, nope, rope, value):
    return {
        "num_attention_heads": count,
        "qk_nope_head_dim": nope,
        "qk_rope_head_dim": rope,
        "v_head_dim": value,
    }


def queries(count, shared, width=None):
    """Heads of grouped-query attention: `shared` key heads, each `width` wide."""
    return {"num_attention_heads": count, "num_key_value_heads": shared} | ({"head_dim": width} if width else {})


def experts(count, chosen, width=32, shared=1, groups=1, kept=1):
    return {
        "n_routed_experts": count,
        "num_experts_per_tok": chosen,
        "moe_intermediate_size": width,
        "n_shared_experts": shared,
        "n_group": groups,
        "topk_group": kept,
    }


def index(count, width, chosen):
    return {"index_n_heads": count, "index_head_dim": width, "index_topk": chosen}


def yarn(**more):
    return {"rope_scaling": YARN | more}


def rope(kind, **more):
    return {"rope_scaling": {"rope_type": kind, "factor": 8.0} | more}


LLAMA3 = rope("llama3", low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)

# name: (configuration, what projections are stored as)
ROWS = {
    "v2-plain": (V2, "bf16"),
    "v3-plain": (V3, "bf16"),
    "v3-odd-widths": (
        V3 | {"hidden_size": 72, "intermediate_size": 50, "vocab_size": 100, "q_lora_rank": 36, "kv_lora_rank": 20}
        | heads(3, 24, 8, 40) | experts(6, 2, width=33, groups=2),
        "bf16",
    ),
    "v3-fp8-ragged": (
        V3 | {"hidden_size": 200, "intermediate_size": 150, "vocab_size": 517, "q_lora_rank": 130, "kv_lora_rank": 48}
        | heads(5, 24, 8, 40) | experts(12, 3, width=100, groups=3, kept=2),
        "fp8",
    ),
    "v2-many-experts": (V2 | experts(300, 8, width=24, shared=0) | {"first_k_dense_replace": 0}, "bf16"),
    "v3-tied-f32": (
        V3 | {"tie_word_embeddings": True, "vocab_size": 517, "rms_norm_eps": 1e-5} | experts(40, 8, groups=4, kept=4),
        "f32",
    ),
    "v2-all-dense": (V2 | {"first_k_dense_replace": 2, "num_hidden_layers": 2}, "bf16"),
    "v3-one-layer": (V3 | {"num_hidden_layers": 1, "first_k_dense_replace": 0} | heads(1, 16, 8, 16), "bf16"),
    "v2-groups-of-one": (V2 | GROUPED | experts(8, 3, groups=8, kept=4), "bf16"),
    "llama-heads-of-40": (LLAMA | queries(7, 7, 40) | {"hidden_size": 72, "intermediate_size": 50}, "bf16"),
    "qwen3-groups-of-three-tied": (
        QWEN3 | queries(9, 3, 40) | {"tie_word_embeddings": True, "vocab_size": 517} | yarn(),
        "bf16",
    ),
    "qwen2-one-key-head": (QWEN2 | queries(5, 1) | {"hidden_size": 80}, "f32"),
    "moe-without-scale": (MOE | queries(4, 4) | experts(12, 3, shared=2), "bf16"),
    "llama-every-bias": (LLAMA | LLAMA3 | {"attention_bias": True, "mlp_bias": True}, "bf16"),
    "llama-seven-layers": (LLAMA | queries(4, 2) | {"num_hidden_layers": 7, "tie_word_embeddings": True}, "bf16"),
    "moe-normalized-grouped": (
        MOE | queries(6, 2, 40) | experts(10, 4, width=24, shared=3)
        | {"norm_topk_prob": True, "routed_scaling_factor": 1.5, "first_k_dense_replace": 2, "num_hidden_layers": 3},
        "bf16",
    ),
    "v32-plain": (V32, "bf16"),
    # Keys that tokens alone decide, of few tokens: many positions have the same score.
    "v32-ties": (V32 | {"num_hidden_layers": 1, "first_k_dense_replace": 0, "vocab_size": 6}, "f32"),
    "v32-fp8-powers-of-two": (
        V32 | index(20, 64, 64) | yarn(mscale=1.0, mscale_all_dim=1.0)
        | {"hidden_size": 136, "quantization_config": {
            "quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128], "scale_fmt": "ue8m0"}},
        "fp8",
    ),
    "v32-mtp-ragged": (
        V32 | index(5, 19, 65) | heads(3, 24, 8, 40)
        | {"hidden_size": 72, "q_lora_rank": 36, "kv_lora_rank": 20, "num_nextn_predict_layers": 1},
        "bf16",
    ),
    "v32-24-index-heads": (
        V32 | heads(20, 16, 4, 8) | index(24, 128, 1)
        | {"first_k_dense_replace": 2, "tie_word_embeddings": True, "num_nextn_predict_layers": 1},
        "bf16",
    ),
    "v32-every-position": (V32 | index(20, 128, 100_000) | {"num_nextn_predict_layers": 1, "hidden_size": 136}, "fp8"),
    # From here on only with --all.
    "llama-linear": (LLAMA | rope("linear") | {"rope_theta": 100000.0}, "bf16"),
    "llama-dynamic": (LLAMA | rope("dynamic"), "bf16"),
    "llama-without-theta": ({k: v for k, v in LLAMA.items() if k not in ("rope_theta", "rope_scaling")}, "bf16"),
    "llama-fp8": (LLAMA | queries(6, 2, 40) | {"hidden_size": 200, "intermediate_size": 150}, "fp8"),
    "llama-fp8-biases": (LLAMA | {"attention_bias": True, "mlp_bias": True, "hidden_size": 136}, "fp8"),
    "llama-real-heads": (LLAMA | queries(16, 2, 128) | LLAMA3 | {"hidden_size": 128}, "bf16"),
    "llama-wide-heads": (LLAMA | queries(3, 1, 256), "bf16"),
    "llama-narrow-heads": (LLAMA | queries(32, 32, 2), "f32"),
    "llama-multi-head": ({k: v for k, v in LLAMA.items() if k != "num_key_value_heads"}, "bf16"),
    "llama-minimal": (
        LLAMA | queries(1, 1, 2) | {"hidden_size": 1, "intermediate_size": 1, "vocab_size": 2, "num_hidden_layers": 1},
        "f32",
    ),
    "qwen2-fp8": (QWEN2 | queries(5, 5, 24) | {"hidden_size": 129, "intermediate_size": 257}, "fp8"),
    "qwen2-tied": (QWEN2 | queries(12, 2, 16) | {"tie_word_embeddings": True, "vocab_size": 300}, "bf16"),
    "qwen2-groups-of-seven": (QWEN2 | queries(14, 2, 20) | yarn(), "bf16"),
    "qwen3-biases": (QWEN3 | queries(8, 2, 32) | {"attention_bias": True}, "bf16"),
    "qwen3-fp8-yarn": (QWEN3 | queries(3, 3, 40) | yarn() | {"hidden_size": 200}, "fp8"),
    "qwen3-yarn-mscale": (QWEN3 | yarn(mscale=0.5, mscale_all_dim=1.0), "f32"),
    "qwen3-rope-parameters": (
        {k: v for k, v in QWEN3.items() if k not in ("rope_theta", "rope_scaling", "torch_dtype")}
        | {
            "dtype": "bfloat16",
            "rope_parameters": {k: v for k, v in YARN.items() if k != "type"}
            | {"rope_type": "yarn", "rope_theta": 1000000.0},
        },
        "bf16",
    ),
    "moe-fp8-normalized": (
        MOE | experts(10, 4, width=100, shared=3) | {"norm_topk_prob": True, "routed_scaling_factor": 1.5},
        "fp8",
    ),
    "moe-grouped-biases": (MOE | queries(6, 2, 40) | experts(64, 6) | {"attention_bias": True}, "bf16"),
    "moe-no-dense-layer": (MOE | experts(5, 1, shared=0) | {"first_k_dense_replace": 0} | yarn(), "f32"),
    "v2-dense-one-layer": (V2 | {"num_hidden_layers": 1, "first_k_dense_replace": 1}, "f32"),
    "v2-no-dense-layer": (V2 | {"first_k_dense_replace": 0} | experts(3, 1, shared=3), "bf16"),
    "v2-normalized": (V2 | {"norm_topk_prob": True, "routed_scaling_factor": 3.0} | experts(5, 2), "bf16"),
    "v2-normalized-one": (V2 | {"norm_topk_prob": True, "routed_scaling_factor": 3.0} | experts(2, 1), "bf16"),
    "v2-every-expert": (V2 | experts(8, 8), "f32"),
    "v2-every-group": (V2 | GROUPED | experts(40, 2, groups=2, kept=2) | {"q_lora_rank": 36}, "bf16"),
    "v2-every-other-layer": (
        V2 | {"num_hidden_layers": 4, "first_k_dense_replace": 0, "moe_layer_freq": 2},
        "bf16",
    ),
    "v2-real-heads": (V2 | heads(2, 128, 64, 128) | {"kv_lora_rank": 512} | yarn(mscale=0.707, mscale_all_dim=0.707), "bf16"),
    "v3-real-heads-fp8": (V3 | heads(2, 128, 64, 128) | {"kv_lora_rank": 512}, "fp8"),
    "v2-twenty-heads": (V2 | heads(20, 16, 4, 8) | {"hidden_size": 200}, "bf16"),
    "v2-yarn-plain": (V2 | yarn(), "bf16"),
    "v2-yarn-mscale": (V2 | yarn(mscale=0.5, mscale_all_dim=1.0), "f32"),
    "v3-rope-parameters": (
        {k: v for k, v in V3.items() if k not in ("rope_theta", "rope_scaling", "torch_dtype")}
        | {
            "dtype": "bfloat16",
            "rope_parameters": {k: v for k, v in YARN.items() if k != "type"}
            | {"rope_type": "yarn", "rope_theta": 5000.0, "mscale": 1.0, "mscale_all_dim": 1.0},
        },
        "bf16",
    ),
    "v3-rope-default": (
        {k: v for k, v in V3.items() if k not in ("rope_theta", "rope_scaling")}
        | {"rope_parameters": {"rope_type": "default", "rope_theta": 20000.0}},
        "bf16",
    ),
    "v3-one-group": (V3 | experts(9, 4, groups=1), "f32"),
    "v3-every-expert": (V3 | experts(6, 6, groups=3, kept=3, width=24), "bf16"),
    "v3-many-experts": (V3 | experts(300, 8, width=33, groups=10, kept=3), "bf16"),
    "v3-many-experts-fp8": (V3 | experts(288, 1, width=24, groups=144, kept=7, shared=3), "fp8"),
    "v3-unnormalized": (V3 | {"norm_topk_prob": False} | experts(10, 5, groups=5, kept=3), "bf16"),
    "v3-no-query-latent": (V3 | {"q_lora_rank": None, "n_shared_experts": 0, "tie_word_embeddings": True}, "bf16"),
    "v3-all-dense": (V3 | {"num_hidden_layers": 3, "first_k_dense_replace": 3, "intermediate_size": 50}, "fp8"),
    "v3-no-routed": (V3 | {"n_routed_experts": None}, "bf16"),
    "v3-mtp": (V3 | {"num_nextn_predict_layers": 1}, "bf16"),
    "v3-mtp-fp8": (V3 | {"num_nextn_predict_layers": 1, "hidden_size": 136}, "fp8"),
    # A shard that ends in scales, of a weight larger than what is behind them.
    "v3-mtp-scales-at-the-end": (
        V3 | heads(20, 33, 32, 8) | {"num_nextn_predict_layers": 1, "hidden_size": 8, "q_lora_rank": None},
        "fp8",
    ),
    "v32-one-position": (V32 | heads(20, 16, 4, 8) | index(4, 16, 1) | {"hidden_size": 200}, "bf16"),
    "v32-as-many-as-a-prompt": (V32 | index(4, 16, 130) | {"max_position_embeddings": 131}, "f32"),
    "v32-one-less": (V32 | index(4, 16, 129), "bf16"),
    "v32-one-index-head": (V32 | index(1, 8, 64), "f32"),
    "v32-real-index": (V32 | heads(2, 128, 64, 128) | index(64, 128, 63) | {"kv_lora_rank": 512}, "bf16"),
    "v32-interleaved-index": (V32 | yarn() | {"indexer_rope_interleave": True}, "f32"),
    "v32-equal-keys": (V32, "bf16"),
    "v32-all-dense-tied": (
        V32 | index(3, 24, 64) | {"first_k_dense_replace": 3, "num_hidden_layers": 3, "tie_word_embeddings": True},
        "fp8",
    ),
    "v3-short-context": (V3 | {"max_position_embeddings": 130}, "bf16"),
    "v3-257-experts": (V3 | experts(257, 16, width=24, groups=1), "bf16"),
    "v2-one-expert": (V2 | experts(1, 1), "bf16"),
    # What no GPU has shared memory for, and what some have.
    "v3-latents-of-1600": (V3 | {"kv_lora_rank": 1600}, "bf16"),
    "llama-heads-of-1024": (LLAMA | queries(2, 1, 1024), "bf16"),
    "llama-heads-of-512": (LLAMA | queries(2, 1, 512), "bf16"),
    "v3-minimal": (
        V3 | heads(1, 1, 2, 1) | experts(2, 1, width=1, groups=1)
        | {"hidden_size": 1, "intermediate_size": 1, "vocab_size": 2, "q_lora_rank": 1, "kv_lora_rank": 1},
        "f32",
    ),
    "v3-tiny-odd": (
        V3 | heads(7, 3, 2, 5) | experts(4, 2, width=7, groups=2, shared=3)
        | {"hidden_size": 17, "intermediate_size": 9, "vocab_size": 33, "q_lora_rank": 5, "kv_lora_rank": 11},
        "bf16",
    ),
    "v3-tiny-odd-fp8": (
        V3 | heads(3, 5, 6, 7) | experts(4, 2, width=131, groups=2, shared=1)
        | {"hidden_size": 129, "intermediate_size": 257, "vocab_size": 301, "q_lora_rank": 127, "kv_lora_rank": 3},
        "fp8",
    ),
}
QUICK = list(ROWS)[: list(ROWS).index("llama-linear")]

# Rows with zeros in tensors of every layer: the ends of their names, and which of the first dimension.
KEY_NORM = "indexer.k_norm.weight", "indexer.k_norm.bias"
ZEROS = {"v32-ties": (KEY_NORM, slice(0, V32["qk_rope_head_dim"])), "v32-equal-keys": (KEY_NORM, slice(None))}

# Rows whose weights are in so many files, each of at most so many bytes.
SHARDS = {"llama-seven-layers": (4, 120_000)}
