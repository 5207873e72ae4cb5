# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Checks that one stem names a thing everywhere.

A pass: its definition, its source file, its flag and its test. A kernel: its op, its row in a device's instances.def and
its source file. A decision: the number of its page, in its file's name and in its title.
"""

import os
import re
import sys

from tree import Finding, files, main, read

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "dev"))
from naming import pass_flag

PASS = re.compile(r'^def (\w+)\s*:\s*Pass<\s*"([^"]*)"', re.MULTILINE)
GENERATED_BASE = re.compile(r"^#define GEN_PASS_DEF_(\w+)", re.MULTILINE)
# Rows in comments explain the format; a row begins its line.
OP_ROW = re.compile(r"^FATHOM_OP\((\w+)", re.MULTILINE)
INSTANCES_ROW = re.compile(r"^FATHOM_INSTANCES\((\w+), (\w+)", re.MULTILINE)
OPS = "kernels/ops.def"
INSTANCES = re.compile(r"kernels/\w+/instances\.def")
DECISION = re.compile(r"docs/rationale/(\d{4})-[a-z0-9-]+\.md")


def check(root):
    """All names in the tree that disagree."""
    paths = files(root)
    return _passes(root, paths) + _kernels(root, paths) + _decisions(root, paths)


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
    if OPS not in paths:
        return []
    text = read(root, OPS)
    ops = {match.group(1): _line(text, match) for match in OP_ROW.finditer(text)}
    findings, used = [], set()
    for table in filter(INSTANCES.fullmatch, paths):
        text = read(root, table)
        rows = [(match.groups(), _line(text, match)) for match in INSTANCES_ROW.finditer(text)]
        used.update(op for (op, _), _ in rows)
        findings += [Finding(table, line, f"{OPS} has no op '{op}'") for (op, _), line in rows if op not in ops]
        findings += _sources(root, paths, table, rows)
    return findings + [Finding(OPS, line, f"no device has a kernel for '{op}'")
                       for op, line in ops.items() if op not in used]


def _sources(root, paths, table, rows):
    """Sources of one device that its table does not name, and the other way around."""
    folder = os.path.dirname(table)
    defining = [p for p in paths if os.path.dirname(p) == folder and p.endswith(".cpp")
                and "FATHOM_DEFINE_KERNEL(" in read(root, p)]
    named = {f"{folder}/{source}.cpp" for (_, source), _ in rows}
    for (op, source), line in rows:
        if f"{folder}/{source}.cpp" not in defining:
            yield Finding(table, line, f"'{op}' has no {folder}/{source}.cpp with FATHOM_DEFINE_KERNEL")
    for path in defining:
        if path not in named:
            yield Finding(path, 0, f"has no row in {table}")


def _decisions(root, paths):
    """Pages of docs/rationale whose number is another's, or not that of their title."""
    findings, taken = [], {}
    for path in paths:
        match = DECISION.fullmatch(path)
        if not match:
            continue
        number = match.group(1)
        if number in taken:
            findings.append(Finding(path, 0, f"{number} is the number of {taken[number]} already"))
        taken.setdefault(number, path)
        if not read(root, path).startswith(f"# {number}: "):
            findings.append(Finding(path, 1, f"the title must begin with '# {number}: '"))
    return findings


if __name__ == "__main__":
    main(check)
