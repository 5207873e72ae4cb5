# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs that hold a model, or open one, give the reference's logits and tokens; with a smaller cache, those of `fathom run`.

usage: programs_test.py FATHOM GREEDY MODELS FOLDER. GREEDY is greedy.c, linked with the runtime alone. An executable of
--emit=exe needs a static runtime, which sanitizers do not have: a fifth argument, `sanitized`, leaves it out.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

from oracles import find_oracles, require_built
from reference_model import read_arrays

FATHOM, GREEDY, MODELS, FOLDER = sys.argv[1:5]
SANITIZED = sys.argv[5:] == ["sanitized"]
CACHE = "--cache-dir=" + os.path.join(FOLDER, "cache")
TOLERANCE = 1e-3
# One model for each way to attend: grouped queries; latents, all or a selection of them.
CACHED = ("qwen3-tiny", "v32-tiny")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise AssertionError(f"exit {done.returncode} of {' '.join(command)[:300]}\n{done.stderr}")
    return done.stdout


def read_prompts(model):
    """(tokens, logits [T, V], greedy tokens) for each prompt."""
    arrays = read_arrays(os.path.join(MODELS, model, "golden.safetensors"))
    prompts = []
    while f"p{len(prompts)}.tokens" in arrays:
        prompts.append([arrays[f"p{len(prompts)}.{name}"] for name in ("tokens", "logits", "greedy")])
    return prompts


def use_executable(program, tokens, count, folder):
    return use_command([program], tokens, count, folder)


def use_command(command, tokens, count, folder):
    logits = os.path.join(folder, "logits.npy")
    answer = run(*command, "--token-ids=" + ",".join(map(str, tokens)), f"-n{count}", "--temperature=0", "--ignore-eos",
                 "--output=json", "--logits=" + logits)
    return json.loads(answer)["tokens"], np.load(logits)


def use_c_program(artifact, tokens, count, folder):
    logits = os.path.join(folder, "logits.f32")
    answer = run(GREEDY, artifact, logits, str(count), *map(str, tokens))
    return [int(line) for line in answer.split()], np.fromfile(logits, np.float32).reshape(len(tokens), -1)


class ProgramsTest(unittest.TestCase):
    def check(self, model, options, use):
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            output = os.path.join(folder, "model")
            run(FATHOM, "compile", os.path.join(MODELS, model), "-o", output, CACHE, *options)
            prompts = read_prompts(model)
            self.assertGreater(len(prompts), 0)
            for tokens, logits, greedy in prompts:
                with self.subTest(tokens=len(tokens)):
                    answer, actual = use(output, tokens, len(greedy), folder)
                    self.assertEqual(actual.shape, logits.shape)
                    self.assertLessEqual(np.abs(actual - logits).max(), TOLERANCE)
                    self.assertEqual(answer, greedy.tolist())

    def check_cache_type(self, model, cache_type, options, use):
        """`use` of a program gives the bits that `fathom run` gives of the artifact with the same weights and cache type."""
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            artifact, program = os.path.join(folder, "model.fathom"), os.path.join(folder, "program")
            compile_model = [FATHOM, "compile", os.path.join(MODELS, model), CACHE, "--cache-type=" + cache_type]
            run(*compile_model, "-o", artifact, *(option for option in options if option != "--emit=exe"))
            run(*compile_model, "-o", program, *options)
            tokens, golden, greedy = read_prompts(model)[0]
            expected, logits = use_command([FATHOM, "run", artifact], tokens, len(greedy), folder)
            answer, actual = use(program, tokens, len(greedy), folder)
            self.assertEqual(answer, expected)
            np.testing.assert_array_equal(actual, logits)
            self.assertGreater(np.abs(actual - golden).max(), 1e-4)  # what the cache rounds is seen


def add_tests():
    ways = {"c_program": (["--weights=reference"], use_c_program)}
    if not SANITIZED:
        ways["executable"] = (["--emit=exe"], use_executable)
    for model in find_oracles(MODELS):
        for way, (options, use) in ways.items():
            name = f"test_{model}_{way}".replace("-", "_")
            setattr(ProgramsTest, name, lambda self, m=model, o=options, u=use: self.check(m, o, u))
    for model, cache_type in itertools.product(CACHED, ("bf16", "fp8")):
        for way, (options, use) in ways.items():
            name = f"test_{model}_{cache_type}_{way}".replace("-", "_")
            setattr(ProgramsTest, name,
                    lambda self, m=model, c=cache_type, o=options, u=use: self.check_cache_type(m, c, o, u))


if __name__ == "__main__":
    require_built(FATHOM, GREEDY)
    add_tests()
    unittest.main(argv=sys.argv[:1])
