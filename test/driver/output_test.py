# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where results go: paths that cannot be written, full disks, limits, closed streams. Whatever fails leaves what was
there before and nothing else.
"""

import json
import os
import pty
import shutil
import subprocess
import unittest

import support
from support import CONFIG, FATHOM, IO, RESOURCES, USAGE, read, snapshot, write

# A folder in which not even root can make a file.
UNWRITABLE = "/sys"


class Paths(support.DriverTest):
    def fails_onto(self, code, output, *words, emit="artifact", source=None):
        return self.fails(code, "compile", source or support.dense_checkpoint(), "-o", output, "--emit=" + emit, words=words)

    def test_what_no_file_can_replace(self):
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        for emit in ("artifact", "obj", "plan") if support.SANITIZED else ("artifact", "exe", "obj", "plan"):
            with self.subTest(emit=emit):
                self.fails_onto(USAGE, self.path("folder"), "folder", "is a directory", emit=emit)
                self.fails_onto(USAGE, self.path("folder/"), "is a directory", emit=emit)
                self.fails_onto(USAGE, self.path("pipe"), "pipe", emit=emit)
                self.fails_onto(USAGE, "/dev/full", "device", emit=emit)
                self.fails_onto(USAGE, "", "empty", emit=emit)
                self.fails_onto(IO, self.path("absent", "model.o"), "absent", "No such file", emit=emit)
                self.fails_onto(IO, "/dev/null/model.o", "'/dev/null': Not a directory", emit=emit)
                self.fails_onto(IO, self.path("x" * 256), "name too long", emit=emit)
        self.fails_onto(IO, os.path.join(UNWRITABLE, "model.o"), UNWRITABLE, emit="plan")
        self.fails_onto(USAGE, "-", "standard output")
        os.mkdir(self.path("model.h"))
        self.fails_onto(USAGE, self.path("model.o"), "model.h", "is a directory", emit="obj")
        self.fails_onto(USAGE, self.path("folder", "model.h"), "header", emit="obj")
        self.fails_onto(USAGE, write(self.path("x.h"), "int mine;")[:-1] + "o", "x.h", "did not make", emit="obj")

    def test_a_folder_of_somebody_else(self):
        folder = self.path("theirs")
        os.mkdir(folder, 0o555)
        options = {"user": 65534} if os.geteuid() == 0 else {}
        if options and run_as(65534, "test", "-x", FATHOM, "-a", "-r", support.dense_checkpoint()) != 0:
            self.skipTest("another user cannot come here")
        os.chmod(self.folder, 0o755)
        self.fails(IO, "compile", support.dense_checkpoint(), "-o", os.path.join(folder, "model.fathom"),
                   words=("theirs", "Permission denied"), **options)

    def test_an_input_is_never_replaced(self):
        folder = self.copy_checkpoint()
        os.symlink(os.path.join(folder, "config.json"), self.path("link"))
        os.link(os.path.join(folder, "model.safetensors"), self.path("hard"))
        for output in (os.path.join(folder, "model.safetensors"), os.path.join(folder, "config.json"),
                       self.path("link"), self.path("hard"), self.path("checkpoint", "..", "hard")):
            for emit in ("artifact", "plan"):
                self.fails_onto(USAGE, output, "input", emit=emit, source=folder)

    def test_the_checkpoints_folder_may_hold_the_result(self):
        folder = self.copy_checkpoint()
        for _ in range(2):
            support.make("compile", folder, "-o", os.path.join(folder, "model.fathom"))

    def test_a_link_is_replaced_and_not_what_it_points_to(self):
        target = write(self.path("target"), "old")
        os.symlink(target, self.path("model.fathom"))
        support.make("compile", support.dense_checkpoint(), "-o", self.path("model.fathom"))
        self.assertEqual(read(target), b"old")
        self.assertFalse(os.path.islink(self.path("model.fathom")))

    def test_odd_names(self):
        os.mkdir(self.path("a b"))
        for name in ("-model", "a b/ü\n\x1b[31m", "x" * 255, os.fsdecode(b"\xff\xfe")):
            support.make("compile", support.dense_checkpoint(), "-o", name, "--emit=plan", cwd=self.folder)
            self.assertTrue(os.path.isfile(self.path(name)))

    def test_modes_follow_the_umask(self):
        for mask, mode in ((0o022, 0o644), (0o077, 0o600), (0o000, 0o666)):
            support.make("compile", support.dense_checkpoint(), "-o", self.path("model"), "--emit=plan", umask=mask)
            self.assertEqual(os.stat(self.path("model")).st_mode & 0o7777, mode)

    def test_gen_never_touches_what_is_there(self):
        config = write(self.path("config.json"), json.dumps(CONFIG))
        os.mkdir(self.path("full"))
        write(self.path("full", "x"), "x")
        os.symlink("nowhere", self.path("link"))
        for output, code in (("full", IO), ("config.json", IO), ("absent/out", IO), ("link", IO), ("", USAGE),
                             (UNWRITABLE + "/out", IO), ("/dev/full", IO)):
            with self.subTest(output=output):
                before = snapshot(self.folder)
                result = support.run("gen", "--config=" + config, "-o", output, cwd=self.folder)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertEqual(result.stdout, b"")
                self.assert_message(result, ("error",))
                self.assertEqual(snapshot(self.folder), before)

    def test_tensors_of_run(self):
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        model, shard, older = self.path("model.fathom"), self.path("model.safetensors"), self.path("older.npy")
        shutil.copy(support.artifact(), model)
        support.write(shard, "weights")
        for option in ("--logits", "--states"):
            for output, word in (("-", "standard output"), ("folder", "directory"), ("pipe", "pipe"), ("/dev/null", "device"),
                                 (model, "not a NumPy file"), (shard, "not a NumPy file"),
                                 ("absent/x.npy", "No such file"), (UNWRITABLE + "/x.npy", UNWRITABLE)):
                with self.subTest(option=option, output=output):
                    before = snapshot(self.folder)
                    result = support.run("run", model, "--token-ids=1", "-n1", option, output, cwd=self.folder)
                    self.assertIn(result.returncode, (USAGE, IO), result.stderr)
                    self.assert_message(result, (word,))
                    self.assertEqual(snapshot(self.folder), before)
        self.assertTrue(os.path.exists("/dev/null") and not os.path.isfile("/dev/null"))
        for _ in range(2):
            support.make("run", model, "--token-ids=1", "-n1", "--logits", older)


def run_as(user, *command):
    return subprocess.run(command, user=user, check=False).returncode


def can_mount():
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Limits(support.DriverTest):
    def fails_within(self, limits, code, *words, **options):
        return self.fails_to_compile(code, support.dense_checkpoint(), *words, limits=limits, **options)

    @unittest.skipUnless(can_mount(), "needs a mount namespace")
    def test_a_full_disk(self):
        script = 'mount -t tmpfs -o size=64k none "$1" && cd "$1" && echo old > model.fathom && ' \
                 '"$2" compile "$3" -o model.fathom; code=$?; ls -A; cat model.fathom; exit $code'
        command = ["unshare", "-rm", "sh", "-c", script, "sh", self.folder, FATHOM, support.dense_checkpoint()]
        result = subprocess.run(command, capture_output=True, timeout=120, check=False)
        self.assertEqual(result.returncode, IO, result.stderr)
        self.assertEqual(result.stdout, b"model.fathom\nold\n")
        self.assert_message(result, ("model.fathom", "No space left on device"))

    def test_sizes_of_files(self):
        for blocks in (16, 400):
            self.setUp()
            self.fails_within(f"ulimit -f {blocks}", IO, "File too large")

    @unittest.skipIf(support.SANITIZED, "sanitizers need address space")
    def test_memory(self):
        for mebibytes in (336, 352, 384, 448, 512): # With less, libraries that LLVM brings cannot start.
            with self.subTest(mebibytes=mebibytes):
                self.setUp()
                output = write(self.path("old.fathom"), "old")
                before = snapshot(self.folder)
                result = support.run("compile", support.dense_checkpoint(), "-o", output,
                                     limits=f"ulimit -v {mebibytes * 1024}")
                self.assertIn(result.returncode, (0, RESOURCES), result.stderr)
                self.assert_message(result)
                if result.returncode != 0:
                    self.assertIn(b"[resources]", result.stderr)
                    self.assertEqual(snapshot(self.folder), before)

    def test_a_small_stack(self):
        support.make("compile", support.dense_checkpoint(), "-o", self.path("model"), limits="ulimit -s 256")

    def test_surroundings_do_not_matter(self):
        gone = self.path("gone")
        os.mkdir(gone)
        command = 'cd "$0" && rmdir "$0" && env -i TMPDIR=/nonexistent "$1" compile "$2" -o "$3"'
        result = subprocess.run(["sh", "-c", command, gone, FATHOM, support.speaking_checkpoint(), self.path("model")],
                                capture_output=True, check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))

    def test_nothing_is_said_where_nothing_is_wrong(self):
        checkpoint = os.path.join(support.TREE, "test", "models", "demo")
        for mcpu in ("x86-64-v3", "x86-64-v4"):
            for weights in ("pack", "reference"):
                with self.subTest(mcpu=mcpu, weights=weights):
                    result = support.run("compile", checkpoint, "-o", self.path("model"), "--mcpu=" + mcpu,
                                         "--weights=" + weights)
                    self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))

    @unittest.skipIf(support.SANITIZED, "sanitizers need address space")
    def test_gen_takes_the_threads_it_gets(self):
        config = write(self.path("config.json"), json.dumps(CONFIG))
        support.make("gen", "--config=" + config, "-o", self.path("few"), "--threads=1024", limits="ulimit -v 600000")
        support.make("gen", "--config=" + config, "-o", self.path("one"), "--threads=1")
        self.assertEqual(snapshot(self.path("few")), snapshot(self.path("one")))

    def test_two_compilations_onto_one_file(self):
        alone = self.path("alone")
        support.make("compile", support.dense_checkpoint(), "-o", alone)
        commands = [[FATHOM, "compile", support.dense_checkpoint(), "-o", self.path("model"), "--threads=" + threads]
                    for threads in "12"]
        processes = [subprocess.Popen(command) for command in commands]
        self.assertEqual([process.wait(timeout=120) for process in processes], [0, 0])
        self.assertEqual(read(self.path("model")), read(alone))
        self.assertEqual(support.temporaries(self.folder), [])


class Streams(support.DriverTest):
    def commands(self):
        folder, model = support.dense_checkpoint(), support.artifact()
        return (["--version"], ["--help"], ["compile", "--help"], ["compile", folder, "-o", "-", "--emit=plan"],
                ["inspect", model], ["inspect", folder, "--json"], ["targets"], ["run", model, "-p", "a", "-n2"],
                ["run", model, "--help"], ["chat", model, "-p", "a", "-n2"], ["tokenize", model],
                ["bench", model, "-n2", "-p2", "--repetitions=1"])

    def test_a_full_device_is_not_success(self):
        for command in self.commands():
            with self.subTest(command=command), open("/dev/full", "wb") as full:
                result = subprocess.run([FATHOM, *command], input=b"a", stdout=full, stderr=subprocess.PIPE, timeout=120,
                                        check=False)
                self.assertEqual(result.returncode, IO, result.stderr)
                self.assertIn(b"No space left on device", result.stderr)
                self.assert_message(result)

    def test_a_reader_that_goes_away_is_told_nothing(self):
        for command in self.commands():
            with self.subTest(command=command):
                reader, writer = os.pipe()
                os.close(reader)
                result = subprocess.run([FATHOM, *command], input=b"a", stdout=writer, stderr=subprocess.PIPE,
                                        timeout=120, check=False)
                os.close(writer)
                self.assertEqual((result.returncode, result.stderr), (IO, b""))

    def test_closed_streams(self):
        command = '"$0" compile "$1" -o "$2" 0<&- 1>&- 2>&-'
        code = subprocess.run(["sh", "-c", command, FATHOM, support.dense_checkpoint(), self.path("model")],
                              check=False).returncode
        self.assertEqual(code, 0)
        support.make("inspect", self.path("model"))
        for command in ('"$0" --version 1>&-', '"$0" tokenize "$1" 0<&-'):
            result = subprocess.run(["sh", "-c", command, FATHOM, support.artifact()], capture_output=True, check=False)
            self.assertEqual(result.returncode, IO, command)
            self.assert_message(result, ("error",))


class Terminals(support.DriverTest):
    def shown(self, *arguments, terminal="xterm"):
        """What a terminal shows of both streams."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([FATHOM, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                                   env={**os.environ, "TERM": terminal})
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
        os.close(ours)
        self.assertEqual(process.wait(timeout=120), 0, shown)
        return shown

    def test_progress_is_not_mixed_with_ir(self):
        shown = self.shown("compile", support.dense_checkpoint(), "-o", "-", "--emit=deepseek")
        self.assertTrue(shown.startswith(b"module"), shown[:100])

    def test_progress_is_for_terminals_that_wipe_lines(self):
        folder = support.speaking_checkpoint()
        shown = self.shown("compile", folder, "-o", self.path("model"))
        self.assertIn(b"read checkpoint", shown)
        self.assertIn(b" MB", shown)
        self.assertTrue(shown.endswith(b"\r\x1b[K"), shown)
        self.assertEqual(self.shown("compile", folder, "-o", self.path("model"), terminal="dumb"), b"")


if __name__ == "__main__":
    support.main()
