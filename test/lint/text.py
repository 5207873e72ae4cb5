# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Checks what the text of files may not hold: paths of one machine, unfinished work without an issue, a missing header,
links to files that are not there, British spelling, turns of phrase that no native speaker would use.
"""

import os
import re

from tree import Finding, files, main, read

TEXT = (".cpp", ".h", ".c", ".td", ".def", ".fbs", ".py", ".sh", ".in", ".txt", ".md", ".json", ".mlir", ".test", ".cmake")
WITH_HEADER = (".cpp", ".h", ".c", ".py")
# Data: a vocabulary may well hold such words.
DATA = ("test/models/", "test/tokenizer/", "test/artifact/", "test/oracles/")

MACHINE_PATH = re.compile(r"""(?<![\w.$}/-])/(?:work|farm|root|home|Users|mnt|tmp)/[\w.-]""")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
UNFINISHED_WITH_ISSUE = re.compile(r"\bTODO\(#\d+\): \S")
BRITISH = re.compile(
    r"\w*(?:(?:optim|normal|recogn|initial|serial|organ|summar|special|general|minim|maxim|synchron|quant|vector|material|canonical"
    r"|token|parallel|final|penal)is(?:e[drs]?|ing|ations?)(?![a-z])|(?:neighbo|behavio|colo|favo)ur)\w*", re.IGNORECASE)
STIFF = re.compile(
    r"(?<!there )\b(?:is|are|was|were) (?:no(?! longer)|none of)\b (?=[a-z])|\bfor want of\b|\bhas behind it\b"
    r"|[,;] (?:supported|needed|allowed) (?:is|are)\b|\b(?:has|have) not (?:an?|the|\d+)\b", re.IGNORECASE)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
LICENSE_LINE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"


def check(root):
    """All findings in the text files of the tree."""
    findings = []
    for path in files(root):
        is_script = path.startswith(("tools/dev/", ".ci/"))
        if path.startswith(DATA) or not (path.endswith(TEXT) or is_script):
            continue
        text = read(root, path)
        if path.endswith(WITH_HEADER) and text.strip() and LICENSE_LINE not in "\n".join(text.splitlines()[:4]):
            findings.append(Finding(path, 1, f"the first lines must hold '{LICENSE_LINE}'"))
        if not path.startswith("test/lint/"):  # it names what it looks for
            findings += _line_findings(path, text)
        if path.endswith(".md"):
            findings += _dead_links(root, path, text)
    return findings


def _line_findings(path, text):
    findings = []
    for number, line in enumerate(text.splitlines(), 1):
        match = MACHINE_PATH.search(line)
        if match:
            findings.append(Finding(path, number, f"path of one machine: '{match.group(0)}...'"))
        match = BRITISH.search(line)
        if match:
            findings.append(Finding(path, number, f"American spelling, please: '{match.group(0)}'"))
        match = STIFF.search(line)
        if match:
            findings.append(Finding(path, number, f"plain English, please ('is not a', 'expected one of'): '{match.group(0)}'"))
        if UNFINISHED.search(line) and not UNFINISHED_WITH_ISSUE.search(line):
            findings.append(Finding(path, number, "write 'TODO(#issue): sentence', or finish it"))
    return findings


def _dead_links(root, path, text):
    findings = []
    for match in LINK.finditer(text):
        if not os.path.exists(os.path.join(root, os.path.dirname(path), match.group(1))):
            line = text.count("\n", 0, match.start()) + 1
            findings.append(Finding(path, line, f"links to '{match.group(1)}', which is not there"))
    return findings


if __name__ == "__main__":
    main(check)
