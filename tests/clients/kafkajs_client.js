// The steps of kafkajs_test.py: kafkajs_client.js BOOTSTRAP. Prints "passed" or fails with the first difference.
// kafkajs consumes through groups only, so reading back is done by its caller.
const assert = require('assert');
const { Kafka, CompressionTypes, logLevel } = require('kafkajs');

async function topics(admin) {
  assert.strictEqual(await admin.createTopics({ topics: [{ topic: 'js', numPartitions: 2, replicationFactor: 1 }] }), true);
  assert.strictEqual(await admin.createTopics({ topics: [{ topic: 'js', numPartitions: 2, replicationFactor: 1 }] }), false);
  assert.ok((await admin.listTopics()).includes('js'));
  const { topics: [described] } = await admin.fetchTopicMetadata({ topics: ['js'] });
  assert.deepStrictEqual(described.partitions.map((p) => p.partitionId).sort(), [0, 1]);
  const cluster = await admin.describeCluster();
  assert.strictEqual(cluster.brokers.length, 1);
  assert.strictEqual(cluster.controller, cluster.brokers[0].nodeId);
}

async function produce(kafka, options, offset) {
  const producer = kafka.producer(options);
  await producer.connect();
  const messages = [];
  for (let i = 0; i < 500; ++i) {
    messages.push({ key: `k${i}`, value: i % 5 === 0 ? null : `v${i}`, headers: { n: `${i}` }, partition: 0 });
  }
  const [plain] = await producer.send({ topic: 'js', acks: -1, messages });
  assert.strictEqual(plain.errorCode, 0);
  assert.strictEqual(plain.baseOffset, `${offset}`);
  const [packed] = await producer.send({ topic: 'js', acks: -1, compression: CompressionTypes.GZIP, messages });
  assert.strictEqual(packed.baseOffset, `${offset + 500}`);
  await producer.disconnect();
}

async function main() {
  const kafka = new Kafka({ clientId: 'js', brokers: [process.argv[2]], logLevel: logLevel.NOTHING, retry: { retries: 3 } });
  const admin = kafka.admin();
  await admin.connect();
  await topics(admin);
  await produce(kafka, {}, 0);
  await produce(kafka, { idempotent: true, maxInFlightRequests: 1 }, 1000);
  const offsets = await admin.fetchTopicOffsets('js');
  assert.deepStrictEqual(offsets.find((o) => o.partition === 0), { partition: 0, offset: '2000', high: '2000', low: '0' });
  await admin.deleteTopicRecords({ topic: 'js', partitions: [{ partition: 0, offset: '100' }] });
  const after = await admin.fetchTopicOffsets('js');
  assert.strictEqual(after.find((o) => o.partition === 0).low, '100');
  await admin.disconnect();
  console.log('passed');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
