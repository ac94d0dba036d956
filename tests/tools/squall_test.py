#!/usr/bin/python3
"""The command line of `squall`: exit codes, JSON keys, errors of one line, replays. squall_test.py PROGRAM"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))

QUIET = """title = "quiet"
[[topic]]
name = "t"
[[workload]]
produce = "t"
rate = "100/s"
[[workload]]
consume = "t"
[run]
duration = "2s"
"""
FAILING = QUIET.replace("[run]", '[expect]\nproduce_latency_max = "< 1us"\n[run]')
EMPTY = QUIET.replace("[run]", "[expect]\nacked_min = 1000000\n[run]")


class SquallTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        for name, text in (("quiet", QUIET), ("failing", FAILING), ("empty", EMPTY)):
            pathlib.Path(self.folder.name, f"{name}.toml").write_text(text)

    def tearDown(self):
        self.folder.cleanup()

    def squall(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], cwd=self.folder.name, capture_output=True, text=True, timeout=120)

    def test_a_run_that_holds_exits_with_0_and_shows_a_timeline(self):
        run = self.squall("run", "quiet.toml", "--seed", "3")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("held: every check held", run.stdout)
        self.assertIn("timeline", run.stdout)
        self.assertEqual(run.stderr, "", "nothing is shown in a pipe but the report")

    def test_json_is_one_object_with_stable_keys(self):
        run = self.squall("run", "quiet.toml", "--json")
        said = json.loads(run.stdout)
        keys = {"verdict", "id", "scenario", "title", "seed", "trace", "virtual_s", "wall_s", "events", "crossings", "findings",
                "gates", "checks", "counts", "faults", "latency", "product_events"}
        self.assertEqual(set(said), keys)
        self.assertEqual(said["verdict"], "held")
        self.assertEqual(len(said["trace"]), 32)
        self.assertGreater(said["counts"]["records_acked"], 100)

    def test_the_same_seed_gives_the_same_trace(self):
        traces = {json.loads(self.squall("run", "quiet.toml", "--seed", "5", "--json").stdout)["trace"] for _ in range(2)}
        self.assertEqual(len(traces), 1)
        self.assertEqual(self.squall("run", "quiet.toml", "--verify").returncode, 0)

    def test_a_failing_run_exits_with_1_and_replays_from_its_id(self):
        run = self.squall("run", "failing.toml", "--seed", "9")
        self.assertEqual(run.returncode, 1)
        self.assertIn("broken: The cluster answers within the bounds", run.stdout)
        self.assertIn("last events before it", run.stdout)
        identity = run.stdout.split("\nid ")[1].split()[0]
        self.assertIn(f"replay '{identity}'", run.stdout)
        again = self.squall("replay", identity, "--json")
        self.assertEqual(again.returncode, 1)
        said = json.loads(again.stdout)
        self.assertEqual(said["id"], identity)
        self.assertIn(said["trace"], run.stdout)

    def test_a_replay_of_a_changed_scenario_says_so(self):
        identity = json.loads(self.squall("run", "failing.toml", "--json").stdout)["id"]
        path = pathlib.Path(self.folder.name, "failing.toml")
        path.write_text(path.read_text() + "# changed\n")
        again = self.squall("replay", identity)
        self.assertEqual(again.returncode, 2)
        self.assertIn("has changed since", again.stderr)

    def test_a_run_that_proves_nothing_exits_with_1(self):
        run = self.squall("run", "empty.toml")
        self.assertEqual(run.returncode, 1)
        self.assertIn("closed gate: only", run.stdout)

    def test_a_range_of_seeds_stops_at_the_first_failure(self):
        run = self.squall("run", "failing.toml", "--seeds", "4..9")
        self.assertEqual(run.returncode, 1)
        self.assertIn("@4#", run.stdout)
        held = self.squall("run", "quiet.toml", "--seeds", "1..3")
        self.assertEqual(held.returncode, 0)
        self.assertIn("held with every seed from 1 to 3", held.stdout)

    def test_bad_usage_exits_with_2_and_one_clear_line(self):
        pathlib.Path(self.folder.name, "bad.toml").write_text(QUIET.replace("rate", "rat"))
        for arguments, wanted in ((["run", "nowhere"], "there is no scenario file"), (["run", "bad.toml"], 'did you mean "rate"?'),
                                  (["replay", "nonsense"], "is no id"), (["run", "quiet.toml", "--until", "5"], "lacks a unit"),
                                  (["run", "quiet.toml", "--break-on", "segment-roled"], 'did you mean "segment-rolled"?'),
                                  (["run", "quiet.toml", "--seeds", "9..1"], "is not a range"),
                                  (["run", "quiet.toml", "--seeds", "0..18446744073709551616"], "is not a range"),
                                  (["run", "quiet.toml", "--until", "-1s"], "at least 0s"),
                                  (["run", "quiet.toml", "--seed", "-1"], "is not a seed"),
                                  (["run", "quiet.toml", "--seed", "1", "--seeds", "1..2"], "excludes"),
                                  (["run", "quiet.toml", "--seeds", "1..2", "--until", "1s"], "--seeds excludes --until"),
                                  (["run", "quiet.toml", "--seeds", "1..2", "--trace", "x.json"], "--seeds excludes --trace"),
                                  (["run", "quiet.toml", "--seeds", "1..2", "--break-on", "log-flushed"], "--seeds excludes --break-on"),
                                  (["frobnicate"], "squall --help")):
            run = self.squall(*arguments)
            self.assertEqual(run.returncode, 2, arguments)
            self.assertIn(wanted, run.stderr)
            self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertEqual(self.squall("frobnicate").returncode, 2)
        self.assertEqual(self.squall().returncode, 2)
        self.assertEqual(self.squall("--help").returncode, 0)

    def test_an_error_is_an_object_too_when_json_is_asked_for(self):
        for arguments in (["run", "nowhere", "--json"], ["run", "quiet.toml", "--seed", "x", "--json"], ["run", "--json"]):
            run = self.squall(*arguments)
            self.assertEqual(run.returncode, 2)
            self.assertEqual(json.loads(run.stdout)["verdict"], "error")

    def test_a_trace_file_is_what_perfetto_opens(self):
        path = pathlib.Path(self.folder.name, "trace.json")
        self.assertEqual(self.squall("run", "quiet.toml", "--trace", str(path)).returncode, 0)
        events = json.loads(path.read_text())["traceEvents"]
        self.assertTrue(any(event["ph"] == "M" and event["args"]["name"] == "broker-1" for event in events))
        self.assertTrue(any(event["name"] == "records-appended" for event in events))

    def test_stops_at_a_time_or_an_event(self):
        run = self.squall("run", "quiet.toml", "--until", "500ms")
        self.assertEqual(run.returncode, 0)
        self.assertIn("interrupted", run.stdout)
        run = self.squall("run", "quiet.toml", "--break-on", "records-acknowledged")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("interrupted", run.stdout)
        self.assertIn("the workloads begin", run.stdout)

    def test_stops_at_an_event_before_the_workloads_begin(self):
        for event in ("node-started", "leader-elected"):
            run = self.squall("run", "quiet.toml", "--break-on", event)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("interrupted", run.stdout)
            self.assertIn(event, run.stdout)
            self.assertNotIn("the workloads begin", run.stdout)

    def test_an_event_to_break_on_that_never_comes_exits_with_2(self):
        for arguments in ([], ["--json"]):
            run = self.squall("run", "quiet.toml", "--break-on", "topic-deleted", *arguments)
            self.assertEqual(run.returncode, 2)
            self.assertIn("--break-on: there was no topic-deleted in quiet.toml@1#", run.stderr)
            self.assertEqual(json.loads(run.stdout)["verdict"] if arguments else "held", "held")
        run = self.squall("run", "quiet.toml", "--break-on", "topic-deleted", "--until", "500ms")
        self.assertEqual(run.returncode, 0, "the rest of the run was not looked at")
        self.assertIn("interrupted", run.stdout)

    def test_an_output_that_cannot_be_written_exits_with_2_and_one_clear_line(self):
        for arguments in (["run", "quiet.toml"], ["run", "quiet.toml", "--json"], ["run", "quiet.toml", "--verbose"], ["list"],
                          ["run", "quiet.toml", "--seeds", "1..2"], ["run", "nowhere", "--json"]):
            with open("/dev/full", "w") as full:
                run = subprocess.run([PROGRAM, *arguments], cwd=self.folder.name, stdout=full, stderr=subprocess.PIPE, text=True,
                                     timeout=120)
            self.assertEqual((run.returncode, run.stderr), (2, "standard output cannot be written\n"), arguments)

    def test_lists_what_there_is(self):
        self.assertIn("broker/first_run", self.squall("list", "scenarios").stdout)
        self.assertIn("power_cut", self.squall("list", "faults").stdout)
        self.assertIn("acknowledged_survive", self.squall("list", "checks").stdout)
        self.assertIn("nvme-10g", self.squall("list", "profiles").stdout)
        self.assertIn("segment-rolled", self.squall("list", "events").stdout)
        self.assertGreaterEqual(len(json.loads(self.squall("list", "--json").stdout)["scenarios"]), 15)


if __name__ == "__main__":
    unittest.main()
