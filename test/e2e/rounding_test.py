# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of --act-type=bf16 round where the reference does that rounds at the results of ops, and nowhere else.

usage: rounding_test.py FATHOM MODELS FOLDER
"""

import os
import subprocess
import sys
import tempfile
import unittest

# Must be set before NumPy starts its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from oracles import find_oracles, require_built
from reference_model import ReferenceModel, read_arrays, sigmoid

FATHOM, MODELS, FOLDER = sys.argv[1:]
CACHE = "--cache-dir=" + os.path.join(FOLDER, "cache")

# What f32 is off from f64, as everywhere.
TOLERANCE = 1e-3
# Prompts of an oracle, of two tokens each. Sums of f32 and of f64 come to rest at different neighbors now and then, and one
# such number is seen in all that follows it: in some of such prompts, and in most longer ones.
PROMPTS = 12
# How many have all logits within the tolerance, with kernels and without, as counted; one less is allowed, since libraries add
# numbers of f64 in orders of their own. A number that is rounded elsewhere, or not, is seen in all. Without kernels each weight of
# FP8 is multiplied with its scale, and rounded, before it is summed: more sums come to rest elsewhere.
AGREE = {
    "demo": (10, 6),
    "llama-tiny": (10, 11),
    "moe-tiny": (11, 11),
    "qwen2-tiny": (8, 12),
    "qwen3-tiny": (11, 10),
    "v2-lite-tiny": (12, 11),
    "v2-tiny": (12, 11),
    "v3-tiny": (9, 11),
    "v3-tiny-fp8": (10, 4),
    "v32-tiny": (11, 10),
    "v32-tiny-fp8": (12, 12),
}


def rounded(x):
    """To 8 bits, ties to even."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 256), exponent - 8)


class RoundedModel(ReferenceModel):
    """The reference with activations and a cache of bf16: docs/rationale/0023-activation-types.md, as ops are after fusion.

    `apart`: products that kernels join, of one input or of a gate and its up, are ops of their own."""

    def __init__(self, directory, apart):
        super().__init__(directory)
        self.apart = apart

    def embed(self, tokens):
        return rounded(super().embed(tokens))

    def norm(self, x, name, epsilon=None):
        return rounded(super().norm(x, name, epsilon))

    def layer_norm(self, x, name):
        return rounded(super().layer_norm(x, name))

    def linear(self, x, name):
        result = super().linear(x, name)
        return rounded(result) if self.rounds(name) else result

    def rounds(self, name):
        """Not inside an op: logits, weights of indices, keys and values from latents, and what a sum follows in the epilogue."""
        part, last = name.rpartition(".")[::2]
        if last in ("lm_head", "embed_tokens", "weights_proj", "kv_b_proj"):
            return False
        if last in ("gate_proj", "up_proj"):
            return self.apart
        return not (last == "down_proj" and ".experts." not in name)

    def rotate(self, x, neighbors=None):
        turned = super().rotate(x, neighbors)
        # Rotated inside attention: the heads of a latent's query.
        return turned if self.latent and neighbors is None and x.shape[1] > 1 else rounded(turned)

    def latent_attention(self, x, part):
        linear, self.linear = self.linear, lambda x, name: linear(rounded(x) if name.endswith("o_proj") else x, name)
        try:
            return super().latent_attention(x, part)
        finally:
            del self.linear

    def grouped_attention(self, x, part):
        linear, self.linear = self.linear, lambda x, name: linear(rounded(x) if name.endswith("o_proj") else x, name)
        try:
            return super().grouped_attention(x, part)
        finally:
            del self.linear

    def feed_forward(self, x, part):
        gate = self.linear(x, part + "gate_proj")
        return self.linear(rounded(gate * sigmoid(gate) * self.linear(x, part + "up_proj")), part + "down_proj")

    def experts(self, x, part):
        weights = self.route(x, part)
        result = 0 * x
        for expert in np.flatnonzero(weights.any(0)):
            rows = np.flatnonzero(weights[:, expert])
            result[rows] += weights[rows, expert, None] * self.feed_forward(x[rows], f"{part}experts.{expert}.")
        if not self.config.get("n_shared_experts"):
            return result
        return result + rounded(self.feed_forward(x, part + "shared_experts."))

    def layer(self, x, index):
        part = f"model.layers.{index}."
        attention = self.latent_attention if self.latent else self.grouped_attention
        x = rounded(x + attention(self.norm(x, part + "input_layernorm"), part + "self_attn."))
        normed = self.norm(x, part + "post_attention_layernorm")
        routes = part + "mlp.gate.weight" in self.weights
        return rounded(x + (self.experts if routes else self.feed_forward)(normed, part + "mlp."))


class RoundingTest(unittest.TestCase):
    def run_model(self, artifact, prompts, folder):
        lines, logits = os.path.join(folder, "prompts.txt"), os.path.join(folder, "logits.npy")
        np.savetxt(lines, prompts, "%d")
        command = [FATHOM, "run", artifact, "--batch-file=" + lines, "-n1", "--ignore-eos", "--output=token-ids",
                   "--logits=" + logits]
        subprocess.run(command, check=True, capture_output=True)
        return np.load(logits).reshape(*prompts.shape, -1)

    def check(self, name, options):
        directory = os.path.join(MODELS, name)
        exact, model = ReferenceModel(directory), RoundedModel(directory, bool(options))
        arrays = read_arrays(os.path.join(directory, "golden.safetensors"))
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            artifact = os.path.join(folder, "model.fathom")
            subprocess.run([FATHOM, "compile", directory, "-o", artifact, "--act-type=bf16", CACHE, *options],
                           check=True, capture_output=True)
            tokens = max((arrays[key] for key in arrays if key.endswith(".tokens")), key=len).astype(int)
            prompts = tokens[:2 * PROMPTS].reshape(PROMPTS, 2)
            near, far = 0, 0
            for prompt, actual in zip(prompts, self.run_model(artifact, prompts, folder)):
                want = model.run(prompt)
                near += np.abs(actual - want).max() <= TOLERANCE
                far += np.median(np.abs(exact.run(prompt) - want)) > TOLERANCE
            self.assertGreaterEqual(near, AGREE[name][bool(options)] - 1)
            self.assertEqual(far, PROMPTS)


def add_tests():
    for model in find_oracles(MODELS):
        for options in ([], ["--no-kernels"]):
            name = f"test_{model}{'_no_kernels' if options else ''}".replace("-", "_")
            setattr(RoundingTest, name, lambda self, m=model, o=options: self.check(m, o))


if __name__ == "__main__":
    require_built(FATHOM)
    add_tests()
    unittest.main(argv=sys.argv[:1])
