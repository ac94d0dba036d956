#!/usr/bin/python3
"""tools/cluster, with a program that only claims to be a broker; and what it reads of the Kafka protocol."""

import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools" / "lib"))

import kafka_frames  # noqa: E402
from kafka_frames import Reader, Writer  # noqa: E402
from node_process import NodeProcess, NotOurs, stat_of  # noqa: E402

# Formats, listens where its configuration says, and answers DescribeQuorum and Metadata of a cluster in which all is well.
FAKE = r'''#!/usr/bin/python3
import pathlib, socket, struct, sys, threading
if sys.argv[1] == "format":
    values = dict(line.split("=", 1) for line in pathlib.Path(sys.argv[3]).read_text().splitlines())
    pathlib.Path(values["log.dirs"], "meta.properties").write_text("cluster.id=" + sys.argv[5])
    sys.exit(0)
values = dict(line.split("=", 1) for line in pathlib.Path(sys.argv[2]).read_text().splitlines())
voters = [one.partition("@")[0] for one in values["controller.quorum.voters"].split(",")]
def array(elements):
    return bytes([len(elements) + 1]) + b"".join(elements)
def answer(api):
    if api == 55:
        replicas = array([struct.pack(">iq", int(one), 40) + b"\0" for one in voters])
        partition = struct.pack(">ihiiq", 0, 0, int(voters[0]), 3, 40) + replicas + array([]) + b"\0"
        return struct.pack(">h", 0) + array([b"\x02t" + array([partition]) + b"\0"]) + b"\0"
    brokers = array([struct.pack(">i", n) + b"\x02h" + struct.pack(">i", 1) + b"\0\0" for n in (1, 2)])
    return struct.pack(">i", 0) + brokers + b"\x02c" + struct.pack(">i", 1) + array([]) + b"\0"
def serve(listener):
    while True:
        connection, _ = listener.accept()
        with connection:
            head = connection.recv(8)
            if len(head) == 8:
                body = struct.pack(">i", 1) + b"\0" + answer(struct.unpack(">h", head[4:6])[0])
                connection.sendall(struct.pack(">i", len(body)) + body)
for listener in values["listeners"].split(","):
    opened = socket.create_server(("127.0.0.1", int(listener.rpartition(":")[2])))
    threading.Thread(target=serve, args=(opened,)).start()
print("serving", flush=True)
'''


def free_ports():
    """The first of a range in which nobody listens."""
    for base in range(31000, 60000, 211):
        try:
            for port in (base, base + 1, base + 100, base + 101):
                socket.create_server(("127.0.0.1", port)).close()
            return base
        except OSError:
            continue
    raise AssertionError("no free ports")


class ClusterTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.directory.name)
        self.program = self.root / "squall-broker"
        self.program.write_text(FAKE)
        self.program.chmod(0o755)

    def tearDown(self):
        if (self.root / "c" / "cluster.json").exists():
            self.cluster("kill")
        self.directory.cleanup()

    def cluster(self, *words, code=0):
        run = subprocess.run([sys.executable, str(TOP / "tools" / "cluster"), "--dir", str(self.root / "c"), *words],
                             capture_output=True, text=True, timeout=60)
        if code is not None and words[0] != "kill":
            self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run.stdout + run.stderr

    def start(self, *words, **expected):
        return self.cluster("start", "--program", str(self.program), "--base-port", str(free_ports()), *words, **expected)

    def pid(self, name):
        return NodeProcess(self.root / "c" / name / "pid").pid()

    def test_a_cluster_of_dedicated_nodes_starts_shows_itself_and_stops(self):
        self.assertIn("4 started", self.start("--controllers", "2", "--brokers", "2"))
        shown = self.cluster("status")
        self.assertRegex(shown, r"broker-1 +broker +running")
        self.assertRegex(shown, r"controller-1 +controller +running +\d+ +\d+ +active, log end 40")
        self.assertRegex(shown, r"controller-2 .*voter, log end 40")
        self.assertIn("quorum: leader 101, epoch 3, high watermark 40", shown)
        self.assertIn("brokers: 2 of 2", shown)
        properties = (self.root / "c" / "controller-2" / "server.properties").read_text()
        self.assertIn("process.roles=controller\nnode.id=102\n", properties)
        ids = {(self.root / "c" / name / "data" / "meta.properties").read_text() for name in ("broker-1", "controller-2")}
        self.assertEqual(ids, {"cluster.id=" + json.loads((self.root / "c" / "cluster.json").read_text())["cluster_id"]})
        self.assertIn("4 stopped", self.cluster("stop"))
        self.assertRegex(self.cluster("status", code=1), r"broker-2 +broker +down")
        self.assertIn("4 started", self.cluster("start"))

    def test_nodes_of_both_roles_listen_for_both(self):
        self.start("--combined", "2")
        properties = (self.root / "c" / "broker-2" / "server.properties").read_text()
        self.assertIn("process.roles=broker,controller", properties)
        self.assertRegex(properties, r"listeners=PLAINTEXT://127.0.0.1:\d+,CONTROLLER://127.0.0.1:\d+")
        self.assertRegex(properties, r"controller.quorum.voters=1@127.0.0.1:\d+,2@127.0.0.1:\d+\n")

    def test_a_rolling_restart_replaces_every_process(self):
        self.start("--controllers", "1", "--brokers", "2")
        before = [self.pid(name) for name in ("broker-1", "broker-2", "controller-1")]
        self.assertEqual(self.cluster("restart"), "broker-1 restarted\nbroker-2 restarted\ncontroller-1 restarted\n")
        after = [self.pid(name) for name in ("broker-1", "broker-2", "controller-1")]
        self.assertTrue(all(after))
        self.assertFalse(set(before) & set(after))

    def test_nodes_are_killed_paused_and_resumed_by_name_role_and_part(self):
        self.start("--controllers", "1", "--brokers", "2")
        self.cluster("pause", "broker-2")
        self.assertRegex(self.cluster("status", code=1), r"broker-2 +broker +paused")
        self.cluster("resume", "2")
        self.assertRegex(self.cluster("status"), r"broker-2 +broker +running")
        self.cluster("kill", "active")
        self.assertIsNone(self.pid("controller-1"))
        self.assertIn("there is no node broker-9", self.cluster("pause", "broker-9", code=2))
        self.assertIn("serving", self.cluster("logs", "broker-1"))

    def test_a_process_that_only_has_the_same_id_is_left_alone(self):
        self.start("--controllers", "1", "--brokers", "2")
        self.cluster("kill", "broker-1")
        stranger = subprocess.Popen(["sleep", "60"])
        try:
            boot = (self.root / "c" / "broker-2" / "pid").read_text().split()[2]
            (self.root / "c" / "broker-1" / "pid").write_text(f"{stranger.pid} 1 {boot}\n")
            self.cluster("kill", "broker-1")
            self.cluster("stop", "broker-1")
            self.assertIsNone(stranger.poll(), "its start time is another")
            self.assertRegex(self.cluster("status", code=1), r"broker-1 +broker +down")
        finally:
            stranger.kill()
            stranger.wait()

    def test_what_cannot_be_is_refused(self):
        self.assertIn("there is no cluster", self.cluster("status", code=2))
        for words, wanted in ((["--program", "/nowhere"], "no such program"), (["--program", "/etc/passwd"], "cannot be executed"),
                              (["--controllers", "0"], "--controllers 0: must be from 1 to 100"),
                              (["--controllers", "-1"], "--controllers -1: must be"), (["--brokers", "0"], "--brokers 0: must be"),
                              (["--brokers", "101"], "--brokers 101: must be"), (["--combined", "0"], "--combined 0: must be"),
                              (["--base-port", "0"], "--base-port 0: must be from 1 to 65433"),
                              (["--base-port", "65434"], "--base-port 65434: must be"), (["--config", "foo"], "key=value"),
                              (["broker-9"], "there is no node broker-9")):
            said = self.cluster("start", *(["--program", str(self.program)] if "--program" not in words else []), *words, code=2)
            self.assertIn(wanted, said)
            self.assertEqual(said.count("\n"), 1, said)
            self.assertFalse((self.root / "c").exists(), "a start that was refused leaves nothing behind")
        self.assertIn("--combined N says it all", self.start("--combined", "2", "--brokers", "2", code=2))
        self.start("--combined", "1", "--config", "log.segment.bytes=1048576")
        self.cluster("start", "--config", "log.segment.bytes=1048576")
        self.assertIn("was made without num.io.threads=3; name another --dir", self.cluster("start", "--config", "num.io.threads=3", code=2))
        self.assertIn("key=value", self.cluster("start", "--config", "foo", code=2))
        self.assertIn("the cluster there runs", self.cluster("start", "--program", "/bin/false", code=2))
        self.assertIn("has combined = 1", self.cluster("start", "--combined", "2", code=2))
        self.assertIn("still runs", self.cluster("destroy", code=2))
        self.cluster("stop")
        self.assertIn("broker-1: not running; `tools/cluster start` first", self.cluster("restart", code=2))
        self.cluster("destroy")
        self.assertFalse((self.root / "c").exists())

    def test_a_directory_or_a_file_that_is_no_cluster_is_told_in_one_line(self):
        run = subprocess.run([sys.executable, str(TOP / "tools" / "cluster"), "--dir", "/proc/x", "start", "--program", str(self.program)],
                             capture_output=True, text=True, timeout=60)
        self.assertEqual((run.returncode, run.stderr.count("\n")), (2, 1), run.stderr)
        self.assertIn("/proc/x", run.stderr)
        (self.root / "c").mkdir()
        for text in ("", "{", "[]", "{}", '{"brokers": "many"}'):
            (self.root / "c" / "cluster.json").write_text(text)
            for command in ("status", "destroy", "start"):
                said = self.cluster(command, code=2)
                self.assertIn("not what this tool has written", said)
                self.assertEqual(said.count("\n"), 1, said)
        (self.root / "c" / "cluster.json").unlink()
        (self.root / "c" / "broker-1").mkdir()
        self.assertIn("there is broker-1, but no cluster.json", self.start("--combined", "1", code=2))
        self.assertTrue((self.root / "c" / "broker-1").exists())

    def test_a_program_that_cannot_format_is_named_with_its_exit_code(self):
        self.assertIn("false format` ended with 1: it said nothing", self.cluster("start", "--program", "/bin/false", code=2))
        self.assertFalse((self.root / "c").exists())

    def test_nodes_that_die_during_the_start_are_named_at_once(self):
        # The controllers end, the broker waits for them in vain.
        self.program.write_text("#!/bin/sh\n[ \"$1\" = format ] && exit 0\ncase $2 in *controller*) echo no quorum; exit 3;; esac\nexec sleep 100\n")
        said = self.start("--controllers", "2", "--brokers", "1", code=2)
        for name in ("controller-1", "controller-2"):
            self.assertIn(f"{name} ended: no quorum (see {self.root / 'c' / name / 'log'})", said)
        self.assertNotIn("broker-1", said)

    def test_a_node_that_ends_at_once_is_told_with_its_last_words(self):
        self.program.write_text("#!/bin/sh\n[ \"$1\" = format ] && exit 0\necho no luck today\nexit 3\n")
        self.assertIn("no luck today", self.start("--controllers", "1", "--brokers", "1", code=2))


class Processes(unittest.TestCase):
    def test_are_signalled_only_while_they_are_ours(self):
        with tempfile.TemporaryDirectory() as directory:
            process = NodeProcess(pathlib.Path(directory) / "pid")
            with self.assertRaises(NotOurs):
                process.signal(signal.SIGTERM)
            process.start(["sleep", "60"], pathlib.Path(directory) / "log")
            pid = process.pid()
            with self.assertRaises(NotOurs):
                process.start(["sleep", "60"], pathlib.Path(directory) / "log")
            process.signal(signal.SIGKILL)
            self.assertTrue(process.wait_ended(10))
            os.waitpid(pid, 0)
            self.assertIsNone(stat_of(pid))
            self.assertEqual(process.state(), "down")


class Frames(unittest.TestCase):
    def test_texts_and_numbers_read_back(self):
        writer = Writer().varint(300).text("orders").number("q", -1)
        reader = Reader(bytes(writer.bytes))
        self.assertEqual((reader.varint(), reader.text(), reader.number("q")), (300, "orders", -1))

    def test_an_answer_that_is_cut_short_is_no_answer(self):
        for length in range(12):
            with self.assertRaises(kafka_frames.NoAnswer):
                kafka_frames.read_metadata(Reader(struct.pack(">ib", 0, 2) + b"\0" * length))

    def test_metadata_of_a_partition_is_read_whole(self):
        body = Writer().number("i", 0).varint(2).number("i", 7).text("host").number("i", 9092).varint(0).varint(0)
        body.text("cluster").number("i", 7).varint(2).number("h", 0).text("orders")
        body.bytes += bytes(16)
        body.number("?", False).varint(2).number("h", 0).number("i", 4).number("i", 7).number("i", 2)
        body.varint(3).number("i", 7).number("i", 8).varint(2).number("i", 7).varint(1).varint(0).number("i", 0).varint(0).varint(0)
        cluster = kafka_frames.read_metadata(Reader(bytes(body.bytes)))
        self.assertEqual((cluster.cluster_id, cluster.brokers), ("cluster", {7: ("host", 9092)}))
        self.assertEqual(cluster.partitions, [kafka_frames.Partition("orders", 4, 7, [7, 8], [7])])


if __name__ == "__main__":
    unittest.main()
