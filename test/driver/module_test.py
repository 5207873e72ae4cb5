# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Modules that somebody wrote or changed: whatever is wrong with them is an error of the input, said in one line."""

import json
import re

import support
from support import BAD_INPUT, make, read, write


@support.Once
def planned(path):
    make("compile", support.checkpoint(), "-o", path, "--emit=plan", "--mcpu=x86-64-v3")


@support.Once
def fused(path):
    make("compile", support.checkpoint(), "-o", path, "--emit=fuse", "--mcpu=x86-64-v3")


class ChangedModules(support.DriverTest):
    def refused(self, phase, module, pattern, replacement, words, options=(), **more):
        """The module, changed, is refused in the process that was asked."""
        text, count = re.subn(pattern, replacement, read(module).decode(), **more)
        self.assertGreater(count, 0, pattern)
        path = write(self.path("changed.mlir"), text)
        result = self.fails(BAD_INPUT, "compile", path, "--from=" + phase, "-o", self.path("out"), "--no-isolate",
                            "--checkpoint=" + support.checkpoint(), *options, words=("changed.mlir", *words))
        self.assertNotIn(b"see current operation", result.stderr)
        return result

    def test_facts(self):
        words = ("'vocabulary' of 'deepseek.model', but got none",)
        self.refused("fuse", fused(), ", vocabulary = 320 : i64", "", words)
        self.refused("plan", planned(), r", plan.scratch_bytes = \d+ : i64", "",
                     ("expects 'plan.scratch_bytes' on the module",))

    def test_kernels(self):
        kernel = r'(plan\.kernel \S+ = )"(\w+)"( operands )(\d+)( constants \[)'
        self.refused("plan", planned(), kernel, r'\1"\2_x"\3\4\5', ("a kernel of the catalog", "_x"))
        self.refused("plan", planned(), kernel, r'\1"\2"\3\4\g<5>1, ', ("constants, but got",))
        self.refused("fuse", fused(), "x86_bf16_rms_norm", "x86_f32_rms_norm",
                     ("expects a kernel for rms_norm with weights bf16",))

    def test_kernels_that_the_target_lacks(self):
        self.refused("plan", planned(), 'arch = "avx2"', 'arch = "x86"', ("expects a kernel for x86, but got", "avx2_"))
        self.refused("fuse", fused(), ', deepseek.target = [^>]*>>?', "", ("in attribute 'deepseek.target'",))
        self.refused("fuse", fused(), 'arch = "avx2"', 'arch = "avx9"', ("expects an arch that has kernels", "avx9"))

    def test_the_machine_is_the_one_that_the_module_is_for(self):
        """Whatever this machine is: kernels and instructions are of one level."""
        direct, module, taken_back = self.path("direct"), self.path("plan.mlir"), self.path("taken_back")
        options = ("--mcpu=znver4", "--weights=reference")
        make("compile", support.checkpoint(), "-o", direct, *options)
        for phase in ("fuse", "plan"):
            with self.subTest(phase=phase):
                make("compile", support.checkpoint(), "-o", module, "--emit=" + phase, *options)
                make("compile", module, "--from=" + phase, "-o", taken_back, "--checkpoint=" + support.checkpoint(),
                     "--weights=reference")
                self.assertEqual(read(taken_back), read(direct))
        target = json.loads(make("inspect", direct, "--json").stdout)["target"]
        self.assertEqual(target["cpu"], "x86-64-v4")
        code = make("compile", module, "--from=plan", "-o", "-", "--emit=llvm", "--weights=reference").stdout
        self.assertIn(b'"tune-cpu"="znver4"', code)

    def test_machines_that_no_code_is_for(self):
        for pattern, replacement in (("x86_64-unknown-linux-gnu", "riscv64-unknown-linux-gnu"),
                                     ('tune = "x86-64-v3"', 'tune = "z80"')):
            module = write(self.path("other.mlir"), re.sub(pattern, replacement, read(planned()).decode()))
            self.fails(support.UNSUPPORTED, "compile", module, "--from=plan", "-o", "-", "--emit=asm",
                       words=("no code can be generated for", replacement))

    def test_signatures(self):
        module = self.path("model.mlir")
        make("compile", support.checkpoint(), "-o", module, "--emit=model")
        self.refused("model", module, r' \{deepseek\.input = "tokens"\}', "",
                     ("expects 'deepseek.input' of its own on argument 0",))

    def test_another_phase(self):
        module = self.path("deepseek.mlir")
        make("compile", support.checkpoint(), "-o", module, "--emit=deepseek")
        self.refused("fuse", module, "^", "", ("is IR of phase 'deepseek', but --from says 'fuse'",), count=1)
        # One that is marked as what it is not.
        phase = r'deepseek\.phase = "deepseek"'
        self.refused("fuse", module, phase, 'deepseek.phase = "fuse"',
                     ("expects 'deepseek.form' on every function", "is not valid output of the fuse phase"))
        self.refused("fuse", module, ", " + phase, "", ("expects the module's phase in attribute 'deepseek.phase'",))
        self.refused("deepseek", module, "@forward", "@backward",
                     ("expects a function @forward to make entry points from", "is not valid input of the model phase"))

    def test_every_phase_takes_its_own_output(self):
        """Each is refused by all others, by name: that of the model phase would run as if there were no kernels."""
        phases = ("deepseek", "model", "fuse", "plan")
        for phase in phases:
            module = self.path(phase + ".mlir")
            make("compile", support.checkpoint(), "-o", module, "--emit=" + phase)
            for other in phases:
                if other != phase:
                    self.refused(other, module, "^", "", (f"is IR of phase '{phase}', but --from says '{other}'",),
                                 count=1)

    def test_joined_weights_are_packed(self):
        support.generate(self.path("fp8"), support.CONFIG, "--dtype=fp8")
        module = self.path("model.mlir")
        make("compile", self.path("fp8"), "-o", module, "--emit=model")
        for option in ("--weights=reference", "--no-kernels"):
            self.fails(support.USAGE, "compile", module, "--from=model", "-o", self.path("out"),
                       "--checkpoint=" + self.path("fp8"), option, words=("joined weights", "the same --weights"))
        make("compile", self.path("fp8"), "-o", module, "--emit=model", "--weights=reference")
        make("compile", self.path("fp8"), "-o", self.path("direct"), "--weights=reference")
        make("compile", module, "--from=model", "-o", self.path("out"), "--checkpoint=" + self.path("fp8"),
             "--weights=reference")
        self.assertEqual(support.read(self.path("out")), support.read(self.path("direct")))

    def test_stacked_experts_are_packed(self):
        module = self.path("fuse.mlir")
        make("compile", support.checkpoint(), "-o", module, "--emit=fuse", "--no-kernels")
        self.fails(support.USAGE, "compile", module, "--from=fuse", "-o", self.path("out"),
                   "--checkpoint=" + support.checkpoint(), "--weights=reference",
                   words=("joined weights or stacked experts",))

    def test_what_is_recorded_is_how_the_module_was_made(self):
        module = self.path("fuse.mlir")
        make("compile", support.checkpoint(), "-o", module, "--emit=fuse", "--no-kernels", "--max-batch=3",
             "--prefill-rows=5")
        make("compile", module, "--from=fuse", "-o", self.path("out"), "--checkpoint=" + support.checkpoint())
        options = json.loads(make("inspect", self.path("out"), "--json").stdout)["build"]["options"]
        for option in ("--no-kernels", "--max-batch=3", "--prefill-rows=5"):
            self.assertIn(option, options)

    def test_another_checkpoint(self):
        self.refused("plan", planned(), r"header_hash = \d+", "header_hash = 7", ("was made from files other than",))
        self.refused("plan", planned(), r'(@embed_tokens .* at \[0, )\d+', r"\g<1>999999999",
                     ("bytes at 999999999 of file 0, which are not there",))


if __name__ == "__main__":
    support.main()
