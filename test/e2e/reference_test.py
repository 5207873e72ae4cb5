# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reference itself gives the logits that others computed for the oracles.

usage: reference_test.py MODELS
"""

import os
import sys
import unittest

# Must be set before NumPy starts its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from oracles import find_oracles
from reference_model import ReferenceModel, read_arrays

MODELS = sys.argv[1]


class ReferenceTest(unittest.TestCase):
    def check(self, suffix, answer):
        """Compares `answer`(model, tokens) with what is golden of each prompt that has it; how many have."""
        count = 0
        for name in find_oracles(MODELS):
            model = ReferenceModel(os.path.join(MODELS, name))
            arrays = read_arrays(os.path.join(MODELS, name, "golden.safetensors"))
            for key in (key for key in arrays if key.endswith(suffix)):
                with self.subTest(oracle=name, key=key):
                    tokens = arrays[key.replace(suffix, ".tokens")]
                    self.assertLessEqual(np.abs(answer(model, tokens) - arrays[key]).max(), 1e-4)
                    count += 1
        return count

    def test_logits(self):
        self.assertGreater(self.check(".logits", ReferenceModel.run), 0)

    def test_drafts(self):
        self.assertGreater(self.check(".mtp_logits", ReferenceModel.draft), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
