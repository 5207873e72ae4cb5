# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The code that tests of kernels need to run on a GPU: test/kernels/device_launch.h says what is in its file."""

import os
import subprocess


def write_code(programs, tests, architectures, path):
    """Runs the tests to see which kernels they want, with which constants, and compiles these."""
    listed = path + ".list"
    try:
        subprocess.run([os.path.join(programs, "fathom_kernels_test"), "--gtest_filter=" + tests], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "FATHOM_KERNEL_LIST": listed})
        with open(path, "wb") as file:
            subprocess.run([os.path.join(programs, "fathom-kernel-code"), listed, *architectures], check=True, stdout=file)
    finally:
        if os.path.exists(listed):
            os.remove(listed)
