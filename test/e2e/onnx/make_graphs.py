# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes graphs.tar.xz: what exporters make of small checkpoints, without the weights. Needs the package `onnx`.

usage: make_graphs.py FOLDER

FOLDER/NAME/model.onnx is the graph that an exporter made, FOLDER/NAME/model.json names the checkpoint it is of, and
FOLDER/checkpoints has that. Of each graph the archive has NAME.onnx, whose weights are in a file `NAME.bin` that is not in it,
and of all of them `graphs.json`: the configurations of the checkpoints, and of which tensors each NAME.bin is made.

Tensors are found by their numbers, as rows of tensors of the checkpoint one after the other, so that exporters may have
transposed, joined, interleaved and rounded them. What is quantized is found by the numbers that it stands for, of which the
nearest rows are taken. Graphs with others are left out.
"""

import io
import json
import os
import sys
import tarfile

import numpy as np
import onnx
from onnx import TensorProto, external_data_helper, numpy_helper

TYPES = {TensorProto.FLOAT: "f32", TensorProto.FLOAT16: "f16", TensorProto.BFLOAT16: "bf16"}
NUMBERS = {TensorProto.FLOAT8E4M3FN: "f8", TensorProto.UINT4: "u4"}
SIZES = {TensorProto.FLOAT: 32, TensorProto.FLOAT16: 16, TensorProto.BFLOAT16: 16, TensorProto.UINT8: 8,
         TensorProto.FLOAT8E4M3FN: 8, TensorProto.UINT4: 4}
# Of a row that is not the one, and more than that of one that is quantized.
FAR = 0.3
# What has fewer numbers stays in the graph; so does what the checkpoint does not have, such as frequencies, if it has fewer than
# the second.
FEWEST, MOST_OTHERS = 9, 256
# Tables of cosines and sines are as long as the model's context, and most of what would be in the archive.
TABLES, TABLE_ROWS = ("cos_cache", "sin_cache"), 128
# Does not compute what its checkpoint says: its trace met some of the experts only.
UNLIKE = ("v3-script17-frozen",)


def read_checkpoint(folder):
    """Tensors of bf16 and f32 by name; those of other types are in no graph."""
    with open(os.path.join(folder, "model.safetensors"), "rb") as file:
        data = file.read()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, fact in json.loads(data[8:start]).items():
        begin, end = (start + offset for offset in fact.get("data_offsets", (0, 0)))
        if fact.get("dtype") == "BF16":
            bits = np.frombuffer(data[begin:end], np.uint16).astype(np.uint32) << 16
            tensors[name] = bits.view(np.float32).reshape(fact["shape"])
        elif fact.get("dtype") == "F32":
            tensors[name] = np.frombuffer(data[begin:end], np.float32).reshape(fact["shape"])
    return tensors


def key(row):
    """Equal for numbers that are equal where both are rounded."""
    return np.asarray(row, np.float32).astype(np.float16).tobytes()


class Finder:
    """Where rows of a checkpoint are."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.rows = {}
        for name, tensor in tensors.items():
            for number, row in enumerate(np.atleast_2d(tensor)):
                self.rows.setdefault(key(row), []).append((name, number))

    def find(self, array):
        """[shape, transposed, parts], or None."""
        if array.ndim == 1:
            parts = self.find_pieces(array)
            return parts and [list(array.shape), False, parts]
        for transposed in (False, True):
            source = np.swapaxes(array, -1, -2) if transposed else array
            parts = self.find_rows(source.reshape(-1, source.shape[-1]))
            if parts:
                return [list(source.shape), transposed, parts]
        return None

    def find_nearest(self, array):
        """The same of a matrix that is nearly one of the checkpoint's."""
        for transposed in (False, True):
            source = array.T if transposed else array
            rows = np.concatenate([tensor for tensor in self.tensors.values() if tensor.shape[1:] == source.shape[1:]]
                                  or [np.zeros((1, source.shape[1]))])
            nearest = rows[[np.argmin(np.square(rows - row).sum(1)) for row in source]]
            if (np.linalg.norm(nearest - source, axis=1) < FAR * np.linalg.norm(source, axis=1)).all():
                return [list(source.shape), transposed, self.find_rows(nearest)]
        return None

    def find_pieces(self, vector):
        """Vectors that make up one."""
        parts, at = [], 0
        while at < len(vector):
            matches = [name for name, tensor in self.tensors.items() if tensor.ndim == 1
                       and key(tensor) == key(vector[at:at + len(tensor)])]
            if len(matches) != 1:
                return None
            parts.append(matches[0])
            at += len(self.tensors[matches[0]])
        return parts

    def find_rows(self, matrix):
        """Runs of rows, each "name" or "name[begin:end]"."""
        runs = []
        for row in matrix:
            places = self.rows.get(key(row), [])
            following = [place for place in places if runs and place == (runs[-1][0], runs[-1][2])]
            if following:
                runs[-1][2] += 1
            elif len({name for name, _ in places}) == 1:
                runs.append([places[0][0], places[0][1], places[0][1] + 1])
            else:
                return None
        count = {name: len(np.atleast_2d(self.tensors[name])) for name, _, _ in runs}
        return [name if end - begin == count[name] else f"{name}[{begin}:{end}]" for name, begin, end in runs]


def all_graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from all_graphs(inner)


def all_tensors(model):
    for graph in all_graphs(model.graph):
        yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    attribute.t.name = attribute.t.name or node.output[0]
                    yield attribute.t


def expand(grid, block, shape):
    """A number of a grid for each element."""
    return np.repeat(np.repeat(grid, block[0], 0), block[1], 1)[:shape[0], :shape[1]]


def unpack(tensor, columns):
    """Rows of halves of bytes."""
    array = numpy_helper.to_array(tensor).reshape(tensor.dims[0], -1)
    return np.stack([array & 15, array >> 4], -1).reshape(len(array), -1)[:, :columns].astype(np.float32)


def list_quantized(model):
    """(numbers, scales, zeros or None, the type of numbers, block, the matrix that they stand for) of each node that has them."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        facts = {attribute.name: attribute.i for attribute in node.attribute}
        inputs = [tensors.get(name) for name in node.input]
        if node.op_type == "MatMulNBits" and len(inputs) == 3 and facts["bits"] == 4:
            _, numbers, scales = inputs
            zeros, kind, block = None, "u4", [1, facts["block_size"]]
            matrix, zero = unpack(numbers, facts["K"]), 8
        elif node.op_type == "DequantizeLinear" and inputs[0] and inputs[0].data_type in NUMBERS:
            numbers, scales, zeros = (inputs + [None])[:3]
            kind, block = NUMBERS[numbers.data_type], [1, 1]
            block[facts["axis"]] = facts["block_size"]
            matrix = np.asarray(numpy_helper.to_array(numbers), np.float32)
            zero = expand(np.asarray(numpy_helper.to_array(zeros), np.float32), block, matrix.shape) if zeros else 0
        else:
            continue
        grid = numpy_helper.to_array(scales).reshape(-(-matrix.shape[0] // block[0]), -1)
        yield numbers, scales, zeros, kind, block, (matrix - zero) * expand(grid, block, matrix.shape)


def find_quantized(model, finder):
    """What each tensor of quantized matrices is made of, by its name; None where one is not found."""
    recipes = {}
    for numbers, scales, zeros, kind, block, matrix in list_quantized(model):
        found = finder.find_nearest(matrix)
        if not found:
            print("  no such rows:", numbers.name, list(numbers.dims))
            return None
        facts = {"type": kind, "block": block, "zeros": bool(zeros)}
        for what, tensor in ("numbers", numbers), ("scales", scales), ("zeros", zeros):
            if tensor:
                recipes[tensor.name] = [{"of": what, **facts}, *found]
    return recipes


def cut_table(model, tensor):
    array = numpy_helper.to_array(tensor)[:TABLE_ROWS]
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for value in list(model.graph.value_info) + list(model.graph.input):
        if value.name == tensor.name:
            value.type.tensor_type.shape.dim[0].dim_value = len(array)


def strip(message):
    """Removes where in which program nodes come from."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props"):
            message.ClearField(field.name)
        elif field.message_type:
            for each in value if hasattr(value, "add") else [value]:
                strip(each)


def take_weights(model, finder, file):
    """Replaces the weights by places in `file`, and says what is there; None where a tensor is not found."""
    recipe, offset = [], 0
    quantized = find_quantized(model, finder)
    for tensor in all_tensors(model) if quantized is not None else ():
        count = int(np.prod(tensor.dims, dtype=np.int64))
        if tensor.name in quantized:
            size = count * SIZES[tensor.data_type] // 8
            place(tensor, file, offset, size)
            recipe.append(quantized[tensor.name])
            offset += size
        elif tensor.name.endswith(TABLES):
            cut_table(model, tensor)
        elif tensor.data_type in TYPES and count >= FEWEST:
            found = finder.find(np.asarray(numpy_helper.to_array(tensor), np.float32))
            if found:
                size = count * SIZES[tensor.data_type] // 8
                place(tensor, file, offset, size)
                recipe.append([TYPES[tensor.data_type], *found])
                offset += size
            elif count >= MOST_OTHERS:
                print("  no such rows:", tensor.name, list(tensor.dims))
                return None
        elif count >= MOST_OTHERS:
            print("  of another type:", tensor.name, list(tensor.dims), tensor.data_type)
            return None
    return recipe if quantized is not None else None


def place(tensor, file, offset, size):
    dims, kind, name = list(tensor.dims), tensor.data_type, tensor.name
    tensor.Clear()
    tensor.dims.extend(dims)
    tensor.data_type, tensor.name, tensor.raw_data = kind, name, b""
    external_data_helper.set_external_data(tensor, location=file, offset=offset, length=size)
    tensor.ClearField("raw_data")


def read_json(*names):
    with open(os.path.join(*names), encoding="utf-8") as file:
        return json.load(file)


def convert(folder, name, facts):
    """The graph without its weights, of which `facts` tell then; None where it is left out."""
    source = read_json(folder, name, "model.json")["checkpoint"]
    checkpoint = os.path.join(folder, "checkpoints", source)
    model = onnx.load(os.path.join(folder, name, "model.onnx"))
    recipe = take_weights(model, Finder(read_checkpoint(checkpoint)), name + ".bin")
    if recipe is None:
        return None
    strip(model)
    facts["graphs"][name] = {"checkpoint": source, "weights": recipe}
    facts["checkpoints"][source] = read_json(checkpoint, "config.json")
    return model.SerializeToString(deterministic=True)


def write_archive(files):
    with tarfile.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "graphs.tar.xz"), "w:xz", preset=9) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def main(folder):
    files, facts = {}, {"checkpoints": {}, "graphs": {}}
    for name in sorted(os.listdir(folder)):
        is_graph = os.path.exists(os.path.join(folder, name, "model.json")) and name not in UNLIKE
        if is_graph and "checkpoint" in read_json(folder, name, "model.json"):
            data = convert(folder, name, facts)
            files.update({name + ".onnx": data} if data else {})
            print(name, "" if data else "left out")
    files["graphs.json"] = json.dumps(facts, separators=(",", ":")).encode()
    write_archive(files)


if __name__ == "__main__":
    main(sys.argv[1])
