# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures what Fathom promises of compile time, memory and executables, and prints each beside its bound.

usage: promises.py [--fathom PATH] [--json] [--check] [compile] [gpu] [released] [packing] [executable]

Nothing fails on a slow machine: seconds are for people, and --check looks at sizes alone. Speed of models is
`fathom bench` and test/bench/peers.
"""

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODELS = os.path.join(ROOT, "test", "models")
ROUNDS = 5
MIB = 1 << 20
# Units of what does not depend on how fast a machine is.
SIZES = ("MiB", "MB")


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def measure(*command):
    """Processor seconds, wall seconds and peak resident bytes of a command and its children."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"error: {' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss * 1024


def own_memory(pid):
    """Resident bytes of a process and its children, without pages of files; 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            fields = dict(re.findall(r"(\w+):\s*(\d+) kB", file.read()))
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            children = file.read().split()
    except OSError:
        return 0
    own = 1024 * (int(fields.get("RssAnon", 0)) + int(fields.get("RssShmem", 0)))
    return own + sum(own_memory(child) for child in children)


def watch_memory(*command):
    """The most that `own_memory` said while a command ran."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, own_memory(process.pid))
        time.sleep(0.002)
    return most


def gen_command(fathom, folder, name, *options, **changes):
    """What makes `folder`/checkpoint: random, of a released configuration with some values changed."""
    with open(os.path.join(MODELS, "configs", name + ".json"), encoding="utf-8") as file:
        config = json.load(file) | changes
    path, checkpoint = os.path.join(folder, "config.json"), os.path.join(folder, "checkpoint")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    shutil.rmtree(checkpoint, ignore_errors=True)
    return [fathom, "gen", "--config=" + path, "-o", checkpoint, *options]


def generate(fathom, folder, name, *options, **changes):
    run(*gen_command(fathom, folder, name, *options, **changes))
    return os.path.join(folder, "checkpoint")


def measure_compile(fathom, folder, report):
    for name in sorted(name for name in os.listdir(MODELS) if name.endswith("-tiny")):
        command = (fathom, "compile", os.path.join(MODELS, name), "-o", os.path.join(folder, "model"))
        seconds = statistics.median(measure(*command)[1] for _ in range(ROUNDS))
        report(f"compile: {name}", "s", seconds, 1)

    def compile_layers(name, layers):
        checkpoint = generate(fathom, folder, name, "--headers-only", num_hidden_layers=layers)
        return measure(fathom, "compile", checkpoint, "-o", os.path.join(folder, "model"), "--weights=reference")

    for model, name in (("DeepSeek-V3 671B", "deepseek-v3-671b"), ("DeepSeek-V3.2 671B", "deepseek-v3.2-671b")):
        few, many = [], []
        for _ in range(ROUNDS):
            few.append(compile_layers(name, 8))
            many.append(compile_layers(name, 61))
        ratio = statistics.median(m[0] for m in many) / statistics.median(f[0] for f in few)
        report(f"compile: {model}, processor time of 61 layers over that of 8", "times", ratio, 1.2)
        report(f"compile: {model}", "s", statistics.median(m[1] for m in many), 10)
        report(f"compile: {model}, resident", "MiB", max(m[2] for m in many) / MIB, 1024)


def measure_gpu(fathom, folder, report):
    """Code for two GPUs, with machine code of each distinct kernel; there is no room for the weights behind it, whose
    700 GB are reserved when all code is there."""
    checkpoint = generate(fathom, folder, "deepseek-v3.2-671b", "--headers-only")
    command = [fathom, "compile", checkpoint, "-o", os.path.join(folder, "model"), "--target=cuda", "--sm=80,90a"]
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, "--cubin=require", "--threads=2"], capture_output=True, text=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30)))
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if "cannot reserve" not in done.stderr:
        raise SystemExit(f"error: {' '.join(command)}: {done.stderr}")
    report("gpu: DeepSeek-V3.2 671B for sm_80 and sm_90a with two threads", "s", seconds, 60)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report("gpu: the same, processor time", "s", processor, 120)


def measure_released(fathom, folder, report):
    """From config.json to an artifact that leaves weights in the checkpoint, for each configuration in test/models."""
    checkpoint, artifact = os.path.join(folder, "checkpoint"), os.path.join(folder, "model")
    for name in sorted(file.removesuffix(".json") for file in os.listdir(os.path.join(MODELS, "configs"))):
        generated = measure(*gen_command(fathom, folder, name, "--headers-only"))
        compiled = measure(fathom, "compile", checkpoint, "-o", artifact, "--weights=reference")
        report(f"released: {name}, gen and compile", "s", generated[1] + compiled[1], 10)
        report(f"released: {name}, resident", "MiB", max(generated[2], compiled[2]) / MIB, 1024)


def measure_packing(fathom, folder, report):
    checkpoint = generate(fathom, folder, "deepseek-v2-lite", num_hidden_layers=3)
    most = watch_memory(fathom, "compile", checkpoint, "-o", os.path.join(folder, "model"))
    report("packing: above the mapped input, 3 layers of V2-Lite", "MiB", most / MIB, 512)


def time_first_byte(command):
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        process.stdout.read(1)
        seconds = time.monotonic() - start
        process.stdout.read()
    return seconds


def measure_executable(fathom, folder, report):
    program, artifact = os.path.join(folder, "story"), os.path.join(folder, "story.fathom")
    run(fathom, "compile", os.path.join(MODELS, "demo"), "-o", program, "--emit=exe")
    run(fathom, "compile", os.path.join(MODELS, "demo"), "-o", artifact)
    runtime = os.path.getsize(program) - os.path.getsize(artifact)
    report("executable: the runtime part", "MB", runtime / 1e6, 2)
    command = [program, "-p", "Once upon a time", "-n", "200", "--temperature=0", "--ignore-eos"]
    report("executable: from exec to the first token", "ms",
           1000 * statistics.median(time_first_byte(command) for _ in range(4 * ROUNDS)), 50)
    report("executable: resident above the mapped weights", "MiB", watch_memory(*command) / MIB, 64)


MEASURES = {
    "compile": measure_compile,
    "gpu": measure_gpu,
    "released": measure_released,
    "packing": measure_packing,
    "executable": measure_executable,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fathom", default=os.path.join(ROOT, "build", "release", "bin", "fathom"))
    parser.add_argument("--json", action="store_true", help="print JSON, a line for each number")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a size is above its bound")
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help="of " + ", ".join(MEASURES) + " (all)")
    options = parser.parse_args()
    unknown = set(options.measures) - set(MEASURES)
    if unknown:
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")

    above = []

    def report(what, unit, value, bound):
        if unit in SIZES and value > bound:
            above.append(what)
        if options.json:
            print(json.dumps({"what": what, "unit": unit, "value": value, "bound": bound}), flush=True)
        else:
            print(f"{what}: {value:.2f} {unit} (bound {bound})", flush=True)

    for name in options.measures or MEASURES:
        with tempfile.TemporaryDirectory() as folder:
            MEASURES[name](os.path.abspath(options.fathom), folder, report)
    if options.check and above:
        raise SystemExit("error: above its bound: " + "; ".join(above))


if __name__ == "__main__":
    main()
