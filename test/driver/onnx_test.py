# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""ONNX models on the command line."""

import json
import os
import shutil
import unittest

import support
from support import BAD_INPUT, UNSUPPORTED, make, read, write

SMALL = os.path.join(support.TREE, "test", "fuzz", "corpus", "onnx", "small")


class Onnx(support.DriverTest):
    def model(self):
        path = self.path("small.onnx")
        shutil.copy(SMALL, path)
        return path

    def test_inspect_lists_what_a_model_has(self):
        path = self.model()
        report = json.loads(make("inspect", path, "--json").stdout)
        self.assertEqual(report["onnx"], {"file": path, "ir_version": 8, "producer": "", "opset ai.onnx": 17, "opset mine": 1,
                                          "weight_bytes": 16})
        self.assertEqual(report["inputs"], [{"name": "x", "type": "float", "shape": ["n", 2]},
                                            {"name": "c", "type": "bool", "shape": []}])
        self.assertEqual(report["outputs"], [{"name": "y", "type": "float", "shape": ["n", 2]}])
        self.assertEqual(report["functions"], [{"domain": "mine", "name": "Twice", "nodes": 1}])
        self.assertEqual({row["name"]: row["nodes"] for row in report["operators"]},
                         {"Add": 1, "Identity": 1, "If": 1, "MatMul": 1, "Twice": 1})
        self.assertEqual(report["tensors"], [{"name": "w", "type": "float", "shape": [2, 2], "file": path, "size_bytes": 16}])

    def test_a_model_with_an_operator_that_is_not_known_is_listed(self):
        path = self.model()
        write(path, read(path).replace(b"MatMul", b"MatMol"))
        result = support.run("inspect", path)
        self.assertEqual(result.returncode, UNSUPPORTED)
        self.assert_message(result, ("ai.onnx.MatMol", "1 node has it"))
        self.assertIn(b"Twice", result.stdout)

    def test_a_truncated_model_is_bad_input(self):
        path = self.model()
        write(path, read(path)[:100])
        self.fails(BAD_INPUT, "inspect", path, words=("small.onnx", "truncated"))

    def test_a_graph_that_has_to_be_a_language_model_is_refused(self):
        self.fails(UNSUPPORTED, "compile", self.model(), "-o", self.path("out"), "--raise=require",
                   words=("has no embedding of token ids", "does not recognize as a language model"))
        self.fails(UNSUPPORTED, "compile", self.model(), "-o", self.path("out"), "--target=cuda", "--cubin=none",
                   words=("does not recognize as a language model",))

    def test_weights_of_a_graph_do_not_stay_where_they_are(self):
        self.fails(UNSUPPORTED, "compile", self.model(), "-o", self.path("out"), "--weights=reference",
                   words=("not be read where they are", "leave out --weights=reference"))

    def test_a_graph_that_is_run_is_compiled_first(self):
        self.fails(UNSUPPORTED, "run", self.model(), "--token-ids=1",
                   words=("is compiled as it stands", "has named functions, and no language model"))

    def test_emits_the_graph(self):
        text = make("compile", self.model(), "-o", "-", "--emit=onnx").stdout.decode()
        # Known types, the initializer's values, a subgraph with the function in place of its call.
        self.assertIn('-> (tensor<?x2xf32, #onnx.shape<"n">> {onnx.name = "y"})', text)
        self.assertIn("onnx.constant dense<[[1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>", text)
        self.assertIn('onnx.node "If" opset 17(%arg1) graphs ["then_branch", "else_branch"]', text)
        self.assertIn('onnx.node "Add" opset 17(%1, %1)', text)
        self.assertNotIn("Twice", text)


if __name__ == "__main__":
    support.main()
