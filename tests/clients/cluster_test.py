#!/usr/bin/python3
"""3 controllers and 3 brokers under SIGKILL and SIGSTOP: nothing acknowledged is lost, duplicated or reordered, and service returns by itself.

By hand: cluster_test.py --rounds 50 --fault kill|pause|both runs the long form alone.
"""

import argparse
import importlib.util
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from cluster_harness import FAST, HOST, PAUSE_S, Cluster, active, kafka_frames, until
from harness import PROGRAM, SEED, idempotent_program, needs

needs(PROGRAM, PROGRAM.is_file(), "it is not built")
needs("kcat", shutil.which("kcat"), "it is a package")
IDEMPOTENT = idempotent_program()
sys.path = [path for path in sys.path if "pyenv" not in path]
needs("python3-kafka", importlib.util.find_spec("kafka"), "it is a package")
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic  # noqa: E402
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError  # noqa: E402

try:
    import confluent_kafka
    import confluent_kafka.admin
except ImportError:
    confluent_kafka = None

PARTITIONS = 6
RATE = 1500  # records a second
MEMORY_KIB = 160 * 1024
DESCRIPTORS = 400


def kcat(cluster, *arguments, given=None, seconds=60):
    run = subprocess.run(["kcat", "-b", cluster.bootstrap, *arguments], input=given, capture_output=True, timeout=seconds)
    if run.returncode:
        raise AssertionError(f"kcat {arguments}: exit {run.returncode}\n{run.stderr.decode(errors='replace')}\n{cluster.last_words()}")
    return run.stdout


class Producer:
    """The idempotent producer, which goes on until it is told to end."""

    def __init__(self, cluster, topic, log):
        self.log = open(log, "w+b")
        self.process = subprocess.Popen(
            [IDEMPOTENT, cluster.bootstrap, topic, str(PARTITIONS), "-1", f"rate={RATE}", "request.timeout.ms=1000", "socket.timeout.ms=1000"],
            stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT)

    def last(self):
        """The last whole line that it said."""
        said = pathlib.Path(self.log.name).read_bytes()
        return said[: said.rfind(b"\n")].rpartition(b"\n")[2].decode(errors="replace")

    def words(self):
        said = pathlib.Path(self.log.name).read_text(errors="replace").splitlines()
        return "; ".join([line for line in said if not line.startswith("acked")][:5] + said[-1:])

    def acknowledged(self):
        words = self.last().split()
        if words and words[0] != "acked":
            raise AssertionError(f"the producer said {self.words()}")
        return int(words[1]) if words else 0

    def finish(self, seconds=90):
        """How many records it sent; all of them are acknowledged."""
        self.process.stdin.close()
        code = self.process.wait(timeout=seconds)
        if code or not self.last().startswith("done "):
            raise AssertionError(f"the producer ended with {code}: {self.words()}")
        return int(self.last().split()[1])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Consumer:
    """kcat over all partitions, from the beginning, through everything that happens."""

    def __init__(self, cluster, topic, log):
        self.path = pathlib.Path(log)
        self.output = open(log, "wb")
        self.errors = open(f"{log}.err", "wb")
        self.process = subprocess.Popen(
            ["kcat", "-b", cluster.bootstrap, "-C", "-q", "-E", "-u", "-t", topic, "-o", "beginning", "-f", "%p %o %s\n", "-X", "check.crcs=true",
             "-X", "topic.metadata.refresh.interval.ms=500", "-X", "socket.timeout.ms=3000", "-X", "reconnect.backoff.max.ms=200"],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.errors)

    def partitions(self):
        read = [[] for _ in range(PARTITIONS)]
        whole = self.path.read_bytes()
        for line in whole[: whole.rfind(b"\n") + 1].splitlines():
            partition, offset, value = line.split()
            read[int(partition)].append((int(offset), int(value)))
        return read

    def complaints(self):
        return f"exit {self.process.poll()}: " + pathlib.Path(self.errors.name).read_text(errors="replace")[-500:]

    def count(self):
        return self.path.read_bytes().count(b"\n")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.output.close()
        self.errors.close()


class ClusterTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="squall-cluster-"))
        if not os.environ.get("SQUALL_KEEP"):
            self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def cluster(self, **arguments):
        cluster = Cluster(self.directory, **arguments)
        self.addCleanup(cluster.kill)
        return cluster.start()

    def python_admin(self, cluster):
        admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap.split(","), request_timeout_ms=20_000)
        self.addCleanup(admin.close)
        return admin


class Faults(ClusterTest):
    def assert_equal_to_sent(self, who, read, count):
        for partition, values in enumerate(read):
            sent = list(range(partition, count, PARTITIONS))
            if values == sent:
                continue
            at = next((i for i, (a, b) in enumerate(zip(values, sent)) if a != b), min(len(values), len(sent)))
            self.fail(f"{who}, partition {partition}: {len(values)} records read, {len(sent)} acknowledged; they differ from offset {at}: "
                      f"read {values[at:at + 5]}, sent {sent[at:at + 5]}")

    def victim(self, cluster, rng, number):
        """The active controller, the leader of a partition, and anyone, in turn."""
        if number % 3 == 0:
            return active(cluster)
        if number % 3 == 1:
            leaders = [one.leader for one in cluster.metadata().partitions if one.leader >= 0]
            return cluster.node(rng.choice(leaders))
        return rng.choice(cluster.nodes)

    def one_round(self, cluster, producer, fault, node):
        """Seconds until records of all partitions are acknowledged again, and from the node's return until all is in sync."""
        before = producer.acknowledged()
        begun = time.monotonic()
        if fault == "kill":
            node.kill()
        else:
            node.pause()
        # The producer's queue holds 1000: more than that are acknowledged only if every partition goes on.
        goes_on = until(lambda: producer.acknowledged() > before + 1500, 20, 0.02)
        self.assertTrue(goes_on, f"after {fault} of node {node.id} no service for 20 s: {producer.acknowledged() - before} acknowledged\n"
                        f"{cluster.metadata()}\n{cluster.last_words()}")
        served = time.monotonic() - begun
        if fault == "kill":
            node.start()
        else:
            until(lambda: time.monotonic() > begun + PAUSE_S, PAUSE_S + 1)
            node.resume()
        returned = time.monotonic()
        cluster.wait_whole(30)
        return served, time.monotonic() - returned

    def run_rounds(self, faults, rounds):
        rng = random.Random(SEED)
        cluster = self.cluster()
        self.python_admin(cluster).create_topics([NewTopic("orders", PARTITIONS, 3, topic_configs={"min.insync.replicas": "2"})])
        cluster.wait_whole(topic="orders", partitions=PARTITIONS)
        producer = Producer(cluster, "orders", self.directory / "producer")
        self.addCleanup(producer.close)
        consumer = Consumer(cluster, "orders", self.directory / "consumer")
        self.addCleanup(consumer.close)
        self.assertTrue(until(lambda: producer.acknowledged() > 0, 20), producer.last())
        took = {}
        begun = time.monotonic()
        for number in range(rounds):
            fault = faults[number % len(faults)]
            node = self.victim(cluster, rng, number // len(faults))
            is_active = node.is_controller and node is active(cluster)
            who = "active controller" if is_active else "controller" if node.is_controller else "broker"
            served, whole = self.one_round(cluster, producer, fault, node)
            took.setdefault((fault, who), []).append((served, whole))
        count = producer.finish()
        seconds = time.monotonic() - begun
        self.assertTrue(until(lambda: consumer.count() >= count, 30),
                        f"kcat read {consumer.count()} of {count}: {[len(one) for one in consumer.partitions()]}; "
                        f"{consumer.complaints()}\n{cluster.last_words()}")
        live = consumer.partitions()
        self.assert_equal_to_sent("the consumer that read all along", [[value for _, value in one] for one in live], count)
        for one in live:
            self.assertEqual([offset for offset, _ in one], list(range(len(one))))
        for partition in range(PARTITIONS):
            again = kcat(cluster, "-C", "-q", "-e", "-o", "beginning", "-t", "orders", "-p", str(partition)).split()
            self.assertEqual([int(value) for value in again], [value for _, value in live[partition]], "read again, it is something else")
        memory = {node.id: node.status("VmHWM") for node in cluster.nodes}
        descriptors = {node.id: node.descriptors() for node in cluster.nodes}
        print(f"{rounds} rounds of {'+'.join(faults)} in {seconds:.0f} s, {count} records acknowledged, all read back once and in order")
        for (fault, who), times in sorted(took.items()):
            served, whole = ([one[at] for one in times] for at in (0, 1))
            print(f"  {fault:5} {who:17} {len(times):3} times: served again after {sum(served) / len(times):.2f} s on average, {max(served):.2f} s "
                  f"at most; whole {sum(whole) / len(times):.2f} s after its return, {max(whole):.2f} s at most")
        print(f"  memory at most {max(memory.values()) // 1024} MiB, descriptors at most {max(descriptors.values())} a node", flush=True)
        self.assertLess(max(memory.values()), MEMORY_KIB, memory)
        self.assertLess(max(descriptors.values()), DESCRIPTORS, descriptors)

    def test_nothing_acknowledged_is_lost_while_nodes_are_killed_and_frozen(self):
        self.run_rounds(["kill", "pause"], int(os.environ.get("SQUALL_ROUNDS", "12")))

    def test_a_rolling_restart_is_not_noticed_by_a_producer(self):
        cluster = self.cluster()
        kcat(cluster, "-P", "-t", "orders", "-p", "0", given=b"first\n")  # made by auto.create.topics.enable
        self.python_admin(cluster).create_topics([NewTopic("steady", PARTITIONS, 3)])
        cluster.wait_whole(topic="steady", partitions=PARTITIONS)
        producer = Producer(cluster, "steady", self.directory / "producer")
        self.addCleanup(producer.close)
        for node in cluster.nodes:
            before = producer.acknowledged()
            self.assertEqual(node.stop(), 0, node.output()[-2000:])
            self.assertTrue(until(lambda: producer.acknowledged() > before + 1500, 20, 0.02), cluster.last_words())
            node.start()
            cluster.wait_whole()
        count = producer.finish()
        read = [kcat(cluster, "-C", "-q", "-e", "-o", "beginning", "-t", "steady", "-p", str(n)).split() for n in range(PARTITIONS)]
        self.assert_equal_to_sent("kcat", [[int(value) for value in one] for one in read], count)


class Clients(ClusterTest):
    def test_kcat_shows_all_brokers_and_replicas(self):
        cluster = self.cluster(num_partitions=4)
        kcat(cluster, "-P", "-t", "made-by-kcat", given=b"".join(b"%d\n" % n for n in range(100)))
        cluster.wait_whole(topic="made-by-kcat", partitions=4)
        shown = kcat(cluster, "-L").decode()
        self.assertIn("3 brokers:", shown)
        for node in cluster.brokers:
            self.assertIn(f"broker {node.id} at {HOST}:{node.broker_port}", shown)
        self.assertIn('topic "made-by-kcat" with 4 partitions', shown)
        for line in shown.splitlines():
            if line.strip().startswith("partition "):
                for what in ("replicas: ", "isrs: "):
                    ids = line.split(what)[1].split(", isrs")[0].split(",")
                    self.assertEqual(sorted(int(one) for one in ids), [1, 2, 3], line)

    def test_python_kafka_administers_through_any_broker(self):
        cluster = self.cluster(combined=3)
        admin = self.python_admin(cluster)
        admin.create_topics([NewTopic("orders", 3, 3, topic_configs={"min.insync.replicas": "2"})])
        with self.assertRaises(TopicAlreadyExistsError):
            admin.create_topics([NewTopic("orders", 3, 3)])
        cluster.wait_whole(topic="orders", partitions=3)
        (topic,) = admin.describe_topics(["orders"])
        self.assertEqual([sorted(one["replicas"]) for one in topic["partitions"]], [[1, 2, 3]] * 3)
        admin.create_partitions({"orders": NewPartitions(5)})
        cluster.wait_whole(topic="orders", partitions=5)
        described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "orders")])
        self.assertEqual({entry[0]: entry[1] for entry in described[0].resources[0][4]}["min.insync.replicas"], "2")
        admin.delete_topics(["orders"])
        self.assertTrue(until(lambda: not cluster.metadata().partitions, 10))
        with self.assertRaises(UnknownTopicOrPartitionError):
            admin.delete_topics(["orders"])

    @unittest.skipIf(confluent_kafka is None, "python3-confluent-kafka is not installed")
    def test_librdkafka_administers_through_any_broker(self):
        cluster = self.cluster()
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": cluster.bootstrap})

        def done(futures):
            return {key: future.result(20) for key, future in futures.items()}
        done(admin.create_topics([confluent_kafka.admin.NewTopic("orders", 3, 3, config={"retention.ms": "60000"})]))
        cluster.wait_whole(topic="orders", partitions=3)
        listed = admin.list_topics(timeout=10)
        self.assertEqual(sorted(listed.brokers), [1, 2, 3])
        self.assertEqual({tuple(sorted(one.isrs)) for one in listed.topics["orders"].partitions.values()}, {(1, 2, 3)})
        done(admin.create_partitions([confluent_kafka.admin.NewPartitions("orders", 4)]))
        resource = confluent_kafka.admin.ConfigResource(confluent_kafka.admin.ConfigResource.Type.TOPIC, "orders")
        (configs,) = done(admin.describe_configs([resource])).values()
        self.assertEqual(configs["retention.ms"].value, "60000")
        done(admin.delete_topics(["orders"]))
        self.assertTrue(until(lambda: not cluster.metadata().partitions, 10))


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--fault", choices=["kill", "pause", "both"], default="both")
    ours, rest = parser.parse_known_args()
    if ours.rounds is None:
        unittest.main(argv=[sys.argv[0], *rest])
    faults = ["kill", "pause"] if ours.fault == "both" else [ours.fault]

    class LongForm(Faults):
        test_nothing_acknowledged_is_lost_while_nodes_are_killed_and_frozen = None
        test_a_rolling_restart_is_not_noticed_by_a_producer = None

        def test_rounds(self):
            self.run_rounds(faults, ours.rounds)

    suite = unittest.TestSuite([LongForm("test_rounds")])
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())


if __name__ == "__main__":
    main()
