#include "broker/config_keys.h"

#include <algorithm>
#include <vector>

namespace squall::broker {
namespace {

constexpr std::int64_t int_max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t long_max = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view long_max_text = "9223372036854775807";
constexpr std::string_view int_max_text = "2147483647";
using enum ConfigType;

constexpr ConfigKey number(std::string_view name, ConfigType type, std::optional<std::string_view> fallback, std::int64_t min,
                           std::int64_t max, std::string_view doc) {
  return {name, type, fallback, min, max, {}, doc};
}
constexpr ConfigKey words(std::string_view name, ConfigType type, std::optional<std::string_view> fallback,
                          std::string_view choices, std::string_view doc) {
  return {.name = name, .type = type, .default_value = fallback, .choices = choices, .doc = doc};
}
constexpr ConfigKey text(std::string_view name, std::optional<std::string_view> fallback, std::string_view doc) {
  return {.name = name, .type = string, .default_value = fallback, .choices = {}, .doc = doc};
}
constexpr ConfigKey flag(std::string_view name, std::string_view fallback, std::string_view doc) {
  return {.name = name, .type = boolean, .default_value = fallback, .choices = {}, .doc = doc};
}

constexpr auto none = std::optional<std::string_view>{};

constexpr ConfigKey broker_table[] = {
    // ---- identity and roles ----
    number("node.id", int32, "1", 0, int_max,
           "The id of this node in its cluster. It must match meta.properties once the directories are formatted."),
    number("broker.id", int32, none, 0, int_max, "Older name of `node.id`; used where `node.id` is not set."),
    words("process.roles", list, "broker,controller", "broker,controller",
          "What this node is: a broker, a controller, or both."),
    text("broker.rack", none, "The rack of this node: replicas are spread over racks, and clients are told in Metadata."),
    // ---- listeners ----
    text("listeners", "PLAINTEXT://:9092",
         "Where to listen, as `NAME://host:port` with commas between; an empty host is all interfaces, port 0 lets the system "
         "choose. Those named in `controller.listener.names` are served by the controller role, the others by the broker role; "
         "a "
         "node that is only a controller has no others, and one that is only a broker has only others."),
    text("advertised.listeners", none,
         "What clients are told to connect to; unset: `listeners`, with this host's name in place of an empty host."),
    text("listener.security.protocol.map",
         "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
         "The security protocol of each listener name. PLAINTEXT is served."),
    text("inter.broker.listener.name", none,
         "The listener that brokers use among themselves, one of the advertised ones; unset: PLAINTEXT."),
    text("controller.listener.names", "CONTROLLER",
         "Names of the listeners of the controller role. Brokers reach controllers by the first."),
    // ---- the metadata quorum ----
    text("controller.quorum.voters", none,
         "The voters of a static quorum, as `id@host:port` with commas between. Unset, and "
         "`controller.quorum.bootstrap.servers` "
         "too: a node of both roles is a quorum of its own."),
    text("controller.quorum.bootstrap.servers", none,
         "Where to find the metadata quorum, as `host:port` with commas between, if its voters are kept in the metadata log."),
    number("controller.quorum.election.timeout.ms", int32, "1000", 1, int_max,
           "Wait for votes before another election, drawn between this and its double, in ms."),
    number("controller.quorum.fetch.timeout.ms", int32, "2000", 1, int_max,
           "A follower without a good fetch for this long stands for election; a leader not fetched from by a majority for one "
           "and "
           "a half of it resigns, in ms."),
    number("controller.quorum.election.backoff.max.ms", int32, "1000", 0, int_max,
           "Longest back-off of a successor that a resigning leader named, in ms."),
    number("controller.quorum.append.linger.ms", int32, "25", 0, int_max,
           "How long the leader gathers records into one write, in ms."),
    number("controller.quorum.request.timeout.ms", int32, "2000", 0, int_max, "Longest wait for an answer of a voter, in ms."),
    number("controller.quorum.retry.backoff.ms", int32, "20", 0, int_max, "Pause before a voter is tried again, in ms."),
    flag("controller.quorum.auto.join.enable", "false",
         "Whether a controller that is no voter adds itself; not for a static quorum (KIP-1186)."),
    number("metadata.log.segment.bytes", int32, "1073741824", 14, int_max,
           "Size at which a segment of the metadata log is rolled, in bytes. Kafka takes no less than 8 MiB; Squall does."),
    number("metadata.log.segment.ms", int64, "604800000", 0, long_max,
           "Age at which a segment of the metadata log is rolled, in ms."),
    number("metadata.log.max.record.bytes.between.snapshots", int64, "20971520", 1, long_max,
           "Bytes of metadata records after which a snapshot is written."),
    number("metadata.log.max.snapshot.interval.ms", int64, "3600000", 0, long_max,
           "Longest time without a snapshot while there are new metadata records, in ms; 0: only by bytes."),
    number("metadata.max.retention.bytes", int64, "104857600", -1, long_max,
           "Bytes of metadata log and snapshots that are kept behind the newest snapshot; -1: no limit."),
    number("metadata.max.retention.ms", int64, "604800000", -1, long_max,
           "How long metadata log and snapshots behind the newest snapshot are kept, in ms; -1: for ever."),
    number("metadata.max.idle.interval.ms", int32, "500", 0, int_max,
           "How often the active controller writes a record that says nothing, in ms; 0: never."),
    // ---- brokers and the controller ----
    number("broker.heartbeat.interval.ms", int32, "2000", 1, int_max, "Heartbeats to the controller, in ms."),
    number("broker.session.timeout.ms", int32, "9000", 1, int_max,
           "A broker not heard from for this long is fenced, in ms; at least two heartbeats."),
    number("initial.broker.registration.timeout.ms", int32, "60000", 1, int_max,
           "A broker that cannot register for this long after its start gives up, in ms."),
    flag("controlled.shutdown.enable", "true", "Whether leaderships are moved before a stop."),
    number("controlled.shutdown.max.retries", int32, "3", 0, int_max, "Accepted; the controller says when a broker may stop."),
    number("controlled.shutdown.retry.backoff.ms", int64, "5000", 0, long_max,
           "Accepted; the controller says when a broker may stop."),
    flag("auto.leader.rebalance.enable", "true", "Whether leaderships go back to preferred replicas by themselves."),
    number("leader.imbalance.check.interval.seconds", int64, "300", 1, long_max,
           "How often the controller looks for leaders that are not the preferred replica, in seconds."),
    // ---- network and back-pressure ----
    number("socket.send.buffer.bytes", int32, "102400", -1, int_max,
           "SO_SNDBUF of a connection; -1: the system's. Accepted; the system's is used."),
    number("socket.receive.buffer.bytes", int32, "102400", -1, int_max,
           "SO_RCVBUF of a connection; -1: the system's. Accepted; the system's is used."),
    number("socket.request.max.bytes", int32, "104857600", 1, int_max,
           "Largest request, in bytes. A larger frame closes its connection."),
    number("socket.listen.backlog.size", int32, "50", 1, int_max,
           "Connections that may wait to be accepted. Accepted; the world's is used."),
    number("max.connections", int32, int_max_text, 0, int_max,
           "Connections served at once; one beyond is closed as soon as it is accepted."),
    number("max.connections.per.ip", int32, int_max_text, 0, int_max, "Connections served at once from one address."),
    number("connections.max.idle.ms", int64, "600000", 1, long_max,
           "A connection over which nothing passes for this long is closed, in ms."),
    number("queued.max.requests", int32, "500", 1, int_max,
           "Requests handled at once over all connections; further ones stay in their sockets."),
    number(
        "queued.max.request.bytes", int64, "-1", -1, long_max,
        "Memory for requests being read or handled, in bytes: no further request is read while it is used up. -1: no limit."),
    number("num.network.threads", int32, "3", 1, int_max, "Accepted; connections are fibers of one reactor."),
    number("num.io.threads", int32, "8", 1, int_max, "Accepted; requests are handled by fibers of one reactor."),
    number("background.threads", int32, "10", 1, int_max, "Accepted; background work is done by fibers."),
    number("request.timeout.ms", int32, "30000", 1, int_max,
           "Longest wait for the controller of a request that needs it, in ms."),
    // ---- topics ----
    number("num.partitions", int32, "1", 1, int_max, "Partitions of a topic created without a number."),
    number("default.replication.factor", int32, "1", 1, 32767, "Replicas of a topic created without a number."),
    flag("auto.create.topics.enable", "true",
         "Whether Metadata for an unknown topic creates it, if the client allows that too."),
    flag("delete.topic.enable", "true", "Whether DeleteTopics is allowed."),
    number("min.insync.replicas", int32, "1", 1, int_max, "In-sync replicas that acks=all needs."),
    flag("unclean.leader.election.enable", "false", "Whether a replica outside the ISR may lead."),
    number("unclean.leader.election.interval.ms", int64, "300000", 1, long_max,
           "How often partitions without a leader are looked at where `unclean.leader.election.enable` is on."),
    // ---- log ----
    text("log.dir", "/tmp/kafka-logs", "The log directory, if `log.dirs` is not set."),
    text("log.dirs", none, "Log directories, with commas between; unset: `log.dir`."),
    text("metadata.log.dir", none, "The directory of the metadata log; unset: the first of `log.dirs`."),
    number("log.segment.bytes", int32, "1073741824", 14, int_max,
           "Size at which a segment is rolled, in bytes. Kafka 4 takes no less than 1 MiB; older ones do, and so does Squall."),
    number("log.roll.ms", int64, none, 1, long_max, "Age at which a segment is rolled, in ms; unset: `log.roll.hours`."),
    number("log.roll.hours", int32, "168", 1, int_max, "Age at which a segment is rolled, in hours."),
    number("log.roll.jitter.ms", int64, none, 0, long_max,
           "Most that is taken off the roll age at random, in ms; unset: `log.roll.jitter.hours`."),
    number("log.roll.jitter.hours", int32, "0", 0, int_max, "Most that is taken off the roll age at random, in hours."),
    number("log.retention.ms", int64, none, -1, long_max,
           "How long records are kept, in ms; -1: for ever; unset: `log.retention.minutes`."),
    number("log.retention.minutes", int32, none, -1, int_max,
           "How long records are kept, in minutes; unset: `log.retention.hours`."),
    number("log.retention.hours", int32, "168", -1, int_max, "How long records are kept, in hours."),
    number("log.retention.bytes", int64, "-1", -1, long_max, "Bytes kept per partition; -1: no limit."),
    number("log.retention.check.interval.ms", int64, "300000", 1, long_max, "How often retention is applied, in ms."),
    words("log.cleanup.policy", list, "delete", "compact,delete",
          "What happens to old segments. Segments of a compacted topic are kept."),
    number("log.cleaner.delete.retention.ms", int64, "86400000", 0, long_max,
           "How long tombstones are kept, in ms. Accepted; without compaction it has no effect."),
    number("log.cleaner.min.compaction.lag.ms", int64, "0", 0, long_max,
           "Least age of a record to be compacted, in ms. Accepted; without compaction it has no effect."),
    number("log.cleaner.max.compaction.lag.ms", int64, long_max_text, 1, long_max,
           "Greatest age of a record not yet compacted, in ms. Accepted; without compaction it has no effect."),
    {"log.cleaner.min.cleanable.ratio",
     decimal,
     "0.5",
     0,
     1,
     {},
     "Share of uncompacted bytes that starts a compaction. Accepted; without compaction it has no effect."},
    number("log.index.size.max.bytes", int32, "10485760", 4, int_max, "Largest offset index of a segment, in bytes."),
    number("log.index.interval.bytes", int32, "4096", 0, int_max, "Bytes of records between two index entries."),
    number("log.segment.delete.delay.ms", int64, "60000", 0, long_max, "How long the files of a deleted segment stay, in ms."),
    number("log.flush.interval.messages", int64, long_max_text, 1, long_max,
           "Records after which a partition is synced to disk."),
    number("log.flush.interval.ms", int64, none, 0, long_max,
           "Longest time that records stay unsynced, in ms; unset: `log.flush.scheduler.interval.ms`."),
    number("log.flush.scheduler.interval.ms", int64, long_max_text, 1, long_max,
           "How often partitions are looked at for `log.flush.interval.ms`, in ms."),
    number("log.flush.offset.checkpoint.interval.ms", int32, "60000", 0, int_max,
           "How often recovery points are written, in ms."),
    number("log.flush.start.offset.checkpoint.interval.ms", int32, "60000", 0, int_max,
           "How often log start offsets are written, in ms."),
    number("replica.high.watermark.checkpoint.interval.ms", int64, "5000", 1, long_max,
           "How often high watermarks are written, in ms."),
    flag("log.preallocate", "false", "Whether a new segment is given its full size on disk at once."),
    number("num.recovery.threads.per.data.dir", int32, "2", 1, int_max,
           "Partitions of one directory that are recovered at once after an unclean stop; sixteen times as many are closed at "
           "once at a stop."),
    number("log.dir.failure.timeout.ms", int64, "30000", 1, long_max,
           "How long a broker whose failed directory cannot be told to the controller lives on, in ms."),
    // ---- records ----
    number("message.max.bytes", int32, "1048588", 0, int_max, "Largest record batch, as stored, in bytes."),
    words("compression.type", string, "producer", "uncompressed,zstd,lz4,snappy,gzip,producer",
          "The codec that batches are stored in; `producer` keeps the producer's."),
    number("compression.gzip.level", int32, "-1", -1, 9, "Level of gzip where the broker compresses; -1: the codec's."),
    number("compression.lz4.level", int32, "9", 1, 17, "Level of lz4 where the broker compresses."),
    number("compression.zstd.level", int32, "3", -131072, 22, "Level of zstd where the broker compresses."),
    words("log.message.timestamp.type", string, "CreateTime", "CreateTime,LogAppendTime",
          "Whether a record carries the producer's time or the time of its append."),
    number("log.message.timestamp.before.max.ms", int64, long_max_text, 0, long_max,
           "How far a record's time may lie before the broker's, in ms."),
    number("log.message.timestamp.after.max.ms", int64, "3600000", 0, long_max,
           "How far a record's time may lie after the broker's, in ms."),
    // ---- fetch ----
    number("fetch.max.bytes", int32, "57671680", 1024, int_max,
           "Most bytes of records in one Fetch response; a first batch that is larger is still sent."),
    number("max.incremental.fetch.session.cache.slots", int32, "1000", 0, int_max, "Fetch sessions kept (KIP-227)."),
    number("fetch.purgatory.purge.interval.requests", int32, "1000", 0, int_max,
           "Accepted; a waiting Fetch leaves the purgatory as soon as it is done."),
    number("max.request.partition.size.limit", int32, "2000", 1, int_max,
           "Most partitions in one DescribeTopicPartitions response."),
    // ---- producers ----
    number("producer.id.expiration.ms", int32, "86400000", 1, int_max,
           "How long the state of an idle producer id is kept, in ms."),
    number("producer.id.expiration.check.interval.ms", int32, "600000", 1, int_max,
           "How often idle producer ids are looked for, in ms."),
    // ---- replication ----
    number("replica.lag.time.max.ms", int64, "30000", 0, long_max,
           "A follower that has not caught up for this long leaves the ISR, in ms; no less than `replica.fetch.wait.max.ms`."),
    number("replica.fetch.max.bytes", int32, "1048576", 0, int_max, "Bytes a follower fetches per partition."),
    number("replica.fetch.response.max.bytes", int32, "10485760", 0, int_max, "Bytes of one response to a follower."),
    number("replica.fetch.min.bytes", int32, "1", 0, int_max, "Bytes that a follower's Fetch waits for."),
    number("replica.fetch.wait.max.ms", int32, "500", 0, int_max, "Longest wait of a follower's Fetch, in ms."),
    number("replica.fetch.backoff.ms", int32, "1000", 0, int_max,
           "Longest pause before a partition whose fetch failed is fetched again, in ms; a leader that only has not heard yet "
           "that "
           "it leads is asked again sooner."),
    number("replica.socket.timeout.ms", int32, "30000", 0, int_max, "Longest wait of a follower for a response, in ms."),
    number("num.replica.fetchers", int32, "1", 1, int_max, "Fetchers per source broker."),
    text("replica.selector.class", none,
         "How a consumer is given a replica to read from (KIP-392): unset, the leader; a name that ends in "
         "`RackAwareReplicaSelector`, a replica of the consumer's rack."),
    number("replication.quota.window.num", int32, "11", 1, int_max, "Samples over which throttled replication is measured."),
    number("replication.quota.window.size.seconds", int32, "1", 1, int_max, "Length of one such sample, in seconds."),
    // ---- groups and transactions: in most server.properties ----
    number("offsets.topic.num.partitions", int32, "50", 1, int_max,
           "Partitions of the offsets topic. Accepted; groups are not served."),
    number("offsets.topic.replication.factor", int16, "3", 1, 32767,
           "Replicas of the offsets topic. Accepted; groups are not served."),
    number("group.initial.rebalance.delay.ms", int32, "3000", 0, int_max,
           "First wait of a new group, in ms. Accepted; groups are not served."),
    number("transaction.state.log.replication.factor", int16, "3", 1, 32767,
           "Replicas of the transaction log. Accepted; transactions are not served."),
    number("transaction.state.log.min.isr", int32, "2", 1, int_max,
           "In-sync replicas the transaction log needs. Accepted; transactions are not served."),
    number("share.coordinator.state.topic.replication.factor", int16, "3", 1, 32767,
           "Replicas of the share-state topic. Accepted; share groups are not served."),
    number("share.coordinator.state.topic.min.isr", int16, "2", 1, 32767,
           "In-sync replicas the share-state topic needs. Accepted; share groups are not served."),
    // ---- Squall's own ----
    number("squall.metrics.port", int32, "0", 0, 65535, "Port of the HTTP page that shows the metrics to Prometheus; 0: none."),
    text("squall.metrics.host", "127.0.0.1", "Address of the metrics page."),
    number("squall.shutdown.grace.ms", int64, "5000", 0, long_max,
           "How long a clean stop waits for requests in flight, in ms."),
};

constexpr TopicConfigKey topic_table[] = {
    {words("cleanup.policy", list, "delete", "compact,delete",
           "What happens to old segments: deleted by retention, compacted, or both."),
     {{{"log.cleanup.policy"}}}},
    {number("compression.gzip.level", int32, "-1", -1, 9, "Level of gzip where the broker compresses; -1: the codec's."),
     {{{"compression.gzip.level"}}}},
    {number("compression.lz4.level", int32, "9", 1, 17, "Level of lz4 where the broker compresses."),
     {{{"compression.lz4.level"}}}},
    {words("compression.type", string, "producer", "uncompressed,zstd,lz4,snappy,gzip,producer",
           "The codec that batches are stored in; `producer` keeps the producer's."),
     {{{"compression.type"}}}},
    {number("compression.zstd.level", int32, "3", -131072, 22, "Level of zstd where the broker compresses."),
     {{{"compression.zstd.level"}}}},
    {number("delete.retention.ms", int64, "86400000", 0, long_max, "How long tombstones of a compacted topic are kept, in ms."),
     {{{"log.cleaner.delete.retention.ms"}}}},
    {number("file.delete.delay.ms", int64, "60000", 0, long_max, "How long the files of a deleted segment stay, in ms."),
     {{{"log.segment.delete.delay.ms"}}}},
    {number("flush.messages", int64, long_max_text, 1, long_max, "Records after which a partition is synced to disk."),
     {{{"log.flush.interval.messages"}}}},
    {number("flush.ms", int64, long_max_text, 0, long_max, "Longest time that records stay unsynced, in ms."),
     {{{"log.flush.interval.ms"}, {"log.flush.scheduler.interval.ms"}}}},
    {words("follower.replication.throttled.replicas", list, "", "", "Replicas whose replication is throttled as followers."),
     {}},
    {number("index.interval.bytes", int32, "4096", 0, int_max, "Bytes of records between two index entries."),
     {{{"log.index.interval.bytes"}}}},
    {words("leader.replication.throttled.replicas", list, "", "", "Replicas whose replication is throttled as leaders."), {}},
    {number("max.compaction.lag.ms", int64, long_max_text, 1, long_max, "Greatest age of a record not yet compacted, in ms."),
     {{{"log.cleaner.max.compaction.lag.ms"}}}},
    {number("max.message.bytes", int32, "1048588", 0, int_max, "Largest record batch, as stored, in bytes."),
     {{{"message.max.bytes"}}}},
    {number("message.timestamp.after.max.ms", int64, "3600000", 0, long_max,
            "How far a record's time may lie after the broker's, in ms."),
     {{{"log.message.timestamp.after.max.ms"}}}},
    {number("message.timestamp.before.max.ms", int64, long_max_text, 0, long_max,
            "How far a record's time may lie before the broker's, in ms."),
     {{{"log.message.timestamp.before.max.ms"}}}},
    {words("message.timestamp.type", string, "CreateTime", "CreateTime,LogAppendTime",
           "Whether a record carries the producer's time or the time of its append."),
     {{{"log.message.timestamp.type"}}}},
    {{"min.cleanable.dirty.ratio", decimal, "0.5", 0, 1, {}, "Share of uncompacted bytes that starts a compaction."},
     {{{"log.cleaner.min.cleanable.ratio"}}}},
    {number("min.compaction.lag.ms", int64, "0", 0, long_max, "Least age of a record to be compacted, in ms."),
     {{{"log.cleaner.min.compaction.lag.ms"}}}},
    {number("min.insync.replicas", int32, "1", 1, int_max, "In-sync replicas that acks=all needs."),
     {{{"min.insync.replicas"}}}},
    {flag("preallocate", "false", "Whether a new segment is given its full size on disk at once."), {{{"log.preallocate"}}}},
    {number("retention.bytes", int64, "-1", -1, long_max, "Bytes kept per partition; -1: no limit."),
     {{{"log.retention.bytes"}}}},
    {number("retention.ms", int64, "604800000", -1, long_max, "How long records are kept, in ms; -1: for ever."),
     {{{"log.retention.ms"}, {"log.retention.minutes", 60'000}, {"log.retention.hours", 3'600'000}}}},
    {number(
         "segment.bytes", int32, "1073741824", 14, int_max,
         "Size at which a segment is rolled, in bytes. Kafka 4 takes no less than 1 MiB; older ones do, and so does Squall."),
     {{{"log.segment.bytes"}}}},
    {number("segment.index.bytes", int32, "10485760", 4, int_max, "Largest offset index of a segment, in bytes."),
     {{{"log.index.size.max.bytes"}}}},
    {number("segment.jitter.ms", int64, "0", 0, long_max, "Most that is taken off the roll age at random, in ms."),
     {{{"log.roll.jitter.ms"}, {"log.roll.jitter.hours", 3'600'000}}}},
    {number("segment.ms", int64, "604800000", 1, long_max, "Age at which a segment is rolled, in ms."),
     {{{"log.roll.ms"}, {"log.roll.hours", 3'600'000}}}},
    {flag("unclean.leader.election.enable", "false", "Whether a replica outside the ISR may lead."),
     {{{"unclean.leader.election.enable"}}}},
};

constexpr ConfigKey dynamic_table[] = {
    number("follower.replication.throttled.rate", int64, long_max_text, 0, long_max,
           "Bytes a second that a broker fetches of throttled replicas that are not in sync (KIP-73)."),
    number("leader.replication.throttled.rate", int64, long_max_text, 0, long_max,
           "Bytes a second that a broker lets others fetch of throttled replicas that are not in sync (KIP-73)."),
};

}  // namespace

std::span<const ConfigKey> broker_config_keys() { return broker_table; }
std::span<const TopicConfigKey> topic_config_keys() { return topic_table; }
std::span<const ConfigKey> dynamic_broker_config_keys() { return dynamic_table; }

const ConfigKey* find_dynamic_broker_config_key(std::string_view name) {
  const auto* found = std::ranges::find(dynamic_table, name, &ConfigKey::name);
  return found == std::end(dynamic_table) ? nullptr : found;
}

const ConfigKey* find_broker_config_key(std::string_view name) {
  const auto* found = std::ranges::find(broker_table, name, &ConfigKey::name);
  return found == std::end(broker_table) ? nullptr : found;
}

const TopicConfigKey* find_topic_config_key(std::string_view name) {
  const auto* found = std::ranges::find(topic_table, name, [](const TopicConfigKey& row) { return row.key.name; });
  return found == std::end(topic_table) ? nullptr : found;
}

}  // namespace squall::broker
