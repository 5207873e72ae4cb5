# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""What the comparison itself computes, on recorded output: no network, no engine."""

import array
import os
import struct
import sys
import tempfile
import unittest
import unittest.mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import formats
import machine
import model
import report
from fathom import Fathom


def sample(name):
    with open(os.path.join(HERE, "samples", name), encoding="utf-8") as stream:
        return stream.read()


def npy(header, values):
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + array.array("f", values).tobytes()


class FormatsTest(unittest.TestCase):
    def file(self, content):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "file")
        with open(path, "wb") as stream:
            stream.write(content)
        return path

    def test_llama_bench(self):
        found = formats.parse_llama_bench(sample("llama_bench.json"))
        self.assertEqual(found, {"prefill": 14.8286, "decode": 5.50963, "threads": 2, "commit": "0c1e570"})

    def test_fathom_bench(self):
        found = formats.parse_fathom_bench(sample("fathom_bench.json"))
        self.assertEqual(found, {"prefill": 36.363, "decode": 8.955, "threads": 2, "read_bytes_per_second": 18233097079,
                                 "weight_bytes_per_step": 1359607296, "weight_bytes_measured": True,
                                 "fma_flops": 76030796719, "prefill_flops_per_token": 830026240})

    def test_npy_last_row(self):
        path = self.file(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", [1, 2, 3, 4, 5, 6]))
        self.assertEqual(list(formats.read_npy_last_row(path)), [4, 5, 6])

    def test_npy_of_another_kind_is_refused(self):
        for content in (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", [1, 2]),
                        npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }", [1, 2]),
                        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", [1, 2]),
                        b"\x93NUMPY\x02\x00" + bytes(100)):
            with self.assertRaises(ValueError):
                formats.read_npy_last_row(self.file(content))

    def test_compare_logits(self):
        same = formats.compare_logits([1.0, -4.0, 3.0], [1.0, -4.0, 3.0])
        self.assertAlmostEqual(same["cosine"], 1)
        self.assertTrue(same["same_best_token"])
        other = formats.compare_logits([3.0, 0.0], [0.0, 4.0])
        self.assertEqual((other["cosine"], other["same_best_token"]), (0, False))
        self.assertEqual((other["largest_difference"], other["largest_logit"]), (4, 4))
        with self.assertRaises(ValueError):
            formats.compare_logits([1.0], [1.0, 2.0])


def facts(*weights, tied=False, experts_per_token=0):
    """What `fathom inspect --json` says of weights (part, experts, bytes)."""
    return {"model": {"tie_word_embeddings": tied, "num_experts_per_tok": experts_per_token},
            "weights": [{"part": part, "experts": experts, "size_bytes": size} for part, experts, size in weights]}


class ModelTest(unittest.TestCase):
    def test_a_token_reads_the_experts_that_it_meets(self):
        weights = facts(("mlp.gate", 0, 10), ("mlp.experts.gate_proj", 64, 6400), experts_per_token=6)
        self.assertEqual(model.weight_bytes(weights), (10 + 600, 10 + 6400))

    def test_an_embedding_is_read_where_it_is_the_head_as_well(self):
        self.assertEqual(model.weight_bytes(facts(("embed_tokens", 0, 50), ("lm_head", 0, 50))), (50, 100))
        self.assertEqual(model.weight_bytes(facts(("embed_tokens", 0, 50), tied=True)), (50, 50))

    def test_every_shape_gets_a_vocabulary_that_the_tokenizer_fits(self):
        self.assertIn("deepseek-v2-lite", model.shapes())
        for shape in model.shapes():
            self.assertGreaterEqual(model.make_config(shape, None, None)["vocab_size"], model.TOKENIZER_ROWS)

    def test_layers_and_experts_can_be_fewer(self):
        config = model.make_config("deepseek-v2-lite", 5, 8)
        self.assertEqual((config["num_hidden_layers"], config["n_routed_experts"]), (5, 8))


class FathomTest(unittest.TestCase):
    def test_artifacts_of_different_activations_are_different_files(self):
        workspace = unittest.mock.Mock()
        names = []
        for act_type in ("f32", "bf16"):
            names.append(Fathom(workspace, "fathom").compile("/nowhere/checkpoint", act_type))
            self.assertEqual(workspace.step.call_args.args[2][1:],
                             ["compile", "/nowhere/checkpoint", "-o", names[-1], "--act-type=" + act_type])
        self.assertEqual(names, ["/nowhere/model-f32.fathom", "/nowhere/model-bf16.fathom"])


class ReportTest(unittest.TestCase):
    def rounds(self):
        """Three rounds: one, the same on a machine half as fast, and one where Fathom decodes faster."""
        llama = {"prefill": 80.0, "decode": 10.0}
        fathom = {"prefill": 100.0, "decode": 12.5, "read_bytes_per_second": 40e9, "weight_bytes_per_step": 1.36e9,
                  "fma_flops": 200e9, "prefill_flops_per_token": 0.8e9}
        slow = [{**engine, "prefill": engine["prefill"] / 2, "decode": engine["decode"] / 2}
                for engine in (llama, fathom)]
        return [[llama, fathom], slow, [llama, {**fathom, "decode": 15.0}]]

    def test_ratios_are_fathoms_over_llamas(self):
        found = report.summarize(self.rounds())
        self.assertEqual(found["prefill_ratio"], 1.25)
        self.assertEqual(found["decode_ratio"], 1.25)
        self.assertEqual((found["decode_ratio_least"], found["decode_ratio_most"]), (1.25, 1.5))
        self.assertEqual((found["prefill_ratio_of_fastest"], found["decode_ratio_of_fastest"]), (1.25, 1.5))

    def test_fractions_are_of_what_the_machine_did(self):
        found = report.summarize(self.rounds())
        self.assertAlmostEqual(found["fathom"]["decode_bandwidth_fraction"], 12.5 * 1.36 / 40)
        self.assertAlmostEqual(found["llama.cpp"]["decode_bandwidth_fraction"], 10 * 1.36 / 40)
        self.assertAlmostEqual(found["fathom"]["prefill_fma_fraction"], 100 * 0.8 / 200)

    def test_fractions_are_of_the_machine_in_that_round(self):
        llama, fathom = self.rounds()[0]
        rounds = [[llama, {**fathom, "decode": decode, "read_bytes_per_second": speed}]
                  for decode, speed in ((10.0, 40e9), (20.0, 50e9), (15.0, 20e9))]
        self.assertAlmostEqual(report.summarize(rounds)["fathom"]["decode_bandwidth_fraction"], 20 * 1.36 / 50)

    def text(self, others):
        computer = {"processor": "P", "cores": 2, "vectors": ["avx2"], "others": others, "load": 2.1}
        return report.format_report({
            "machine": computer, "fathom": "fathom 1\nLLVM 22", "llama.cpp": "0c1e570",
            "model": {"shape": "S", "layers": 5, "experts": 64, "seed": 0, "vocabulary": 9, "active_bytes": 1.36e9, "bytes": 5.9e9},
            "options": {"act_type": "bf16", "threads": 2, "prompt": 512, "tokens": 64, "repetitions": 3},
            "agreement": formats.compare_logits([1.0, 2.0], [2.0, 1.0]), "result": report.summarize(self.rounds())})

    def test_text_says_which_model_and_how_fast(self):
        text = self.text(others=0.01)
        self.assertRegex(text, r"best token DIFFERENT")
        self.assertRegex(text, r"decode +10\.00 +12\.50 +1\.25 \(1\.25 to 1\.50\)")
        self.assertRegex(text, r"S with 5 layers, 64 experts a layer")
        self.assertIn("P, 2 cores, avx2", text)
        self.assertIn("activations bf16", text)

    def test_text_warns_when_others_used_the_machine(self):
        self.assertNotIn("TOO MUCH", self.text(others=0.01))
        self.assertIn("others used 40 % of it meanwhile: TOO MUCH", self.text(others=0.4))


class MachineTest(unittest.TestCase):
    def test_describes(self):
        self.assertGreaterEqual(machine.describe()["cores"], 1)

    def test_others_are_what_is_neither_ours_nor_idle(self):
        meter = machine.Meter()
        tick = os.sysconf("SC_CLK_TCK")
        meter.begin = (0, 0, 0.0)
        meter._read = lambda: (10 * tick, 6 * tick, 4.0)
        self.assertAlmostEqual(meter.others(), 0.2)


if __name__ == "__main__":
    unittest.main()
