# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Follows the checklist for an op in a copy of the tree: what tools/dev/new-op writes compiles and passes its tests, and
CompletenessTest names each place that is then taken away.

    new_op_test.py FOLDER

The copy and its build stay in FOLDER, and ccache has what the tree's own build compiled: a run compiles what sees the
new op.
"""

import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "lint"))
from tree import files

TARGETS = ("fathom-opt", "fathom-completeness-tests", "fathom-structured-values-tests", "fathom_kernels_test")
LIT = "/usr/lib/llvm-22/bin/lit"
# Facts that CompletenessTest reads from files, so that taking them away needs no build.
PLACES = {
    "kernels/ref/ref_clamp_rows.cpp": ("", "no reference"),
    "test/dialects/deepseek/clamp-rows.mlir": ("", "no lit test"),
    "test/passes/lower/structured_values_test.cpp": ("deepseek.clamp_rows", "no value test"),
    "docs/reference/deepseek.md": ("### `deepseek.clamp_rows`", "no docs entry"),
}


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def copy_tree(source, target):
    """Makes `target` hold the files of `source`; files that are the same keep their time, so nothing rebuilds for them."""
    names = files(source)
    for name in names:
        old, new = os.path.join(target, name), os.path.join(source, name)
        if not os.path.isfile(old) or read(old) != read(new):
            os.makedirs(os.path.dirname(old), exist_ok=True)
            shutil.copy(new, old)
    for name in set(files(target)) - set(names):
        os.remove(os.path.join(target, name))


def run(*command, cwd):
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {result.returncode}\n{result.stdout[-8000:]}\n{result.stderr[-8000:]}")
    return result.stdout


def find_program(build, name):
    found = [os.path.join(folder, name) for folder, _, names in os.walk(build) if name in names]
    return next(path for path in found if os.access(path, os.X_OK))


def check_places(tree, completeness):
    """Takes each place away, expects its name, and puts it back."""
    for path, (marker, message) in PLACES.items():
        full = os.path.join(tree, path)
        kept = read(full)
        if marker:
            with open(full, "wb") as stream:
                stream.write(kept.replace(marker.encode(), b"gone"))
        else:
            os.remove(full)
        result = subprocess.run([completeness], capture_output=True, text=True, check=False)
        with open(full, "wb") as stream:
            stream.write(kept)
        expected = f"deepseek.clamp_rows has {message}"
        if result.returncode == 0 or expected not in result.stdout:
            sys.exit(f"without {path}: expected '{expected}' of CompletenessTest, but got\n{result.stdout}")


def main():
    tree = os.path.abspath(sys.argv[1])
    build = os.path.join(tree, "build", "release")
    with tempfile.TemporaryDirectory() as scaffold:
        copy_tree(ROOT, scaffold)
        run(sys.executable, "-B", os.path.join(scaffold, "tools/dev/new-op"), "clamp_rows", cwd=scaffold)
        copy_tree(scaffold, tree)
    for check in ("names", "layering", "sizes", "text"):
        run(sys.executable, "-B", f"test/lint/{check}.py", cwd=tree)
    run("cmake", "--preset", "release", cwd=tree)
    run("cmake", "--build", build, "--target", *TARGETS, cwd=tree)
    completeness = find_program(build, "fathom-completeness-tests")
    run(completeness, cwd=tree)
    run(find_program(build, "fathom-structured-values-tests"), "--gtest_filter=*ClampRows*", cwd=tree)
    run(find_program(build, "fathom_kernels_test"), "--gtest_filter=*ClampRows*", cwd=tree)
    run(LIT, "-sv", os.path.join(build, "test/dialects"), "--filter", "clamp-rows.mlir", cwd=tree)
    check_places(tree, completeness)
    print("deepseek.clamp_rows is in every place, and each is missed")


if __name__ == "__main__":
    main()
