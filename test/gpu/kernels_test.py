# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Tests of kernels on the simulated GPU: PTX as `fathom compile` makes it of a kernel with a test's constants, and not only
what stands in for a GPU on this machine.

    kernels_test.py PROGRAMS FOLDER SM [FILTER]
"""

import os
import subprocess
import sys
import tempfile

from kernels import write_code

PROGRAMS, FOLDER, SM = sys.argv[1:4]
# All but what takes most of the time, many shapes where another test has some, and long contexts: the rest is a minute.
SLOW = ("*GemmTest.MatchesReference*", "*GemmTest.RoundsNumbersOnce*", "*GemmTest.RowAlone*", "*GemmSwigluTest.MatchesReference*",
        "*.CombinedHaveTheBits*", "*GqaAttentionTest.AttendsTo*", "*GqaAttentionTest.MatchesReference*", "*.SelectsTheSame*",
        "*.AnyPartsSelect*", "*.HardNumbers*")
# Kernels that other architectures have as well are run for the oldest.
TESTS = sys.argv[4] if len(sys.argv) > 4 else f"*/sm_{SM}_*:-" + ":".join(SLOW)


def main():
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        code = os.path.join(scratch, "kernels.code")
        write_code(PROGRAMS, TESTS, [SM], code)
        environment = {**os.environ, "FATHOM_TEST_DEVICE": "ptxsim", "FATHOM_KERNEL_CODE": code}
        return subprocess.run([os.path.join(PROGRAMS, "fathom_kernels_test"), "--gtest_filter=" + TESTS], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
