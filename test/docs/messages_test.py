# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Checks that the messages docs/troubleshooting.md explains are messages of the sources: a page about a message that has
changed helps nobody. `…` on the page stands for what a message is filled with.
"""

import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = "docs/troubleshooting.md"
FOLDERS = ("codegen", "dialects/support", "frontend", "passes/raise", "runtime", "tools")
# What is between the pieces of one message in C++: line breaks of a literal, and values.
BREAK = re.compile(r'"\s*\n\s*"')


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def literals():
    """The text of all C++ sources, each literal in one piece."""
    paths = [path for folder in FOLDERS for path in glob.glob(os.path.join(ROOT, folder, "**", "*.[ch]*"), recursive=True)]
    return "\n".join(BREAK.sub("", read(path)) for path in sorted(paths))


def explained(page):
    """(line, message) of what stands in backquotes in the first column of a table."""
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("| `"):
            yield from ((number, message) for message in re.findall(r"`([^`]+)`", line.split("|")[1]))


def main():
    sources = literals()
    missing = [(line, piece) for line, message in explained(read(os.path.join(ROOT, PAGE)))
               for piece in message.split("…") if piece.strip() and piece not in sources]
    for line, piece in missing:
        print(f"{PAGE}:{line}: no source says '{piece}'")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
