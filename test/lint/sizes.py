# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Checks the size budgets: lines per file, long functions, and what the tracked files weigh together.

A file over its budget holds two things; split it. The numbers come from the codebases this one learns from.
"""

import os
import re

from tree import Finding, files, main, read

TOTAL_BYTES = 50 * 1024 * 1024
LONG_FUNCTION = 60
LONG_FUNCTION_SHARE = 0.05

NO_FUNCTION = ("namespace", "struct", "class", 'extern "C" {')

# The first pattern that matches a path decides; None: no budget.
LINES = [
    (r"^kernels/ref/.*\.(cpp|h)$", 400),
    (r"^kernels/.*\.(cpp|h)$", 500),
    (r"^runtime/include/fathom/", None),
    (r"^passes/.*/Passes\.td$", 400),
    (r"^passes/.*\.cpp$", 400),
    (r"^tools/[^/]+/main\.(cpp|c)$", 60),
    (r"\.td$", 700),
    (r"\.mlir$", 300),
    (r"\.(cpp|cc|c)$", 600),
    (r"^test/.*\.h$", 400),
    (r"\.h$", 250),
    (r"\.py$", 400),
    (r"(^|/)CMakeLists\.txt$", 150),
]


def check(root):
    """Files over budget, too large a share of long functions, and the total."""
    paths = files(root)
    return _long_files(root, paths) + _long_functions(root, paths) + _total(root)


def budget(path):
    """The most lines `path` may have, or None."""
    for pattern, lines in LINES:
        if re.search(pattern, path):
            return lines
    return None


def _long_files(root, paths):
    findings = []
    for path in paths:
        most = budget(path)
        count = read(root, path).count("\n") if most else 0
        if most and count > most:
            findings.append(Finding(path, 0, f"{count} lines, the budget is {most}: split it"))
    return findings


def functions(text):
    """(line, length) of the functions that begin in the first column, as clang-format leaves definitions."""
    start, inside = None, False
    for number, line in enumerate(text.splitlines(), 1):
        if not inside and re.match(r"[A-Za-z_].*\(", line) and not line.startswith(NO_FUNCTION):
            start = None if line.endswith((";", "}")) else number
        inside = inside or (start is not None and line.endswith("{"))
        if inside and line.startswith("}"):
            yield start, number - start + 1
            start, inside = None, False


def _long_functions(root, paths):
    total, long = 0, []
    for path in paths:
        # Kernels are exempt: an unrolled body is one thing. Tests read top to bottom.
        if not path.endswith((".cpp", ".c")) or path.startswith(("kernels/", "test/")):
            continue
        for line, length in functions(read(root, path)):
            total += 1
            if length > LONG_FUNCTION:
                long.append(Finding(path, line, f"function of {length} lines; {LONG_FUNCTION} is long"))
    if len(long) <= LONG_FUNCTION_SHARE * total:
        return []
    share = f"{len(long)} of {total} functions are longer than {LONG_FUNCTION} lines; at most 5 % may be"
    return long + [Finding("functions", 0, share)]


def _total(root):
    paths = files(root, tracked_only=True)
    size = sum(os.path.getsize(os.path.join(root, path)) for path in paths)
    if size <= TOTAL_BYTES:
        return []
    return [Finding(".", 0, f"tracked files hold {size} bytes together, the bound is {TOTAL_BYTES}")]


if __name__ == "__main__":
    main(check)
