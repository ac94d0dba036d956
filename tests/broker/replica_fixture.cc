#include "tests/broker/replica_fixture.h"

#include "broker/format.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/produce.h"

namespace squall::broker {

ReplicaCluster::ReplicaCluster(std::uint64_t seed, ConfigValues values)
    : simulation{{.seed = seed}}, values_{std::move(values)} {
  simulation.on_event([this](const sim::ProductEvent& event) { ++events[event.name]; });
  for (std::int32_t id = 0; id <= broker_count; ++id) {
    sim::NodeOptions options;
    options.name = id < broker_count ? host(id) : "controller";
    nodes.push_back(&simulation.add_node(options));
  }
  sim::NodeOptions options;
  options.name = "client";
  client = &simulation.add_node(options);
  for (std::size_t index = 0; index < nodes.size(); ++index) {
    nodes[index]->start("server", [this, index](runtime::World& world) { serve(index, world); });
  }
  run_for(5s);
}

// What still runs uses what is destroyed before the simulation.
ReplicaCluster::~ReplicaCluster() {
  if (client->state() == sim::NodeState::running) client->crash();
  for (sim::Node* node : nodes) {
    if (node->state() == sim::NodeState::running) node->crash();
  }
}

client::ClusterOptions ReplicaCluster::bootstrap() const {
  client::ClusterOptions options;
  for (std::int32_t id = 0; id < broker_count; ++id) options.bootstrap.push_back(endpoint(id));
  return options;
}

ConfigValues ReplicaCluster::values_of(std::size_t index) const {
  const auto id = static_cast<std::int32_t>(index);
  ConfigValues values;
  values["log.dirs"] = "/data";
  values["controller.quorum.voters"] = std::to_string(controller_id) + "@controller:9093";
  values["broker.heartbeat.interval.ms"] = "500";
  values["broker.session.timeout.ms"] = "3000";
  if (id == broker_count) {
    values["process.roles"] = "controller";
    values["node.id"] = std::to_string(controller_id);
    values["listeners"] = "CONTROLLER://controller:9093";
    values["auto.leader.rebalance.enable"] = "false";
    return values;
  }
  values["process.roles"] = "broker";
  values["node.id"] = std::to_string(id);
  values["listeners"] = "PLAINTEXT://" + host(id) + ":9092";
  values["broker.rack"] = "rack" + std::to_string(id);
  values["replica.lag.time.max.ms"] = "2000";
  values["replica.fetch.backoff.ms"] = "200";
  values["replica.socket.timeout.ms"] = "3000";
  for (const auto& [name, value] : values_) values[name] = value;
  return values;
}

void ReplicaCluster::serve(std::size_t index, runtime::World& world) {
  auto parsed = broker_config_from(values_of(index));
  ASSERT_TRUE(parsed.has_value()) << parsed.error();
  if (!formatted_[index]) {
    const auto done =
        format_node(world, parsed->config, {.cluster_id = std::string{replica_cluster_id}, .ignore_formatted = true});
    ASSERT_TRUE(done.has_value()) << done.error().message;
    formatted_[index] = true;
  }
  struct Process {
    Process(runtime::World& world, BrokerConfig config, Broker*& place) : broker{world, std::move(config)}, told{place} {
      told = &broker;
    }
    ~Process() { told = nullptr; }
    Broker broker;
    Broker*& told;
  };
  Broker* nobody = nullptr;
  Process process{world, std::move(parsed->config), index == broker_count ? controller_process_ : nobody};
  const auto started = process.broker.start();
  ASSERT_TRUE(started.has_value()) << started.error().message;
  bool stop = false;
  runtime::WaitQueue stopped{world};
  nodes[index]->set_stop_handler([&] {
    stop = true;
    stopped.wake_all();
  });
  while (!stop) (void)stopped.wait();
  process.broker.stop();
}

const raft::PartitionImage& ReplicaCluster::partition(const std::string& topic) {
  static const raft::PartitionImage none;
  seen_ = image();
  const auto found = seen_ == nullptr ? nullptr : seen_->find(topic);
  const raft::PartitionImage* partition = found == nullptr ? nullptr : found->partition(0);
  return partition == nullptr ? none : *partition;
}

void ReplicaCluster::talk(const std::function<void(runtime::World&)>& talk) {
  bool ended = false;
  client->start("client", [&](runtime::World& world) {
    talk(world);
    ended = true;
  });
  EXPECT_TRUE(run_until([&] { return ended; })) << "the conversation hangs";
  run_for(10ms);
}

void ReplicaCluster::create(const std::string& topic, const ConfigValues& configs, const raft::Assignment& replicas) {
  talk([&](runtime::World& world) {
    protocol::CreateTopicsRequest request;
    request.timeout_ms = 5000;
    auto& wanted = request.topics.emplace_back();
    wanted.name = topic;
    wanted.num_partitions = -1;
    wanted.replication_factor = -1;
    wanted.assignments.push_back({.partition_index = 0, .broker_ids = replicas});
    for (const auto& [name, value] : configs) wanted.configs.push_back({.name = name, .value = value});
    Caller caller{world, host(0)};
    const auto created = caller.ask<protocol::CreateTopicsResponse>(request, 7);
    ASSERT_TRUE(created.has_value());
    ASSERT_EQ(created->topics.at(0).error_code, 0) << created->topics.at(0).error_message.value_or("");
  });
  run_for(1s);
}

void ReplicaCluster::cut_off(std::int32_t id) {
  for (sim::Node* other : nodes) {
    if (other != &node(id)) simulation.network().partition(node(id), *other);
  }
}

void ReplicaCluster::heal() { simulation.network().heal_all(); }

protocol::FetchRequest consumer_fetch(const std::string& topic, std::int64_t offset) {
  protocol::FetchRequest request;
  request.replica_id = -1;
  request.max_bytes = 10 << 20;
  request.session_epoch = -1;
  auto& wanted = request.topics.emplace_back();
  wanted.topic = topic;
  auto& partition = wanted.partitions.emplace_back();
  partition.fetch_offset = offset;
  partition.partition_max_bytes = 1 << 20;
  return request;
}

protocol::ProduceRequest produce_of(const std::string& topic, const ByteBuffer& batch, std::int16_t acks) {
  protocol::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = 3000;
  auto& data = request.topic_data.emplace_back();
  data.name = topic;
  auto& partition = data.partition_data.emplace_back();
  partition.index = 0;
  partition.records = protocol::Records{.bytes = batch};
  return request;
}

std::vector<std::string> values_at(runtime::World& world, const std::string& host, const std::string& topic) {
  Caller caller{world, host};
  std::vector<std::string> values;
  std::int64_t next = 0;
  protocol::Compressor compressor;
  ByteBuffer scratch;
  while (true) {
    const auto answer = caller.ask<protocol::FetchResponse>(consumer_fetch(topic, next), 12);
    if (!answer) return {"no answer from " + host};
    const auto& data = answer->responses.at(0).partitions.at(0);
    if (data.error_code != 0) return {"error " + std::to_string(data.error_code) + " from " + host};
    protocol::BatchCursor cursor{data.records.bytes};
    protocol::RecordBatchView batch;
    const std::int64_t before = next;
    while (cursor.next(batch)) {
      auto reader = protocol::RecordReader::open(batch, compressor, scratch, std::size_t{64} << 20);
      protocol::RecordView record;
      while (reader && reader->next(record)) {
        if (record.offset < Offset{next}) continue;
        const ByteView value = record.value.value_or(ByteView{});
        values.emplace_back(reinterpret_cast<const char*>(value.data()), value.size());
      }
      next = batch.next_offset().value();
    }
    if (next == before) return values;
  }
}

}  // namespace squall::broker
