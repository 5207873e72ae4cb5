# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""llama.cpp: taken from PyPI, built, and asked for a conversion, a measurement or logits."""

import glob
import json
import os
import shutil
import subprocess
import sys

import formats

# The source package that carries llama.cpp, and the libraries its converter imports.
PACKAGE = "llama-cpp-python"
TORCH = "torch==2.15.0"
# What torch links to besides CUDA itself. torch computes on the processor here, but does not load without them.
TORCH_LINKS = ["nvidia-cufile", "nvidia-cusparselt-cu13", "nvidia-nccl-cu13", "nvidia-nvshmem-cu13"]
CONVERTER_NEEDS = ["jinja2", "networkx", "numpy", "pyyaml", "requests", "sentencepiece", "sympy", "tqdm",
                   "transformers==5.24.0"]
CMAKE_OPTIONS = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_BUILD_TESTS=OFF",
                 "-DLLAMA_BUILD_SERVER=OFF", "-DLLAMA_BUILD_APP=OFF", "-DLLAMA_OPENSSL=OFF"]
TARGETS = ["llama-bench", "llama-debug"]


class Llama:
    """llama.cpp of one version of the source package."""

    def __init__(self, workspace, version):
        self.workspace = workspace
        self.version = version
        self.python = workspace.path("venv", "bin", "python")
        self.build = workspace.path(f"llama-build-{version}")

    @property
    def source(self):
        return self.workspace.path("src", f"llama_cpp_python-{self.version}", "vendor", "llama.cpp")

    def prepare(self, jobs):
        """Downloads and builds what is not there yet."""
        self._make_venv()
        self._unpack_source()
        self._build_programs(jobs)

    def _pip(self, name, title, *arguments):
        self.workspace.step(name, title, [self.python, "-m", "pip", *arguments])

    def _make_venv(self):
        ready = self.workspace.path("venv", "ready")
        if os.path.exists(ready):
            return
        self.workspace.step("venv", "make a Python environment for the converter",
                            [sys.executable, "-m", "venv", "--clear", self.workspace.path("venv")])
        self._pip("converter", "install the converter's needs (0.1 GB)", "install", *CONVERTER_NEEDS)
        self._pip("torch", "install torch, first with this machine's CUDA (1.1 GB)", "install", "--no-deps", TORCH,
                  *TORCH_LINKS)
        if not self._torch_loads():
            self._pip("torch-all", "install torch with a CUDA of its own", "install", TORCH)
        open(ready, "w", encoding="utf-8").close()

    def _torch_loads(self):
        command = [self.python, "-c", "import torch._dynamo"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _unpack_source(self):
        if os.path.exists(self.source):
            return
        folder = self.workspace.path("src")
        self._pip("download", f"download {PACKAGE} {self.version} (77 MB)", "download", "--no-deps", "--no-binary",
                  PACKAGE, f"{PACKAGE}=={self.version}", "--dest", folder)
        # Under another name first: a folder that is there is complete.
        partial = os.path.join(folder, "partial")
        os.makedirs(partial, exist_ok=True)
        archive = glob.glob(os.path.join(folder, f"*-{self.version}.tar.gz"))[0]
        self.workspace.step("unpack", "unpack it", ["tar", "-xzf", archive, "-C", partial])
        os.rename(os.path.join(partial, f"llama_cpp_python-{self.version}"),
                  os.path.join(folder, f"llama_cpp_python-{self.version}"))

    def _build_programs(self, jobs):
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            self.workspace.step("configure", "configure llama.cpp",
                                ["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", *CMAKE_OPTIONS])
        self.workspace.step("build", "build llama.cpp", ["ninja", "-C", self.build, f"-j{jobs}", *TARGETS])

    def convert(self, checkpoint, output):
        """Writes a GGUF file with the checkpoint's bf16 weights."""
        if os.path.exists(output):
            return
        self.workspace.step("convert", "convert the checkpoint with llama.cpp's converter",
                            [self.python, os.path.join(self.source, "convert_hf_to_gguf.py"), self._view(checkpoint),
                             "--outtype", "bf16", "--outfile", output + ".partial"])
        os.rename(output + ".partial", output)

    @staticmethod
    def _view(checkpoint):
        """The checkpoint as llama.cpp wants it: it takes a model of DeepSeek-V2 without q_lora only at 26 or 27
        layers, unless the file says that the rank is 0; and of a model type of Qwen's the converter's library reads
        the tokenizer as Qwen's, whatever its file says."""
        view = checkpoint + "-for-llama"
        shutil.rmtree(view, ignore_errors=True)
        os.makedirs(view)
        for name in os.listdir(checkpoint):
            os.symlink(os.path.join(checkpoint, name), os.path.join(view, name))
        config = os.path.join(view, "config.json")
        with open(config, encoding="utf-8") as stream:
            changed = json.load(stream)
        if changed.get("q_lora_rank", 0) is None:
            changed["q_lora_rank"] = 0
        if changed["model_type"].startswith("qwen"):
            del changed["model_type"]
        os.unlink(config)
        with open(config, "w", encoding="utf-8") as stream:
            json.dump(changed, stream, indent=2)
        return view

    def _program(self, name):
        return os.path.join(self.build, "bin", name)

    def bench(self, model, options):
        text = self.workspace.output([self._program("llama-bench"), "-m", model, "-p", str(options.prompt), "-n",
                                      str(options.tokens), "-r", str(options.repetitions), "-t", str(options.threads),
                                      "-o", "json"])
        return formats.parse_llama_bench(text)

    def logits(self, model, prompt, threads):
        """The tokens of a text, and the logits after the last of them."""
        folder = self.workspace.path("logits")
        os.makedirs(folder, exist_ok=True)
        self.workspace.output([self._program("llama-debug"), "-m", model, "-p", prompt, "-t", str(threads), "-c", "512",
                               "--save-logits", "--logits-output-dir", folder])
        base = os.path.join(folder, "llamacpp-" + os.path.basename(model).removesuffix(".gguf"))
        return formats.read_array(base + "-tokens.bin", "i"), formats.read_array(base + ".bin", "f")

    def compiler(self):
        """The first line with which the compiler of this build introduces itself."""
        with open(os.path.join(self.build, "CMakeCache.txt"), encoding="utf-8") as cache:
            path = next(line.split("=", 1)[1].strip() for line in cache if line.startswith("CMAKE_CXX_COMPILER:"))
        return self.workspace.output([path, "--version"]).splitlines()[0]
