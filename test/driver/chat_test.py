# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Conversations: how they go on, and the chat format that a checkpoint is given."""

import json
import os
import struct

import support
from support import BAD_INPUT, UNSUPPORTED, USAGE, make, read, write

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

    def sparse_checkpoint(self):
        """A DeepSeek-V3.2 as it is released, with a tokenizer that has no template."""
        folder = self.path("v32")
        support.generate(folder, {**support.CONFIG, "vocab_size": 4098, "model_type": "deepseek_v32",
                                  "architectures": ["DeepseekV32ForCausalLM"], "index_n_heads": 2, "index_head_dim": 16,
                                  "index_topk": 64})
        for file in ("tokenizer.json", "tokenizer_config.json"):
            settings = json.loads(read(os.path.join(support.speaking_checkpoint(), file)))
            settings.pop("chat_template", None)
            write(os.path.join(folder, file), json.dumps(settings))
        return folder

    def test_a_model_that_comes_without_a_template_has_the_format_of_its_family(self):
        folder, model, name = self.sparse_checkpoint(), self.path("model"), "--chat-format=deepseek-v3.2"
        result = make("compile", folder, "-o", model)
        self.assertIn(b"fathom: note: ", result.stderr)
        self.assertIn(name.encode(), result.stderr)
        self.assertEqual(self.prompt(model), self.prompt(folder, name))
        make("chat", folder, "-p", "a", "-n1")
        self.assertEqual(make("compile", folder, "-o", self.path("named"), name).stderr, b"")
        self.assertEqual(read(model), read(self.path("named")))

    def test_the_format_of_a_family_gives_way(self):
        folder, model = self.sparse_checkpoint(), self.path("model")
        self.assertEqual(make("compile", folder, "-o", model, "--chat-format=none").stderr, b"")
        self.fails(UNSUPPORTED, "chat", model, "-p", "a", words=("no chat template", "--chat-format=NAME"))
        write(os.path.join(folder, "chat_template.jinja"), "own {{ messages[0].content }}")
        self.assertEqual(make("compile", folder, "-o", model).stderr, b"")
        self.assertEqual(self.prompt(model), "own Hello")

    def test_a_template_that_leaves_the_subset_says_where(self):
        folder = self.template("\n{{ 2 ** 0.5 }}")
        make("compile", folder, "-o", self.path("model"))
        words = ("chat template: line 2, column 4", "not supported")
        self.fails(UNSUPPORTED, "chat", self.path("model"), "-p", "a", "-n1", words=words)
        self.fails(UNSUPPORTED, "chat", folder, "-p", "a", "-n1", words=words)

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


THINK, THOUGHT_ENDS = (4098, "<think>"), (4099, "</think>")
# Tokens of the demo's tokenizer.
KING, SAID, YES, EOS = 500, 362, 1147, 1


def script(tensors, tokens):
    """Makes a model that, whatever was said before, goes on from each of `tokens` with the next: attention and experts add
    nothing to the embedding of a token, which is a unit vector that the head knows.
    """
    for name, (dtype, shape, data) in tensors.items():
        if name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
            tensors[name] = (dtype, shape, bytes(len(data)))
    for name, row in (("model.embed_tokens.weight", 0), ("lm_head.weight", 1)):
        dtype, (_, width), data = tensors[name]
        data = bytearray(data)
        for index in range(len(tokens) - 1):
            unit = [0] * index + [0x3F80] + [0] * (width - index - 1)
            at = tokens[index + row] * width * 2
            data[at:at + width * 2] = struct.pack(f"<{width}H", *unit)
        tensors[name] = (dtype, tensors[name][1], bytes(data))


class Reasoning(support.DriverTest):
    def thinker(self, template, tokens, special=False, options=()):
        """An artifact whose answer is `tokens`, from the end of the prompt on."""
        folder = self.path("thinker")
        support.generate(folder, {**support.CONFIG, "vocab_size": 4100})
        speaking = support.speaking_checkpoint()
        tokenizer = json.loads(support.read(os.path.join(speaking, "tokenizer.json")))
        for token in (THINK, THOUGHT_ENDS):
            tokenizer["added_tokens"].append(
                {**tokenizer["added_tokens"][0], "id": token[0], "content": token[1], "special": special})
        write(os.path.join(folder, "tokenizer.json"), json.dumps(tokenizer))
        write(os.path.join(folder, "chat_template.jinja"), template)
        self.edit_tensors(folder, lambda tensors: script(tensors, [*tokens, EOS]))
        make("compile", folder, "-o", self.path("model"), *options)
        return self.path("model")

    def says(self, *options, stdin=b"Hi\n"):
        return make("chat", self.path("model"), "--temperature=0", *options, stdin=stdin).stdout.decode()

    def check(self, thought="king", answer="Yes"):
        shown = f"<think>\n{thought}\n</think>\n\n{answer}\n"
        self.assertEqual(self.says(), shown)
        self.assertEqual(self.says("--reasoning=hide"), answer + "\n")
        self.assertEqual(self.says("--reasoning=only"), thought + "\n")
        for how, fields in (("show", {"reasoning": thought, "text": answer}), ("hide", {"text": answer}),
                            ("only", {"reasoning": thought})):
            line = json.loads(self.says("--output=json", "--reasoning=" + how))
            self.assertEqual({name: line[name] for name in ("reasoning", "text") if name in line}, fields)
            self.assertEqual(line["stop"], "eos")

    def test_a_thought_is_told_from_the_answer(self):
        user = "{{ messages[-1].content }}" + support.ASSISTANT[1]
        self.thinker(user, [support.ASSISTANT[0], THINK[0], KING, THOUGHT_ENDS[0], YES])
        self.check()

    def test_marks_may_be_special_tokens(self):
        user = "{{ messages[-1].content }}" + support.ASSISTANT[1]
        self.thinker(user, [support.ASSISTANT[0], THINK[0], KING, THOUGHT_ENDS[0], YES], special=True)
        self.check()

    def test_a_prompt_that_begins_the_thought_counts(self):
        self.thinker("{{ messages[-1].content }}<think>", [THINK[0], KING, THOUGHT_ENDS[0], YES])
        self.check()

    def test_deepseek_v32_thinks_where_it_is_told_to(self):
        self.thinker("own", [THINK[0], KING, THOUGHT_ENDS[0], YES], options=["--chat-format=deepseek-v3.2"])
        self.assertEqual(self.says("--think"), "<think>\nking\n</think>\n\nYes\n")
        self.assertEqual(self.says("--no-think"), "Yes\n")
        self.assertEqual(self.says(), "Yes\n")

    def test_an_executable_does_it_too(self):
        if support.SANITIZED:
            return
        self.thinker("{{ messages[-1].content }}<think>", [THINK[0], KING, THOUGHT_ENDS[0], YES])
        make("compile", self.path("thinker"), "-o", self.path("program"), "--emit=exe")
        result = support.run("chat", "-p", "Hi", "--reasoning=hide", program=self.path("program"))
        self.assertEqual((result.returncode, result.stdout), (0, b"Yes\n"), result.stderr)

    def test_a_thought_that_is_cut_off(self):
        self.thinker("{{ messages[-1].content }}<think>", [THINK[0], KING, SAID, THOUGHT_ENDS[0], YES])
        self.assertEqual(self.says("-n1"), "<think>\nking\n</think>\n\n")
        self.assertEqual(self.says("-n1", "--reasoning=hide"), "")

    def check_history(self, told):
        """What a prompt says ends in "<think>", but in " said" where `told` is true of the history."""
        self.thinker("{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}"
                     "{{ ' said' if messages[1] is defined and " + told + " else '<think>' }}",
                     [THINK[0], KING, THOUGHT_ENDS[0], YES])
        lines = self.says("--output=json", stdin=b"Hi\nAnd?\n").splitlines()
        self.assertEqual(json.loads(lines[0])["reasoning"], "king")
        self.assertNotIn("king", json.loads(lines[1])["reasoning"])

    def test_templates_that_read_a_field_get_the_thought_there(self):
        self.check_history("messages[1].reasoning_content == 'king' and messages[1].content == 'Yes'")

    def test_templates_that_look_for_marks_get_them(self):
        self.check_history("messages[1].content == '<think>\nking\n</think>\n\nYes'")

    def test_the_switch(self):
        for name in ("enable_thinking", "thinking"):
            template = "{{ messages[-1].content }}{{ '<think>' if " + name + " else '" + support.ASSISTANT[1] + "' }}"
            self.thinker(template, [THINK[0], KING, THOUGHT_ENDS[0], YES])
            self.assertEqual(self.says("--think", "--reasoning=only"), "king\n")
            for option in ((), ("--no-think",)):
                self.assertNotIn("king", self.says("-n4", *option))
            support.shutil.rmtree(self.path("thinker"))

    def test_no_switch(self):
        for option in ("--think", "--no-think"):
            self.fails(UNSUPPORTED, "chat", support.artifact(), "-p", "a", option,
                       words=(option, "no switch", "enable_thinking"))
        self.fails(USAGE, "chat", support.artifact(), "--reasoning=loud", words=("show|hide|only",))


if __name__ == "__main__":
    support.main()
