# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# symbols_test.py COMPILER FOLDER ARCHIVE...: linked into a shared library, the runtime shows nothing but fathom_*.

import os
import re
import subprocess
import sys

compiler, folder, *archives = sys.argv[1:]
library = os.path.join(folder, "libfathom_symbols.so")
subprocess.run([compiler, "-shared", "-nostdlib++", "-o", library, "-Wl,--whole-archive", archives[0], archives[1],
                "-Wl,--no-whole-archive", "-Wl,--exclude-libs,libutf8proc.a", archives[2]], check=True)
table = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
symbols = [line.split()[-1] for line in table.splitlines()]
wrong = [symbol for symbol in symbols if not re.fullmatch(r"fathom_[a-z_]+", symbol)]
header = os.path.join(os.path.dirname(__file__), "../../runtime/include/fathom/fathom.h")
code = re.sub(r"static inline [^}]*}", "", re.sub(r"//.*", "", open(header).read()))
declared = set(re.findall(r"\b(fathom_\w+)\(", code))
missing = sorted(declared - set(symbols))
if wrong or missing:
    sys.exit(f"exported but not fathom_*: {wrong}\ndeclared but not exported: {missing}")
print(f"{len(symbols)} symbols")
