# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""What ptxas, where it is installed, says of the PTX of test models: of every distinct kernel and generated body nothing
about products that wait for each other (C75xx), and no spills.

    assembled_test.py FATHOM SOURCE_DIR BINARY_DIR
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

FATHOM, ROOT = sys.argv[1:3]
# What the others have is among these.
MODELS = ("moe-tiny", "qwen3-tiny", "v2-lite-tiny", "v3-tiny", "v3-tiny-fp8", "v32-tiny", "v32-tiny-fp8")
ARCHS = ("80", "90a")
PTXAS = next((place for place in (os.environ.get("FATHOM_PTXAS"), shutil.which("ptxas"), "/usr/local/cuda/bin/ptxas")
              if place and os.path.exists(place)), None)


def run(*command):
    """What a tool prints; its failure is an error."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}:\n{result.stdout}")
    return result.stdout


def split_entries(text):
    """Name and module of each entry, which is all there is between two of them."""
    first, *entries = re.split(r"^(?=\.visible \.entry )", text, flags=re.M)
    head = "\n".join(re.findall(r"^(?:\.version|\.target|\.address_size|\.extern \.shared).*", first, re.M))
    for entry in entries:
        yield re.match(r"\.visible \.entry (\w+)", entry)[1], f"{head}\n{entry}"


@unittest.skipUnless(PTXAS, "ptxas is not installed: PTX is not assembled")
class AssembledTest(unittest.TestCase):
    def test_kernels_of_models_neither_wait_nor_spill(self):
        seen = set()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.ptx")
            for model, arch in ((model, arch) for model in MODELS for arch in ARCHS):
                run(FATHOM, "compile", os.path.join(ROOT, "test/models", model), "--target=cuda", f"--sm={arch}",
                    "--emit=ptx", "-o", path)
                with open(path, encoding="utf-8") as file:
                    entries = list(split_entries(file.read()))
                self.assertNotEqual(entries, [])
                for name, module in entries:
                    # The same kernel has another number in another model.
                    key = module.replace(name, "entry")
                    if key not in seen:
                        seen.add(key)
                        with self.subTest(model=model, arch=arch, entry=name):
                            self.check(folder, module, arch)

    def check(self, folder, module, arch):
        """Assembles a module of one entry."""
        path = os.path.join(folder, "entry.ptx")
        with open(path, "w", encoding="utf-8") as file:
            file.write(module)
        report = run(PTXAS, "-v", f"-arch=sm_{arch}", path, "-o", path + ".cubin")
        self.assertNotRegex(report, r"C75\d\d")
        self.assertEqual(re.findall(r"(\d+) bytes spill stores", report), ["0"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
