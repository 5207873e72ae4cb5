# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""--cache-dir: an artifact has the bytes that it has without, whatever is in the folder, and nothing of a folder is an error."""

import os

import support
from support import make, read, write


@support.Once
def plain(path):
    """An artifact that is made without a cache."""
    make("compile", support.dense_checkpoint(), "-o", path, cwd=support.SCRATCH)


class CodeCache(support.DriverTest):
    def compile(self, *options):
        """The bytes of an artifact."""
        result = make("compile", support.dense_checkpoint(), "-o", self.path("model"), *options, cwd=self.folder)
        self.assert_message(result)
        return read(self.path("model"))

    def entries(self):
        return {name: os.stat(self.path("cache", name)).st_ino for name in os.listdir(self.path("cache"))
                if name.startswith("llvmcache-")}

    def test_found_code_is_what_would_be_generated(self):
        option = "--cache-dir=" + self.path("cache")
        self.assertEqual(self.compile(option), read(plain()))
        entries = self.entries()
        self.assertEqual(self.compile(option, "--threads=3"), read(plain()))
        self.assertEqual(self.entries(), entries)  # none was written again
        self.compile(option, "--max-context=64")
        self.assertLess(len(self.entries()), 2 * len(entries))  # kernels are the same

    def test_damaged_code_is_generated_again(self):
        option = "--cache-dir=" + self.path("cache")
        self.compile(option)
        for name in self.entries():
            path = self.path("cache", name)
            write(path, read(path)[:-20] + bytes(20))
        self.assertEqual(self.compile(option), read(plain()))
        self.assertEqual(self.compile(option), read(plain()))

    def test_a_folder_that_cannot_be_is_none(self):
        write(self.path("file"), "text")
        self.assertEqual(self.compile("--cache-dir=" + self.path("file", "cache")), read(plain()))

    def test_what_is_no_file_is_no_code(self):
        option = "--cache-dir=" + self.path("cache")
        self.compile(option)
        for name in self.entries():
            os.unlink(self.path("cache", name))
            os.mkfifo(self.path("cache", name))
        self.assertEqual(self.compile(option), read(plain()))

    def test_options_without_machine_code(self):
        self.fails(support.USAGE, "compile", support.dense_checkpoint(), "-o", self.path("model"), "--cache-dir=",
                   words=("--cache-dir names no folder",))
        self.fails(support.USAGE, "compile", support.dense_checkpoint(), "-o", "-", "--emit=asm", "--cache-dir=x",
                   words=("--cache-dir has no effect", "--emit=asm"))


if __name__ == "__main__":
    support.main()
