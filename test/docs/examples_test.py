# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""examples_test.py BUILD PAGE: does what a page of the documentation tells its reader to do, in a copy of the tree.

Blocks are taken in their order. Their first line, after the backquotes, says what they are:

    sh run          a shell runs it in the copy's root; it must end with status 0 (`sh run status=3`: with 3)
    text            directly after a `run` block: what that printed, on standard output and error together, but for
                    spaces at ends. A line of `...` stands for any lines, `...` within a line for any text.
    cpp edit=FILE   put in place of FILE's struct of the same name
    mlir append=FILE   put at FILE's end

All other blocks are for the reader alone. In the copy, folders that a page may change are copies and the rest are links;
build/release is a folder of links to the real one, so what examples write into build/ is gone with the copy.
"""

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)```\n", re.MULTILINE)
COPIED = ("passes", "test/passes", "tools")
TIMEOUT = 300


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def link_entries(source, target, except_names=()):
    """Makes the folder `target` of links to what `source` holds."""
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(source):
        if name not in except_names:
            os.symlink(os.path.join(source, name), os.path.join(target, name))


def make_tree(build, tree):
    """A copy of the project in `tree`, built in `tree`/build/release."""
    link_entries(ROOT, tree, except_names=("build", "test", ".git", *COPIED))
    link_entries(os.path.join(ROOT, "test"), os.path.join(tree, "test"), except_names=("passes",))
    for folder in COPIED:
        shutil.copytree(os.path.join(ROOT, folder), os.path.join(tree, folder))
    release = os.path.join(tree, "build", "release")
    link_entries(build, release, except_names=("bin", "test"))
    link_entries(os.path.join(build, "bin"), os.path.join(release, "bin"))
    os.makedirs(os.path.join(release, "test"))
    site = read(os.path.join(build, "test", "lit.site.cfg.py"))
    site = site.replace(build, release).replace(ROOT, tree)
    write(os.path.join(release, "test", "lit.site.cfg.py"), site)
    # Building the tools anew takes minutes; a new pass as a plugin of theirs takes seconds.
    shutil.copy(os.path.join(ROOT, "test", "docs", "build_pass.py"), os.path.join(tree, "tools", "dev", "build"))
    # What the README calls its checkpoint.
    os.makedirs(os.path.join(tree, "path", "to"))
    os.symlink(os.path.join(ROOT, "test", "models", "demo"), os.path.join(tree, "path", "to", "checkpoint"))


def matches(expected, actual):
    """Whether the lines of `actual` are what a page shows."""
    if not expected:
        return not actual
    if expected[0] == "...":
        return any(matches(expected[1:], actual[i:]) for i in range(len(actual) + 1))
    pattern = ".*".join(re.escape(part) for part in expected[0].split("..."))
    return bool(actual) and re.fullmatch(pattern, actual[0]) is not None and matches(expected[1:], actual[1:])


class Page:
    """A page on its way through its blocks."""

    def __init__(self, path, tree):
        self.path, self.tree = path, tree
        self.failures = []
        self.count = 0
        self.environment = dict(os.environ, FATHOM_SOURCE=ROOT, FATHOM_PYTHON=sys.executable)

    def fail(self, line, message):
        self.failures.append(f"{self.path}:{line}: {message}")

    def run_all(self):
        text = read(os.path.join(ROOT, self.path))
        output, end = None, 0
        for match in BLOCK.finditer(text):
            kind, *words = match.group(1).split() or [""]
            line = text.count("\n", 0, match.start()) + 1
            if kind == "text" and output is not None and not text[end:match.start()].strip():
                self.compare(line, match.group(2), output)
            output, end = None, match.end()
            if kind == "sh" and words[:1] == ["run"]:
                output = self.run(line, match.group(2), words[1:])
            elif words and words[0].startswith("edit="):
                self.edit(line, words[0].partition("=")[2], match.group(2))
            elif words and words[0].startswith("append="):
                path = os.path.join(self.tree, words[0].partition("=")[2])
                write(path, read(path) + "\n" + match.group(2))
            if self.failures:
                break
        if self.count == 0:
            self.fail(1, "holds no block that could be run")

    def run(self, line, commands, words):
        """Runs a block and returns what it printed."""
        self.count += 1
        expected = int(words[0].partition("=")[2]) if words else 0
        # What a block exports is there in the next one.
        carry = os.path.join(self.tree, "build", "environment")
        script = f'trap \'env -0 >"{carry}"\' EXIT\nset -eu\n{commands}'
        result = subprocess.run(["sh", "-c", script], cwd=self.tree, env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
        variables = [item.partition("=") for item in read(carry).split("\0") if item]
        self.environment = {name: value for name, _, value in variables}
        output = result.stdout.decode("utf-8", "replace").replace(self.tree + "/", "")
        if result.returncode != expected:
            self.fail(line, f"status {result.returncode}, expected {expected}:\n{output}")
        return output

    def compare(self, line, expected, output):
        shown, printed = expected.splitlines(), [text.rstrip() for text in output.rstrip().splitlines()]
        if not matches(shown, printed):
            difference = "\n".join(difflib.unified_diff(shown, printed, "shown", "printed", lineterm="", n=2))
            self.fail(line, f"the page shows something else than what is printed:\n{difference}")

    def edit(self, line, name, code):
        """Puts a struct in the place of the one of the same name."""
        path = os.path.join(self.tree, name)
        struct = re.search(r"^struct (\w+)", code, re.MULTILINE)
        pattern = rf"(?:^///.*\n)*^struct {struct.group(1)}\b(?:.*\n)*?^}};\n"
        changed, count = re.subn(pattern, lambda _: code, read(path), flags=re.MULTILINE)
        if count != 1:
            self.fail(line, f"{name} holds {count} structs '{struct.group(1)}'")
        write(path, changed)


def main():
    build, path = os.path.abspath(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory(prefix="fathom-docs-") as folder:
        tree = os.path.realpath(folder)
        make_tree(build, tree)
        page = Page(path, tree)
        page.run_all()
    print(f"{path}: {page.count} blocks run")
    if page.failures:
        sys.exit("\n".join(page.failures))


if __name__ == "__main__":
    main()
