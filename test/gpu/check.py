#!/usr/bin/env python3
# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Tries Fathom's GPU code on this machine's GPU, and prints a table. What tools/dev/gpu packed lies beside this file.

    gpu/check.py [--bench] [--suite=FILTER] [-o FILE.json]

- suite      the tests of the C API and of devices, on the device `cuda`
- f32        every prompt of every model: the reference's greedy tokens, and logits within 1e-3 of its
- bf16       no farther from the reference than this machine's CPU with activations of bf16, by a tenth
- generated  the bits of this machine's CPU, without kernels
- bench      steps of one sequence: bytes of weights a second, beside copies within the GPU's memory
"""

import argparse
import array
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 1e-3
# Of the suite: what needs a device, and no more of the tree than the toy.
SUITE = "*DeviceTest*/cuda:SessionTest.*:VerifyTest.*:GenerateTest.*:SpeculationTest.*:ApiTest.*"


class Table:
    def __init__(self):
        self.rows, self.failed = [], 0

    def add(self, what, good, value):
        self.failed += not good
        self.rows.append((what, "ok" if good else "FAILED", value))
        print(f"{what:34} {self.rows[-1][1]:7} {value}", flush=True)


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


def check_suite(table, tests):
    environment = {**os.environ, "FATHOM_TEST_DEVICE": "cuda", "FATHOM_TOY_FOLDER": HERE}
    done = subprocess.run([os.path.join(HERE, "fathom-runtime-test"), "--gtest_brief=1", "--gtest_filter=" + tests],
                          capture_output=True, text=True, env=environment)
    table.add("suite", done.returncode == 0, (done.stdout + done.stderr).strip().splitlines()[-1])
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


def check_form(form, device, cpu, prompt, golden):
    """Whether a device's answer is right, and a number that says how close it is."""
    (tokens, logits), (cpu_tokens, cpu_logits) = device, cpu
    if logits is None or cpu_logits is None:
        return False, tokens if logits is None else cpu_tokens
    if form == "generated":
        return logits == cpu_logits and tokens == cpu_tokens, distance(logits, cpu_logits)
    far = distance(logits, golden)
    if form == "f32":
        return far <= TOLERANCE and tokens == prompt["greedy"], far
    return far <= 1.1 * distance(cpu_logits, golden) + TOLERANCE, far


def check_model(table, name, scratch):
    model = os.path.join(HERE, "models", name)
    with open(os.path.join(model, "prompts.json")) as file:
        prompts = json.load(file)
    for form in ("f32", "bf16", "generated"):
        good, worst = True, 0.0
        for i, prompt in enumerate(prompts):
            with open(os.path.join(model, f"logits{i}.f32"), "rb") as file:
                golden = read_numbers(file.read())
            answers = [answer(device, model, form, prompt, scratch) for device in ("cuda", "cpu")]
            right, value = check_form(form, *answers, prompt, golden)
            good, worst = good and right, value if isinstance(value, str) else worst if isinstance(worst, str) else max(worst, value)
        table.add(f"{form} {name}", good, worst if isinstance(worst, str) else f"largest difference of a logit {worst:.2g}")


def measure_copies():
    """Bytes a second that a copy reads and writes within the GPU's memory: the best of ten."""
    driver = ctypes.CDLL("libcuda.so.1")

    def call(name, *arguments):
        if code := getattr(driver, name)(*arguments):
            raise OSError(f"{name}: {code}")

    size = 1 << 30
    context, source, target = ctypes.c_void_p(), ctypes.c_uint64(), ctypes.c_uint64()
    call("cuInit", 0)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
    call("cuCtxSetCurrent", context)
    call("cuMemAlloc_v2", ctypes.byref(source), ctypes.c_size_t(size))
    call("cuMemAlloc_v2", ctypes.byref(target), ctypes.c_size_t(size))
    best = 0.0
    for _ in range(10):
        call("cuCtxSynchronize")
        begin = time.perf_counter()
        for _ in range(8):
            call("cuMemcpyDtoD_v2", target, source, ctypes.c_size_t(size))
        call("cuCtxSynchronize")
        best = max(best, 8 * 2 * size / (time.perf_counter() - begin))
    call("cuMemFree_v2", source)
    call("cuMemFree_v2", target)
    call("cuDevicePrimaryCtxRelease_v2", 0)
    return best


def make_weights(path, facts):
    """The artifact with weights of random bits that are numbers up to 1/64 as bf16, and as f32 and FP8 as well."""
    with open(os.path.join(HERE, "bench", "head.bin"), "rb") as head, open(path, "wb") as file:
        file.write(head.read())
        block = bytearray(64 << 20)
        block[0::2] = os.urandom(len(block) // 2)
        block[1::2] = os.urandom(len(block) // 2).translate(bytes(0x3C if i % 2 else 0xBC for i in range(256)))
        left = facts["size"] - facts["weights"]
        while left > 0:
            file.write(block[:min(left, len(block))])
            left -= len(block)


def bytes_of_step(facts, config):
    """Weights that a step of one token reads: all but the embedding, and of routed experts those that it chose."""
    chosen = config.get("num_experts_per_tok") or 0
    total = 0
    for weight in facts["tables"]:
        share = chosen / weight["experts"] if weight["experts"] else 1
        total += 0 if "embed_tokens" in weight["name"] else weight["size_bytes"] * share
    return total


def bench(table, scratch):
    folder = os.path.join(HERE, "bench")
    with open(os.path.join(folder, "facts.json")) as file:
        facts = json.load(file)
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    copies = measure_copies()
    table.add("bench: copies", True, f"{copies / 1e9:.0f} GB/s read and written")
    model = os.path.join(scratch, "bench.fathom")
    make_weights(model, facts)
    for prompt in (16, 1024):
        done = run("cuda", "fathom-step-time", model, prompt, 64)
        if done.returncode:
            table.add(f"bench: {prompt} tokens", False, done.stderr.strip())
            continue
        load, first, step = map(float, done.stdout.split())
        rate = bytes_of_step(facts, config) / step
        table.add(f"bench: {prompt} tokens", True,
                  f"load {load:.1f} s; prompt {prompt / first:.0f} tokens/s; step {step * 1e3:.3f} ms, "
                  f"{rate / 1e9:.0f} GB/s of weights, {rate / copies:.2f} of copies")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", action="store_true", help="measure as well: needs room for the model on disk")
    parser.add_argument("--suite", default=SUITE, help="which tests of the suite, as --gtest_filter")
    parser.add_argument("-o", "--output", help="the table as JSON")
    arguments = parser.parse_args()
    find_driver()
    table = Table()
    card = describe_gpu()
    print(f"{time.strftime('%Y-%m-%d')}, {card}")
    check_suite(table, arguments.suite)
    with tempfile.TemporaryDirectory(dir=HERE) as scratch:
        for name in sorted(os.listdir(os.path.join(HERE, "models"))):
            check_model(table, name, scratch)
        if arguments.bench:
            bench(table, scratch)
    print(f"{len(table.rows)} rows, {table.failed} failed")
    if arguments.output:
        with open(arguments.output, "w") as file:
            json.dump({"date": time.strftime("%Y-%m-%d"), "card": card, "rows": table.rows}, file, indent=1)
    return table.failed > 0


if __name__ == "__main__":
    sys.exit(main())
