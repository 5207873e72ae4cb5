#!/usr/bin/env python3
# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Tries Fathom's GPU code on this machine's GPU, and prints a table. What tools/dev/gpu packed lies beside this file.

    gpu/check.py [--bench] [--suite=FILTER] [--kernels=FILTER] [--graphs=FILTER] [-o FILE.json]

- suite      the tests of the C API and of devices, on the device `cuda`
- kernels    each kernel alone against its reference, over shapes: the tests of kernels, on the device `cuda`
- graphs     whole models: a graph serves whatever comes and gives the bits of its kernels one by one, a row alone those of a
             batch, a prompt in chunks those of the prompt at once, and a step makes nothing
- f32        every prompt of every model: the reference's greedy tokens, and logits within 1e-3 of its
- bf16       over all positions no farther from the reference than this machine's CPU with bf16, by a tenth
- generated  the bits of this machine's CPU, without kernels
- bench      steps of one sequence: bytes of weights a second, beside copies within the GPU's memory; of each kernel that
             multiplies matrices the same, and of prompts products a second, beside torch's where torch is there; decode
             attention of 64 sequences of 4096 tokens, and products of FP8 with their rows and with one. What is wished of
             them is met or not: no reason to fail

What cannot be tried is a row that failed, and the rest goes on; FILE.json has all rows there are at any time.
"""

import argparse
import array
import contextlib
import ctypes
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

from speeds import STEP_TARGET, add_products, beside_copies, bytes_of_step, describe_attention, measure_copies, read_trace

HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 1e-3
# Of the suite: what needs a device, and no more of the tree than the toy. Of kernels: those of a GPU.
SUITE = "*DeviceTest*/cuda:SessionTest.*:VerifyTest.*:GenerateTest.*:SpeculationTest.*:ApiTest.*"
KERNELS = "*/sm_*"


class Table:
    """Is in the file `path` as far as it is known; `facts` are beside its rows."""

    def __init__(self, path=None, **facts):
        self.rows, self.failed, self.path, self.facts = [], 0, path, facts

    def add(self, what, good, value):
        self.failed += not good
        self.rows.append((what, "ok" if good else "FAILED", value))
        print(f"{what:34} {self.rows[-1][1]:7} {value}", flush=True)
        if self.path:
            with open(self.path, "w") as file:
                json.dump({**self.facts, "rows": self.rows}, file, indent=1)

    @contextlib.contextmanager
    def section(self, what):
        """What goes wrong inside is a row, and no reason to try no more: the GPU may be borrowed."""
        try:
            yield
        except Exception as error:
            self.add(what, False, f"{type(error).__name__}: {error}")


def run(device, program, *arguments):
    environment = {**os.environ, "FATHOM_DEVICE": device}
    command = [os.path.join(HERE, program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def find_driver():
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        sys.exit(f"error: no NVIDIA driver: {error}")


def describe_gpu():
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "a GPU that nvidia-smi does not know"


def check_tests(table, what, program, tests, **variables):
    environment = {**os.environ, "FATHOM_TEST_DEVICE": "cuda", **variables}
    done = subprocess.run([os.path.join(HERE, program), "--gtest_brief=1", "--gtest_filter=" + tests],
                          capture_output=True, text=True, env=environment)
    table.add(what, done.returncode == 0, (done.stdout + done.stderr).strip().splitlines()[-1])
    if done.returncode:
        print(done.stdout + done.stderr)


def answer(device, model, form, prompt, scratch):
    """(greedy tokens, logits); or what went wrong."""
    path = os.path.join(scratch, "logits")
    done = run(device, "fathom-e2e-greedy", os.path.join(model, form + ".fathom"), path, len(prompt["greedy"]), *prompt["tokens"])
    if done.returncode:
        return done.stderr.strip() or f"exit code {done.returncode}", None
    with open(path, "rb") as file:
        return [int(line) for line in done.stdout.split()], read_numbers(file.read())


def read_numbers(data):
    return array.array("f", data)


def distance(a, b):
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def check_f32(runs):
    far = max(distance(of_gpu[1], golden) for of_gpu, _, _, golden in runs)
    right = all(of_gpu[0] == prompt["greedy"] for of_gpu, _, prompt, _ in runs)
    return right and far <= TOLERANCE, f"largest difference of a logit {far:.2g}"


def check_bf16(runs):
    """The geometric mean over positions: where experts almost tie, another rounding goes to others, and is far off."""
    def error(which):
        return statistics.geometric_mean(max(distance(answers[which][1][i:i + width], golden[i:i + width]), TOLERANCE / 1000)
                                         for *answers, prompt, golden in runs for width in [len(golden) // len(prompt["tokens"])]
                                         for i in range(0, len(golden), width))

    of_gpu, of_cpu = error(0), error(1)
    return of_gpu <= 1.1 * of_cpu + TOLERANCE, f"difference of a logit {of_gpu:.2g}, on the CPU {of_cpu:.2g}"


def check_generated(runs):
    far = max(distance(of_gpu[1], of_cpu[1]) for of_gpu, of_cpu, _, _ in runs)
    equal = all(of_gpu[0] == of_cpu[0] and bytes(of_gpu[1]) == bytes(of_cpu[1]) for of_gpu, of_cpu, _, _ in runs)
    return equal, f"largest difference of a logit {far:.2g}"


def check_model(table, name, scratch):
    model = os.path.join(HERE, "models", name)
    with open(os.path.join(model, "answers.json")) as file:
        answers = json.load(file)
    prompts = answers["prompts"]
    for form in answers["forms"]:
        check = {"f32": check_f32, "bf16": check_bf16, "generated": check_generated}[form]
        runs = []
        for i, prompt in enumerate(prompts):
            with open(os.path.join(model, f"logits{i}.f32"), "rb") as file:
                golden = read_numbers(file.read())
            runs.append((*(answer(device, model, form, prompt, scratch) for device in ("cuda", "cpu")), prompt, golden))
        errors = [text for of_gpu, of_cpu, _, _ in runs for text, logits in (of_gpu, of_cpu) if logits is None]
        table.add(f"{form} {name}", *((False, errors[0]) if errors else check(runs)))


def make_weights(path, folder, facts):
    """The artifact with weights of random bits that are numbers up to 1/64 as bf16, and as f32 and FP8 as well."""
    with open(os.path.join(folder, "head.bin"), "rb") as head, open(path, "wb") as file:
        file.write(head.read())
        block = bytearray(64 << 20)
        block[0::2] = os.urandom(len(block) // 2)
        block[1::2] = os.urandom(len(block) // 2).translate(bytes(0x3C if i % 2 else 0xBC for i in range(256)))
        left = facts["size"] - facts["weights"]
        while left > 0:
            file.write(block[:min(left, len(block))])
            left -= len(block)


class Bench:
    """A model with weights that are made up, and its steps."""

    def __init__(self, name, scratch):
        folder = os.path.join(HERE, "bench", name)
        with open(os.path.join(folder, "facts.json")) as file:
            self.facts = json.load(file)
        with open(os.path.join(folder, "config.json")) as file:
            self.config = json.load(file)
        self.model, self.path = os.path.join(scratch, name + ".fathom"), os.path.join(scratch, name + ".json")
        make_weights(self.model, folder, self.facts)

    def step(self, *arguments):
        """Seconds to load, of the prompt, of a step."""
        done = run("cuda", "fathom-step-time", self.model, *arguments)
        if done.returncode:
            raise RuntimeError(done.stderr.strip() or f"exit code {done.returncode}")
        return list(map(float, done.stdout.split()))

    def trace(self, *arguments):
        """The launches of the same."""
        self.step(*arguments, self.path)
        return read_trace(self.path)


def bench_steps(table, model, copies, prompt, steps):
    load, first, step = model.step(prompt, steps)
    rate = bytes_of_step(model.facts, model.config) / step
    table.add(f"bench: {prompt} tokens", True,
              f"load {load:.1f} s; prompt {prompt / first:.0f} tokens/s; step {step * 1e3:.3f} ms, "
              f"{rate / 1e9:.0f} GB/s of weights, {beside_copies(rate, copies, STEP_TARGET)}")


def bench_model(table, model, copies, prompts=(16, 1024), steps=64):
    for prompt in prompts:
        with table.section(f"bench: {prompt} tokens"):
            bench_steps(table, model, copies, prompt, steps)
    with table.section("bench: traced"):
        launches = model.trace(prompts[-1], 16, 1)
        for call in ("prefill", "decode"):
            with table.section(f"bench: products of {call}"):
                add_products(table, model, launches, call, copies)


def bench_attention(table, model, copies, sequences=64, positions=4096):
    with table.section(f"bench: attention {sequences}x{positions}"):
        launches = model.trace(positions, 16, sequences)
        with table.section("bench: products of FP8"):
            add_products(table, model, launches, "decode", copies)
        table.add(f"bench: attention {sequences}x{positions}", True,
                  describe_attention(model.facts, launches, sequences, positions, copies))
    with table.section("bench: products of FP8 with one row"):
        add_products(table, model, model.trace(16, 16, 1), "decode", copies)


def bench(table, scratch):
    copies = math.nan
    with table.section("bench: copies"):
        copies = measure_copies()
        table.add("bench: copies", True, f"{copies / 1e9:.0f} GB/s read and written")
    for name, measure in (("model", bench_model), ("attention", bench_attention)):
        with table.section(f"bench: {name}"):
            measure(table, Bench(name, scratch), copies)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", action="store_true", help="measure as well: needs room for the model on disk")
    parser.add_argument("--suite", default=SUITE, help="which tests of the suite, as --gtest_filter")
    parser.add_argument("--kernels", default=KERNELS, help="which tests of kernels, as --gtest_filter")
    parser.add_argument("--graphs", default="*", metavar="FILTER", help="which tests of graphs, as --gtest_filter")
    parser.add_argument("-o", "--output", help="the table as JSON")
    arguments = parser.parse_args()
    find_driver()
    date, card = time.strftime("%Y-%m-%d"), describe_gpu()
    print(f"{date}, {card}")
    table = Table(arguments.output, date=date, card=card)
    with table.section("suite"):
        check_tests(table, "suite", "fathom-runtime-test", arguments.suite, FATHOM_TOY_FOLDER=HERE)
    with table.section("kernels"):
        check_tests(table, "kernels", "fathom_kernels_test", arguments.kernels, FATHOM_KERNEL_CODE=os.path.join(HERE, "kernels.code"))
    with table.section("graphs"):
        check_tests(table, "graphs", "fathom-graphs-test", arguments.graphs, FATHOM_GRAPH_MODELS=os.path.join(HERE, "graphs"))
    with tempfile.TemporaryDirectory(dir=HERE) as scratch:
        for name in sorted(os.listdir(os.path.join(HERE, "models"))):
            with table.section(name):
                check_model(table, name, scratch)
        if arguments.bench:
            bench(table, scratch)
    print(f"{len(table.rows)} rows, {table.failed} failed")
    return table.failed > 0


if __name__ == "__main__":
    sys.exit(main())
