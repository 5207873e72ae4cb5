# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Configurations nobody released: odd sizes, one group, no dense layer, many experts.

Each row of ROWS becomes a random checkpoint (`fathom gen`), is compiled in several ways and run on prompts of several
lengths; logits at every position and greedy tokens must be those of reference_model.py.

usage: variations.py --fathom PATH [--all] [--only NAME[,NAME]] [--variants NAME[,NAME]] [--keep DIR]
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

from reference_model import ReferenceModel

V2 = {
    "model_type": "deepseek_v2",
    "hidden_size": 64,
    "intermediate_size": 96,
    "moe_intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "q_lora_rank": None,
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 16,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "topk_method": "greedy",
    "scoring_func": "softmax",
    "norm_topk_prob": False,
    "routed_scaling_factor": 1.0,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000,
    "rope_scaling": None,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
    "vocab_size": 128,
    "torch_dtype": "bfloat16",
}
V3 = V2 | {
    "model_type": "deepseek_v3",
    "q_lora_rank": 48,
    "n_group": 2,
    "topk_method": "noaux_tc",
    "scoring_func": "sigmoid",
    "norm_topk_prob": True,
    "routed_scaling_factor": 2.5,
}
GROUPED = {"topk_method": "group_limited_greedy"}
YARN = {"type": "yarn", "factor": 40, "original_max_position_embeddings": 64, "beta_fast": 32, "beta_slow": 1}


def heads(count, nope, rope, value):
    return {
        "num_attention_heads": count,
        "qk_nope_head_dim": nope,
        "qk_rope_head_dim": rope,
        "v_head_dim": value,
    }


def experts(count, chosen, width=32, shared=1, groups=1, kept=1):
    return {
        "n_routed_experts": count,
        "num_experts_per_tok": chosen,
        "moe_intermediate_size": width,
        "n_shared_experts": shared,
        "n_group": groups,
        "topk_group": kept,
    }


def yarn(**more):
    return {"rope_scaling": YARN | more}


# name: (configuration, what projections are stored as)
ROWS = {
    "v2-plain": (V2, "bf16"),
    "v3-plain": (V3, "bf16"),
    "v3-odd-widths": (
        V3 | {"hidden_size": 72, "intermediate_size": 50, "vocab_size": 100, "q_lora_rank": 36, "kv_lora_rank": 20}
        | heads(3, 24, 8, 40) | experts(6, 2, width=33, groups=2),
        "bf16",
    ),
    "v3-fp8-ragged": (
        V3 | {"hidden_size": 200, "intermediate_size": 150, "vocab_size": 517, "q_lora_rank": 130, "kv_lora_rank": 48}
        | heads(5, 24, 8, 40) | experts(12, 3, width=100, groups=3, kept=2),
        "fp8",
    ),
    "v2-many-experts": (V2 | experts(300, 8, width=24, shared=0) | {"first_k_dense_replace": 0}, "bf16"),
    "v3-tied-f32": (
        V3 | {"tie_word_embeddings": True, "vocab_size": 517, "rms_norm_eps": 1e-5} | experts(40, 8, groups=4, kept=4),
        "f32",
    ),
    "v2-all-dense": (V2 | {"first_k_dense_replace": 2, "num_hidden_layers": 2}, "bf16"),
    "v3-one-layer": (V3 | {"num_hidden_layers": 1, "first_k_dense_replace": 0} | heads(1, 16, 8, 16), "bf16"),
    "v2-groups-of-one": (V2 | GROUPED | experts(8, 3, groups=8, kept=4), "bf16"),
    # From here on only with --all.
    "v2-dense-one-layer": (V2 | {"num_hidden_layers": 1, "first_k_dense_replace": 1}, "f32"),
    "v2-no-dense-layer": (V2 | {"first_k_dense_replace": 0} | experts(3, 1, shared=3), "bf16"),
    "v2-normalised": (V2 | {"norm_topk_prob": True, "routed_scaling_factor": 3.0} | experts(5, 2), "bf16"),
    "v2-normalised-one": (V2 | {"norm_topk_prob": True, "routed_scaling_factor": 3.0} | experts(2, 1), "bf16"),
    "v2-every-expert": (V2 | experts(8, 8), "f32"),
    "v2-every-group": (V2 | GROUPED | experts(40, 2, groups=2, kept=2) | {"q_lora_rank": 36}, "bf16"),
    "v2-every-other-layer": (
        V2 | {"num_hidden_layers": 4, "first_k_dense_replace": 0, "moe_layer_freq": 2},
        "bf16",
    ),
    "v2-real-heads": (V2 | heads(2, 128, 64, 128) | {"kv_lora_rank": 512} | yarn(mscale=0.707, mscale_all_dim=0.707), "bf16"),
    "v3-real-heads-fp8": (V3 | heads(2, 128, 64, 128) | {"kv_lora_rank": 512}, "fp8"),
    "v2-twenty-heads": (V2 | heads(20, 16, 4, 8) | {"hidden_size": 200}, "bf16"),
    "v2-yarn-plain": (V2 | yarn(), "bf16"),
    "v2-yarn-mscale": (V2 | yarn(mscale=0.5, mscale_all_dim=1.0), "f32"),
    "v3-rope-parameters": (
        {k: v for k, v in V3.items() if k not in ("rope_theta", "rope_scaling", "torch_dtype")}
        | {
            "dtype": "bfloat16",
            "rope_parameters": {k: v for k, v in YARN.items() if k != "type"}
            | {"rope_type": "yarn", "rope_theta": 5000.0, "mscale": 1.0, "mscale_all_dim": 1.0},
        },
        "bf16",
    ),
    "v3-rope-default": (
        {k: v for k, v in V3.items() if k not in ("rope_theta", "rope_scaling")}
        | {"rope_parameters": {"rope_type": "default", "rope_theta": 20000.0}},
        "bf16",
    ),
    "v3-one-group": (V3 | experts(9, 4, groups=1), "f32"),
    "v3-every-expert": (V3 | experts(6, 6, groups=3, kept=3, width=24), "bf16"),
    "v3-many-experts": (V3 | experts(300, 8, width=33, groups=10, kept=3), "bf16"),
    "v3-many-experts-fp8": (V3 | experts(288, 1, width=24, groups=144, kept=7, shared=3), "fp8"),
    "v3-unnormalised": (V3 | {"norm_topk_prob": False} | experts(10, 5, groups=5, kept=3), "bf16"),
    "v3-no-query-latent": (V3 | {"q_lora_rank": None, "n_shared_experts": 0, "tie_word_embeddings": True}, "bf16"),
    "v3-all-dense": (V3 | {"num_hidden_layers": 3, "first_k_dense_replace": 3, "intermediate_size": 50}, "fp8"),
    "v3-no-routed": (V3 | {"n_routed_experts": None}, "bf16"),
    "v3-mtp": (V3 | {"num_nextn_predict_layers": 1}, "bf16"),
    "v3-mtp-fp8": (V3 | {"num_nextn_predict_layers": 1, "hidden_size": 136}, "fp8"),
    "v3-short-context": (V3 | {"max_position_embeddings": 130}, "bf16"),
    "v3-minimal": (
        V3 | heads(1, 1, 2, 1) | experts(2, 1, width=1, groups=1)
        | {"hidden_size": 1, "intermediate_size": 1, "vocab_size": 2, "q_lora_rank": 1, "kv_lora_rank": 1},
        "f32",
    ),
    "v3-tiny-odd": (
        V3 | heads(7, 3, 2, 5) | experts(4, 2, width=7, groups=2, shared=3)
        | {"hidden_size": 17, "intermediate_size": 9, "vocab_size": 33, "q_lora_rank": 5, "kv_lora_rank": 11},
        "bf16",
    ),
    "v3-tiny-odd-fp8": (
        V3 | heads(3, 5, 6, 7) | experts(4, 2, width=131, groups=2, shared=1)
        | {"hidden_size": 129, "intermediate_size": 257, "vocab_size": 301, "q_lora_rank": 127, "kv_lora_rank": 3},
        "fp8",
    ),
}
QUICK = list(ROWS)[: list(ROWS).index("v2-dense-one-layer")]

VARIANTS = {
    "packed": [],
    "baseline": ["--mcpu=x86-64-v3"],
    "reference": ["--weights=reference"],
    "no-kernels": ["--no-kernels"],
}
PROMPT_LENGTHS = [1, 7, 64, 65, 130]
GENERATED = 6
TOLERANCE = 1e-3
# Two experts as close as this may swap in float32, and everything after them changes.
SAFE_MARGIN = 2e-5


class Failure(Exception):
    """What went wrong, for one row and one variant."""


def run_tool(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failure(f"exit {done.returncode} of {' '.join(command)}\n{done.stderr.strip()[-2000:]}")
    return done.stdout


class Prompt:
    """Tokens with the reference's logits and greedy continuation; drawn so that no expert is chosen by a hair."""

    def __init__(self, model, length, context):
        vocabulary = model.config["vocab_size"]
        for seed in range(20):
            self.tokens = np.random.default_rng([seed, length]).integers(0, vocabulary, length).tolist()
            model.margin = np.inf
            self.compute(model, min(GENERATED, context - length))
            if model.margin > SAFE_MARGIN:
                return
        raise Failure(f"no prompt of {length} tokens routes clearly")

    def compute(self, model, count):
        logits = model.run(self.tokens)
        self.logits, self.greedy = logits, []
        for _ in range(count):
            best, second = np.sort(logits[-1])[:-3:-1]
            if best - second < 2 * TOLERANCE:
                return
            self.greedy.append(int(logits[-1].argmax()))
            logits = model.run(self.tokens + self.greedy)


def draw_prompts(directory):
    model = ReferenceModel(directory)
    context = model.config["max_position_embeddings"]
    return [Prompt(model, length, context) for length in PROMPT_LENGTHS if length <= context]


def check_prompt(fathom, artifact, folder, prompt, options=()):
    """Compares one run with the reference; the logits, for comparing runs with one another."""
    logits = os.path.join(folder, "logits.npy")
    command = [fathom, "run", artifact, "--token-ids=" + ",".join(map(str, prompt.tokens)), "--temperature=0"]
    command += [f"-n{len(prompt.greedy)}", "--ignore-eos", "--output=json", "--logits=" + logits, *options]
    answer = json.loads(run_tool(command))
    actual = np.load(logits)
    if actual.shape != prompt.logits.shape:
        raise Failure(f"logits of shape {actual.shape}, expected {prompt.logits.shape}")
    distance = np.abs(actual - prompt.logits).max(-1)
    # Written so that NaN fails.
    wrong = np.flatnonzero(~(distance <= TOLERANCE))
    if len(wrong):
        raise Failure(
            f"prompt of {len(prompt.tokens)}: {len(wrong)} positions differ, the first is {wrong[0]}, "
            f"by {distance[wrong[0]]:.2e} at most {np.abs(actual - prompt.logits).max():.2e}"
        )
    if answer["tokens"] != prompt.greedy:
        raise Failure(f"prompt of {len(prompt.tokens)}: generated {answer['tokens']}, expected {prompt.greedy}")
    return actual, distance.max()


def check_variant(fathom, directory, folder, prompts, options):
    """Compiles one way and runs every prompt; the largest distance from the reference."""
    artifact = os.path.join(folder, "model.fathom")
    run_tool([fathom, "compile", directory, "-o", artifact, *options])
    worst = 0
    for prompt in prompts:
        whole, distance = check_prompt(fathom, artifact, folder, prompt)
        worst = max(worst, distance)
    chunked, _ = check_prompt(fathom, artifact, folder, prompts[-1], ["--prefill-chunk=3", "--threads=3"])
    if not np.array_equal(chunked, whole):
        raise Failure("chunks of 3 tokens and 3 threads give other bits")
    check_batch(fathom, artifact, folder, prompts)
    return worst


def check_batch(fathom, artifact, folder, prompts):
    """The prompts together give what each gives alone."""
    lines = os.path.join(folder, "batch.txt")
    count = min(len(prompt.greedy) for prompt in prompts)
    with open(lines, "w") as file:
        file.writelines(" ".join(map(str, prompt.tokens)) + "\n" for prompt in prompts)
    command = [fathom, "run", artifact, "--batch-file=" + lines, "--temperature=0", f"-n{count}", "--ignore-eos"]
    answers = [json.loads(line) for line in run_tool([*command, "--output=json"]).splitlines()]
    actual = [answer["tokens"] for answer in answers]
    expected = [prompt.greedy[:count] for prompt in prompts]
    if actual != expected:
        raise Failure(f"batch generated {actual}, expected {expected}")


def check_row(fathom, name, variants, folder):
    """Prints a line for each variant; the number that failed."""
    config, dtype = ROWS[name]
    path, directory = os.path.join(folder, "config.json"), os.path.join(folder, "checkpoint")
    with open(path, "w") as file:
        json.dump(config, file)
    try:
        run_tool([fathom, "gen", "--config=" + path, "-o", directory, "--dtype=" + dtype])
        prompts = draw_prompts(directory)
    except Failure as failure:
        print(f"FAIL {name}: {failure}", flush=True)
        return 1
    failures = 0
    for variant in variants:
        try:
            worst = check_variant(fathom, directory, folder, prompts, VARIANTS[variant])
            print(f"ok   {name} {variant}: {worst:.1e}", flush=True)
        except (Failure, subprocess.TimeoutExpired) as failure:
            print(f"FAIL {name} {variant}: {failure}", flush=True)
            failures += 1
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fathom", required=True, help="the driver")
    parser.add_argument("--all", action="store_true", help="every row, not only the quick ones")
    parser.add_argument("--only", help="these rows, separated by commas")
    parser.add_argument("--variants", default=None, help=f"some of {','.join(VARIANTS)}")
    parser.add_argument("--keep", help="leave checkpoints and artifacts in this folder")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(ROWS) if options.all else QUICK
    every = list(VARIANTS)
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        for name, turn in zip(names, itertools.count()):
            folder = os.path.join(options.keep or temporary, name)
            os.makedirs(folder, exist_ok=True)
            # The quick list compiles each row in one of the ways, in turn.
            chosen = options.variants.split(",") if options.variants else every
            if not (options.all or options.only or options.variants):
                chosen = [every[turn % len(every)]]
            failures += check_row(options.fathom, name, chosen, folder)
    print(f"{failures} failures")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
