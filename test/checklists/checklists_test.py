# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Follows docs/checklists.md in a copy of the tree: an op, a kernel, a target, a family and a verb are added in the places
that the lists name and nowhere else, work, and an op is missed in each place that is then taken away.

    checklists_test.py FOLDER

The copy and its build stay in FOLDER, and ccache has what the tree's own build compiled: a run compiles what sees the
additions.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from additions import ADDITIONS, BUILT_PLACES, FILES, NEEDED_PLACES, PLACES
from tree_copy import ROOT, copy_tree, find_program, read, run, write

TARGETS = ("fathom", "fathom-opt", "fathom-completeness-tests", "fathom-structured-values-tests", "fathom_kernels_test")
LIT = "/usr/lib/llvm-22/bin/lit"
PROMPT = ("--token-ids=5,9,200,17", "-n", "6", "--output=token-ids")
ARTIFACT_MISMATCH = 7


def expect(condition, message):
    if not condition:
        sys.exit(message)


def add_everything(tree):
    """Writes what the checklists ask for; what tools/dev/new-op makes comes first."""
    run(sys.executable, "-B", os.path.join(tree, "tools/dev/new-op"), "clamp_rows", cwd=tree)
    for path, text in FILES.items():
        write(os.path.join(tree, path), text)
    for path, changes in ADDITIONS.items():
        text = read(os.path.join(tree, path))
        for anchor, replacement in changes:
            expect(text.count(anchor) == 1, f"{path}: expected '{anchor}' once")
            text = text.replace(anchor, replacement)
        write(os.path.join(tree, path), text)


def check_op(tree, build):
    run(find_program(build, "fathom-completeness-tests"), cwd=tree)
    run(find_program(build, "fathom-structured-values-tests"), "--gtest_filter=*ClampRows*", cwd=tree)
    run(LIT, "-sv", os.path.join(build, "test/dialects"), "--filter", "clamp-rows", cwd=tree)


def check_kernel(tree, build):
    program = find_program(build, "fathom_kernels_test")
    for name in ("x86_f32_clamp_rows", "avx2_f32_clamp_rows"):
        output = run(program, f"--gtest_filter=*ClampRows*{name}", cwd=tree)
        expect("1 test from" in output, f"{name} has no test:\n{output}")


def check_places(tree, build):
    """Takes each place of the op away, expects its name, and puts it back."""
    for path, (marker, message) in PLACES.items():
        full = os.path.join(tree, path)
        kept = read(full)
        if marker:
            write(full, kept.replace(marker, "gone"))
        else:
            os.remove(full)
        result = subprocess.run([find_program(build, "fathom-completeness-tests")], capture_output=True, text=True, check=False)
        write(full, kept)
        expected = f"deepseek.clamp_rows has {message}"
        expect(result.returncode != 0 and expected in result.stdout,
               f"without {path}: expected '{expected}' of CompletenessTest, but got\n{result.stdout}")


def without_line(text, beginning):
    return "".join(line for line in text.splitlines(True) if not line.startswith(beginning))


def check_built_places(tree, build):
    """The same for places that are compiled, all in one build."""
    kept = {path: read(os.path.join(tree, path)) for path in BUILT_PLACES}
    for path, (line, _) in BUILT_PLACES.items():
        write(os.path.join(tree, path), without_line(kept[path], line))
    run("cmake", "--build", build, "--target", "fathom-completeness-tests", cwd=tree)
    result = subprocess.run([find_program(build, "fathom-completeness-tests")], capture_output=True, text=True, check=False)
    for path, text in kept.items():
        write(os.path.join(tree, path), text)
    for path, (_, message) in BUILT_PLACES.items():
        expected = f"deepseek.clamp_rows has {message}"
        expect(expected in result.stdout, f"without {path}: expected '{expected}' of CompletenessTest, but got\n{result.stdout}")


def check_needed_places(tree, build):
    """The same for places that the build itself misses."""
    for path, (line, target, name) in NEEDED_PLACES.items():
        full = os.path.join(tree, path)
        kept = read(full)
        if line:
            write(full, without_line(kept, line))
        else:
            os.remove(full)
        result = subprocess.run(("cmake", "--build", build, "--target", target), capture_output=True, text=True,
                                check=False, cwd=tree)
        write(full, kept)
        expect(result.returncode != 0 and name in result.stdout + result.stderr,
               f"without {path}: expected the build to miss '{name}', but got\n{result.stdout}{result.stderr}")


def make_checkpoint(folder, model_type):
    """The oracle of qwen2 under another family's name."""
    oracle = os.path.join(ROOT, "test/models/qwen2-tiny")
    config = {**json.loads(read(os.path.join(oracle, "config.json"))), "model_type": model_type}
    os.mkdir(folder)
    write(os.path.join(folder, "config.json"), json.dumps(config))
    shutil.copy(os.path.join(oracle, "model.safetensors"), folder)
    return folder


def check_family(fathom, folder):
    """A row of parts answers as the family that has the same parts."""
    tokens = []
    for model_type in ("qwen2", "copycat"):
        artifact = os.path.join(folder, f"{model_type}.fathom")
        run(fathom, "compile", make_checkpoint(os.path.join(folder, model_type), model_type), "-o", artifact, cwd=folder)
        tokens.append(run(fathom, "run", artifact, *PROMPT, cwd=folder))
    expect(tokens[0] == tokens[1], f"qwen2 and copycat answer differently: {tokens}")
    return tokens[0]


def check_target(fathom, folder, tokens):
    """Code for the new level has the new kernels, and runs or is refused by name."""
    listed = json.loads(run(fathom, "targets", "--json", cwd=folder))["targets"]
    kernels = {target["mcpu"]: target["kernels"] for target in listed if "mcpu" in target}
    expect("vbmi_bf16_gemm" in kernels["cannonlake"], f"no kernel for the new target: {kernels}")
    plan, artifact = os.path.join(folder, "plan.mlir"), os.path.join(folder, "new.fathom")
    for output, options in ((plan, ("--emit=plan",)), (artifact, ())):
        run(fathom, "compile", os.path.join(folder, "qwen2"), "-o", output, "--mcpu=cannonlake", *options, cwd=folder)
    expect("vbmi_bf16_gemm" in read(plan), "the plan for the new target has none of its kernels")
    result = subprocess.run([fathom, "run", artifact, *PROMPT], capture_output=True, text=True, check=False)
    refused = result.returncode == ARTIFACT_MISMATCH and "avx512vbmi" in result.stderr
    expect(refused or result.stdout == tokens, f"the new target answers differently:\n{result.stdout}{result.stderr}")


def check_verb(fathom, folder):
    expect(run(fathom, "greet", cwd=folder) == "hello\n", "the verb does not run")
    expect("greet" in run(fathom, "--help", cwd=folder), "the verb is not listed")


def main():
    tree = os.path.abspath(sys.argv[1])
    build = os.path.join(tree, "build", "release")
    with tempfile.TemporaryDirectory() as scaffold:
        copy_tree(ROOT, scaffold)
        add_everything(scaffold)
        copy_tree(scaffold, tree)
    for check in ("names", "layering", "sizes", "style", "text"):
        run(sys.executable, "-B", f"test/lint/{check}.py", cwd=tree)
    # All that sees MLIR sees the new op as well: ccache has none of it, and it is run for moments.
    run("cmake", "--preset", "release", "-DFATHOM_COMPILER_OPTIONS=-O0", cwd=tree)
    run("cmake", "--build", build, "--target", *TARGETS, cwd=tree)
    check_op(tree, build)
    check_kernel(tree, build)
    check_places(tree, build)
    fathom = find_program(build, "fathom")
    with tempfile.TemporaryDirectory() as folder:
        check_target(fathom, folder, check_family(fathom, folder))
        check_verb(fathom, folder)
    check_built_places(tree, build)
    check_needed_places(tree, build)
    print("an op, a kernel, a target, a family and a verb are where the checklists put them")


if __name__ == "__main__":
    main()
