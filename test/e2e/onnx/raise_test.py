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
    "order-nodes", "simplify-attention", "simplify-nodes", "raise-norms", "raise-rotations", "raise-swiglu", "raise-attention",
    "raise-causal-masks")]
# What the twins of counter-examples are raised to; of those that are not here nothing has become of them yet.
ATTENTION, NORM, ROTATE, SWIGLU = "Attention", "RMSNormalization", "Rotate", "SwiGlu"
RAISED = {
    "attention-heads-tiled": ATTENTION, "attention-softmax-axis": ATTENTION, "attention-strict-mask": ATTENTION, "attention-unscaled": ATTENTION,
    "mla-norm-all": NORM, "mla-scale": ATTENTION, "mla-value-first": ATTENTION, "norm-after-scale": NORM, "norm-eps-outside": NORM, "norm-of-another": NORM, "norm-sum": NORM, "norm-wrong-axis": NORM,
    "rope-by-head": ROTATE, "rope-mixed-layout": ROTATE, "rope-sign": ROTATE, "silu-quick": SWIGLU,
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
        done = run(FATHOM_OPT, "-", "--verify-numerics-each", "--verify-numerics-folder=" + self.folder, *passes, text=module)
        for complaint in ("changed", "removed", "not verified"):
            self.assertNotIn(complaint, done.stderr)
        return done.stdout

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
            with self.subTest(os.path.basename(path)):
                self.verify(self.emit(path), "--fathom-raise-pipeline=folder=" + self.folder)

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
                    self.assertTrue(self.emit(other, "deepseek") == self.emit(path, "deepseek"))

    def test_raising_twice_changes_nothing(self):
        # Constants that patterns make stand first until nodes are in their order again.
        passes = [*PATTERNS, "--cse", "--fathom-order-nodes"]
        for path in unpack("graphs.tar.xz", self.folder):
            with self.subTest(os.path.basename(path)):
                once = run(FATHOM_OPT, "-", *passes, text=self.emit(path)).stdout
                self.assertTrue(run(FATHOM_OPT, "-", *passes, text=once).stdout == once)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
