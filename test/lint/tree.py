# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""What every check of this folder shares: the files of a tree, findings, and a command line.

A check is a module with `check(root)` that returns a list of Finding. Run as a script, it prints them like a compiler
does and ends with status 1 if there are any.
"""

import os
import subprocess
import sys
from typing import NamedTuple

SKIPPED_FOLDERS = {".git", "build", "install", "__pycache__", ".cache"}


class Finding(NamedTuple):
    """One violation: a path relative to the root, a line (0 for the whole file) and a message."""

    path: str
    line: int
    message: str

    def __str__(self):
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: error: {self.message}"


def files(root, suffixes=None, tracked_only=False):
    """Paths relative to `root`, sorted: what git tracks and, unless `tracked_only`, what it would track.

    Outside a git work tree, e.g. in an unpacked archive, every file below `root` counts.
    """
    names = _from_git(root, tracked_only)
    if names is None:
        names = _from_disk(root)
    return sorted(n for n in names if suffixes is None or n.endswith(tuple(suffixes)))


def _from_git(root, tracked_only):
    if not os.path.exists(os.path.join(root, ".git")):
        return None
    # A clone made by another user (a container's bind mount) is as good as ours to list.
    command = ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached"]
    if not tracked_only:
        command += ["--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    names = {name for name in listing.decode().split("\0") if name}
    return [name for name in names if os.path.isfile(os.path.join(root, name))]


def _from_disk(root):
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [s for s in subfolders if s not in SKIPPED_FOLDERS]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def read(root, path):
    """The file's text; bytes that are not UTF-8 become replacement characters."""
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as stream:
        return stream.read()


def main(check):
    """Runs `check` on the folder named on the command line, or on the tree this file stands in."""
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(here))
    findings = check(root)
    for finding in findings:
        print(finding)
    if findings:
        sys.exit(1)
