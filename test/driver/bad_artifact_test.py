# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Artifacts and executables that are damaged, from another version, for another machine, or without their weights. All edits of
all bytes are in test/runtime; here is one of each kind, through every verb that reads an artifact.
"""

import json
import os
import shutil
import struct
import subprocess
import unittest

import support
from support import IO, MISMATCH, UNSUPPORTED, read, write

# fathom_artifact_header_t: magic, major, minor, features, metadata size and hash, total size, header hash.
HEADER = struct.Struct("<8sHHIQQQQ")
PAGE = 4096


def segments(model):
    """The artifact's header as a tuple, and (offset, size) of its code and its weights."""
    header = HEADER.unpack_from(read(model))
    table = json.loads(support.make("inspect", model, "--json").stdout)["segments"]
    return header, {row["name"]: (row["offset"], row["size_bytes"]) for row in table}


def flipped(data, offset):
    return data[:offset] + bytes([data[offset] ^ 0x10]) + data[offset + 1:]


class Damage(support.DriverTest):
    def verbs(self, path):
        """Every way to read it; which of them look at code and weights."""
        return ((["inspect", path], False), (["tokenize", path], False), (["run", path, "-p", "a", "-n1"], True),
                (["chat", path, "-p", "a", "-n1"], True), (["bench", path, "-n1", "-p1", "--repetitions=1"], True))

    def refused(self, data, *words, everywhere=True, code=MISMATCH):
        path = write(self.path("bad.fathom"), data)
        for arguments, all_of_it in self.verbs(path):
            if everywhere or all_of_it:
                with self.subTest(verb=arguments[0], words=words):
                    # `bench` measures whatever the weights are.
                    self.fails(code, *arguments, words=("bad.fathom", *words), stdin=b"a")

    def test_what_is_no_artifact(self):
        for data, words in ((b"", ["0"]), (b"x", ["1"]), (b"\n" * 100, ["magic"]),
                            (read(os.path.join(support.checkpoint(), "config.json")), ["magic"])):
            path = write(self.path("bad.fathom"), data)
            for arguments, _ in self.verbs(path):
                if arguments[0] != "tokenize":
                    self.fails(MISMATCH, *arguments, words=("bad.fathom", *words))

    def test_files_that_are_none(self):
        os.mkfifo(self.path("pipe"))
        os.mkdir(self.path("folder"))
        os.symlink("loop", self.path("loop"))
        for name in ("absent", "pipe", "folder", "loop", "/dev/null", "/dev/zero"):
            for arguments, _ in self.verbs(os.path.join(self.folder, name)):
                # A folder is a checkpoint to inspect, of which it says what there is.
                if (name, arguments[0]) != ("folder", "inspect"):
                    with self.subTest(name=name, verb=arguments[0]):
                        self.fails(IO, *arguments, words=(name,))

    def test_truncation(self):
        good = read(support.artifact())
        header, places = segments(support.artifact())
        for length in (8, HEADER.size - 1, HEADER.size, HEADER.size + header[4] - 1, places["code"][0],
                       places["weights"][0] + PAGE, len(good) - PAGE, len(good) - 1):
            self.refused(good[:length])

    def test_flipped_bits(self):
        good = read(support.artifact())
        header, places = segments(support.artifact())
        for offset in (8, 10, 12, 16, 24, 32, 40):
            self.refused(flipped(good, offset))
        for offset in (HEADER.size, HEADER.size + header[4] // 2, HEADER.size + header[4] - 1):
            self.refused(flipped(good, offset), "damaged")
        code, size = places["code"]
        for offset in (code, code + size // 2, code + size - 1):
            self.refused(flipped(good, offset), "code", everywhere=False)

    def test_flipped_weights(self):
        good = read(support.artifact())
        offset, size = segments(support.artifact())[1]["weights"]
        path = write(self.path("bad.fathom"), flipped(good, offset + size // 2))
        for more in ([], ["--verify-weights"]):
            self.fails(MISMATCH, "run", path, "-p", "a", *more, words=("weights", "bad.fathom"))
        support.make("run", path, "-p", "a", "-n1", "--no-verify-weights")

    def test_versions(self):
        good = read(support.artifact())
        header, _ = segments(support.artifact())
        for major, minor in ((header[1] + 1, 0), (0, 0), (header[1], header[2] + 1), (65535, 65535)):
            data = good[:8] + struct.pack("<HH", major, minor) + good[12:]
            self.refused(data, f"{major}.{minor}", "compile the model again")

    def test_another_processor(self):
        path = self.path("model.fathom")
        # Processors that have more than this machine, or lack what it has, only say what to tune for.
        for processor in ("bdver4", "znver3", "haswell"):
            support.make("compile", support.checkpoint(), "-o", path, "--mcpu=" + processor)
            target = json.loads(support.make("inspect", path, "--json").stdout)["target"]
            self.assertEqual((target["cpu"], target["features"]), ("x86-64-v3", []))
            support.make("run", path, "--token-ids=1", "-n1", "--output=token-ids")
        code = support.make("compile", support.checkpoint(), "-o", "-", "--emit=asm", "--mcpu=bdver4").stdout
        for instruction in (b"vpmacs", b"vfrcz", b"vpcmov", b"vpperm", b"vfmaddps", b"vprotd"):
            self.assertNotIn(b"\t" + instruction, code)

    def test_text_with_no_tokenizer(self):
        path = self.path("model.fathom")
        support.make("compile", support.checkpoint(), "-o", path)
        self.fails(UNSUPPORTED, "run", path, "-p", "a", words=("tokenizer", "--token-ids"))
        self.fails(UNSUPPORTED, "chat", path, "-p", "a", words=("chat",))
        self.fails(UNSUPPORTED, "tokenize", path, words=("model.fathom", "tokenizer"))
        support.make("run", path, "--token-ids=1", "-n1", "--output=token-ids")

    def test_a_model_that_shrinks_while_it_runs(self):
        path = self.path("model.fathom")
        shutil.copy(support.artifact(), path)
        with self.running("chat", path, "-n2") as process:
            process.stdin.write(b"a\n")
            process.stdin.flush()
            process.stdout.readline()
            os.truncate(path, PAGE)
            _, errors = process.communicate(b"b\n", timeout=60)
        self.assertEqual(process.returncode, IO, errors)
        self.assertIn(b"became shorter", errors)
        self.assertEqual(len(errors.splitlines()), 1, errors)


class OutsideWeights(support.DriverTest):
    """--weights=reference: the weights stay in the checkpoint."""

    def setUp(self):
        super().setUp()
        self.checkpoint = self.copy_checkpoint()
        self.shard = os.path.join(self.checkpoint, "model.safetensors")
        self.model = self.path("model.fathom")
        support.make("compile", self.checkpoint, "-o", self.model, "--weights=reference")

    def run_fails(self, code, *words, options=()):
        self.fails(code, "run", self.model, "--token-ids=1", "-n1", *options, words=("model.safetensors", *words))

    def answer(self, *options):
        return support.make("run", self.model, "--token-ids=1,2", "-n9", "--output=token-ids", *options).stdout

    def test_they_may_move(self):
        expected = self.answer()
        moved = self.path("moved")
        os.rename(self.checkpoint, moved)
        self.run_fails(IO, "--weights-directory")
        self.run_fails(IO, "absent", options=["--weights-directory", self.path("absent")])
        self.assertEqual(self.answer("--weights-directory", moved), expected)
        os.rename(os.path.join(moved, "model.safetensors"), self.path("model.safetensors"))
        self.assertEqual(self.answer(), expected)

    def test_they_may_not_change(self):
        good = read(self.shard)
        for data, code in ((good[:-1], MISMATCH), (good[:100], MISMATCH), (b"", MISMATCH),
                           (good.replace(b"model.norm.weight", b"model.norm.weighs"), MISMATCH)):
            write(self.shard, data)
            self.run_fails(code)

    def test_they_must_be_files(self):
        os.unlink(self.shard)
        os.mkfifo(self.shard)
        self.run_fails(IO)
        os.unlink(self.shard)
        os.mkdir(self.shard)
        self.run_fails(IO)

    def test_artifact_is_small(self):
        self.assertLess(os.path.getsize(self.model), 1 << 20)


@unittest.skipIf(support.SANITIZED, "executables are for builds without sanitizers")
class Executables(support.DriverTest):
    def edited(self, data):
        path = write(self.path("answer"), data)
        os.chmod(path, 0o755)
        return path

    def refused(self, data, *codes):
        before = support.snapshot(self.folder)
        path = self.edited(data)
        result = support.run("-p", "a", program=path)
        self.assertIn(result.returncode, codes, result.stderr)
        self.assertEqual(result.stdout, b"")
        self.assert_message(result, ("error",), program="answer")
        self.assertEqual(support.snapshot(self.folder).keys() - before.keys(), {"answer"} - before.keys())

    def test_damage(self):
        good = read(support.executable())
        start, = struct.unpack("<Q", good[-16:-8])
        self.assertEqual(good[start:start + 8], read(support.artifact())[:8])
        for data in (good[:-1], good[:-16], good[:start], good + b"x"):
            self.refused(data, UNSUPPORTED, MISMATCH)
        for offset in (start, start + 9, start + 48, start + 1000, len(good) - 9):
            self.refused(flipped(good, offset), UNSUPPORTED, MISMATCH)
        for offset in (0, 1, start + 1, len(good), 2**63, 2**64 - 1):
            self.refused(good[:-16] + struct.pack("<Q", offset) + good[-8:], UNSUPPORTED, MISMATCH)

    def test_it_is_what_the_artifact_is(self):
        expected = support.make("run", support.artifact(), "-p", "Once", "-n9", "--ignore-eos").stdout
        path = support.executable()
        self.assertEqual(support.make("-p", "Once", "-n9", "--ignore-eos", program=path).stdout, expected)
        self.assertEqual(support.make("run", path, "-p", "Once", "-n9", "--ignore-eos").returncode, 0)
        for verb in ("inspect", "tokenize"):
            support.make(verb, path, stdin=b"a")

    def test_a_program_without_a_model(self):
        for path in (support.FATHOM, "/bin/true"):
            for verb in ("run", "inspect", "tokenize"):
                with self.subTest(verb=verb, path=path):
                    result = support.run(verb, path, *(["-p", "a"] if verb == "run" else []))
                    self.assertIn(result.returncode, (UNSUPPORTED, MISMATCH))
                    self.assert_message(result, (path, "fathom compile"))

    def test_hardening(self):
        text = subprocess.run(["readelf", "-lhdW", support.executable()], capture_output=True, check=True).stdout.decode()
        self.assertIn("DYN", text)
        self.assertIn("GNU_RELRO", text)
        self.assertNotIn("RWE", text)
        self.assertNotIn("PATH", text)
        self.assertNotIn("INTERP", text)
        self.assertEqual(os.stat(support.executable()).st_mode & 0o7000, 0)

    def test_it_may_be_replaced_while_it_runs(self):
        path = self.path("answer")
        shutil.copy(support.executable(), path)
        with self.running("chat", program=path) as process:
            process.stdin.write(b"a\n")
            process.stdin.flush()
            process.stdout.read(1)
            support.make("compile", support.speaking_checkpoint(), "-o", path, "--emit=exe")
            process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    support.main()
