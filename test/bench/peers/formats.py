# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""What the two engines print and write, as Python values."""

import array
import ast
import json
import math
import statistics
import struct


def parse_llama_bench(text):
    """Tokens a second of `llama-bench -o json`: one entry for the prompt, one for generation."""
    result = {}
    for entry in json.loads(text):
        which = "decode" if entry["n_gen"] else "prefill"
        result[which] = statistics.median(entry["samples_ts"])
        result["commit"] = entry["build_commit"]
        result["threads"] = entry["n_threads"]
    return result


def parse_fathom_bench(text):
    """What a round needs of `fathom bench --json`."""
    entry = json.loads(text)
    return {
        "prefill": entry["prefill_tokens_per_second"],
        "decode": entry["decode_tokens_per_second"],
        "threads": entry["threads"],
        "read_bytes_per_second": entry["read_bytes_per_second"],
        "weight_bytes_per_step": entry["weight_bytes_per_step"],
        "weight_bytes_measured": entry["weight_bytes_measured"],
        "fma_flops": entry["fma_flops"],
        "prefill_flops_per_token": entry["prefill_flops_per_token"],
    }


def read_array(path, code):
    """A file of 4-byte numbers; `code` is "i" or "f"."""
    with open(path, "rb") as stream:
        return array.array(code, stream.read())


def read_npy_last_row(path):
    """The last row of a two-dimensional f32 array in NumPy's format 1.0."""
    with open(path, "rb") as stream:
        magic, length = struct.unpack("<8sH", stream.read(10))
        if magic != b"\x93NUMPY\x01\x00":
            raise ValueError(f"{path}: no NumPy file of version 1.0")
        header = ast.literal_eval(stream.read(length).decode("latin-1"))
        if header["descr"] != "<f4" or header["fortran_order"] or len(header["shape"]) != 2:
            raise ValueError(f"{path}: expected rows of f32, found {header}")
        rows, columns = header["shape"]
        stream.seek((rows - 1) * columns * 4, 1)
        return array.array("f", stream.read(columns * 4))


def compare_logits(left, right):
    """How near two vectors of logits are."""
    if len(left) != len(right):
        raise ValueError(f"{len(left)} logits against {len(right)}")
    product = math.fsum(x * y for x, y in zip(left, right))
    norms = math.sqrt(math.fsum(x * x for x in left) * math.fsum(y * y for y in right))
    return {
        "cosine": product / norms,
        "largest_difference": max(abs(x - y) for x, y in zip(left, right)),
        "largest_logit": max(map(abs, right)),
        "same_best_token": left.index(max(left)) == right.index(max(right)),
    }
