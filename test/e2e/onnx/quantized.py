# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights of graphs, made of a checkpoint's: as they are, or quantized. What those stand for is given back to the checkpoint."""

import re

import numpy as np

from reference_model import E4M3, map_arrays, read_arrays

# What codes stand for, the largest of them that blocks are scaled to, and what zero points lie about.
KINDS = {"u4": (np.arange(16.0), 5, 8), "f8": (np.where(np.isnan(E4M3), np.inf, E4M3), 224, 0)}


def find_rows(tensors, part):
    """Of "name" or "name[begin:end]"."""
    name, begin, end = re.fullmatch(r"([^\[]+)(?:\[(\d+):(\d+)\])?", part).groups()
    return tensors[name][int(begin):int(end)] if begin else tensors[name]


def gather(tensors, shape, transposed, parts):
    """Rows of tensors one after the other, in a shape, and that transposed."""
    array = np.concatenate([np.ravel(find_rows(tensors, part)) for part in parts]).reshape(shape)
    return np.swapaxes(array, -1, -2) if transposed else array


def to_bf16(array):
    """Of numbers that are such."""
    return (np.ascontiguousarray(array, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def to_bytes(array, kind):
    """Numbers of `kind`; those of a checkpoint are of bf16, so that none is rounded to that here."""
    return to_bf16(array) if kind == "bf16" else array.astype({"f32": np.float32, "f16": np.float16}[kind])


class Quantized:
    """A matrix by scales that are powers of two, so that what it stands for are numbers of bf16, and zeros that differ."""

    def __init__(self, matrix, kind, block, zeros):
        values, most, middle = KINDS[kind]
        self.kind, self.block, self.shape = kind, block, matrix.shape
        padded = np.pad(matrix, [(0, -size % step) for size, step in zip(matrix.shape, block)])
        blocks = np.abs(padded).reshape(padded.shape[0] // block[0], block[0], -1, block[1])
        self.scales = 2.0 ** np.ceil(np.log2(np.maximum(blocks.max((1, 3)), 1e-9) / most))
        turns = np.arange(self.scales.size).reshape(self.scales.shape) % 3 - 1
        self.zeros = middle + (turns if zeros else 0 * turns)
        wanted = matrix / self.spread(self.scales) + self.spread(self.zeros)
        self.codes = np.abs(values - wanted[..., None]).argmin(-1)
        self.stands_for = (values[self.codes] - self.spread(self.zeros)) * self.spread(self.scales)

    def spread(self, grid):
        """A number of a grid for each element."""
        return grid[np.ix_(*(np.arange(size) // step for size, step in zip(self.shape, self.block)))]

    def to_bytes(self, what):
        if what == "scales":
            return self.scales.astype(np.float32)
        codes = (self.codes if what == "numbers" else self.zeros).astype(np.uint8)
        return codes if self.kind == "f8" else codes.reshape(-1, 2) @ np.array([1, 16], np.uint8)


def quantize(tensors, facts, *where):
    return Quantized(gather(tensors, *where), facts["type"], facts["block"], facts["zeros"])


def make_weights(recipe, tensors):
    """The bytes that a graph wants."""
    for kind, *where in recipe:
        if isinstance(kind, dict):
            yield quantize(tensors, kind, *where).to_bytes(kind["of"]).tobytes()
        else:
            yield to_bytes(gather(tensors, *where), kind).tobytes()


def is_quantized(recipe):
    return any(isinstance(kind, dict) for kind, *_ in recipe)


def quantize_checkpoint(path, recipe):
    """Gives a file of a checkpoint the numbers that those of a graph stand for."""
    tensors = read_arrays(path)
    written = {name: data.view(np.uint16).reshape(shape) for name, (dtype, shape, data) in map_arrays(path, "r+").items()
               if dtype == "BF16"}
    for kind, shape, transposed, parts in recipe:
        if isinstance(kind, dict) and kind["of"] == "numbers":
            matrix = quantize(tensors, kind, shape, transposed, parts).stands_for
            at, numbers = 0, np.ravel(to_bf16(matrix.T if transposed else matrix))
            for part in parts:
                rows = find_rows(written, part)
                rows[...] = numbers[at:at + rows.size].reshape(rows.shape)
                at += rows.size
