# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures what drafts cost a model that does not fit into caches: four layers of DeepSeek-V3's kind and one that drafts.

usage: draft_cost.py [--fathom PATH] [--folder DIR] [--dtype bf16|fp8] [--small] [OPTIONS of bench]

Weights are random, so hardly a draft is right: what a step takes to draft and to verify is as it is for any weights, and so is
the acceptance from which on drafts pay. Takes up to 6 GB of disk and 3 GB of memory. --small tries the program itself.
"""

import argparse
import json
import os
import subprocess
import tempfile

from context_curve import MODELS, ROOT, make

SHAPE = {"num_hidden_layers": 4, "first_k_dense_replace": 1, "num_nextn_predict_layers": 1, "hidden_size": 2048,
         "intermediate_size": 8192, "moe_intermediate_size": 1408, "n_routed_experts": 32, "n_group": 4, "topk_group": 2,
         "num_experts_per_tok": 4, "num_attention_heads": 16, "num_key_value_heads": 16, "q_lora_rank": 768,
         "vocab_size": 32768}
SMALL = {"hidden_size": 128, "intermediate_size": 128, "moe_intermediate_size": 128, "num_attention_heads": 2,
         "num_key_value_heads": 2, "q_lora_rank": 64, "vocab_size": 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fathom", default=os.path.join(ROOT, "build", "release", "bin", "fathom"))
    parser.add_argument("--folder", help="where the model is made and kept (default: a temporary one)")
    parser.add_argument("--dtype", default="bf16", help="as of fathom gen")
    parser.add_argument("--small", action="store_true", help="a model of no size")
    arguments, bench = parser.parse_known_args()
    with open(os.path.join(MODELS, "deepseek-v3-671b.json"), encoding="utf-8") as file:
        config = json.load(file) | SHAPE | (SMALL if arguments.small else {})
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or temporary
        os.makedirs(folder, exist_ok=True)
        artifact = make(arguments.fathom, folder, "drafting-" + arguments.dtype, config, 1024, gen=["--dtype=" + arguments.dtype])
        for drafts in (1, 2, 4):
            print(f"--draft=mtp:{drafts}", flush=True)
            subprocess.run([arguments.fathom, "bench", artifact, "-p0", f"--draft=mtp:{drafts}", *bench], check=True)


if __name__ == "__main__":
    main()
