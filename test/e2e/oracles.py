# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of this folder run on: the oracles of test/models, and programs that must be built."""

import os
import sys


def find_oracles(models):
    """Names of the folders in `models` that have golden answers, sorted; there must be some."""
    names = sorted(name for name in os.listdir(models) if os.path.exists(os.path.join(models, name, "golden.safetensors")))
    return names or sys.exit(f"{models}: no folder has a golden.safetensors")


def require_built(*programs):
    """Ends with the command that builds what is missing. A program is named after its target."""
    missing = [os.path.basename(program) for program in programs if not os.path.exists(program)]
    if missing:
        sys.exit(f"not built: {' '.join(missing)}; run tools/dev/build release {' '.join(missing)}")
