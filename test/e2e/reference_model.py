# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""DeepSeek-V2 and V3 in NumPy, float64: the answers that compiled models are held against.

Reads a checkpoint directory and shares no code with the compiler. A transcription of the published mathematics, one
token set at a time, nothing cached and nothing fused.
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


def read_arrays(path):
    """Name to array, for each tensor of a safetensors file; bf16 and FP8 become float64."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = decode(data[begin:end], entry["dtype"]).reshape(entry["shape"])
    return tensors


def read_weights(directory):
    """Name to float64 array, FP8 blocks multiplied by their scales."""
    tensors = {}
    for name in sorted(os.listdir(directory)):
        if name.endswith(".safetensors") and name != "golden.safetensors":
            tensors.update(read_arrays(os.path.join(directory, name)))
    weights = {}
    for name, value in tensors.items():
        if name.endswith("_scale_inv"):
            continue
        value = value.astype(np.float64)
        scale = tensors.get(name + "_scale_inv")
        if scale is not None:
            rows, columns = (np.arange(extent) // FP8_BLOCK for extent in value.shape)
            value = value * scale[np.ix_(rows, columns)]
        weights[name] = value
    return weights


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
    """One checkpoint. `margin` is how close the closest choice of an expert was, relative to the scores."""

    def __init__(self, directory):
        with open(os.path.join(directory, "config.json")) as file:
            self.config = json.load(file)
        self.weights = read_weights(directory)
        self.margin = np.inf
        self._read_rope()

    def _read_rope(self):
        """Radians per position for each pair; the multipliers of the rotation and of the softmax."""
        c = self.config
        rope = c.get("rope_parameters") or c.get("rope_scaling") or {}
        theta = (c.get("rope_parameters") or {}).get("rope_theta") or c["rope_theta"]
        d = c["qk_rope_head_dim"]
        pair = np.arange(d // 2)
        frequency = float(theta) ** (-2 * pair / d)
        self.magnitude, sharpening = 1.0, 1.0
        if (rope.get("rope_type") or rope.get("type")) == "yarn":
            factor, original = rope["factor"], rope["original_max_position_embeddings"]

            def dimension(turns):
                return d * np.log(original / (turns * 2 * np.pi)) / (2 * np.log(theta))

            low = max(np.floor(dimension(rope.get("beta_fast") or 32)), 0)
            high = min(np.ceil(dimension(rope.get("beta_slow") or 1)), d - 1)
            stretched = np.clip((pair - low) / (high - low if high != low else 0.001), 0, 1)
            frequency = frequency * (1 - stretched) + frequency / factor * stretched

            def g(mscale):
                return 0.1 * mscale * np.log(factor) + 1 if factor > 1 else 1.0

            mscale, all_dim = rope.get("mscale") or 0, rope.get("mscale_all_dim") or 0
            self.magnitude = g(mscale) / g(all_dim) if mscale and all_dim else g(1)
            sharpening = g(all_dim) if all_dim else 1.0
        self.frequency = frequency
        self.softmax_scale = (c["qk_nope_head_dim"] + d) ** -0.5 * sharpening**2

    def rotate(self, x):
        """Rotates x [T, heads, d] by its positions; pairs are neighbours."""
        angle = np.outer(np.arange(len(x)), self.frequency)[:, None]
        turned = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angle) * self.magnitude
        return np.stack((turned.real, turned.imag), -1).reshape(x.shape)

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T

    def norm(self, x, name, epsilon=None):
        epsilon = self.config["rms_norm_eps"] if epsilon is None else epsilon
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * self.weights[name + ".weight"]

    def attention(self, x, part):
        c, count = self.config, len(x)
        heads, nope, rank = c["num_attention_heads"], c["qk_nope_head_dim"], c["kv_lora_rank"]
        if c["q_lora_rank"]:
            latent = self.norm(self.linear(x, part + "q_a_proj"), part + "q_a_layernorm", 1e-6)
            query = self.linear(latent, part + "q_b_proj")
        else:
            query = self.linear(x, part + "q_proj")
        query = query.reshape(count, heads, -1)
        compressed = self.linear(x, part + "kv_a_proj_with_mqa")
        shared_key = self.rotate(compressed[:, None, rank:])
        latent = self.norm(compressed[:, :rank], part + "kv_a_layernorm", 1e-6)
        expanded = self.linear(latent, part + "kv_b_proj").reshape(count, heads, -1)
        scores = np.einsum("thd,uhd->htu", query[..., :nope], expanded[..., :nope])
        scores = scores + np.einsum("thd,ud->htu", self.rotate(query[..., nope:]), shared_key[:, 0])
        scores = np.where(np.tri(count, dtype=bool), scores * self.softmax_scale, -np.inf)
        mixed = np.einsum("htu,uhd->thd", softmax(scores), expanded[..., nope:])
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

    def route(self, x, part):
        """The weight of every expert for every token, 0 for those not chosen."""
        c = self.config
        logits = x @ self.weights[part + "gate.weight"].T
        scores = sigmoid(logits) if c["scoring_func"] == "sigmoid" else softmax(logits)
        choice = scores + self.weights.get(part + "gate.e_score_correction_bias", 0)
        if c["topk_method"] != "greedy":
            groups = choice.reshape(len(x), c["n_group"], -1)
            best = 2 if c["topk_method"] == "noaux_tc" else 1
            worth = np.sort(groups, -1)[..., -best:].sum(-1)
            self.note_margin(worth, c["topk_group"])
            choice = np.where(keep_best(worth, c["topk_group"])[..., None], groups, -np.inf).reshape(choice.shape)
        self.note_margin(choice, c["num_experts_per_tok"])
        weights = np.where(keep_best(choice, c["num_experts_per_tok"]), scores, 0)
        normalises = c["norm_topk_prob"] and (c["model_type"] == "deepseek_v3" or c["num_experts_per_tok"] > 1)
        if normalises:
            weights = weights / (weights.sum(-1, keepdims=True) + 1e-20)
        # DeepSeek-V2 scales only where it does not normalise.
        scales = c["model_type"] == "deepseek_v3" or not normalises
        return weights * (c["routed_scaling_factor"] if scales else 1)

    def experts(self, x, part):
        result = self.feed_forward(x, part + "shared_experts.") if self.config.get("n_shared_experts") else 0 * x
        weights = self.route(x, part)
        for expert in np.flatnonzero(weights.any(0)):
            rows = np.flatnonzero(weights[:, expert])
            result[rows] += weights[rows, expert, None] * self.feed_forward(x[rows], f"{part}experts.{expert}.")
        return result

    def run(self, tokens):
        """Logits [T, V]."""
        x = self.weights["model.embed_tokens.weight"][tokens]
        for layer in range(self.config["num_hidden_layers"]):
            part = f"model.layers.{layer}."
            x = x + self.attention(self.norm(x, part + "input_layernorm"), part + "self_attn.")
            normed = self.norm(x, part + "post_attention_layernorm")
            routes = part + "mlp.gate.weight" in self.weights
            x = x + (self.experts if routes else self.feed_forward)(normed, part + "mlp.")
        x = self.norm(x, "model.norm")
        return self.linear(x, "model.embed_tokens" if self.config.get("tie_word_embeddings") else "lm_head")
