# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Runs the scripts of tools/dev on copies of what they change."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEV = os.path.join(ROOT, "tools", "dev")
sys.path.insert(0, os.path.join(ROOT, "test", "lint"))
import names

LLVM_BIN = "/usr/lib/llvm-22/bin"
TABLEGEN = shutil.which(os.environ.get("MLIR_TABLEGEN") or "mlir-tblgen", path=f"{LLVM_BIN}:{os.environ['PATH']}")

PASSES_TD = '''#ifndef FATHOM_PASSES_FUSE_PASSES
#define FATHOM_PASSES_FUSE_PASSES

include "mlir/Pass/PassBase.td"

def FuseA : Pass<"fathom-fuse-a", "mlir::ModuleOp"> {
  let summary = "fuse a";
}

#endif // FATHOM_PASSES_FUSE_PASSES
'''


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(root, path, text):
    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
    with open(os.path.join(root, path), "w", encoding="utf-8") as stream:
        stream.write(text)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as stream:
        return stream.read()


class NewPassTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        write(self.root, "passes/fuse/Passes.td", PASSES_TD)
        write(self.root, "passes/fuse/FuseA.cpp", "#define GEN_PASS_DEF_FUSEA\n")
        write(self.root, "test/passes/fuse/fuse-a.mlir", "")

    def new_pass(self, phase="fuse", name="FuseScaleIntoGate"):
        return run(sys.executable, "-B", os.path.join(DEV, "new-pass"), phase, name, "--root", self.root)

    def tablegen(self, root, phase):
        command = [TABLEGEN, "-gen-pass-decls", "-name", "Fathom", "-I", f"{LLVM_BIN}/../include", "-I", root]
        return run(*command, os.path.join(root, f"passes/{phase}/Passes.td"))

    def test_writes_three_places_and_says_so(self):
        result = self.new_pass()
        self.assertEqual(result.returncode, 0, result.stderr)
        for path in ("passes/fuse/Passes.td", "passes/fuse/FuseScaleIntoGate.cpp",
                     "test/passes/fuse/fuse-scale-into-gate.mlir"):
            self.assertIn(path, result.stdout)
        self.assertIn('def FuseScaleIntoGate : Pass<"fathom-fuse-scale-into-gate"', read(self.root, "passes/fuse/Passes.td"))
        self.assertIn("GEN_PASS_DEF_FUSESCALEINTOGATE", read(self.root, "passes/fuse/FuseScaleIntoGate.cpp"))
        self.assertIn("--fathom-fuse-scale-into-gate", read(self.root, "test/passes/fuse/fuse-scale-into-gate.mlir"))

    def test_result_satisfies_the_naming_check(self):
        self.new_pass()
        found = [finding for finding in names.check(self.root) if "FuseScale" in str(finding)]
        self.assertEqual(found, [])

    @unittest.skipIf(TABLEGEN is None, "no mlir-tblgen")
    def test_result_is_a_definition_that_tablegen_reads(self):
        self.new_pass()
        result = self.tablegen(self.root, "fuse")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("createFuseScaleIntoGate", result.stdout)
        self.assertIn("GEN_PASS_DEF_FUSESCALEINTOGATE", result.stdout)

    def test_source_is_formatted(self):
        self.new_pass()
        write(self.root, ".clang-format", read(ROOT, ".clang-format"))
        result = run("clang-format-22", "--dry-run", "-Werror", f"{self.root}/passes/fuse/FuseScaleIntoGate.cpp")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_refuses_what_exists_and_changes_nothing(self):
        before = read(self.root, "passes/fuse/Passes.td")
        result = self.new_pass(name="FuseA")
        self.assertEqual(result.returncode, 1)
        self.assertIn("exists already", result.stderr)
        self.assertEqual(read(self.root, "passes/fuse/Passes.td"), before)

    def test_refuses_a_pass_of_another_phase(self):
        write(self.root, "passes/model/Passes.td", PASSES_TD.replace("FuseA", "FuseB").replace("fuse-a", "fuse-b"))
        result = self.new_pass(name="FuseB")
        self.assertEqual(result.returncode, 1)
        self.assertIn("passes/model/Passes.td defines FuseB already", result.stderr)
        self.assertNotIn("FuseB", read(self.root, "passes/fuse/Passes.td"))

    def test_refuses_an_unknown_phase_and_names_the_known(self):
        result = self.new_pass(phase="cook")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no phase 'cook': expected one of fuse", result.stderr)

    def test_refuses_names_that_are_no_pass_names(self):
        for name in ("fuse_gate", "FuseGatePass", "Fuse-Gate"):
            with self.subTest(name=name):
                self.assertEqual(self.new_pass(name=name).returncode, 1)
        self.assertIn("'My2ndPass' ends in 'Pass'", self.new_pass(name="My2ndPass").stderr)

    @unittest.skipIf(TABLEGEN is None, "no mlir-tblgen")
    def test_works_on_every_phase_of_this_tree(self):
        shutil.copytree(os.path.join(ROOT, "passes"), os.path.join(self.root, "passes"), dirs_exist_ok=True)
        shutil.copytree(os.path.join(ROOT, "dialects"), os.path.join(self.root, "dialects"), dirs_exist_ok=True)
        for phase in sorted(os.listdir(os.path.join(ROOT, "passes"))):
            if not os.path.isfile(os.path.join(ROOT, "passes", phase, "Passes.td")):
                continue
            with self.subTest(phase=phase):
                name = f"Fuse{phase.capitalize()}ForThisTest"
                result = self.new_pass(phase=phase, name=name)
                self.assertEqual(result.returncode, 0, result.stderr)
                tablegen = self.tablegen(self.root, phase)
                self.assertEqual(tablegen.returncode, 0, tablegen.stderr)
                self.assertIn(f"create{name}", tablegen.stdout)


class NewOpTest(unittest.TestCase):
    """What is written compiles and works: test/checklists/checklists_test.py."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.join(folder.name, "tree")
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns("build", ".git", "models", "__pycache__"))

    def new_op(self, name):
        return run(sys.executable, "-B", os.path.join(DEV, "new-op"), name, "--root", self.root)

    @unittest.skipIf(TABLEGEN is None, "no mlir-tblgen")
    def test_writes_every_place_once(self):
        result = self.new_op("clamp_rows")
        self.assertEqual(result.returncode, 0, result.stderr)
        for path in ("dialects/deepseek/DeepSeekBasicOps.td", "dialects/deepseek/DeepSeekBasicOps.cpp",
                     "passes/lower/DecomposeBasic.cpp", "codegen/reference/EvaluateDeepSeek.cpp",
                     "kernels/ref/ref_rows.cpp", "kernels/ref/ref.h", "kernels/cpu/clamp_rows.cpp", "kernels/ops.def",
                     "kernels/operands.def", "docs/reference/deepseek.md"):
            with self.subTest(path=path):
                self.assertIn(f"{path}:", result.stdout)
                self.assertRegex(read(self.root, path), "clamp_rows|ClampRows")
        self.assertEqual(names.check(self.root), [])
        again = self.new_op("clamp_rows")
        self.assertEqual(again.returncode, 1)
        self.assertIn("defines clamp_rows already", again.stderr)

    def test_refuses_names_that_are_not_op_names(self):
        for name in ("ClampRows", "clamp-rows", "2rows", "rows_"):
            with self.subTest(name=name):
                result = self.new_op(name)
                self.assertEqual(result.returncode, 1)
                self.assertIn("is not an op name: expected snake_case", result.stderr)
        self.assertIn("'double' is a keyword of C++", self.new_op("double").stderr)

    def test_refuses_ops_of_every_family_and_writes_nothing(self):
        row = read(self.root, "kernels/ops.def")
        for name, family in (("rms_norm", "Basic"), ("mla_append", "Attention"), ("moe_gate", "MoE"), ("recipe", "Weight"),
                             ("source", "Weight"), ("swi_glu", "Basic")):
            with self.subTest(name=name):
                result = self.new_op(name)
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"DeepSeek{family}Ops.td defines {name} already", result.stderr)
                self.assertEqual(read(self.root, "kernels/ops.def"), row)

    @unittest.skipIf(TABLEGEN is None, "no mlir-tblgen")
    def test_what_it_writes_for_a_description_is_not_one(self):
        self.new_op("clamp_rows")
        result = run(os.path.join(self.root, "tools", "dev", "docs"), "--check")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "deepseek.md:[0-9]+:.*Say in one line what it computes")


class FormatTest(unittest.TestCase):
    def test_check_finds_a_file_that_is_not_formatted_and_leaves_it(self):
        with tempfile.TemporaryDirectory() as root:
            write(root, ".clang-format", read(ROOT, ".clang-format"))
            write(root, "a.cpp", "int  a ;\n")
            result = run(sys.executable, "-B", os.path.join(DEV, "format"), "--check", "--root", root)
            self.assertEqual(result.returncode, 1)
            self.assertIn("a.cpp:1", result.stderr)
            self.assertEqual(read(root, "a.cpp"), "int  a ;\n")

    def test_formats(self):
        with tempfile.TemporaryDirectory() as root:
            write(root, ".clang-format", read(ROOT, ".clang-format"))
            write(root, "a.cpp", "int  a ;\n")
            result = run(sys.executable, "-B", os.path.join(DEV, "format"), "--root", root)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(read(root, "a.cpp"), "int a;\n")


class ShellScriptTest(unittest.TestCase):
    SCRIPTS = ("build", "check", "demo", "docs", "setup", "common.sh")

    def test_scripts_parse_and_are_executable(self):
        for name in self.SCRIPTS:
            with self.subTest(name=name):
                path = os.path.join(DEV, name)
                self.assertEqual(run("sh", "-n", path).returncode, 0)
                self.assertTrue(name.endswith(".sh") or os.access(path, os.X_OK))

    def test_check_refuses_unknown_options(self):
        with tempfile.TemporaryDirectory() as root:
            shutil.copytree(DEV, os.path.join(root, "tools", "dev"))
            write(root, "tools/dev/setup", "#!/bin/sh\n")
            result = run(os.path.join(root, "tools", "dev", "check"), "--fast")
            self.assertEqual(result.returncode, 2, result.stderr)

    def test_ci_calls_check_and_nothing_else(self):
        lines = [line for line in read(ROOT, ".ci/run").splitlines() if line and not line.startswith("#")]
        self.assertEqual(lines, ['exec "$(dirname -- "$0")/../tools/dev/check"'])


class FuzzTest(unittest.TestCase):
    def test_names_the_targets(self):
        for arguments in ((), ("nope", "1"), ("json", "0"), ("json", "x")):
            result = run(os.path.join(DEV, "fuzz"), *arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertRegex(result.stderr, r"one of: artifact .*\bjson\b.*\btokenizer\b")


if __name__ == "__main__":
    unittest.main()
