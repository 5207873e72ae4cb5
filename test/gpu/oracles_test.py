# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The simulated GPU answers as models of test/models must: the verdicts of check.py, without a driver.

    oracles_test.py FATHOM MODELS FOLDER ARCHITECTURE
"""

import os
import subprocess
import sys
import tempfile
import unittest

# Must be set before NumPy starts its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from check import check_bf16, check_f32, check_generated
from golden import find_models, read_golden

FATHOM, MODELS, FOLDER, ARCHITECTURE = sys.argv[1:]
sys.path.insert(0, os.path.join(os.path.dirname(MODELS), "e2e"))

from reference_model import ReferenceModel

CACHE = "--cache-dir=" + os.path.join(FOLDER, "cache-" + ARCHITECTURE)
# The simulator is slow.
TOKENS = 3
# Short: a token whose experts almost tie goes to others with either rounding, and takes along those behind it.
PROMPTS = (12, 3)
# One of each way to attend, and to multiply experts.
ROUNDED = ("moe-tiny", "qwen3-tiny", "v2-tiny", "v3-tiny-fp8", "v32-tiny")


def run(*command):
    done = subprocess.run([FATHOM, *command], capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise AssertionError(f"exit {done.returncode} of {' '.join(command)[:300]}\n{done.stderr}")
    return done.stdout


def answer(device, artifact, count, *prompt):
    """(what is printed, logits of the positions of prompts)"""
    logits = artifact + ".npy"
    text = run("run", artifact, "--device=" + device, *prompt, f"-n{count}", "--temperature=0", "--ignore-eos",
               "--output=token-ids", "--logits=" + logits)
    return text, np.load(logits).ravel()


class OraclesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=FOLDER)
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "model.fathom")

    def compile(self, model, *options):
        run("compile", os.path.join(MODELS, model), "-o", self.path, "--target=cpu,cuda", "--sm=" + ARCHITECTURE,
            "--cubin=none", "--max-context=128", "--draft=none", CACHE, *options)

    def check(self, verdict, *run):
        good, value = verdict([run])
        self.assertTrue(good, value)

    def check_golden(self, verdict, model, *options):
        """The shortest prompt that has something to attend to."""
        self.compile(model, "--act-type=f32", *options)
        golden = read_golden(os.path.join(MODELS, model))
        tokens, logits, greedy = next(prompt for prompt in golden if len(prompt[0]) > 1)
        answers = []
        for device in ("ptxsim", "cpu"):
            text, given = answer(device, self.path, TOKENS, "--token-ids=" + ",".join(map(str, tokens)))
            answers.append(([int(token) for token in text.replace(",", " ").split()], given))
        self.check(verdict, *answers, {"tokens": tokens, "greedy": greedy[:TOKENS]}, np.frombuffer(logits, np.float32))

    def check_rounded(self, model):
        """Prompts of which the reference says what they give."""
        self.compile(model, "--act-type=bf16")
        lines, reference = self.path + ".txt", ReferenceModel(os.path.join(MODELS, model))
        longest = max((tokens for tokens, _, _ in read_golden(os.path.join(MODELS, model))), key=len)
        prompts = np.array(longest[:PROMPTS[0] * PROMPTS[1]]).reshape(PROMPTS)
        np.savetxt(lines, prompts, "%d")
        answers = [answer(device, self.path, 1, "--batch-file=" + lines) for device in ("ptxsim", "cpu")]
        self.check(check_bf16, *answers, {"tokens": prompts.ravel()}, np.concatenate([reference.run(one).ravel() for one in prompts]))


def add_test(name, check, *arguments):
    setattr(OraclesTest, "test_" + name.replace("-", "_"), lambda self: check(self, *arguments))


def add_tests():
    for model in find_models(MODELS):
        add_test("generated_" + model, OraclesTest.check_golden, check_generated, model, "--no-kernels")
        add_test("f32_" + model, OraclesTest.check_golden, check_f32, model)
    for model in ROUNDED:
        add_test("bf16_" + model, OraclesTest.check_rounded, model)


if __name__ == "__main__":
    add_tests()
    unittest.main(argv=sys.argv[:1])
