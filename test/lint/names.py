# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Checks that one stem names a thing everywhere.

A pass: its definition, its source file, its flag and its test. A kernel: its row in the catalog, its source file and
the symbol in it.
"""

import os
import re
import sys

from tree import Finding, files, main, read

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "dev"))
from naming import pass_flag

PASS = re.compile(r'^def (\w+)\s*:\s*Pass<\s*"([^"]*)"', re.MULTILINE)
GENERATED_BASE = re.compile(r"^#define GEN_PASS_DEF_(\w+)", re.MULTILINE)
KERNEL_ROW = re.compile(r"^\s*FATHOM_KERNEL\(\s*(\w+)", re.MULTILINE)
KERNEL_DEFINITION = re.compile(r"^FATHOM_DEFINE_KERNEL\(\s*(\w+)", re.MULTILINE)
CATALOG = "kernels/catalog.def"
KERNEL_FOLDERS = ("kernels/cpu/", "kernels/nvptx/")


def check(root):
    """All names in the tree that disagree."""
    paths = files(root)
    return _passes(root, paths) + _kernels(root, paths)


def _line(text, match):
    return text.count("\n", 0, match.start()) + 1


def _passes(root, paths):
    findings, defined = [], set()
    for definitions in (p for p in paths if re.fullmatch(r"passes/\w+/Passes\.td", p)):
        text = read(root, definitions)
        for match in PASS.finditer(text):
            defined.add(match.group(1).upper())
            where = (definitions, _line(text, match))
            findings += [Finding(*where, message) for message in _pass_messages(paths, definitions, *match.groups())]
    for path in (p for p in paths if re.fullmatch(r"passes/.*\.cpp", p)):
        text = read(root, path)
        stem = os.path.basename(path).removesuffix(".cpp")
        for match in GENERATED_BASE.finditer(text):
            if match.group(1) not in defined:
                findings.append(Finding(path, _line(text, match), f"no Passes.td defines a pass '{match.group(1)}'"))
            elif match.group(1) != stem.upper():
                findings.append(Finding(path, _line(text, match), f"the file of this pass is not called '{stem}.cpp'"))
    return findings


def _pass_messages(paths, definitions, name, flag):
    phase = definitions.split("/")[1]
    stem = pass_flag(name).removeprefix("fathom-")
    if name.endswith("Pass"):
        yield f"'{name}' ends in 'Pass': leave it out"
    if flag != pass_flag(name):
        yield f"the flag of '{name}' is '{flag}': expected '{pass_flag(name)}'"
    if f"passes/{phase}/{name}.cpp" not in paths:
        yield f"'{name}' has no passes/{phase}/{name}.cpp"
    tests = rf"test/passes/{phase}/{re.escape(stem)}(-[\w-]+)?\.mlir"
    if not any(re.fullmatch(tests, path) for path in paths):
        yield f"'{name}' has no test/passes/{phase}/{stem}.mlir"


def _kernels(root, paths):
    if CATALOG not in paths:
        return []
    text = read(root, CATALOG)
    # Rows in comments explain the format; a row begins its line.
    rows = {match.group(1): _line(text, match) for match in KERNEL_ROW.finditer(text)}
    sources = {os.path.basename(p).removesuffix(".cpp"): p
               for p in paths if p.startswith(KERNEL_FOLDERS) and p.endswith(".cpp")}
    findings = []
    for symbol, line in rows.items():
        if symbol not in sources:
            findings.append(Finding(CATALOG, line, f"kernel '{symbol}' has no file of that name"))
        elif not re.search(rf"\b{symbol}\b", re.sub(r"//.*", "", read(root, sources[symbol]))):
            findings.append(Finding(sources[symbol], 0, f"does not define '{symbol}'"))
    for stem, path in sorted(sources.items()):
        code = read(root, path)
        for match in KERNEL_DEFINITION.finditer(code):
            if match.group(1) not in rows:
                message = f"kernel '{match.group(1)}' has no row in {CATALOG}"
                findings.append(Finding(path, _line(code, match), message))
            elif match.group(1) != stem:
                findings.append(Finding(path, _line(code, match), f"this kernel belongs into '{match.group(1)}.cpp'"))
    return findings


if __name__ == "__main__":
    main(check)
