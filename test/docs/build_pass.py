#!/usr/bin/env python3
# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Stands in for tools/dev/build where examples_test.py runs a page: compiles the passes that the tree has and the project
has not into a plugin, and puts a fathom-opt into build/release/bin that loads it. The real build would take minutes.
"""

import json
import os
import re
import shlex
import subprocess

TREE = os.getcwd()
SOURCE = os.environ["FATHOM_SOURCE"]
WORK = os.path.join(TREE, "build", "plugin")
TABLEGEN = os.environ.get("MLIR_TABLEGEN", "/usr/lib/llvm-22/bin/mlir-tblgen")

PLUGIN = '''#include "passes/{phase}/{name}.cpp"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" ::mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {{
  return {{MLIR_PLUGIN_API_VERSION, "{name}", "0", [] {{ fathom::register{name}(); }}}};
}}
'''


def definitions(root, phase):
    with open(os.path.join(root, "passes", phase, "Passes.td"), encoding="utf-8") as stream:
        return re.findall(r"^def (\w+) : Pass", stream.read(), re.MULTILINE)


def new_passes():
    for phase in sorted(os.listdir(os.path.join(TREE, "passes"))):
        if os.path.isfile(os.path.join(TREE, "passes", phase, "Passes.td")):
            known = definitions(SOURCE, phase)
            yield from ((phase, name) for name in definitions(TREE, phase) if name not in known)


def compile_flags(phase):
    """What the real build compiles passes of the phase with, precompiled headers as well, but for output and input."""
    with open(os.path.join(TREE, "build", "release", "compile_commands.json"), encoding="utf-8") as stream:
        commands = json.load(stream)
    command = next(c["command"] for c in commands if c["file"].endswith(f"/passes/{phase}/Pipeline.cpp"))
    words = shlex.split(command.split(" -o ")[0])
    return [word for word in words if word != "-fdiagnostics-color"]


def build(phase, name):
    """The path of a plugin with the pass."""
    includes = os.path.join(WORK, "passes", phase)
    os.makedirs(includes, exist_ok=True)
    subprocess.run([TABLEGEN, "-gen-pass-decls", "-name", phase.capitalize(), f"-I{TREE}",
                    f"-I{os.path.dirname(os.path.dirname(TABLEGEN))}/include",
                    os.path.join(TREE, "passes", phase, "Passes.td"), "-o", os.path.join(includes, "Passes.h.inc")],
                   check=True)
    source, plugin = os.path.join(WORK, f"{name}.cpp"), os.path.join(WORK, f"{name}.so")
    with open(source, "w", encoding="utf-8") as stream:
        stream.write(PLUGIN.format(phase=phase, name=name))
    compiler, *flags = compile_flags(phase)
    subprocess.run([compiler, f"-I{TREE}", f"-I{WORK}", *flags, "-shared", source, "-o", plugin], check=True)
    return plugin


def main():
    plugins = [build(phase, name) for phase, name in new_passes()]
    tool = os.path.join(TREE, "build", "release", "bin", "fathom-opt")
    real = os.path.join(WORK, "fathom-opt")
    if not os.path.exists(real):
        os.rename(tool, real)
    with open(tool, "w", encoding="utf-8") as stream:
        options = " ".join(f"--load-pass-plugin={plugin}" for plugin in plugins)
        stream.write(f'#!/bin/sh\nexec {real} {options} "$@"\n')
    os.chmod(tool, 0o755)


if __name__ == "__main__":
    main()
