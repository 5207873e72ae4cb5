# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Runs llama.cpp and Fathom on the same weights, in turns, and prints the ratios. README.md says more."""

import argparse
import json
import os
import sys

import formats
import machine
import model
import report
from fathom import Fathom
from llama import Llama
from workspace import Workspace

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
PROMPT = "The quick brown fox jumps over the lazy dog, and 12345 other things happen at once."
# Bounds disk and time where all layers are too many.
DEFAULT_LAYERS = {"deepseek-v2-lite": 5}
LEAST_ACTIVE_BYTES = 1_000_000_000
LEAST_COSINE = 0.999


def parse_arguments():
    parser = argparse.ArgumentParser(prog="test/bench/peers", description=__doc__)
    add = parser.add_argument
    add("--work", default=os.path.join(ROOT, "build", "peers"), help="folder that everything is kept in (build/peers)")
    add("--fathom", default=os.path.join(ROOT, "build", "release", "bin", "fathom"), help="the driver to measure")
    add("--llama-version", default="0.3.36", help="version of llama-cpp-python (%(default)s)")
    add("--shape", default="deepseek-v2-lite", choices=model.shapes(), metavar="NAME",
        help="a configuration of test/models/configs (%(default)s)")
    add("--layers", type=int, help="layers of the model (5 of deepseek-v2-lite, else all)")
    add("--experts", type=int, help="routed experts of a layer (all)")
    add("--act-type", default="f32", choices=["f32", "bf16"], help="what Fathom's activations are (%(default)s)")
    add("--seed", type=int, default=0, help="another seed gives other weights (%(default)s)")
    add("-p", "--prompt", type=int, default=512, help="tokens of the prompt (%(default)s)")
    add("-n", "--tokens", type=int, default=64, help="tokens to decode (%(default)s)")
    add("-r", "--repetitions", type=int, default=3, help="measurements of each engine a round (%(default)s)")
    add("--rounds", type=int, default=5, help="how often the engines take turns (%(default)s)")
    add("--threads", type=int, default=os.cpu_count(), help="threads of both (one for each processor)")
    add("--jobs", type=int, default=os.cpu_count(), help="compilers at once while llama.cpp is built")
    add("--json", metavar="FILE", help="write all numbers")
    options = parser.parse_args()
    if options.layers is None:
        options.layers = DEFAULT_LAYERS.get(options.shape)
    return options


def generate(workspace, fathom, config, options):
    """The folder of a checkpoint with random weights, and what `fathom inspect` finds in it."""
    name = f"{options.shape}-layers{config['num_hidden_layers']}-experts{config.get('n_routed_experts', 0)}"
    folder = workspace.path("models", f"{name}-seed{options.seed}")
    checkpoint = model.make_checkpoint(fathom, folder, config, options.seed)
    return checkpoint, fathom.inspect(checkpoint)


def convert(llama, fathom, checkpoint, options):
    """The same weights for both: paths of a GGUF file and an artifact."""
    llama.prepare(options.jobs)
    gguf = os.path.join(os.path.dirname(checkpoint), "model.gguf")
    llama.convert(checkpoint, gguf)
    return gguf, fathom.compile(checkpoint, options.act_type)


def compare(llama, fathom, gguf, artifact, threads):
    """Whether both compute the same: logits after a short text."""
    tokens, theirs = llama.logits(gguf, PROMPT, threads)
    return formats.compare_logits(fathom.logits(artifact, tokens, threads), theirs)


def measure(workspace, llama, fathom, gguf, artifact, options):
    """A list of pairs (llama.cpp, Fathom); who begins alternates."""
    rounds = []
    for index in range(options.rounds):
        workspace.say(f"measure, round {index + 1} of {options.rounds}")
        turns = [lambda: llama.bench(gguf, options), lambda: fathom.bench(artifact, options)]
        rounds.append([turn() for turn in turns] if index % 2 == 0 else [turn() for turn in reversed(turns)][::-1])
    return rounds


def main():
    options = parse_arguments()
    config = model.make_config(options.shape, options.layers, options.experts)
    workspace = Workspace(options.work)
    llama, fathom = Llama(workspace, options.llama_version), Fathom(workspace, options.fathom)
    checkpoint, facts = generate(workspace, fathom, config, options)
    active, everything = model.weight_bytes(facts)
    if active < LEAST_ACTIVE_BYTES:
        sys.exit(f"error: {active} bytes of active weights; at least {LEAST_ACTIVE_BYTES}: give more --layers")
    gguf, artifact = convert(llama, fathom, checkpoint, options)
    workspace.say("compare logits")
    agreement = compare(llama, fathom, gguf, artifact, options.threads)
    meter = machine.Meter()
    rounds = measure(workspace, llama, fathom, gguf, artifact, options)
    findings = {
        "machine": {**machine.describe(), "others": meter.others(), "load": round(os.getloadavg()[0], 2)},
        "fathom": fathom.version(),
        "llama.cpp": f"{rounds[0][0]['commit']} of llama-cpp-python {options.llama_version}, {llama.compiler()}",
        "model": {"shape": options.shape, "layers": config["num_hidden_layers"],
                  "experts": config.get("n_routed_experts", 0), "seed": options.seed,
                  "vocabulary": config["vocab_size"], "active_bytes": active, "bytes": everything},
        "options": {key: getattr(options, key) for key in ("act_type", "threads", "prompt", "tokens", "repetitions")},
        "agreement": agreement,
        "result": report.summarize(rounds),
        "rounds": rounds,
    }
    print(report.format_report(findings))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as stream:
            json.dump(findings, stream, indent=1)
    if agreement["cosine"] < LEAST_COSINE:
        sys.exit(f"error: the engines compute different things: cosine of logits below {LEAST_COSINE}")


if __name__ == "__main__":
    main()
