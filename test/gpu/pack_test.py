# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""What tools/dev/gpu packs works on a machine with a driver: here a simulated one.

    pack_test.py TREE PROGRAMS DRIVER_FOLDER FOLDER
"""

import importlib.util
import json
import os
import shutil
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
# One family with rows of the cache, one with an epilogue.
KERNELS = "*Append*/sm_*:*MoeCombine*/sm_*"
GRAPHS = "*.AStepIs*/qwen3_tiny:*.APromptInChunks*/qwen3_tiny"
WITH_DRIVER = {**os.environ, "LD_LIBRARY_PATH": DRIVER, "FATHOM_PTXAS": ""}


def setUpModule():
    path = os.path.join(SCRATCH.name, "gpu.tar.gz")
    config = os.path.join(TREE, "test/models/moe-tiny/config.json")
    subprocess.run([os.path.join(TREE, "tools/dev/gpu"), path, "--models=qwen3-tiny", "--graphs=qwen3-tiny", "--short", "--sm=80",
                    "--kernels=" + KERNELS, "--bin=" + PROGRAMS,
                    "--bench=" + config, "--attention=" + os.path.join(TREE, "test/models/v3-tiny-fp8/config.json")],
                   check=True, stdout=subprocess.DEVNULL, env=WITH_DRIVER)
    with tarfile.open(path) as archive:
        archive.extractall(SCRATCH.name)


TABLE = os.path.join(SCRATCH.name, "table.json")


def run_check(environment):
    command = [os.path.join(GPU, "check.py"), "--suite=" + SUITE, "--kernels=" + KERNELS, "--graphs=" + GRAPHS, "-o", TABLE]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def check():
    done = run_check(WITH_DRIVER)
    with open(TABLE) as file:
        rows = json.load(file)["rows"]
    return done, {what: result for what, result, _ in rows}


def load_check():
    spec = importlib.util.spec_from_file_location("check", os.path.join(GPU, "check.py"))
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    return check


class Pack(unittest.TestCase):
    def test_1_all_is_well(self):
        done, rows = check()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        whats = ("suite", "kernels", "graphs", "f32 qwen3-tiny", "bf16 qwen3-tiny", "generated qwen3-tiny")
        self.assertEqual(rows, {what: "ok" for what in whats})

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

    def test_4_models_with_weights_that_are_made_up_are_timed(self):
        """Copies cannot be, on a simulated GPU; its clock counts instructions."""
        check = load_check()
        os.environ.update(WITH_DRIVER)
        table = check.Table()
        model, attention = check.Bench("model", SCRATCH.name), check.Bench("attention", SCRATCH.name)
        self.assertEqual(os.path.getsize(model.model), model.facts["size"])
        self.assertGreater(check.bytes_of_step(model.facts, {"num_experts_per_tok": 2}), check.bytes_of_step(model.facts, {}))
        check.bench_model(table, model, 1e12, prompts=(4,), steps=2)
        check.bench_attention(table, attention, 1e12, sequences=2, positions=5)
        self.assertEqual(table.failed, 0, table.rows)
        values = {what: value for what, _, value in table.rows}
        for what, value in (
                ("4 tokens", r"load .* tokens/s; step .* ms, .* of copies, the wished 0.6 is not met"),
                ("prefill gemm 4x384x128", r"k\d+_sm_80_bf16_gemm: .* us, .* TFLOP/s, torch is not here"),
                ("decode gemm 1x384x128", r"k\d+_sm_80_bf16_gemm: .* of copies, the wished 0.75 is not met"),
                ("decode moe_gemm_swiglu 1x64x128", r"k\d+_sm_80_bf16_moe_gemm_swiglu: .* of at most 4 experts, .* of copies"),
                ("decode gemm 1x320x320", r"k\d+_sm_80_f8e4m3_gemm: .* of copies, the wished 0.75 is not met"),
                ("attention 2x5", r"k\d+_sm_80_f32_mla_latent_partials, k\d+_sm_80_f32_attention_combine: .* us, "
                                  r".* GB/s of the cache, .* of copies, the wished 0.75 is not met")):
            self.assertRegex(values["bench: " + what], f"^{value}$")

    def test_5_what_cannot_be_tried_is_a_row_and_the_rest_goes_on(self):
        """Here the driver, which this process has not loaded, and models whose facts are gone."""
        check = load_check()
        shutil.rmtree(os.path.join(GPU, "bench"))
        check.bench(check.Table(TABLE), SCRATCH.name)
        with open(TABLE) as file:
            rows = json.load(file)["rows"]
        self.assertEqual([row[:2] for row in rows], [["bench: " + what, "FAILED"] for what in ("copies", "model", "attention")])
        self.assertIn("OSError: libcuda.so.1", rows[0][2])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
