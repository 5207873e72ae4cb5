# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Where a process may do little: no /proc, few descriptors, no memory that becomes executable. What does not need it works,
and what lacks it says so.
"""

import ctypes
import errno
import os
import struct
import subprocess
import unittest

import support
from support import FATHOM, IO, RESOURCES, write

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


@unittest.skipIf(support.SANITIZED, "this build writes no executables")
class SmallFiles(support.DriverTest):
    def test_a_program_needs_no_file(self):
        program = support.executable()
        expected = support.make(*PROMPT, program=program).stdout
        result = support.run(*PROMPT, program=program, limits="ulimit -f 0")
        self.assertEqual((result.returncode, result.stdout), (0, expected), result.stderr)

    def test_an_answer_that_has_no_room(self):
        output = write(self.path("answer"), "")
        self.fails(IO, *PROMPT, program=support.executable(), limits=f"ulimit -f 0; exec >'{output}'",
                   words=("standard output: File too large",))


SYS_MMAP, SYS_MPROTECT, SYS_MEMFD_CREATE = 9, 10, 319
PROT_WRITE, PROT_EXEC = 2, 4
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, PR_GET_MDWE = 22, 38, 65, 66


def prctl(*arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*arguments, *[0] * (5 - len(arguments))) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def filter_calls(*more):
    """What systemd does for MemoryDenyWriteExecute=yes, and refusing `more` system calls altogether."""
    load, jump_if_equal, jump_if_set, mask, give = 0x20, 0x15, 0x45, 0x54, 0x06
    refuse, allow = (give, 0, 0, 0x50000 | errno.EPERM), (give, 0, 0, 0x7fff0000)
    number, protection = (load, 0, 0, 0), (load, 0, 0, 32)
    program = [number, (jump_if_equal, 0, 4, SYS_MPROTECT), protection, (jump_if_set, 0, 1, PROT_EXEC), refuse, allow,
               (jump_if_equal, 0, 5, SYS_MMAP), protection, (mask, 0, 0, PROT_WRITE | PROT_EXEC),
               (jump_if_equal, 0, 1, PROT_WRITE | PROT_EXEC), refuse, allow]
    for call in more:
        program += [(jump_if_equal, 0, 1, call), refuse]
    program.append(allow)
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in program))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, 2, ctypes.c_char_p(struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(code))))


@unittest.skipIf(support.SANITIZED, "sanitizers map memory as they like")
class NoWritableCode(support.DriverTest):
    def check(self, confine, *models):
        for model in models:
            expected = support.make("run", model, *PROMPT).stdout
            result = support.run("run", model, *PROMPT, preexec_fn=confine)
            self.assertEqual((result.returncode, result.stdout), (0, expected), (model, result.stderr))

    def test_by_the_kernel(self):
        try:
            prctl(PR_GET_MDWE)
        except OSError as error:
            self.skipTest(f"this kernel cannot refuse it: {error}")
        self.check(lambda: prctl(PR_SET_MDWE, 1), support.executable(), support.dense_checkpoint())

    def test_by_a_filter_as_of_systemd(self):
        self.check(filter_calls, support.executable(), support.dense_checkpoint())

    def test_by_a_filter_that_refuses_files_in_memory_too(self):
        self.check(lambda: filter_calls(SYS_MEMFD_CREATE), support.executable())


if __name__ == "__main__":
    support.main()
