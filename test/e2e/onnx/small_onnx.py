# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes small ONNX models: messages of protobuf, without a library for it."""

import struct

import numpy as np

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
         "float64": 11, "uint32": 12, "uint64": 13, "float8e4m3fn": 17, "int4": 22}


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """A field of a message: an integer, a float, text, or bytes that are a message already."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(number, values):
    return b"".join(field(number, value) for value in values)


def tensor(array, name=""):
    """Of an array, or of (type, shape, bytes)."""
    kind, shape, data = array if isinstance(array, tuple) else (array.dtype.name, array.shape, array)
    return fields(1, shape) + field(2, TYPES[kind]) + field(8, name) + field(9, np.ascontiguousarray(data).tobytes())


def external(name, location, shape, kind="float32", **entries):
    """A tensor with its numbers in another file."""
    entries = {"location": location, **entries}
    return (fields(1, shape) + field(2, TYPES[kind]) + field(8, name) +
            fields(13, (field(1, key) + field(2, text) for key, text in entries.items())) + field(14, 1))


def attribute(name, value):
    head = field(1, name)
    if isinstance(value, np.ndarray):
        return head + field(5, tensor(value)) + field(20, 4)
    if isinstance(value, bytes):
        return head + field(6, value) + field(20, 5)
    if isinstance(value, str):
        return head + field(4, value) + field(20, 3)
    if isinstance(value, (list, tuple)):
        return head + fields(8, value) + field(20, 7)
    return head + (field(2, value) + field(20, 1) if isinstance(value, float) else field(3, value) + field(20, 2))


def node(op, inputs, outputs, name="", domain="", **attributes):
    """`inputs` and `outputs` are names by spaces; "-" is one that is left out."""
    names = [[("" if word == "-" else word) for word in words.split()] for words in (inputs, outputs)]
    return (fields(1, names[0]) + fields(2, names[1]) + field(3, name or op.lower()) + field(4, op) +
            fields(5, (attribute(key, value) for key, value in attributes.items())) + field(7, domain))


def value(name, kind, shape):
    dims = b"".join(field(1, field(2, size) if isinstance(size, str) else field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, TYPES[kind]) + field(2, dims)))


def graph(nodes, inputs=(), outputs=(), initializers=None):
    """`initializers`: arrays, or messages of tensors, by name."""
    weights = (array if isinstance(array, bytes) else tensor(array, name)
               for name, array in (initializers or {}).items())
    return (fields(1, nodes) + field(2, "g") + fields(5, weights) + fields(11, (value(*one) for one in inputs)) +
            fields(12, (value(*one) for one in outputs)))


def model(nodes, inputs, outputs, initializers=None, opset=18):
    sets = field(8, field(1, "") + field(2, opset)) + field(8, field(1, "com.microsoft") + field(2, 1))
    return field(1, 8) + field(7, graph(nodes, inputs, outputs, initializers)) + sets
