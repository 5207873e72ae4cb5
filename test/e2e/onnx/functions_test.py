# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Graphs that are not language models run as they stand: `compile`, `run` and `inspect` of functions of tensors.

usage: functions_test.py FATHOM CAPI, of which the second is a program that calls the perceptron below.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

# Must be set before NumPy starts its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from small_onnx import graph, model, node

FATHOM, CAPI = sys.argv[1:]
USAGE, BAD_INPUT, UNSUPPORTED = 2, 3, 4
RANDOM = np.random.default_rng(7)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


WEIGHTS = {"w": floats(16, 8), "b": floats(16), "v": floats(16, 4)}


def perceptron(*first):
    """y = softmax(relu(x · wᵀ + b) · v), and which is the likeliest; r = relu(...) by the nodes `first`, if they are given."""
    first = first or [node("Gemm", "x w b", "h", transB=1), node("Relu", "h", "r")]
    return model([*first, node("MatMul", "r v", "s"), node("Softmax", "s", "y", axis=-1),
                  node("ArgMax", "y", "best", axis=-1, keepdims=0)],
                 [("x", "float32", ("n", 8))], [("y", "float32", ("n", 4)), ("best", "int64", ("n",))], WEIGHTS)


def rows():
    """Rows of a table by data, between two bounds by data, behind others."""
    return model([node("Gather", "table ids", "g", axis=0), node("Slice", "g from to axes", "s"),
                  node("Concat", "s tail", "y", axis=0), node("ReduceSum", "y axes", "sums", keepdims=0)],
                 [("table", "float32", ("rows", 3)), ("ids", "int64", ("count",)), ("from", "int64", (1,)),
                  ("to", "int64", (1,)), ("tail", "float32", ("more", 3))],
                 [("y", "float32", ("left", 3)), ("sums", "float32", (3,))], {"axes": np.array([0], np.int64)})


def loop():
    """Powers of 2 until one is over a bound, all of them stacked."""
    body = graph([node("Add", "a a", "twice"), node("Identity", "twice", "shown"), node("Less", "twice bound", "is"),
                  node("And", "is c", "go")],
                 [("i", "int64", ()), ("c", "bool", ()), ("a", "float32", (1,))],
                 [("go", "bool", (1,)), ("twice", "float32", (1,)), ("shown", "float32", (1,))])
    return model([node("Loop", "- - start", "last all", body=body)],
                 [("start", "float32", (1,)), ("bound", "float32", (1,))],
                 [("last", "float32", (1,)), ("all", "float32", ("turns", 1))])


class Functions(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, message, name="model.onnx"):
        with open(self.path(name), "wb") as out:
            out.write(message)
        return self.path(name)

    def fathom(self, *command, code=0):
        done = subprocess.run([FATHOM, *command], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done

    def call(self, path, code=0, threads=0, **inputs):
        options = [f"--threads={threads}"]
        for name, array in inputs.items():
            np.save(self.path(name + ".in.npy"), array)
            options.append(f"--input={name}=@{self.path(name + '.in.npy')}")
        done = self.fathom("run", path, *options, f"--output-dir={self.path('out')}", code=code)
        if code:
            return done.stderr
        out = self.path("out")
        return {name[:-4]: np.load(os.path.join(out, name)) for name in os.listdir(out)}

    def compile(self, message, *options):
        done = self.fathom("compile", self.write(message), "-o", self.path("x.fathom"), *options)
        self.assertIn("compiled as it stands", done.stderr)
        return self.path("x.fathom")

    def test_a_perceptron_gives_what_numpy_does(self):
        x = floats(5, 8)
        s = np.maximum(x @ WEIGHTS["w"].T + WEIGHTS["b"], 0) @ WEIGHTS["v"]
        y = np.exp(s - s.max(-1, keepdims=True))
        y /= y.sum(-1, keepdims=True)
        path = self.compile(perceptron())
        outputs = self.call(path, x=x)
        np.testing.assert_allclose(outputs["y"], y, atol=1e-6)
        np.testing.assert_array_equal(outputs["best"], y.argmax(-1))
        # The graph itself is compiled first.
        again = self.call(self.path("model.onnx"), x=x)
        np.testing.assert_array_equal(outputs["y"], again["y"])

    def test_what_an_optimizer_fused_is_what_it_was(self):
        x = floats(5, 8)
        fused = node("FusedGemm", "x w b", "r", domain="com.microsoft", transB=1, activation="Relu")
        outputs = [self.call(self.compile(message), x=x)["y"] for message in (perceptron(), perceptron(fused))]
        np.testing.assert_array_equal(*outputs)

    def test_weights_have_any_names(self):
        """Also those that the compiler's own symbols have."""
        x = floats(5, 8)
        for name in ("weight.0", "weight.1", "main", "graph", "main.call"):
            message = model([node("MatMul", f"x {name}", "y")], [("x", "float32", ("n", 8))], [("y", "float32", ("n", 16))],
                            {name: WEIGHTS["w"].T.copy(), "weight.2": WEIGHTS["v"]})
            np.testing.assert_allclose(self.call(self.compile(message), x=x)["y"], x @ WEIGHTS["w"].T, atol=1e-5)

    def test_one_zero_point_is_a_list_or_not(self):
        codes = {"codes": np.arange(-8, 8, dtype=np.int8).reshape(4, 4), "scale": np.array([0.5], np.float32),
                 "zero": np.array(3, np.int8)}
        message = model([node("DequantizeLinear", "codes scale zero", "w"), node("MatMul", "x w", "y")],
                        [("x", "float32", ("n", 4))], [("y", "float32", ("n", 4))], codes)
        x = floats(2, 4)
        np.testing.assert_allclose(self.call(self.compile(message), x=x)["y"], x @ ((codes["codes"] - 3.0) / 2), atol=1e-5)

    def test_programs_call_functions_by_name(self):
        done = subprocess.run([CAPI, self.compile(perceptron())], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_sizes_may_depend_on_data(self):
        table, ids, tail = floats(7, 3), np.array([6, 0, -1, 2], np.int64), floats(2, 3)
        path = self.compile(rows())
        given = {"table": table, "ids": ids, "from": np.array([1]), "to": np.array([-1]), "tail": tail}
        outputs = self.call(path, **given)
        want = np.concatenate([table[ids][1:-1], tail])
        np.testing.assert_array_equal(outputs["y"], want)
        np.testing.assert_allclose(outputs["sums"], want.sum(0), rtol=1e-6)
        message = self.call(path, BAD_INPUT, **{**given, "ids": np.array([7])})
        self.assertIn("node 'gather' (Gather): takes an element that its data lacks", message)

    def test_loops_stack_what_they_give(self):
        outputs = self.call(self.compile(loop()), start=np.array([1], np.float32), bound=np.array([9], np.float32))
        np.testing.assert_array_equal(outputs["last"], [16])
        np.testing.assert_array_equal(outputs["all"], [[2], [4], [8], [16]])

    def test_sizes_may_be_sums(self):
        path = self.compile(model([node("Shape", "mask", "all"), node("ConstantOfShape", "all", "y")],
                                  [("mask", "int64", ("past + now",))], [("y", "float32", ("past + now",))]))
        np.testing.assert_array_equal(self.call(path, mask=np.zeros(5, np.int64))["y"], np.zeros(5))

    def test_numbers_of_few_bits_are_multiplied(self):
        packed, scales, x = RANDOM.integers(0, 256, (3, 2, 8), np.uint8), floats(6), floats(2, 32)
        numbers = np.stack([packed & 15, packed >> 4], -1).reshape(3, 2, 16).astype(np.float32) - 8
        weights = (numbers * scales.reshape(3, 2, 1)).reshape(3, 32)
        path = self.compile(model([node("MatMulNBits", "x w s", "y", domain="com.microsoft", K=32, N=3, bits=4, block_size=16)],
                                  [("x", "float32", ("n", 32))], [("y", "float32", ("n", 3))], {"w": packed, "s": scales}))
        np.testing.assert_allclose(self.call(path, x=x)["y"], x @ weights.T, rtol=1e-4, atol=1e-4)

    def test_shapes_that_are_given_are_checked(self):
        path = self.compile(model([node("Reshape", "x s", "y", name="shape")],
                                  [("x", "float32", ("n",)), ("s", "int64", (2,))], [("y", "float32", ("a", "b"))]))
        x = floats(6)
        np.testing.assert_array_equal(self.call(path, x=x, s=np.array([2, -1]))["y"], x.reshape(2, 3))
        for shape in ((4, 2), (-2, -3), (1 << 33, 1 << 33), (0, 5)):
            with self.subTest(shape):
                self.assertIn("node 'shape' (Reshape): the shape", self.call(path, BAD_INPUT, x=x, s=np.array(shape)))

    def test_inspect_lists_what_a_function_takes_and_gives(self):
        path = self.compile(perceptron())
        report = json.loads(self.fathom("inspect", path, "--json").stdout)
        self.assertEqual(report["functions"], [
            {"function": "main", "direction": "input", "tensor": "x", "type": "f32", "shape": "[n, 8]"},
            {"function": "main", "direction": "output", "tensor": "y", "type": "f32", "shape": "[n, 4]"},
            {"function": "main", "direction": "output", "tensor": "best", "type": "i64", "shape": "[n]"}])

    def test_outputs_are_printed(self):
        path = self.compile(loop())
        np.save(self.path("s.npy"), np.array([1], np.float32))
        done = self.fathom("run", path, f"--input=start=@{self.path('s.npy')}", f"--input=bound=@{self.path('s.npy')}")
        self.assertEqual(done.stdout, "last: f32 [1] = 2\nall: f32 [1, 1] = 2\n")

    def test_inputs_that_do_not_fit_are_refused(self):
        path = self.compile(perceptron())
        for arrays, words in (({"x": floats(5, 7)}, "input 'x': axis 1 has 7 elements, expected 8"),
                              ({"x": floats(8)}, "input 'x' has 1 axes, expected 2"),
                              ({"x": floats(5, 8).astype(np.float64)}, "input 'x' has elements of type f64, expected f32"),
                              ({"z": floats(5, 8)}, "the function takes no input 'z'"),
                              ({}, "input 'x' is not given")):
            with self.subTest(words):
                self.assertIn(words, self.call(path, USAGE, **arrays))

    def test_axes_of_one_name_are_equally_long(self):
        path = self.compile(model([node("Add", "x y", "z")], [("x", "float32", ("n", "m")), ("y", "float32", ("n", "m"))],
                                  [("z", "float32", ("n", "m"))]))
        message = self.call(path, BAD_INPUT, x=floats(2, 3), y=floats(3, 3))
        self.assertIn("input 'y': axis 0, 'n', has 3 elements, but axis 0 of 'x' has 2", message)

    def test_sizes_that_do_not_broadcast_end_a_call(self):
        path = self.compile(model([node("Add", "x y", "z", name="sum")], [("x", "float32", ("n",)), ("y", "float32", ("m",))],
                                  [("z", "float32", ("k",))]))
        np.testing.assert_array_equal(self.call(path, x=np.ones(3, np.float32), y=np.ones(1, np.float32))["z"], [2, 2, 2])
        message = self.call(path, BAD_INPUT, x=floats(2), y=floats(3))
        self.assertIn("node 'sum' (Add): inputs have unlike sizes, and cannot be broadcast", message)

    def test_threads_share_items_and_change_no_bit(self):
        # More work than a call keeps to its own thread, and rows that no number of threads divides.
        path = self.compile(model([node("Exp", "x", "e"), node("MatMul", "e w", "p"), node("Softmax", "p", "y", axis=-1)],
                                  [("x", "float32", ("n", 61))], [("y", "float32", ("n", 67))], {"w": floats(61, 67)}))
        x = floats(211, 61)
        one, two, three = (self.call(path, x=x, threads=threads)["y"].tobytes() for threads in (1, 2, 3))
        self.assertEqual(one, two)
        self.assertEqual(one, three)

    def test_the_first_item_that_fails_says_so(self):
        path = self.compile(model([node("Gather", "table ids", "y", name="pick", axis=0)],
                                  [("table", "float32", (4, 512)), ("ids", "int64", ("n",))], [("y", "float32", ("n", 512))]))
        ids = np.zeros(300, np.int64)
        ids[290] = 4
        message = self.call(path, BAD_INPUT, table=floats(4, 512), ids=ids, threads=3)
        self.assertIn("node 'pick' (Gather): takes an element that its data lacks", message)

    def test_whoever_gives_tensors_calls_the_graph_as_it_stands(self):
        # Were it raised first, notes would say at which nodes it was not recognized.
        np.save(self.path("x.npy"), floats(5, 8))
        done = self.fathom("run", self.write(perceptron()), f"--input=x=@{self.path('x.npy')}")
        self.assertEqual(done.stderr, "")

    def test_a_graph_as_it_stands_is_for_processors(self):
        path, out = self.write(perceptron()), self.path("x.fathom")
        for code, option, message in ((UNSUPPORTED, "--target=cuda", "is code for processors alone"),
                                      (USAGE, "--emit=model", "has no IR of the phases from deepseek to plan")):
            with self.subTest(option):
                done = self.fathom("compile", path, "-o", out, "--raise=none", option, code=code)
                self.assertIn(message, done.stderr)

    def test_options_of_language_models_are_refused(self):
        path, out, x = self.write(perceptron()), self.path("x.fathom"), self.path("x.npy")
        for raising in "auto", "none":
            done = self.fathom("compile", path, "-o", out, f"--raise={raising}", "--max-context=8", "--cache-type=bf16",
                               "--no-tokenizer", code=USAGE)
            for option in "max-context", "cache-type", "no-tokenizer":
                self.assertIn(f"--{option} has no effect: it is about language models", done.stderr)
        np.save(x, floats(5, 8))
        done = self.fathom("run", path, f"--input=x=@{x}", "-n", "3", "--stats", code=USAGE)
        self.assertIn("--max-tokens has no effect: a function of tensors is called", done.stderr)

    def test_executables_call_functions(self):
        x, program = floats(5, 8), self.path("perceptron")
        self.fathom("compile", self.write(perceptron()), "-o", program, "--raise=none", "--emit=exe")
        np.save(self.path("x.npy"), x)
        done = subprocess.run([program, f"--input=x=@{self.path('x.npy')}", f"--output-dir={self.path('exe')}"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        again = self.call(self.compile(perceptron()), x=x)
        np.testing.assert_array_equal(np.load(os.path.join(self.path("exe"), "y.npy")), again["y"])

    def test_weights_of_few_bits_are_numbers(self):
        """Two of 4 bits are a byte, and codes of 8 bits are floats."""
        halves, scales = np.arange(-8, 8, dtype=np.int8).reshape(2, 8), np.array([0.5, 2], np.float32)
        packed = (halves.reshape(-1, 2)[:, 0] & 15) | (halves.reshape(-1, 2)[:, 1] << 4)
        path = self.compile(model(
            [node("DequantizeLinear", "h s", "weights", axis=0), node("Mul", "x weights", "y"), node("Cast", "f", "codes", to=1)],
            [("x", "float32", (2, 8))], [("y", "float32", (2, 8)), ("codes", "float32", (4,))],
            {"h": ("int4", (2, 8), packed.astype(np.uint8)), "s": scales,
             "f": ("float8e4m3fn", (4,), np.array([0x38, 0xb0, 0x01, 0x7e], np.uint8))},
            opset=21))
        x = floats(2, 8)
        outputs = self.call(path, x=x)
        np.testing.assert_allclose(outputs["y"], x * halves * scales[:, None], rtol=1e-6)
        np.testing.assert_array_equal(outputs["codes"], np.array([1, -0.5, 2**-9, 448], np.float32))

    def test_operators_without_a_decomposition_are_all_named(self):
        message = model([node("Einsum", "x x", "e", equation="ij,kj->ik"), node("MeanVarianceNormalization", "e", "a"),
                         node("MeanVarianceNormalization", "a", "b"), node("Det", "b", "d")],
                        [("x", "float32", (2, 2))], [("d", "float32", ())])
        done = self.fathom("compile", self.write(message), "-o", self.path("x.fathom"), code=UNSUPPORTED)
        self.assertIn("Det", done.stderr)
        self.assertFalse(os.path.exists(self.path("x.fathom")))

    def test_a_graph_that_must_be_a_language_model_is_refused(self):
        done = self.fathom("compile", self.write(perceptron()), "-o", self.path("x.fathom"), "--raise=require",
                           code=UNSUPPORTED)
        self.assertIn("does not recognize as a language model", done.stderr)

    def test_a_function_is_no_language_model(self):
        path = self.compile(perceptron())
        done = self.fathom("run", path, "--token-ids=1", code=UNSUPPORTED)
        self.assertIn("named functions, and no language model", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
