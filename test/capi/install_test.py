# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# install_test.py CMAKE BUILD EXAMPLE FOLDER MODEL DRAFTING COMPILER: installs the runtime, builds the examples against the
# installed tree alone, and runs them; those that draft with the model DRAFTING.

import glob
import os
import re
import shutil
import subprocess
import sys

cmake, build, example, folder, model, drafting, compiler = sys.argv[1:]
shutil.rmtree(folder, ignore_errors=True)
prefix, tree = os.path.join(folder, "prefix"), os.path.join(folder, "build")


def run(*command):
    subprocess.run(command, check=True)


run(cmake, "--install", build, "--prefix", prefix, "--component", "runtime")
for name in ("include/fathom/artifact.fbs", "include/fathom/tokenizer.fbs", "share/doc/*/LICENSE"):
    if not glob.glob(os.path.join(prefix, name)):
        sys.exit(f"{name} is not installed")
run(cmake, "-G", "Ninja", "-S", example, "-B", tree, "-DCMAKE_PREFIX_PATH=" + prefix, "-DCMAKE_C_COMPILER=" + compiler)
run(cmake, "--build", tree)


def read_flags(path):
    """Flags to compile and to link, as pkg-config gives them."""
    values = {"pcfiledir": os.path.dirname(path)}
    with open(path, encoding="utf-8") as file:
        for name, value in re.findall(r"^(\w+)[=:] ?(.*)$", file.read(), re.MULTILINE):
            values[name] = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], value)
    return values["Cflags"].split(), values["Libs"].split()


compile_flags, link_flags = read_flags(*glob.glob(os.path.join(prefix, "**", "fathom.pc"), recursive=True))
plain = os.path.join(tree, "plain")
run(compiler, "-std=c11", *compile_flags, os.path.join(example, "main.c"), "-o", plain, *link_flags)
run(plain, model, "Hi")
for program, prompts in (("embed", ["Hi"]), ("batch", ["Hi", "You", "Hi"]), ("draft", ["Hi"]), ("threads", ["Hi", "You"])):
    path = drafting if program == "draft" else model
    result = subprocess.run([os.path.join(tree, program), path, *prompts], check=True, capture_output=True)
    lines = [line for line in result.stdout.split(b"\n") if line.strip()]
    if len(lines) < len(prompts):
        sys.exit(f"{program} printed too little: {result.stdout!r}")
