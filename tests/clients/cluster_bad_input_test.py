#!/usr/bin/python3
"""Nodes that must not join as they are: a clear message, a stable exit code, never a silent new cluster; and the cluster goes on."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from cluster_harness import HOST, Cluster, Node, free_ports, kafka_frames, random_id, until

BAD_USAGE, STORAGE_FAILED, CORRUPT_METADATA, NOT_ADMITTED = 2, 4, 5, 6
BROKER, CONTROLLER = 3, 103


def metadata_dir(node):
    return node.data / "__cluster_metadata-0"


def wipe(cluster, node):
    shutil.rmtree(node.data)


def empty(cluster, node):
    wipe(cluster, node)
    node.data.mkdir()


def lose_metadata_log(cluster, node):
    shutil.rmtree(metadata_dir(node))


def lose_records_and_snapshots(cluster, node):
    """Its election state stays: it would vote as if it had what it once acknowledged."""
    for path in metadata_dir(node).glob("0000*"):
        path.unlink()


def take_anothers_directory(cluster, node):
    """Of a node of the same role, as if two disks had been swapped."""
    wipe(cluster, node)
    shutil.copytree(cluster.node(node.id - 1).data, node.data)


def spoil(name):
    def act(cluster, node):
        found = sorted(node.data.rglob(name))
        assert found, f"{node.data}: no {name}"
        found[-1].write_bytes(b"\x00garbage" * 20)
    return act


def cut_checkpoint(cluster, node):
    """The newest snapshot of the metadata log loses its second half."""
    newest = sorted(path for path in metadata_dir(node).glob("*.checkpoint"))[-1]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])


def say(**properties):
    def act(cluster, node):
        node.properties = {key.replace("_", "."): value(cluster, node) if callable(value) else value for key, value in properties.items()}
    return act


def fewer_voters(cluster, node):
    return ",".join(one for one in cluster.voters.split(",") if not one.startswith("101@"))


def without_itself(cluster, node):
    return ",".join(one for one in cluster.voters.split(",") if not one.startswith(f"{node.id}@"))


# What is done to a stopped node; who; the exit code; what the message names.
CASES = [
    ("the directory of a broker is gone", wipe, BROKER, CORRUPT_METADATA, ["data", "not formatted", "squall-broker format"]),
    ("the directory of a broker is empty", empty, BROKER, CORRUPT_METADATA, ["data", "not formatted", "squall-broker format"]),
    ("the directory of a voter is gone", wipe, CONTROLLER, CORRUPT_METADATA, ["data", "not formatted", "squall-broker format"]),
    ("the directory of a voter is empty", empty, CONTROLLER, CORRUPT_METADATA, ["data", "not formatted", "squall-broker format"]),
    ("two brokers' directories are swapped", take_anothers_directory, BROKER, CORRUPT_METADATA, ["meta.properties", "node 2, not 3"]),
    ("two voters' directories are swapped", take_anothers_directory, CONTROLLER, CORRUPT_METADATA, ["meta.properties", "node 102, not 103"]),
    ("meta.properties is garbage", spoil("meta.properties"), BROKER, CORRUPT_METADATA, ["meta.properties"]),
    ("the quorum-state of a voter is garbage", spoil("quorum-state"), CONTROLLER, CORRUPT_METADATA, ["quorum-state", "restore"]),
    ("the quorum-state of a broker is garbage", spoil("quorum-state"), BROKER, CORRUPT_METADATA, ["quorum-state", "restore"]),
    ("the bootstrap.checkpoint is garbage", spoil("bootstrap.checkpoint"), CONTROLLER, CORRUPT_METADATA, ["bootstrap.checkpoint"]),
    ("a snapshot of a voter is cut short", cut_checkpoint, CONTROLLER, CORRUPT_METADATA, [".checkpoint"]),
    ("a snapshot of a broker is cut short", cut_checkpoint, BROKER, CORRUPT_METADATA, [".checkpoint"]),
    ("the metadata directory of a voter is gone", lose_metadata_log, CONTROLLER, CORRUPT_METADATA, ["__cluster_metadata-0", "restore"]),
    ("the records of a voter are gone", lose_records_and_snapshots, CONTROLLER, CORRUPT_METADATA,
     ["__cluster_metadata-0", "ends at offset 0", "restore"]),
    ("a controller is no voter", say(controller_quorum_voters=without_itself), CONTROLLER, BAD_USAGE, ["controller.quorum.voters", "103"]),
    ("the voters are not those of before", say(controller_quorum_voters=fewer_voters), CONTROLLER, CORRUPT_METADATA,
     ["quorum-state", "101,102,103", "controller.quorum.voters", "102,103"]),
    ("a broker's id is a voter's", say(node_id="101"), BROKER, BAD_USAGE, ["controller.quorum.voters", "101"]),
    ("its port is another's", say(listeners=lambda cluster, node: f"PLAINTEXT://{HOST}:{cluster.node(1).broker_port}"), BROKER, BAD_USAGE,
     ["cannot listen", "choose another port"]),
    ("a voter's port is another's", say(listeners=lambda cluster, node: f"CONTROLLER://{HOST}:{cluster.node(101).controller_port}"), CONTROLLER,
     BAD_USAGE, ["cannot listen", "choose another port"]),
]


class BadNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="squall-bad-nodes-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.cluster = Cluster(cls.directory, **{"metadata_log_max_record_bytes_between_snapshots": 500,
                                                "initial_broker_registration_timeout_ms": 2500})
        cls.addClassCleanup(cls.cluster.kill)
        cls.cluster.start()
        for name in ("a", "b", "c", "d"):
            subprocess.run(["kcat", "-b", cls.cluster.bootstrap, "-P", "-t", name], input=b"kept\n", check=True, timeout=60, capture_output=True)
        cls.cluster.wait_whole(30, "d", 1)
        snapshots = lambda: all(len(list(metadata_dir(cls.cluster.node(n)).glob("*.checkpoint"))) > 0 for n in (BROKER, CONTROLLER))
        assert until(snapshots, 20), "no snapshot was made"

    @contextlib.contextmanager
    def stopped(self, node):
        """The node is stopped, and comes back as it was."""
        self.assertEqual(node.stop(), 0, node.output()[-2000:])
        aside = self.directory / "aside"
        shutil.copytree(node.data, aside)
        try:
            node.log.unlink()
            yield node
        finally:
            node.kill()
            node.properties = {}
            shutil.rmtree(node.data, ignore_errors=True)
            shutil.move(aside, node.data)
            node.start()
            self.cluster.wait_whole()

    def stranger(self, node_id, cluster_id=None, voters=None):
        """A broker that the cluster does not have, formatted, in a directory of its own."""
        node = Node(self.cluster, node_id, ["broker"], free_ports(1)[0], None)
        node.directory = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        node.data, node.log = node.directory / "data", node.directory / "log"
        if voters:
            node.properties["controller.quorum.voters"] = voters
        self.assertEqual(node.format(cluster_id).returncode, 0)
        self.addCleanup(node.kill)
        return node

    def test_a_node_that_is_not_what_it_was_does_not_start(self):
        for title, act, node_id, code, words in CASES:
            with self.subTest(title), self.stopped(self.cluster.node(node_id)) as node:
                act(self.cluster, node)
                node.start()
                try:
                    ended = node.wait(15)
                except subprocess.TimeoutExpired:
                    self.fail(f"it runs\n{node.output()[-2000:]}")
                self.assertEqual(ended, code, node.output()[-2000:])
                message = node.output().strip().splitlines()[-1]
                self.assertTrue(message.startswith("squall-broker: "), message)
                for word in words:
                    self.assertIn(word, message)

    def test_a_second_process_on_one_directory_is_refused(self):
        node = self.cluster.node(BROKER)
        second = Node(self.cluster, BROKER, ["broker"], free_ports(1)[0], None)
        second.directory = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        second.data, second.log = node.data, second.directory / "log"
        self.addCleanup(second.kill)
        second.start()
        self.assertEqual(second.wait(), STORAGE_FAILED, second.output())
        self.assertIn("another process", second.output())
        self.cluster.wait_whole()

    def test_a_second_node_of_one_id_is_not_admitted(self):
        second = self.stranger(1)
        second.start()
        self.assertEqual(second.wait(30), NOT_ADMITTED, second.output()[-2000:])
        self.assertIn("event=registration-refused", second.output())
        self.assertRegex(second.output(), r"squall-broker: node 1 could not register .* another process with this node.id")
        self.cluster.wait_whole()
        self.assertEqual(kafka_frames.metadata((HOST, self.cluster.node(2).broker_port)).brokers[1], (HOST, self.cluster.node(1).broker_port))

    def test_a_node_of_another_cluster_is_not_admitted(self):
        other = self.stranger(9, cluster_id=random_id())
        other.start()
        self.assertEqual(other.wait(30), NOT_ADMITTED, other.output()[-2000:])
        self.assertRegex(other.output(), r"squall-broker: a majority of the voters belongs to another cluster")
        self.cluster.wait_whole()
        self.assertNotIn(9, self.cluster.metadata().brokers)

    def test_a_voter_of_another_cluster_ends(self):
        with self.stopped(self.cluster.node(CONTROLLER)) as node:
            properties = node.data / "meta.properties"
            properties.write_text(properties.read_text().replace(self.cluster.cluster_id, random_id()))
            node.start()
            self.assertEqual(node.wait(30), NOT_ADMITTED, node.output()[-2000:])
            self.assertRegex(node.output(), r"squall-broker: a majority of the voters belongs to another cluster")

    def test_voters_that_do_not_agree_who_votes_do_not_go_on_together(self):
        directory = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        cluster = Cluster(directory, controllers=3, brokers=0)
        self.addCleanup(cluster.kill)
        alone, *others = cluster.nodes
        alone.properties["controller.quorum.voters"] = next(one for one in cluster.voters.split(",") if one.startswith(f"{alone.id}@"))
        for node in cluster.nodes:
            self.assertEqual(node.format().returncode, 0)
        alone.start()
        self.assertTrue(until(lambda: "event=controller-elected" in alone.output(), 20), alone.output())
        for node in others:
            node.start()
        for node in others:
            self.assertEqual(node.wait(30), NOT_ADMITTED, node.output()[-2000:])
            self.assertRegex(node.output(), rf"squall-broker: the leader of epoch \d+ was elected among the voters {alone.id}, but")

    def test_a_broker_without_a_quorum_says_so_and_stops_when_it_is_told_to(self):
        port = free_ports(1)[0]
        lonely = self.stranger(9, voters=f"101@{HOST}:{port}")
        lonely.properties["initial.broker.registration.timeout.ms"] = 60_000
        lonely.start()
        self.assertTrue(until(lambda: lonely.output().count("event=controller-missing") >= 2, 20), lonely.output())
        self.assertRegex(lonely.output(), rf"level=warn event=controller-missing for_ms=\d+ epoch=\d+ voters=101@{HOST}:{port} starting=1")
        begun = time.monotonic()
        self.assertEqual(lonely.stop(), 0, lonely.output())
        self.assertLess(time.monotonic() - begun, 2)

    def test_a_broker_that_never_finds_its_quorum_ends(self):
        lonely = self.stranger(9, voters=f"101@{HOST}:{free_ports(1)[0]}")
        lonely.start()
        self.assertEqual(lonely.wait(20), NOT_ADMITTED, lonely.output())
        self.assertRegex(lonely.output(), r"squall-broker: node 9 could not register .*no active controller was found")

    def test_a_voter_without_the_others_says_so_and_stops_when_it_is_told_to(self):
        controllers = [self.cluster.node(101), self.cluster.node(102)]
        with self.stopped(self.cluster.node(CONTROLLER)) as node:
            for other in controllers:
                other.pause()
            try:
                node.start()
                self.assertTrue(until(lambda: "event=controller-missing" in node.output(), 20), node.output())
                begun = time.monotonic()
                self.assertEqual(node.stop(), 0, node.output())
                self.assertLess(time.monotonic() - begun, 5)
            finally:
                for other in controllers:
                    other.resume()

    def test_a_port_that_is_taken_is_named(self):
        with socket.socket() as taken:
            taken.bind((HOST, 0))
            taken.listen()
            node = self.stranger(9)
            node.properties["listeners"] = f"PLAINTEXT://{HOST}:{taken.getsockname()[1]}"
            node.start()
            self.assertEqual(node.wait(), BAD_USAGE, node.output())
            self.assertIn(f"cannot listen on PLAINTEXT://{HOST}:{taken.getsockname()[1]}", node.output())


class Format(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="squall-format-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.cluster = Cluster(self.directory, combined=1)
        self.node = self.cluster.nodes[0]

    def test_a_directory_is_formatted_once(self):
        first = self.node.format()
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn(f"for node 1 of cluster {self.cluster.cluster_id}", first.stdout)
        again = self.node.format()
        self.assertEqual(again.returncode, BAD_USAGE)
        self.assertIn("--ignore-formatted", again.stderr)
        self.assertEqual(self.node.format(None, "--ignore-formatted").returncode, 0)
        other = self.node.format(random_id(), "--ignore-formatted")
        self.assertEqual(other.returncode, BAD_USAGE)
        self.assertIn(f"is of node 1 of cluster {self.cluster.cluster_id}", other.stderr)

    def test_a_bad_cluster_id_is_refused(self):
        bad = self.node.format("not an id")
        self.assertEqual(bad.returncode, BAD_USAGE)
        self.assertIn("squall-broker random-uuid", bad.stderr)
        self.assertFalse((self.node.data / "meta.properties").exists())


if __name__ == "__main__":
    unittest.main()
