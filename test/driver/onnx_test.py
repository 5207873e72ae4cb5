# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""ONNX models on the command line."""

import json
import os
import shutil
import sys
import unittest

import numpy as np

import support
from support import BAD_INPUT, IO, MISMATCH, TREE, UNSUPPORTED, make, read, write

sys.path.insert(0, os.path.join(TREE, "test", "e2e", "onnx"))
from small_onnx import external, model, node

CORPUS = os.path.join(TREE, "test", "fuzz", "corpus")
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

    def test_a_name_may_end_in_capitals(self):
        path = self.path("MODEL.ONNX")
        os.rename(self.model(), path)
        self.assertEqual(json.loads(make("inspect", path, "--json").stdout)["onnx"]["ir_version"], 8)
        make("compile", path, "-o", self.path("out"))

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

    def test_a_graph_becomes_what_a_checkpoint_becomes(self):
        path, options = self.model(LAYER), ("--raise=require", "--act-type=f32", "--max-context=32", "-o")
        asked = ("--token-ids=1,2,3", "-n8", "--temperature=0", "--ignore-eos", "--output=token-ids")
        make("compile", path, *options, self.path("both"), "--target=cpu,cuda", "--cubin=none", "--cache-type=f32")
        answers = {make("run", model, *asked, *device).stdout
                   for model, device in ((path, ()), (self.path("both"), ()), (self.path("both"), ("--device=ptxsim",)))}
        make("compile", path, *options, self.path("layer.o"), "--emit=obj", "--weights=reference", "--no-kernels")
        self.assertTrue(os.path.exists(self.path("layer.h")))
        if not support.SANITIZED:
            make("compile", path, *options, self.path("program"), "--emit=exe")
            answers.add(make(*asked, program=self.path("program")).stdout)
        self.assertEqual(len(answers), 1)

    def test_a_tokenizer_is_missed_where_a_language_model_has_none(self):
        path, out = self.model(LAYER), self.path("out")
        self.assert_message(make("compile", path, "-o", out), (os.path.dirname(path) + ": has no tokenizer.json",))
        self.assertEqual(make("compile", path, "-o", out, "--no-tokenizer").stderr, b"")
        shutil.copy(os.path.join(TREE, "test", "models", "demo", "tokenizer.json"), self.path("tokenizer.json"))
        os.remove(out)
        self.fails(BAD_INPUT, "compile", path, "-o", out, words=("tokenizer.json", "id 10", "--no-tokenizer"))
        os.remove(self.path("tokenizer.json"))
        self.assertNotIn(b"tokenizer.json", make("compile", self.model(), "-o", out).stderr)

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
        self.fails(UNSUPPORTED, "lint", path, "--raise=require", words=(
            "n_gs: is a Softmax that was not recognized as a part of a language model",
            "it takes MatMul 'n_g' [batch, tokens, 12]", "it was compared with Softmax(scale · Q Kᵀ + mask) V",
            "follows from token ids by Softmax, which no rule knows, in 1 node"))

    def test_lint_says_of_a_graph_that_it_is_a_function(self):
        lines = make("lint", self.model()).stderr.decode().splitlines()
        self.assertEqual([line.split(": ")[1] for line in lines], ["note", "note"])
        self.assertIn("has no embedding of token ids", lines[0])
        self.assertIn("it is compiled as it stands, to a function of tensors", lines[1])
        self.assertEqual(make("lint", self.model(), "--raise=none").stderr, b"")

    def test_lint_says_what_has_no_meaning_as_it_stands(self):
        path = write(self.path("wide.onnx"), model([node("Exp", "x", "y", "wide")], [("x", "float64", ("n",))],
                                                   [("y", "float64", ("n",))]))
        self.fails(UNSUPPORTED, "lint", path, words=("1 node of Exp", "the first is node 'wide' (Exp)"))

    def test_lint_reads_what_compile_reads(self):
        self.fails(support.IO, "lint", self.path("nowhere.onnx"), words=("nowhere.onnx", "No such file"))
        make("lint", self.model())
        self.assertEqual(os.listdir(self.path("")), ["small.onnx"])

    def test_a_truncated_model_is_bad_input(self):
        path = self.model()
        write(path, read(path)[:100])
        self.fails(BAD_INPUT, "inspect", path, words=("small.onnx", "truncated"))

    def test_a_graph_that_has_to_be_a_language_model_is_refused(self):
        self.fails(UNSUPPORTED, "compile", self.model(), "-o", self.path("out"), "--raise=require",
                   words=("has no embedding of token ids", "does not recognize as a language model"))
        self.fails(UNSUPPORTED, "compile", self.model(), "-o", self.path("out"), "--target=cuda", "--cubin=none",
                   words=("was not recognized as a language model", "code for processors alone", "use --target=cpu"))

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

    def test_config_says_how_many_positions_and_tokens_there_are(self):
        path = self.model(LAYER)
        write(self.path("config.json"), json.dumps({"max_position_embeddings": 24, "vocab_size": 11}))
        result = make("compile", path, "-o", "-", "--emit=deepseek")
        self.assertIn(b"max_context = 24", result.stdout)
        self.assert_message(result, ("the vocabulary has 11 tokens, but the graph gives logits of 10",))
        write(self.path("config.json"), "{")
        self.fails(BAD_INPUT, "lint", path, words=("config.json",))

    def test_files_of_a_function_are_not_looked_at(self):
        path = self.model()
        for name in "tokenizer.json", "config.json", "generation_config.json":
            write(self.path(name), "{")
        self.assertNotIn(b"json", make("lint", path).stderr)

    def hub(self):
        """A folder as on the Hub: the graph in one of its own, all else around it."""
        demo = os.path.join(TREE, "test", "models", "demo", "tokenizer.json")
        os.makedirs(self.path("hub", "onnx"))
        shutil.copy(demo, self.path("hub", "tokenizer.json"))
        write(self.path("hub", "config.json"), json.dumps({"max_position_embeddings": 24}))
        return shutil.copy(LAYER, self.path("hub", "onnx", "model.onnx"))

    def test_what_goes_with_a_graph_may_be_around_its_folder(self):
        path = self.hub()
        within = {"cwd": os.path.dirname(path)}
        for graph, options in ((path, {}), ("model.onnx", within), ("./model.onnx", within), ("../onnx/model.onnx", within)):
            with self.subTest(graph):
                result = support.run("lint", graph, **options)
                self.assertEqual(result.returncode, BAD_INPUT)
                self.assert_message(result, ("tokenizer.json",))
                os.rename(self.path("hub", "tokenizer.json"), self.path("kept"))
                self.assertIn(b"max_context = 24", make("compile", graph, "-o", "-", "--emit=deepseek", **options).stdout)
                os.rename(self.path("kept"), self.path("hub", "tokenizer.json"))
                ids = make("tokenize", graph, stdin=b"Once upon a time", **options)
                self.assertEqual(ids.stdout, b"2035 689 261 513\n")

    def test_a_folder_of_graphs_says_which_to_pass(self):
        path, out = self.hub(), self.path("out")
        for verb in (("compile", "-o", out), ("lint",), ("inspect",), ("run", "--token-ids=1")):
            self.fails(BAD_INPUT, verb[0], self.path("hub"), *verb[1:], words=("graphs of ONNX", f"pass a graph: '{path}'"))
        shutil.copy(path, self.path("hub", "model_q4.onnx"))
        self.fails(BAD_INPUT, "lint", self.path("hub"), words=("model_q4.onnx', or another of its 2 graphs",))

    def test_emits_the_graph(self):
        text = make("compile", self.model(), "-o", "-", "--emit=onnx").stdout.decode()
        # Known types, the initializer's values, a subgraph with the function in place of its call.
        self.assertIn('-> (tensor<?x2xf32, #onnx.shape<"n">> {onnx.name = "y"})', text)
        self.assertIn("onnx.constant dense<[[1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>", text)
        self.assertIn('onnx.node "If" opset 17(%arg1) graphs ["then_branch", "else_branch"]', text)
        self.assertIn('onnx.node "Add" opset 17(%1, %1)', text)
        self.assertNotIn("Twice", text)


class Reference(support.DriverTest):
    """Weights of graphs that stay where they are."""

    def setUp(self):
        super().setUp()
        self.numbers = np.arange(16, dtype=np.float32).reshape(4, 4)
        os.makedirs(self.path("model", "parts"))
        np.save(self.path("x.npy"), np.eye(4, dtype=np.float32)[:2])

    def compile(self, weight, *options):
        """An artifact of y = x · w, which reads w where it is."""
        message = model([node("MatMul", "x w", "y")], [("x", "float32", ("n", 4))], [("y", "float32", ("n", 4))], {"w": weight})
        write(self.path("model", "m.onnx"), message)
        write(self.path("model", "parts", "w.bin"), b"head" + self.numbers.tobytes())
        make("compile", self.path("model", "m.onnx"), "-o", self.path("m.fathom"), "--weights=reference", *options)
        return self.path("m.fathom")

    def beside(self):
        return external("w", "parts/w.bin", (4, 4), offset="4")

    def call(self, *options):
        return ("run", self.path("m.fathom"), "--input=x=@" + self.path("x.npy"), "--output-dir=" + self.path(""), *options)

    def answer(self, *options):
        make(*self.call(*options))
        return np.load(self.path("y.npy")).tolist()

    def test_weights_are_read_where_they_are(self):
        for weight in (self.numbers, self.beside()):
            self.compile(weight)
            self.assertEqual(self.answer(), self.numbers[:2].tolist())
        write(self.path("model", "parts", "w.bin"), b"head" + (2 * self.numbers).tobytes() + b"more")
        self.fails(MISMATCH, *self.call(), words=("w.bin", "not the file this model was compiled from (it begins with other bytes)"))
        os.truncate(self.path("model", "parts", "w.bin"), 60)
        self.fails(MISMATCH, *self.call(), words=("w.bin", "expected at least 68 bytes, found 60"))

    def test_files_that_moved_are_found_where_the_user_says(self):
        self.compile(self.beside())
        os.rename(self.path("model"), self.path("moved"))
        self.fails(IO, *self.call(), words=("w.bin", "weights-directory"))
        self.assertEqual(self.answer("--weights-directory=" + self.path("moved", "parts")), self.numbers[:2].tolist())

    def test_a_module_of_a_graph_is_taken_back(self):
        path, ir, out = self.path("model", "layer.onnx"), self.path("layer.mlir"), self.path("layer.fathom")
        shutil.copy(LAYER, path)
        make("compile", path, "-o", ir, "--emit=model")
        taking = ("compile", ir, "--from=model", "-o", out, "--checkpoint")
        make(*taking, self.path("model"))
        packed = read(out)
        make("compile", path, "-o", out)
        self.assertEqual(read(out), packed)
        text = read(ir)
        write(ir, text.replace(b'"layer.onnx"', b'"../model/layer.onnx"'))
        self.fails(BAD_INPUT, *taking, self.path("model"), words=("'../model/layer.onnx', of which a part",))
        write(ir, text)
        write(path, b"another file")
        self.fails(BAD_INPUT, *taking, self.path("model"), words=("was made from files other than those of",))
        os.remove(path)
        self.fails(IO, *taking, self.path("model"), words=("layer.onnx: cannot open",))

    def test_all_weights_are_compared_where_somebody_asks(self):
        self.numbers = np.arange(1 << 12, dtype=np.float32).reshape(4, -1)
        weight = external("w", "parts/w.bin", self.numbers.shape, offset="4")
        self.compile(weight)
        self.fails(UNSUPPORTED, *self.call("--verify-weights"), words=("w.bin", "no hash to compare them with"))
        self.compile(weight, "--verify-weights")
        make(*self.call("--verify-weights"))
        self.numbers[-1, -1] = 7
        write(self.path("model", "parts", "w.bin"), b"head" + self.numbers.tobytes())
        self.fails(MISMATCH, *self.call("--verify-weights"), words=("w.bin", "not those the model was compiled with"))


if __name__ == "__main__":
    support.main()
