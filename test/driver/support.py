# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Runs the driver as a user does. Scripts are called as `python3 -B NAME_test.py FATHOM TREE FOLDER [sanitized]`: the driver,
the source tree, and a folder for what tests write.
"""

import atexit
import contextlib
import glob
import hashlib
import json
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

FATHOM, TREE = (os.path.abspath(path) for path in sys.argv[1:3])
# What sanitizers rule out: executables, and limits on address space.
SANITIZED = sys.argv[4:5] == ["sanitized"]
SCRATCH = tempfile.mkdtemp(prefix="driver-", dir=sys.argv[3])
CODE_CACHE = "--cache-dir=" + os.path.join(os.path.abspath(sys.argv[3]), "code-cache")
IR_KINDS = {"--emit=" + kind for kind in ("onnx", "deepseek", "model", "fuse", "plan", "lower", "llvm", "asm", "ptx")}
os.chmod(SCRATCH, 0o755)
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)

USAGE, BAD_INPUT, UNSUPPORTED, IO, RESOURCES, MISMATCH, DEVICE, INTERNAL = 2, 3, 4, 5, 6, 7, 8, 70
CRASH_WORDS = ("Stack dump", "PLEASE submit", "LLVM ERROR", "Assertion", "terminate called", "Sanitizer", "Traceback",
               "crashed", "bug in Fathom")

# Two layers, the second with experts; small enough to compile in a second.
CONFIG = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "torch_dtype": "bfloat16",
    "vocab_size": 320, "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 128,
    "num_attention_heads": 2, "num_key_value_heads": 2, "q_lora_rank": 16, "kv_lora_rank": 32,
    "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "attention_bias": False,
    "first_k_dense_replace": 1, "intermediate_size": 96, "moe_intermediate_size": 32, "moe_layer_freq": 1,
    "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1,
    "norm_topk_prob": True, "routed_scaling_factor": 1.5, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
    "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "rope_scaling": None,
    "tie_word_embeddings": False, "bos_token_id": 0, "eos_token_id": 1,
}

USER, ASSISTANT = (4096, "<\uff5cUser\uff5c>"), (4097, "<\uff5cAssistant\uff5c>")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
    return path


def read_safetensors(path):
    """The tensors by name, in the order of their bytes: {name: (dtype, shape, bytes)}."""
    data = read(path)
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    facts = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    return {name: (fact["dtype"], fact["shape"], data[start + fact["data_offsets"][0]:start + fact["data_offsets"][1]])
            for name, fact in facts}


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return write(path, struct.pack("<Q", len(text)) + text + body)


def run(*arguments, program=FATHOM, stdin=b"", limits=None, **options):
    """Runs the driver. `stdin` is what it reads, bytes or a file; `limits` is shell code in front of it, such as
    `ulimit -v 1000000`.
    """
    command = [program, *arguments]
    if limits:
        command = ["sh", "-c", limits + '; exec "$0" "$@"', *command]
    options["input" if isinstance(stdin, bytes) else "stdin"] = stdin
    return subprocess.run(command, capture_output=True, timeout=300, check=False, **options)


def make(*arguments, **options):
    """Runs the driver, which must succeed. A plain compilation, which only makes what a test needs, shares its code with others."""
    if "compile" in arguments and "-o" in arguments and not options and not IR_KINDS.intersection(arguments):
        arguments = (*arguments, CODE_CACHE)
    result = run(*arguments, **options)
    if result.returncode != 0:
        raise AssertionError(f"{arguments}: exit code {result.returncode}: {result.stderr.decode(errors='replace')}")
    return result


def temporaries(folder):
    """What the driver writes before it is whole."""
    return glob.glob(os.path.join(glob.escape(folder), ".*.tmp*"))


def snapshot(folder):
    """What is below a folder: kinds, modes, and contents."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(parent, name)
            mode = os.lstat(path).st_mode
            content = os.readlink(path) if stat.S_ISLNK(mode) else ""
            if stat.S_ISREG(mode):
                content = hashlib.sha256(read(path)).hexdigest()
            found[os.path.relpath(path, folder)] = (oct(mode), content)
    return found


class Once:
    """A file or a folder that several tests need and one makes."""

    def __init__(self, function):
        self.function = function
        self.path = None

    def __call__(self):
        if self.path is None:
            self.path = os.path.join(SCRATCH, self.function.__name__)
            self.function(self.path)
        return self.path


def generate(path, config, *options):
    make("gen", "--config=" + write(path + ".json", json.dumps(config)), "-o", path, *options)


@Once
def checkpoint(path):
    """A checkpoint of CONFIG in one file, without a tokenizer."""
    generate(path, CONFIG)


@Once
def dense_checkpoint(path):
    """One layer and no experts, for where it does not matter what is compiled."""
    generate(path, {**CONFIG, "num_hidden_layers": 1})


@Once
def speaking_checkpoint(path):
    """The same with the tokenizer of the demo, and with what DeepSeek-V3's chat prompt needs."""
    generate(path, {**CONFIG, "vocab_size": 4098})
    test = os.path.join(TREE, "test")
    tokenizer = json.loads(read(os.path.join(test, "models", "demo", "tokenizer.json")))
    settings = json.loads(read(os.path.join(test, "tokenizer", "fixtures", "deepseek-v3", "tokenizer_config.json")))
    for token in (USER, ASSISTANT):
        tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": token[0], "content": token[1]})
    write(os.path.join(path, "tokenizer.json"), json.dumps(tokenizer))
    write(os.path.join(path, "tokenizer_config.json"), json.dumps(settings))


@Once
def artifact(path):
    make("compile", speaking_checkpoint(), "-o", path)


@Once
def executable(path):
    make("compile", speaking_checkpoint(), "-o", path, "--emit=exe")


def edit_config(folder, remove=(), **changes):
    path = os.path.join(folder, "config.json")
    config = json.loads(read(path))
    config.update(changes)
    write(path, json.dumps({key: value for key, value in config.items() if key not in remove}))


class DriverTest(unittest.TestCase):
    """Every test has a folder of its own, and what fails must leave it as it was."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=SCRATCH)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def copy_checkpoint(self, source=None, name="checkpoint"):
        shutil.copytree(source or checkpoint(), self.path(name))
        return self.path(name)

    def edit_tensors(self, folder, edit):
        """Calls `edit` with the tensors of the checkpoint's only file, and writes what it leaves."""
        path = os.path.join(folder, "model.safetensors")
        tensors = read_safetensors(path)
        edit(tensors)
        write_safetensors(path, tensors)

    def assert_message(self, result, words=(), program="fathom"):
        """On stderr whole lines in one form, with all `words`; nothing of a crash."""
        text = result.stderr.decode("utf-8")
        for word in words:
            self.assertIn(word, text)
        for word in CRASH_WORDS:
            self.assertNotIn(word, text)
        for line in text.splitlines():
            self.assertRegex(line, f"^{program}: (error|warning|note): ")
            self.assertNotRegex(line, "[\x00-\x1f\x7f-\x9f]")

    def fails(self, code, *arguments, words=(), program=FATHOM, **options):
        """The command fails with `code` and `words`, prints no result, and changes no file."""
        before = snapshot(self.folder)
        result = run(*arguments, program=program, **options)
        self.assertEqual(result.returncode, code, result.stderr.decode(errors="replace"))
        self.assertEqual(result.stdout, b"")
        self.assert_message(result, words, os.path.basename(program))
        self.assertIn(b": error: ", result.stderr)
        self.assertEqual(snapshot(self.folder), before)
        return result

    def fails_to_compile(self, code, folder, *words, options=(), **more):
        """Compiling onto an existing file fails, and the file stays."""
        output = write(self.path("old.fathom"), "old")
        return self.fails(code, "compile", folder, "-o", output, *options, words=words, **more)

    @contextlib.contextmanager
    def running(self, *arguments, program=FATHOM, **options):
        """A process that is killed at the end at the latest."""
        options.setdefault("stdin", subprocess.PIPE)
        process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()


def main():
    unittest.main(argv=sys.argv[:1])
