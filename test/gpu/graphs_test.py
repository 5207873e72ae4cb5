# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The tests of graphs on the simulated GPU.

    graphs_test.py FATHOM PROGRAM FOLDER
"""

import os
import subprocess
import sys
import tempfile

from graph_models import NAMES, make_graph_model

fathom, program, folder = sys.argv[1:]
with tempfile.TemporaryDirectory(dir=folder) as models:
    for name in NAMES:
        make_graph_model(fathom, name, models, "--sm=" + ("90a" if name == "latents" else "80"), "--cubin=none",
                         "--cache-dir=" + os.path.join(folder, "cache-graphs"))
    environment = {**os.environ, "FATHOM_TEST_DEVICE": "ptxsim", "FATHOM_GRAPH_MODELS": models}
    sys.exit(subprocess.run([program], env=environment).returncode)
