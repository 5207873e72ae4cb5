# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Fathom: asked for a checkpoint, an artifact, a measurement or logits."""

import json
import os

import formats


class Fathom:
    """The compiler driver of one build."""

    def __init__(self, workspace, binary):
        self.workspace = workspace
        self.binary = os.path.abspath(binary)

    def version(self):
        return self.workspace.output([self.binary, "--version"]).strip()

    def generate(self, config, output, seed):
        """Writes a checkpoint with random weights."""
        if not os.path.exists(output):
            self.workspace.step("gen", "generate the checkpoint",
                                [self.binary, "gen", f"--config={config}", "-o", output, f"--seed={seed}"])

    def inspect(self, checkpoint):
        """What is in a checkpoint."""
        return json.loads(self.workspace.output([self.binary, "inspect", checkpoint, "--json"]))

    def compile(self, checkpoint, act_type):
        """The artifact beside the checkpoint; made again whenever the compiler is newer."""
        output = os.path.join(os.path.dirname(checkpoint), f"model-{act_type}.fathom")
        if not os.path.exists(output) or os.path.getmtime(output) < os.path.getmtime(self.binary):
            self.workspace.step("compile", "compile the checkpoint with Fathom",
                                [self.binary, "compile", checkpoint, "-o", output, f"--act-type={act_type}"])
        return output

    def bench(self, model, options):
        text = self.workspace.output([self.binary, "bench", model, "-p", str(options.prompt), "-n", str(options.tokens),
                                      "-r", str(options.repetitions), "--threads", str(options.threads), "--json"])
        return formats.parse_fathom_bench(text)

    def logits(self, model, tokens, threads):
        """The logits after the last of the tokens."""
        path = self.workspace.path("logits", "fathom.npy")
        self.workspace.output([self.binary, "run", model, "--token-ids=" + ",".join(map(str, tokens)), "-n", "1",
                               "--threads", str(threads), "--logits", path])
        return formats.read_npy_last_row(path)
