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
    def test_oracles(self):
        for name in find_oracles(MODELS):
            model = ReferenceModel(os.path.join(MODELS, name))
            arrays = read_arrays(os.path.join(MODELS, name, "golden.safetensors"))
            for key in (key for key in arrays if key.endswith(".tokens")):
                with self.subTest(oracle=name, prompt=key):
                    golden = arrays[key.replace("tokens", "logits")]
                    self.assertLessEqual(np.abs(model.run(arrays[key]) - golden).max(), 1e-4)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
