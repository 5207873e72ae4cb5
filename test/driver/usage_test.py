# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The command line itself: help, mistakes in it, and where output goes."""

import json
import os
import unittest

import support
from support import BAD_INPUT, DEVICE, UNSUPPORTED, USAGE, make, read, write

VERBS = ("compile", "run", "chat", "tokenize", "bench", "inspect", "lint", "gen", "targets")


class Help(support.DriverTest):
    def test_every_verb_helps(self):
        overview = make("--help").stdout.decode()
        for verb in VERBS:
            self.assertIn(f"\n  {verb} ", overview)
            result = make(verb, "--help")
            self.assertTrue(result.stdout.startswith(f"usage: fathom {verb}".encode()), result.stdout)
            self.assertEqual(result.stderr, b"")
            for spelling in ([verb, "-h"], ["help", verb], ["--help", verb], [verb, "x", "--bogus", "--help"]):
                if spelling[-2:] != ["--bogus", "--help"]:
                    self.assertEqual(make(*spelling).stdout, result.stdout)
            for line in result.stdout.decode().splitlines():
                self.assertLessEqual(len(line), 140)
        for spelling in ("-h", "help"):
            self.assertEqual(make(spelling).stdout.decode(), overview)

    def test_version(self):
        text = make("--version").stdout.decode()
        self.assertRegex(text, r"\Afathom \d+\.\d+\.\d+\nLLVM 22\.\d+\.\d+\nartifact format \d+\.\d+\n\Z")

    @unittest.skipIf(support.SANITIZED, "executables are for builds without sanitizers")
    def test_executables_help(self):
        text = make("--help", program=support.executable()).stdout
        self.assertTrue(text.startswith(b"usage: executable [options]"), text)

    def test_defaults_are_said(self):
        for verb, *words in (("compile", "(artifact)", "(native)", "(pack)", "(16)", "0: 256 to 1024", "--[no-]kernels", "4K is 4096"),
                             ("run", "(text)", "--[no-]bos", "--[no-]mmap", "4K is 4096")):
            text = make(verb, "--help").stdout.decode()
            for word in words:
                self.assertIn(word, text)


class Mistakes(support.DriverTest):
    def refused(self, *arguments, words=(), code=USAGE):
        with self.subTest(arguments=arguments):
            result = self.fails(code, *arguments, words=words)
            if code == USAGE and arguments[-1:] != ("-",):
                self.assertIn(b"--help'", result.stderr)

    def test_verbs(self):
        self.refused(words=("no verb",))
        self.refused("", words=("no verb",))
        self.refused("comple", words=("comple", "'compile'"))
        self.refused("inpect", words=("'inspect'",))
        self.refused("frobnicate", words=("frobnicate",))
        self.refused("--frobnicate", words=("option",))
        self.refused("help", "frobnicate", words=("frobnicate",))
        self.refused("help", "run", "chat")
        self.refused("--version", "extra", words=("extra",))
        self.refused("\x1b[31m" + "x" * 10000, words=("\\x1b[31m",))

    def test_unknown_options(self):
        for verb in VERBS:
            self.refused(verb, "--frobnicate", words=("--frobnicate",))
            self.refused(verb, "-Z", words=("-Z",))
            self.refused(verb, "--", "-a", *"bcdefghi", words=("unexpected",))
        for arguments, near in ((("compile", "--emti=exe"), "--emit"), (("run", "--temprature=1"), "--temperature"),
                                (("chat", "--max-token=1"), "--max-tokens"), (("gen", "--sed=1"), "--seed"),
                                (("tokenize", "--jsnol"), "--jsonl"), (("inspect", "--jsno"), "--json"),
                                (("bench", "--repetition=2"), "--repetitions"), (("targets", "--jso"), "--json")):
            self.refused(*arguments, words=("did you mean '" + near + "'",))

    def test_options_of_compile_say_so(self):
        options = make("compile", "--help").stdout.decode()
        for name in ("act-type", "cache-type", "max-context", "max-batch", "prefill-rows", "mcpu", "weights", "kernels", "tokenizer"):
            self.assertRegex(options, rf"--(\[no-\])?{name}\b")
            for verb in ("run", "chat", "bench"):
                self.refused(verb, support.artifact(), f"--{name}=1", words=(f"'--{name}'", "'fathom compile'", "see 'fathom compile --help'"))
        self.refused("run", support.artifact(), "--no-kernels", words=("'--no-kernels'", "'fathom compile'"))

    def test_options_of_checkpoints_name_the_verb(self):
        for verb in ("run", "chat"):
            self.refused(verb, support.artifact(), "--chat-format=chatml", "-p", "a",
                         words=("compiled already", f"see 'fathom {verb} --help'"))

    def test_missing_arguments(self):
        self.refused("compile", words=("checkpoint",))
        self.refused("compile", "x", words=("-o",))
        self.refused("compile", "x", "-o", words=("-o", "needs a value"))
        self.refused("run", "-p", "a", words=("model",))
        self.refused("chat", words=("model",))
        self.refused("bench", words=("model",))
        self.refused("inspect", words=("artifact",))
        self.refused("lint", words=("checkpoint directory or an ONNX model",))
        self.refused("tokenize", words=("tokenizer",))
        self.refused("gen", words=("--config",))
        self.refused("gen", "--config=x", words=("-o",))

    def test_text_that_is_no_argument(self):
        self.refused("run", "x", "hello", words=("'hello'", "say -p TEXT"))
        self.refused("tokenize", "x", "hello", words=("'hello'", "standard input"))

    def test_empty_arguments(self):
        self.refused("compile", "", "-o", "x", words=("argument 1 is empty",))
        for verb in ("run", "chat", "bench", "inspect", "tokenize"):
            self.refused(verb, "", words=("argument 1 is empty",))

    def test_values(self):
        compile = ("compile", "x", "-o", self.path("y"))
        for option, *words in (("--emit=elf", "artifact", "exe"), ("--target=rocm", "cpu|cuda"), ("--weights=steal", "pack"),
                               ("--draft=all", "mtp", "none"), ("--max-batch=0", "1"), ("--max-batch=-1",), ("--max-batch=99999999999999999999",), ("--threads=1x",),
                               ("--threads=",), ("--prefill-rows=1.5",), ("--max-context=0x10",), ("--from=asm",),
                               ("--kernels=yes", "no value"), ("--max-batch=5000", "4096"), ("--threads= 1",)):
            self.refused(*compile, option, words=words)
        self.refused(*compile, "-o", "z", words=("-o", "repeats"))
        self.refused(*compile, "--kernels", "--no-kernels", words=("contradicts",))
        for option in ("--temperature=nan", "--temperature=inf", "--temperature=1e999", "--temperature=", "--top-k=-1",
                       "--top-k=2147483648", "--seed=18446744073709551616", "-n=9223372036854775808", "-n=-1",
                       "--output=xml"):
            self.refused("run", "x", "-p", "a", option)
        for draft in ("mtp:0", "mtp:5", "mtp:x", "eagle", ""):
            for verb in ("run", "chat", "bench"):
                self.refused(verb, "x", "--draft=" + draft, words=("--draft", "mtp:K with K from 1 to 4", "'%s'" % draft))

    def test_all_mistakes_are_reported_at_once(self):
        self.refused("compile", "a", "b", "--emit=elf", "--frobnicate", "--threads=x",
                     words=("'b'", "elf", "--frobnicate", "'x'"))

    def test_options_that_do_not_go_together(self):
        self.refused("bench", "x", "--draft=mtp", "-n1", words=("--draft", "nothing to guess"))
        self.refused("run", "x", "-p", "a", "-f", "b", words=("one of",))
        self.refused("run", "x", "--batch-file=b", "--states=c", words=("--states",))
        self.refused("run", "x", "-p", "a", "--logits=c", "--states=c", words=("--logits", "--states"))
        self.refused("tokenize", "x", "--chat", "--decode", words=("--chat", "--decode"))
        folder = support.checkpoint()
        self.refused("compile", folder, "-o", "-", words=("standard output",), code=USAGE)
        self.refused("compile", folder, "-o", "-", "--emit=plan", "--checkpoint=" + folder, words=("--from",))
        self.refused("compile", "x", "-o", "-", "--from=fuse", "--emit=model", words=("--from", "--emit"))
        for option, phase, when in (("--max-context=8", "deepseek", "when a checkpoint is read"),
                                    ("--draft=none", "deepseek", "when a checkpoint is read"),
                                    ("--cache-type=bf16", "deepseek", "when a checkpoint is read"),
                                    ("--max-batch=2", "model", "in phase model"),
                                    ("--prefill-rows=8", "model", "in phase model"),
                                    ("--no-kernels", "fuse", "in phases model and fuse"),
                                    ("--mcpu=x86-64-v3", "fuse", "in phase fuse"),
                                    ("--mcpu=x86-64-v3", "plan", "in phase fuse"),
                                    ("--act-type=bf16", "fuse", "in phase fuse"),
                                    ("--weight-type=q8", "model", "in phase model")):
            self.refused("compile", "x", "-o", self.path("y"), "--from=" + phase, option,
                         words=(option.split("=")[0], when, "--from=" + phase))

    def test_weight_types_that_nothing_would_read(self):
        for option, *words in (("--weights=reference", "leaves where they are"), ("--target=cuda", "is for CPUs"),
                               ("--target=cpu,cuda", "is for CPUs")):
            self.refused("compile", "x", "-o", self.path("y"), "--weight-type=q8", option, words=("--weight-type=q8", *words))

    def test_weight_types_have_names(self):
        for types, *words in (("q3", "keep|bf16|f8|q8", "'q3'"), ("norm=q8", "mlp|experts|head|attention", "'norm'"),
                              ("head=", "''"), ("head=q8,bf16", "comes first", "'bf16'")):
            self.refused("compile", "x", "-o", self.path("y"), "--weight-type=" + types, words=("--weight-type", *words))

    def test_activations_stay_f32_where_no_weight_has_the_role(self):
        path = self.path("model")
        said = make("compile", support.dense_checkpoint(), "-o", path, "--weight-type=experts=q8").stderr.decode()
        self.assertIn("warning: ", said)
        self.assertIn("activations stay f32: no product has weights of 8 bits in groups of 32", said)
        self.assertEqual(json.loads(make("inspect", path, "--json").stdout)["target"]["activations"], "f32")

    def test_integers_that_no_product_would_read(self):
        for option, *words in (("--weight-type=keep", "--weight-type=q8"), ("--target=cpu,cuda", "is for CPUs")):
            self.refused("compile", "x", "-o", self.path("y"), "--act-type=int8", option, words=("--act-type=int8", *words))

    def test_options_that_no_phase_reads(self):
        for option, phase in (("--max-batch=2", "deepseek"), ("--prefill-rows=8", "deepseek"), ("--no-kernels", "deepseek"),
                              ("--weights=reference", "deepseek"), ("--weight-type=q8", "deepseek"), ("--mcpu=x86-64-v3", "model"), ("--act-type=bf16", "model")):
            self.refused("compile", "x", "-o", self.path("y"), "--emit=" + phase, option,
                         words=(option.split("=")[0], f"after --emit={phase} stops"))
        for options in (("--skip-special",), ("--no-generation-prompt",), ("--decode", "--parse-special"),
                        ("--decode", "--add-bos"), ("--chat", "--add-bos")):
            self.refused("tokenize", "x", *options, words=("has no effect",))

    def test_options_of_a_run_that_change_nothing(self):
        def said(*options):
            return support.make("run", support.checkpoint(), "--token-ids=1", "-n1", "--output=token-ids", *options).stderr

        self.assertEqual(said("--temperature=1", "--top-k=5", "--seed=3"), b"")
        result = said("--top-p=0.5", "--seed=3", "--no-bos", "--special")
        for option in ("top-p", "seed", "no-bos", "special"):
            self.assertIn(f"fathom: note: --{option} has no effect: ".encode(), result)

    def test_options_about_weights_that_are_elsewhere(self):
        result = support.make("run", support.artifact(), "--token-ids=1", "-n1", "--weights-directory=/nowhere")
        self.assertIn(b"fathom: note: --weights-directory has no effect: the weights are in the artifact", result.stderr)
        self.refused("run", support.checkpoint(), "--token-ids=1", "-n1", "--verify-weights",
                     words=("--verify-weights has no effect", "compile it with --verify-weights"))

    def test_devices(self):
        self.refused("run", "x", "-p", "a", "--device=abacus", words=("abacus", "cpu"))
        self.refused("run", "x", "-p", "a", "--device=cuda:0", words=("cuda:0",), code=DEVICE)
        self.refused("bench", "x", "--device=cuda:x", words=("cuda:x", "cuda[:N]"))
        self.refused("run", "x", "-p", "a", "--device=cuda:99999999999999999999", words=("is out of range",))
        self.refused("run", "x", "-p", "a", "--device=cpu:1", words=("cpu:1",))

    def test_processors(self):
        folder, output = support.checkpoint(), self.path("y")
        self.fails(USAGE, "compile", folder, "-o", output, "--mcpu=z80", words=("z80", "x86-64-v3"))
        self.fails(USAGE, "compile", folder, "-o", output, "--mcpu=", words=("--mcpu",))
        self.fails(UNSUPPORTED, "compile", folder, "-o", output, "--mcpu=nehalem", words=("nehalem", "AVX2"))

    def test_more_context_than_the_model_has(self):
        self.fails(USAGE, "compile", support.checkpoint(), "-o", self.path("y"), "--max-context=129",
                   words=("--max-context=129", "max_position_embeddings", "128"))

    def test_inputs_that_are_no_checkpoints(self):
        write(self.path("model.mlir"), "module {}")
        output = self.path("y")
        self.fails(support.IO, "compile", self.path("model.mlir"), "-o", output, words=("not a directory", "--from=PHASE"))
        self.fails(support.IO, "compile", support.artifact(), "-o", output, words=("already compiled", "fathom run"))
        self.fails(support.IO, "compile", "deepseek-ai/DeepSeek-V2-Lite", "-o", output,
                   words=("cannot open", "[io]", "local directories"))


class WhereOutputGoes(support.DriverTest):
    def test_results_alone_are_on_standard_output(self):
        folder, model = support.speaking_checkpoint(), support.artifact()
        output = self.path("model.fathom")
        self.assertEqual(make("compile", folder, "-o", output).stdout, b"")
        self.assertEqual(read(output), read(model))
        module = make("compile", folder, "-o", "-", "--emit=deepseek")
        self.assertTrue(module.stdout.startswith(b"module"))
        self.assertEqual(module.stderr, b"")
        config = write(self.path("config.json"), json.dumps(support.CONFIG))
        result = make("gen", "--config=" + config, "-o", self.path("out"))
        self.assertEqual((result.stdout, result.stderr), (b"", b""))
        json.loads(make("inspect", model, "--json").stdout)
        json.loads(make("inspect", folder, "--json").stdout)
        json.loads(make("targets", "--json").stdout)
        json.loads(make("bench", model, "--json", "-n1", "-p1", "--repetitions=1").stdout)
        answer = make("run", model, "-p", "a", "-n3", "--ignore-eos", "--output=json", "--stats")
        self.assertEqual(json.loads(answer.stdout)["generated_tokens"], 3)
        self.assert_message(answer) if not answer.stderr else self.assertIn(b"answer: 3 tokens", answer.stderr)

    def test_ir_goes_back_in(self):
        """Equal artifacts answer alike."""
        models = (os.path.join(support.TREE, "test", "models", name) for name in ("moe-tiny", "qwen3-tiny"))
        for folder in (support.checkpoint(), *models):
            make("compile", folder, "-o", self.path("direct"))
            for phase in ("deepseek", "model", "fuse", "plan"):
                with self.subTest(model=folder, phase=phase):
                    text = self.path(phase + ".mlir")
                    make("compile", folder, "-o", text, "--emit=" + phase)
                    make("compile", text, "--from=" + phase, "--checkpoint=" + folder, "-o", self.path(phase))
                    self.assertEqual(read(self.path(phase)), read(self.path("direct")))

    def test_no_threads_are_all(self):
        make("compile", support.dense_checkpoint(), "-o", self.path("model"), "--threads=0")

    def test_ir_alone_has_no_weights(self):
        make("compile", support.dense_checkpoint(), "-o", self.path("ir.mlir"), "--emit=plan")
        self.fails(USAGE, "compile", self.path("ir.mlir"), "--from=plan", "-o", self.path("y"), words=("--checkpoint=DIR",))

    def test_ir_that_is_none(self):
        path = self.path("bad.mlir")
        for text in ("", "module {", "\0", "module {}", "\xff"):
            write(path, text)
            with self.subTest(text=text):
                self.fails(BAD_INPUT, "compile", path, "--from=model", "-o", self.path("y"), "--checkpoint",
                           support.checkpoint(), words=("bad.mlir",))
        self.fails(support.IO, "compile", self.path("absent.mlir"), "--from=model", "-o", self.path("y"),
                   words=("absent.mlir", "No such file"))

    def test_ir_comes_from_standard_input(self):
        module = make("compile", support.checkpoint(), "-o", "-", "--emit=deepseek").stdout
        result = make("compile", "-", "--from=deepseek", "-o", "-", "--emit=deepseek", stdin=module)
        self.assertEqual(result.stdout, module)

    def test_a_checkpoint_without_a_tokenizer_is_warned_of(self):
        result = make("compile", support.checkpoint(), "-o", self.path("model"))
        self.assert_message(result, ("warning", "no tokenizer.json", "token ids only"))

    def test_a_checkpoint_runs_without_an_artifact(self):
        expected = make("run", support.artifact(), "-p", "Once", "-n5", "--ignore-eos").stdout
        before = support.snapshot(support.SCRATCH).keys()
        self.assertEqual(make("run", support.speaking_checkpoint(), "-p", "Once", "-n5", "--ignore-eos").stdout, expected)
        self.assertEqual(support.snapshot(support.SCRATCH).keys(), before)


if __name__ == "__main__":
    support.main()
