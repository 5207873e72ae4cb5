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

CORPUS = os.path.join(support.TREE, "test", "fuzz", "corpus")
SMALL = os.path.join(CORPUS, "onnx", "small")
# A language model of one layer.
LAYER = os.path.join(CORPUS, "onnx_raise", "layer")


class Onnx(support.DriverTest):
    def model(self, source=SMALL):
        path = self.path("small.onnx")
        shutil.copy(source, path)
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

    def test_inspect_lists_what_a_model_is_raised_to(self):
        report = json.loads(make("inspect", self.model(LAYER), "--json").stdout)
        raised = {row["op"]: row["count"] for row in report["raised"]}
        self.assertEqual(raised["gqa_attention"], 1)
        self.assertEqual(raised["rms_norm"], 2)
        self.assertEqual(raised["linear"], 8)
        self.assertIn({"op": "swiglu", "count": 1, "first_node": "n_gu"}, report["raised"])
        self.assertNotIn("raised", json.loads(make("inspect", self.model(), "--json").stdout))

    def test_lint_says_nothing_of_a_model_that_compiles(self):
        result = make("lint", self.model(LAYER))
        self.assertEqual((result.stdout, result.stderr), (b"", b""))

    def test_lint_names_all_operators_that_are_not_known(self):
        path = self.model()
        write(path, read(path).replace(b"MatMul", b"MatMol").replace(b"Identity", b"Identitx"))
        self.fails(UNSUPPORTED, "lint", path, words=("ai.onnx.MatMol", "ai.onnx.Identitx", "1 node has it"))

    def test_lint_says_what_nodes_look_like_that_are_not_recognized(self):
        path = self.model(LAYER)
        write(path, read(path).replace(b"Sigmoid", b"Softmax"))
        self.fails(UNSUPPORTED, "lint", path, words=(
            "n_gs: is a Softmax that was not recognized as a part of a language model",
            "it takes MatMul 'n_g' [batch, tokens, 12]", "it was compared with Softmax(scale · Q Kᵀ + mask) V",
            "follows from token ids by Softmax, which no rule knows, in 1 node"))

    def test_lint_reads_what_compile_reads(self):
        self.fails(UNSUPPORTED, "lint", self.model(), words=("has no embedding of token ids",))
        self.fails(support.IO, "lint", self.path("nowhere.onnx"), words=("nowhere.onnx", "No such file"))
        self.assertEqual(os.listdir(self.path("")), ["small.onnx"])

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

    def test_genai_config_says_what_a_graph_does_not(self):
        path = self.model(LAYER)
        write(self.path("genai_config.json"), json.dumps({
            "model": {"bos_token_id": 2, "context_length": 48, "eos_token_id": [3, 4], "vocab_size": 10},
            "search": {"do_sample": True, "temperature": 0.5}}))
        text = make("compile", path, "-o", "-", "--emit=deepseek").stdout.decode()
        for fact in ("bos_token = 2", "eos_tokens = array<i64: 3, 4>", "max_context = 48", "temperature = 5.0"):
            self.assertIn(fact, text)
        result = make("compile", path, "-o", "-", "--emit=deepseek", "--max-context=64")
        self.assert_message(result, ("has a context of 48 positions, fewer than the 64 to serve",))

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
