# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Artifacts for several processors: a program for each, weights once, and a machine runs the first program that it can."""

import json

import support
from support import USAGE, make, read

LEVELS = ("x86-64-v4", "x86-64-v3")


def describe(path, *options):
    return json.loads(make("inspect", path, "--json", *options).stdout)


class Variants(support.DriverTest):
    def compile(self, name, mcpu, *options):
        make("compile", support.checkpoint(), "-o", self.path(name), "--mcpu=" + mcpu, *options)
        return self.path(name)

    def test_weights_are_stored_once(self):
        """Beside the code that each processor would get alone, the faster first, however they were named."""
        alone = [describe(self.compile(level, level))["segments"] for level in LEVELS]
        codes = [segments[0] for segments in alone]
        weights = alone[0][1]
        together = describe(self.compile("both", "x86-64-v3,x86-64-v4"))
        self.assertEqual([variant["cpu"] for variant in together["variants"]], list(LEVELS))
        self.assertEqual([(segment["name"], segment["xxh3"]) for segment in together["segments"]],
                         [(segment["name"], segment["xxh3"]) for segment in (*codes, weights)])
        self.assertEqual(together["weights"], describe(self.compile("one", "x86-64-v4"))["weights"])

    def test_weights_that_stay_in_the_checkpoint(self):
        path = self.compile("both", "x86-64-v3,x86-64-v4", "--weights=reference")
        self.assertEqual(describe(path)["weights"], describe(path, "--variant=1")["weights"])
        make("run", path, "--token-ids=1,2,3", "-n", "2", "--output=token-ids")

    def test_a_machine_runs_what_it_can(self):
        """Everywhere the baseline; where there is more, the same bits by other instructions."""
        run = ("--token-ids=1,2,3", "-n", "8", "--output=token-ids")
        answers = {make("run", self.compile("model", mcpu), *run).stdout for mcpu in ("x86-64-v3", "x86-64-v3,x86-64-v4")}
        self.assertEqual(len(answers), 1)

    def test_it_is_told_which_one_runs(self):
        several, one = self.compile("several", "x86-64-v3,x86-64-v4", "--act-type=bf16"), self.compile("one", "x86-64-v3")
        run = ("--token-ids=1,2,3", "-n", "2", "--ignore-eos", "--output=json", "--stats")
        answer = make("run", several, *run)
        variant = json.loads(answer.stdout)["variant"]
        self.assertIn(variant, (0, 1))
        self.assertIn(f": device: cpu; variant: {variant}; activations: bf16; ", answer.stderr.decode())
        bench = ("-p0", "-n2", "-r1")
        text = make("bench", several, *bench).stdout.decode()
        self.assertRegex(text, rf"\A\d+ threads, activations of bf16, variant {variant}; 1 repetitions: ")
        result = json.loads(make("bench", several, *bench, "--json").stdout)
        self.assertEqual((result["activation_type"], result["variant"]), ("bf16", variant))
        self.assertNotIn("variant", make("run", one, *run).stderr.decode())
        self.assertNotIn("variant", make("bench", one, *bench).stdout.decode())

    def test_a_program_that_would_never_run_is_left_out(self):
        """Activations of f32 do without AVX512-BF16, and two processors may be of one level."""
        for mcpu, left, kept in (("x86-64-v4,cooperlake", "x86-64-v4", "cooperlake"),
                                 ("x86-64-v4,skylake-avx512", "skylake-avx512", "x86-64-v4")):
            result = make("compile", support.checkpoint(), "-o", self.path("model"), "--mcpu=" + mcpu)
            self.assertIn(f"'{left}' adds nothing: its program would be the one for '{kept}'".encode(), result.stderr)
            variants = describe(self.path("model"))["variants"]
            self.assertEqual([variant["cpu"] for variant in variants], ["x86-64-v4"])

    def test_a_processor_that_is_named_twice_is_called_what_the_user_called_it(self):
        result = make("compile", support.checkpoint(), "-o", self.path("model"), "--mcpu=native,native")
        self.assertIn(b"--mcpu: 'native' is named twice", result.stderr)

    def test_activations_of_bf16_use_more_levels(self):
        variants = describe(self.compile("model", "x86-64-v3,x86-64-v4,cooperlake", "--act-type=bf16"))["variants"]
        self.assertEqual([(variant["cpu"], variant["activations"]) for variant in variants],
                         [(cpu, "bf16") for cpu in ("cooperlake", *LEVELS)])

    def test_ir_that_knows_no_machine_is_compiled_for_several(self):
        mcpu, module = "x86-64-v3,x86-64-v4", self.path("model.mlir")
        make("compile", support.checkpoint(), "-o", module, "--emit=model")
        make("compile", module, "--from=model", "-o", self.path("later"), "--checkpoint=" + support.checkpoint(),
             "--mcpu=" + mcpu)
        self.assertEqual(read(self.path("later")), read(self.compile("direct", mcpu)))

    def test_inspect_shows_one(self):
        path = self.compile("both", "x86-64-v3,x86-64-v4")
        for number, level in enumerate(LEVELS):
            self.assertEqual(describe(path, f"--variant={number}")["target"]["cpu"], level)
        self.fails(USAGE, "inspect", path, "--variant=2", words=("--variant", "has 2"))
        for option in ("--variant=0", "--commands"):
            self.fails(USAGE, "inspect", support.checkpoint(), option, words=(option.partition("=")[0], "is a folder"))

    def test_ir_is_for_one(self):
        for emit in ("fuse", "lower", "asm"):
            self.fails(USAGE, "compile", support.checkpoint(), "-o", self.path("out"), "--emit=" + emit,
                       "--mcpu=x86-64-v3,x86-64-v4", words=("--mcpu", "--emit=" + emit))

    def test_all_that_are_unknown_are_named(self):
        self.fails(USAGE, "compile", support.checkpoint(), "-o", self.path("out"), "--mcpu=z80,x86-64-v3,i960",
                   words=("z80", "i960"))

    def test_an_empty_name_is_none(self):
        for mcpu in ("x86-64-v3,", ",x86-64-v3", ",", ""):
            self.fails(USAGE, "compile", support.checkpoint(), "-o", self.path("out"), "--mcpu=" + mcpu,
                       words=(f"--mcpu: expected names with a comma between each two, but got '{mcpu}'",))


if __name__ == "__main__":
    support.main()
