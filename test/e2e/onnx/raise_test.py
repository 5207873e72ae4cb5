# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Raising keeps the numbers of graphs, and depends on nothing but what they compute.

usage: raise_test.py FATHOM FATHOM_OPT SHUFFLE FOLDER

No file has the weights of these graphs: --verify-numerics-each makes them up, but for those of few numbers.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest

# Must be set before NumPy starts its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
FATHOM, FATHOM_OPT, SHUFFLE, FOLDER = sys.argv[1:]
# More than the graphs say of their weights. Numbers of 32 bits and of 16, about 1 as bf16 and f16 have them.
WEIGHTS = np.random.default_rng(1).integers(0x3f00, 0x3fc0, 1 << 20, np.uint16).repeat(2).tobytes()
GOLDEN = os.path.join(HERE, "raised.txt")

PATTERNS = ["--fathom-" + name for name in (
    "order-nodes", "simplify-attention", "simplify-experts", "simplify-nodes", "raise-weights", "raise-norms", "raise-rotations",
    "raise-swiglu", "raise-experts", "order-heads", "raise-attention", "raise-causal-masks", "expand-absorbed-attention")]
COMPLAINTS = ("changed", "removed", "not verified")
# Graphs with tables of bf16, which the conversion does not round, by more than its contract: e2e-onnx holds them to the tokens of
# checkpoints.
UNPROVEN = ("qwen2-bf16-dynamo23",)
# What the twins of counter-examples are raised to; of those that are not here nothing: their zeros are in a file that is not here.
ATTENTION, EXPERTS, NORM, ROTATE, SWIGLU = "Attention", "Experts", "RMSNormalization", "Rotate", "SwiGlu"
RAISED = {
    "attention-heads-tiled": ATTENTION, "attention-softmax-axis": ATTENTION, "attention-strict-mask": ATTENTION, "attention-unscaled": ATTENTION,
    "mla-norm-all": NORM, "mla-scale": ATTENTION, "mla-value-first": ATTENTION, "norm-after-scale": NORM, "norm-eps-outside": NORM, "norm-of-another": NORM, "norm-sum": NORM, "norm-wrong-axis": NORM,
    "route-bias-weighs": EXPERTS, "rope-by-head": ROTATE, "rope-mixed-layout": ROTATE, "rope-sign": ROTATE, "silu-quick": SWIGLU,
}
# Those whose model is raised, to an op that means what it computes: its mask, its scale or its angles are its own, and what is
# around it is not part of the op.
MEANT = ("attention-heads-tiled", "attention-strict-mask", "attention-unscaled", "mla-norm-all", "mla-scale", "mla-value-first",
         "norm-after-scale", "rope-by-head", "rope-mixed-layout")


def run(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)


def unpack(name, folder):
    with tarfile.open(os.path.join(HERE, name)) as archive:
        archive.extractall(folder)
        names = [name for name in archive.getnames() if name.endswith(".onnx")]
    for name in names:
        # Twins share a file.
        with open(os.path.join(folder, re.sub(r"(-twin)?\.onnx$", ".bin", name)), "wb") as file:
            file.write(WEIGHTS)
    return [os.path.join(folder, name) for name in names]


class Raise(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(dir=FOLDER)
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = scratch.name

    def emit(self, path, phase="onnx"):
        done = run(FATHOM, "compile", path, "-o", "-", "--emit=" + phase)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def verify(self, module, *passes):
        """What passes make of a module, each of which keeps its numbers; empty where it is refused."""
        done = self.run_verified(module, *passes)
        for complaint in COMPLAINTS:
            self.assertNotIn(complaint, done.stderr)
        return done.stdout

    def run_verified(self, module, *passes):
        return run(FATHOM_OPT, "-", "--verify-numerics-each", "--verify-numerics-folder=" + self.folder, *passes, text=module)

    def test_counter_examples_are_not_taken_for_their_twins(self):
        for path in unpack("counter.tar.xz", self.folder):
            name = os.path.basename(path)[:-len(".onnx")]
            example = name.removesuffix("-twin")
            with self.subTest(name):
                text = self.verify(self.emit(path), *PATTERNS)
                self.assertNotEqual(text, "")
                isRaised = f'onnx.node "{RAISED.get(example)}"' in text
                self.assertEqual(isRaised, example in RAISED and (name != example or example in MEANT))

    def test_passes_keep_the_numbers_of_graphs(self):
        for path in unpack("graphs.tar.xz", self.folder):
            name = os.path.basename(path)[:-len(".onnx")]
            with self.subTest(name):
                done = self.run_verified(self.emit(path), "--fathom-raise-pipeline=folder=" + self.folder)
                self.assertEqual(name in UNPROVEN, any(complaint in done.stderr for complaint in COMPLAINTS), done.stderr[:500])

    def test_graphs_become_what_the_table_says(self):
        lines = []
        for path in sorted(unpack("graphs.tar.xz", self.folder)):
            report = json.loads(run(FATHOM, "inspect", "--json", path).stdout)
            ops = ", ".join(f"{row['op']} {row['count']}" for row in report.get("raised", []))
            lines.append(f"{os.path.basename(path)[:-len('.onnx')]}: {ops or '-'}\n")
        text = "".join(lines)
        with open(GOLDEN, encoding="utf-8") as file:
            golden = file.read()
        if text != golden:
            with open(os.path.join(FOLDER, "raised.txt"), "w", encoding="utf-8") as file:
                file.write(text)
        self.assertEqual(text, golden, f"if it is right, {FOLDER}/raised.txt is to be {GOLDEN}")

    def test_order_and_names_do_not_matter(self):
        with open(GOLDEN, encoding="utf-8") as file:
            raised = [line.split(":")[0] for line in file if not line.endswith(": -\n")]
        for path in unpack("graphs.tar.xz", self.folder):
            name = os.path.basename(path)[:-len(".onnx")]
            if name in raised:
                with self.subTest(name):
                    other = os.path.join(self.folder, "shuffled.onnx")
                    self.assertEqual(run(SHUFFLE, path, other, "1").returncode, 0)
                    self.assertEqual(self.emit_model(other), self.emit_model(path))

    def emit_model(self, path):
        """The module that a graph is raised to, but for what its files are called and where numbers of the message are in them."""
        text = re.sub(r"deepseek\.shards = \[.*?\]", "", self.emit(path, "deepseek"))
        return re.sub(r" at \[[^]]*\]", "", text)

    def test_a_pass_that_runs_twice_changes_nothing(self):
        # Constants that patterns make stand first until nodes are in their order again.
        end = ["--canonicalize", "--cse", "--fathom-order-nodes"]
        for path in unpack("graphs.tar.xz", self.folder):
            with self.subTest(os.path.basename(path)):
                module = self.emit(path)
                once = run(FATHOM_OPT, "-", *PATTERNS, *end, text=module)
                twice = run(FATHOM_OPT, "-", *(name for name in PATTERNS for _ in range(2)), *end, text=module)
                self.assertEqual(once.returncode, 0, once.stderr)
                self.assertEqual(twice.stdout, once.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
