# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Conversations: how they go on, and the chat format that a checkpoint is given."""

import json
import os

import support
from support import BAD_INPUT, UNSUPPORTED, USAGE, make, write

CONTEXT = 128
HELLO = b'[{"role": "user", "content": "Hello"}]\n'
CHATML = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


class Chat(support.DriverTest):
    def test_a_conversation_that_outgrows_the_context(self):
        lines = b"".join(b"word " * 12 + b"\n" for _ in range(20))
        result = support.run("chat", support.artifact(), "-n4", "--ignore-eos", stdin=lines)
        self.assertEqual(result.returncode, BAD_INPUT)
        self.assert_message(result, (str(CONTEXT),))
        self.assertTrue(result.stdout)

    def test_the_penalty_counts_the_whole_conversation(self):
        greedy = ("--temperature=0", "--repetition-penalty=0.5", "-n6", "--ignore-eos")
        first = "the king and the queen"
        answers = make("chat", support.artifact(), *greedy, stdin=f"{first}\nWho\n".encode()).stdout.decode().split("\n")
        conversation = [{"role": "user", "content": first}, {"role": "assistant", "content": answers[0]},
                        {"role": "user", "content": "Who"}]
        tokens = make("tokenize", support.artifact(), "--chat", stdin=(json.dumps(conversation) + "\n").encode()).stdout
        alone = make("run", support.artifact(), "--token-ids=" + ",".join(map(str, json.loads(tokens))), *greedy).stdout
        self.assertEqual(answers[1] + "\n", alone.decode())

    def test_odd_lines(self):
        make("chat", support.artifact(), "-n1", stdin=b"\n\r\n\xff\xfe\na\0b\nno end")



class Format(support.DriverTest):
    def template(self, text):
        """A checkpoint that talks, with another template."""
        folder = self.copy_checkpoint(support.speaking_checkpoint())
        write(os.path.join(folder, "chat_template.jinja"), text)
        return folder

    def prompt(self, model, *options):
        return json.loads(make("tokenize", model, "--chat", "--text", *options, stdin=HELLO).stdout)

    def test_a_format_takes_the_place_of_a_template(self):
        for template in ("own", "{% include 'x' %}"):
            folder = self.template(template)
            make("compile", folder, "-o", self.path("model"), "--chat-format=chatml")
            self.assertEqual(self.prompt(self.path("model")), CHATML)
            os.remove(os.path.join(folder, "chat_template.jinja"))
            os.rename(folder, self.path(template[:3]))

    def test_a_template_that_cannot_be_compiled_has_a_way_out(self):
        folder = self.template("a\n{% include 'x' %}")
        self.fails(UNSUPPORTED, "compile", folder, "-o", self.path("model"),
                   words=("line 2, column 4", "--chat-format=NAME"))
        make("compile", folder, "-o", self.path("model"), "--chat-format=none")
        self.fails(UNSUPPORTED, "chat", self.path("model"), "-p", "a", words=("no chat template", "--chat-format"))
        make("run", folder, "-p", "a", "-n1", "--chat-format=none")
        make("chat", folder, "-p", "a", "-n1", "--chat-format=deepseek-v3")

    def test_formats_without_effect_are_refused(self):
        model = self.path("model")
        self.refused("compile", support.speaking_checkpoint(), "-o", model, "--chat-format=no", words=("none|chatml",))
        self.refused("compile", support.speaking_checkpoint(), "-o", model, "--emit=fuse", "--chat-format=chatml",
                     words=("--emit=fuse",))
        self.refused("compile", support.checkpoint(), "-o", model, "--chat-format=chatml", words=("tokenizer.json",))
        for verb in (["run"], ["chat"], ["tokenize", "--chat"]):
            self.refused(*verb, support.artifact(), "--chat-format=chatml", words=("acts when a checkpoint is compiled",))

    def refused(self, *arguments, words):
        self.fails(USAGE, *arguments, words=words)


if __name__ == "__main__":
    support.main()
