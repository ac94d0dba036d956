#!/usr/bin/python3
"""python3-kafka, a codec of its own: topics, produce, seek, list offsets."""

import sys
import unittest

from harness import BrokerTest

sys.path = [path for path in sys.path if "pyenv" not in path]
from kafka import KafkaConsumer, KafkaProducer, TopicPartition  # noqa: E402
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic  # noqa: E402
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError  # noqa: E402


class PythonKafka(BrokerTest):
    def admin(self, broker):
        client = KafkaAdminClient(bootstrap_servers=broker.address, request_timeout_ms=20_000)
        self.addCleanup(client.close)
        return client

    def producer(self, broker, **options):
        client = KafkaProducer(bootstrap_servers=broker.address, acks="all", **options)
        self.addCleanup(client.close, timeout=5)
        return client

    def consumer(self, broker, **options):
        client = KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest", consumer_timeout_ms=20_000, **options)
        self.addCleanup(client.close, autocommit=False)
        return client

    def test_topics_are_created_grown_and_deleted(self):
        broker = self.broker()
        admin = self.admin(broker)
        admin.create_topics([NewTopic("orders", num_partitions=2, replication_factor=1, topic_configs={"retention.ms": "60000"})])
        self.assertIn("orders", admin.list_topics())
        with self.assertRaises(TopicAlreadyExistsError):
            admin.create_topics([NewTopic("orders", num_partitions=2, replication_factor=1)])
        admin.create_partitions({"orders": NewPartitions(5)})
        (topic,) = admin.describe_topics(["orders"])
        self.assertEqual(sorted(p["partition"] for p in topic["partitions"]), [0, 1, 2, 3, 4])
        described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "orders")])
        configs = {entry[0]: entry[1] for entry in described[0].resources[0][4]}
        self.assertEqual(configs["retention.ms"], "60000")
        admin.delete_topics(["orders"])
        self.assertNotIn("orders", admin.list_topics())
        with self.assertRaises(UnknownTopicOrPartitionError):
            admin.delete_topics(["orders"])

    def test_records_come_back_with_keys_headers_and_times(self):
        broker = self.broker()
        self.admin(broker).create_topics([NewTopic("orders", num_partitions=1, replication_factor=1)])
        producer = self.producer(broker, compression_type="gzip")
        sent = [producer.send("orders", key=b"k%d" % i, value=None if i % 7 == 0 else b"v%d" % i, headers=[("h", b"%d" % i)],
                              timestamp_ms=1_700_000_000_000 + i, partition=0) for i in range(1000)]
        self.assertEqual([future.get(timeout=20).offset for future in sent], list(range(1000)))
        consumer = self.consumer(broker)
        partition = TopicPartition("orders", 0)
        consumer.assign([partition])
        got = [next(consumer) for _ in range(1000)]
        self.assertEqual([(r.key, r.value, r.headers, r.timestamp) for r in got],
                         [(b"k%d" % i, None if i % 7 == 0 else b"v%d" % i, [("h", b"%d" % i)], 1_700_000_000_000 + i)
                          for i in range(1000)])

    def test_seek_and_list_offsets(self):
        broker = self.broker()
        self.admin(broker).create_topics([NewTopic("orders", num_partitions=1, replication_factor=1)])
        producer = self.producer(broker)
        for i in range(100):
            producer.send("orders", value=b"%d" % i, timestamp_ms=1_700_000_000_000 + 10 * i, partition=0)
        producer.flush(timeout=20)
        consumer = self.consumer(broker)
        partition = TopicPartition("orders", 0)
        consumer.assign([partition])
        self.assertEqual(consumer.beginning_offsets([partition])[partition], 0)
        self.assertEqual(consumer.end_offsets([partition])[partition], 100)
        found = consumer.offsets_for_times({partition: 1_700_000_000_000 + 445})[partition]
        self.assertEqual((found.offset, found.timestamp), (45, 1_700_000_000_450))
        self.assertIsNone(consumer.offsets_for_times({partition: 1_800_000_000_000})[partition])
        consumer.seek(partition, 73)
        self.assertEqual(next(consumer).value, b"73")
        consumer.seek_to_beginning(partition)
        self.assertEqual(next(consumer).value, b"0")


if __name__ == "__main__":
    unittest.main()
