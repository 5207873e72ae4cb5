# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The naming rules that `new-pass` follows and `test/lint/names.py` checks."""

import re

# Names of the field that are one word although they hold capitals.
WORDS = {"DeepSeek": "deepseek", "SwiGlu": "swiglu", "SwiGLU": "swiglu", "MoE": "moe", "LLVM": "llvm", "NVVM": "nvvm"}

# What a pass name begins with: it says what the pass does.
PASS_VERBS = (
    "Absorb Annotate Assign Build Choose Convert Create Decompose Deduplicate Eliminate Expand Fold Fuse Hoist Infer Insert "
    "Lower Materialize Order Outline Pack Plan Quantize Remove Select Shard Share Sink Specialize Split Tile Verify"
).split()


def kebab(name):
    """`AbsorbMlaProjections` to `absorb-mla-projections`."""
    for word, plain in WORDS.items():
        name = name.replace(word, plain.capitalize())
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def pass_flag(name):
    """The command-line flag of the pass `name`: `fathom-absorb-mla-projections`."""
    return f"fathom-{kebab(name)}"
