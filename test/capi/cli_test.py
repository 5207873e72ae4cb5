# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cli_test.py STUB ARTIFACT FOLDER: appends the toy artifact to the stub, as --emit=exe does, and uses the executable.

import array
import ast
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

VOCABULARY, HIDDEN, LAYERS, CONTEXT = 320, 4, 2, 256
BOS, EOS, USER, ASSISTANT = 256, 257, 258, 259
stub, artifact, folder = sys.argv[1:4]
exe = os.path.join(folder, "toy")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def make_executable():
    program, model = read(stub), read(artifact)
    program += bytes(-len(program) % 4096)
    with open(exe, "wb") as file:
        file.write(program + model + struct.pack("<Q8s", len(program), b"\x7fFATHOM\n"))
    os.chmod(exe, 0o755)


def state(tokens, layer=LAYERS - 1):
    return sum(t * (l + 1) + i % 4 for l in range(layer + 1) for i, t in enumerate(tokens))


def answer(prompt, count, stop=()):
    tokens = list(prompt)
    while len(tokens) < len(prompt) + count and len(tokens) <= CONTEXT:
        token = state(tokens) % VOCABULARY
        if token in stop:
            break
        tokens.append(token)
    return tokens[len(prompt):]


def run(*arguments, code=0, stdin=b"", **options):
    result = subprocess.run([exe, *arguments], input=stdin, capture_output=True, timeout=60, **options)
    if result.returncode != code:
        raise AssertionError(f"exit code {result.returncode}, expected {code}: {result.stderr.decode()}")
    return result


def ids(result):
    return [[int(token) for token in line.split(",") if token] for line in result.stdout.decode().splitlines()]


def read_npy(path):
    data = read(path)
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode())
    assert data[:8] == b"\x93NUMPY\x01\x00" and header["descr"] == "<f4" and (10 + size) % 64 == 0
    return header["shape"], array.array("f", data[10 + size:])


class Run(unittest.TestCase):
    def test_tokens_in_tokens_out(self):
        result = run("--token-ids=5,9,200", "-n", "20", "--output=token-ids", "--ignore-eos")
        self.assertEqual(ids(result), [answer([5, 9, 200], 20)])

    def test_threads_and_chunks_change_nothing(self):
        prompt = ",".join(str(i) for i in range(100))
        outputs = {run("--token-ids=" + prompt, "--output=token-ids", "--ignore-eos", *more).stdout
                   for more in ([], ["--threads=1"], ["--threads=7"], ["--prefill-chunk=3"])}
        self.assertEqual(len(outputs), 1)

    def test_text_comes_from_option_file_and_standard_input(self):
        path = os.path.join(folder, "prompt.txt")
        write(path, "Hi")
        expected = run("-p", "Hi", "--output=token-ids").stdout
        self.assertEqual(run("-f", path, "--output=token-ids").stdout, expected)
        self.assertEqual(run("--output=token-ids", stdin=b"Hi").stdout, expected)
        self.assertEqual(run("run", "-f", "-", "--output=token-ids", stdin=b"Hi").stdout, expected)
        for end in (b"\n", b"\r\n"):
            self.assertEqual(run("--output=token-ids", stdin=b"Hi" + end).stdout, expected)
        self.assertNotEqual(run("--output=token-ids", stdin=b"Hi\n\n").stdout, expected)
        self.assertEqual(ids(run("-p", "Hi", "--output=token-ids", "-n3", "--ignore-eos")),
                         [answer([BOS, 72, 105], 3)])

    def test_text_is_utf8_and_ends_in_a_newline(self):
        text = run("-p", "Hi", "--ignore-eos", "--echo").stdout
        text.decode("utf-8")
        self.assertTrue(text.startswith(b"Hi") and text.endswith(b"\n"))

    def test_json(self):
        value = json.loads(run("-p", "Hi", "-n", "5", "--ignore-eos", "--output=json").stdout)
        self.assertEqual(value["tokens"], answer([BOS, 72, 105], 5))
        self.assertEqual((value["stop"], value["prompt_tokens"], value["generated_tokens"]), ("length", 3, 5))
        self.assertIn("text", value)

    def test_batch_rows_equal_single_runs(self):
        path = os.path.join(folder, "batch.txt")
        prompts = [[1], [5, 9, 200], list(range(70)), [3, 3], [7], [8, 250]]
        write(path, "".join(" ".join(map(str, p)) + "\n" for p in prompts))
        result = run("--batch-file", path, "-n9", "--output=token-ids", "--ignore-eos")
        self.assertEqual(ids(result), [answer(p, 9) for p in prompts])
        lines = run("--batch-file", path, "-n9", "--output=json").stdout.decode().splitlines()
        self.assertEqual(json.loads(lines[2])["prompt_tokens"], 70)
        self.assertNotIn("prefill_ms", json.loads(lines[2]), "nobody measures the parts of a batch")

    def test_logits_and_states(self):
        logits, states = os.path.join(folder, "logits.npy"), os.path.join(folder, "states.npy")
        prompt = list(range(40))
        run("--token-ids=" + ",".join(map(str, prompt)), "-n0", "--logits", logits, "--states=" + states)
        shape, values = read_npy(logits)
        self.assertEqual(shape, (40, VOCABULARY))
        for i in range(40):
            row = values[i * VOCABULARY:(i + 1) * VOCABULARY]
            self.assertEqual(max(range(VOCABULARY), key=row.__getitem__), state(prompt[:i + 1]) % VOCABULARY)
        shape, values = read_npy(states)
        self.assertEqual(shape, (LAYERS, 40, HIDDEN))
        self.assertEqual(values[(0 * 40 + 39) * HIDDEN + 1], state(prompt, 0) + 1)

    def test_seeds_repeat_and_differ(self):
        def draw(seed):
            return run("-p", "Hi", "--temperature=80", "--seed", str(seed), "--output=token-ids").stdout
        self.assertEqual(draw(1), draw(1))
        self.assertNotEqual(draw(1), draw(2))

    def test_help_and_stats(self):
        text = run("--help").stdout.decode()
        for option in ("--temperature", "--batch-file", "--prefill-chunk", "-p, --prompt"):
            self.assertIn(option, text)
        self.assertIn("answer: 4 tokens", run("-p", "a", "-n4", "--stats", "--ignore-eos").stderr.decode())
        self.assertIn("answer: 4 tokens", run("chat", "-p", "a", "-n4", "--stats", "--ignore-eos").stderr.decode())
        path = os.path.join(folder, "batch-stats.txt")
        write(path, "1\n2 3\n")
        batch = run("--batch-file", path, "-n4", "--stats", "--ignore-eos").stderr.decode()
        self.assertIn("prompt: 3 tokens", batch)
        self.assertIn("answer: 8 tokens", batch)

    def test_stats_and_json_say_what_the_cache_takes(self):
        path = os.path.join(folder, "batch-cache.txt")
        write(path, "1\n2 3\n")
        line = "activations: f32; cache: %.2f MB of f32; 16 bytes a token\n"
        for arguments, pages in ((["-p", "a"], 1), (["chat", "-p", "a"], 1), (["--batch-file", path], 2)):
            text = run(*arguments, "-n4", "--stats", "--ignore-eos").stderr.decode()
            self.assertTrue(text.endswith(line % (pages * 1024 / 1e6)), text)
        for verb in ([], ["chat"]):
            value = json.loads(run(*verb, "-p", "a", "-n70", "--ignore-eos", "--output=json").stdout)
            self.assertEqual([value[key] for key in ("cache_bytes", "cache_type", "cache_token_bytes",
                                                         "activation_type")], [2048, "f32", 16, "f32"])
        lines = run("--batch-file", path, "-n4", "--output=json").stdout.decode().splitlines()
        self.assertNotIn("cache_bytes", json.loads(lines[0]))

    def test_help_is_that_of_the_executable(self):
        text = run("--help").stdout.decode()
        self.assertTrue(text.startswith("usage: toy [options]\n") and "chat --help" in text, text)
        self.assertTrue(run("chat", "--help").stdout.startswith(b"usage: toy chat [options]\n"))
        self.assertRegex(run("--version").stdout.decode(), r"\Afathom \d+\.\d+\.\d+\nartifact format \d+\.\d+\n\Z")


class Errors(unittest.TestCase):
    def message(self, *arguments, code, **options):
        result = run(*arguments, code=code, **options)
        self.assertEqual(result.stdout, b"")
        self.assertTrue(result.stderr.startswith(b"toy: error: "), result.stderr)
        return result.stderr.decode()

    def test_usage(self):
        self.assertIn("did you mean '--temperature'?", self.message("--temprature=1", code=2))
        self.message("--threads=lots", code=2)
        self.message("-p", "a", "--token-ids=1", code=2)
        self.message("--token-ids=1,x", code=2)
        self.message("-p", "a", "--temperature=1", "--top-p=2", code=2)
        self.message("-p", "a", "--temperature=-1", code=2)
        self.assertIn("-p TEXT", self.message("stray", code=2))
        for more in (["--token-ids=1"], ["--batch-file=x"], ["-p", "a", "--output=json"]):
            self.assertIn("--echo", self.message("--echo", *more, code=2))

    def test_an_empty_prompt(self):
        self.message("-p", "", "--no-bos", code=2)

    def test_prompts_the_model_cannot_take(self):
        text = self.message("--token-ids=" + "1," * CONTEXT + "1", code=3)
        self.assertTrue("257" in text and "256" in text, text)
        self.message("--token-ids=%d" % VOCABULARY, code=3)
        path = os.path.join(folder, "bad-batch.txt")
        write(path, "1 2\nx\n\n")
        self.assertEqual(self.message("--batch-file", path, code=3).count("bad-batch.txt:"), 2)
        write(path, "1 2\n3 %d\n%s\n5\n" % (VOCABULARY, "1 " * (CONTEXT + 1)))
        text = self.message("--batch-file", path, code=3)
        self.assertIn("bad-batch.txt: 2: token 1 is %d" % VOCABULARY, text)
        self.assertIn("bad-batch.txt: 3: the prompt has 257 tokens", text)

    def test_files_that_are_not_there(self):
        self.message("-f", "/nonexistent/x", code=5)
        self.message("-f", "/", code=5)
        self.message("-p", "a", "--logits=/nonexistent/x.npy", code=5)

    def test_devices(self):
        self.assertIn("device 'cuda:0' is unknown; expected cpu", self.message("-p", "a", "--device=cuda:0", code=2))
        self.message("-p", "a", "--device=abacus", code=2)

    def test_a_reader_that_goes_away_is_quiet(self):
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([exe, "-p", "a", "--ignore-eos"], stdout=writer, stderr=subprocess.PIPE, timeout=60)
        os.close(writer)
        self.assertEqual((result.returncode, result.stderr), (5, b""))

    def test_a_full_disk_is_not_success(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([exe, "-p", "a", "--ignore-eos"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(result.returncode, 5)
        self.assertIn(b"No space", result.stderr)

    def test_a_damaged_artifact(self):
        bad = exe + "-bad"
        data = bytearray(read(exe))
        data[-(len(read(artifact)) + 16) + 100] ^= 1
        with open(bad, "wb") as file:
            file.write(data)
        os.chmod(bad, 0o755)
        result = subprocess.run([bad, "-p", "a"], capture_output=True, timeout=60)
        self.assertEqual(result.returncode, 7, result.stderr)

    def test_a_stub_without_an_artifact(self):
        self.assertEqual(subprocess.run([stub], capture_output=True, timeout=60).returncode, 7)


class Chat(unittest.TestCase):
    def test_each_answer_is_that_of_a_fresh_session(self):
        replies = run("chat", "-n3", stdin=b"Hi\nYou\n").stdout
        first = [BOS, USER, 72, 105, ASSISTANT]
        alone = run("chat", "-n3", "-p", "Hi").stdout
        self.assertTrue(replies.startswith(alone))
        self.assertEqual(alone, run("chat", "-n3", "--prefill-chunk=1", "-p", "Hi").stdout)
        tokens = ",".join(map(str, first))
        self.assertEqual(alone, run("--token-ids=" + tokens, "-n3").stdout)

    def test_no_input_is_no_error(self):
        self.assertEqual(run("chat").stdout, b"")

    def test_interrupts(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = subprocess.Popen([exe, "chat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            process.stdin.write(b"Hi\n")
            process.stdin.flush()
            process.stdout.read(1)
            time.sleep(0.2)
            process.send_signal(number)
            self.assertEqual(process.wait(timeout=60), code)
            process.stdin.close()
            process.stdout.close()

    def test_a_full_context_is_said(self):
        result = run("chat", "--ignore-eos", code=3, stdin=b"Hi\nYou\n")
        text = result.stderr.decode()
        self.assertIn("truncated: the context of 256 positions is full", text)
        self.assertRegex(text, r"the conversation has \d+ tokens, but the context has 256 positions")


class Terminal(unittest.TestCase):
    """A chat with somebody who types. The answer's pipe has room for a few bytes only, so that an answer lasts until it is
    read.
    """
    ROOM = 8

    def setUp(self):
        self.keyboard, stdin = pty.openpty()
        self.reader, stdout = os.pipe()
        self.size = fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, 4096)
        os.write(stdout, bytes(self.size - self.ROOM))
        self.process = subprocess.Popen([exe, "chat", "--ignore-eos", "--stats"], stdin=stdin, stdout=stdout,
                                        stderr=subprocess.PIPE)
        os.close(stdin)
        os.close(stdout)
        self.errors = b""
        self.wait_for_prompts(1)

    def tearDown(self):
        self.process.kill()
        self.process.communicate()
        os.close(self.keyboard)
        os.close(self.reader)

    def wait_for_prompts(self, count):
        while self.errors.count(b"> ") < count:
            more = os.read(self.process.stderr.fileno(), 4096)
            self.assertTrue(more, self.errors)
            self.errors += more

    def wait_for_answer(self):
        waiting = array.array("i", [0])
        while waiting[0] <= self.size - self.ROOM:
            self.assertIsNone(self.process.poll())
            fcntl.ioctl(self.reader, termios.FIONREAD, waiting)

    def finish(self):
        _, errors = self.process.communicate(timeout=60)
        self.errors += errors
        return self.process.returncode

    def test_an_interrupt_ends_the_answer_alone(self):
        os.write(self.keyboard, b"Hi\n")
        self.wait_for_answer()
        self.process.send_signal(signal.SIGINT)
        os.read(self.reader, self.size)
        self.wait_for_prompts(2)
        os.write(self.keyboard, b"You\n")
        self.wait_for_prompts(3)
        os.write(self.keyboard, b"\x04")
        self.assertEqual(self.finish(), 0)
        prompts = [int(count) for count in re.findall(rb"prompt: (\d+) tokens", self.errors)]
        answers = [int(count) for count in re.findall(rb"answer: (\d+) tokens", self.errors)]
        self.assertLess(answers[0], CONTEXT // 2)
        # What was said before the interrupt, its end, and the new message; the rest is in the cache.
        self.assertGreater(prompts[1], len("You") + 3)

    def test_an_interrupt_at_the_prompt_ends_the_chat(self):
        time.sleep(0.2)
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(), 130)

    def test_a_message_that_is_too_long_is_refused_alone(self):
        os.write(self.keyboard, b"x" * (CONTEXT + 1) + b"\n")
        self.wait_for_prompts(2)
        self.assertIn(b"positions; shorten it, or start a new one [bad-input]", self.errors)
        os.write(self.keyboard, b"Hi\n")
        self.wait_for_answer()
        os.read(self.reader, self.size)
        self.wait_for_prompts(3)
        os.write(self.keyboard, b"\x04")
        self.assertEqual(self.finish(), 0)
        self.assertEqual(re.findall(rb"prompt: (\d+) tokens", self.errors), [b"5"])

    def test_the_end_of_input_ends_the_line(self):
        os.write(self.keyboard, b"\x04")
        self.assertEqual((self.finish(), self.errors), (0, b"> \n"))


if __name__ == "__main__":
    make_executable()
    unittest.main(argv=sys.argv[:1])
