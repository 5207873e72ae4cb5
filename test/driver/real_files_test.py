# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Files as trainers, converters and hubs write them: what they mean, whatever else they say."""

import json
import os
import shutil
import struct

import support
from support import BAD_INPUT, IO, MISMATCH, UNSUPPORTED, USAGE, generate, make, write

PROMPT = "--token-ids=5,6,7"
LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16", "vocab_size": 320,
    "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 128, "num_attention_heads": 8,
    "num_key_value_heads": 4, "intermediate_size": 172, "attention_bias": False, "mlp_bias": False,
    "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": None,
    "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
}


def logits(path, folder, *options):
    """The logits of a prompt, as bytes."""
    output = os.path.join(folder, "logits.npy")
    make("run", path, PROMPT, "-n0", "--logits=" + output, *options)
    return support.read(output)


class Descriptions(support.DriverTest):
    """What describes the weights does not change an answer."""

    def same(self, folder, **changes):
        other = self.copy_checkpoint(folder, "other")
        support.edit_config(other, **changes)
        self.assertEqual(logits(other, self.folder), logits(folder, self.folder))

    def test_type(self):
        self.same(support.checkpoint(), torch_dtype="float32")

    def test_padding_and_scaling(self):
        self.same(support.checkpoint(), pad_token_id=-1, rope_scaling={})

    def test_format_of_scales(self):
        fp8 = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
        generate(self.path("fp8"), {**support.CONFIG, "quantization_config": fp8})
        self.same(self.path("fp8"), quantization_config={**fp8, "scale_fmt": "float"})


@support.Once
def llama_checkpoint(path):
    """A Llama as converters of small GGUF files write it: heads of hidden_size / num_attention_heads, no scaling."""
    generate(path, LLAMA)


class SavedLlamas(support.DriverTest):
    """What versions of transformers write, leave out and add for one and the same model."""

    def same(self, remove=(), tensors=lambda tensors: None, **changes):
        other = self.copy_checkpoint(llama_checkpoint(), "other")
        support.edit_config(other, remove, **changes)
        self.edit_tensors(other, tensors)
        self.assertEqual(logits(other, self.folder), logits(llama_checkpoint(), self.folder))

    def test_left_out(self):
        self.same(("architectures", "attention_bias", "bos_token_id", "eos_token_id", "hidden_act", "mlp_bias",
                   "rope_scaling", "rope_theta", "tie_word_embeddings", "torch_dtype"))

    def test_null(self):
        self.same(**dict.fromkeys(("architectures", "attention_bias", "bos_token_id", "eos_token_id", "head_dim",
                                   "layer_types", "mlp_bias", "quantization_config", "rope_parameters", "rope_scaling",
                                   "rope_theta", "sliding_window", "tie_word_embeddings", "torch_dtype")))

    def test_version_5(self):
        self.same(("rope_scaling", "rope_theta", "torch_dtype"), dtype="bfloat16", head_dim=8,
                  layer_types=["full_attention"] * 2, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})

    def test_what_training_leaves(self):
        self.same(attention_dropout=0.0, initializer_range=0.02, partial_rotary_factor=1.0, pretraining_tp=2,
                  use_cache=False)

    def test_frequencies_among_the_weights(self):
        def add(tensors):
            for layer in range(LLAMA["num_hidden_layers"]):
                name = f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"
                tensors[name] = ("F32", [4], bytes(16))

        self.same(tensors=add)

    def test_a_head_beside_tied_embeddings(self):
        generate(self.path("tied"), {**LLAMA, "tie_word_embeddings": True})
        other = self.copy_checkpoint(self.path("tied"), "other")
        self.edit_tensors(other, lambda tensors: tensors.update({"lm_head.weight": tensors["model.embed_tokens.weight"]}))
        self.assertEqual(logits(other, self.folder), logits(self.path("tied"), self.folder))


class StackedExperts(support.DriverTest):
    """Newer writers keep the experts of a layer in one tensor."""

    def stack(self, tensors, name, projections):
        """Replaces the tensors of each expert's `projections` by one, [experts, rows of all projections, columns]."""
        prefix = "model.layers.1.mlp.experts."
        parts = [tensors.pop(f"{prefix}{expert}.{projection}.weight")
                 for expert in range(support.CONFIG["n_routed_experts"]) for projection in projections]
        kind, (rows, columns), _ = parts[0]
        shape = [support.CONFIG["n_routed_experts"], len(projections) * rows, columns]
        tensors[prefix + name] = (kind, shape, b"".join(part[2] for part in parts))

    def test_answer(self):
        def edit(tensors):
            self.stack(tensors, "gate_up_proj", ("gate_proj", "up_proj"))
            self.stack(tensors, "down_proj", ("down_proj",))

        folder = self.copy_checkpoint()
        self.edit_tensors(folder, edit)
        expected = logits(support.checkpoint(), self.folder)
        self.assertEqual(logits(folder, self.folder), expected)
        make("compile", folder, "-o", self.path("out.fathom"), "--weights=reference")
        self.assertEqual(logits(self.path("out.fathom"), self.folder), expected)


def to_f16(tensors):
    """Values of bf16 as those of f16 that are nearest; all of these are small enough."""
    for name, (kind, shape, data) in tensors.items():
        if kind == "BF16":
            values = [struct.unpack("<f", b"\0\0" + data[i:i + 2])[0] for i in range(0, len(data), 2)]
            tensors[name] = ("F16", shape, struct.pack(f"<{len(values)}e", *values))


def to_f32(tensors):
    for name, (kind, shape, data) in tensors.items():
        if kind == "F16":
            values = struct.unpack(f"<{len(data) // 2}e", data)
            tensors[name] = ("F32", shape, struct.pack(f"<{len(values)}f", *values))


class HalfPrecision(support.DriverTest):
    """Weights in f16 are packed as the f32 that they are exactly."""

    def test_answer(self):
        for source in (support.checkpoint(), llama_checkpoint()):
            half = self.copy_checkpoint(source, os.path.basename(source) + "-half")
            self.edit_tensors(half, to_f16)
            full = self.copy_checkpoint(half, os.path.basename(source) + "-full")
            self.edit_tensors(full, to_f32)
            for options in ([], ["--no-kernels"]):
                with self.subTest(source=source, options=options):
                    make("compile", half, "-o", self.path("half.fathom"), *options)
                    make("compile", full, "-o", self.path("full.fathom"), *options)
                    self.assertEqual(logits(self.path("half.fathom"), self.folder),
                                     logits(self.path("full.fathom"), self.folder))

    def test_what_stays_in_its_files(self):
        folder = self.copy_checkpoint(llama_checkpoint())
        self.edit_tensors(folder, to_f16)
        words = ("model.embed_tokens.weight: is F16, which can be packed, as F32, but not be read where it is",
                 "--weights=pack", "[f16-in-place]")
        self.fails(UNSUPPORTED, "compile", folder, "-o", self.path("out"), "--weights=reference", words=words)
        result = self.fails(UNSUPPORTED, "run", folder, PROMPT, "-n1", words=words)
        self.assertEqual(result.stderr.count(b"F16"), 1)


class Elsewhere(support.DriverTest):
    """What is right beside what was named is said."""

    def test_an_address(self):
        self.fails(IO, "compile", "https://hub.example/a/b", "-o", self.path("out"), words=("download the checkpoint",))

    def test_gguf(self):
        file = write(self.path("model.gguf"), b"GGUF" + bytes(100))
        words = ("model.gguf: is a GGUF file, not a compiled model", "compile the file itself", "[gguf]")
        for verb in (["compile", self.folder, "-o", self.path("out")], ["run", file, PROMPT], ["bench", file],
                     ["chat", file, "-p", "Hello"]):
            with self.subTest(verb=verb):
                self.fails(UNSUPPORTED, *verb, words=words)
        folder = self.copy_checkpoint()
        os.rename(file, os.path.join(folder, "model.gguf"))
        result = make("compile", folder, "-o", self.path("out"), "--emit=deepseek")
        self.assert_message(result, ("note", "model.gguf: is not read: weights come from model.safetensors"))
        shutil.copy(os.path.join(folder, "model.safetensors"), os.path.join(folder, "consolidated.safetensors"))
        result = make("compile", folder, "-o", self.path("out"), "--emit=deepseek")
        self.assert_message(result, ("consolidated.safetensors: is not read: weights come from model.safetensors",))
        os.rename(os.path.join(folder, "model.safetensors"), os.path.join(folder, "model-1.safetensors"))
        self.fails(UNSUPPORTED, "compile", folder, "-o", self.path("out"), words=("has GGUF files and no whole model", "[gguf]"))

    def test_an_adapter_alone(self):
        folder = self.copy_checkpoint()
        os.rename(os.path.join(folder, "model.safetensors"), os.path.join(folder, "adapter_model.safetensors"))
        self.fails(UNSUPPORTED, "compile", folder, "-o", self.path("out"),
                   words=("has a PEFT adapter, but not the model that it adapts", "merge_and_unload"))

    def test_wrapped_weights(self):
        for prefix, advice in (("base_model.model.", "tensors of a PEFT adapter: merge it"),
                               ("module.", "save the model that generates text")):
            with self.subTest(prefix=prefix):
                folder = self.copy_checkpoint(name=prefix)

                def edit(tensors):
                    for name in list(tensors):
                        tensors[prefix + name] = tensors.pop(name)

                self.edit_tensors(folder, edit)
                result = self.fails(UNSUPPORTED, "compile", folder, "-o", self.path("out"), words=(
                    f'names of layers begin with "{prefix}model.layers.", expected "model.layers."', advice))
                self.assertEqual(result.stderr.count(b"error: "), 1)

    def test_an_incomplete_download(self):
        folder = self.copy_checkpoint()
        os.makedirs(os.path.join(folder, ".cache", "huggingface", "download"))
        part = write(os.path.join(folder, ".cache", "huggingface", "download", "x.1234.incomplete"), "x")
        os.rename(os.path.join(folder, "model.safetensors"), os.path.join(folder, "weights"))
        words = ("the download is incomplete: it left " + part, "run it again until it ends")
        self.fails(BAD_INPUT, "compile", folder, "-o", self.path("out"), words=words)
        write(os.path.join(folder, "model.safetensors.index.json"), '{"weight_map": {"a": "gone.safetensors"}}')
        self.fails(BAD_INPUT, "compile", folder, "-o", self.path("out"), words=("gone.safetensors", *words))

    def test_what_a_download_left(self):
        folder = self.copy_checkpoint()
        write(os.path.join(folder, "model.safetensors.aria2"), "x")
        result = make("compile", folder, "-o", self.path("out"), "--emit=deepseek")
        self.assert_message(result, ("model.safetensors.aria2: is left of a download that did not finish",
                                     "[unfinished-download]"))

    def test_a_file_that_is_no_tokenizer(self):
        folder = self.copy_checkpoint()
        self.fails(BAD_INPUT, "tokenize", os.path.join(folder, "config.json"),
                   words=("config.json: model: expected an object, found nothing", "pass a tokenizer.json"))

    def test_an_entry_of_the_cache(self):
        os.makedirs(self.path("models--a--b", "snapshots", "1"))
        self.fails(BAD_INPUT, "compile", self.path("models--a--b"), "-o", self.path("out"),
                   words=("[hub-cache]", "pass one of the directories in snapshots/"))

    def test_a_tokenizer_of_another_form(self):
        folder = self.copy_checkpoint()
        write(os.path.join(folder, "tokenizer.model"), "x")
        result = make("compile", folder, "-o", self.path("out.fathom"), "--weights=reference")
        self.assert_message(result, ("[no-tokenizer]", "save_pretrained writes a tokenizer.json"))


class TwoSources(support.DriverTest):
    """What is said twice is compared."""

    def warns(self, folder, *words):
        self.assert_message(make("compile", folder, "-o", self.path("out"), "--emit=deepseek"), words)

    def test_a_single_file_beside_shards(self):
        folder = self.copy_checkpoint(os.path.join(support.TREE, "test", "models", "v3-tiny"))
        quiet = make("compile", folder, "-o", self.path("out"), "--emit=deepseek")
        self.assertEqual(quiet.stderr, b"")
        shutil.copy(os.path.join(support.checkpoint(), "model.safetensors"), folder)
        self.warns(folder, "/model.safetensors: is not read", "model.safetensors.index.json", "[two-weights]")

    def test_a_shard_that_nothing_lists(self):
        folder = self.copy_checkpoint()
        shutil.copy(os.path.join(folder, "model.safetensors"), os.path.join(folder, "model-00002-of-00002.safetensors"))
        self.warns(folder, "model-00002-of-00002.safetensors: is not read: weights come from model.safetensors ")

    def test_an_adapter(self):
        folder = self.copy_checkpoint()
        write(os.path.join(folder, "adapter_config.json"), "{}")
        self.warns(folder, "adapter_config.json: is not read: answers are those of the model without the adapter")

    def test_ends(self):
        folder = self.copy_checkpoint(support.speaking_checkpoint())
        write(os.path.join(folder, "generation_config.json"), '{"bos_token_id": 5, "eos_token_id": 7}')
        self.warns(folder, '"bos_token_id" is 5, but config.json says 0', '"eos_token_id" is 7, but config.json says 1',
                   "bos_token: tokenizer_config.json says token 0 (", "eos_token: tokenizer_config.json says token 1 (")
        write(os.path.join(folder, "generation_config.json"), '{"eos_token_id": [7, 8]}')
        self.warns(folder, '"eos_token_id" is [7, 8], but config.json says 1')


class Checks(support.DriverTest):
    def test_weights_without_hashes(self):
        make("compile", support.checkpoint(), "-o", self.path("out.fathom"), "--weights=reference")
        self.fails(UNSUPPORTED, "run", self.path("out.fathom"), PROMPT, "-n1", "--verify-weights",
                   words=("the artifact has no hash to compare them with",))

    def test_a_norm_that_was_zeroed(self):
        folder, output = self.copy_checkpoint(), self.path("out.fathom")
        make("compile", folder, "-o", output, "--weights=reference", "--verify-weights")
        make("run", output, PROMPT, "-n1", "--verify-weights", "--output=token-ids")

        shard = os.path.join(folder, "model.safetensors")
        norm = support.read_safetensors(shard)["model.norm.weight"][2]
        write(shard, support.read(shard).replace(norm, bytes(len(norm))))
        self.fails(MISMATCH, "run", output, PROMPT, "-n1", "--verify-weights", words=("'model.safetensors'", "the hash does not match"))

    def test_hashes_that_are_there_or_of_nothing(self):
        for options in ([], ["--weights=reference", "--emit=plan"]):
            self.fails(USAGE, "compile", support.checkpoint(), "-o", self.path("out"), "--verify-weights", *options,
                       words=("--verify-weights goes with --weights=reference",))


class Sampling(support.DriverTest):
    """generation_config.json decides as the options of the same names do."""

    def answer(self, folder, *options):
        return make("run", folder, PROMPT, "-n12", "--ignore-eos", "--output=token-ids", *options).stdout

    def with_settings(self, **settings):
        folder = self.path("checkpoint")
        if not os.path.exists(folder):
            self.copy_checkpoint()
        write(os.path.join(folder, "generation_config.json"), json.dumps(settings))
        return folder

    def test_zero_is_a_value(self):
        greedy = self.answer(support.checkpoint())
        for settings in ({"temperature": 0.6, "top_p": 0.0}, {"temperature": 1.5, "min_p": 1.0},
                         {"temperature": 1.5, "top_k": 1}):
            with self.subTest(settings=settings):
                self.assertEqual(self.answer(self.with_settings(do_sample=True, **settings)), greedy)
        free = self.with_settings(do_sample=True, temperature=1.5)
        self.assertNotEqual(self.answer(free), greedy)
        self.assertEqual(self.answer(free, "--min-p=1"), greedy)

    def test_penalty(self):
        folder = self.with_settings(repetition_penalty=1.9)
        penalized = self.answer(support.checkpoint(), "--repetition-penalty=1.9")
        self.assertNotEqual(penalized, self.answer(support.checkpoint()))
        self.assertEqual(self.answer(folder), penalized)
        self.assertEqual(self.answer(folder, "--repetition-penalty=1"), self.answer(support.checkpoint()))

    def test_settings_nobody_does(self):
        folder = self.with_settings(typical_p=0.9, no_repeat_ngram_size=3)
        result = make("compile", folder, "-o", self.path("out.fathom"), "--weights=reference")
        self.assert_message(result, ('"typical_p" is 0.9', '"no_repeat_ngram_size" is 3', "[ignored-setting]"))


if __name__ == "__main__":
    support.main()
