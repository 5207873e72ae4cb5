# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""What models of test/models must answer, without numpy."""

import json
import os


def find_models(folder):
    """Names of the models in a folder that have golden answers, sorted."""
    return [name for name in sorted(os.listdir(folder)) if os.path.exists(os.path.join(folder, name, "golden.safetensors"))]


def read_golden(model):
    """(tokens, logits as bytes, greedy tokens) of each prompt, the shortest first."""
    with open(os.path.join(model, "golden.safetensors"), "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        begin = file.tell()

        def read(name):
            first, last = header[name]["data_offsets"]
            file.seek(begin + first)
            return file.read(last - first)

        def read_ids(name):
            size = {"I32": 4, "I64": 8}[header[name]["dtype"]]
            data = read(name)
            return [int.from_bytes(data[i:i + size], "little") for i in range(0, len(data), size)]

        prompts = sum(name.endswith(".tokens") for name in header)
        return [(read_ids(f"p{i}.tokens"), read(f"p{i}.logits"), read_ids(f"p{i}.greedy")) for i in range(prompts)]
