# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""How fast a GPU is, and what its kernels are beside that: what check.py --bench prints."""

import ctypes
import json
import statistics
import time

# Parts of the speed of copies that are wished for: of a step of one sequence, and of attention and products of its few rows.
STEP_TARGET, KERNEL_TARGET = 0.6, 0.75


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


def bytes_of_step(facts, config):
    """Weights that a step of one token reads: of routed experts those that it chose."""
    chosen = config.get("num_experts_per_tok") or 0
    return sum(weight["size_bytes"] * (chosen / weight["experts"] if weight["experts"] else 1) for weight in facts["step"])


def beside_copies(rate, copies, target=None):
    met = "" if target is None else f", the wished {target} is {'met' if rate / copies >= target else 'not met'}"
    return f"{rate / copies:.2f} of copies{met}"


def read_trace(path):
    """(call, kernel, rows, seconds) of each launch."""
    with open(path) as file:
        events = json.load(file)
    call, launches = None, []
    for event in events:
        if event["ph"] != "X":
            continue
        if "layer" not in event["args"]:
            call = event["name"]
        else:
            launches.append((call, event["name"], event["args"]["items"], event["dur"] * 1e-6))
    return launches


def median_times(launches, call):
    """Of each kernel of a kind of call, rows and the median of its seconds; of chunks of a prompt those of most rows."""
    times = {}
    for of, kernel, rows, seconds in launches:
        if of == call and seconds > 0:
            times.setdefault(kernel, {}).setdefault(rows, []).append(seconds)
    return {kernel: (max(rows), statistics.median(rows[max(rows)])) for kernel, rows in times.items()}


def find_facts(facts, kernels):
    """What is known of kernels: of the variant that the GPU ran."""
    for variant in facts["variants"]:
        if all(kernel in variant for kernel in kernels):
            return variant
    raise LookupError(f"no variant has all of the kernels {', '.join(kernels)}")


def time_torch(rows, outputs, depth):
    """Seconds of a product of bf16; weights are others each time, as those of layers are."""
    import torch
    x = torch.randn(rows, depth, dtype=torch.bfloat16, device="cuda")
    weights = [torch.randn(outputs, depth, dtype=torch.bfloat16, device="cuda")
               for _ in range(1 + (256 << 20) // (2 * outputs * depth))]
    times = []
    for i in range(3 + max(20, len(weights))):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        torch.nn.functional.linear(x, weights[i % len(weights)])
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1e-3)
    return statistics.median(times[3:])


def compare_with_torch(rows, outputs, depth, seconds):
    try:
        return f"{time_torch(rows, outputs, depth) / seconds:.2f} of the speed of torch"
    except ImportError:
        return "torch is not here"
    except Exception as error:
        return f"torch failed: {error}"


def describe_prompt_product(product, rows, seconds, chosen):
    """Each row is multiplied once for every expert that it chose."""
    products = chosen if product["experts"] else 1
    speed = f"{2 * rows * products * product['outputs'] * product['depth'] / seconds / 1e12:.1f} TFLOP/s"
    return speed if product["experts"] else f"{speed}, {compare_with_torch(rows, product['outputs'], product['depth'], seconds)}"


def describe_step_product(product, rows, seconds, chosen, copies):
    """Rows may have chosen the same experts."""
    if not product["experts"]:
        rate = product["bytes"] / seconds
        return f"{rate / 1e9:.0f} GB/s of weights, {beside_copies(rate, copies, KERNEL_TARGET)}"
    experts = min(product["experts"], rows * chosen)
    rate = product["bytes"] * experts / product["experts"] / seconds
    return f"{rate / 1e9:.0f} GB/s of at most {experts} experts, {beside_copies(rate, copies)}"


def add_products(table, model, launches, call, copies):
    """A row for each product of matrices that a kind of call has."""
    times = median_times(launches, call)
    known = find_facts(model.facts, times)
    for kernel, (rows, seconds) in times.items():
        product = known[kernel]
        if "bytes" not in product:
            continue
        chosen = model.config.get("num_experts_per_tok") or 0
        speed = (describe_prompt_product(product, rows, seconds, chosen) if call.startswith("prefill")
                 else describe_step_product(product, rows, seconds, chosen, copies))
        table.add(f"bench: {call} {product['op']} {rows}x{product['outputs']}x{product['depth']}", True,
                  f"{kernel}: {seconds * 1e6:.1f} us, {speed}")


def describe_attention(facts, launches, sequences, positions, copies):
    """Decode attention of all layers alike, with what combines its parts, where it has parts."""
    times = median_times(launches, "decode")
    known = find_facts(facts, times)
    kernels = {kernel: seconds for kernel, (_, seconds) in times.items()
               if known[kernel]["op"] in ("mla_latent_attention", "mla_latent_partials", "attention_combine")}
    if not kernels:
        raise LookupError(f"no kernel attends to latents among {', '.join(times)}")
    seconds = sum(kernels.values())
    rate = sequences * positions * facts["row_bytes"] / seconds
    return f"{', '.join(kernels)}: {seconds * 1e6:.1f} us, {rate / 1e9:.0f} GB/s of the cache, {beside_copies(rate, copies, KERNEL_TARGET)}"
