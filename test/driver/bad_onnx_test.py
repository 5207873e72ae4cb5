# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""ONNX models that are wrong. Every class of mistake once through the driver; test/frontend has the rows of each."""

import os
import sys

import numpy as np

import support
from support import BAD_INPUT, IO, RESOURCES, TREE, UNSUPPORTED, write

sys.path.insert(0, os.path.join(TREE, "test", "e2e", "onnx"))
from small_onnx import external, field, fields, graph, model, node, tensor, value

INPUT, OUTPUT = ("x", "float32", ("n", 4)), ("y", "float32", ("n", 4))
WEIGHT = np.ones((4, 4), np.float32)
PRODUCT = [node("MatMul", "x w", "y", "product")]
LOWEST, HIGHEST, HUGE = -(1 << 63), (1 << 63) - 1, 1 << 60


def multiply(weight=tensor(WEIGHT, "w"), nodes=PRODUCT, inputs=(INPUT,), outputs=(OUTPUT,)):
    """A model of one product, but for what a test changes."""
    return model(nodes, inputs, outputs, {"w": weight})


def stored(location, shape=(4, 4), **entries):
    return multiply(external("w", location, shape, **entries))


def inline(shape, kind, raw):
    return multiply(fields(1, shape) + field(2, kind) + field(8, "w") + field(9, raw))


def operator(op, inputs, domain="", outputs="y", shape=("n", 4), constants=None, **attributes):
    """A model of one node that takes x, and constants."""
    arrays = {name: np.array(array, np.int64) if isinstance(array, (int, list)) else array
              for name, array in (constants or {}).items()}
    return model([node(op, inputs, outputs, "it", domain, **attributes)], [("x", "float32", shape)],
                 [("y", "float32", ("a", "b"))], arrays, opset=23)


def nest(depth):
    """A model of Ifs within each other."""
    inner = graph([node("Identity", "x", "y")], outputs=[OUTPUT])
    for _ in range(depth):
        branch = field(1, "then_branch") + field(6, inner) + field(20, 5)
        inner = graph([node("If", "c", "y", "deep") + field(5, branch)], outputs=[OUTPUT])
    return field(1, 8) + field(7, inner) + field(8, field(1, "") + field(2, 18))


def read_varint(data, at):
    """A number, and where it ends."""
    end = at
    while data[end] > 127:
        end += 1
    return sum((byte & 127) << 7 * i for i, byte in enumerate(data[at:end + 1])), end + 1


def find_boundaries(data, at, end):
    """Where fields of a message begin, those in them as well, and where their values do."""
    places = []
    while at < end:
        key, begin = read_varint(data, at)
        places += [at, begin]
        size, behind = read_varint(data, begin) if key & 7 in (0, 2) else (4, begin)
        at = behind + (size if key & 7 == 2 else 0 if key & 7 == 0 else 4)
        # The graph, nodes, initializers, inputs and outputs: numbers of fields that are messages where they are.
        if key >> 3 in (7, 11, 12) or (key >> 3 in (1, 5) and size > 20):
            places += find_boundaries(data, behind, at)
    return places


class BadOnnx(support.DriverTest):
    def compiling(self, data):
        """The arguments to compile a model."""
        return "compile", write(self.path("bad.onnx"), data), "-o", self.path("out.fathom")

    def test_mistakes_are_named_and_nothing_is_written(self):
        raw = WEIGHT.tobytes()
        circle = [node("Add", "b x", "a", "first"), node("Add", "a x", "b", "second"), *PRODUCT]
        twice = [node("MatMul", "x w", "y", name) for name in ("one", "two")]
        for what, data, code, *words in (
            ("no graph", field(1, 8), BAD_INPUT, "it has no graph"),
            ("nothing", b"", BAD_INPUT, "the file is empty"),
            ("another format", b"<!DOCTYPE html><html></html>", BAD_INPUT, "HTML page"),
            ("out of the folder", stored("../w"), BAD_INPUT, "'w'", "'../w'"),
            ("out in the middle", stored("a/../../w"), BAD_INPUT, "'w'", "'a/../../w'"),
            ("absolute", stored("/etc/passwd"), BAD_INPUT, "'w'", "'/etc/passwd'"),
            ("not there", stored("nowhere"), IO, "nowhere: cannot open", "bad.onnx has data there, of tensor 'w' for one"),
            ("a folder", stored("folder"), BAD_INPUT, "folder: is a directory"),
            ("a pipe", stored("pipe"), BAD_INPUT, "pipe: is a named pipe"),
            ("a link out", stored("link"), BAD_INPUT, "link: is a link out of", "/etc/passwd"),
            ("a link to nothing", stored("dangling"), IO, "dangling"),
            ("offset beyond", stored("w.bin", offset="64"), BAD_INPUT, "'w'", "64 bytes at 64"),
            ("offset that wraps", stored("w.bin", offset=str((1 << 64) - 4)), BAD_INPUT, "'w'", "truncated"),
            ("offset too wide", stored("w.bin", offset="9" * 30), BAD_INPUT, "'w'", "'9999"),
            ("negative offset", stored("w.bin", offset="-4"), BAD_INPUT, "'w'", "'-4'"),
            ("beyond the file", stored("w.bin", (4, 5)), BAD_INPUT, "'w'", "80 bytes at 0"),
            ("length that lies", stored("w.bin", length="60"), BAD_INPUT, "'w'", "want 64"),
            ("sizes that overflow", stored("w.bin", (1 << 62, 4)), BAD_INPUT, "'w'"),
            ("sizes that overflow to 0", stored("w.bin", (1 << 32, 1 << 32)), BAD_INPUT, "'w'"),
            ("sizes of all memory", stored("w.bin", (1 << 40, 4)), BAD_INPUT, "'w'", "17592186044416 bytes"),
            ("negative size", stored("w.bin", (-4, 4)), BAD_INPUT, "'w'", "-4"),
            ("raw data too short", inline((4, 4), 1, raw[:-1]), BAD_INPUT, "'w'", "63 bytes of raw data"),
            ("raw data too long", inline((4, 4), 1, raw + raw), BAD_INPUT, "'w'", "128 bytes of raw data"),
            ("type that lies", inline((4, 4), 7, raw), BAD_INPUT, "'w'", "int64"),
            ("no type", inline((4, 4), 0, raw), BAD_INPUT, "'w'", "of type 0"),
            ("an unknown type", inline((4, 4), 99, raw), UNSUPPORTED, "'w'", "of type 99"),
            ("types that differ", inline((4, 2), 7, raw), BAD_INPUT, "product", "float[n,4] and int64[4,2]"),
            ("shapes that differ", inline((8, 2), 1, raw), BAD_INPUT, "product"),
            ("circle", multiply(nodes=circle), BAD_INPUT, "first", "'b'"),
            ("circle of one", multiply(nodes=[node("MatMul", "y w", "y", "product")]), BAD_INPUT, "product", "'y'"),
            ("no initializer", multiply(nodes=[node("MatMul", "x v", "y", "product")]), BAD_INPUT, "product", "'v'"),
            ("initializers of one name", model(PRODUCT, [INPUT], [OUTPUT], {"w": WEIGHT, "v": tensor(WEIGHT, "w")}),
             BAD_INPUT, "'w'"),
            ("nodes that make one name", multiply(nodes=twice), BAD_INPUT, "two", "'y'"),
            ("inputs of one name", multiply(inputs=(INPUT, INPUT)), BAD_INPUT, "'x'"),
            ("no output", multiply(outputs=()), BAD_INPUT, "a graph without outputs"),
            ("output that nobody makes", multiply(outputs=(("z", "float32", (4,)),)), BAD_INPUT, "'z'"),
            ("an unknown operator", multiply(nodes=[node("MatMol", "x w", "y")]), UNSUPPORTED, "ai.onnx.MatMol"),
            ("an unknown domain", multiply(nodes=[node("MatMul", "x w", "y", "product", "mine")]), BAD_INPUT, "'mine'"),
            ("deep graphs", nest(10_000), BAD_INPUT, "deep"),
        ):
            with self.subTest(what):
                self.setUp()
                os.mkdir(self.path("folder"))
                os.mkfifo(self.path("pipe"))
                os.symlink("/etc/passwd", self.path("link"))
                os.symlink("nobody", self.path("dangling"))
                write(self.path("w.bin"), raw)
                self.fails(code, *self.compiling(data), words=words)

    def test_a_file_that_is_short_of_many_tensors_is_one_error(self):
        weights = {name: external(name, "w.bin", (4, 4), offset=str(64 * i)) for i, name in enumerate("abc")}
        data = model([node("Sum", "x a b c", "y")], [INPUT], [OUTPUT], weights)
        for content, hint in ((b"x" * 70, "others beyond its end are not listed"),
                              (b"version https://git-lfs.github.com/spec/v1\noid", "this is a Git LFS pointer")):
            write(self.path("w.bin"), content)
            done = self.fails(BAD_INPUT, *self.compiling(data), words=("of 'w.bin', which has", hint))
            self.assertEqual(done.stderr.count(b"error: "), 1)

    def test_every_truncation_is_refused(self):
        data = multiply()
        # The model is whole but for a domain that it does not use.
        whole = len(data) - len(field(8, field(1, "com.microsoft") + field(2, 1)))
        for place in sorted(set(find_boundaries(data, 0, whole))):
            with self.subTest(place):
                self.fails(BAD_INPUT, *self.compiling(data[:place]), words=("bad.onnx",))

    def test_a_model_that_is_no_file(self):
        for name, create in (("folder.onnx", os.mkdir), ("pipe.onnx", os.mkfifo)):
            create(self.path(name))
            self.fails(IO, "compile", self.path(name), "-o", self.path("out.fathom"), words=(name,))

    def test_numbers_beyond_reason_end(self):
        """Each is refused or compiled as it stands, in little memory."""
        body = graph([node("Identity", "c", "d"), node("Add", "s x", "t")],
                     [("i", "int64", ()), ("c", "bool", ()), ("s", *INPUT[1:])],
                     [("d", "bool", ()), ("t", *INPUT[1:])])
        experts = {"r": WEIGHT, "w": np.ones((4, 4, 4), np.float32)}
        models = [
            operator("Loop", "m c x", body=body, constants={"m": np.array(HUGE), "c": np.array(True)}),
            operator("Relu", "x", shape=(1 << 40, 1 << 20)),
            operator("MatMul", "x x", shape=(1 << 40, 1 << 40)),
            operator("Softmax", "x", shape=(1 << 62, 4)),
            operator("Relu", "x", shape=(-5, 4)),
            operator("Einsum", "x x", equation="a" * 5000 + ",b->"),
            operator("MoE", "x r w - w", "com.microsoft", k=HUGE, constants=experts),
            operator("Split", "x", outputs=" ".join(["y"] + [f"p{i}" for i in range(5000)]), axis=1),
            model([node("Tile", f"v{i} r", f"v{i + 1}") for i in range(30)] + [node("Relu", "v30", "y")],
                  [("v0", *INPUT[1:])], [OUTPUT], {"r": np.array([1 << 20, 1])}),
            model([node("Shape", "x", "v0")] + [node("Mul", f"v{i} v{i}", f"v{i + 1}") for i in range(60)] +
                  [node("Reshape", "x v60", "y")], [INPUT], [OUTPUT]),
        ]
        for axis in (LOWEST, HIGHEST):
            models += [operator("Softmax", "x", axis=axis), operator("Gather", "x i", axis=axis, constants={"i": 0}),
                       operator("Squeeze", "x a", constants={"a": [axis]}),
                       operator("Slice", "x a a a a", constants={"a": [axis]})]
        for numbers in ([LOWEST, 4], [HIGHEST, HIGHEST], [1 << 40, 1 << 40]):
            models += [operator(op, "x n", constants={"n": numbers})
                       for op in ("Reshape", "Expand", "Tile", "ConstantOfShape", "Split", "TopK")]
            models += [operator("Pad", "x n", constants={"n": numbers * 2}), operator("Transpose", "x", perm=numbers),
                       operator("GroupQueryAttention", "x x x - - n n", "com.microsoft", shape=(1, "n", 4),
                                num_heads=numbers[0], kv_num_heads=numbers[1], constants={"n": np.array([1], np.int32)})]
        for number, data in enumerate(models):
            with self.subTest(number):
                result = support.run(*self.compiling(data), limits="ulimit -v 8000000")
                self.assertIn(result.returncode, (0, BAD_INPUT, UNSUPPORTED, RESOURCES), result.stderr)
                self.assert_message(result)


if __name__ == "__main__":
    support.main()
