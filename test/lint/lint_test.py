# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Plants violations in small trees and expects each check to find them, and to accept what is right."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layering
import names
import sizes
import style
import targets
import text

LICENSED = "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n"


class LintTest(unittest.TestCase):
    def findings(self, check, tree):
        """What `check` says about a folder with the files of `tree` (path to text), as strings."""
        with tempfile.TemporaryDirectory() as root:
            for path, content in tree.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as stream:
                    stream.write(content)
            return [str(finding) for finding in check(root)]

    def includes(self, path, target):
        """What the layering check says about a file `path` that includes `target`."""
        line = f"#include {target}\n" if target.startswith("<") else f'#include "{target}"\n'
        return self.findings(layering.check, {path: "// a file\n" + line})


class LayeringTest(LintTest):
    def test_finds_each_arrow_that_points_the_wrong_way(self):
        for path, target in [
            ("dialects/deepseek/A.cpp", "passes/fuse/Passes.h"),
            ("frontend/huggingface/A.cpp", "passes/model/Passes.h"),
            ("frontend/checkpoint/A.h", "mlir/IR/Builders.h"),
            ("frontend/checkpoint/A.h", "dialects/deepseek/DeepSeek.h"),
            ("dialects/support/A.h", "dialects/deepseek/DeepSeek.h"),
            ("dialects/support/A.h", "mlir/IR/Builders.h"),
            ("passes/fuse/A.cpp", "passes/model/Passes.h"),
            ("passes/support/A.cpp", "passes/model/Passes.h"),
            ("passes/fuse/A.cpp", "codegen/Codegen.h"),
            ("passes/fuse/A.cpp", "frontend/checkpoint/Json.h"),
            ("codegen/llvm/A.cpp", "codegen/x86/Target.h"),
            ("codegen/x86/A.cpp", "passes/plan/Passes.h"),
            ("codegen/x86/A.cpp", "runtime/src/session.h"),
            ("codegen/x86/A.cpp", "fathom/fathom.h"),
            ("runtime/src/a.cpp", "llvm/ADT/StringRef.h"),
            ("runtime/src/a.cpp", "codegen/Codegen.h"),
            ("runtime/include/fathom/a.h", "<string>"),
            ("kernels/cpu/a.cpp", "runtime/src/a.h"),
            ("kernels/cpu/a.cpp", "fathom/artifact_abi.h"),
            ("dialects/deepseek/A.cpp", "tools/driver/Driver.h"),
            ("dialects/deepseek/A.cpp", "../../passes/fuse/Passes.h"),
        ]:
            with self.subTest(path=path, target=target):
                found = self.includes(path, target)
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"{path}:2: error: "), found)

    def test_finds_an_include_that_is_not_relative_to_the_root(self):
        tree = {"codegen/x86/A.h": "", "codegen/x86/A.cpp": '#include "A.h"\n'}
        found = self.findings(layering.check, tree)
        self.assertEqual(found, ["codegen/x86/A.cpp:1: error: 'A.h' is not relative to the root: "
                                 "write 'codegen/x86/A.h'"])

    def test_finds_a_tablegen_include(self):
        found = self.findings(layering.check, {"dialects/plan/A.td": 'include "passes/plan/Passes.td"\n'})
        self.assertEqual(len(found), 1, found)

    def test_accepts_what_the_design_allows(self):
        for path, target in [
            ("frontend/huggingface/A.cpp", "dialects/deepseek/DeepSeek.h"),
            ("frontend/checkpoint/A.cpp", "llvm/ADT/StringRef.h"),
            ("frontend/checkpoint/A.cpp", "dialects/support/File.h"),
            ("passes/fuse/A.cpp", "passes/support/Weights.h"),
            ("passes/fuse/A.cpp", "kernels/ops.def"),
            ("passes/RegisterPasses.cpp", "passes/fuse/Passes.h"),
            ("codegen/x86/A.cpp", "fathom/kernel_abi.h"),
            ("codegen/x86/A.cpp", "lld/Common/Driver.h"),
            ("kernels/cpu/a.cpp", "fathom/kernel_abi.h"),
            ("runtime/src/a.cpp", "fathom/artifact_generated.h"),
            ("runtime/include/fathom/a.h", "<stdint.h>"),
            ("tools/driver/A.cpp", "codegen/Codegen.h"),
            ("test/frontend/A.cpp", "gtest/gtest.h"),
        ]:
            with self.subTest(path=path, target=target):
                self.assertEqual(self.includes(path, target), [])


class NamesTest(LintTest):
    PASS = {
        "passes/fuse/Passes.td": 'def FuseGates : Pass<"fathom-fuse-gates", "mlir::ModuleOp"> {\n}\n',
        "passes/fuse/FuseGates.cpp": "#define GEN_PASS_DEF_FUSEGATES\n",
        "test/passes/fuse/fuse-gates.mlir": "",
    }
    KERNEL = {
        "kernels/ops.def": "// FATHOM_OP(op)\nFATHOM_OP(gemm, (x, w), (out), (K), 1)\n",
        "kernels/cpu/instances.def": "FATHOM_INSTANCES(gemm, product, (avx2), (f32), (panels), none, 0, 0)\n",
        "kernels/cpu/product.cpp": "FATHOM_DEFINE_KERNEL(Gemm)\n",
        "kernels/cpu/no_epilogue.cpp": "void helper() {}\n",
    }

    def test_accepts_a_pass_and_a_kernel_that_agree(self):
        self.assertEqual(self.findings(names.check, {**self.PASS, **self.KERNEL}), [])

    def test_finds_a_flag_that_does_not_follow_the_name(self):
        tree = {**self.PASS, "passes/fuse/Passes.td": 'def FuseGates : Pass<"fuse-gates"> {\n}\n'}
        self.assertIn("expected 'fathom-fuse-gates'", self.findings(names.check, tree)[0])

    def test_finds_a_pass_without_file_or_test(self):
        found = self.findings(names.check, {"passes/fuse/Passes.td": self.PASS["passes/fuse/Passes.td"]})
        self.assertEqual([f.split("has no ")[1] for f in found],
                         ["passes/fuse/FuseGates.cpp", "test/passes/fuse/fuse-gates.mlir"])

    def test_finds_a_source_without_definition(self):
        tree = {**self.PASS, "passes/fuse/Other.cpp": "#define GEN_PASS_DEF_OTHER\n"}
        self.assertEqual(self.findings(names.check, tree),
                         ["passes/fuse/Other.cpp:1: error: no Passes.td defines a pass 'OTHER'"])

    def test_finds_a_pass_in_a_file_of_another_name(self):
        tree = {**self.PASS, "passes/fuse/Other.cpp": "#define GEN_PASS_DEF_FUSEGATES\n"}
        self.assertEqual(len(self.findings(names.check, tree)), 1)

    def test_finds_a_row_without_source_and_a_source_without_row(self):
        row = "FATHOM_INSTANCES(gemm, gemm, (avx2), (f32), (panels), none, 0, 0)\n"
        found = self.findings(names.check, {**self.KERNEL, "kernels/cpu/instances.def": row})
        self.assertEqual(found, [
            "kernels/cpu/instances.def:1: error: 'gemm' has no kernels/cpu/gemm.cpp with FATHOM_DEFINE_KERNEL",
            "kernels/cpu/product.cpp: error: has no row in kernels/cpu/instances.def"])

    def test_finds_instances_of_an_op_that_there_is_not(self):
        tree = {**self.KERNEL, "kernels/ops.def": "FATHOM_OP(norm, (x), (out), (H), 0)\n"}
        self.assertEqual(self.findings(names.check, tree), [
            "kernels/cpu/instances.def:1: error: kernels/ops.def has no op 'gemm'",
            "kernels/ops.def:1: error: no device has a kernel for 'norm'"])


    def test_finds_decisions_of_one_number_and_titles_of_another(self):
        tree = {"docs/rationale/0001-a.md": "# 0001: a\n", "docs/rationale/0001-b.md": "# 0002: b\n"}
        self.assertEqual(self.findings(names.check, tree), [
            "docs/rationale/0001-b.md: error: 0001 is the number of docs/rationale/0001-a.md already",
            "docs/rationale/0001-b.md:1: error: the title must begin with '# 0001: '"])


class SizesTest(LintTest):
    def test_finds_a_file_over_its_budget(self):
        tree = {"passes/fuse/A.cpp": "int a;\n" * 401, "passes/fuse/B.cpp": "int a;\n" * 400}
        self.assertEqual(self.findings(sizes.check, tree),
                         ["passes/fuse/A.cpp: error: 401 lines, the budget is 400: split it"])

    def test_finds_too_many_long_functions(self):
        long = "static int f(int a) {\n" + "  ++a;\n" * 60 + "}\n"
        found = self.findings(sizes.check, {"codegen/A.cpp": "int g() {\n}\n" + long})
        self.assertEqual(found[0], "codegen/A.cpp:3: error: function of 62 lines; 60 is long")

    def test_accepts_few_long_functions(self):
        long = "static int f(int a) {\n" + "  ++a;\n" * 60 + "}\n"
        self.assertEqual(self.findings(sizes.check, {"codegen/A.cpp": "int g() {\n}\n" * 20 + long}), [])

    def test_measures_functions_of_several_signature_lines(self):
        code = "static int f(int a,\n             int b) {\n  return a;\n}\n"
        self.assertEqual(list(sizes.functions(code)), [(1, 4)])

    def test_finds_too_heavy_a_tree(self):
        before, sizes.TOTAL_BYTES = sizes.TOTAL_BYTES, 10
        try:
            found = self.findings(sizes.check, {"test/models/a.bin": "x" * 11})
        finally:
            sizes.TOTAL_BYTES = before
        self.assertEqual(found, [".: error: tracked files hold 11 bytes together, the bound is 10"])


class StyleTest(LintTest):
    def test_finds_a_guard_that_is_not_the_path(self):
        tree = {"passes/fuse/A.h": "#ifndef FUSE_A_H\n", "runtime/include/fathom/a.h": "#ifndef FATHOM_A_H\n"}
        self.assertEqual(self.findings(style.check, tree),
                         ["passes/fuse/A.h:1: error: the guard of this file is 'FATHOM_PASSES_FUSE_A_H'"])

    def test_finds_functions_in_an_anonymous_namespace(self):
        code = "namespace {\nstruct A {\n  int f();\n};\nint *g(int a) {\n}\n} // namespace\nint A::f() {\n}\n"
        self.assertEqual(self.findings(style.check, {"codegen/A.cpp": code}),
                         ["codegen/A.cpp:5: error: make it static: anonymous namespaces are for types"])

    def test_finds_constants_without_k(self):
        code = "static constexpr int most = 4;\nconstexpr StringLiteral kNames[] = {};\nvoid f() {\n  constexpr int a = 1;\n}\n"
        self.assertEqual(self.findings(style.check, {"codegen/A.cpp": code}),
                         ["codegen/A.cpp:1: error: 'most' is a constant: begin its name with k"])


class TargetsTest(LintTest):
    def test_finds_words_of_one_target_in_shared_code(self):
        for path, line in (("passes/fuse/A.cpp", 'if (arch == "avx512") {'), ("passes/plan/A.h", "int kPanelWidth = 32;"),
                           ("passes/model/Passes.td", "// for sm_90"), ("dialects/plan/A.cpp", "// as CUDA does"),
                           ("codegen/llvm/A.cpp", 'features = "+amx-tile";'), ("dialects/deepseek/A.h", "NVPTX")):
            with self.subTest(path=path):
                found = self.findings(targets.check, {path: "// a file\n" + line + "\n"})
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"{path}:2: error: "), found)
                self.assertIn("is of one target", found[0])

    def test_accepts_them_in_code_of_targets_and_in_attributes(self):
        tree = {"codegen/x86/A.cpp": '"avx2"\n', "passes/support/A.cpp": "// panels\n", "kernels/cpu/A.cpp": "// amx\n",
                "dialects/deepseek/DeepSeekAttrs.td": "`panels`\n",
                "dialects/deepseek/A.td": "tensor<8x8xbf16, #deepseek.layout<panels = 32>>\n"}
        self.assertEqual(self.findings(targets.check, tree), [])


class TextTest(LintTest):
    def test_finds_paths_of_a_machine(self):
        for path in ("/home/me/model", "/root/x", "/tmp/x", "/work/main"):
            with self.subTest(path=path):
                found = self.findings(text.check, {"codegen/A.cpp": LICENSED + f'open("{path}");\n'})
                self.assertEqual(len(found), 1, found)

    def test_accepts_relative_and_system_paths(self):
        line = 'a("build/tmp/x", "/usr/lib/llvm-22/bin", "/proc/self/exe", "${TMPDIR}/root/x");\n'
        self.assertEqual(self.findings(text.check, {"codegen/A.cpp": LICENSED + line}), [])

    def test_finds_british_spelling(self):
        line = "isQuantisable(); // neighbours organise analyses of noise\n"
        found = self.findings(text.check, {"codegen/A.cpp": LICENSED + line})
        self.assertEqual(found, ["codegen/A.cpp:2: error: American spelling, please: 'neighbours'"])

    def test_finds_stiff_english(self):
        for line in ("'x' is no number", "are none of a|b", "killed for want of memory", "is 3, supported is 4",
                     "the table has not 256 entries"):
            with self.subTest(line=line):
                found = self.findings(text.check, {"codegen/A.cpp": f'{LICENSED}"{line}"\n'})
                self.assertEqual(len(found), 1, found)
                self.assertIn("plain English, please", found[0])

    def test_accepts_plain_english(self):
        line = '"there is no cache", "is no longer mapped", "expected a number, but got \'x\'", "only 4 is supported"\n'
        self.assertEqual(self.findings(text.check, {"codegen/A.cpp": LICENSED + line}), [])

    def test_finds_unfinished_work_without_issue(self):
        found = self.findings(text.check, {"codegen/A.cpp": LICENSED + "// TODO finish\n// TODO(#7): finish it.\n"})
        self.assertEqual(found, ["codegen/A.cpp:2: error: write 'TODO(#issue): sentence', or finish it"])

    def test_finds_a_link_to_nothing(self):
        page = "[a](b.md) [c](c.md#part) [web](https://x.org/y)\n"
        found = self.findings(text.check, {"docs/a.md": page, "docs/b.md": ""})
        self.assertEqual(found, ["docs/a.md:1: error: links to 'c.md', which is not there"])

    def test_finds_a_missing_header(self):
        self.assertEqual(len(self.findings(text.check, {"codegen/A.cpp": "int a;\n"})), 1)


if __name__ == "__main__":
    unittest.main()
