# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""`--trace`: what the file says, what it may replace, and that an answer is whole where it cannot be written."""

import json
import os
import re
import shutil

import support
from support import IO, USAGE, make, read, write

ANSWER = ("--token-ids=5,6,7", "--ignore-eos", "--temperature=0")


def launches(commands, function):
    """The kernels that a function launches, in the order of its list, with those of the functions it calls."""
    for command in commands:
        if command["function"] == function and command["action"] == "launch":
            yield re.sub(r"[^A-Za-z0-9.]", "_", command["target"])
        elif command["function"] == function and command["action"] == "call":
            yield from launches(commands, command["target"])


class Traces(support.DriverTest):
    def trace(self, *options):
        path = self.path("trace.json")
        make("run", support.artifact(), *ANSWER, "--trace=" + path, *options)
        events = json.loads(read(path))
        self.threads = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
        boxes = [event for event in events if event["ph"] != "M"]
        # In nanoseconds, whose sums are exact.
        return [{**box, "ts": round(1000 * box["ts"]), "dur": round(1000 * box["dur"])} for box in boxes]

    def test_a_box_a_command(self):
        report = json.loads(make("inspect", support.artifact(), "--commands", "--json").stdout)
        functions = {entry["name"]: entry["function"] for entry in report["entry_points"]}
        boxes = self.trace("--threads=1", "-n6")
        calls = [box for box in boxes if box["name"] in functions]
        self.assertEqual(len(calls), 6)
        for call in calls:
            end = call["ts"] + call["dur"]
            inside = [box["name"] for box in boxes if box is not call and call["ts"] <= box["ts"] <= end]
            self.assertEqual(inside, list(launches(report["commands"], functions[call["name"]])))
        for box in boxes:
            self.assertEqual((box["ph"], sorted(box)), ("X", ["args", "dur", "name", "ph", "pid", "tid", "ts"]))
            self.assertGreater(box["args"]["items"], 0)
        self.assertEqual({box["args"].get("layer", 0) for box in boxes}, {0, 1})

    def test_a_row_a_thread(self):
        boxes = self.trace("--threads=2", "-n100")
        self.assertLessEqual(len({box["tid"] for box in boxes}), 2)
        self.assertEqual(list(self.threads.values()), ["caller", "thread 1"][:len(self.threads)])
        self.assertEqual(set(self.threads), {box["tid"] for box in boxes})
        self.assertEqual(len({box["pid"] for box in boxes}), 1)
        for thread in {box["tid"] for box in boxes}:
            own = sorted(((box["ts"], -box["dur"]) for box in boxes if box["tid"] == thread))
            ends = []
            # Boxes of one row stand beside each other, or one in the other.
            for begin, duration in own:
                while ends and ends[-1] <= begin:
                    ends.pop()
                self.assertTrue(not ends or begin - duration <= ends[-1])
                ends.append(begin - duration)

    def test_it_replaces_nothing_but_an_older_trace(self):
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        model = shutil.copy(support.artifact(), self.path("model.fathom"))
        prompt = write(self.path("prompt"), "5,6,7\n")
        for verb, *question in (("run", "--token-ids=1"), ("run", "--batch-file=" + prompt), ("chat", "-p", "a")):
            for output, word in ((model, "is not a trace"), (prompt, "is not a trace"), ("/dev/full", "is a device"),
                                 (self.path("folder"), "is a directory"), (self.path("pipe"), "is a pipe"),
                                 ("-", "a trace cannot go to standard output"), ("", "is empty")):
                with self.subTest(verb=verb, output=output):
                    self.fails(USAGE, verb, model, *question, "-n1", "--trace=" + output, words=(word,))
        self.fails(IO, "run", model, "--token-ids=1", "-n1", "--trace=" + self.path("absent", "x"), words=("No such file",))
        for _ in range(2):
            self.assertEqual(self.trace("-n2")[0]["ph"], "X")

    def test_an_older_trace_stays_where_nothing_runs(self):
        self.trace("-n2")
        self.fails(USAGE, "run", support.artifact(), "--token-ids=1,x", "-n1", "--trace=" + self.path("trace.json"))

    def test_each_output_has_a_file_of_its_own(self):
        self.fails(USAGE, "run", support.artifact(), *ANSWER, "-n2", "--states=x", "--trace=x",
                   words=("--states and --trace name one file, 'x'",), cwd=self.folder)


class FullDisks(support.DriverTest):
    def survives(self, *arguments):
        """The answer is the same, and whole; what is missing is told and counts."""
        path = self.path("trace.json")
        # Room for the first call, where each of the threads has a box for each command.
        result = support.run(*arguments, "--threads=2", "--trace=" + path, limits="ulimit -f 32")
        self.assertEqual(result.returncode, IO, result.stderr)
        self.assert_message(result, (f"cannot write '{path}': File too large",))
        self.assertEqual(result.stderr.count(b"\n"), 1)
        times = re.compile(rb'"(prefill|decode)_ms": [0-9.]+')
        self.assertEqual(times.sub(b"", result.stdout), times.sub(b"", make(*arguments).stdout))
        self.assertGreater(len(json.loads(read(path))), 0)
        os.remove(path)

    def test_an_older_trace_stays_and_nothing_lies_beside_it(self):
        path = write(self.path("trace.json"), "[\n{}\n]\n")
        before = support.snapshot(self.folder)
        result = support.run("run", support.artifact(), *ANSWER, "-n2", "--trace=" + path, limits="ulimit -f 0")
        self.assertEqual(result.returncode, IO, result.stderr)
        self.assertEqual(support.snapshot(self.folder), before)

    def test_one_prompt(self):
        for output in ("text", "token-ids", "json"):
            self.survives("run", support.artifact(), *ANSWER, "-n60", "--output=" + output)

    def test_a_batch(self):
        prompts = write(self.path("prompts"), "5,6,7\n8,9\n")
        self.survives("run", support.artifact(), "--batch-file=" + prompts, "-n60", "--output=token-ids")

    def test_a_chat(self):
        self.survives("chat", support.artifact(), "-p", "a", "-n60", "--output=json")


if __name__ == "__main__":
    support.main()
