#include "tests/broker/replica_fixture.h"

#include "protocol/messages/produce.h"

namespace squall::broker {

namespace {

raft::ControllerSettings settings() {
  raft::ControllerSettings settings = raft::test_settings();
  settings.session_timeout = 3s;
  settings.auto_leader_rebalance = false;
  return settings;
}

}  // namespace

// What the controller has told one broker.
class ReplicaCluster::Store final : public MetadataStore {
 public:
  explicit Store(ReplicaCluster& cluster) : cluster_{cluster}, image_{cluster.control->controller.image()} {}

  [[nodiscard]] const std::shared_ptr<const MetadataImage>& image() const override { return image_; }
  void publish(std::shared_ptr<const MetadataImage> image) { image_ = std::move(image); }

  MetadataResult<protocol::CreateTopicsResponse> create_topics(const protocol::CreateTopicsRequest&) override { return no(); }
  MetadataResult<protocol::DeleteTopicsResponse> delete_topics(const protocol::DeleteTopicsRequest&) override { return no(); }
  MetadataResult<protocol::CreatePartitionsResponse> create_partitions(const protocol::CreatePartitionsRequest&) override {
    return no();
  }
  MetadataResult<protocol::IncrementalAlterConfigsResponse> alter_configs(
      const protocol::IncrementalAlterConfigsRequest&) override {
    return no();
  }
  MetadataResult<ProducerIdBlock> allocate_producer_ids() override {
    cluster_.next_producer_id_ += 1000;
    return ProducerIdBlock{cluster_.next_producer_id_, 1000};
  }
  MetadataResult<void> register_broker(const Registration&) override { return {}; }

 private:
  static std::unexpected<ErrorCode> no() { return std::unexpected(ErrorCode::not_controller); }
  ReplicaCluster& cluster_;
  std::shared_ptr<const MetadataImage> image_;
};

class ReplicaCluster::Sender final : public AlterPartitionSender {
 public:
  Sender(ReplicaCluster& cluster, std::int32_t id, runtime::World& world) : cluster_{cluster}, id_{id}, world_{world} {}
  client::Result<protocol::AlterPartitionResponse> send(const protocol::AlterPartitionRequest& request, Instant) override {
    const auto lost = [&] { return cluster_.unheard.contains(id_); };
    runtime::sleep_for(world_, 2ms);
    if (lost()) {
      runtime::sleep_for(world_, 300ms);
      return std::unexpected{client::Error{.failure = client::Failure::timed_out}};
    }
    cluster_.keep_time();
    for (const auto& topic : request.topics) {
      for (const auto& partition : topic.partitions) {
        std::string isr;
        for (const auto& member : partition.new_isr_with_epochs) isr += std::to_string(member.broker_id);
        cluster_.asked.push_back(isr);
      }
    }
    auto response = cluster_.control->submit(request);
    runtime::sleep_for(world_, 2ms);
    if (lost()) return std::unexpected{client::Error{.failure = client::Failure::timed_out}};
    return response;
  }

 private:
  ReplicaCluster& cluster_;
  std::int32_t id_;
  runtime::World& world_;
};

ReplicaCluster::ReplicaCluster(std::uint64_t seed, ConfigValues values)
    : simulation{{.seed = seed}},
      control{std::make_unique<raft::Cluster>(raft::plain_features, settings())},
      values_{std::move(values)} {
  simulation.on_event([this](const sim::ProductEvent& event) { ++events[event.name]; });
  for (std::int32_t id = 0; id < broker_count; ++id) {
    sim::NodeOptions options;
    options.name = host(id);
    nodes.push_back(&simulation.add_node(options));
  }
  sim::NodeOptions options;
  options.name = "client";
  client = &simulation.add_node(options);
  for (std::int32_t id = 0; id < broker_count; ++id) start(id);
  run_for(2s);
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

void ReplicaCluster::start(std::int32_t id) {
  node(id).start("broker", [this, id](runtime::World& world) { serve(id, world); });
}

// Until the controller lets it: a session of its last life may have to end first.
void ReplicaCluster::join(std::int32_t id, runtime::World& world) {
  protocol::BrokerRegistrationRequest request;
  request.broker_id = id;
  request.cluster_id = raft::test_cluster;
  request.incarnation_id = Uuid{1000 + static_cast<std::uint64_t>(id), ++lives_};
  request.listeners.push_back({.name = "PLAINTEXT", .host = host(id), .port = 9092, .security_protocol = 0});
  request.rack = "rack" + std::to_string(id);
  request.log_dirs = {Uuid{500, static_cast<std::uint64_t>(id)}};
  for (const auto& [name, levels] : raft::test_features()) {
    request.features.push_back({.name = name, .min_supported_version = levels.min, .max_supported_version = levels.max});
  }
  while (true) {
    if (!unheard.contains(id)) {
      keep_time();
      control->tick();
      if (control->submit(request).error_code == 0) return;
    }
    runtime::sleep_for(world, 100ms);
  }
}

void ReplicaCluster::serve(std::int32_t id, runtime::World& world) {
  ConfigValues values = values_;
  values["node.id"] = std::to_string(id);
  values["listeners"] = "PLAINTEXT://" + host(id) + ":9092";
  values["log.dirs"] = "/data";
  values.try_emplace("replica.lag.time.max.ms", "2000");
  values.try_emplace("replica.fetch.backoff.ms", "200");
  values.try_emplace("replica.socket.timeout.ms", "3000");
  auto parsed = broker_config_from(values);
  ASSERT_TRUE(parsed.has_value()) << parsed.error();
  join(id, world);
  auto made = std::make_unique<Store>(*this);
  Store& store = *made;
  ClusterLink link{.metadata = std::move(made), .controller = std::make_unique<Sender>(*this, id, world)};
  Broker broker{world, std::move(parsed->config), std::move(link)};
  const auto started = broker.start();
  ASSERT_TRUE(started.has_value()) << started.error().message;
  bool stop = false;
  node(id).set_stop_handler([&] { stop = true; });
  Instant next_heartbeat = world.now();
  while (!stop) {
    if (!unheard.contains(id)) {
      keep_time();
      control->tick();
      if (world.now() >= next_heartbeat) {
        control->heartbeat(id);
        next_heartbeat = world.now() + 500ms;
      }
      const auto image = control->controller.image();
      if (image != store.image()) {
        broker.apply(image, {.topics = {}, .brokers = true, .all = true});
        store.publish(image);
      }
    }
    runtime::sleep_for(world, 5ms);
  }
  broker.stop();
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
  keep_time();
  const auto created = control->create(topic, {replicas}, configs);
  ASSERT_EQ(created.topics.at(0).error_code, 0) << created.topics.at(0).error_message.value_or("");
  run_for(1s);
}

void ReplicaCluster::cut_off(std::int32_t id) {
  unheard.insert(id);
  for (std::int32_t other = 0; other < broker_count; ++other) {
    if (other != id) simulation.network().partition(node(id), node(other));
  }
}

void ReplicaCluster::heal() {
  unheard.clear();
  simulation.network().heal_all();
}

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
