# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Checkpoints that are wrong: config.json, safetensors files, the index. Every class of mistake once through the driver;
test/frontend has the rows of each.
"""

import json
import os
import struct

import support
from support import BAD_INPUT, IO, RESOURCES, UNSUPPORTED, CONFIG, write

MODEL = "model.safetensors"


class Config(support.DriverTest):
    def fails_with(self, text, code, *words, **options):
        folder = self.copy_checkpoint()
        write(os.path.join(folder, "config.json"), text)
        self.fails_to_compile(code, folder, "config.json", *words, **options)

    def fails_with_changes(self, code, *words, **changes):
        self.fails_with(json.dumps({**CONFIG, **changes}), code, *words)

    def test_text_that_is_no_object(self):
        for text, word in ((b"", "1:1"), (b"[]", "array"), (b"null", "null"), (b"{", "1:2"), (b'{"a": 1,}', "1:9"),
                           (b"\xef\xbb\xbf{}", "byte order mark"), ("{}".encode("utf-16"), "UTF-"),
                           (b'{"a": "\xff"}', "UTF-8"), (b"\0" * 100, "1:1"), (b'{"a": 1} x', "1:10")):
            with self.subTest(text=text):
                self.setUp()
                self.fails_with(text, BAD_INPUT, word)

    def test_bombs(self):
        self.fails_with("[" * 100000, BAD_INPUT, "64")
        with open(self.path("checkpoint", "config.json"), "wb") as file:
            file.truncate(1 << 27)
        self.fails_to_compile(RESOURCES, self.path("checkpoint"), "config.json", "134217728", "limit")

    def test_duplicate_key(self):
        text = json.dumps(CONFIG).replace('"hidden_size": 64', '"hidden_size": 64, "hidden_size": 128')
        self.fails_with(text, BAD_INPUT, "hidden_size", "duplicate")

    def test_all_missing_keys_and_bad_values_at_once(self):
        config = {**CONFIG, "vocab_size": "320", "rms_norm_eps": -1, "topk_group": 3, "attention_bias": "no"}
        for key in ("hidden_size", "kv_lora_rank"):
            del config[key]
        self.fails_with(json.dumps(config), BAD_INPUT, "hidden_size", "kv_lora_rank", "vocab_size", "rms_norm_eps",
                        "attention_bias")

    def test_numbers(self):
        for value in ("0", "-1", "1.0", "1e3", "2147483648", "9223372036854775808", "18446744073709551616", "1e400",
                      "NaN", "true", "\"64\"", "[64]", "null"):
            with self.subTest(value=value):
                self.setUp()
                self.fails_with(json.dumps(CONFIG).replace('"hidden_size": 64', '"hidden_size": ' + value), BAD_INPUT)

    def test_numbers_that_do_not_go_together(self):
        self.fails_with_changes(BAD_INPUT, "num_experts_per_tok", "n_routed_experts", num_experts_per_tok=5)

    def test_sizes_that_overflow_together(self):
        self.fails_with_changes(BAD_INPUT, vocab_size=2**24, hidden_size=2**24, num_hidden_layers=1000,
                                n_routed_experts=65536, moe_intermediate_size=2**24)

    def test_what_decides_and_is_not_done(self):
        grouped = {"model_type": "qwen2", "use_sliding_window": False}
        for words, changes in (
            (("deepseek_v4", "deepseek_v2", "llama", "qwen3"), {"model_type": "deepseek_v4"}),
            (("tanh", "sigmoid"), {"scoring_func": "tanh"}),
            (("hash", "noaux_tc"), {"topk_method": "hash"}),
            (("index_topk", "2048"), {"index_topk": 2048}),
            (("use_mla", "true"), {"use_mla": False}),
            (("gelu", "silu"), {"hidden_act": "gelu"}),
            (("longrope", "yarn"), {"rope_scaling": {"type": "longrope", "factor": 4.0}}),
            (("gptq",), {"quantization_config": {"quant_method": "gptq"}}),
            (("use_sliding_window",), {**grouped, "use_sliding_window": True}),
            (("sliding_attention",), {**grouped, "layer_types": ["full_attention", "sliding_attention"]}),
            (("partial_rotary_factor",), {**grouped, "partial_rotary_factor": 0.5}),
            (("attn_output_gate",), {**grouped, "attn_output_gate": True}),
            (("rope_interleaved",), {**grouped, "rope_interleaved": True}),
            (("is_causal", "true"), {**grouped, "is_causal": False}),
        ):
            with self.subTest(changes=changes):
                self.setUp()
                self.fails_with_changes(UNSUPPORTED, *words, **changes)

    def test_hostile_strings_do_not_reach_the_terminal(self):
        self.fails_with_changes(UNSUPPORTED, "\\x1b[2J", model_type="\x1b[2J" + "x" * 100000)

    def test_remote_code_is_not_run(self):
        folder = self.copy_checkpoint()
        support.edit_config(folder, auto_map={"AutoModel": "modeling.Model"})
        write(os.path.join(folder, "modeling.py"), "raise SystemExit")
        result = support.make("compile", folder, "-o", "-", "--emit=deepseek")
        self.assert_message(result, ("auto_map", "ignored"))

    def test_a_vocabulary_that_the_weights_contradict(self):
        self.fails_with_changes(BAD_INPUT, "embed_tokens", "321", vocab_size=321)

    def test_no_file(self):
        path = self.path("checkpoint", "config.json")
        folder = self.copy_checkpoint()
        os.unlink(path)
        self.fails_to_compile(IO, folder, "config.json", "No such file")
        os.mkdir(path)
        self.fails_to_compile(IO, folder, "config.json", "directory")
        os.rmdir(path)
        os.mkfifo(path)
        self.fails_to_compile(IO, folder, "config.json", "pipe")
        os.unlink(path)
        for target in ("nowhere", "config.json", "/dev/zero"):
            os.symlink(target, path)
            self.fails_to_compile(IO, folder, "config.json")
            os.unlink(path)
        os.symlink("/etc/passwd", path)
        self.fails_to_compile(BAD_INPUT, folder, "config.json", "link out of the checkpoint directory")

    def test_no_checkpoint(self):
        self.fails_to_compile(IO, self.path("absent"), "absent")
        os.mkdir(self.path("empty"))
        self.fails_to_compile(IO, self.path("empty"), "config.json")
        os.mkfifo(self.path("pipe"))
        self.fails_to_compile(IO, self.path("pipe"), "pipe")
        self.fails_to_compile(IO, os.path.join(support.checkpoint(), MODEL), MODEL, "is not a directory", "config.json")

    def test_every_verb_reads_it_alike(self):
        folder = self.copy_checkpoint()
        support.edit_config(folder, remove=["hidden_size"])
        for arguments in (["run", folder, "-p", "a"], ["chat", folder], ["bench", folder],
                          ["gen", "--config=" + os.path.join(folder, "config.json"), "-o", self.path("out")]):
            with self.subTest(verb=arguments[0]):
                self.fails(BAD_INPUT, *arguments, words=("config.json", "hidden_size"))


class Weights(support.DriverTest):
    def fails_after(self, edit, *words, code=BAD_INPUT):
        folder = self.copy_checkpoint()
        self.edit_tensors(folder, edit)
        self.fails_to_compile(code, folder, *words)

    def test_every_finding_by_tensor_at_once(self):
        def edit(tensors):
            dtype, shape, data = tensors["model.layers.0.self_attn.o_proj.weight"]
            tensors["model.layers.0.self_attn.o_proj.weight"] = (dtype, shape[::-1], data)
            tensors["model.layers.1.self_attn.o_proj.weight"] = (dtype, shape[::-1], data)
            dtype, shape, data = tensors["model.norm.weight"]
            tensors["model.norm.weight"] = (dtype, [32], data[:64])
            del tensors["model.layers.0.mlp.gate_proj.weight"]
            del tensors["model.layers.1.mlp.experts.3.up_proj.weight"]
            tensors["model.layers.1.mlp.experts.4.up_proj.weight"] = ("BF16", [1], b"\0\0")
            tensors["stray\x1b[31m"] = ("BF16", [1], b"\0\0")
        self.fails_after(edit, " model.norm.weight: has shape [32], ",
                         " model.layers.0.self_attn.o_proj.weight: has shape [32, 64], but config.json implies [64, 32]",
                         " model.layers.1.self_attn.o_proj.weight: has shape",
                         " model.layers.0.mlp.gate_proj.weight: no shard has this tensor",
                         " model.layers.1.mlp.experts.3.up_proj.weight: no shard has this tensor",
                         " model.layers.1.mlp.experts.4.up_proj.weight: no part", " stray\\x1b[31m: no part")

    def test_types(self):
        def edit(tensors):
            _, shape, data = tensors["model.layers.0.self_attn.o_proj.weight"]
            tensors["model.layers.0.self_attn.o_proj.weight"] = ("I16", shape, data)
            _, shape, data = tensors["model.layers.1.self_attn.o_proj.weight"]
            tensors["model.layers.1.self_attn.o_proj.weight"] = ("F8_E4M3", shape, data[::2])
        self.fails_after(edit, "I16", "F8_E4M3", "layers.0", "layers.1")

    def test_values_that_are_no_numbers_are_counted(self):
        def edit(tensors):
            dtype, shape, data = tensors["model.layers.1.mlp.experts.2.up_proj.weight"]
            odd = struct.pack("<3H", 0x7fc0, 0x7f80, 0xff80)
            tensors["model.layers.1.mlp.experts.2.up_proj.weight"] = (dtype, shape, data[:-6] + odd)
        folder = self.copy_checkpoint()
        self.edit_tensors(folder, edit)
        result = support.make("compile", folder, "-o", self.path("model.fathom"))
        self.assert_message(result, ("warning", "3 values are NaN or infinite, the first in model.layers.1.mlp.experts.2.up_proj.weight"))

    def test_a_layer_that_computes_no_numbers_is_named(self):
        def edit(tensors):
            dtype, shape, data = tensors["model.layers.1.mlp.shared_experts.up_proj.weight"]
            tensors["model.layers.1.mlp.shared_experts.up_proj.weight"] = (dtype, shape, b"\xc0\x7f" * (len(data) // 2))
        folder = self.copy_checkpoint()
        self.edit_tensors(folder, edit)
        support.make("compile", folder, "-o", self.path("model.fathom"))
        self.fails(1, "run", self.path("model.fathom"), "--token-ids=1,2", "--output=token-ids",
                   words=("position 1", "layers.1", "weights"))

    def test_scales_that_cannot_be(self):
        support.generate(self.path("checkpoint"), CONFIG, "--dtype=fp8")
        for part in ("layers.0.self_attn.kv_b_proj", "layers.1.mlp.experts.2.down_proj"):
            def edit(tensors, name="model." + part + ".weight_scale_inv"):
                dtype, shape, data = tensors[name]
                tensors[name] = (dtype, shape, struct.pack("<f", -1) + data[4:])
            self.edit_tensors(self.path("checkpoint"), edit)
        result = support.make("compile", self.path("checkpoint"), "-o", self.path("model.fathom"))
        self.assert_message(result, ("1 scale is NaN, infinite or negative, the first in model.layers.0.self_attn.kv_b_proj.weight_scale_inv",
                                     "model.layers.1.mlp.experts.2.down_proj.weight_scale_inv"))

    def test_fp8_codes_that_are_no_numbers(self):
        support.generate(self.path("checkpoint"), CONFIG, "--dtype=fp8")

        def edit(tensors):
            dtype, shape, data = tensors["model.layers.0.self_attn.kv_a_proj_with_mqa.weight"]
            damaged = data[:3 * shape[1] + 5] + b"\x7f\xff" + data[3 * shape[1] + 7:]
            tensors["model.layers.0.self_attn.kv_a_proj_with_mqa.weight"] = (dtype, shape, damaged)
            dtype, shape, data = tensors["model.layers.1.mlp.experts.2.up_proj.weight"]
            tensors["model.layers.1.mlp.experts.2.up_proj.weight"] = (dtype, shape, b"\xff" + data[1:])
        self.edit_tensors(self.path("checkpoint"), edit)
        for options in ([], ["--no-kernels"]):
            self.fails_to_compile(BAD_INPUT, self.path("checkpoint"),
                                  "model.layers.0.self_attn.kv_a_proj_with_mqa.weight: is NaN at [3, 5]", "the first of 2 ",
                                  "model.layers.1.mlp.experts.2.up_proj.weight: is NaN at [0, 0]", "[bad-weights]", options=options)

        # No integer says that a number is none.
        self.fails_to_compile(BAD_INPUT, self.path("checkpoint"), "self_attn.kv_a_proj_with_mqa.weight: is NaN or infinite at [3, 5]",
                              "experts.2.up_proj.weight: is NaN or infinite at [0, 0]", options=["--weight-type=q8"])

    def test_zeros_of_a_download_that_was_cut_off(self):
        path = os.path.join(self.copy_checkpoint(), MODEL)
        data = support.read(path)
        write(path, data[:len(data) // 2] + bytes(len(data) - len(data) // 2))
        result = support.make("compile", self.path("checkpoint"), "-o", self.path("model.fathom"))
        self.assert_message(result, ("warning", "tensors are all zero, the first is ", "is the download complete?"))
        self.assertEqual(result.stderr.count(b"all zero"), 1)

    def test_scales_that_are_all_zero(self):
        support.generate(self.path("checkpoint"), CONFIG, "--dtype=fp8")
        def edit(tensors):
            for name, (dtype, shape, data) in tensors.items():
                if name.endswith("_scale_inv"):
                    tensors[name] = (dtype, shape, bytes(len(data)))
        self.edit_tensors(self.path("checkpoint"), edit)
        result = support.make("compile", self.path("checkpoint"), "-o", self.path("model.fathom"))
        self.assert_message(result, ("tensors are all zero",))

    def test_damaged_files(self):
        good = support.read(os.path.join(support.checkpoint(), MODEL))
        size = struct.unpack("<Q", good[:8])[0]
        header, data = good[8:8 + size], len(good) - 8 - size
        twice = header.rstrip()[:-1] + b', "model.norm.weight": {"dtype": "BF16", "shape": [0], "data_offsets": [0, 0]}}'
        cases = {
            "nothing": (b"", ["0 bytes"]),
            "seven bytes": (good[:7], ["8"]),
            "huge header": (struct.pack("<Q", 2**64 - 1) + good[8:], ["18446744073709551615"]),
            "cut in half": (good[:len(good) // 2], ["truncated", str(data), str(data - len(good) // 2), "download"]),
            "one byte short": (good[:-1], ["truncated", str(data), str(data - 1)]),
            "appended": (good + b"PK\5\6", [str(len(good)), str(len(good) + 4)]),
            "twice": (struct.pack("<Q", len(twice)) + twice + good[8 + size:], ["model.norm.weight", "twice"]),
            "lower case": (good.replace(b"BF16", b"bf16", 1), ["bf16"]),
            "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", ["git lfs pull"]),
            "zip": (b"PK\3\4" + bytes(1000), ["ZIP", "safetensors"]),
            "page": (b"<!DOCTYPE html><html></html>", ["HTML"]),
            "GGUF": (b"GGUF" + bytes(1000), ["GGUF"]),
            "zeros": (bytes(len(good)), []),
        }
        for name, (damaged, words) in cases.items():
            with self.subTest(name):
                self.setUp()
                folder = self.copy_checkpoint()
                write(os.path.join(folder, MODEL), damaged)
                self.fails_to_compile(BAD_INPUT, folder, MODEL, *words)

    def test_files_that_are_none(self):
        folder = self.copy_checkpoint()
        path = os.path.join(folder, MODEL)
        os.unlink(path)
        self.fails_to_compile(BAD_INPUT, folder, MODEL)
        os.mkfifo(path)
        self.fails_to_compile(BAD_INPUT, folder, MODEL, "pipe")
        os.unlink(path)
        write(os.path.join(folder, "pytorch_model.bin"), b"\x80\2")
        self.fails_to_compile(UNSUPPORTED, folder, "pickle", "safetensors")
        for target in ("/dev/zero", "/etc/passwd"):
            os.symlink(target, path)
            self.fails_to_compile(BAD_INPUT, folder, MODEL)
            os.unlink(path)


class Index(support.DriverTest):
    def shards(self, names=("model-1.safetensors", "model-2.safetensors")):
        """The checkpoint's tensors in several files with an index, which is returned."""
        folder = self.copy_checkpoint()
        tensors = support.read_safetensors(os.path.join(folder, MODEL))
        os.unlink(os.path.join(folder, MODEL))
        index = {name: names[i % len(names)] for i, name in enumerate(tensors)}
        for shard in names:
            support.write_safetensors(os.path.join(folder, shard),
                                      {name: tensors[name] for name in tensors if index[name] == shard})
        self.write_index(index)
        return folder, index

    def write_index(self, index):
        write(self.path("checkpoint", "model.safetensors.index.json"), json.dumps({"weight_map": index}))

    def test_what_is_there_is_listed(self):
        folder, _ = self.shards()
        os.unlink(os.path.join(folder, "model-1.safetensors"))
        result = support.run("inspect", folder, "--json")
        self.assertEqual(result.returncode, BAD_INPUT)
        self.assert_message(result, ("model-1.safetensors", "does not exist"))
        report = json.loads(result.stdout)
        self.assertEqual([shard["name"] for shard in report["shards"]], ["model-2.safetensors"])

    def test_missing_shards_are_all_named(self):
        folder, index = self.shards()
        index.update({"a": "gone-1.safetensors", "b": "gone-2.safetensors"})
        self.write_index(index)
        self.fails_to_compile(BAD_INPUT, folder, "gone-1.safetensors", "gone-2.safetensors", "download")

    def test_names_that_leave_the_folder(self):
        folder, index = self.shards()
        for name in ("../config.json", "/etc/passwd", "a/../model-1.safetensors", "", ".", "x" * 5000, "a\0b",
                     "C:\\x"):
            with self.subTest(name=name[:20]):
                self.write_index({**index, "a": name})
                self.fails_to_compile(BAD_INPUT, folder, "model.safetensors.index.json")

    def test_index_and_shards_that_disagree(self):
        folder, index = self.shards()
        wrong = dict(index)
        wrong["model.norm.weight"] = next(name for name in index.values() if name != index["model.norm.weight"])
        self.write_index(wrong)
        self.fails_to_compile(BAD_INPUT, folder, "model.norm.weight", wrong["model.norm.weight"])
        del wrong["model.norm.weight"]
        self.write_index(wrong)
        self.fails_to_compile(BAD_INPUT, folder, "model.norm.weight")

    def test_few_file_descriptors(self):
        folder, _ = self.shards()
        support.make("compile", folder, "-o", self.path("model.fathom"), limits="ulimit -n 16")

    def test_too_few_file_descriptors(self):
        folder, _ = self.shards([f"model-{i}.safetensors" for i in range(20)])
        limits = {"limits": "ulimit -n 16"}
        self.fails_to_compile(RESOURCES, folder, "model-", "Too many open files", "ulimit -n", **limits)
        support.make("compile", folder, "-o", self.path("model.fathom"), "--weights=reference")
        self.fails(RESOURCES, "run", self.path("model.fathom"), "--token-ids=1", "--output=token-ids",
                   words=("Too many open files", "ulimit -n"), **limits)


class AllFiles(support.DriverTest):
    def test_findings_of_all_come_at_once(self):
        folder = self.copy_checkpoint(support.speaking_checkpoint())
        support.edit_config(folder, remove=["hidden_size"])
        write(os.path.join(folder, "tokenizer.json"), "{")
        write(os.path.join(folder, "model.safetensors.index.json"), '{"weight_map": {"a": "gone.safetensors"}}')
        self.fails_to_compile(BAD_INPUT, folder, "hidden_size", "gone.safetensors", "tokenizer.json: 1:2")


if __name__ == "__main__":
    support.main()
