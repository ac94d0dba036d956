#include "client/admin.h"

#include <algorithm>

#include "client/retry.h"
#include "protocol/error_code.h"
#include "runtime/deadline.h"

namespace squall::client {

using protocol::ErrorCode;

namespace {

constexpr Duration server_wait_max = std::chrono::seconds{30};

[[nodiscard]] std::int32_t timeout_ms(const runtime::World& world, Instant deadline) {
  return static_cast<std::int32_t>(to_ms(std::min(runtime::time_left(world, deadline), server_wait_max)));
}

// The worst that may pass of what is said of the items: a controller that has gone says so of each.
template <class Items>
[[nodiscard]] ErrorCode passing_code(const Items& items) {
  for (const auto& item : items) {
    const auto code = static_cast<ErrorCode>(item.error_code);
    if (code == ErrorCode::not_controller) return code;
  }
  return ErrorCode::none;
}

template <class Item>
[[nodiscard]] Outcome outcome_of(std::string name, const Item& item) {
  return {.name = std::move(name), .code = static_cast<ErrorCode>(item.error_code), .message = item.error_message.value_or("")};
}

}  // namespace

Admin::Admin(runtime::World& world, ClusterOptions options) : cluster_{world, std::move(options)} {}

template <class Request, class CodeOf>
Result<typename Api<Request>::Response> Admin::ask(const Request& request, NodeId node, Instant deadline, CodeOf&& code_of) {
  if (cluster_.nodes().empty()) {
    if (const auto known = know_cluster(deadline); !known) return std::unexpected{known.error()};
  }
  sendings_ = 0;
  const auto connect = [&] {
    ++sendings_;
    return node == no_node ? cluster_.controller_connection(deadline) : cluster_.connection_to(node, deadline);
  };
  return call_until_answered(cluster_, request, connect, code_of, deadline);
}

Result<void> Admin::know_cluster(Instant deadline) {
  for (std::uint32_t attempts = 1;; ++attempts) {
    const auto refreshed = cluster_.refresh(deadline);
    if (refreshed && !cluster_.nodes().empty()) return {};
    const Error last =
        refreshed ? Error{.failure = Failure::timed_out, .detail = "the cluster names no node"} : refreshed.error();
    if (!is_retriable(last) || !cluster_.wait_before_retry(attempts, deadline)) return std::unexpected{last};
  }
}

Result<std::vector<Outcome>> Admin::create_topics(std::span<const NewTopic> topics, Instant deadline, bool validate_only) {
  protocol::CreateTopicsRequest request;
  request.timeout_ms = timeout_ms(cluster_.world(), deadline);
  request.validate_only = validate_only;
  for (const NewTopic& topic : topics) {
    auto& created = request.topics.emplace_back();
    created.name = topic.name;
    created.num_partitions = topic.partitions;
    created.replication_factor = topic.replication_factor;
    for (const auto& [name, value] : topic.configs) {
      auto& config = created.configs.emplace_back();
      config.name = name;
      config.value = value;
    }
  }
  const auto response = ask(request, no_node, deadline, [](const auto& answer) { return passing_code(answer.topics); });
  if (!response) return std::unexpected{response.error()};
  std::vector<Outcome> outcomes;
  for (const auto& topic : response->topics) outcomes.push_back(outcome_of(topic.name, topic));
  return outcomes;
}

Result<std::vector<Outcome>> Admin::delete_topics(std::span<const std::string> names, Instant deadline) {
  protocol::DeleteTopicsRequest request;
  request.timeout_ms = timeout_ms(cluster_.world(), deadline);
  for (const std::string& name : names) request.topics.emplace_back().name = name;
  // Before version 6 the names stand in a list of their own.
  const auto connect = [&] { return cluster_.controller_connection(deadline); };
  if (const auto known = know_cluster(deadline); !known) return std::unexpected{known.error()};
  const auto probe = connect();
  if (probe && (*probe)->versions().choose<protocol::DeleteTopicsRequest>().value_or(6) < 6) {
    request.topics.clear();
    request.topic_names.assign(names.begin(), names.end());
  }
  const auto response = ask(request, no_node, deadline, [](const auto& answer) { return passing_code(answer.responses); });
  if (!response) return std::unexpected{response.error()};
  std::vector<Outcome> outcomes;
  for (const auto& topic : response->responses) outcomes.push_back(outcome_of(topic.name.value_or(""), topic));
  return outcomes;
}

Result<Outcome> Admin::create_partitions(const std::string& topic, std::int32_t total, Instant deadline) {
  protocol::CreatePartitionsRequest request;
  request.timeout_ms = timeout_ms(cluster_.world(), deadline);
  auto& grown = request.topics.emplace_back();
  grown.name = topic;
  grown.count = total;
  grown.assignments.reset();
  const auto response = ask(request, no_node, deadline, [](const auto& answer) { return passing_code(answer.results); });
  if (!response) return std::unexpected{response.error()};
  if (response->results.empty()) return std::unexpected{Error{.failure = Failure::malformed, .detail = "no result"}};
  return outcome_of(response->results[0].name, response->results[0]);
}

Result<Outcome> Admin::reassign(const TopicPartition& partition, const std::optional<std::vector<NodeId>>& replicas,
                                Instant deadline) {
  protocol::AlterPartitionReassignmentsRequest request;
  request.timeout_ms = timeout_ms(cluster_.world(), deadline);
  auto& topic = request.topics.emplace_back();
  topic.name = partition.topic;
  auto& moved = topic.partitions.emplace_back();
  moved.partition_index = partition.partition.value();
  if (replicas) {
    moved.replicas.emplace();
    for (const NodeId replica : *replicas) moved.replicas->push_back(replica.value());
  }
  const auto response =
      ask(request, no_node, deadline, [](const auto& answer) { return static_cast<ErrorCode>(answer.error_code); });
  if (!response) return std::unexpected{response.error()};
  if (response->error_code != 0) return outcome_of(partition.topic, *response);
  if (response->responses.empty() || response->responses[0].partitions.empty()) {
    return std::unexpected{Error{.failure = Failure::malformed, .detail = "no result"}};
  }
  return outcome_of(partition.topic, response->responses[0].partitions[0]);
}

Result<Outcome> Admin::elect_preferred_leader(const TopicPartition& partition, Instant deadline) {
  protocol::ElectLeadersRequest request;
  request.timeout_ms = timeout_ms(cluster_.world(), deadline);
  auto& asked = request.topic_partitions->emplace_back();
  asked.topic = partition.topic;
  asked.partitions.push_back(partition.partition.value());
  const auto response =
      ask(request, no_node, deadline, [](const auto& answer) { return static_cast<ErrorCode>(answer.error_code); });
  if (!response) return std::unexpected{response.error()};
  if (response->error_code != 0) return Outcome{partition.topic, static_cast<ErrorCode>(response->error_code), {}};
  const auto& results = response->replica_election_results;
  if (results.empty() || results[0].partition_result.empty()) {
    return std::unexpected{Error{.failure = Failure::malformed, .detail = "no result"}};
  }
  return outcome_of(partition.topic, results[0].partition_result[0]);
}

Result<ClusterDescription> Admin::describe_cluster(Instant deadline) {
  const auto response = ask(protocol::DescribeClusterRequest{}, no_node, deadline,
                            [](const auto& answer) { return static_cast<ErrorCode>(answer.error_code); });
  if (!response) return std::unexpected{response.error()};
  if (response->error_code != 0) return std::unexpected{refused_with(static_cast<ErrorCode>(response->error_code))};
  ClusterDescription description{
      .cluster_id = response->cluster_id, .controller = NodeId{response->controller_id}, .nodes = {}};
  for (const auto& broker : response->brokers) {
    description.nodes.push_back({.id = NodeId{broker.broker_id},
                                 .endpoint = {.host = broker.host, .port = static_cast<std::uint16_t>(broker.port)},
                                 .rack = broker.rack.value_or("")});
  }
  return description;
}

Result<std::vector<TopicInfo>> Admin::list_topics(Instant deadline) {
  protocol::MetadataRequest request;
  request.topics.reset();  // all
  request.allow_auto_topic_creation = false;
  const auto response = ask(request, no_node, deadline, [](const auto&) { return ErrorCode::none; });
  if (!response) return std::unexpected{response.error()};
  std::vector<TopicInfo> topics;
  for (const auto& topic : response->topics) {
    if (topic.error_code != 0 || !topic.name) continue;
    TopicInfo& info = topics.emplace_back();
    info.name = *topic.name;
    info.id = topic.topic_id;
    info.internal = topic.is_internal;
    for (const auto& partition : topic.partitions) {
      PartitionInfo& listed = info.partitions.emplace_back();
      listed.index = PartitionIndex{partition.partition_index};
      listed.leader = NodeId{partition.leader_id};
      listed.leader_epoch = LeaderEpoch{partition.leader_epoch};
      for (const std::int32_t node : partition.replica_nodes) listed.replicas.emplace_back(node);
      for (const std::int32_t node : partition.isr_nodes) listed.in_sync_replicas.emplace_back(node);
    }
    std::ranges::sort(info.partitions, {}, &PartitionInfo::index);
  }
  return topics;
}

// Configs of a broker are the broker's own to tell.
Result<NodeId> Admin::node_for(ConfigResource type, const std::string& name) {
  if (type != ConfigResource::broker || name.empty()) return no_node;
  std::int32_t id = 0;
  for (const char digit : name) {
    if (digit < '0' || digit > '9' || id > 100'000'000) {
      return std::unexpected{Error{.failure = Failure::invalid, .detail = "a broker is named by its number"}};
    }
    id = id * 10 + (digit - '0');
  }
  return NodeId{id};
}

Result<std::vector<ConfigEntry>> Admin::describe_configs(ConfigResource type, const std::string& name, Instant deadline) {
  const auto node = node_for(type, name);
  if (!node) return std::unexpected{node.error()};
  protocol::DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = static_cast<std::int8_t>(type);
  resource.resource_name = name;
  resource.configuration_keys.reset();  // all
  const auto response = ask(request, *node, deadline, [](const auto& answer) { return passing_code(answer.results); });
  if (!response) return std::unexpected{response.error()};
  if (response->results.empty()) return std::unexpected{Error{.failure = Failure::malformed, .detail = "no result"}};
  const auto& result = response->results[0];
  if (result.error_code != 0) return std::unexpected{refused_with(static_cast<ErrorCode>(result.error_code))};
  std::vector<ConfigEntry> entries;
  for (const auto& config : result.configs) {
    entries.push_back({.name = config.name,
                       .value = config.value,
                       .read_only = config.read_only,
                       .sensitive = config.is_sensitive,
                       .source = config.config_source});
  }
  return entries;
}

Result<Outcome> Admin::alter_configs(ConfigResource type, const std::string& name, std::span<const ConfigChange> changes,
                                     Instant deadline, bool validate_only) {
  const auto node = node_for(type, name);
  if (!node) return std::unexpected{node.error()};
  protocol::IncrementalAlterConfigsRequest request;
  request.validate_only = validate_only;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = static_cast<std::int8_t>(type);
  resource.resource_name = name;
  for (const ConfigChange& change : changes) {
    auto& config = resource.configs.emplace_back();
    config.name = change.name;
    config.config_operation = static_cast<std::int8_t>(change.operation);
    config.value = change.value;
  }
  const auto response = ask(request, *node, deadline, [](const auto& answer) { return passing_code(answer.responses); });
  if (!response) return std::unexpected{response.error()};
  if (response->responses.empty()) return std::unexpected{Error{.failure = Failure::malformed, .detail = "no result"}};
  return outcome_of(response->responses[0].resource_name, response->responses[0]);
}

Result<std::vector<LogDirDescription>> Admin::describe_log_dirs(NodeId broker, Instant deadline) {
  protocol::DescribeLogDirsRequest request;
  request.topics.reset();  // all
  const auto response =
      ask(request, broker, deadline, [](const auto& answer) { return static_cast<ErrorCode>(answer.error_code); });
  if (!response) return std::unexpected{response.error()};
  if (response->error_code != 0) return std::unexpected{refused_with(static_cast<ErrorCode>(response->error_code))};
  std::vector<LogDirDescription> dirs;
  for (const auto& result : response->results) {
    LogDirDescription& dir = dirs.emplace_back();
    dir.path = result.log_dir;
    dir.code = static_cast<ErrorCode>(result.error_code);
    dir.total_bytes = result.total_bytes;
    dir.usable_bytes = result.usable_bytes;
    for (const auto& topic : result.topics) {
      for (const auto& partition : topic.partitions) {
        dir.replicas.push_back({.partition = {.topic = topic.name, .partition = PartitionIndex{partition.partition_index}},
                                .size_bytes = partition.partition_size,
                                .offset_lag = partition.offset_lag});
      }
    }
  }
  return dirs;
}

Result<Offset> Admin::delete_records(const TopicPartition& partition, Offset before, Instant deadline) {
  protocol::DeleteRecordsRequest request;
  request.timeout_ms = timeout_ms(cluster_.world(), deadline);
  auto& topic = request.topics.emplace_back();
  topic.name = partition.topic;
  auto& cut = topic.partitions.emplace_back();
  cut.partition_index = partition.partition.value();
  cut.offset = before.value();
  const auto connect = [&]() -> Result<std::shared_ptr<Connection>> {
    const auto info = cluster_.led_partition(partition.topic, partition.partition, deadline);
    if (!info) return std::unexpected{info.error()};
    return cluster_.connection_to((*info)->leader, deadline);
  };
  const auto code_of = [](const protocol::DeleteRecordsResponse& answer) {
    if (answer.topics.size() != 1 || answer.topics[0].partitions.size() != 1) return ErrorCode::unknown_server_error;
    return static_cast<ErrorCode>(answer.topics[0].partitions[0].error_code);
  };
  const auto response = call_until_answered(cluster_, request, connect, code_of, deadline);
  if (!response) return std::unexpected{response.error()};
  if (const ErrorCode code = code_of(*response); code != ErrorCode::none) return std::unexpected{refused_with(code)};
  return Offset{response->topics[0].partitions[0].low_watermark};
}

Result<FoundOffset> Admin::list_offset(const TopicPartition& partition, OffsetSpec spec, Instant deadline,
                                       IsolationLevel isolation) {
  return find_offset(cluster_, partition, spec, isolation, deadline);
}

}  // namespace squall::client
