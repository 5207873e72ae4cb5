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

    def test_models_are_not_compiled(self):
        self.fails(UNSUPPORTED, "compile", self.model(), "-o", self.path("out"), words=("is an ONNX model", "fathom inspect"))


if __name__ == "__main__":
    support.main()
