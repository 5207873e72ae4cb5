# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Checks what clang-format does not see of the one way to write a file.

A header's guard is its path. What is private to a file is `static`; an anonymous namespace is for types, which cannot be.
Constants of a namespace or a class are kCamelCase.
"""

import re

from tree import Finding, files, main, read

GUARD = re.compile(r"^#ifndef (\w+)$", re.MULTILINE)
ANONYMOUS = re.compile(r"^namespace \{$(.*?)^\} // namespace$", re.MULTILINE | re.DOTALL)
# At the start of a line (members of a class are indented), what is neither a type nor a macro of a test.
NO_FUNCTION = r"(?! |struct|class|enum|union|using|template|namespace|extern|typedef|static_assert|[A-Z_]+\()"
FUNCTION = re.compile(rf"^{NO_FUNCTION}[\w:<>*&, ]+[ *&]~?\w+\(", re.MULTILINE)
CONSTANT = re.compile(r"^(?:  static |static |inline )?constexpr (?:const )?[\w:]+(?:<[^=;{]*>)?[ *]+(?!k[A-Z])(\w+)(?:\[\w*\])? ?[={]",
                      re.MULTILINE)


def check(root):
    """All files that are written another way."""
    findings = []
    for path in files(root, (".cpp", ".h", ".td")):
        text = read(root, path)
        guard = GUARD.search(text)
        if not path.endswith(".cpp") and guard and guard.group(1) != guard_of(path):
            findings.append(_finding(path, text, guard.start(), f"the guard of this file is '{guard_of(path)}'"))
        if not path.startswith("test/"):  # GoogleTest's way is to put whole files into an anonymous namespace
            findings += _functions(path, text)
        findings += [_finding(path, text, match.start(), f"'{match.group(1)}' is a constant: begin its name with k")
                     for match in CONSTANT.finditer(text)]
    return findings


def guard_of(path):
    """`runtime/include/fathom/kernel_abi.h` is included as `fathom/kernel_abi.h`; others from the root."""
    name = re.sub(r"\W", "_", path.split("/include/")[-1]).upper()
    return name if name.startswith("FATHOM_") else "FATHOM_" + name


def _functions(path, text):
    for namespace in ANONYMOUS.finditer(text):
        for function in FUNCTION.finditer(namespace.group(1)):
            where = namespace.start(1) + function.start()
            yield _finding(path, text, where, "make it static: anonymous namespaces are for types")


def _finding(path, text, offset, message):
    return Finding(path, text.count("\n", 0, offset) + 1, message)


if __name__ == "__main__":
    main(check)
