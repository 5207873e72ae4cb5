# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Equal input gives equal bytes, whatever the folder, the clock, the locale, the umask, the environment or the threads, and
nothing of them is inside.
"""

import os
import shutil
import unittest

import support
from support import read

SURROUNDINGS = (
    {"env": {}, "umask": 0o022},
    {"env": {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "HOME": "/nonexistent", "SOURCE_DATE_EPOCH": "1"},
     "umask": 0o077},
)


class SameBytes(support.DriverTest):
    def outputs(self, *options, names=("model",), checkpoint=support.dense_checkpoint):
        """The files that a compilation makes in each surroundings, each with a copy of the checkpoint."""
        results = []
        for i, surroundings in enumerate(SURROUNDINGS):
            folder = self.path("somewhere-else" * i + "x")
            os.mkdir(folder)
            shutil.copytree(checkpoint(), os.path.join(folder, "checkpoint"))
            source = os.path.join(folder, "checkpoint") if i else "checkpoint"
            support.make("compile", source, "-o", names[0], f"--threads={1 + 2 * i}", *options, cwd=folder, **surroundings)
            results.append([read(os.path.join(folder, name)) for name in names])
        return results

    def assert_same(self, *options, **more):
        first, second = self.outputs(*options, **more)
        self.assertEqual(first, second)
        secrets = [self.folder, support.SCRATCH, "somewhere-else", "Kiritimati"]
        for data in first:
            for secret in secrets:
                self.assertNotIn(secret.encode(), data)

    def test_artifacts(self):
        self.assert_same(checkpoint=support.speaking_checkpoint)

    def test_artifacts_of_generated_loops(self):
        self.assert_same("--no-kernels")

    def test_objects_and_their_headers(self):
        self.assert_same("--emit=obj", names=("model.o", "model.h"))

    @unittest.skipIf(support.SANITIZED, "executables are for builds without sanitizers")
    def test_executables(self):
        self.assert_same("--emit=exe")

    @unittest.skipIf(support.SANITIZED, "executables are for builds without sanitizers")
    def test_executables_hold_no_path_of_the_build(self):
        for path in (support.TREE, os.path.dirname(os.path.dirname(support.FATHOM))):
            self.assertNotIn(path.encode(), read(support.executable()))

    def test_ir(self):
        for phase in ("deepseek", "plan", "asm"):
            self.assert_same("--emit=" + phase)
            self.doCleanups()
            self.setUp()

    def test_references_name_the_checkpoint(self):
        first, second = self.outputs("--weights=reference")
        self.assertIn(os.path.join(self.path("x"), "checkpoint").encode(), first[0])
        self.assertIn(os.path.join(self.path("somewhere-elsex"), "checkpoint").encode(), second[0])


if __name__ == "__main__":
    support.main()
