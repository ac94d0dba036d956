#!/usr/bin/python3
"""Bad input at the port: whatever arrives, the broker answers with an error or closes the connection, stays up, stays small, and keeps
what it has acknowledged."""

import random
import socket
import struct
import unittest
import zlib

from harness import SEED, BrokerTest, connect, consume, frame, produce, read_frame, request, text

KEPT = [b"kept %d" % i for i in range(100)]


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0x82F63B78 if value & 1 else value >> 1
        table.append(value)
    return table


TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def batch(records, attributes=0, count=1):
    """A record batch v2 around the (possibly compressed) bytes of its records."""
    body = struct.pack(">hiqqqhii", attributes, count - 1, 1_700_000_000_000, 1_700_000_000_000, -1, -1, -1, count) + records
    tail = struct.pack(">ibI", 0, 2, crc32c(body)) + body
    return struct.pack(">qi", 0, len(tail)) + tail


def varint(value):
    value = value << 1 ^ value >> 63
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def record(value):
    body = b"\0" + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def produce_request(topic, records, version=3, correlation=1):
    body = struct.pack(">hhii", -1, -1, 10_000, 1) + text(topic) + struct.pack(">iii", 1, 0, len(records)) + records
    return request(0, version, correlation, body)


def produce_error(answer):
    """The error code of partition 0 in a Produce v3 response."""
    (length,) = struct.unpack_from(">h", answer, 8)
    return struct.unpack_from(">h", answer, 10 + length + 8)[0]


VALID = [
    request(18, 0, 1), request(18, 3, 1, b"\x05test\x021\0", flexible=True), request(3, 1, 1, struct.pack(">i", 1) + text("kept")),
    request(3, 1, 1, struct.pack(">i", -1)), request(2, 1, 1, struct.pack(">ii", -1, 1) + text("kept") + struct.pack(">iiq", 1, 0, -1)),
    request(1, 4, 1, struct.pack(">iiiibi", -1, 100, 0, 1 << 20, 0, 1) + text("kept") + struct.pack(">iiqi", 1, 0, 0, 1 << 20)),
    produce_request("mutants", batch(record(b"value"))), request(60, 0, 1, b"\0\0", flexible=True),
    request(22, 0, 1, struct.pack(">hi", -1, 60_000)),
]


class BadInput(BrokerTest):
    def setUp(self):
        super().setUp()
        self.rng = random.Random(SEED)
        self.server = self.broker(socket_request_max_bytes=4 << 20)
        produce(self.server, "kept", KEPT)

    def tearDown(self):
        try:
            self.assert_serves(self.server)
            self.assertEqual(consume(self.server, "kept"), KEPT)
            self.assertLess(self.server.memory_kib(), 256 * 1024, "the broker grew beyond reason")
        finally:
            super().tearDown()

    def say(self, data, half_close=True):
        """Sends `data` on a connection of its own; what came back until the broker closed it."""
        with connect(self.server) as stream:
            back = b""
            try:
                stream.sendall(data)
                if half_close:
                    stream.shutdown(socket.SHUT_WR)
                while part := stream.recv(1 << 16):
                    back += part
            except (ConnectionError, BrokenPipeError):
                pass
            return back

    def ask(self, payload):
        with connect(self.server) as stream:
            stream.sendall(frame(payload))
            return read_frame(stream)

    def test_random_bytes(self):
        for _ in range(300):
            self.say(self.rng.randbytes(self.rng.randint(1, 3000)))
            self.say(frame(self.rng.randbytes(self.rng.randint(0, 300))))

    def test_mutated_requests(self):
        for _ in range(1500):
            payload = bytearray(self.rng.choice(VALID))
            for _ in range(self.rng.randint(1, 4)):
                action = self.rng.randrange(4)
                at = self.rng.randrange(len(payload))
                if action == 0:
                    payload[at] = self.rng.randrange(256)
                elif action == 1:
                    payload[at] ^= 1 << self.rng.randrange(8)
                elif action == 2:
                    del payload[at:at + self.rng.randint(1, 8)]
                else:
                    payload[at:at] = self.rng.randbytes(self.rng.randint(1, 8))
                if not payload:
                    break
            # Mutants of Produce to topic "kept" must not reach it; every valid one names another topic.
            if b"kept" in payload and payload[:2] == b"\0\0":
                continue
            try:
                self.say(frame(bytes(payload)))
            except TimeoutError:
                self.assertEqual(bytes(payload[:2]), b"\0\1", "only a Fetch may wait, for as long as it asks")

    def test_oversize_frames_are_refused_before_they_are_read(self):
        for length in (-1, -2**31, (4 << 20) + 1, 2**31 - 1):
            with self.subTest(length=length):
                self.assertEqual(self.say(struct.pack(">i", length) + b"x" * 100, half_close=False), b"")

    def test_truncated_frames(self):
        for payload in VALID:
            whole = frame(payload)
            for cut in range(1, len(whole), 7):
                self.say(whole[:cut])

    def test_a_frame_of_nothing(self):
        self.assertEqual(self.say(frame(b"")), b"")

    def test_an_unknown_version_of_api_versions_is_answered_in_version_0(self):
        answer = self.ask(request(18, 99, 5, b"\0", flexible=True))
        self.assertEqual(struct.unpack_from(">ih", answer), (5, 35))
        self.assertGreater(struct.unpack_from(">i", answer, 6)[0], 0)

    def test_unknown_apis_and_versions_close_the_connection_or_get_an_error(self):
        for key, version in ((999, 0), (-1, 0), (3, 99), (3, -1), (1, 0), (19, 0)):
            with self.subTest(key=key, version=version):
                answer = self.say(frame(request(key, version, 9, b"\0" * 20)))
                self.assertTrue(answer == b"" or struct.pack(">h", 35) in answer, answer)

    def test_a_batch_with_a_wrong_crc_is_refused(self):
        broken = bytearray(batch(record(b"value")))
        broken[-1] ^= 1
        self.ask(request(3, 4, 1, struct.pack(">i", 1) + text("broken") + b"\1"))
        self.assertEqual(produce_error(self.ask(produce_request("broken", bytes(broken)))), 2)
        self.assertEqual(consume(self.server, "broken"), [])

    def test_a_decompression_bomb_does_not_grow_the_broker(self):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        length = 512 << 20
        inner = b"\0" + varint(0) + varint(0) + varint(-1) + varint(length)
        bomb = packer.compress(varint(len(inner) + length + 1) + inner)
        zeros = bytes(1 << 20)
        for _ in range(length >> 20):
            bomb += packer.compress(zeros)
        bomb += packer.compress(varint(0)) + packer.flush()
        self.assertLess(len(bomb), 1 << 20)
        self.ask(request(3, 4, 1, struct.pack(">i", 1) + text("bombs") + b"\1"))
        answer = self.ask(produce_request("bombs", batch(bomb, attributes=1)))
        self.assertIn(produce_error(answer), (0, 2, 10, 42, 87), "not a code that a client understands")

    def test_records_that_are_not_what_the_batch_says_are_refused(self):
        self.ask(request(3, 4, 1, struct.pack(">i", 1) + text("liars") + b"\1"))
        for name, bad in (("count", batch(record(b"v"), count=3)), ("garbage", batch(b"\xff" * 40)), ("not gzip", batch(b"plain", attributes=1)),
                          ("unknown codec", batch(record(b"v"), attributes=7)), ("cut", batch(record(b"value"))[:-3]),
                          ("cut header", batch(record(b"value"))[:30])):
            with self.subTest(name):
                code = produce_error(self.ask(produce_request("liars", bad)))
                self.assertNotEqual(code, 0)
        self.assertEqual(consume(self.server, "liars"), [])

    def test_many_idle_connections_are_no_trouble(self):
        streams = [connect(self.server) for _ in range(300)]
        self.assert_serves(self.server)
        for stream in streams:
            stream.close()


if __name__ == "__main__":
    unittest.main()
