# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""`fathom bench`: depths and how they are reached, several models, JSON and the curve."""

import json
import os
import xml.etree.ElementTree

import support
from support import IO, USAGE, make, read

# Two layers keep 40 numbers of a position, in f32.
POSITION_BYTES = 2 * 40 * 4
QUICK = ("-p0", "-n4", "-r1")


class Depths(support.DriverTest):
    def test_a_list_of_depths_is_a_table(self):
        lines = make("bench", support.artifact(), *QUICK, "-d", "10,40,10,100", "--computed=8").stdout.decode().splitlines()
        self.assertEqual(lines[-4].split(), "depth tokens/s ms a step weights latent read least ms part".split())
        self.assertEqual([line.split()[0] for line in lines[-3:]], ["10", "40", "100"])

    def test_one_depth_is_told_in_lines(self):
        text = make("bench", support.artifact(), *QUICK, "-d", "40").stdout.decode()
        self.assertIn(" 4 tokens of 1 sequences after 40; ", text)
        self.assertRegex(text, r"\A\d+ threads, activations of f32; 1 repetitions: ")
        self.assertNotIn("ms a step", text)

    def test_bytes_of_the_cache_follow_the_depth(self):
        for batch in (1, 3):
            text = make("bench", support.artifact(), *QUICK, "-d", "100,0,20", "--computed=1", f"-b{batch}", "--json").stdout
            result = json.loads(text)
            self.assertEqual(result["depth"], 100)
            for depth, at in zip((100, 0, 20), result["depths"], strict=True):
                cache = batch * (depth + 2.5) * POSITION_BYTES
                self.assertEqual((at["depth"], at["cache_bytes_per_step"]), (depth, {"latent": cache}))
                self.assertEqual(at["bytes_per_step"], result["weight_bytes_per_step"] + cache)
                self.assertGreater(at["decode_tokens_per_second"], 0)

    def test_depths_that_do_not_fit_are_refused(self):
        for depths in ("", "1,", "1,x", "-1", "1 2", "16777217", ",".join(["1"] * 65)):
            self.fails(USAGE, "bench", support.artifact(), "--depth=" + depths, words=("--depth", "separated by commas"))
        self.fails(USAGE, "bench", support.artifact(), "-p0", "-n4", "-d1,125", words=("context of 128",))
        self.fails(USAGE, "bench", support.artifact(), "-d10,20", "--computed=20", words=("no depth is greater",))


class Models(support.DriverTest):
    def curve(self):
        return xml.etree.ElementTree.fromstring(read(self.path("curve.svg")))

    def test_several_models_are_measured_alike(self):
        results = json.loads(make("bench", support.artifact(), support.artifact(), *QUICK, "-d10,40", "--json",
                                  "--svg=" + self.path("curve.svg")).stdout)
        self.assertEqual([[at["depth"] for at in result["depths"]] for result in results], [[10, 40], [10, 40]])
        tags = [element.tag.rpartition("}")[2] for element in self.curve()]
        self.assertEqual(tags.count("polyline"), 4)

    def test_names_in_a_curve_are_text(self):
        model = self.path("a<b>&c.fathom")
        os.symlink(support.artifact(), model)
        make("bench", model, *QUICK, "-d10,40", "--svg=" + self.path("curve.svg"))
        self.assertIn("a<b>&c", [element.text for element in self.curve()])

    def test_curves_that_cannot_be_are_refused(self):
        one = ("bench", support.artifact(), *QUICK)
        self.fails(USAGE, *one, "--svg=" + self.path("curve.svg"), words=("more than one depth",))
        self.fails(USAGE, *one, "-d1,2", "--svg=", words=("name is empty",))
        self.fails(IO, *one, "-d1,2", "--svg=" + self.path("no/curve.svg"), words=("/no' of the output file",))


@support.Once
def drafting_artifact(path):
    """Experts of whole pages, and a layer that drafts."""
    config = {**support.CONFIG, "num_nextn_predict_layers": 1, "moe_intermediate_size": 256, "n_routed_experts": 8}
    support.generate(path + ".folder", config)
    make("compile", path + ".folder", "-o", path)


class Drafts(support.DriverTest):
    def test_parts_of_a_step_and_what_they_read_are_told(self):
        for drafts in (1, 3):
            text = make("bench", drafting_artifact(), "-p0", "-n12", "-r1", f"--draft=mtp:{drafts}").stdout.decode()
            self.assertRegex(text, rf"\nstep .* drafting.* verifying {drafts + 1} rows, .* else; .* without drafts\n")
            self.assertIn(" an answer of one sequence to ", text)
            self.assertEqual("each further" in text, drafts > 1)
            self.assertRegex(text, r"\nweights .* read a token with drafts, .* without; a step reads .* to draft, .* to verify")
            # Two of the experts of its one layer.
            self.assertRegex(text, r"\nexperts .* 2\.0 without; .*; 0\.10 MB each\n")
            self.assertRegex(text, r"\ndrafts (gain|lose): a step gives .* tokens more and costs .* for drafting, .* for verif")

    def test_an_answer_has_one_depth(self):
        self.fails(USAGE, "bench", drafting_artifact(), "-d10,20", "--draft=mtp", words=("--draft answers at one depth",))

    def test_json_has_the_numbers(self):
        text = make("bench", drafting_artifact(), "-p0", "-n12", "-r1", "--draft=mtp:2", "--json").stdout
        draft = json.loads(text)["draft"]
        self.assertEqual(draft["drafts"], 2)
        self.assertEqual(draft["decode_steps"] + draft["accepted_tokens"], 11)
        self.assertEqual(draft["acceptance"], draft["accepted_tokens"] / draft["drafted_tokens"])
        self.assertEqual(draft["plain_experts_per_token"], 2)
        self.assertEqual(draft["expert_bytes"], 3 * 64 * 256 * 2)
        # Three rows read experts of two each.
        self.assertTrue(2 <= draft["verifying_experts_per_step"] <= 6, draft)
        self.assertTrue(2 <= draft["drafting_experts_per_step"] <= 2 * 4, draft)
        for field in ("plain_step_seconds", "step_seconds", "draft_seconds", "first_draft_seconds", "verify_seconds"):
            self.assertGreater(draft[field], 0)
        self.assertIn("drafts ", draft["explanation"])

    def test_experts_without_pages_of_their_own_are_not_counted(self):
        folder = self.path("model")
        support.generate(folder, {**support.CONFIG, "num_nextn_predict_layers": 1})
        make("compile", folder, "-o", self.path("m.fathom"))
        text = make("bench", self.path("m.fathom"), "-p0", "-n4", "-r1", "--draft=mtp").stdout.decode()
        self.assertNotIn("\nexperts ", text)
        self.assertNotIn("times the experts", text)


@support.Once
def gpu_artifact(path):
    make("compile", support.checkpoint(), "-o", path, "--target=cuda", "--cubin=none")


class Counts(support.DriverTest):
    """On the simulator, which has no speed."""

    def phases(self, *options, **environment):
        text = make("bench", gpu_artifact(), "--json", *options, env={**os.environ, **environment}).stdout
        return {phase["phase"]: phase for phase in json.loads(text)["phases"]}

    def test_kernels_are_counted_and_nothing_is_timed(self):
        text = make("bench", gpu_artifact(), "-p3", "--device=ptxsim").stdout.decode()
        self.assertTrue(text.startswith("counted on a simulated GPU"), text)
        self.assertNotIn("/s", text)
        rows = [line.split() for line in text.splitlines()]
        for title in (["prefill:", "3", "tokens", "after", "0"], ["decode:", "1", "tokens", "after", "3"]):
            self.assertEqual(rows[rows.index(title) + 1][:3], ["kernel", "launches", "instructions"])
        self.assertEqual(len([row for row in rows if row and row[0] == "all"]), 2)

    def test_what_kernels_move_is_at_least_what_they_must(self):
        for phase in self.phases("-p3", "--device=ptxsim").values():
            for kernel in phase["kernels"]:
                with self.subTest(phase["phase"], kernel=kernel["kernel"]):
                    self.assertGreater(min(kernel["launches"], kernel["instructions"], kernel["least_bytes_read"]), 0)
                    self.assertEqual(kernel["moved_bytes"], 32 * (kernel["sectors_read"] + kernel["sectors_written"]))
                    self.assertEqual(kernel["least_bytes"], kernel["least_bytes_read"] + kernel["least_bytes_written"])
                    self.assertLessEqual(kernel["least_bytes"], kernel["moved_bytes"])

    def test_a_row_of_the_embedding_is_read_for_each_token(self):
        phases = self.phases("-p3", "--device=ptxsim")
        for name, tokens in (("prefill", 3), ("decode", 1)):
            kernel, = (kernel for kernel in phases[name]["kernels"] if kernel["kernel"].endswith("_embedding"))
            # Rows of 64 numbers of bf16 stay so; beside them what the call says of its rows is read.
            self.assertEqual((kernel["launches"], kernel["least_bytes_written"]), (1, tokens * 64 * 2))
            self.assertTrue(0 <= kernel["least_bytes_read"] - tokens * 64 * 2 <= 128, kernel)

    def test_without_a_prompt_there_is_a_step_alone(self):
        self.assertEqual(list(self.phases("-p0", FATHOM_DEVICE="ptxsim")), ["decode"])

    def test_what_could_only_be_timed_is_refused(self):
        for option in ("-n2", "-d3", "-b2", "-r2", "--draft=mtp", "--svg=curve.svg", "--computed=2"):
            self.fails(USAGE, "bench", gpu_artifact(), "--device=ptxsim", option, words=("one prompt and one step are counted",))
        self.fails(USAGE, "bench", gpu_artifact(), "--device=ptxsim", "-p128", words=("exceeds the context of 128",))


if __name__ == "__main__":
    support.main()
