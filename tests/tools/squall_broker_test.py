#!/usr/bin/python3
"""The command line of `squall-broker`: formatting a node, cluster ids, bad usage. squall_broker_test.py PROGRAM"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))

BAD_USAGE = 2
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"


class SquallBrokerTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.config = pathlib.Path(self.folder.name, "server.properties")
        self.config.write_text(
            "process.roles=broker,controller\nnode.id=3\nlisteners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0\n"
            "controller.quorum.voters=3@127.0.0.1:9093\nlog.dirs=one,two\n"
        )

    def tearDown(self):
        self.folder.cleanup()

    def run_it(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], cwd=self.folder.name, capture_output=True, text=True, timeout=60)

    def format(self, *arguments, cluster=CLUSTER):
        return self.run_it("format", "--config", str(self.config), "--cluster-id", cluster, *arguments)

    def properties(self, folder):
        lines = pathlib.Path(self.folder.name, folder, "meta.properties").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def test_random_uuids_differ_and_are_what_format_takes(self):
        ids = {self.run_it("random-uuid").stdout.strip() for _ in range(5)}
        self.assertEqual(len(ids), 5)
        for one in ids:
            self.assertRegex(one, re.compile(r"^[A-Za-z0-9_-]{22}$"))
        self.assertEqual(self.format(cluster=ids.pop()).returncode, 0)

    def test_format_gives_each_directory_its_identity(self):
        done = self.format()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(done.stdout.splitlines()), 2, done.stdout)
        one, two = self.properties("one"), self.properties("two")
        self.assertEqual((one["cluster.id"], one["node.id"]), (CLUSTER, "3"))
        self.assertNotEqual(one["directory.id"], two["directory.id"])

    def test_a_second_format_is_refused_unless_it_is_asked_for(self):
        self.assertEqual(self.format().returncode, 0)
        before = self.properties("one")
        again = self.format()
        self.assertEqual(again.returncode, BAD_USAGE)
        self.assertRegex(again.stderr, r"^squall-broker: .*one/meta.properties: formatted already; pass --ignore-formatted")
        left = self.format("--ignore-formatted")
        self.assertEqual((left.returncode, left.stdout), (0, "everything is formatted already\n"))
        self.assertEqual(self.properties("one"), before)

    def test_what_is_wrong_is_told_in_one_line_with_its_exit_code(self):
        self.assertEqual(self.format().returncode, 0)
        for arguments, error in (
            (("format", "--config", "server.properties"), "--cluster-id is required"),
            (("format", "--config", "server.properties", "--cluster-id", "mine"), "'mine' is no cluster id"),
            (("format", "--config", "nope", "--cluster-id", CLUSTER), "cannot read nope"),
            (("format", "--config", "server.properties", "--cluster-id", "AAAAAAAAAAAAAAAAAAAAew"), "is of node 3 of cluster"),
            (("nonsense",), "nonsense"),
        ):
            with self.subTest(arguments=arguments):
                done = self.run_it(*arguments)
                self.assertEqual(done.returncode, BAD_USAGE, done.stdout + done.stderr)
                self.assertIn(error, done.stderr)

    def test_a_node_of_a_cluster_that_is_not_formatted_does_not_start(self):
        done = self.run_it("--config", str(self.config), "--override", "controller.quorum.voters=3@127.0.0.1:9093,4@127.0.0.1:9094")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("not formatted", done.stderr)
        self.assertFalse(pathlib.Path(self.folder.name, "one", "meta.properties").exists())


if __name__ == "__main__":
    unittest.main()
