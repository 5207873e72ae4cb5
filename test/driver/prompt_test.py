# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Prompts: tokens out of range, the end of the context, text that is odd or hostile."""

import json
import os
import pty

import support
from support import BAD_INPUT, IO, UNSUPPORTED, USAGE, make, write

CONTEXT, VOCABULARY = 128, 4098


def ids(result):
    return [[int(token) for token in line.split(",") if token] for line in result.stdout.decode().splitlines()]


class Tokens(support.DriverTest):
    def refused(self, code, *arguments, words=()):
        with self.subTest(arguments=arguments):
            self.fails(code, "run", support.artifact(), *arguments, words=words)

    def test_ids(self):
        self.refused(BAD_INPUT, f"--token-ids={VOCABULARY}", words=(str(VOCABULARY),))
        self.refused(BAD_INPUT, "--token-ids=0,2147483647", words=("2147483647",))
        for text in ("-1", "2147483648", "99999999999999999999", "1,,2", "1,2,", "a", "1;2", "", ",", "1.5", "0x1"):
            self.refused(USAGE, "--token-ids=" + text, words=("--token-ids",))

    def test_context(self):
        prompt = ",".join(["5"] * CONTEXT)
        self.refused(BAD_INPUT, f"--token-ids={prompt},5", words=(str(CONTEXT + 1), str(CONTEXT)))
        full = make("run", support.artifact(), "--token-ids=" + prompt, "--ignore-eos", "--output=json")
        answer = json.loads(full.stdout)
        self.assertEqual((answer["generated_tokens"], answer["stop"]), (1, "context"))
        almost = make("run", support.artifact(), "--token-ids=" + prompt[4:], "--ignore-eos", "--output=json")
        self.assertEqual(json.loads(almost.stdout)["generated_tokens"], 3)

    def test_counts(self):
        for count, expected in ((0, 0), (1, 1), (4294967296, CONTEXT)):
            result = make("run", support.artifact(), "--token-ids=5", f"-n{count}", "--ignore-eos", "--output=token-ids")
            self.assertEqual(len(ids(result)[0]) if expected else result.stdout.strip(), expected or b"")

    def test_sampling(self):
        for option in ("--top-p=-0.1", "--top-p=1.1", "--min-p=2", "--temperature=-1", "--repetition-penalty=0",
                       "--repetition-penalty=-1"):
            name, value = option[2:].split("=")
            self.refused(USAGE, "--token-ids=5", option, words=(name.replace("repetition-", "repetition "), value))
        for option in ("--temperature=1e30", "--temperature=1e-30", "--top-k=1", "--top-p=0", "--seed=18446744073709551615"):
            make("run", support.artifact(), "--token-ids=5", "-n3", option, "--output=token-ids")

    def test_batches(self):
        path = write(self.path("batch"), "1,2\n\n3\n")
        self.refused(BAD_INPUT, "--batch-file", path, words=("batch: 2: a blank line cannot be a prompt",))
        write(path, "1,2\nx\n-1\n")
        self.refused(BAD_INPUT, "--batch-file", path, words=("batch: 2:", "batch: 3:"))
        write(path, b"\xff\0\n")
        self.refused(BAD_INPUT, "--batch-file", path, words=("batch: 1:",))
        write(path, f"1,2\n{VOCABULARY}\n")
        self.refused(BAD_INPUT, "--batch-file", path, words=(str(VOCABULARY),))
        write(path, "1\n" + ",".join(["5"] * (CONTEXT + 1)))
        self.refused(BAD_INPUT, "--batch-file", path, words=(str(CONTEXT + 1),))
        write(path, "")
        self.refused(BAD_INPUT, "--batch-file", path, words=("no prompts",))
        self.refused(IO, "--batch-file", self.path("absent"), words=("absent", "No such file"))

    def test_no_tokenizer(self):
        batch = write(self.path("batch"), "0,1\n")
        for prompt in ("--token-ids=0,1", "--batch-file=" + batch):
            self.fails(USAGE, "run", support.checkpoint(), prompt, "-n3", words=("no tokenizer", "--output=token-ids"))
            self.assertTrue(make("run", support.checkpoint(), prompt, "-n3", "--ignore-eos", "--output=token-ids").stdout)
        make("run", support.checkpoint(), "--token-ids=0,1", "-n0")
        self.fails(UNSUPPORTED, "run", support.checkpoint(), "-p", "a", "--output=token-ids",
                   words=("no tokenizer", "--token-ids"))
        self.fails(UNSUPPORTED, "chat", support.checkpoint(), "-p", "a", words=("no tokenizer", "tokenizer.json"))

    def test_more_sequences_than_a_step_takes(self):
        path = write(self.path("batch"), "".join(f"{i},7\n" for i in range(40)))
        together = ids(make("run", support.artifact(), "--batch-file", path, "-n4", "--ignore-eos", "--output=token-ids"))
        self.assertEqual(len(together), 40)
        for i in (0, 17, 39):
            alone = make("run", support.artifact(), f"--token-ids={i},7", "-n4", "--ignore-eos", "--output=token-ids")
            self.assertEqual(together[i:i + 1], ids(alone))


class Text(support.DriverTest):
    def encode(self, data, *options):
        return [int(token) for token in make("tokenize", support.artifact(), *options, stdin=data).stdout.split()]

    def decode(self, tokens):
        return make("tokenize", support.artifact(), "--decode", stdin=" ".join(map(str, tokens)).encode()).stdout

    def test_any_bytes_come_back(self):
        for data in (b"", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"a\0b", b"\xef\xbb\xbfx", b"\r\n \t\n", b"\xf4\x90\x80\x80",
                     bytes(range(256)), "é e\u0301 \u200d \ufffe 👩‍👩‍👧".encode()):
            with self.subTest(data=data):
                self.assertEqual(self.decode(self.encode(data)), data)
        for letter in ("a", " ", "\n", "中", "\u0301", "1", "!"):
            data = letter.encode() * (1000000 // len(letter.encode()))
            self.assertEqual(self.decode(self.encode(data)), data)

    def test_files_and_standard_input(self):
        for data in (b"\xff\xfe", b"a\0b", b"Once"):
            path = write(self.path("prompt"), data)
            result = make("run", support.artifact(), "-f", path, "-n3", "--output=token-ids")
            self.assertEqual(make("run", support.artifact(), "-n3", "--output=token-ids", stdin=data).stdout, result.stdout)
        for path, code in ((self.path("absent"), IO), (self.folder, IO)):
            self.fails(code, "run", support.artifact(), "-f", path, words=(path,))

    def test_a_terminal_ends_its_input_once(self):
        keyboard, stdin = pty.openpty()
        self.addCleanup(os.close, keyboard)
        with self.running("tokenize", support.artifact(), stdin=stdin) as process:
            os.close(stdin)
            os.write(keyboard, b"Once\n\x04")
            self.assertEqual(process.communicate(timeout=60)[0].split(), [b"%d" % i for i in self.encode(b"Once\n")])

    def test_too_long(self):
        path = write(self.path("prompt"), b"x y " * 100000)
        self.fails(BAD_INPUT, "run", support.artifact(), "-f", path, words=(str(CONTEXT),))

    def test_nothing(self):
        for arguments in (["-p", ""], ["-f", write(self.path("empty"), "")], []):
            self.fails(USAGE, "run", support.artifact(), "--no-bos", *arguments, words=("empty",))
        make("run", support.artifact(), "-p", "", "-n1")

    def test_one_bos(self):
        self.assertEqual(self.encode(b"a", "--add-bos")[0], 0)
        chat = make("tokenize", support.artifact(), "--chat", stdin=b'[{"role": "user", "content": "a"}]\n').stdout
        self.assertEqual(json.loads(chat).count(0), 1)

    def test_users_cannot_write_special_tokens(self):
        text = support.ASSISTANT[1]
        message = json.dumps([{"role": "user", "content": text}]).encode()
        tokens = json.loads(make("tokenize", support.artifact(), "--chat", stdin=message).stdout)
        self.assertEqual(tokens.count(support.ASSISTANT[0]), 1)

    def test_lines_that_are_wrong_are_counted_and_the_rest_goes_on(self):
        result = support.run("tokenize", support.artifact(), "--jsonl", stdin=b'"a"\n{\n5\n"b"\n' + b"[" * 100000 + b"\n")
        lines = result.stdout.decode().splitlines()
        self.assertEqual((result.returncode, len(lines), lines[1], lines[2], lines[4]), (BAD_INPUT, 5, "null", "null", "null"))
        self.assert_message(result, ("stdin: 2:", "stdin: 3:", "stdin: 5:"))

    def test_ids_that_have_no_text(self):
        for text in (b"5 -1 6", b"4098", b"x", b"99999999999999999999"):
            result = support.run("tokenize", support.artifact(), "--decode", stdin=text)
            self.assertEqual(result.returncode, BAD_INPUT)
            self.assert_message(result, ("token id", "[0, 4098)"))

    def test_input_that_cannot_be_read(self):
        for arguments in (["tokenize", support.artifact()], ["tokenize", support.artifact(), "--jsonl"],
                          ["run", support.artifact()], ["chat", support.artifact()]):
            with self.subTest(arguments=arguments):
                # A folder is a stream that cannot be read.
                folder = os.open(self.folder, os.O_RDONLY)
                self.addCleanup(os.close, folder)
                result = support.run(*arguments, stdin=folder)
                self.assertEqual((result.returncode, result.stdout), (IO, b""))
                self.assert_message(result, ("Is a directory",))

    def test_answers_are_whole_characters(self):
        for seed in range(5):
            text = make("run", support.artifact(), "-p", "é", "-n20", "--temperature=50", f"--seed={seed}", "--ignore-eos")
            text.stdout.decode("utf-8")


if __name__ == "__main__":
    support.main()
