# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The lit suite: every .mlir and .test file below this folder. Tools are found through PATH, the project's own before
# LLVM's, so a RUN line reads as one would type it: `fathom-opt %s | FileCheck %s`.

import os
import shutil

import lit.formats

config.name = "Fathom"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "models", "plugin", "lint", "oracles"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.fathom_binary_dir, "test")

config.substitutions.append(("%models", os.path.join(config.test_source_root, "models")))
config.substitutions.append(("%test_root", config.test_source_root))
config.substitutions.append(("%python", f"{config.python_executable} -B"))

config.environment["PATH"] = os.pathsep.join(
    [config.fathom_tools_dir, config.llvm_tools_dir, os.environ.get("PATH", "/usr/bin:/bin")]
)
# Captured values do not leak from one CHECK-LABEL block into the next.
config.environment["FILECHECK_OPTS"] = "-enable-var-scope -dump-input-filter=all"
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", "HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]


def cpu_flags():
    """Instruction sets of this machine, as /proc/cpuinfo spells them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            line = next((line for line in stream if line.startswith("flags")), "")
    except OSError:
        return set()
    return set(line.partition(":")[2].split())


# REQUIRES: avx512, amx, cuda, ptxas, release (no sanitizer).
flags = cpu_flags()
if {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= flags:
    config.available_features.add("avx512")
if "amx_bf16" in flags:
    config.available_features.add("amx")
if os.path.exists("/dev/nvidia0"):
    config.available_features.add("cuda")
if shutil.which("ptxas", path=os.pathsep.join([config.environment["PATH"], "/usr/local/cuda/bin"])):
    config.available_features.add("ptxas")
if not config.fathom_sanitize:
    config.available_features.add("release")
