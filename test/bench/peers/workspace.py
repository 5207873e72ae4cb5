# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The folder everything is built in, and how commands are run there."""

import fcntl
import os
import subprocess
import sys
import time


class Workspace:
    """A folder that keeps what was downloaded, built and converted; what is there is not made again."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.begin = time.monotonic()
        os.makedirs(self.path("log"), exist_ok=True)
        self.lock = open(self.path("lock"), "w", encoding="utf-8")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"error: another run works in {self.root}")

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def say(self, text):
        """A line for the reader, with the seconds since the program began."""
        print(f"[{time.monotonic() - self.begin:4.0f}s] {text}", file=sys.stderr, flush=True)

    def step(self, name, title, command, cwd=None):
        """Runs work that nobody measures, at the lowest priority, its output in log/NAME.log."""
        self.say(title)
        log = self.path("log", name + ".log")
        with open(log, "w", encoding="utf-8") as stream:
            status = subprocess.run(["nice", "-n", "19", *command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=stream,
                                    stderr=subprocess.STDOUT, check=False).returncode
        if status != 0:
            with open(log, encoding="utf-8", errors="replace") as stream:
                tail = "".join(stream.readlines()[-30:])
            sys.exit(f"error: '{title}' failed with status {status}; the end of {log}:\n{tail}")

    def output(self, command):
        """What a command prints to standard output; its standard error is shown only when it fails."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"error: status {done.returncode} from {' '.join(command)}:\n{done.stderr[-4000:]}")
        return done.stdout
