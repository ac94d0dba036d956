// A controller with a log in memory, and brokers that do as they are told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "raft/controller/controller.h"
#include "raft/metadata/image_builder.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {

// A schema of a few keys; whatever is not a number where one is wanted is refused.
class TestSchema final : public ConfigSchema {
 public:
  std::optional<std::string> refuses(ConfigResource, const std::vector<std::string>&) const override { return std::nullopt; }
  bool knows(ConfigResource, std::string_view key) const override {
    return key.contains("replication.throttled") || key == "min.insync.replicas" || key == "unclean.leader.election.enable" ||
           is_list(ConfigResource::topic, key);
  }
  bool is_list(ConfigResource, std::string_view key) const override { return key == "cleanup.policy"; }
  std::optional<std::string> check(ConfigResource, std::string_view key, std::string_view value) const override {
    const bool number = value.find_first_not_of("0123456789") == std::string_view::npos;
    if (key == "min.insync.replicas" && !number) return "not a number";
    return std::nullopt;
  }
  std::optional<std::string> effective(ConfigResource, std::string_view key, const ConfigValues& own,
                                       const ConfigValues& cluster) const override {
    if (const auto at = own.find(key); at != own.end()) return at->second;
    if (const auto at = cluster.find(key); at != cluster.end()) return at->second;
    if (key == "min.insync.replicas") return "1";
    if (key == "cleanup.policy") return "delete";
    return "false";
  }
  std::vector<protocol::CreateTopicsResponse::CreatableTopicConfigs> describe_topic(const ConfigValues&) const override {
    return {};
  }
  std::int32_t num_partitions() const override { return 1; }
  std::int16_t default_replication_factor() const override { return 1; }
};

using Features = std::map<std::string, std::int16_t>;
inline const Features plain_features{{"metadata.version", 29}};
inline const Features elr_features{{"metadata.version", 29}, {"eligible.leader.replicas.version", 1}};

inline constexpr std::string_view test_cluster = "test-cluster";

// What the controller works with, and one feature of brokers that it knows nothing else of.
inline SupportedFeatures test_features() {
  SupportedFeatures features = supported_features();
  features["group.version"] = {0, 1};
  return features;
}

inline ControllerSettings test_settings() {
  ControllerSettings settings;
  settings.node_id = NodeId{3000};
  settings.cluster_id = test_cluster;
  settings.features = test_features();
  return settings;
}

inline protocol::ErrorCode code(std::int16_t wire) { return static_cast<protocol::ErrorCode>(wire); }

// An active controller whose records are committed as soon as they are made, unless `hold_commits`.
class Cluster {
 public:
  explicit Cluster(const Features& features = plain_features, ControllerSettings settings = test_settings())
      : controller{std::move(settings), schema, bootstrap_records(features, schema), Random{7}} {
    take(controller.become_active(LeaderEpoch{1}, now));
  }

  // Logs and replays.
  void take(const Records& records) {
    if (records.empty()) return;
    const Offset base = controller.image()->end_offset;
    for (const auto& record : records) {
      log.push_back(record);
      by_version.push_back(record_version(record, MetadataVersion::of(*controller.image())));
    }
    ASSERT_TRUE(controller.replay(records, base));
    if (!hold_commits) controller.committed(controller.image()->end_offset);
  }
  template <class Request>
  auto submit(const Request& request) {
    auto decision = controller.submit(request, now);
    take(decision.records);
    return std::move(decision.response);
  }

  // ---- brokers ----
  protocol::BrokerRegistrationResponse register_broker(std::int32_t id, std::uint64_t incarnation = 1,
                                                       std::int64_t previous_epoch = -1,
                                                       std::optional<std::string> rack = std::nullopt) {
    protocol::BrokerRegistrationRequest request;
    request.broker_id = id;
    request.cluster_id = test_cluster;
    request.incarnation_id = Uuid{1000 + static_cast<std::uint64_t>(id), incarnation};
    request.listeners.push_back({.name = "PLAINTEXT", .host = "b", .port = 9092, .security_protocol = 0});
    for (const auto& [name, levels] : test_features()) {
      request.features.push_back({.name = name, .min_supported_version = levels.min, .max_supported_version = levels.max});
    }
    request.rack = std::move(rack);
    request.log_dirs = {Uuid{500, static_cast<std::uint64_t>(id)}};
    request.previous_broker_epoch = previous_epoch;
    return submit(request);
  }
  protocol::BrokerHeartbeatResponse heartbeat(std::int32_t id, bool want_fence = false, bool want_shut_down = false) {
    protocol::BrokerHeartbeatRequest request;
    request.broker_id = id;
    request.broker_epoch = epoch_of(id);
    request.current_metadata_offset = controller.image()->end_offset.value() - 1;
    request.want_fence = want_fence;
    request.want_shut_down = want_shut_down;
    return submit(request);
  }
  // Registers and unfences brokers 0 to count - 1.
  void start_brokers(std::int32_t count) {
    for (std::int32_t id = 0; id < count; ++id) {
      register_broker(id);
      heartbeat(id);
    }
  }
  void fence(std::int32_t id) { heartbeat(id, true); }
  [[nodiscard]] std::int64_t epoch_of(std::int32_t id) const {
    const BrokerImage* broker = controller.image()->brokers.get(NodeId{id});
    return broker == nullptr ? -1 : broker->epoch;
  }

  // ---- topics ----
  protocol::CreateTopicsResponse create(const std::string& name, const std::vector<Assignment>& assignments,
                                        const ConfigValues& configs = {}) {
    protocol::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = -1;
    topic.replication_factor = -1;
    for (std::size_t i = 0; i < assignments.size(); ++i) {
      topic.assignments.push_back({.partition_index = static_cast<std::int32_t>(i), .broker_ids = assignments[i]});
    }
    for (const auto& [key, value] : configs) topic.configs.push_back({.name = key, .value = value});
    return submit(request);
  }
  [[nodiscard]] const PartitionImage& partition(const std::string& topic, std::int32_t index = 0) const {
    return *controller.image()->find(topic)->partition(index);
  }
  [[nodiscard]] Uuid id_of(const std::string& topic) const { return controller.image()->find(topic)->id; }

  // What the leader of a partition would ask, to be spoilt by a test.
  [[nodiscard]] protocol::AlterPartitionRequest alter(const std::string& topic, const std::vector<std::int32_t>& isr) const {
    const PartitionImage& now_is = partition(topic);
    protocol::AlterPartitionRequest request;
    request.broker_id = now_is.leader.value();
    request.broker_epoch = epoch_of(request.broker_id);
    auto& data = request.topics.emplace_back();
    data.topic_id = id_of(topic);
    auto& wanted = data.partitions.emplace_back();
    wanted.leader_epoch = now_is.leader_epoch.value();
    wanted.partition_epoch = now_is.partition_epoch;
    for (const std::int32_t id : isr) wanted.new_isr_with_epochs.push_back({.broker_id = id, .broker_epoch = epoch_of(id)});
    return request;
  }
  protocol::AlterPartitionResponse::PartitionData change_isr(const std::string& topic, const std::vector<std::int32_t>& isr) {
    return submit(alter(topic, isr)).topics.at(0).partitions.at(0);
  }

  void pass(Duration time) { now += time; }
  // Lets everything happen that is due; the number of records made.
  std::size_t tick() {
    std::size_t made = 0;
    while (controller.next_deadline() <= now) {
      const Records records = controller.tick(now);
      made += records.size();
      take(records);
    }
    return made;
  }

  TestSchema schema;
  Controller controller;
  Instant now{std::chrono::seconds{100}};
  Records log;
  std::vector<std::int16_t> by_version;
  bool hold_commits = false;
};

// "leader 1 epoch 2/3 isr [1,2] elr [3] last [..] replicas [..] +[..] -[..] recovering", leaving out what is empty.
inline std::string told(const PartitionImage& partition) {
  const auto list = [](const char* name, const NodeList& nodes) {
    std::string text;
    for (const NodeId node : nodes) text += (text.empty() ? "" : ",") + std::to_string(node.value());
    return nodes.empty() ? std::string{} : std::string{" "} + name + "[" + text + "]";
  };
  return "leader " + std::to_string(partition.leader.value()) + list("isr", partition.in_sync_replicas) +
         list("elr", partition.eligible_leader_replicas) + list("last", partition.last_known_leaders) +
         list("replicas", partition.replicas) + list("+", partition.adding_replicas) + list("-", partition.removing_replicas) +
         (partition.recovery == LeaderRecovery::recovering ? " recovering" : "");
}

}  // namespace squall::raft
