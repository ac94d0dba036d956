"""What the real-client tests share: a squall-broker of one's own on loopback, and the clients run against it.

Nothing here sleeps: a broker is ready when its log says so, and a client is waited for with a deadline. Only processes started here are ended.
"""

import os
import pathlib
import queue
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

BUILD = pathlib.Path(os.environ.get("SQUALL_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
PROGRAM = BUILD / "tools" / "squall-broker"
SEED = int(os.environ.get("SQUALL_TEST_SEED", "1"))
READY = "listener-opened"


def needs(what, there, remedy):
    """Ends the test program, with one line, if something that it stands on is missing."""
    if not there:
        print(f"{pathlib.Path(sys.argv[0]).name}: {what} is missing: {remedy}; docs/cluster.md says how", file=sys.stderr)
        sys.exit(2)


def idempotent_program():
    """The C program on librdkafka."""
    path = pathlib.Path(os.environ.get("SQUALL_IDEMPOTENT", BUILD / "tests" / "clients" / "idempotent"))
    needs(path, path.is_file(), "it is built where librdkafka-dev is installed")
    return str(path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """One squall-broker with a directory of its own. `stop`, `kill` and `start` may follow each other any number of times."""

    def __init__(self, directory, log_dir=None, **properties):
        self.directory = pathlib.Path(directory)
        self.log_dir = pathlib.Path(log_dir or self.directory / "data")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None
        self.said = []
        self.properties = {
            "process.roles": "broker,controller", "node.id": "1", "listeners": f"PLAINTEXT://{self.address}",
            "log.dirs": str(self.log_dir), "num.partitions": "1",
            **{name.replace("_", "."): str(value) for name, value in properties.items()}}

    def write_properties(self):
        path = self.directory / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in self.properties.items()))
        return path

    def launch(self, program=PROGRAM, **popen):
        """Starts the process without waiting for it."""
        path = self.write_properties()
        self.process = subprocess.Popen([str(program), "--config", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, errors="replace", **popen)
        self.lines = queue.Queue()
        self.said = []
        self.reader = threading.Thread(target=self._read, args=(self.process, self.lines, self.said), daemon=True)
        self.reader.start()

    @staticmethod
    def _read(process, lines, said):
        for line in process.stdout:
            said.append(line)
            lines.put(line)
        lines.put(None)

    def start(self, seconds=30, **popen):
        self.launch(**popen)
        while True:
            line = self.lines.get(timeout=seconds)
            if line is None:
                raise AssertionError(f"squall-broker ended with {self.process.wait()}:\n{self.output()}")
            if READY in line:
                return self

    def output(self):
        return "".join(self.said)

    def wait(self, seconds=30):
        """The exit code of a process that ends by itself."""
        code = self.process.wait(timeout=seconds)
        self.reader.join(timeout=seconds)
        self.process.stdout.close()
        return code

    def stop(self, seconds=30):
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.wait()

    @property
    def alive(self):
        return self.process.poll() is None

    def memory_kib(self, field="VmHWM"):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {field}")


class BrokerTest(unittest.TestCase):
    """A test with its own directory; a broker is started by `self.broker(...)` and ended with the test."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="squall-test-"))
        self.brokers = []

    def tearDown(self):
        for broker in self.brokers:
            broker.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def make(self, **arguments):
        broker = Broker(self.directory, **arguments)
        self.brokers.append(broker)
        return broker

    def broker(self, **arguments):
        return self.make(**arguments).start()

    def assert_serves(self, broker):
        """It is alive and answers ApiVersions."""
        self.assertTrue(broker.alive, broker.output())
        with connect(broker) as stream:
            stream.sendall(frame(request(18, 0, 7)))
            answer = read_frame(stream)
        self.assertEqual(answer[:6], struct.pack(">ih", 7, 0))


# ---- kcat ----

def kcat(broker, *arguments, given=None, seconds=120, check=True):
    """Runs kcat; its standard output as bytes. `given` is its standard input."""
    run = subprocess.run(["kcat", "-b", broker.address, *arguments], input=given, capture_output=True, timeout=seconds)
    if check and run.returncode:
        raise AssertionError(f"kcat {arguments}: exit {run.returncode}\n{run.stderr.decode(errors='replace')}\n{broker.output()[-2000:]}")
    return run.stdout if check else run


def produce(broker, topic, values, *arguments):
    kcat(broker, "-P", "-t", topic, "-X", "topic.request.required.acks=-1", *arguments, given=b"".join(value + b"\n" for value in values))


def consume(broker, topic, *arguments):
    return kcat(broker, "-C", "-q", "-e", "-o", "beginning", "-t", topic, "-X", "check.crcs=true", *arguments).splitlines()


# ---- raw frames ----

def connect(broker):
    return socket.create_connection(("127.0.0.1", broker.port), timeout=20)


def request(api_key, version, correlation, body=b"", client=b"test", flexible=False):
    """A request with its header, without the length before it."""
    header = struct.pack(">hhih", api_key, version, correlation, len(client)) + client
    return header + (b"\0" if flexible else b"") + body


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


def read_exactly(stream, count):
    parts = []
    while count:
        part = stream.recv(min(count, 1 << 20))
        if not part:
            raise ConnectionError("closed")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame(stream):
    (length,) = struct.unpack(">i", read_exactly(stream, 4))
    return read_exactly(stream, length)


def text(value):
    value = value.encode()
    return struct.pack(">h", len(value)) + value
