# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The model that is measured: a released shape, random weights and a tokenizer."""

import json
import lzma
import os
import shutil

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CONFIGS = os.path.join(FIXTURES, "models", "configs")
TOKENIZER = os.path.join(FIXTURES, "tokenizer", "fixtures", "deepseek-v3")
# Rows of the embedding that this tokenizer's own model has.
TOKENIZER_ROWS = 129280


def shapes():
    """The names of the released configurations that are there."""
    return sorted(name.removesuffix(".json") for name in os.listdir(CONFIGS) if name.endswith(".json"))


def make_config(shape, layers, experts):
    """The shape's config.json with the tokenizer's vocabulary, and with other numbers of layers and of routed experts
    where they are not None."""
    with open(os.path.join(CONFIGS, shape + ".json"), encoding="utf-8") as stream:
        config = json.load(stream)
    config.update(vocab_size=max(config["vocab_size"], TOKENIZER_ROWS), bos_token_id=0, eos_token_id=1)
    if layers is not None:
        config["num_hidden_layers"] = layers
    if experts is not None:
        config["n_routed_experts"] = experts
    return config


def weight_bytes(facts):
    """Bytes of weights that one token reads, and of the model: (active, all). `facts`: `fathom inspect --json` of the
    checkpoint. A token reads one row of an embedding that is not the head as well; that row is left out."""
    active = everything = 0
    for weight in facts["weights"]:
        everything += weight["size_bytes"]
        if weight["experts"] > 0:
            active += weight["size_bytes"] * facts["model"]["num_experts_per_tok"] // weight["experts"]
        elif weight["part"] != "embed_tokens" or facts["model"]["tie_word_embeddings"]:
            active += weight["size_bytes"]
    return active, everything


def make_checkpoint(fathom, folder, config, seed):
    """Writes config.json, weights and tokenizer to folder/checkpoint; returns that path."""
    os.makedirs(folder, exist_ok=True)
    config_file = os.path.join(folder, "config.json")
    with open(config_file, "w", encoding="utf-8") as stream:
        json.dump(config, stream, indent=2)
    checkpoint = os.path.join(folder, "checkpoint")
    fathom.generate(config_file, checkpoint, seed)
    shutil.copy(os.path.join(TOKENIZER, "tokenizer_config.json"), checkpoint)
    with lzma.open(os.path.join(TOKENIZER, "tokenizer.json.xz")) as packed:
        with open(os.path.join(checkpoint, "tokenizer.json"), "wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    return checkpoint
