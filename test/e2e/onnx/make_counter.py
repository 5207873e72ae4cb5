# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes counter.tar.xz: graphs that look like a known form and are not, and beside each its twin, which is. Needs the package
`onnx`.

usage: make_counter.py FOLDER

Of FOLDER/NAME/model.onnx and twin.onnx the archive has NAME.onnx and NAME-twin.onnx. Matrices of weights are in a file
`NAME.bin` that is not in it: whoever evaluates them makes their numbers up.
"""

import os
import sys

import numpy as np
import onnx

from make_graphs import TYPES, place, strip, write_archive

# Tables of cosines and sines, scales and masks decide what a graph is.
MOST_KEPT = 256


def take_weights(model, file):
    offset = 0
    for tensor in model.graph.initializer:
        count = int(np.prod(tensor.dims, dtype=np.int64))
        if tensor.data_type in TYPES and count > MOST_KEPT:
            place(tensor, file, offset, 4 * count)
            offset += 4 * count


def main(folder):
    files = {}
    for name in sorted(os.listdir(folder)):
        for source, suffix in (("model", ""), ("twin", "-twin")):
            model = onnx.load(os.path.join(folder, name, source + ".onnx"))
            take_weights(model, name + ".bin")
            strip(model)
            files[name + suffix + ".onnx"] = model.SerializeToString(deterministic=True)
    write_archive("counter.tar.xz", files)


if __name__ == "__main__":
    main(sys.argv[1])
