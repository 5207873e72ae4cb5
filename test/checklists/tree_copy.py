# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""A copy of the tree, and programs run in it."""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "lint"))
from tree import files


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def _read_bytes(path):
    with open(path, "rb") as stream:
        return stream.read()


def copy_tree(source, target):
    """Makes `target` hold the files of `source`; files that are the same keep their time, so nothing rebuilds for them."""
    names = files(source)
    for name in names:
        old, new = os.path.join(target, name), os.path.join(source, name)
        if not os.path.isfile(old) or _read_bytes(old) != _read_bytes(new):
            os.makedirs(os.path.dirname(old), exist_ok=True)
            shutil.copy(new, old)
    for name in set(files(target)) - set(names):
        os.remove(os.path.join(target, name))


def run(*command, cwd):
    """The output of a command that succeeds; else everything ends, with what it said."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {result.returncode}\n{result.stdout[-8000:]}\n{result.stderr[-8000:]}")
    return result.stdout


def find_program(build, name):
    found = [os.path.join(folder, name) for folder, _, names in os.walk(build) if name in names]
    return next(path for path in found if os.access(path, os.X_OK))
