# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Graphs as exporters write them give what the checkpoints give that they are of.

usage: graphs_test.py FATHOM FOLDER

The graphs are in graphs.tar.xz, without weights: see make_graphs.py. Checkpoints with other weights are generated each time, and
the weights of the graphs are made of theirs. A graph that is quantized is compared with a checkpoint of the numbers that its own
stand for.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

# Must be set before NumPy starts its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import deepseek_forms as forms
import deepseek_graph
from quantized import is_quantized, make_weights, quantize_checkpoint
from reference_model import read_arrays

FATHOM, FOLDER = sys.argv[1:]
CACHE = "--cache-dir=" + os.path.join(FOLDER, "cache")
UNSUPPORTED = 4
CONTEXT = 96
PROMPTS = ([3, 1, 4, 1, 5, 9, 2, 6, 5, 35, 89, 79, 32, 38, 46], [17])
GREEDY = 12

# Of every logit. Graphs of 16 bits have rounded more than weights: epsilons, scales, and cosines and sines.
TOLERANCE = 1e-3
ROUNDED = {"llama-f16": 5e-3, "llama-genai-dml-f16": 5e-3, "qwen2-bf16-dynamo23": 0.05, "qwen2-genai-bf16": 0.05}
# Of these, functions of tensors are made as well: one has its attention in a node with a cache, the other a cache that it writes to.
STANDING = ("llama-genai-f32", "llama-mobius24-static")
# Three layers of routed experts behind a dense one, as deepseek_graph.py writes them.
LAYERS = {"num_hidden_layers": 4, "first_k_dense_replace": 1, "q_lora_rank": None, "rope_scaling": None}
# Dimensions that blocks of FP8 do not divide.
RAGGED = {"q_lora_rank": None, "rope_scaling": None, "intermediate_size": 160, "hidden_size": 144}
PLAIN = {"q_lora_rank": None, "rope_scaling": None}
# One function is made of all nodes: few, so that this takes seconds.
DENSE = PLAIN | {"num_hidden_layers": 1}
SPARSE = DENSE | {"first_k_dense_replace": 0, "n_routed_experts": 4}
# Rows are rounded to bytes where those of the checkpoint are not: ONNX Runtime differs as much, of logits up to 10.
ROUNDED_ROWS = 0.3


def run(*command):
    return subprocess.run([FATHOM, *command], capture_output=True, text=True, timeout=300)


def make(*command):
    done = run(*command)
    if done.returncode:
        raise AssertionError(f"exit {done.returncode} of {' '.join(command)[:300]}\n{done.stderr}")
    return done.stdout


class Answers:
    """What an artifact says to every prompt."""

    def __init__(self, artifact):
        answers = [self.ask(artifact, prompt) for prompt in PROMPTS]
        self.tokens = [tokens for tokens, _ in answers]
        self.logits = np.concatenate([logits for _, logits in answers])

    @staticmethod
    def ask(artifact, prompt):
        logits = artifact + ".npy"
        answer = make("run", artifact, "--token-ids=" + ",".join(map(str, prompt)), f"-n{GREEDY}", "--temperature=0",
                      "--ignore-eos", "--output=json", "--logits=" + logits)
        return json.loads(answer)["tokens"], np.load(logits)


class Graphs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(dir=FOLDER)
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = scratch.name
        with tarfile.open(os.path.join(HERE, "graphs.tar.xz")) as archive:
            archive.extractall(cls.folder)
        with open(cls.path("graphs.json"), encoding="utf-8") as file:
            cls.facts = json.load(file)
        cls.checkpoints = {}

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def generate(self, name):
        """(the tensors of a checkpoint, its answers), once."""
        if name not in self.checkpoints:
            config, folder = self.path(name + ".json"), self.path(name)
            with open(config, "w", encoding="utf-8") as file:
                json.dump(self.facts["checkpoints"][name], file)
            make("gen", "--config=" + config, "-o", folder)
            self.checkpoints[name] = self.answer(folder)
        return self.checkpoints[name]

    @staticmethod
    def answer(folder):
        make("compile", folder, "-o", folder + ".fathom", f"--max-context={CONTEXT}", CACHE)
        return read_arrays(os.path.join(folder, "model.safetensors")), Answers(folder + ".fathom")

    def expect(self, name):
        """What a graph is to answer."""
        graph = self.facts["graphs"][name]
        if not is_quantized(graph["weights"]):
            return self.generate(graph["checkpoint"])[1]
        folder = self.path(name + "-checkpoint")
        if not os.path.exists(folder):
            shutil.copytree(self.path(graph["checkpoint"]), folder)
            quantize_checkpoint(os.path.join(folder, "model.safetensors"), graph["weights"])
        return self.answer(folder)[1]

    def feed(self, name, shape, tokens, width):
        """An input of a first call, of which caches are empty, or of zeros."""
        count = len(tokens)
        known = {"input_ids": [tokens], "attention_mask": np.ones((1, count)), "position_ids": [np.arange(count)],
                 "write_indices": [0], "nonpad_kv_seqlen": [count]}
        if name in known:
            return np.asarray(known[name], np.int64)
        sizes = [int(size) if size.isdigit() else width if size == "kv_cache_dim" else 0 for size in shape]
        return np.zeros([1] + sizes[1:], np.float32)

    def call(self, artifact, tokens, width):
        """The logits that a function of tensors gives."""
        options, out = [], artifact + ".out"
        for fact in json.loads(make("inspect", artifact, "--json"))["functions"]:
            if fact["direction"] == "input":
                shape = fact["shape"].strip("[]").split(", ")
                path = f"{artifact}.{len(options)}.npy"
                np.save(path, self.feed(fact["tensor"], shape, tokens, width))
                options.append(f"--input={fact['tensor']}=@{path}")
        make("run", artifact, *options, "--output-dir=" + out)
        return np.load(os.path.join(out, "logits.npy"))[0]

    def compile(self, name, *options, raised="require"):
        graph = self.facts["graphs"][name]
        tensors, _ = self.generate(graph["checkpoint"])
        with open(self.path(name + ".bin"), "wb") as file:
            file.writelines(make_weights(graph["weights"], tensors))
        context = [f"--max-context={CONTEXT}"] if raised == "require" else []
        return run("compile", self.path(name + ".onnx"), "-o", self.path(name + ".fathom"), "--raise=" + raised, CACHE,
                   *context, *options)

    def test_graphs_give_what_checkpoints_give(self):
        for name in sorted(self.facts["graphs"]):
            with self.subTest(name):
                done = self.compile(name)
                self.assertEqual(done.returncode, 0, done.stderr)
                expected = self.expect(name)
                answers = Answers(self.path(name + ".fathom"))
                self.assertEqual(answers.tokens, expected.tokens)
                self.assertLess(np.abs(answers.logits - expected.logits).max(), ROUNDED.get(name, TOLERANCE))

    def test_graphs_as_they_stand_give_what_checkpoints_give(self):
        for name in STANDING:
            with self.subTest(name):
                done = self.compile(name, raised="none")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                checkpoint = self.facts["graphs"][name]["checkpoint"]
                config, tokens = self.facts["checkpoints"][checkpoint], PROMPTS[0]
                width = config["hidden_size"] // config["num_attention_heads"]
                logits = self.call(self.path(name + ".fathom"), tokens, width)
                expected = self.generate(checkpoint)[1].logits[:len(tokens)]
                self.assertLess(np.abs(logits - expected).max(), TOLERANCE)

    def write(self, name, model, changes, change=None, dtype="bf16"):
        """The folder of a checkpoint with its graph, and what the checkpoint answers whose matrices the graph's stand for."""
        config, folder = self.path(name + ".json"), self.path(name)
        with open(config, "w", encoding="utf-8") as file:
            json.dump(self.facts["checkpoints"]["v2-micro"] | changes, file)
        make("gen", "--config=" + config, "--dtype=" + dtype, "-o", folder)
        deepseek_graph.write(folder, model)
        if change:
            forms.change_checkpoint(os.path.join(folder, "model.safetensors"), change)
        return folder, self.answer(folder)[1]

    def test_language_models_of_written_forms(self):
        """Layers that are alike behind another, FP8 by blocks, and experts of four bits in one node."""
        for name, *form in (("layers", deepseek_graph.Model, LAYERS), ("blocks", forms.BlocksModel, RAGGED, None, "fp8"),
                            ("packed", forms.PackedModel, PLAIN, forms.round_nibbles)):
            with self.subTest(name):
                folder, expected = self.write(name, *form)
                make("compile", folder + "/model.onnx", "-o", folder + ".onnx.fathom", "--raise=require",
                     f"--max-context={CONTEXT}", CACHE)
                answers = Answers(folder + ".onnx.fathom")
                self.assertEqual(answers.tokens, expected.tokens)
                self.assertLess(np.abs(answers.logits - expected.logits).max(), TOLERANCE)

    def test_functions_of_written_forms(self):
        """Rows rounded to bytes, and experts that a trace did not meet, are of no language model."""
        for name, tolerance, *form in (("dynamic", ROUNDED_ROWS, forms.DynamicModel, DENSE, forms.round_bytes),
                                       ("few", TOLERANCE, forms.FewExpertsModel, SPARSE, forms.drop_unseen)):
            with self.subTest(name):
                folder, expected = self.write(name, *form)
                artifact, graph = folder + ".onnx.fathom", folder + "/model.onnx"
                refused = run("compile", graph, "-o", artifact, "--raise=require", CACHE)
                self.assertEqual(refused.returncode, UNSUPPORTED, refused.stderr)
                self.assertIn("that was not recognized as a part of a language model", refused.stderr)
                make("compile", graph, "-o", artifact, CACHE)
                logits = self.call(artifact, PROMPTS[0], 0)
                self.assertLess(np.abs(logits - expected.logits[:len(logits)]).max(), tolerance)

    def test_options_are_those_of_checkpoints(self):
        """Weights stay where they are or not, and kernels are used or not: answers are the same."""
        for name, *options in (("v3-absorb20-cache", "--weights=reference"),
                               ("llama-f16", "--weights=reference", "--no-kernels"),
                               ("qwen2-genai-int4", "--weights=reference", "--verify-weights")):
            with self.subTest(name):
                done = self.compile(name, *options)
                self.assertEqual(done.returncode, 0, done.stderr)
                expected = self.expect(name)
                answers = Answers(self.path(name + ".fathom"))
                self.assertEqual(answers.tokens, expected.tokens)
                self.assertLess(np.abs(answers.logits - expected.logits).max(), ROUNDED.get(name, TOLERANCE))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
