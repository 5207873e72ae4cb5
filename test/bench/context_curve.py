# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures what a decode step costs over the length of the context: DeepSeek-V3.2's attention beside the same without sparsity.

usage: context_curve.py [--fathom PATH] [--folder DIR] [--depths LIST] [--svg FILE] [--cache-type TYPE] [--small] [OPTIONS of bench]

Two layers of random weights with V3.2's attention (128 heads over 512 + 64 numbers, 64 index heads of 128, the best 2048),
a narrow feed-forward part and few words, so that what grows with the context is seen; and DeepSeek-V3 of the same shape.
Takes 2 GB of disk and 3 GB of memory, and some minutes. --small tries the program itself, with attention of no size.
"""

import argparse
import json
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODELS = os.path.join(ROOT, "test", "models", "configs")
RELEASED = os.path.join(MODELS, "deepseek-v3.2-671b.json")
SHAPE = {"num_hidden_layers": 2, "first_k_dense_replace": 2, "num_nextn_predict_layers": 0, "intermediate_size": 2048,
         "vocab_size": 1024}
SMALL = {"hidden_size": 128, "num_attention_heads": 2, "num_key_value_heads": 2, "index_n_heads": 2, "index_topk": 64,
         "q_lora_rank": 64, "intermediate_size": 128}
DENSE = {"model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"]}
UNITS = {"k": 1000, "K": 1024}


def configurations(small):
    """config.json of the sparse model and of its dense twin."""
    with open(RELEASED, encoding="utf-8") as file:
        sparse = json.load(file) | SHAPE | (SMALL if small else {})
    dense = {key: value for key, value in sparse.items() if not key.startswith("index_")} | DENSE
    return {"sparse": sparse, "dense": dense}


def deepest(depths):
    return max(int(depth.rstrip("kK")) * UNITS.get(depth[-1], 1) for depth in depths.split(","))


def make(fathom, folder, name, config, context, options=(), gen=()):
    """Generates and compiles a model, unless its artifact is there."""
    path, checkpoint, artifact = (os.path.join(folder, name + suffix) for suffix in (".json", "", ".fathom"))
    if not os.path.exists(artifact):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        subprocess.run([fathom, "gen", "--config=" + path, "-o", checkpoint, *gen], check=True)
        subprocess.run([fathom, "compile", checkpoint, "-o", artifact, f"--max-context={context}", "--no-tokenizer", *options],
                       check=True)
    return artifact


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fathom", default=os.path.join(ROOT, "build", "release", "bin", "fathom"))
    parser.add_argument("--folder", help="where models are made and kept (default: a temporary one)")
    parser.add_argument("--depths", default="1k,4k,16k,64k")
    parser.add_argument("--svg", help="where to draw the curve")
    parser.add_argument("--cache-type", help="as of fathom compile")
    parser.add_argument("--small", action="store_true", help="models of no size")
    arguments, bench = parser.parse_known_args()
    options = ["--cache-type=" + arguments.cache_type] if arguments.cache_type else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or temporary
        os.makedirs(folder, exist_ok=True)
        models = [make(arguments.fathom, folder, name, config, deepest(arguments.depths) + 1024, options)
                  for name, config in configurations(arguments.small).items()]
        svg = ["--svg=" + arguments.svg] if arguments.svg else []
        subprocess.run([arguments.fathom, "bench", *models, "-p", "0", "-n", "8", "-d", arguments.depths, *svg, *bench], check=True)


if __name__ == "__main__":
    main()
