# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures a graph of DeepSeek-V2-Lite beside the checkpoint that it is of, and beside ONNX Runtime.

usage: onnx.py [--fathom PATH] [--layers N] [--prompt N] [--tokens N] [--rounds N] [--small] [compile] [speed]

compile: from headers to an artifact that leaves weights where they are: processor time and memory of both ways.
speed: tokens a second in f32, of random weights, in turns. Takes 15 GB of disk and of memory with --layers=3, and
onnxruntime as a module of this Python.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from promises import MIB, ROOT, ROUNDS, generate, measure

sys.path[:0] = [os.path.join(ROOT, "test", "e2e", "onnx"), os.path.join(ROOT, "test", "e2e")]
import deepseek_graph  # noqa: E402

MODEL = "deepseek-v2-lite"
PLAIN = {"rope_scaling": None}
SMALL = {"hidden_size": 128, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 128,
         "moe_intermediate_size": 64, "n_routed_experts": 8, "vocab_size": 1024}


def measure_compile(options, folder, changes):
    checkpoint = generate(options.fathom, folder, MODEL, "--headers-only", **changes)
    ways = {"checkpoint": checkpoint, "graph": deepseek_graph.write(checkpoint)}
    command = [options.fathom, "compile", "-o", os.path.join(folder, "model"), "--weights=reference"]
    measured = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way, model in ways.items():
            measured[way].append(measure(*command, model))
    seconds, peaks = ({way: statistics.median(one[field] for one in all_of) for way, all_of in measured.items()}
                      for field in (0, 2))
    for way in ways:
        print(f"compile: {way}: {seconds[way]:.2f} s of processor time, {peaks[way] / MIB:.0f} MiB")
    print(f"compile: graph over checkpoint: {seconds['graph'] / seconds['checkpoint']:.2f} of the time, "
          f"{peaks['graph'] / peaks['checkpoint']:.2f} of the memory")


class Fathom:
    def __init__(self, options, model, artifact):
        self.options, self.artifact = options, artifact
        subprocess.run([options.fathom, "compile", model, "-o", artifact, "--no-tokenizer",
                        f"--max-context={options.prompt + options.tokens}"], check=True)

    def measure(self):
        """Tokens a second of (prefill, decode)."""
        command = [self.options.fathom, "bench", self.artifact, f"-p{self.options.prompt}", f"-n{self.options.tokens}",
                   "-r1", f"--threads={self.options.threads}", "--json"]
        rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return rows["prefill_tokens_per_second"], rows["decode_tokens_per_second"]


class OnnxRuntime:
    def __init__(self, options, graph):
        import onnxruntime
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, self.options = options.threads, options
        self.session = onnxruntime.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
        shapes = {value.name: value.shape for value in self.session.get_inputs() if value.name != "input_ids"}
        self.empty = {name: np.zeros([size if isinstance(size, int) else 0 for size in shape], np.float32)
                      for name, shape in shapes.items()}

    def step(self, ids, past):
        """The likeliest token behind `ids`, and the states with them."""
        logits, *present = self.session.run(None, {"input_ids": np.array([ids]), **past})
        return int(logits[0, -1].argmax()), dict(zip(self.empty, present))

    def measure(self):
        start = time.monotonic()
        token, past = self.step(list(range(self.options.prompt)), self.empty)
        prefill = self.options.prompt / (time.monotonic() - start)
        start = time.monotonic()
        for _ in range(self.options.tokens):
            token, past = self.step([token], past)
        return prefill, self.options.tokens / (time.monotonic() - start)


def measure_speed(options, folder, changes):
    checkpoint = generate(options.fathom, folder, MODEL, num_hidden_layers=options.layers, torch_dtype="float32",
                          **changes)
    graph = deepseek_graph.write(checkpoint)
    ways = {"checkpoint": Fathom(options, checkpoint, os.path.join(folder, "checkpoint.fathom")),
            "graph": Fathom(options, graph, os.path.join(folder, "graph.fathom")),
            "ONNX Runtime": OnnxRuntime(options, graph)}
    measured = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way, program in ways.items():
            measured[way].append(program.measure())
    speed = {way: [statistics.median(column) for column in zip(*rows)] for way, rows in measured.items()}
    for way, (prefill, decode) in speed.items():
        print(f"speed: {way}: prefill {prefill:.1f} tokens/s, decode {decode:.2f} tokens/s")
    for other in ("checkpoint", "ONNX Runtime"):
        prefill, decode = (ours / theirs for ours, theirs in zip(speed["graph"], speed[other]))
        print(f"speed: graph over {other}: prefill {prefill:.2f}, decode {decode:.2f}")


MEASURES = {"compile": measure_compile, "speed": measure_speed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fathom", default=os.path.join(ROOT, "build", "release", "bin", "fathom"))
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--small", action="store_true", help="models of no size, to try the program itself")
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help="of " + ", ".join(MEASURES) + " (all)")
    options = parser.parse_args()
    for name in options.measures or MEASURES:
        with tempfile.TemporaryDirectory() as folder:
            MEASURES[name](options, folder, PLAIN | (SMALL if options.small else {}))


if __name__ == "__main__":
    main()
