"""Just enough of the Kafka protocol to ask a node about its cluster: DescribeQuorum v0 and Metadata v12."""

import socket
import struct
from dataclasses import dataclass, field


NOT_LEADER_OR_FOLLOWER = 6


class NoAnswer(Exception):
    """The node cannot be reached, or what it says makes no sense."""


class NotLeader(NoAnswer):
    """The node lives, but only the active controller can say."""


class Writer:
    def __init__(self):
        self.bytes = bytearray()

    def number(self, layout, value):
        self.bytes += struct.pack(">" + layout, value)
        return self

    def varint(self, value):
        while value > 0x7F:
            self.bytes.append(value & 0x7F | 0x80)
            value >>= 7
        self.bytes.append(value)
        return self

    def text(self, value):
        """A compact string."""
        encoded = value.encode()
        self.varint(len(encoded) + 1)
        self.bytes += encoded
        return self


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise NoAnswer("the answer is cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, layout):
        layout = ">" + layout
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self):
        """A compact string, or None."""
        length = self.varint()
        return None if length == 0 else self.take(length - 1).decode(errors="replace")

    def array(self, element):
        """A compact array; a null one is empty."""
        return [element() for _ in range(max(0, self.varint() - 1))]

    def tags(self):
        for _ in range(self.varint()):
            self.varint()
            self.take(self.varint())


@dataclass
class Quorum:
    leader: int
    epoch: int
    high_watermark: int
    voters: dict = field(default_factory=dict)  # id: log end offset
    observers: dict = field(default_factory=dict)


@dataclass
class Partition:
    topic: str
    index: int
    leader: int
    replicas: list
    in_sync: list


@dataclass
class Cluster:
    cluster_id: str
    controller: int
    brokers: dict = field(default_factory=dict)  # id: (host, port)
    partitions: list = field(default_factory=list)


def ask(address, api, version, body, seconds=2.0):
    """The body of the response of `address`, a pair of host and port, to one request in the flexible format."""
    writer = Writer().number("h", api).number("h", version).number("i", 1)
    writer.number("h", 7)
    writer.bytes += b"cluster"
    writer.varint(0)
    frame = bytes(writer.bytes) + body
    try:
        with socket.create_connection(address, timeout=seconds) as connection:
            connection.sendall(struct.pack(">i", len(frame)) + frame)
            length = struct.unpack(">i", receive(connection, 4))[0]
            reader = Reader(receive(connection, length))
    except OSError as error:
        raise NoAnswer(str(error)) from error
    if reader.number("i") != 1:
        raise NoAnswer("the answer is to another question")
    reader.tags()
    return reader


def receive(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise NoAnswer("the connection was closed")
        data += more
    return data


def describe_quorum(address, seconds=2.0):
    writer = Writer().varint(2).text("__cluster_metadata").varint(2).number("i", 0).varint(0).varint(0).varint(0)
    return read_quorum(ask(address, 55, 0, bytes(writer.bytes), seconds))


def read_quorum(reader):
    error = reader.number("h")
    if error:
        raise NoAnswer(f"error {error}")

    def replica():
        found = reader.number("i"), reader.number("q")
        reader.tags()
        return found

    def partition():
        reader.number("i")
        wrong, leader, epoch, high_watermark = (reader.number(layout) for layout in ("h", "i", "i", "q"))
        quorum = Quorum(leader, epoch, high_watermark, dict(reader.array(replica)), dict(reader.array(replica)))
        reader.tags()
        return wrong, quorum

    def topic():
        reader.text()
        partitions = reader.array(partition)
        reader.tags()
        return partitions

    for partitions in reader.array(topic):
        for wrong, quorum in partitions:
            if not wrong:
                return quorum
            raise (NotLeader if wrong == NOT_LEADER_OR_FOLLOWER else NoAnswer)(f"error {wrong}")
    raise NoAnswer("no quorum in the answer")


def metadata(address, seconds=2.0):
    """Of all topics."""
    return read_metadata(ask(address, 3, 12, bytes(Writer().varint(0).number("?", False).number("?", False).varint(0).bytes), seconds))


def read_metadata(reader):
    reader.number("i")

    def broker():
        found = reader.number("i"), (reader.text(), reader.number("i"))
        reader.text()
        reader.tags()
        return found

    brokers = dict(reader.array(broker))
    cluster = Cluster(reader.text(), reader.number("i"), brokers)

    def node():
        return reader.number("i")

    def partition(name):
        reader.number("h")
        index, leader = reader.number("i"), reader.number("i")
        reader.number("i")
        replicas, in_sync = reader.array(node), reader.array(node)
        reader.array(node)
        reader.tags()
        cluster.partitions.append(Partition(name, index, leader, replicas, in_sync))

    def topic():
        reader.number("h")
        name = reader.text()
        reader.take(16)
        reader.number("?")
        reader.array(lambda: partition(name))
        reader.number("i")
        reader.tags()

    reader.array(topic)
    reader.tags()
    return cluster
