#!/usr/bin/env python3
# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the fixtures of these tests from full tokenizers.

  make_fixtures.py pack DIR OUT                tokenizer.json without white space, compressed; every other file as it is
  make_fixtures.py added DIR BASE OUT          a tokenizer that shares BASE's model and pipeline: only its added tokens,
                                               compressed
  make_fixtures.py reduce DIR OUT              the tokens that DIR/golden.jsonl reaches, renumbered without gaps
  make_fixtures.py small NAME DIR OUT          NAME's pipeline as released, around a small vocabulary and golden ids made
                                               here, from the texts of DIR/golden.jsonl, with the tokenizers library

DIR and BASE hold tokenizer.json, tokenizer_config.json and golden.jsonl, which OUT has compressed. NAME is llama3, deepseek-llm (also DeepSeekMoE
and V2) or deepseek-coder.
"""

import json
import lzma
import pathlib
import re
import shutil
import sys


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def text_of(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def dump(value, path):
    path.write_text(text_of(value), encoding="utf-8")


def copy_others(source, out, names):
    for name in names:
        if (source / name).exists():
            shutil.copyfile(source / name, out / name)


def compress(text, path):
    with lzma.open(path, "wb", preset=9 | lzma.PRESET_EXTREME) as file:
        file.write(text.encode("utf-8"))


def compress_golden(source, out):
    compress((source / "golden.jsonl").read_text(encoding="utf-8"), out / "golden.jsonl.xz")


def pack(source, out):
    compress(text_of(load(source / "tokenizer.json")), out / "tokenizer.json.xz")
    compress_golden(source, out)
    copy_others(source, out, ["tokenizer_config.json", "chat.jsonl"])


def added(source, base, out):
    mine, other = load(source / "tokenizer.json"), load(base / "tokenizer.json")
    tokens = mine.pop("added_tokens")
    other.pop("added_tokens")
    if mine != other:
        sys.exit(f"{source} and {base} differ in more than added tokens")
    compress(text_of(tokens), out / "added_tokens.json.xz")
    compress_golden(source, out)
    copy_others(source, out, ["tokenizer_config.json"])


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
    compress("".join(json.dumps(line) + "\n" for line in lines), out / "golden.jsonl.xz")
    copy_others(source, out, ["tokenizer_config.json"])


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def byte_level():
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def cased_letters():
    """The letters of DeepSeek-LLM's second pattern, from their one place in the tree."""
    source = pathlib.Path(__file__).resolve().parents[2] / "frontend/tokenizer/Patterns.cpp"
    macro = re.search(r"#define CASED_LETTERS.*?\n\n", source.read_text(encoding="utf-8"), re.DOTALL).group()
    escapes = "".join(re.findall(r'"(.*?)"', macro))
    return re.sub(r"\\u(\w{4})|\\U(\w{8})", lambda m: chr(int(m.group(1) or m.group(2), 16)), escapes)


CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def splits_of(name):
    digits = {"type": "Digits", "individual_digits": True}
    return {
        "llama3": lambda: [split(LLAMA3)],
        "deepseek-llm": lambda: [
            split("[\r\n]"),
            split(rf"\s?[{cased_letters()}]+"),
            split(r"\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+".encode().decode("raw_unicode_escape")),
            split(r"\s+$"),
            split(CJK),
            digits,
        ],
        "deepseek-coder": lambda: [split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(CJK), digits],
    }[name]()


def pipeline(name):
    """tokenizer.json around an empty model."""
    bos, eos = ("<|begin_of_text|>", "<|eot_id|>") if name == "llama3" else ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>")
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": name != "llama3", "special": True}
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {bos: {"id": bos, "ids": [0], "tokens": [bos]}},
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": 0, "content": text, **flags} for text in (bos, eos)],
        "normalizer": None if name == "llama3" else {"type": "Sequence", "normalizers": []},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*splits_of(name), byte_level()]},
        "post_processor": template if name == "llama3" else byte_level(),
        "decoder": byte_level(),
        "model": {"type": "BPE", "ignore_merges": name == "llama3", "vocab": {}, "merges": []},
    }


def train(tokenizer, texts):
    """Fills the model with the bytes and the most frequent merges of `texts`; a few words get no merge of their own."""
    from tokenizers import Tokenizer, pre_tokenizers, trainers

    library = Tokenizer.from_str(json.dumps({**tokenizer, "added_tokens": [], "post_processor": None}))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    library.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=900, initial_alphabet=alphabet, show_progress=False))
    model = json.loads(library.to_str())["model"]
    model["ignore_merges"] = tokenizer["model"]["ignore_merges"]
    words = [token for token in model["vocab"] if len(token) > 4 and token.isascii()][::3] if model["ignore_merges"] else []
    model["merges"] = [pair for pair in model["merges"] if "".join(pair) not in words]
    reachable_parts = [pair for pair in model["merges"] if all(part not in words for part in pair)]
    tokenizer["model"] = {**model, "merges": reachable_parts}
    for token in tokenizer["added_tokens"]:
        token["id"] = len(model["vocab"]) + tokenizer["added_tokens"].index(token)
    if tokenizer["post_processor"]["type"] == "TemplateProcessing":
        [special] = tokenizer["post_processor"]["special_tokens"].values()
        special["ids"] = [tokenizer["added_tokens"][0]["id"]]


def small(name, source, out):
    from tokenizers import Tokenizer

    lines = (source / "golden.jsonl").read_text(encoding="utf-8").split("\n")
    texts = [json.loads(line)["text"] for line in lines if line]
    tokenizer = pipeline(str(name))
    train(tokenizer, texts)
    dump(tokenizer, out / "tokenizer.json")
    library = Tokenizer.from_file(str(out / "tokenizer.json"))
    extra = ["I'M you'Re he'LL it'\u017f we'\u017fve 'D'VE'", "1234567 \u0662\u0663\u0664\u0665 \u2167", "  \r\n \n\t x  "]
    golden = ""
    for text in extra + texts[::3]:
        ids = library.encode(text, add_special_tokens=False).ids
        golden += json.dumps({"text": text, "ids": ids, "decoded": library.decode(ids, skip_special_tokens=False)}) + "\n"
    compress(golden, out / "golden.jsonl.xz")
    bos, eos = (token["content"] for token in tokenizer["added_tokens"])
    config = {"add_bos_token": True, "bos_token": bos, "eos_token": eos}
    dump(config, out / "tokenizer_config.json")


def main(arguments):
    commands = {"pack": (pack, 2), "added": (added, 3), "reduce": (reduce, 2), "small": (small, 3)}
    if not arguments or arguments[0] not in commands or len(arguments) - 1 != commands[arguments[0]][1]:
        sys.exit(__doc__)
    paths = [pathlib.Path(argument) for argument in arguments[1:]]
    paths[-1].mkdir(parents=True, exist_ok=True)
    commands[arguments[0]][0](*paths)


if __name__ == "__main__":
    main(sys.argv[1:])
