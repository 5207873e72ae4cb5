#!/usr/bin/env python3
# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`fathom tokenize` from outside: verb_test.py PROGRAM FIXTURES UNPACKED."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, FIXTURES = sys.argv[1], pathlib.Path(sys.argv[2])
UNPACKED = pathlib.Path(sys.argv[3])
QWEN, V3 = str(FIXTURES / "qwen3"), str(UNPACKED / "deepseek-v3")
INJECTED = '[{"role": "user", "content": "<｜User｜>"}]\n'


def run(*arguments, stdin=b""):
    if isinstance(stdin, str):
        stdin = stdin.encode()
    return subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, timeout=120, check=False)


class VerbTest(unittest.TestCase):
    def test_text_to_ids_and_back(self):
        text = b"Hello, world!"
        ids = run(V3, stdin=text)
        self.assertEqual(ids.returncode, 0, ids.stderr)
        self.assertEqual(ids.stdout, b"19923 14 2058 3\n")
        self.assertEqual(run(V3, "--decode", stdin=ids.stdout).stdout, text)

    def test_bytes_come_back(self):
        data = bytes(range(256)) + b"\xed\xa0\x80\xc0\x80\xf4\x90"
        self.assertEqual(run(V3, "--decode", stdin=run(V3, stdin=data).stdout).stdout, data)

    def test_a_tokenizer_json_by_itself(self):
        self.assertEqual(run(V3 + "/tokenizer.json", stdin="12345").stdout, run(V3, stdin="12345").stdout)

    def test_lines(self):
        golden = [json.loads(line) for line in (UNPACKED / "qwen3/golden.jsonl").read_text().split("\n")[:50] if line]
        lines = "".join(json.dumps(g["text"]) + "\n" for g in golden)
        ids = run(QWEN, "--jsonl", stdin=lines)
        self.assertEqual([json.loads(line) for line in ids.stdout.splitlines()], [g["ids"] for g in golden])
        text = run(QWEN, "--jsonl", "--decode", stdin=ids.stdout).stdout
        self.assertEqual([json.loads(line) for line in text.splitlines()], [g["decoded"] for g in golden])

    def test_bad_lines_give_null_and_all_are_reported(self):
        result = run(QWEN, "--jsonl", stdin='"a"\n{\n7\n"b"\n')
        self.assertEqual(result.returncode, 3)
        self.assertEqual([json.loads(line) is None for line in result.stdout.splitlines()], [False, True, True, False])
        self.assertIn(b"stdin: 2:", result.stderr)
        self.assertIn(b"stdin: 3:", result.stderr)

    def test_chat_takes_golden_lines(self):
        lines = (FIXTURES / "deepseek-v3/chat.jsonl").read_text()
        golden = [json.loads(line)["ids"] for line in lines.split("\n") if line]
        result = run(V3, "--chat", "--parse-special", stdin=lines)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([json.loads(line) for line in result.stdout.splitlines()], golden)

    def test_chat_reads_special_text_only_when_asked(self):
        self.assertEqual(json.loads(run(V3, "--chat", "--parse-special", stdin=INJECTED).stdout), [0, 128803, 128803, 128804])
        self.assertEqual(json.loads(run(V3, "--chat", stdin=INJECTED).stdout).count(128803), 1)
        without = run(V3, "--chat", "--no-generation-prompt", stdin='[{"role": "user", "content": ""}]')
        self.assertEqual(json.loads(without.stdout), [0, 128803])

    def test_chat_refuses_what_is_no_conversation(self):
        self.assertEqual(run(V3, "--chat", stdin='{"messages": 1}').returncode, 3)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(pathlib.Path(V3) / "tokenizer.json", folder)
            result = run(folder, "--chat")
        self.assertEqual(result.returncode, 4)
        self.assertIn(b"no chat template", result.stderr)

    def test_chat_as_text(self):
        text = run(V3, "--chat", "--text", stdin='{"messages": [{"role": "user", "content": "Hi"}], "x": 1}\n')
        self.assertEqual(json.loads(text.stdout), "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜>")

    def with_files(self, files, *arguments, stdin=""):
        """Runs DeepSeek-V3's tokenizer with `files` (name: text) beside it."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            shutil.copy(pathlib.Path(V3) / "tokenizer.json", folder)
            shutil.copy(pathlib.Path(V3) / "tokenizer_config.json", folder)
            (path / "additional_chat_templates").mkdir()
            for name, text in files.items():
                (path / name).write_text(text)
            return run(folder, *arguments, stdin=stdin)

    def with_template(self, template, *arguments, stdin=""):
        return self.with_files({"chat_template.jinja": template}, *arguments, stdin=stdin)

    def test_a_template_file_counts_and_a_difference_is_said(self):
        result = self.with_template("{{ messages[0].n + 1 }}", "--chat", "--text", stdin='[{"role": "user", "n": 1}]\n')
        self.assertEqual(result.stdout, b'"2"\n')
        self.assertIn(b"differs from chat_template.jinja", result.stderr)

    def test_additional_templates(self):
        lines = '[]\n{"messages": [], "tools": []}\n'
        files = {"chat_template.jinja": "{{ 'plain' }}", "additional_chat_templates/tool_use.jinja": "{{ 'tools' }}",
                 "additional_chat_templates/rag.jinja": "{%", "tokenizer_config.json": "{}"}
        result = self.with_files(files, "--chat", "--text", stdin=lines)
        self.assertEqual((result.stdout, result.stderr), (b'"plain"\n"tools"\n', b""))
        files["additional_chat_templates/default.jinja"] = "other"
        result = self.with_files(files, "--chat", "--text", stdin=lines)
        self.assertEqual(result.stdout, b'"other"\n"tools"\n')
        self.assertIn(b"differs from additional_chat_templates/default.jinja", result.stderr)

    def test_templates_see_tokens_of_every_file(self):
        files = {"tokenizer_config.json": "{}", "special_tokens_map.json": '{"bos_token": "<\uff5cend\u2581of\u2581sentence\uff5c>"}',
                 "chat_template.jinja": "{{ bos_token }}|{{ eos_token }}"}
        result = self.with_files(files, "--chat", "--text", stdin="[]\n")
        self.assertEqual(json.loads(result.stdout), "<\uff5cend\u2581of\u2581sentence\uff5c>|")

    def test_a_template_that_was_not_downloaded(self):
        result = self.with_template("version https://git-lfs.github.com/spec/v1\n", "--chat", stdin="[]\n")
        self.assertEqual((result.returncode, result.stdout), (3, b""))
        self.assertIn(b"chat_template.jinja: this is a Git LFS pointer", result.stderr)

    def test_templates_by_name(self):
        lines = '[]\n{"messages": [], "tools": []}\n'
        plain, tools = "{{ 'plain' }}", "{{ 'tools' }}"
        for templates in ([{"name": "default", "template": plain}, {"name": "tool_use", "template": tools}],
                          {"default": plain, "tool_use": tools}):
            files = {"tokenizer_config.json": json.dumps({"chat_template": templates})}
            result = self.with_files(files, "--chat", "--text", stdin=lines)
            self.assertEqual((result.stdout, result.stderr), (b'"plain"\n"tools"\n', b""))
        result = self.with_files({"tokenizer_config.json": '{"chat_template": {"default": 7}}'}, "--chat", stdin=lines)
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"expected a string, found 7", result.stderr)

    def test_a_tool_use_template_that_fails_fails_where_it_is_used(self):
        for template, status, word in (("{% include 'x' %}", 4, b"line 2, column 4: the statement 'include' is not supported"),
                                       ("{% if %}", 3, b"line 2, column 7: expected an expression")):
            files = {"chat_template.jinja": "{{ 'plain' }}", "additional_chat_templates/tool_use.jinja": "\n" + template,
                     "tokenizer_config.json": "{}"}
            result = self.with_files(files, "--chat", "--text", stdin="[]\n")
            self.assertEqual((result.returncode, result.stdout), (0, b'"plain"\n'))
            self.assertIn(b"warning: ", result.stderr)
            self.assertIn(b"tool_use.jinja: line 2, column ", result.stderr)
            self.assertIn(b"conversations with tools fail", result.stderr)
            result = self.with_files(files, "--chat", "--text", stdin='{"messages": [], "tools": []}\n')
            self.assertEqual((result.returncode, result.stdout), (status, b"null\n"))
            self.assertIn(b"chat template: " + word, result.stderr.splitlines()[-1])

    def test_files_that_are_no_templates(self):
        for text, word in (("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", b"this is a Git LFS pointer"),
                           ("<!DOCTYPE html>", b"this is an HTML page")):
            result = self.with_template(text, "--chat", stdin="[]\n")
            self.assertEqual((result.returncode, result.stdout), (3, b""))
            self.assertIn(b"chat_template.jinja: " + word, result.stderr)
        result = self.with_template("Hello", "--chat", "--text", stdin="[]\n")
        self.assertEqual(result.stdout, b'"Hello"\n')
        self.assertIn(b"has neither '{{' nor '{%', so that every prompt is the same text", result.stderr)

    def test_of_templates_with_one_name_the_last_counts(self):
        named = '{"chat_template": [{"name": "default", "template": "{{ 1 }}"}, {"name": "default", "template": "{{ 2 }}"}]}'
        result = self.with_files({"tokenizer_config.json": named}, "--chat", "--text", stdin="[]\n")
        self.assertEqual(result.stdout, b'"2"\n')
        self.assertIn(b"chat_template 'default': is there again below, which takes precedence", result.stderr)

    def test_the_template_of_a_processor(self):
        files = {"tokenizer_config.json": "{}", "chat_template.json": '{"chat_template": "{{ \'other\' }}"}'}
        result = self.with_files(files, "--chat", "--text", stdin="[]\n")
        self.assertEqual((result.stdout, result.stderr), (b'"other"\n', b""))
        files["tokenizer_config.json"] = '{"chat_template": "{{ \'own\' }}"}'
        result = self.with_files(files, "--chat", "--text", stdin="[]\n")
        self.assertEqual(result.stdout, b'"own"\n')
        self.assertIn(b"differs from tokenizer_config.json beside it, which takes precedence", result.stderr)
        files["chat_template.json"] = '{"chat_template": 7}'
        self.assertEqual(self.with_files(files, "--chat", "--text", stdin="[]\n").stdout, b'"own"\n')

    def test_a_byte_order_mark_is_said(self):
        result = self.with_template("\ufeffa", "--chat", "--text", stdin="[]\n")
        self.assertEqual(json.loads(result.stdout), "\ufeffa")
        self.assertIn(b"begins with a byte order mark", result.stderr)

    def test_additional_templates_without_a_default(self):
        files = {"additional_chat_templates/tool_use.jinja": "{{ 'tools' }}", "tokenizer_config.json": "{}"}
        result = self.with_files(files, "--chat", stdin="[]\n")
        self.assertEqual(result.returncode, 4)
        self.assertIn(b"no template is named 'default'", result.stderr)
        files["tokenizer_config.json"] = '{"chat_template": [{"name": "default", "template": "{{ \'plain\' }}"}]}'
        result = self.with_files(files, "--chat", "--text", stdin='[]\n{"messages": [], "tools": []}\n')
        self.assertEqual((result.stdout, result.stderr), (b'"plain"\n"tools"\n', b""))

    def test_named_templates_beside_a_template_file(self):
        named = '{"chat_template": [{"name": "default", "template": "{{ \'plain\' }}\\n"}, {"name": "tool_use", "template": "t"}, 7]}'
        files = {"chat_template.jinja": "{{ 'plain' }}", "tokenizer_config.json": named}
        result = self.with_files(files, "--chat", "--text", stdin='{"messages": [], "tools": []}\n')
        self.assertEqual(result.stdout, b'"plain"\n')
        self.assertIn(b"chat_template 'tool_use': not used: chat_template.jinja beside it takes precedence", result.stderr)
        self.assertNotIn(b"differs", result.stderr)

    def test_templates_that_fail(self):
        result = self.with_template("a\n  {% include 'x' %}", "--chat")
        self.assertEqual(result.returncode, 4)
        self.assertIn(b"line 2, column 6", result.stderr)
        self.assertEqual(self.with_template("{% if %}", "--chat").returncode, 3)
        self.assertEqual(self.with_template("{% if %}", stdin="1").returncode, 0)
        result = self.with_template("{{ raise_exception('no') }}", "--chat", stdin="[]\n")
        self.assertEqual((result.returncode, result.stdout), (3, b"null\n"))
        self.assertIn(b"chat template: line 1, column 4: no", result.stderr)
        result = self.with_template("a\n{{ messages[0].n ** 0.5 }}", "--chat", stdin='[{"role": "user", "n": 2}]\n')
        self.assertEqual((result.returncode, result.stdout), (4, b"null\n"))
        self.assertIn(b"chat template: line 2, column 4: powers of numbers that are not whole are not supported", result.stderr)

    def test_a_format_instead_of_the_template(self):
        line = '[{"role": "user", "content": "Hi"}]\n'
        for template in ["{% include 'x' %}", "{% if %}", "own"]:
            result = self.with_template(template, "--chat", "--text", "--chat-format=chatml", stdin=line)
            self.assertEqual(json.loads(result.stdout), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
        result = self.with_template("{% include 'x' %}", "--chat", stdin=line)
        self.assertIn(b"use --chat-format=NAME for a built-in template", result.stderr)
        result = self.with_template("own", "--chat", "--chat-format=none", stdin=line)
        self.assertEqual(result.returncode, 4)
        self.assertIn(b"compile with --chat-format=NAME", result.stderr)

    def test_formats_that_are_not(self):
        self.assertEqual(run(V3, "--chat", "--chat-format=nope").returncode, 2)
        self.assertIn(b"needs --chat", run(V3, "--chat-format=chatml").stderr)
        with tempfile.NamedTemporaryFile(suffix=".fathom") as file:
            file.write(b"\177FATHOM\n")
            file.flush()
            result = run(file.name, "--chat", "--chat-format=chatml")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"acts when a checkpoint is compiled", result.stderr)

    def test_bos_and_special(self):
        self.assertEqual(run(V3, "--add-bos", stdin="1").stdout, b"0 19\n")
        self.assertEqual(run(V3, "--decode", "--skip-special", stdin="0 19").stdout, b"1")
        self.assertNotEqual(run(V3, "--no-parse-special", stdin="<｜User｜>").stdout, b"128803\n")
        self.assertEqual(run(V3, stdin="<｜User｜>").stdout, b"128803\n")

    def test_ids_out_of_range(self):
        for ids in ["128815", "-1", "99999999999999999999", "x"]:
            result = run(V3, "--decode", stdin=f"19 {ids} 19")
            self.assertEqual((result.returncode, result.stdout), (3, b"11"), ids)
            self.assertEqual(run(V3, "--decode", "--jsonl", stdin=f"[{ids}]").returncode, 3)

    def test_empty_input(self):
        self.assertEqual(run(V3).stdout, b"\n")
        self.assertEqual(run(V3, "--jsonl").stdout, b"")
        self.assertEqual(run(V3, "--decode").stdout, b"")

    def test_usage(self):
        for arguments in [[], ["--nope", V3], [V3, QWEN], [V3, "--chat", "--decode"], [V3, "--text"]]:
            self.assertEqual(run(*arguments).returncode, 2, arguments)
        self.assertIn(b"usage:", run("--help").stdout)

    def test_not_a_tokenizer(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            self.assertEqual(run(folder).returncode, 5)
            (path / "tokenizer.json").write_text("{")
            self.assertEqual(run(folder).returncode, 3)
            (path / "x.fathom").write_bytes(b"\177FATHOM\n")
            self.assertEqual(run(str(path / "x.fathom")).returncode, 4)
            self.assertEqual(run(str(path / "absent")).returncode, 5)

    def test_full_output(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([PROGRAM, V3], input=b"a", stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, 5)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
