# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What signals end, and with which code; nothing half written is left."""

import json
import os
import signal
import subprocess
import time

import support
from support import CONFIG, FATHOM, INTERNAL, RESOURCES, read, snapshot, write


def reads_input(process):
    """Whether the process waits in read(0, ...), the first of system calls on x86-64."""
    return read(f"/proc/{process}/syscall").startswith(b"0 0x0 ")


def catches(process, number):
    """Whether the process has a handler for the signal: proc(5), SigCgt."""
    status = read(f"/proc/{process}/status").decode().split()
    return bool(int(status[status.index("SigCgt:") + 1], 16) >> (number - 1) & 1)


@support.Once
def big_checkpoint(path):
    """Half a gigabyte of holes: packing it takes long enough to be interrupted."""
    config = {**CONFIG, "num_hidden_layers": 1, "vocab_size": 65536, "hidden_size": 1024}
    support.generate(path, config, "--headers-only")


class Signals(support.DriverTest):
    def start_packing(self, **options):
        """The compiler, and its temporary file is there."""
        write(self.path("model.fathom"), "old")
        self.before = snapshot(self.folder)
        process = subprocess.Popen([FATHOM, "compile", big_checkpoint(), "-o", self.path("model.fathom")],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(process.communicate)
        while process.poll() is None and not support.temporaries(self.folder):
            time.sleep(0.001)
        self.assertIsNone(process.poll(), "the compiler ended before it could be interrupted")
        return process

    def assert_nothing_left(self, process, code):
        output, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, output, errors), (code, b"", b""))
        self.assertEqual(snapshot(self.folder), self.before)

    def test_packing_can_be_interrupted(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            with self.subTest(signal=number):
                process = self.start_packing()
                process.send_signal(number)
                self.assert_nothing_left(process, code)

    def test_a_terminal_interrupts_the_whole_group(self):
        process = self.start_packing(start_new_session=True)
        os.killpg(process.pid, signal.SIGINT)
        self.assert_nothing_left(process, 130)

    def test_two_signals(self):
        process = self.start_packing()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        self.assert_nothing_left(process, 130)

    def test_an_assembler_ends_with_the_compiler(self):
        """And what it has started, where it is a script around another."""
        folder, started = self.path("temporary"), self.path("started")
        os.mkdir(folder)
        ptxas = write(self.path("ptxas"), f"#!/bin/sh\n[ $1 = --version ] && exit\nsleep 600 &\necho $$ $! > {started}.new\n"
                                          f"mv {started}.new {started}\nwait\n")
        os.chmod(ptxas, 0o755)
        process = subprocess.Popen([FATHOM, "compile", support.checkpoint(), "-o", self.path("model.fathom"), "--target=cuda"],
                                   env={**os.environ, "FATHOM_PTXAS": ptxas, "TMPDIR": folder}, stderr=subprocess.DEVNULL)
        while process.poll() is None and not os.path.exists(started):
            time.sleep(0.001)
        process.terminate()
        self.assertEqual(process.wait(timeout=60), 143)
        self.assertEqual(os.listdir(folder), [])
        for process in read(started).split():
            self.assertRaises(ProcessLookupError, os.kill, int(process), 0)

    def test_what_a_shell_had_started_before_goes_on(self):
        """It is a child of the compiler that the shell becomes."""
        shell = f"sleep 600 >&- 2>&- & echo $!; exec {FATHOM} compile {support.checkpoint()} -o {self.path('model.fathom')}"
        done = subprocess.run(["sh", "-c", shell], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        os.kill(int(done.stdout.split()[0]), signal.SIGTERM)  # raises if it is gone

    def test_killed_without_warning(self):
        process = self.start_packing()
        process.kill()
        process.communicate()
        # The child notices that its parent is gone.
        for _ in range(6000):
            if not support.temporaries(self.folder):
                break
            time.sleep(0.01)
        self.assertEqual(snapshot(self.folder), self.before)

    def test_how_a_child_dies_is_explained(self):
        ends = [(signal.SIGKILL, RESOURCES, b"the compiler was killed at step"), (signal.SIGXCPU, RESOURCES, b"ulimit -t")]
        if not support.SANITIZED:  # There a crash is the sanitizer's to explain.
            ends.append((signal.SIGSEGV, INTERNAL, b"this is a bug in Fathom; please report it"))
        for number, code, words in ends:
            with self.subTest(signal=number):
                process = self.start_packing()
                children = read(f"/proc/{process.pid}/task/{process.pid}/children").split()
                os.kill(int(children[0]), number)
                _, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, code)
                self.assertIn(words, errors)
                self.assertEqual(snapshot(self.folder), self.before)

    def test_waiting_for_a_prompt_can_be_interrupted(self):
        for verb in ("run", "chat"):
            for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
                with self.subTest(verb=verb, signal=number), self.running(verb, support.artifact()) as process:
                    while not reads_input(process.pid) and process.poll() is None:
                        time.sleep(0.001)
                    process.send_signal(number)
                    self.assertEqual(process.wait(timeout=60), code)
                    self.assertEqual((process.stdout.read(), process.stderr.read()), (b"", b""))

    def test_a_batch_can_be_interrupted(self):
        artifact = self.path("long.fathom")
        support.make("compile", os.path.join(support.TREE, "test", "models", "v32-tiny"), "-o", artifact)
        lines = write(self.path("lines"), "\n".join(["1,2,3"] * 64))
        with self.running("run", artifact, "--batch-file=" + lines, "-n", "4000", "--output=token-ids") as process:
            while not catches(process.pid, signal.SIGINT) and process.poll() is None:
                time.sleep(0.001)
            time.sleep(0.05)  # into the batch, usually; before it, the answer is the same
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=60), 130)
            self.assertEqual((process.stdout.read(), process.stderr.read()), (b"", b""))

    def test_a_simulated_gpu_can_be_interrupted(self):
        """In a chunk of a prompt, which takes it minutes."""
        model = self.path("model.fathom")
        support.make("compile", os.path.join(support.TREE, "test", "models", "v32-tiny"), "-o", model, "--target=cuda",
                     "--cubin=none")
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(signal=number), self.running("bench", model, "-p", "512", "--device=ptxsim") as process:
                while not catches(process.pid, number) and process.poll() is None:
                    time.sleep(0.001)
                time.sleep(0.1)  # into the chunk, usually; before it, the answer is the same
                process.send_signal(number)
                self.assertEqual(process.wait(timeout=60), code)
                self.assertEqual((process.stdout.read(), process.stderr.read()), (b"", b""))

    def test_any_moment(self):
        output = write(self.path("model.fathom"), "old")
        for delay in (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3):
            process = subprocess.Popen([FATHOM, "compile", support.dense_checkpoint(), "-o", output])
            time.sleep(delay)
            process.terminate()
            # Before the driver has its handlers, the signal ends it as it ends any program.
            self.assertIn(process.wait(timeout=60), (0, 143, -signal.SIGTERM))
            self.assertEqual(os.listdir(self.folder), ["model.fathom"])
            if process.returncode != 0:
                self.assertEqual(read(output), b"old")
            write(output, "old")

    def test_gen(self):
        config = write(self.path("config.json"), json.dumps({**CONFIG, "vocab_size": 65536, "hidden_size": 1024}))
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = subprocess.Popen([FATHOM, "gen", "--config=" + config, "-o", self.path("out")],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while process.poll() is None and len(os.listdir(self.folder)) < 2:
                time.sleep(0.001)
            process.send_signal(number)
            output, errors = process.communicate(timeout=60)
            self.assertEqual((process.returncode, output), (code, b""), errors)
            self.assertEqual(os.listdir(self.folder), ["config.json"])

    def test_gen_that_is_killed_leaves_no_half_file(self):
        config = write(self.path("config.json"), json.dumps({**CONFIG, "vocab_size": 65536, "hidden_size": 1024}))
        folder = self.path("out")
        process = subprocess.Popen([FATHOM, "gen", "--config=" + config, "-o", folder])
        while process.poll() is None and not (os.path.isdir(folder) and os.listdir(folder)):
            time.sleep(0.001)
        process.kill()
        process.wait(timeout=60)
        self.assertEqual([name for name in os.listdir(folder) if not name.startswith(".model.safetensors.tmp")], [])


if __name__ == "__main__":
    support.main()
