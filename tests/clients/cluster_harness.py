"""A cluster of squall-broker processes for the tests, each a child of the test with a directory and ports of its own.

Nothing is waited for by a fixed time: there is a condition and a deadline. Only processes started here are ended, by their own handles.
"""

import pathlib
import signal
import socket
import subprocess
import sys
import time

from harness import PROGRAM

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools" / "lib"))

import kafka_frames  # noqa: E402
from node_process import until  # noqa: E402

HOST = "127.0.0.1"
# Fast, so that a round of faults takes seconds. What is frozen for PAUSE_S has outlasted every one of them.
FAST = {
    "broker.heartbeat.interval.ms": 300, "broker.session.timeout.ms": 1500, "controller.quorum.election.timeout.ms": 500,
    "controller.quorum.fetch.timeout.ms": 800, "controller.quorum.election.backoff.max.ms": 300,
    "controller.quorum.request.timeout.ms": 600, "replica.lag.time.max.ms": 1500, "replica.fetch.wait.max.ms": 200,
    "replica.fetch.backoff.ms": 100, "replica.socket.timeout.ms": 1500, "request.timeout.ms": 2000, "squall.shutdown.grace.ms": 3000,
    "log.segment.bytes": 1 << 20,
}
PAUSE_S = 2.6


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind((HOST, 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def random_id():
    return subprocess.run([str(PROGRAM), "random-uuid"], capture_output=True, text=True, check=True, timeout=10).stdout.strip()


class Node:
    """`start`, `kill`, `stop`, `pause` and `resume` may follow each other any number of times."""

    def __init__(self, cluster, node_id, roles, broker_port, controller_port):
        self.cluster, self.id, self.roles = cluster, node_id, roles
        self.broker_port, self.controller_port = broker_port, controller_port
        self.directory = cluster.directory / f"node-{node_id}"
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.properties = {}
        self.process = None
        self.paused = False

    is_broker = property(lambda self: "broker" in self.roles)
    is_controller = property(lambda self: "controller" in self.roles)

    def write_properties(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in {**self.cluster.properties_of(self), **self.properties}.items()))
        return path

    def format(self, cluster_id=None, *more):
        return subprocess.run([str(PROGRAM), "format", "--config", str(self.write_properties()), "--cluster-id",
                               cluster_id or self.cluster.cluster_id, *more], capture_output=True, text=True, timeout=30)

    def start(self):
        command = [str(PROGRAM), "--config", str(self.write_properties())]
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        self.paused = False

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait(self, seconds=20):
        return self.process.wait(timeout=seconds)

    def kill(self):
        if self.alive:
            self.process.kill()
        if self.process:
            self.process.wait()
        self.paused = False

    def stop(self, seconds=30):
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def status(self, field):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {field}")

    def descriptors(self):
        return len(list(pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()))


class Cluster:
    def __init__(self, directory, controllers=3, brokers=3, combined=0, **config):
        self.directory = pathlib.Path(directory)
        self.cluster_id = random_id()
        self.config = {**FAST, "default.replication.factor": 3, "min.insync.replicas": 2,
                       **{key.replace("_", "."): value for key, value in config.items()}}
        ports = free_ports(2 * max(combined, brokers) + controllers)
        take = iter(ports)
        if combined:
            self.nodes = [Node(self, n + 1, ["broker", "controller"], next(take), next(take)) for n in range(combined)]
        else:
            self.nodes = [Node(self, 101 + n, ["controller"], None, next(take)) for n in range(controllers)]
            self.nodes += [Node(self, 1 + n, ["broker"], next(take), None) for n in range(brokers)]

    controllers = property(lambda self: [node for node in self.nodes if node.is_controller])
    brokers = property(lambda self: [node for node in self.nodes if node.is_broker])
    voters = property(lambda self: ",".join(f"{node.id}@{HOST}:{node.controller_port}" for node in self.controllers))
    bootstrap = property(lambda self: ",".join(f"{HOST}:{node.broker_port}" for node in self.brokers))

    def node(self, node_id):
        return next(node for node in self.nodes if node.id == node_id)

    def properties_of(self, node):
        listeners = ([f"PLAINTEXT://{HOST}:{node.broker_port}"] if node.is_broker else []) + \
                    ([f"CONTROLLER://{HOST}:{node.controller_port}"] if node.is_controller else [])
        return {"process.roles": ",".join(node.roles), "node.id": node.id, "listeners": ",".join(listeners),
                "controller.listener.names": "CONTROLLER", "controller.quorum.voters": self.voters, "log.dirs": node.data, **self.config}

    def start(self, seconds=30):
        for node in self.nodes:
            run = node.format()
            if run.returncode:
                raise AssertionError(f"node {node.id}: {run.stderr}")
            node.start()
        self.wait_whole(seconds)
        return self

    def kill(self):
        for node in self.nodes:
            node.kill()

    def quorum(self):
        """From the active controller with the newest epoch; None if nobody leads."""
        found = []
        for node in self.controllers:
            if node.alive and not node.paused:
                try:
                    found.append(kafka_frames.describe_quorum((HOST, node.controller_port)))
                except kafka_frames.NoAnswer:
                    pass
        return max(found, key=lambda one: one.epoch, default=None)

    def metadata(self, skip=()):
        for node in self.brokers:
            if node.alive and not node.paused and node.id not in skip:
                try:
                    return kafka_frames.metadata((HOST, node.broker_port))
                except kafka_frames.NoAnswer:
                    pass
        return None

    def is_whole(self, topic=None, partitions=0):
        """All brokers say: every broker is there, every partition is led, every replica in sync; and there is an active controller.
        With a topic: it has so many partitions."""
        for node in self.brokers:
            try:
                known = kafka_frames.metadata((HOST, node.broker_port))
            except kafka_frames.NoAnswer:
                return False
            if not all(other.id in known.brokers for other in self.brokers):
                return False
            if topic is not None and sum(one.topic == topic for one in known.partitions) != partitions:
                return False
            if not all(len(one.in_sync) == len(one.replicas) and one.leader >= 0 for one in known.partitions):
                return False
        leads = 0
        for node in self.controllers:
            try:
                kafka_frames.describe_quorum((HOST, node.controller_port))
                leads += 1
            except kafka_frames.NotLeader:
                pass
            except kafka_frames.NoAnswer:
                return False
        return leads > 0

    def wait_whole(self, seconds=30, topic=None, partitions=0):
        """A topic that is told to be created is known to the controller first, and to the brokers a moment later."""
        if not until(lambda: self.is_whole(topic, partitions), seconds, 0.05):
            raise AssertionError(f"the cluster is not whole after {seconds} s: {self.metadata()} {self.quorum()}\n{self.last_words()}")

    def last_words(self, characters=1500):
        return "\n".join(f"-- node {node.id}: {node.process and node.process.poll()}\n{node.output()[-characters:]}" for node in self.nodes)


def active(cluster, seconds=20):
    """The active controller."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        quorum = cluster.quorum()
        if quorum is not None and quorum.leader >= 0:
            return cluster.node(quorum.leader)
        time.sleep(0.02)
    raise AssertionError(f"nobody leads the quorum\n{cluster.last_words()}")
