# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Programs for GPUs: what `compile` makes of a checkpoint, and that a simulated GPU answers as the CPU does.

Generated kernels are the same arithmetic in the same order on both, so without kernels logits are equal bit for bit.
"""

import json
import os
import re
import struct

import support
from support import TREE, USAGE, make, read, run

ORACLES = ("v2-tiny", "v2-lite-tiny", "moe-tiny", "v3-tiny", "v3-tiny-fp8", "v32-tiny", "v32-tiny-fp8", "llama-tiny",
           "qwen2-tiny", "qwen3-tiny")
PROMPT = "--token-ids=5,9,200,17,3,44,121,8,90,63,2,7"


def oracle(name):
    return os.path.join(TREE, "test/models", name)


def read_numbers(npy):
    """The f32 numbers of an .npy file of version 1."""
    data = npy[10 + struct.unpack("<H", npy[8:10])[0]:]
    return struct.unpack(f"<{len(data) // 4}f", data)


class Compile(support.DriverTest):
    def compile(self, *options):
        path = self.path("model")
        make("compile", support.checkpoint(), "-o", path, *options)
        return path

    def test_text_is_for_the_level_that_is_asked_for(self):
        text = make("compile", support.checkpoint(), "-o", "-", "--target=cuda", "--emit=ptx").stdout.decode()
        self.assertIn(".target sm_80\n", text)
        self.assertNotRegex(text, r"\bcall\b", "something is left of a library")

    def test_nothing_is_contracted_or_flushed(self):
        """Products and sums that are not rounded by themselves, and approximations, would be other bits."""
        text = make("compile", support.checkpoint(), "-o", "-", "--target=cuda", "--emit=ptx", "--no-kernels").stdout
        opcodes = set(re.findall(r"\b(?:add|sub|mul|div|sqrt|ex2|rcp)\.[a-z0-9.]*f32\b", text.decode()))
        self.assertLessEqual(opcodes, {f"{name}.rn.f32" for name in ("add", "sub", "mul", "div", "rcp", "sqrt")})

    def test_inspect_says_how_kernels_are_launched(self):
        report = json.loads(make("inspect", self.compile("--target=cuda", "--cubin=none"), "--json").stdout)
        self.assertEqual(report["target"]["cpu"], "sm_80")
        self.assertEqual({grid["kernel"] for grid in report["grids"]}, {kernel["name"] for kernel in report["kernels"]})
        for grid in report["grids"]:
            self.assertGreater(grid["ptx_bytes"], 0)
            self.assertEqual(grid["cubin_bytes"], 0)

    def test_two_kinds_of_machines_in_one_artifact(self):
        """The GPU's program first; a machine without one runs the other."""
        path = self.compile("--target=cpu,cuda", "--cubin=none")
        report = json.loads(make("inspect", path, "--json").stdout)
        self.assertEqual([variant["triple"][:6] for variant in report["variants"]], ["nvptx6", "x86_64"])
        answers = {make("run", path, PROMPT, "-n", "3", "--output=token-ids", *device).stdout
                   for device in ((), ("--device=cpu",), ("--device=ptxsim",))}
        self.assertEqual(len(answers), 1)

    def test_an_assembler_that_is_named_must_be_there(self):
        result = run("compile", support.checkpoint(), "-o", self.path("model"), "--target=cuda",
                     env={**os.environ, "FATHOM_PTXAS": "/nowhere/ptxas"})
        self.assertEqual((result.returncode, b"FATHOM_PTXAS: '/nowhere/ptxas' is not a program" in result.stderr), (USAGE, True))

    def test_options_that_do_not_go_together(self):
        cases = (
            (("--sm=90a",), "--sm has no effect with --target=cpu"),
            (("--target=cuda", "--mcpu=native"), "--mcpu has no effect with --target=cuda"),
            (("--target=cuda", "--sm=75"), "'sm_75' has no bf16 products"),
            (("--target=cuda", "--sm=hopper"), "--sm: unknown architecture 'hopper': try 80 or 90a"),
            (("--target=cuda", "--weights=reference"), "--weights=reference is for --target=cpu"),
            (("--target=cuda", "--emit=exe"), "--emit=exe is for --target=cpu"),
            (("--target=cuda", "--emit=asm"), "--emit=asm is not for --target=cuda: use --emit=ptx"),
            (("--emit=ptx",), "--emit=ptx is not for --target=cpu: use --emit=asm"),
            (("--target=cpu,cuda", "--emit=fuse"), "--target names several kinds of machines"),
            (("--target=cuda", "--sm=80,90a", "--emit=ptx"), "--sm names several architectures"),
            (("--cubin=none",), "--cubin has no effect"),
        )
        for options, message in cases:
            with self.subTest(options):
                result = run("compile", support.checkpoint(), "-o", self.path("model"), *options)
                self.assertIn(message, result.stderr.decode())
                self.assertNotEqual(result.returncode, 0)
                self.assertFalse(os.path.exists(self.path("model")))


class Simulated(support.DriverTest):
    def logits(self, model, *options):
        path = self.path("logits.npy")
        make("run", model, PROMPT, "-n", "3", "--ignore-eos", "--output=token-ids", "--logits=" + path, *options)
        return read(path)

    def test_generated_kernels_answer_as_on_the_cpu(self):
        for name in ORACLES:
            with self.subTest(name):
                model = self.path(name)
                make("compile", oracle(name), "-o", model, "--target=cpu,cuda", "--no-kernels", "--cubin=none",
                     "--max-context=128", "--draft=none")
                self.assertEqual(self.logits(model, "--device=ptxsim"), self.logits(model, "--device=cpu"))

    def test_kernels_answer_within_the_tolerance_of_oracles(self):
        for name in ("v3-tiny-fp8", "v32-tiny", "qwen3-tiny"):
            with self.subTest(name):
                model = self.path(name)
                make("compile", oracle(name), "-o", model, "--target=cpu,cuda", "--cubin=none", "--max-context=128",
                     "--draft=none")
                of_gpu, of_cpu = (read_numbers(self.logits(model, "--device=" + device)) for device in ("ptxsim", "cpu"))
                self.assertLessEqual(max(abs(a - b) for a, b in zip(of_gpu, of_cpu, strict=True)), 1e-3)

    def test_the_order_of_warps_changes_nothing(self):
        model = self.path("model")
        make("compile", oracle("v32-tiny"), "-o", model, "--target=cuda", "--cubin=none", "--max-context=128")
        answers = set()
        for seed in ("1", "2"):
            os.environ["FATHOM_PTXSIM_SEED"] = seed
            answers.add(self.logits(model, "--device=ptxsim"))
        del os.environ["FATHOM_PTXSIM_SEED"]
        self.assertEqual(len(answers), 1)


if __name__ == "__main__":
    support.main()
