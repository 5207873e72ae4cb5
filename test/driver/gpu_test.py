# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Programs for GPUs: what `compile` makes of a checkpoint, and what a simulated GPU makes of them. That it answers as it
must is said by test/gpu/oracles_test.py."""

import itertools
import json
import os
import re
import signal
import subprocess
import unittest

import support
from support import TREE, USAGE, make, read, run

PROMPT = "--token-ids=5,9,200,17,3,44,121,8,90,63,2,7"


def oracle(name):
    return os.path.join(TREE, "test/models", name)


class Compile(support.DriverTest):
    def write_ptxas(self, commands):
        """A script that says its version and nothing else, and assembles by `commands`."""
        path = support.write(self.path("ptxas"), "#!/bin/sh\n[ $1 = --version ] && exit\n" + commands + "\n")
        os.chmod(path, 0o755)
        return path

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
            self.assertEqual([grid[what] for what in ("registers", "spill_bytes", "cubin_bytes")], [None] * 3)

    def test_activations_are_narrow_on_gpus_unless_something_else_is_said(self):
        for options, activations, cache in ((("--target=cuda",), ["bf16"], "bf16"),
                                            (("--target=cpu,cuda",), ["bf16", "f32"], "f32"),
                                            (("--target=cpu,cuda", "--act-type=bf16"), ["bf16", "bf16"], "bf16"),
                                            (("--target=cuda", "--act-type=f32"), ["f32"], "f32")):
            with self.subTest(options):
                report = json.loads(make("inspect", self.compile(*options, "--cubin=none"), "--json").stdout)
                self.assertEqual([variant["activations"] for variant in report["variants"]], activations)
                self.assertEqual({store["type"] for store in report["stores"]}, {cache})

    def test_newer_architectures_come_first(self):
        """A GPU runs the first program that it can. Without machine code those with an older one's PTX would be its program."""
        os.environ["FATHOM_PTXAS"] = self.write_ptxas("cat /bin/true > \"$5\"")
        self.addCleanup(os.environ.pop, "FATHOM_PTXAS")
        has_own, adds_nothing = "has machine code of its own, but the PTX, stored for each, of", "adds nothing: without machine code"
        for given, cubin, order, said in (("80,90,86", "require", ["sm_90", "sm_86", "sm_80"], [has_own] * 2),
                                          ("80,100,90a", "require", ["sm_90a", "sm_100", "sm_80"], [has_own]),
                                          ("80,90,86,90a", "none", ["sm_90a", "sm_80"], [adds_nothing] * 2)):
            with self.subTest(given, cubin=cubin):
                path = self.path("model")
                done = make("compile", support.checkpoint(), "-o", path, "--target=cuda", "--cubin=" + cubin, "--sm=" + given)
                report = json.loads(make("inspect", path, "--json").stdout)
                self.assertEqual([variant["cpu"] for variant in report["variants"]], order)
                self.assertEqual(re.findall("|".join((has_own, adds_nothing)), done.stderr.decode()), said)

    def test_two_kinds_of_machines_in_one_artifact(self):
        """The GPU's program first; a machine without one runs the other."""
        path = self.compile("--target=cpu,cuda", "--cubin=none")
        report = json.loads(make("inspect", path, "--json").stdout)
        self.assertEqual([variant["triple"][:6] for variant in report["variants"]], ["nvptx6", "x86_64"])
        answers = {make("run", path, PROMPT, "-n", "3", "--output=token-ids", *device).stdout
                   for device in ((), ("--device=cpu",), ("--device=ptxsim",))}
        self.assertEqual(len(answers), 1)

    def sizes(self, checkpoint, *options):
        """The bytes of artifacts for a CPU, for a GPU and for both, and those of their weights."""
        files, weights = [], []
        for target in (("--target=cpu",), ("--target=cuda", "--cubin=none"), ("--target=cpu,cuda", "--cubin=none")):
            path = self.path("model")
            make("compile", checkpoint, "-o", path, *target, *options)
            segments = json.loads(make("inspect", path, "--json").stdout)["segments"]
            files.append(os.path.getsize(path))
            weights.append(sum(segment["size_bytes"] for segment in segments if segment["name"] == "weights"))
        return files, weights

    def test_two_kinds_of_machines_share_all_weights(self):
        for name, activations in itertools.product(("v2-tiny", "v3-tiny-fp8"), ("f32", "bf16")):
            with self.subTest(name, activations=activations):
                _, weights = self.sizes(oracle(name), "--max-context=128", "--draft=none", "--act-type=" + activations)
                self.assertEqual(len(set(weights)), 1, weights)

    def test_two_kinds_of_machines_cost_little_more_than_one(self):
        """The second's code; even of a model this small."""
        (of_cpu, of_gpu, of_both), _ = self.sizes(oracle("demo"), "--draft=none")
        self.assertLessEqual(of_both, 1.1 * max(of_cpu, of_gpu))

    def test_a_module_says_which_machine_it_is_for(self):
        """What IR cannot become is refused as if --target had said the machine."""
        module = self.path("module.mlir")
        make("compile", support.checkpoint(), "-o", module, "--target=cuda", "--emit=plan")
        direct = make("compile", support.checkpoint(), "-o", "-", "--target=cuda", "--emit=ptx").stdout
        self.assertEqual(make("compile", module, "--from=plan", "-o", "-", "--emit=ptx").stdout, direct)
        result = run("compile", module, "--from=plan", "-o", self.path("model"), "--emit=asm")
        self.assertEqual(result.returncode, USAGE)
        self.assertIn(b"--emit=asm is for CPUs", result.stderr)

    def test_the_record_has_the_options(self):
        os.environ["FATHOM_PTXAS"] = ""
        self.addCleanup(os.environ.pop, "FATHOM_PTXAS")
        for options in ("--target=cpu --mcpu=x86-64-v3", "--target=cuda --sm=90a,80", "--target=cpu,cuda --mcpu=x86-64-v3 --sm=80",
                        "--target=cuda --sm=80 --act-type=f32"):
            with self.subTest(options):
                report = json.loads(make("inspect", self.compile(*options.split()), "--json").stdout)
                for option in options.split():
                    self.assertIn(option, report["build"]["options"].split())

    def test_each_architecture_has_a_program_of_its_own(self):
        """Machine code is for one: what is the same text for both is compiled for each."""
        path = self.compile("--target=cuda", "--sm=80,90a", "--cubin=none")
        for number, arch in enumerate(("sm_90a", "sm_80")):
            report = json.loads(make("inspect", path, "--json", f"--variant={number}").stdout)
            self.assertEqual([variant["cpu"] for variant in report["variants"]], ["sm_90a", "sm_80"])
            self.assertIn(arch, {re.search("sm_[0-9a-z]+", grid["kernel"])[0] for grid in report["grids"] if "gemm" in grid["kernel"]})

    def test_without_an_assembler(self):
        without = {**os.environ, "FATHOM_PTXAS": ""}
        compile_gpu = ("compile", support.checkpoint(), "-o", self.path("model"), "--target=cuda")
        result = run(*compile_gpu, "--cubin=require", env=without)
        self.assertEqual(result.returncode, support.UNSUPPORTED)
        self.assertIn(b"--cubin=require: ptxas is not there: set FATHOM_PTXAS", result.stderr)
        self.assertFalse(os.path.exists(self.path("model")))
        result = run(*compile_gpu, env=without)
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"warning: " + support.checkpoint().encode() + b": ptxas is not there", result.stderr)

    def test_what_an_assembler_does_wrong_is_said_once(self):
        ptxas = self.write_ptxas(r"printf 'fatal\n\033[2Jold\n'; exit 1")
        result = run("compile", support.checkpoint(), "-o", self.path("model"), "--target=cuda", env={**os.environ, "FATHOM_PTXAS": ptxas})
        self.assertEqual(result.returncode, support.UNSUPPORTED)
        self.assertEqual(result.stderr.decode().splitlines(),
                         [f"fathom: error: ptxas failed for sm_80 with exit code 1: '{ptxas}' [codegen]", "fathom: note: fatal",
                          r"fathom: note: \x1b[2Jold", "fathom: note: set FATHOM_PTXAS to another, or do without by --cubin=none"])
        self.assertFalse(os.path.exists(self.path("model")))

    def test_what_an_assembler_says_of_slow_products_is_a_warning(self):
        ptxas = self.write_ptxas("echo 'ptxas info    : (C7511) serialized'; cat /bin/true > \"$5\"")
        result = run("compile", support.checkpoint(), "-o", self.path("model"), "--target=cuda",
                     env={**os.environ, "FATHOM_PTXAS": ptxas})
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr, rb"warning: .*: kernel 'k\d+\.\w+' for sm_80 is slower than it is meant to be: "
                         rb"\(C7511\) serialized \[ptxas\]")

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
            (("--target=cuda", "--weights=reference"), "--weights=reference is for CPUs"),
            (("--target=cuda", "--emit=obj"), "--emit=obj is for CPUs: embed the artifact, as a file or in memory"),
            (("--target=cuda", "--emit=asm"), "--emit=asm is for CPUs: use --emit=ptx"),
            (("--emit=ptx",), "--emit=ptx is for GPUs: use --emit=asm"),
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

    def test_the_order_of_warps_changes_nothing(self):
        model = self.path("model")
        make("compile", oracle("v32-tiny"), "-o", model, "--target=cuda", "--cubin=none", "--max-context=128")
        answers = set()
        for seed in ("1", "2"):
            os.environ["FATHOM_PTXSIM_SEED"] = seed
            answers.add(self.logits(model, "--device=ptxsim"))
        del os.environ["FATHOM_PTXSIM_SEED"]
        self.assertEqual(len(answers), 1)

    def test_drafts_batches_and_chunks_change_no_answer(self):
        model = self.path("model")
        make("compile", oracle("v3-tiny"), "-o", model, "--target=cuda", "--cubin=none", "--max-context=128")
        shared = ("--device=ptxsim", "-n", "8", "--ignore-eos", "--output=token-ids")
        plain = make("run", model, PROMPT, *shared).stdout
        drafted = make("run", model, PROMPT, *shared, "--draft=mtp:2", "--prefill-chunk=5", "--stats")
        self.assertEqual(drafted.stdout, plain)
        self.assertRegex(drafted.stderr, rb"drafts: .* accepted")
        lines = support.write(self.path("lines"), "4,8,15\n" + PROMPT.split("=")[1] + "\n")
        batch = make("run", model, "--batch-file=" + lines, *shared).stdout
        self.assertEqual(batch.splitlines()[1], plain.strip())

    def test_a_checkpoint_is_compiled_for_the_device_that_is_named(self):
        model = self.path("model")
        make("compile", support.checkpoint(), "-o", model, "--target=cuda", "--cubin=none")
        shared = ("--token-ids=5,9", "-n", "3", "--ignore-eos", "--output=json")
        for options, environment in ((("--device=ptxsim",), None), ((), {**os.environ, "FATHOM_DEVICE": "ptxsim"})):
            report = json.loads(make("run", support.checkpoint(), *shared, *options, env=environment).stdout)
            self.assertEqual([report[key] for key in ("device", "activation_type", "cache_type")], ["ptxsim", "bf16", "bf16"])
            self.assertEqual(report["tokens"], json.loads(make("run", model, *shared, "--device=ptxsim").stdout)["tokens"])
        for device, code, message in (("cuda", support.DEVICE, "no NVIDIA driver"), ("abacus", USAGE, "FATHOM_DEVICE names it")):
            result = run("run", support.checkpoint(), *shared, env={**os.environ, "FATHOM_DEVICE": device})
            self.assertEqual((result.returncode, result.stdout), (code, b""))
            self.assertIn(message, result.stderr.decode())

    def test_an_interrupt_ends_an_answer(self):
        model = self.path("model")
        make("compile", support.checkpoint(), "-o", model, "--target=cuda", "--cubin=none")
        with self.running("run", model, "--token-ids=5,9", "-n", "200", "--ignore-eos", "--output=token-ids",
                          "--device=ptxsim") as process:
            self.assertTrue(process.stdout.read(1), "nothing was answered")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=60), 130)

    def compare(self, *options):
        model = self.path("model")
        make("compile", oracle("v3-tiny"), "-o", model, "--target=cpu,cuda", "--act-type=f32", "--cubin=none",
             "--max-context=128", "--draft=none", *options)
        return json.loads(make("run", model, "--token-ids=5,9,200", "-n", "2", "--ignore-eos", "--output=json",
                               "--compare=cpu,ptxsim").stdout)

    def test_compare_finds_no_difference_where_there_is_none(self):
        report = self.compare("--no-kernels")
        self.assertEqual(report["devices"], ["cpu", "ptxsim"])
        self.assertEqual((report["first_difference"], report["largest_logit_difference"]), (None, None))

    def test_compare_names_the_first_layer_that_differs(self):
        """Kernels of a GPU add in another order, from the first layer on."""
        report = self.compare()
        self.assertEqual(report["first_difference"]["layer"], 0)
        self.assertLess(0, report["first_difference"]["absolute"])
        self.assertLess(report["largest_logit_difference"]["absolute"], 1e-3)
        self.assertEqual((report["first_beyond_bound"], report["within_bounds"]), (None, True))


class Driver(support.DriverTest):
    """Where a driver is installed: a program finds the simulated GPU as it finds one of NVIDIA's."""

    WITH = {**os.environ, "LD_LIBRARY_PATH": os.environ["FATHOM_SIMULATED_DRIVER"]}
    RUN = ("--token-ids=5,9", "-n", "4", "--ignore-eos", "--output=token-ids")

    def test_targets_lists_the_gpu(self):
        self.assertIn(b"ptxsim", make("targets", env=self.WITH).stdout)
        report = json.loads(make("targets", "--json", env=self.WITH).stdout)
        self.assertEqual(([device["device"] for device in report["devices"]], report["missing_devices"]), (["cuda:0"], []))

    def test_targets_says_why_there_is_no_gpu(self):
        none = "no NVIDIA driver: libcuda.so.1 cannot be loaded"
        self.assertIn("\ncuda: none: " + none, make("targets").stdout.decode())
        report = json.loads(make("targets", "--json").stdout)
        self.assertEqual((report["devices"], [missing["kind"] for missing in report["missing_devices"]]), ([], ["cuda"]))
        self.assertIn(none, report["missing_devices"][0]["reason"])

    def test_targets_lists_what_can_be_compiled_for(self):
        targets = {target["sm"]: target for target in json.loads(make("targets", "--json").stdout)["targets"] if "sm" in target}
        self.assertEqual(list(targets), ["80", "90a"])
        self.assertIn("sm_90a_bf16_gemm", targets["90a"]["kernels"])
        self.assertRegex(make("targets").stdout, rb"(?s)x86-64-v3.*\nsm_80\n.*\nsm_90a\n.*\nprocessors of this machine")

    def test_the_gpu_is_the_first_choice_where_there_is_one(self):
        model = self.path("model")
        make("compile", support.checkpoint(), "-o", model, "--target=cpu,cuda", "--act-type=f32", "--cubin=none")
        answers = {}
        for device in ("cpu", "cuda"):
            result = make("run", model, *self.RUN, "--stats", env=self.WITH if device == "cuda" else None)
            number = "0" if device == "cuda" else "1"
            self.assertIn(f": device: {device}; variant: {number};", result.stderr.decode())
            answers[device] = result.stdout
        self.assertEqual(answers["cuda"], answers["cpu"])

    @unittest.skipIf(support.SANITIZED, "executables are for builds without sanitizers")
    def test_an_executable_loads_the_driver(self):
        program = self.path("program")
        make("compile", support.checkpoint(), "-o", program, "--target=cuda", "--emit=exe", "--cubin=none")
        expected = make("run", program, *self.RUN, "--device=ptxsim").stdout
        self.assertEqual(make(*self.RUN, program=program, env=self.WITH).stdout, expected)
        result = run(*self.RUN, program=program)
        self.assertEqual((result.returncode, result.stdout), (support.DEVICE, b""))
        self.assertIn(b"no NVIDIA driver: libcuda.so.1 cannot be loaded", result.stderr)
        headers = subprocess.run(["readelf", "-dW", program], capture_output=True, check=True).stdout.decode()
        self.assertLessEqual(set(re.findall(r"NEEDED.*\[(.*)\]", headers)), {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"})


if __name__ == "__main__":
    support.main()
