#!/usr/bin/python3
"""A C program on librdkafka with idempotence, undisturbed and under SIGKILL: nothing acknowledged is lost or duplicated."""

import os
import random
import subprocess
import time
import unittest

from harness import SEED, BrokerTest, consume, idempotent_program

PROGRAM = idempotent_program()
PARTITIONS = 3
KILLS = int(os.environ.get("SQUALL_KILLS", "100"))


def sequences(broker, topic):
    """The values read back of each partition, as numbers."""
    return [[int(value) for value in consume(broker, topic, "-p", str(partition))] for partition in range(PARTITIONS)]


def wanted(count):
    return [list(range(partition, count, PARTITIONS)) for partition in range(PARTITIONS)]


class Idempotent(BrokerTest):
    def assert_once_and_in_order(self, broker, topic, count):
        for partition, (read, sent) in enumerate(zip(sequences(broker, topic), wanted(count))):
            if read == sent:
                continue
            at = next((i for i, (a, b) in enumerate(zip(read, sent)) if a != b), min(len(read), len(sent)))
            self.fail(f"{topic}/{partition}: {len(read)} records read, {len(sent)} acknowledged; they differ from offset {at}: "
                      f"read {read[at:at + 5]}, sent {sent[at:at + 5]}\n{broker.output()[-3000:]}")

    def test_a_steady_producer_is_read_back_once_and_in_order(self):
        broker = self.broker(num_partitions=PARTITIONS)
        run = subprocess.run([PROGRAM, broker.address, "steady", str(PARTITIONS), "200000"], capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stdout[-500:] + run.stderr)
        self.assert_once_and_in_order(broker, "steady", 200_000)

    def test_nothing_acknowledged_is_lost_or_duplicated_by_sigkill(self):
        rng = random.Random(SEED)
        broker = self.broker(num_partitions=PARTITIONS, log_segment_bytes=1 << 20)
        producer = subprocess.Popen([PROGRAM, broker.address, "killed", str(PARTITIONS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    text=True)
        self.addCleanup(producer.kill)
        begun = time.monotonic()
        acknowledged = 0
        for kill in range(KILLS):
            enough = acknowledged + rng.randint(1, 4000)
            while acknowledged < enough:
                line = producer.stdout.readline()
                if not line.startswith("acked "):
                    self.fail(f"before kill {kill + 1}: the producer said {line!r}\n{broker.output()[-3000:]}")
                acknowledged = int(line.split()[1])
            broker.kill()
            broker.start()
        producer.stdin.close()
        rest = producer.stdout.read().splitlines()
        producer.stdout.close()
        producer.wait(timeout=60)
        self.assertTrue(rest and rest[-1].startswith("done "), f"the producer ended with {rest[-1:]}\n{broker.output()[-3000:]}")
        count = int(rest[-1].split()[1])
        print(f"{KILLS} kills, {count} records acknowledged, {time.monotonic() - begun:.1f} s")
        self.assert_once_and_in_order(broker, "killed", count)


if __name__ == "__main__":
    unittest.main()
