# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Configurations nobody released answer as reference_model.py does.

Each row of variation_rows.py becomes a random checkpoint (`fathom gen`), is compiled in several ways and run on prompts
of several lengths; logits at every position, those of a draft layer as well, and greedy tokens must be the reference's,
and answers with drafts those without. Variants for GPUs run on the simulated one.

With --released, the rows are two layers of each released width, against the reference and the decompositions.

usage: variations.py --fathom PATH --drafts PATH [--all | --released | --only NAME[,NAME]] [--variants NAME[,NAME]] [--keep DIR]
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile

# Two tests side by side share two cores; must be set before NumPy starts its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import released_rows
import variation_rows
from oracles import require_built
from reference_model import ReferenceModel, map_arrays
from variation_rows import QUICK, SHARDS, ZEROS

ROWS = variation_rows.ROWS | released_rows.ROWS

VARIANTS = {
    "packed": [],
    "baseline": ["--mcpu=x86-64-v3"],
    "reference": ["--weights=reference"],
    "no-kernels": ["--no-kernels"],
}
# On the simulated GPU, which takes its time: only some prompts, by their lengths, with these options.
GPU_VARIANTS = {
    "sm-80-f32": ["--target=cuda", "--sm=80", "--cubin=none", "--act-type=f32"],
    "sm-80": ["--target=cuda", "--sm=80", "--cubin=none"],
    "sm-90a": ["--target=cuda", "--sm=90a", "--cubin=none"],
}
GPU_PROMPTS = {7: [], 65: ["--prefill-chunk=33"]}
# Prompts of so many tokens, and so many generated after each; fewer where each costs seconds.
LENGTHS, GENERATED = [1, 7, 64, 65, 130], 6
RELEASED_LENGTHS, RELEASED_GENERATED = [5], 2
# Answers of so many tokens, where there is a layer that drafts, must be the same with each of these.
SPOKEN, DRAFTS = 40, ["--draft=none", "--draft=mtp:1", "--draft=mtp:4"]
TOLERANCE = 1e-3
# Of the largest logit, for most positions, where activations are bf16: at some, experts swap.
ROUNDED_TOLERANCE = 0.02
# Two experts as close as this may swap in float32, and everything after them changes.
SAFE_MARGIN = 2e-5


class Failure(Exception):
    """What went wrong, for one row and one variant."""


def run_tool(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    if done.returncode != 0:
        raise Failure(f"exit {done.returncode} of {' '.join(command)}\n{done.stderr.strip()[-2000:]}")
    return done.stdout


class Prompt:
    """Tokens with the reference's logits and greedy continuation; drawn so that no expert is chosen by a hair."""

    def __init__(self, model, length, count):
        vocabulary = model.config["vocab_size"]
        for seed in range(20):
            self.tokens = np.random.default_rng([seed, length]).integers(0, vocabulary, length).tolist()
            model.margin = np.inf
            self.compute(model, count)
            if model.margin > SAFE_MARGIN:
                return
        raise Failure(f"no prompt of {length} tokens routes clearly")

    def compute(self, model, count):
        logits = model.run(self.tokens)
        self.logits, self.greedy = logits, []
        self.drafted = model.draft(self.tokens) if model.drafts and len(self.tokens) > 1 else None
        for _ in range(count):
            best, second = np.sort(logits[-1])[:-3:-1]
            if best - second < 2 * TOLERANCE:
                return
            self.greedy.append(int(logits[-1].argmax()))
            logits = model.run(self.tokens + self.greedy)


def draw_prompts(name, directory):
    model = ReferenceModel(directory)
    context = model.config["max_position_embeddings"]
    lengths, count = (RELEASED_LENGTHS, RELEASED_GENERATED) if name in released_rows.ROWS else (LENGTHS, GENERATED)
    return [Prompt(model, length, min(count, context - length)) for length in lengths if length <= context]


def compare_logits(what, actual, expected):
    """The largest distance; fails where it is above TOLERANCE."""
    if actual.shape != expected.shape:
        raise Failure(f"logits of shape {actual.shape}, expected {expected.shape}")
    distance = np.abs(actual - expected).max(-1)
    # Written so that NaN fails.
    wrong = np.flatnonzero(~(distance <= TOLERANCE))
    if len(wrong):
        raise Failure(
            f"{what}: {len(wrong)} positions differ, the first is {wrong[0]}, by {distance[wrong[0]]:.2e} "
            f"at most {distance.max():.2e}"
        )
    return distance.max()


def join(tokens):
    return ",".join(map(str, tokens))


def check_prompt(programs, artifact, folder, prompt, options=()):
    """Compares one run with the reference; the logits, for comparing runs with one another."""
    logits, what = os.path.join(folder, "logits.npy"), f"prompt of {len(prompt.tokens)}"
    command = [programs.fathom, "run", artifact, "--token-ids=" + join(prompt.tokens), "--temperature=0"]
    command += [f"-n{len(prompt.greedy)}", "--ignore-eos", "--output=json", "--logits=" + logits, *options]
    answer = json.loads(run_tool(command))
    actual = np.load(logits)
    distance = compare_logits(what, actual, prompt.logits)
    if answer["tokens"] != prompt.greedy:
        raise Failure(f"{what}: generated {answer['tokens']}, expected {prompt.greedy}")
    return actual, distance


def check_drafts(programs, artifact, folder, prompt):
    """Compares the logits of the draft layer with the reference, and answers with drafts with those without."""
    path, what = os.path.join(folder, "drafts.f32"), f"draft of {len(prompt.tokens)}"
    run_tool([programs.drafts, artifact, path, *map(str, prompt.tokens)])
    distance = compare_logits(what, np.fromfile(path, np.float32).reshape(prompt.drafted.shape), prompt.drafted)
    command = [programs.fathom, "run", artifact, "--token-ids=" + join(prompt.tokens), f"-n{SPOKEN}", "--ignore-eos"]
    for sampling in (["--temperature=0"], ["--temperature=1", "--seed=3"]):
        said = [run_tool([*command, *sampling, "--output=token-ids", draft]) for draft in DRAFTS]
        if len(set(said)) > 1:
            raise Failure(f"{what}: {DRAFTS} say {said}")
    return distance


def check_variant(programs, directory, folder, prompts, options):
    """Compiles one way and runs every prompt; the largest distance from the reference."""
    artifact = os.path.join(folder, "model.fathom")
    cache = [f"--cache-dir={programs.cache_dir}"] if programs.cache_dir else []
    run_tool([programs.fathom, "compile", directory, "-o", artifact, *cache, *options])
    alone, distances = zip(*(check_prompt(programs, artifact, folder, prompt) for prompt in prompts))
    chunked, _ = check_prompt(programs, artifact, folder, prompts[-1], ["--prefill-chunk=3", "--threads=3"])
    if not np.array_equal(chunked, alone[-1]):
        raise Failure("chunks of 3 tokens and 3 threads give other bits")
    check_batch(programs, artifact, folder, prompts, alone)
    drafted = [prompt for prompt in prompts if prompt.drafted is not None]
    if drafted:
        check_batch(programs, artifact, folder, prompts, alone, ["--draft=mtp:3", "--prefill-chunk=7", "--threads=3"])
    return max([*distances, *(check_drafts(programs, artifact, folder, prompt) for prompt in drafted)])


def compare_rounded(what, actual, expected):
    """The median distance; fails where it is above ROUNDED_TOLERANCE, and for NaN."""
    distance = np.median(np.abs(actual - expected).max(-1)) / np.abs(expected).max()
    if not (distance <= ROUNDED_TOLERANCE and np.isfinite(actual).all()):
        raise Failure(f"{what}: logits differ by {distance:.2e} of the largest")
    return distance


def check_gpu_variant(programs, directory, folder, prompts, options):
    """The largest distance from the reference on the simulated GPU."""
    artifact, logits = os.path.join(folder, "model.fathom"), os.path.join(folder, "logits.npy")
    run_tool([programs.fathom, "compile", directory, "-o", artifact, *options])
    exact, distances = "--act-type=f32" in options, []
    for prompt in (prompt for prompt in prompts if len(prompt.tokens) in GPU_PROMPTS):
        what, count = f"prompt of {len(prompt.tokens)}", len(prompt.greedy[:2])
        command = [programs.fathom, "run", artifact, "--device=ptxsim", "--token-ids=" + join(prompt.tokens)]
        command += ["--temperature=0", f"-n{count}", "--ignore-eos", "--output=json", "--logits=" + logits]
        tokens = json.loads(run_tool([*command, *GPU_PROMPTS[len(prompt.tokens)]]))["tokens"]
        distances.append((compare_logits if exact else compare_rounded)(what, np.load(logits), prompt.logits))
        if exact and tokens != prompt.greedy[:count]:
            raise Failure(f"{what}: generated {tokens}, expected {prompt.greedy[:count]}")
    return max(distances)


def check_batch(programs, artifact, folder, prompts, alone, options=()):
    """The prompts together give the bits of `alone` at each position, and the tokens.

    The driver prints no logits of generated tokens; determinism_test.cpp compares their bits, by the C API.
    """
    lines, logits = os.path.join(folder, "batch.txt"), os.path.join(folder, "batch.npy")
    count = min(len(prompt.greedy) for prompt in prompts)
    with open(lines, "w") as file:
        file.writelines(" ".join(map(str, prompt.tokens)) + "\n" for prompt in prompts)
    command = [programs.fathom, "run", artifact, "--batch-file=" + lines, "--temperature=0", f"-n{count}", "--ignore-eos"]
    command += ["--output=json", "--logits=" + logits, *options]
    answers = [json.loads(line) for line in run_tool(command).splitlines()]
    actual = [answer["tokens"] for answer in answers]
    expected = [prompt.greedy[:count] for prompt in prompts]
    if actual != expected:
        raise Failure(f"batch generated {actual}, expected {expected}")
    if not np.array_equal(np.load(logits), np.concatenate(alone)):
        raise Failure("a batch gives other bits than its prompts alone")


def generate(fathom, name, config, directory, dtype):
    count, most = SHARDS.get(name, (None, "5g"))
    run_tool([fathom, "gen", f"--config={config}", "-o", directory, f"--dtype={dtype}", f"--max-shard-size={most}"])
    shards = [file for file in os.listdir(directory) if file.endswith(".safetensors")]
    if count and len(shards) != count:
        raise Failure(f"{len(shards)} shards, expected {count}")
    if name in ZEROS:
        write_zeros(directory, *ZEROS[name])


def write_zeros(directory, suffixes, elements):
    """Zeros in tensors of a checkpoint; see variation_rows.ZEROS."""
    for file in (file for file in os.listdir(directory) if file.endswith(".safetensors")):
        for name, (_, shape, data) in map_arrays(os.path.join(directory, file), "r+").items():
            if name.endswith(suffixes):
                data.reshape(shape[0], -1)[elements] = 0


def check_row(programs, name, variants, folder):
    """Prints a line for each variant; the number that failed."""
    config, dtype = ROWS[name]
    path, directory = os.path.join(folder, "config.json"), os.path.join(folder, "checkpoint")
    with open(path, "w") as file:
        json.dump(config, file)
    try:
        generate(programs.fathom, name, path, directory, dtype)
        prompts = draw_prompts(name, directory)
    except Failure as failure:
        print(f"FAIL {name}: {failure}", flush=True)
        return 1
    failures = 0
    for variant in variants:
        try:
            check = check_gpu_variant if variant in GPU_VARIANTS else check_variant
            worst = check(programs, directory, folder, prompts, (VARIANTS | GPU_VARIANTS)[variant])
            print(f"ok   {name} {variant}: {worst:.1e}", flush=True)
        except (Failure, subprocess.TimeoutExpired) as failure:
            print(f"FAIL {name} {variant}: {failure}", flush=True)
            failures += 1
    return failures


def choose(options):
    """Rows, and the ways to compile each."""
    every = list(VARIANTS)
    chosen = options.variants.split(",") if options.variants else None
    if options.only:
        return [(name, chosen or every) for name in options.only.split(",")]
    if options.released:
        return [(name, chosen or ["packed", "no-kernels"]) for name in released_rows.ROWS]
    if options.all:
        return [(name, chosen or every) for name in variation_rows.ROWS]
    # The quick list compiles each row in one of the ways, in turn.
    return [(name, chosen or [way]) for name, way in zip(QUICK, itertools.cycle(every))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fathom", required=True, help="the driver")
    parser.add_argument("--drafts", required=True, help="fathom-e2e-drafts")
    parser.add_argument("--all", action="store_true", help="every row, not only the quick ones")
    parser.add_argument("--released", action="store_true", help="two layers of each released width")
    parser.add_argument("--only", help="these rows, separated by commas")
    parser.add_argument("--variants", default=None, help=f"some of {','.join(VARIANTS | GPU_VARIANTS)}")
    parser.add_argument("--cache-dir", help="of generated code, which other runs share")
    parser.add_argument("--keep", help="leave checkpoints and artifacts in this folder")
    options = parser.parse_args()
    require_built(options.fathom, options.drafts)
    failures = 0
    for name, variants in choose(options):
        with tempfile.TemporaryDirectory() as temporary:
            folder = os.path.join(options.keep or temporary, name)
            os.makedirs(folder, exist_ok=True)
            failures += check_row(options, name, variants, folder)
    print(f"{failures} failures")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
