# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""What tools/dev/gpu packs works on a machine with a driver: here a simulated one.

    pack_test.py TREE PROGRAMS DRIVER_FOLDER FOLDER
"""

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

TREE, PROGRAMS, DRIVER, FOLDER = sys.argv[1:5]
SCRATCH = tempfile.TemporaryDirectory(dir=FOLDER)
GPU = os.path.join(SCRATCH.name, "gpu")
# A few, since the simulator is slow: one whose answers it checks, and one that asks for the device by itself.
SUITE = "SessionTest.RewindKeepsThePrefix:*DeviceTest.FindsTheArgmaxWithLogitsAndWithout/cuda"
WITH_DRIVER = {**os.environ, "LD_LIBRARY_PATH": DRIVER, "FATHOM_PTXAS": ""}


def setUpModule():
    path = os.path.join(SCRATCH.name, "gpu.tar.gz")
    config = os.path.join(TREE, "test/models/moe-tiny/config.json")
    subprocess.run([os.path.join(TREE, "tools/dev/gpu"), path, "--models=qwen3-tiny", "--short", "--sm=80", "--bin=" + PROGRAMS,
                    "--bench=" + config], check=True, stdout=subprocess.DEVNULL, env=WITH_DRIVER)
    with tarfile.open(path) as archive:
        archive.extractall(SCRATCH.name)


TABLE = os.path.join(SCRATCH.name, "table.json")


def run_check(environment):
    command = [os.path.join(GPU, "check.py"), "--suite=" + SUITE, "-o", TABLE]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def check():
    done = run_check(WITH_DRIVER)
    with open(TABLE) as file:
        rows = json.load(file)["rows"]
    return done, {what: result for what, result, _ in rows}


class Pack(unittest.TestCase):
    def test_1_all_is_well(self):
        done, rows = check()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(rows, {what: "ok" for what in ("suite", "f32 qwen3-tiny", "bf16 qwen3-tiny", "generated qwen3-tiny")})

    def test_2_without_a_driver_nothing_is_tried(self):
        done = run_check({name: value for name, value in WITH_DRIVER.items() if name != "LD_LIBRARY_PATH"})
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("error: no NVIDIA driver: libcuda.so.1", done.stderr)

    def test_3_wrong_answers_are_found(self):
        """Of the reference's, which what is generated is not compared with."""
        with open(os.path.join(GPU, "models", "qwen3-tiny", "logits0.f32"), "r+b") as file:
            file.write(b"\0\0\xc8\x42")
        done, rows = check()
        self.assertEqual(done.returncode, 1)
        self.assertEqual({what for what, result in rows.items() if result == "FAILED"}, {"f32 qwen3-tiny"})

    def test_4_a_model_with_weights_that_are_made_up_runs(self):
        spec = importlib.util.spec_from_file_location("check", os.path.join(GPU, "check.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with open(os.path.join(GPU, "bench", "facts.json")) as file:
            facts = json.load(file)
        model = os.path.join(SCRATCH.name, "bench.fathom")
        module.make_weights(model, facts)
        self.assertEqual(os.path.getsize(model), facts["size"])
        done = subprocess.run([os.path.join(GPU, "fathom-step-time"), model, "4", "2"], capture_output=True, text=True,
                              env={**WITH_DRIVER, "FATHOM_DEVICE": "cuda"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.split()), 3)
        self.assertGreater(module.bytes_of_step(facts, {"num_experts_per_tok": 2}), module.bytes_of_step(facts, {}))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
