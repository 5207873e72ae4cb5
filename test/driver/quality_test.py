# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""`fathom bench --quality`: perplexity by its definition, divergence between two models, and what is refused."""

import json
import math
import os
import struct

import support
from support import BAD_INPUT, USAGE, make, read

DEMO = os.path.join(support.TREE, "test", "models", "demo")


@support.Once
def demo(path):
    make("compile", DEMO, "-o", path, "--draft=none")


def read_golden(name):
    """Numbers of a tensor of what the reference made of the demo."""
    data = read(os.path.join(DEMO, "golden.safetensors"))
    (size,) = struct.unpack_from("<Q", data)
    tensor = json.loads(data[8 : 8 + size])[name]
    begin, end = (8 + size + at for at in tensor["data_offsets"])
    return struct.unpack(f"<{(end - begin) // (4 if tensor['dtype'] == 'F32' else 8)}{'f' if tensor['dtype'] == 'F32' else 'q'}", data[begin:end])


def find_perplexity(tokens, logits):
    """Of what comes behind the tokens of the second half."""
    width, losses = len(logits) // len(tokens), []
    for i in range(len(tokens) // 2, len(tokens) - 1):
        row = logits[i * width : (i + 1) * width]
        losses.append(math.log(sum(map(math.exp, row))) - row[tokens[i + 1]])
    return math.exp(sum(losses) / len(losses))


class Quality(support.DriverTest):
    def measure(self, *arguments):
        return json.loads(make("bench", *arguments, "--quality", "--json").stdout)

    def test_perplexity_is_that_of_the_reference(self):
        tokens = read_golden("p1.tokens")
        (result,) = self.measure(demo(), "--token-ids=" + ",".join(map(str, tokens)))
        self.assertEqual((result["tokens"], result["window"]), (23, 48))
        self.assertAlmostEqual(result["perplexity"] / find_perplexity(tokens, read_golden("p1.logits")), 1, places=4)

    def test_windows_begin_anew(self):
        one, two = ([1 + i * step % 500 for i in range(40)] for step in (7, 11))
        losses = []
        for text in (one, two, one + two):
            (result,) = self.measure(demo(), "--window=40", "--token-ids=" + ",".join(map(str, text)))
            losses.append(math.log(result["perplexity"]) * result["tokens"])
        self.assertAlmostEqual(losses[0] + losses[1], losses[2], places=6)

    def test_a_model_is_as_far_from_another_as_rounding_takes_it(self):
        make("compile", DEMO, "-o", self.path("q8.fathom"), "--draft=none", "--weight-type=q8")
        path = support.write(self.path("text.txt"), "Once upon a time there was a small fox who lived in a wood. " * 20)
        same, q8, keep = self.measure(demo(), self.path("q8.fathom"), "-f", path, "--against=" + demo())
        self.assertEqual((same["mean_divergence"], same["same_top"]), (0, 1))
        self.assertNotIn("against", keep)
        self.assertTrue(0 < q8["mean_divergence"] <= q8["divergence_99"] < 5e-2, q8)
        self.assertGreater(q8["same_top"], 0.9)

    def test_people_read_lines(self):
        text = make("bench", demo(), "--quality", "--token-ids=1,2,3,4", "--against=" + demo()).stdout.decode()
        self.assertRegex(text, r"perplexity +\d+\.\d{4}  1 tokens, in windows of 4\ndivergence +0\.00e\+00  mean KL; ")

    def test_what_is_refused(self):
        self.fails(USAGE, "bench", demo(), "--quality", words=("either -f or --token-ids",))
        self.fails(USAGE, "bench", demo(), "--quality", "--token-ids=1,2", "-d1,2", words=("--depth", "nothing is timed"))
        self.fails(USAGE, "bench", demo(), "--against=x", words=("--against", "goes with --quality"))
        self.fails(BAD_INPUT, "bench", demo(), "--quality", "--token-ids=7", words=("1 tokens: nothing can be predicted",))
        self.fails(BAD_INPUT, "bench", demo(), "--quality", "--token-ids=1,999999", words=("999999", "one of the model's 4096"))
        self.fails(BAD_INPUT, "bench", demo(), "--quality", "--token-ids=1,2,3", "--against=" + support.artifact(),
                   words=("other tokens",))


if __name__ == "__main__":
    support.main()
