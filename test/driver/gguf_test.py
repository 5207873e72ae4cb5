# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""GGUF files on the command line: a model is the same from one as from its checkpoint, and what is amiss is said."""

import json
import os
import struct
import unittest

import support
from support import BAD_INPUT, CONFIG, UNSUPPORTED, USAGE, make, read, read_safetensors, write

BF16, U32, F32, BOOL, STRING = 30, 4, 6, 7, 8
PROMPT = "--token-ids=5,6,7,8,9,10,11"

LLAMA = {
    "model_type": "llama", "torch_dtype": "bfloat16", "vocab_size": 320, "hidden_size": 64, "num_hidden_layers": 2,
    "max_position_embeddings": 128, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96,
    "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": False,
}
LLAMA_KEYS = {
    "context_length": 128, "embedding_length": 64, "block_count": 2, "feed_forward_length": 96,
    "attention.head_count": 4, "attention.head_count_kv": 2, "attention.layer_norm_rms_epsilon": 1e-6,
    "rope.freq_base": 10000.0, "rope.dimension_count": 16,
}
DEEPSEEK_KEYS = {
    "context_length": 128, "embedding_length": 64, "block_count": 2, "feed_forward_length": 96,
    "attention.head_count": 2, "attention.head_count_kv": 1, "attention.layer_norm_rms_epsilon": 1e-6,
    "rope.freq_base": 10000.0, "rope.dimension_count": 8, "attention.q_lora_rank": 16, "attention.kv_lora_rank": 32,
    "attention.key_length": 40, "attention.value_length": 32, "attention.key_length_mla": 24,
    "attention.value_length_mla": 16, "leading_dense_block_count": 1, "expert_count": 4, "expert_shared_count": 1,
    "expert_used_count": 2, "expert_feed_forward_length": 32, "expert_group_count": 2, "expert_group_used_count": 1,
    "expert_weights_norm": True, "expert_weights_scale": 1.5, "expert_gating_func": 2,
}
NAMES = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_a_proj": "attn_q_a", "self_attn.q_a_layernorm": "attn_q_a_norm",
    "self_attn.q_b_proj": "attn_q_b", "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
    "self_attn.kv_a_layernorm": "attn_kv_a_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "mlp.gate": "ffn_gate_inp", "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp", "mlp.shared_experts.down_proj": "ffn_down_shexp",
}


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def entry(key, value):
    if isinstance(value, str):
        return text(key) + struct.pack("<I", STRING) + text(value)
    kind, form = (BOOL, "<?") if isinstance(value, bool) else (F32, "<f") if isinstance(value, float) else (U32, "<I")
    return text(key) + struct.pack("<I", kind) + struct.pack(form, value)


def write_gguf(path, metadata, tensors):
    """`tensors` are (name, type, shape as elsewhere, bytes)."""
    table, data = b"", b""
    for name, kind, shape, values in tensors:
        table += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), kind, len(data))
        data += values + bytes(-len(values) % 32)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    head += b"".join(entry(key, value) for key, value in metadata.items()) + table
    return write(path, head + bytes(-len(head) % 32) + data)


def rows_of(data, rows):
    width = len(data) // rows
    return [data[i * width : (i + 1) * width] for i in range(rows)]


def alternate(data, rows, heads):
    """Rows as llama.cpp's converter stores those of queries and keys."""
    rows, half = rows_of(data, rows), rows // heads // 2
    heads = [rows[i : i + 2 * half] for i in range(0, len(rows), 2 * half)]
    return b"".join(head[j * half + i] for head in heads for i in range(half) for j in range(2))


def split_halves(prefix, data, heads, nope, values, latent):
    """kv_b_proj as attn_k_b, transposed within each head, and attn_v_b."""
    rows = rows_of(data, heads * (nope + values))
    keys, others = b"", b""
    for head in range(heads):
        own = rows[head * (nope + values) : (head + 1) * (nope + values)]
        keys += b"".join(row[2 * i : 2 * i + 2] for i in range(latent) for row in own[:nope])
        others += b"".join(own[nope:])
    return [(prefix + "attn_k_b.weight", BF16, [heads, latent, nope], keys),
            (prefix + "attn_v_b.weight", BF16, [heads, values, latent], others)]


def convert(checkpoint, path, architecture, keys, more=()):
    """A GGUF file of a checkpoint, without a vocabulary."""
    config, tensors, experts = json.loads(read(os.path.join(checkpoint, "config.json"))), [*more], {}
    kinds = {"F32": 0, "BF16": BF16}
    for name, (kind, shape, data) in read_safetensors(os.path.join(checkpoint, "model.safetensors")).items():
        if not name.startswith("model.layers."):
            tensors.append((NAMES[name], kinds[kind], shape, data))
            continue
        _, _, layer, inner = name.split(".", 3)
        prefix, base = f"blk.{layer}.", inner.removesuffix(".weight")
        if base == "self_attn.kv_b_proj":
            tensors += split_halves(prefix, data, 2, 16, 16, 32)
        elif base == "mlp.gate.e_score_correction_bias":
            tensors.append((prefix + "exp_probs_b.bias", kinds[kind], shape, data))
        elif base.startswith("mlp.experts."):
            _, _, number, projection = base.split(".")
            stacked = prefix + f"ffn_{projection.removesuffix('_proj')}_exps.weight"
            experts.setdefault(stacked, {})[int(number)] = (kinds[kind], shape, data)
        else:
            if architecture == "llama" and base in ("self_attn.q_proj", "self_attn.k_proj"):
                heads = config["num_attention_heads" if "q_proj" in base else "num_key_value_heads"]
                data = alternate(data, shape[0], heads)
            tensors.append((prefix + NAMES[base] + ".weight", kinds[kind], shape, data))
    for name, members in experts.items():
        kind, shape, _ = members[0]
        stacked = b"".join(members[number][2] for number in sorted(members))
        tensors.append((name, kind, [len(members), *shape], stacked))
    metadata = {"general.architecture": architecture, **{f"{architecture}.{key}": value for key, value in keys.items()}}
    return write_gguf(path, metadata, tensors)


@support.Once
def llama_checkpoint(path):
    support.generate(path, LLAMA)


class Gguf(support.DriverTest):
    def logits(self, source):
        model, path = self.path("model.fathom"), self.path("logits.npy")
        make("compile", source, "-o", model, "--no-tokenizer")
        answer = make("run", model, PROMPT, "-n", "6", "--ignore-eos", "--temperature=0", "--output=token-ids",
                      "--logits=" + path).stdout
        return answer, read(path)

    def llama(self):
        return convert(llama_checkpoint(), self.path("llama.gguf"), "llama", LLAMA_KEYS)

    def test_a_llama_is_the_same_model(self):
        self.assertEqual(self.logits(self.llama()), self.logits(llama_checkpoint()))

    def test_latents_and_experts_are_the_same_model(self):
        checkpoint = support.checkpoint()
        gguf = convert(checkpoint, self.path("v3.gguf"), "deepseek2", DEEPSEEK_KEYS)
        self.assertEqual(self.logits(gguf), self.logits(checkpoint))

    def test_modules_are_taken_back(self):
        gguf = self.llama()
        module = make("compile", gguf, "-o", "-", "--emit=deepseek").stdout
        make("compile", "-", "--from=deepseek", "--checkpoint=" + gguf, "-o", self.path("m.fathom"), stdin=module)

    def test_what_is_inside(self):
        shown = json.loads(make("inspect", self.llama(), "--json").stdout)
        self.assertEqual(shown["files"][0]["name"], "llama.gguf")
        self.assertEqual([row["name"] for row in shown["types"]], ["BF16"])
        self.assertEqual(shown["model"]["num_key_value_heads"], 2)

    def test_findings_speak_of_the_file(self):
        def edit(key, value):
            return convert(llama_checkpoint(), self.path("bad.gguf"), "llama", {**LLAMA_KEYS, key: value})

        cases = [
            ("embedding_length", 0, BAD_INPUT, '"llama.embedding_length" is 0, expected an integer from 1'),
            ("attention.head_count_kv", 3, BAD_INPUT, '"llama.attention.head_count_kv" (3) does not divide'),
            ("feed_forward_length", 97, BAD_INPUT, "blk.0.ffn_gate.weight: has shape [96, 64], but the metadata implies"),
            ("block_count", 3, BAD_INPUT, "blk.2.attn_q.weight: no shard has this tensor"),
            ("expert_count", 8, UNSUPPORTED, "llama.expert_count: is 8, which is not implemented"),
        ]
        for key, value, code, words in cases:
            with self.subTest(key):
                self.fails_to_compile(code, edit(key, value), words)

    def test_divisors_fit_the_pairs(self):
        divisors = [("rope_freqs.weight", 0, [3], bytes(4 * 3).replace(b"\0\0\0\0", struct.pack("<f", 1)))]
        gguf = convert(llama_checkpoint(), self.path("bad.gguf"), "llama", LLAMA_KEYS, divisors)
        self.fails_to_compile(BAD_INPUT, gguf, "rope_freqs.weight: has 3 numbers, but 8 pairs of a head rotate")

    def test_without_a_vocabulary(self):
        self.fails(BAD_INPUT, "tokenize", self.llama(), words=("has no vocabulary",))
        self.fails_to_compile(USAGE, self.llama(), "has no vocabulary, which --chat-format needs",
                              options=("--chat-format=llama-3",))

    def test_weights_are_packed(self):
        self.fails_to_compile(UNSUPPORTED, self.llama(), "can be packed, but not be read where they are",
                              options=("--weights=reference",))

    def test_it_is_compiled_before_it_runs(self):
        self.fails(UNSUPPORTED, "run", self.llama(), PROMPT, words=("compile the file itself: fathom compile",))


if __name__ == "__main__":
    support.main()
