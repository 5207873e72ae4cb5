# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Where a process may have little: no /proc, few descriptors. What does not need it works, and what lacks it says so."""

import os
import subprocess
import unittest

import support
from support import FATHOM, RESOURCES, write

PROMPT = ("--token-ids=1,2,3", "-n", "3", "--output=token-ids")


def without_proc():
    """The command in front of one that is to see an empty /proc, or why this system has none."""
    namespace = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    command = [*namespace, "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" "$@"']
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return (command, None) if tried.returncode == 0 else (None, tried.stderr.decode(errors="replace"))


@unittest.skipIf(support.SANITIZED, "sanitizers read /proc")
class WithoutProc(support.DriverTest):
    def setUp(self):
        super().setUp()
        self.prefix, why = without_proc()
        if why:
            self.skipTest("this user cannot hide /proc: " + why)

    def succeeds(self, *command):
        result = subprocess.run([*self.prefix, *command], capture_output=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr.decode(errors="replace"))
        return result.stdout

    def test_everything_works(self):
        folder, artifact, program = support.dense_checkpoint(), self.path("model.fathom"), self.path("model")
        self.succeeds(FATHOM, "compile", folder, "-o", artifact)
        self.succeeds(FATHOM, "compile", folder, "-o", program, "--emit=exe")
        expected = support.make("run", artifact, *PROMPT).stdout
        self.assertEqual(self.succeeds(FATHOM, "run", artifact, *PROMPT), expected)
        self.assertEqual(self.succeeds(FATHOM, "run", folder, *PROMPT), expected)
        self.assertEqual(self.succeeds(program, *PROMPT), expected)
        self.assertEqual(self.succeeds("sh", "-c", f'cd "{self.folder}" && PATH=.:$PATH exec model {" ".join(PROMPT)}'),
                         expected)
        self.succeeds(FATHOM, "inspect", artifact)
        self.succeeds(FATHOM, "bench", artifact, "-p", "2", "-n", "2")


class FewDescriptors(support.DriverTest):
    def test_every_number_of_them_works_or_is_explained(self):
        output = write(self.path("old.fathom"), "old")
        for command in (("compile", support.dense_checkpoint(), "-o", output), ("run", support.dense_checkpoint(), *PROMPT)):
            codes = []
            for number in (4, 6, 8):
                result = support.run(*command, limits=f"ulimit -n {number}")
                self.assertIn(result.returncode, (0, RESOURCES), (number, result.stderr))
                if result.returncode != 0:
                    self.assert_message(result, ("Too many open files", "ulimit -n"))
                codes.append(result.returncode)
            self.assertIn(RESOURCES, codes)
            self.assertEqual(codes[-1], 0)

    @unittest.skipIf(support.SANITIZED, "this build writes no executables")
    def test_not_one_for_a_program(self):
        program = support.executable()
        self.fails(RESOURCES, *PROMPT, program=program, limits="ulimit -n 3", words=("Too many open files", "ulimit -n"))


if __name__ == "__main__":
    support.main()
