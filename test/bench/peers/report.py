# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""From measurements to ratios, and to text."""

import statistics

# Above this part of the processors' time that others used, ratios say little: an engine whose threads spin while they
# wait for each other loses more than one whose threads sleep.
MUCH = 0.05


def summarize(rounds):
    """Medians, ratios and fractions of the machine. `rounds`: pairs of measurements (llama.cpp, Fathom)."""
    def median(engine, key):
        return statistics.median(pair[engine][key] for pair in rounds)

    def fraction(engine, which, work, speed):
        # Of each round's own machine: its speed changes too.
        return statistics.median(pair[engine][which] * pair[1][work] / pair[1][speed] for pair in rounds)

    result = {"rounds": len(rounds)}
    for key in ("read_bytes_per_second", "weight_bytes_per_step", "fma_flops", "prefill_flops_per_token"):
        result[key] = median(1, key)
    for engine, name in enumerate(("llama.cpp", "fathom")):
        result[name] = {
            "prefill": median(engine, "prefill"),
            "decode": median(engine, "decode"),
            "prefill_fma_fraction": fraction(engine, "prefill", "prefill_flops_per_token", "fma_flops"),
            "decode_bandwidth_fraction": fraction(engine, "decode", "weight_bytes_per_step", "read_bytes_per_second"),
        }
    for which in ("prefill", "decode"):
        ratios = [fathom[which] / llama[which] for llama, fathom in rounds]
        result[which + "_ratio"] = result["fathom"][which] / result["llama.cpp"][which]
        result[which + "_ratio_least"], result[which + "_ratio_most"] = min(ratios), max(ratios)
        fastest = [max(pair[engine][which] for pair in rounds) for engine in (0, 1)]
        result[which + "_ratio_of_fastest"] = fastest[1] / fastest[0]
    return result


def format_report(report):
    """The text that is printed."""
    machine, model, agreement, result = (report[key] for key in ("machine", "model", "agreement", "result"))
    options = report["options"]
    lines = [
        f"machine    {machine['processor']}, {machine['cores']} cores, {' '.join(machine['vectors'])}",
        f"           others used {100 * machine['others']:.0f} % of it meanwhile"
        + (": TOO MUCH to compare" if machine["others"] > MUCH else "") + f"; load {machine['load']} at the end",
        f"fathom     {' / '.join(report['fathom'].splitlines())}; activations {options['act_type']}",
        f"llama.cpp  {report['llama.cpp']}",
        f"model      {model['shape']} with {model['layers']} layers"
        + (f", {model['experts']} experts a layer" if model["experts"] else "")
        + f", vocabulary {model['vocabulary']}, bf16, random (seed {model['seed']})",
        f"           {model['active_bytes'] / 1e9:.2f} GB of weights active a token, of {model['bytes'] / 1e9:.2f} GB; "
        f"read a step: {result['weight_bytes_per_step'] / 1e9:.2f} GB",
        f"measured   {result['rounds']} rounds in turns, {options['threads']} threads, prompt {options['prompt']}, "
        f"{options['tokens']} tokens, median of {options['repetitions']} a round",
        f"           {result['read_bytes_per_second'] / 1e9:.1f} GB/s read, "
        f"{result['fma_flops'] / 1e9:.0f} GFLOP/s f32",
        f"same model best token {'equal' if agreement['same_best_token'] else 'DIFFERENT'}, cosine of logits "
        f"{agreement['cosine']:.6f}, largest difference {agreement['largest_difference']:.4f} "
        f"of {agreement['largest_logit']:.2f}",
        "",
        f"{'tokens/s':10} {'llama.cpp':>10} {'fathom':>10}   {'fathom/llama.cpp':22} {'fastest':>8}   "
        "used: llama.cpp, fathom",
    ]
    for which, fraction, of in (("prefill", "prefill_fma_fraction", "f32 peak"),
                                ("decode", "decode_bandwidth_fraction", "read bandwidth")):
        llama, fathom = result["llama.cpp"], result["fathom"]
        spread = f"({result[which + '_ratio_least']:.2f} to {result[which + '_ratio_most']:.2f})"
        lines.append(f"{which:10} {llama[which]:10.2f} {fathom[which]:10.2f} {result[which + '_ratio']:8.2f} "
                     f"{spread:15} {result[which + '_ratio_of_fastest']:8.2f}   {100 * llama[fraction]:.0f} %, "
                     f"{100 * fathom[fraction]:.0f} % of {of}")
    return "\n".join(lines)
