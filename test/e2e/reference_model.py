# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole models in NumPy, float64: the answers that compiled models are held against.

DeepSeek-V2, V3 and V3.2 with multi-token prediction, DeepSeekMoE, Llama, Qwen2 and Qwen3. Reads a checkpoint directory
and shares no code with the compiler. A transcription of the published mathematics, one token set at a time, nothing cached and nothing fused.
"""

import json
import os

import numpy as np

FP8_BLOCK = 128


def _decode_e4m3():
    """The 256 values of F8_E4M3: sign, four bits of exponent, three of mantissa, no infinities."""
    codes = np.arange(256)
    exponent, mantissa = (codes >> 3) & 15, codes & 7
    magnitude = np.where(exponent == 0, mantissa / 8 * 2.0**-6, (1 + mantissa / 8) * 2.0 ** (exponent - 7.0))
    magnitude[(codes & 127) == 127] = np.nan
    return np.where(codes & 128, -magnitude, magnitude)


E4M3 = _decode_e4m3()


def decode(data, dtype):
    """Raw bytes to float64."""
    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if dtype == "F8_E4M3":
        return E4M3[np.frombuffer(data, np.uint8)]
    return np.frombuffer(data, {"F32": "<f4", "F64": "<f8", "I64": "<i8"}[dtype])


def map_arrays(path, mode="r"):
    """Name to (dtype, shape, bytes), for each tensor of a safetensors file, which stays mapped."""
    data = np.memmap(path, np.uint8, mode)
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = entry["dtype"], entry["shape"], data[start + begin : start + end]
    return tensors


def read_arrays(path):
    """Name to array, for each tensor of a safetensors file; bf16 and FP8 become float64."""
    return {name: decode(data, dtype).reshape(shape) for name, (dtype, shape, data) in map_arrays(path).items()}


class Weights:
    """The tensors of a checkpoint as float64, FP8 blocks multiplied by their scales; each is decoded when asked for."""

    def __init__(self, directory):
        self.tensors = {}
        for name in sorted(os.listdir(directory)):
            if name.endswith(".safetensors") and name != "golden.safetensors":
                self.tensors.update(map_arrays(os.path.join(directory, name)))

    def __contains__(self, name):
        return name in self.tensors

    def decode(self, name):
        dtype, shape, data = self.tensors[name]
        return decode(data, dtype).reshape(shape).astype(np.float64)

    def __getitem__(self, name):
        value = self.decode(name)
        if name + "_scale_inv" in self.tensors:
            rows, columns = (np.arange(extent) // FP8_BLOCK for extent in value.shape)
            value *= self.decode(name + "_scale_inv")[np.ix_(rows, columns)]
        return value

    def get(self, name, default):
        return self[name] if name in self else default


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def keep_best(values, count):
    """A mask of the `count` largest of each row, lowest index first among equals."""
    mask = np.zeros(values.shape, bool)
    np.put_along_axis(mask, np.argsort(-values, axis=-1, kind="stable")[..., :count], True, axis=-1)
    return mask


class ReferenceModel:
    """One checkpoint. `margin` is how close the closest choice of an expert or a position was, relative to the scores."""

    def __init__(self, directory):
        with open(os.path.join(directory, "config.json")) as file:
            self.config = json.load(file)
        self.weights = Weights(directory)
        self.margin = np.inf
        self._read_rope()

    def _read_rope(self):
        """Radians per position for each pair of a head; the multipliers of the rotation and of the softmax."""
        c = self.config
        rope = c.get("rope_parameters") or c.get("rope_scaling") or {}
        theta = c.get("rope_theta") or (c.get("rope_parameters") or {}).get("rope_theta") or 10000.0
        self.latent = "model.layers.0.self_attn.kv_b_proj.weight" in self.weights
        self.head_dim = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
        width = c["qk_rope_head_dim"] if self.latent else self.head_dim
        pair = np.arange(width // 2)
        frequency = float(theta) ** (-2 * pair / width)
        self.magnitude, sharpening = 1.0, 1.0
        # "dynamic" changes nothing within max_position_embeddings.
        scaling = rope.get("rope_type") or rope.get("type")
        if scaling == "linear":
            frequency = frequency / rope["factor"]
        elif scaling == "llama3":
            frequency = self._scale_as_llama3(frequency, rope)
        elif scaling == "yarn":
            frequency, sharpening = self._scale_as_yarn(frequency, pair, width, theta, rope)
        self.frequency = frequency
        scored = c["qk_nope_head_dim"] + width if self.latent else width
        self.softmax_scale = scored**-0.5 * (sharpening**2 if self.latent else 1)

    def _scale_as_llama3(self, frequency, rope):
        wavelength, original = 2 * np.pi / frequency, rope["original_max_position_embeddings"]
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        smooth = (original / wavelength - low) / (high - low)
        between = (1 - smooth) * frequency / rope["factor"] + smooth * frequency
        scaled = np.where(wavelength > original / low, frequency / rope["factor"], between)
        return np.where(wavelength < original / high, frequency, scaled)

    def _scale_as_yarn(self, frequency, pair, width, theta, rope):
        factor, original = rope["factor"], rope["original_max_position_embeddings"]

        def dimension(turns):
            return width * np.log(original / (turns * 2 * np.pi)) / (2 * np.log(theta))

        low = max(np.floor(dimension(rope.get("beta_fast") or 32)), 0)
        high = min(np.ceil(dimension(rope.get("beta_slow") or 1)), width - 1)
        stretched = np.clip((pair - low) / (high - low if high != low else 0.001), 0, 1)

        def g(mscale):
            return 0.1 * mscale * np.log(factor) + 1 if factor > 1 else 1.0

        mscale, all_dim = rope.get("mscale") or 0, rope.get("mscale_all_dim") or 0
        self.magnitude = rope.get("attention_factor") or (g(mscale) / g(all_dim) if mscale and all_dim else g(1))
        return frequency * (1 - stretched) + frequency / factor * stretched, g(all_dim) if all_dim else 1.0

    def rotate(self, x, neighbors=None):
        """Rotates x [T, heads, d] by its positions; pairs are neighbors (by default under MLA), else halves of a head."""
        neighbors = self.latent if neighbors is None else neighbors
        half = x.shape[-1] // 2
        one, two = (x[..., 0::2], x[..., 1::2]) if neighbors else (x[..., :half], x[..., half:])
        angle = np.outer(np.arange(len(x)), self.frequency)[:, None]
        turned = (one + 1j * two) * np.exp(1j * angle) * self.magnitude
        if neighbors:
            return np.stack((turned.real, turned.imag), -1).reshape(x.shape)
        return np.concatenate((turned.real, turned.imag), -1)

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights.get(name + ".bias", 0)

    def norm(self, x, name, epsilon=None):
        epsilon = self.config["rms_norm_eps"] if epsilon is None else epsilon
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * self.weights[name + ".weight"]

    def layer_norm(self, x, name):
        centered = x - x.mean(-1, keepdims=True)
        scaled = centered / np.sqrt((centered * centered).mean(-1, keepdims=True) + 1e-6)
        return scaled * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attend(self, scores, chosen=True):
        """Scores [heads, T, T] to probabilities: scaled, causal, of the positions of the mask `chosen` only."""
        causal = np.tri(scores.shape[-1], dtype=bool)
        return softmax(np.where(causal & chosen, scores * self.softmax_scale, -np.inf))

    def choose_positions(self, x, query_latent, part):
        """The mask [T, T] of the positions that each token attends to, best scores first, lowest position among equals."""
        c, count, width = self.config, len(x), self.config["index_head_dim"]
        rope, neighbors = c["qk_rope_head_dim"], c.get("indexer_rope_interleave") or False
        query = self.linear(query_latent, part + "wq_b").reshape(count, -1, width)
        key = self.layer_norm(self.linear(x, part + "wk"), part + "k_norm")[:, None]
        query, key = (np.concatenate((self.rotate(heads[..., :rope], neighbors), heads[..., rope:]), -1)
                      for heads in (query, key))
        products = np.maximum(np.einsum("thd,ud->thu", query, key[:, 0]), 0)
        scores = np.einsum("th,thu->tu", self.linear(x, part + "weights_proj"), products)
        # Equal keys must have equal scores, and matrix products of NumPy may round rows of one matrix differently.
        scores = np.round(scores / np.abs(scores).max(-1, keepdims=True, initial=1e-30), 10)
        scores = np.where(np.tri(count, dtype=bool), scores, -np.inf)
        self.note_index_margin(scores, c["index_topk"])
        return keep_best(scores, c["index_topk"])

    def latent_attention(self, x, part):
        c, count = self.config, len(x)
        heads, nope, rank = c["num_attention_heads"], c["qk_nope_head_dim"], c["kv_lora_rank"]
        chosen = True
        if c["q_lora_rank"]:
            query_latent = self.norm(self.linear(x, part + "q_a_proj"), part + "q_a_layernorm", 1e-6)
            query = self.linear(query_latent, part + "q_b_proj")
        else:
            query = self.linear(x, part + "q_proj")
        if part + "indexer.wk.weight" in self.weights:
            chosen = self.choose_positions(x, query_latent, part + "indexer.")
        query = query.reshape(count, heads, -1)
        compressed = self.linear(x, part + "kv_a_proj_with_mqa")
        shared_key = self.rotate(compressed[:, None, rank:])
        latent = self.norm(compressed[:, :rank], part + "kv_a_layernorm", 1e-6)
        expanded = self.linear(latent, part + "kv_b_proj").reshape(count, heads, -1)
        scores = np.einsum("thd,uhd->htu", query[..., :nope], expanded[..., :nope])
        scores = scores + np.einsum("thd,ud->htu", self.rotate(query[..., nope:]), shared_key[:, 0])
        mixed = np.einsum("htu,uhd->thd", self.attend(scores, chosen), expanded[..., nope:])
        return self.linear(mixed.reshape(count, -1), part + "o_proj")

    def grouped_attention(self, x, part):
        count = len(x)
        query, key, value = (self.linear(x, part + name).reshape(count, -1, self.head_dim)
                             for name in ("q_proj", "k_proj", "v_proj"))
        if part + "q_norm.weight" in self.weights:
            query, key = self.norm(query, part + "q_norm"), self.norm(key, part + "k_norm")
        query, key = self.rotate(query), self.rotate(key)
        # Query heads that share a key head are neighbors.
        grouped = query.reshape(count, key.shape[1], -1, self.head_dim)
        scores = np.einsum("tkgd,ukd->kgtu", grouped, key)
        mixed = np.einsum("kgtu,ukd->tkgd", self.attend(scores), value)
        return self.linear(mixed.reshape(count, -1), part + "o_proj")

    def feed_forward(self, x, part):
        gate = self.linear(x, part + "gate_proj")
        return self.linear(gate * sigmoid(gate) * self.linear(x, part + "up_proj"), part + "down_proj")

    def note_margin(self, values, count):
        """Remembers how far the last kept value is from the first that is not."""
        if count < values.shape[-1]:
            ordered = -np.sort(-values, axis=-1)
            last, first = ordered[:, count - 1], ordered[:, count]
            gap = np.where(np.isfinite(first), (last - first) / np.maximum(np.abs(last), 1e-9), np.inf)
            self.margin = min(self.margin, gap.min())

    def note_index_margin(self, scores, count):
        """The same of positions; equal scores are decided by their positions, so they do not count."""
        if count < scores.shape[-1]:
            ordered = -np.sort(-scores, axis=-1)
            last, first = ordered[:, count - 1], ordered[:, count]
            decided = ~np.isfinite(first) | (last == first)
            self.margin = min(self.margin, np.where(decided, np.inf, last - np.where(decided, 0, first)).min())

    def route(self, x, part):
        """The weight of every expert for every token, 0 for those not chosen."""
        c = self.config
        logits = x @ self.weights[part + "gate.weight"].T
        scores = sigmoid(logits) if c.get("scoring_func") == "sigmoid" else softmax(logits)
        choice = scores + self.weights.get(part + "gate.e_score_correction_bias", 0)
        if c.get("topk_method", "greedy") != "greedy":
            groups = choice.reshape(len(x), c["n_group"], -1)
            best = 2 if c["topk_method"] == "noaux_tc" else 1
            worth = np.sort(groups, -1)[..., -best:].sum(-1)
            self.note_margin(worth, c["topk_group"])
            choice = np.where(keep_best(worth, c["topk_group"])[..., None], groups, -np.inf).reshape(choice.shape)
        self.note_margin(choice, c["num_experts_per_tok"])
        weights = np.where(keep_best(choice, c["num_experts_per_tok"]), scores, 0)
        v2 = c["model_type"] == "deepseek_v2"
        v3 = c["model_type"] in ("deepseek_v3", "deepseek_v32")
        normalizes = c["norm_topk_prob"] and (v3 or c["num_experts_per_tok"] > 1)
        if normalizes:
            weights = weights / (weights.sum(-1, keepdims=True) + 1e-20)
        # DeepSeek-V2 scales only where it does not normalize.
        return weights * (1 if v2 and normalizes else c.get("routed_scaling_factor") or 1)

    def experts(self, x, part):
        result = self.feed_forward(x, part + "shared_experts.") if self.config.get("n_shared_experts") else 0 * x
        weights = self.route(x, part)
        for expert in np.flatnonzero(weights.any(0)):
            rows = np.flatnonzero(weights[:, expert])
            result[rows] += weights[rows, expert, None] * self.feed_forward(x[rows], f"{part}experts.{expert}.")
        return result

    def layer(self, x, index):
        part = f"model.layers.{index}."
        attention = self.latent_attention if self.latent else self.grouped_attention
        x = x + attention(self.norm(x, part + "input_layernorm"), part + "self_attn.")
        normed = self.norm(x, part + "post_attention_layernorm")
        routes = part + "mlp.gate.weight" in self.weights
        return x + (self.experts if routes else self.feed_forward)(normed, part + "mlp.")

    def embed(self, tokens):
        return self.weights["model.embed_tokens.weight"][tokens]

    def head(self, x):
        return self.linear(x, "model.embed_tokens" if self.config.get("tie_word_embeddings") else "lm_head")

    def hidden(self, tokens):
        """What the head reads [T, H]."""
        x = self.embed(tokens)
        for index in range(self.config["num_hidden_layers"]):
            x = self.layer(x, index)
        return self.norm(x, "model.norm")

    def run(self, tokens):
        """Logits [T, V]."""
        return self.head(self.hidden(tokens))

    @property
    def drafts(self):
        """Whether there is a layer that drafts."""
        return f"model.layers.{self.config['num_hidden_layers']}.eh_proj.weight" in self.weights

    def draft(self, tokens):
        """Logits [T - 1, V] of the layer that drafts: row i sees what the head read of token i, and token i + 1."""
        index = self.config["num_hidden_layers"]
        part = f"model.layers.{index}."
        embedded = self.norm(self.embed(tokens[1:]), part + "enorm")
        joined = np.concatenate((embedded, self.norm(self.hidden(tokens)[:-1], part + "hnorm")), -1)
        x = self.layer(self.linear(joined, part + "eh_proj"), index)
        return self.head(self.norm(x, part + "shared_head.norm"))
