#!/usr/bin/env python3
# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the fixtures of these tests from full tokenizers.

  make_fixtures.py minify DIR OUT              tokenizer.json without white space; every other file as it is
  make_fixtures.py added DIR BASE OUT          a tokenizer that shares BASE's model and pipeline: only its added tokens
  make_fixtures.py reduce DIR OUT              the tokens that DIR/golden.jsonl reaches, renumbered without gaps

DIR and BASE hold tokenizer.json, tokenizer_config.json and golden.jsonl.
"""

import json
import pathlib
import shutil
import sys


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def dump(value, path):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def copy_others(source, out, names):
    for name in names:
        if (source / name).exists():
            shutil.copyfile(source / name, out / name)


def minify(source, out):
    dump(load(source / "tokenizer.json"), out / "tokenizer.json")
    copy_others(source, out, ["tokenizer_config.json", "golden.jsonl", "chat.jsonl"])


def added(source, base, out):
    mine, other = load(source / "tokenizer.json"), load(base / "tokenizer.json")
    tokens = mine.pop("added_tokens")
    other.pop("added_tokens")
    if mine != other:
        sys.exit(f"{source} and {base} differ in more than added tokens")
    dump(tokens, out / "added_tokens.json")
    copy_others(source, out, ["tokenizer_config.json", "golden.jsonl"])


def parents_of(merges):
    """For each token the merges that make it."""
    made = {}
    for left, right in merges:
        made.setdefault(left + right, []).append((left, right))
    return made


def reachable(vocabulary, merges, ids):
    """The tokens with `ids`, the single bytes, and all that merging goes through on the way to them."""
    names = {i: token for token, i in vocabulary.items()}
    made = parents_of(merges)
    todo = [names[i] for i in ids if i in names] + [token for token in vocabulary if token not in made]
    kept = set()
    while todo:
        token = todo.pop()
        if token in kept:
            continue
        kept.add(token)
        for pair in made.get(token, []):
            todo.extend(pair)
    return kept


def reduce(source, out):
    tokenizer = load(source / "tokenizer.json")
    model = tokenizer["model"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    lines = [json.loads(line) for line in (source / "golden.jsonl").read_text(encoding="utf-8").split("\n") if line]
    used = {i for line in lines for i in line["ids"]}
    kept = reachable(model["vocab"], merges, used)
    vocabulary = sorted((i, token) for token, i in model["vocab"].items() if token in kept)
    extra = sorted((token for token in tokenizer["added_tokens"]), key=lambda token: token["id"])
    numbers = {}
    for old in [i for i, _ in vocabulary] + [token["id"] for token in extra]:
        numbers.setdefault(old, len(numbers))
    model["vocab"] = {token: numbers[i] for i, token in vocabulary}
    # A merge of kept tokens to a dropped one never wins in the goldens' texts: its result is in none of them, and no
    # token that is reached goes through it. Without it the others go on as before only where that holds, so the
    # goldens below are checked by the tests themselves.
    model["merges"] = [list(m) for m in merges if m[0] + m[1] in kept]
    for token in extra:
        token["id"] = numbers[token["id"]]
    tokenizer["added_tokens"] = extra
    for line in lines:
        line["ids"] = [numbers[i] for i in line["ids"]]
    dump(tokenizer, out / "tokenizer.json")
    with open(out / "golden.jsonl", "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")
    copy_others(source, out, ["tokenizer_config.json"])


def main(arguments):
    commands = {"minify": (minify, 2), "added": (added, 3), "reduce": (reduce, 2)}
    if not arguments or arguments[0] not in commands or len(arguments) - 1 != commands[arguments[0]][1]:
        sys.exit(__doc__)
    paths = [pathlib.Path(argument) for argument in arguments[1:]]
    paths[-1].mkdir(parents=True, exist_ok=True)
    commands[arguments[0]][0](*paths)


if __name__ == "__main__":
    main(sys.argv[1:])
