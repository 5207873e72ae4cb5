# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# draft_test.py STUB ARTIFACT DRAFTING FOLDER: --draft of executables, of the toy and of one whose draft errs at every third
# position. What they say is what they say without.

import json
import os
import struct
import subprocess
import sys
import unittest

DRAFTS = ("mtp", "mtp:1", "mtp:2", "mtp:3", "mtp:4")
stub, artifact, drafting, folder = sys.argv[1:5]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def make_executable(name, artifact):
    path, program = os.path.join(folder, name), read(stub)
    program += bytes(-len(program) % 4096)
    with open(path, "wb") as file:
        file.write(program + read(artifact) + struct.pack("<Q8s", len(program), b"\x7fFATHOM\n"))
    os.chmod(path, 0o755)
    return path


def run(*arguments, exe=None, code=0, stdin=b""):
    result = subprocess.run([exe or drafter, *arguments], input=stdin, capture_output=True, timeout=60)
    if result.returncode != code:
        raise AssertionError(f"exit code {result.returncode}, expected {code}: {result.stderr.decode()}")
    return result


class Draft(unittest.TestCase):
    def test_run_says_the_same(self):
        for options in ([], ["--temperature=2", "--seed=3", "--top-p=0.8"], ["--repetition-penalty=1.5"], ["-n1"], ["-n0"],
                        ["-n9999"], ["--ignore-eos", "-n99"]):
            command = ["--token-ids=5,9,200", "--output=token-ids", *options]
            expected = run(*command, "--draft=none").stdout
            for draft in DRAFTS:
                self.assertEqual(run(*command, "--draft=" + draft).stdout, expected, (options, draft))

    def test_batches_say_the_same(self):
        path = os.path.join(folder, "draft-batch.txt")
        with open(path, "w") as file:
            file.write("1\n5 9 200\n" + " ".join(map(str, range(70))) + "\n3 3\n" + "7 " * 250 + "\n")
        for options in (["-n40", "--ignore-eos"], ["-n40"], ["-n40", "--temperature=2"], ["-n1"]):
            command = ["--batch-file", path, "--output=token-ids", *options]
            expected = run(*command).stdout
            for draft in DRAFTS:
                self.assertEqual(run(*command, "--draft=" + draft).stdout, expected, (options, draft))

    def test_chats_say_the_same(self):
        lines = b"Hi\nand more\nlonger than that\n"
        expected = run("chat", "-n20", stdin=lines).stdout
        self.assertEqual(run("chat", "-n20", "--draft=mtp:3", stdin=lines).stdout, expected)

    def test_json_and_stats_count_drafts(self):
        command = ["--token-ids=5,9,200", "-n61", "--ignore-eos", "--output=json"]
        value = json.loads(run(*command, "--draft=mtp:4").stdout)
        # Of four, two are right before one is wrong.
        self.assertEqual(value["decode_steps"] + value["accepted_tokens"], 60)
        self.assertTrue(0.3 < value["acceptance"] < 0.9, value)
        self.assertAlmostEqual(value["acceptance"], value["accepted_tokens"] / value["drafted_tokens"], places=3)
        self.assertAlmostEqual(value["tokens_per_step"], 60 / value["decode_steps"], places=3)
        self.assertNotIn("decode_steps", json.loads(run(*command).stdout))
        # The first token comes with the prompt.
        value = json.loads(run("--token-ids=5,9,200", "-n1", "--output=json", "--draft=mtp").stdout)
        self.assertEqual([value[key] for key in ("decode_steps", "drafted_tokens", "acceptance", "tokens_per_step")],
                         [0, 0, None, None])
        path = os.path.join(folder, "draft-stats.txt")
        with open(path, "w") as file:
            file.write("1\n2\n")
        for prompt in (["-p", "a"], ["--batch-file", path]):
            text = run(*prompt, "-n40", "--ignore-eos", "--stats", "--draft=mtp", "--output=json").stderr.decode()
            self.assertRegex(text, r"drafts: \d+ of \d+ accepted \(\d+\.\d %\); 1\.\d\d tokens a step")

    def test_chats_count_the_drafts_of_each_answer(self):
        result = run("chat", "-n40", "--ignore-eos", "--stats", "--draft=mtp:2", "--output=json", stdin=b"Hi\nand more\n")
        answers = [json.loads(line) for line in result.stdout.decode().splitlines()]
        stats = [line for line in result.stderr.decode().splitlines() if "drafts: " in line]
        self.assertEqual(len(answers), 2)
        for answer, line in zip(answers, stats, strict=True):
            self.assertEqual(answer["decode_steps"] + answer["accepted_tokens"], 39)
            self.assertIn(f"{answer['accepted_tokens']} of {answer['drafted_tokens']} accepted", line)

    def test_what_there_is_not(self):
        for draft in ("mtp:0", "mtp:5", "mtp:", "mtp:x", "eagle", ""):
            text = run("-p", "a", "--draft=" + draft, code=2).stderr.decode()
            self.assertIn("expected none, mtp, or mtp:K with K from 1 to 4", text)
        text = run("-p", "a", "--draft=mtp", exe=plain, code=4).stderr.decode()
        self.assertIn("the artifact has no draft", text)


if __name__ == "__main__":
    plain, drafter = make_executable("toy-plain", artifact), make_executable("toy-drafter", drafting)
    unittest.main(argv=sys.argv[:1])
