# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Artifacts for the tests of graphs."""

import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(os.path.dirname(HERE), "models")
# Tests go to its end, which takes a simulated GPU long.
CONTEXT = 192
# Of test/models, but for the last: heads and latents there are too few and too narrow for warpgroups to attend to.
NAMES = ("v3-tiny", "v32-tiny", "qwen3-tiny", "latents")


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def make_graph_model(fathom, name, folder, *options):
    """Compiles one of them into a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = os.path.join(MODELS, name)
        if not os.path.exists(checkpoint):
            checkpoint = os.path.join(scratch, name)
            run(fathom, "gen", "--config=" + os.path.join(HERE, name + ".json"), "-o", checkpoint)
        run(fathom, "compile", checkpoint, "-o", os.path.join(folder, name + ".fathom"), "--target=cpu,cuda",
            f"--max-context={CONTEXT}", *options)
