# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Checkpoints whose tokenizer is wrong. Every class of mistake once through the driver; test/tokenizer has the rows of each.
"""

import json
import os

import support
from support import BAD_INPUT, IO, UNSUPPORTED, write


class Tokenizer(support.DriverTest):
    def fails_with(self, text, *words, code=BAD_INPUT):
        folder = self.copy_checkpoint(support.speaking_checkpoint())
        write(os.path.join(folder, "tokenizer.json"), text)
        self.fails_to_compile(code, folder, "tokenizer.json", *words)
        self.fails(code, "tokenize", folder, words=("tokenizer.json", *words), stdin=b"a")

    def edited(self, edit):
        value = json.loads(support.read(os.path.join(support.speaking_checkpoint(), "tokenizer.json")))
        edit(value)
        return json.dumps(value)

    def test_text_that_is_no_object(self):
        for text in (b"", b"[]", b"{", b"[" * 100000, b"\xff\xfe"):
            with self.subTest(text=text[:5]):
                self.setUp()
                self.fails_with(text)

    def test_all_findings_at_once(self):
        def edit(value):
            vocabulary = value["model"]["vocab"]
            first, second, third = list(vocabulary)[-3:]
            vocabulary[first], vocabulary[second], vocabulary[third] = -1, 2**31, 0
            value["added_tokens"].append({**value["added_tokens"][0], "content": "", "id": 5000})
        self.fails_with(self.edited(edit), "-1", "2147483648", "added_tokens")

    def test_merges_of_unknown_tokens(self):
        self.fails_with(self.edited(lambda value: value["model"]["merges"].append("qqqq zzzz")), "qqqq")

    def test_patterns_are_data(self):
        def edit(value):
            value["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a+)+$"
        self.fails_with(self.edited(edit), "(a+)+$", code=UNSUPPORTED)

    def test_a_model_may_do_without(self):
        folder = self.copy_checkpoint(support.speaking_checkpoint())
        write(os.path.join(folder, "tokenizer.json"), '{"model": {"type": "Unigram"}}')
        self.fails_to_compile(UNSUPPORTED, folder, "Unigram", "--no-tokenizer")
        support.make("compile", folder, "--no-tokenizer", "-o", self.path("ids.fathom"))
        support.make("run", self.path("ids.fathom"), "--token-ids=1", "-n1", "--output=token-ids")

    def test_more_tokens_than_the_model(self):
        folder = self.copy_checkpoint(support.checkpoint())
        for name in ("tokenizer.json", "tokenizer_config.json"):
            write(os.path.join(folder, name), support.read(os.path.join(support.speaking_checkpoint(), name)))
        self.fails_to_compile(BAD_INPUT, folder, "tokenizer.json", "320")

    def test_ends_that_differ_from_the_model_are_named(self):
        folder = self.copy_checkpoint(support.speaking_checkpoint())
        write(os.path.join(folder, "generation_config.json"), '{"bos_token_id": 5, "eos_token_id": [6, 7]}')
        result = support.run("compile", folder, "--emit=deepseek", "-o", self.path("model.mlir"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_message(result, ("warning", "bos_token", "say 5; prompts begin with the tokenizer's"))
        self.assert_message(result, ("warning", "eos_token", "say 6, 7; generation ends at those only"))

    def test_files_that_are_none(self):
        folder = self.copy_checkpoint(support.speaking_checkpoint())
        path = os.path.join(folder, "tokenizer.json")
        os.unlink(path)
        self.fails(IO, "tokenize", folder, words=("tokenizer.json",))
        os.mkfifo(path)
        self.fails(IO, "tokenize", folder, words=("tokenizer.json", "pipe"))
        self.fails_to_compile(IO, folder, "tokenizer.json", "pipe")
        os.unlink(path)
        os.symlink("nowhere", path)
        self.fails_to_compile(IO, folder, "tokenizer.json", "No such file")


if __name__ == "__main__":
    support.main()
