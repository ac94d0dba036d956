#!/usr/bin/python3
"""kcat (librdkafka): a million records there and back, every codec, headers, null values, offsets by time, metadata."""

import hashlib
import json
import subprocess
import time
import unittest

from harness import BrokerTest, consume, kcat, produce


class Kcat(BrokerTest):
    def test_a_million_records_come_back_as_they_went(self):
        broker = self.broker()
        path = self.directory / "million.txt"
        path.write_bytes(b"".join(b"record %07d of a million, with some words to compress\n" % i for i in range(1_000_000)))
        begun = time.monotonic()
        subprocess.run(["kcat", "-b", broker.address, "-P", "-t", "million", "-p", "0", "-z", "zstd", "-l", str(path), "-X", "acks=all",
                        "-X", "linger.ms=20"], check=True, timeout=180, capture_output=True)
        produced = time.monotonic()
        back = kcat(broker, "-C", "-q", "-e", "-o", "beginning", "-t", "million", "-p", "0", "-X", "check.crcs=true", seconds=180)
        print(f"1,000,000 records: produced in {produced - begun:.1f} s, read back in {time.monotonic() - produced:.1f} s")
        self.assertEqual(back.count(b"\n"), 1_000_000)
        self.assertEqual(hashlib.sha256(back).hexdigest(), hashlib.sha256(path.read_bytes()).hexdigest())

    def test_every_codec_comes_back(self):
        broker = self.broker()
        values = [b"value %05d " % i + b"squall " * (i % 20) for i in range(20_000)]
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            with self.subTest(codec=codec):
                produce(broker, f"codec-{codec}", values, "-z", codec)
                self.assertEqual(consume(broker, f"codec-{codec}"), values)

    def test_a_compressed_batch_larger_than_a_segment_read_comes_back(self):
        broker = self.broker()
        values = [bytes([65 + i % 26]) * 900_000 for i in range(8)]
        produce(broker, "large", values, "-z", "lz4")
        self.assertEqual(consume(broker, "large"), values)

    def test_keys_headers_and_null_values(self):
        broker = self.broker()
        kcat(broker, "-P", "-t", "things", "-K:", "-H", "colour=red", "-H", "empty=", given=b"key:value\n")
        kcat(broker, "-P", "-t", "things", "-K:", "-Z", given=b"gone:\n")
        lines = [json.loads(line) for line in consume(broker, "things", "-J")]
        self.assertEqual([(line["key"], line["payload"]) for line in lines], [("key", "value"), ("gone", None)])
        self.assertEqual(lines[0]["headers"], ["colour", "red", "empty", ""])
        self.assertEqual([line["offset"] for line in lines], [0, 1])

    def test_offsets_by_time(self):
        broker = self.broker()
        for lot in range(3):
            produce(broker, "times", [b"lot %d" % lot] * 5)
        records = [json.loads(line) for line in consume(broker, "times", "-J")]
        stamps = [record["ts"] for record in records]
        for stamp in sorted(set(stamps)):
            expected = next(record["offset"] for record in records if record["ts"] >= stamp)
            said = kcat(broker, "-Q", "-t", f"times:0:{stamp}").decode()
            self.assertIn(f"offset {expected}", said.replace("[0] ", ""))
        self.assertIn("offset 15", kcat(broker, "-Q", "-t", "times:0:-1").decode())
        self.assertIn("offset 0", kcat(broker, "-Q", "-t", "times:0:-2").decode())
        from_last_lot = consume(broker, "times", "-o", f"s@{stamps[10]}")
        self.assertGreaterEqual(len(from_last_lot), 5)

    def test_metadata_as_json(self):
        broker = self.broker(num_partitions=3)
        produce(broker, "cities", [b"Oslo"])
        page = json.loads(kcat(broker, "-L", "-J"))
        self.assertEqual([(node["id"], node["name"]) for node in page["brokers"]], [(1, broker.address)])
        topic = next(topic for topic in page["topics"] if topic["topic"] == "cities")
        self.assertEqual([(p["partition"], p["leader"], p["isrs"]) for p in topic["partitions"]],
                         [(index, 1, [{"id": 1}]) for index in range(3)])

    def test_what_was_written_is_there_after_a_clean_restart(self):
        broker = self.broker()
        produce(broker, "kept", [b"one", b"two"])
        self.assertEqual(broker.stop(), 0, broker.output())
        broker.start()
        self.assertEqual(consume(broker, "kept"), [b"one", b"two"])


if __name__ == "__main__":
    unittest.main()
