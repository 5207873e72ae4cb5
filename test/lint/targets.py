# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Checks that what all targets share names none of them.

Dialects, the phases up to `plan` and codegen/llvm go by `deepseek.target` and the catalog of kernels; what a machine is
like stands in the attributes of the two.
"""

import re

from tree import Finding, files, main, read

SHARED = ("dialects/", "passes/model/", "passes/fuse/", "passes/plan/", "codegen/llvm/")
# The attributes that say what a machine is like.
EXEMPT = ("dialects/deepseek/DeepSeekAttrs.td", "dialects/deepseek/DeepSeekAttrs.cpp")
ATTRIBUTE = re.compile(r"#deepseek\.(?:layout|target)<[^>]*>")
WORD = re.compile(r"cuda|nvptx|\bsm_?\d|avx|\bamx|panel", re.IGNORECASE)


def check(root):
    """All words in shared code that are of one target."""
    findings = []
    for path in files(root, (".cpp", ".h", ".td")):
        if not path.startswith(SHARED) or path in EXEMPT:
            continue
        for number, line in enumerate(read(root, path).splitlines(), 1):
            match = WORD.search(ATTRIBUTE.sub("", line))
            if match:
                findings.append(Finding(path, number, f"'{match.group()}' is of one target: ask deepseek.target or the "
                                                      "catalog of kernels"))
    return findings


if __name__ == "__main__":
    main(check)
