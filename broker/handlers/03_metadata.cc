// Metadata: brokers, topics, leaders; makes a topic that does not exist if both sides allow it.
#include <algorithm>

#include "broker/broker_state.h"
#include "broker/cluster_nodes.h"
#include "broker/control_plane.h"
#include "broker/handlers/handler.h"
#include "broker/topic_lookup.h"
#include "protocol/messages/metadata.h"
#include "raft/controller/decision.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using Answer = protocol::MetadataResponse::MetadataResponseTopic;

// Who serves clients, looked up once for all that is described.
struct Cluster {
  explicit Cluster(const BrokerState& its_broker, std::shared_ptr<const MetadataImage> its_image)
      : broker{its_broker}, image{std::move(its_image)}, may_be_offline{!broker.logs->all_usable()} {
    for (const auto& [id, one] : image->brokers) {
      if (!one.fenced) live.push_back(id);
    }
  }
  const BrokerState& broker;
  std::shared_ptr<const MetadataImage> image;
  std::vector<NodeId> live{};  // sorted
  bool may_be_offline;         // replicas of this broker
};

// Replicas that nobody can read: on brokers that are down, or in a directory of this one that has failed.
void list_offline(const Cluster& cluster, const PartitionImage& partition, bool held_offline,
                  std::vector<std::int32_t>& offline) {
  for (const NodeId id : partition.replicas) {
    const bool ours = id == cluster.broker.config.node_id;
    if (!std::ranges::binary_search(cluster.live, id) || (ours && held_offline)) offline.push_back(id.value());
  }
}

void describe(const Cluster& cluster, const TopicImage& topic, Answer& answer) {
  answer.name = topic.name;
  answer.topic_id = topic.id;
  answer.is_internal = topic.name == "__consumer_offsets" || topic.name == "__transaction_state";
  answer.partitions.reserve(topic.partitions.size());
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const PartitionImage& image = topic.partitions[i];
    auto& partition = answer.partitions.emplace_back();
    partition.partition_index = static_cast<std::int32_t>(i);
    partition.leader_id = image.leader.value();
    partition.leader_epoch = image.leader_epoch.value();
    partition.replica_nodes = image.replicas.ids();
    partition.isr_nodes = image.in_sync_replicas.ids();
    bool held_offline = false;
    if (cluster.may_be_offline) {
      const PartitionRef& held = cluster.broker.partitions->find(topic.name, partition.partition_index);
      held_offline = held != nullptr && !held->online();
    }
    list_offline(cluster, image, held_offline, partition.offline_replicas);
    if (image.leader == no_node || (image.leader == cluster.broker.config.node_id && held_offline)) {
      partition.error_code = wire(ErrorCode::leader_not_available);
      partition.leader_id = -1;
    }
  }
}

ErrorCode create_missing(BrokerState& broker, const std::vector<std::string>& names,
                         std::map<std::string, ErrorCode, std::less<>>& errors) {
  protocol::CreateTopicsRequest request;
  for (const std::string& name : names) {
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = -1;
    topic.replication_factor = -1;
  }
  constexpr Duration patience = std::chrono::seconds{5};
  request.timeout_ms = static_cast<std::int32_t>(to_ms(patience));
  const Instant deadline = runtime::deadline_in(broker.world, patience);
  const auto created = broker.controller_channel->ask(request, deadline);
  if (!created) return ErrorCode::leader_not_available;
  for (const auto& topic : created->topics) {
    const auto code = static_cast<ErrorCode>(topic.error_code);
    errors[topic.name] = code == ErrorCode::topic_already_exists ? ErrorCode::none : code;
  }
  // The controller knows of them before this broker does.
  const auto is_unknown = [&](const auto& one) {
    return one.second == ErrorCode::none && broker.image()->find(one.first) == nullptr;
  };
  while (std::ranges::any_of(errors, is_unknown)) {
    if (!broker.control_plane->loader->wait_until_published(broker.image()->end_offset + 1, deadline)) break;
  }
  return ErrorCode::none;
}

// Names of the request that are no topics yet and may become some.
std::vector<std::string> missing_names(const MetadataImage& image, const protocol::MetadataRequest& request) {
  std::vector<std::string> names;
  for (const auto& topic : *request.topics) {
    if (!topic.name || !topic.topic_id.is_zero() || image.find(*topic.name) != nullptr || raft::check_topic_name(*topic.name))
      continue;
    if (std::ranges::find(names, *topic.name) == names.end()) names.push_back(*topic.name);
  }
  return names;
}

void describe_wanted(RequestContext& context, const protocol::MetadataRequest& request, protocol::MetadataResponse& response) {
  BrokerState& broker = context.broker;
  std::map<std::string, ErrorCode, std::less<>> errors;
  const bool may_create = broker.config.auto_create_topics && request.allow_auto_topic_creation;
  const std::vector<std::string> missing = may_create ? missing_names(*broker.image(), request) : std::vector<std::string>{};
  ErrorCode creation = ErrorCode::none;
  if (!missing.empty()) {
    context.slot.release();  // the controller may be long in coming
    creation = create_missing(broker, missing, errors);
  }
  const Cluster cluster{broker, broker.image()};
  const MetadataImage& image = *cluster.image;
  for (const auto& wanted : *request.topics) {
    Answer& answer = response.topics.emplace_back();
    const bool by_id = !wanted.topic_id.is_zero();
    const MetadataImage::Topic topic = by_id ? image.find(wanted.topic_id) : image.find(wanted.name.value_or(""));
    if (topic != nullptr) {
      describe(cluster, *topic, answer);
      continue;
    }
    answer.name = wanted.name;
    answer.topic_id = wanted.topic_id;
    ErrorCode error = by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
    if (!by_id && raft::check_topic_name(wanted.name.value_or(""))) error = ErrorCode::invalid_topic_exception;
    if (const auto told = errors.find(wanted.name.value_or("")); told != errors.end() && told->second != ErrorCode::none) {
      error = told->second;
    }
    if (!by_id && creation != ErrorCode::none) error = ErrorCode::leader_not_available;
    answer.error_code = wire(error);
    broker.metrics.error(answer.error_code);
    constexpr std::int16_t first_with_null_names = 12;
    if (context.version < first_with_null_names && !answer.name) answer.name = "";
  }
}

void list_nodes(const MetadataImage& image, std::string_view listener, protocol::MetadataResponse& response) {
  for (const ClusterNode& known : cluster_nodes(image, listener)) {
    auto& node = response.brokers.emplace_back();
    node.node_id = known.id.value();
    node.host = known.endpoint->host;
    node.port = known.endpoint->port;
    node.rack = known.broker->rack;
  }
}

Disposition handle(RequestContext& context) {
  BrokerState& broker = context.broker;
  protocol::MetadataRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  protocol::MetadataResponse response;
  const ListenerState& listener = *context.connection.listener;
  response.cluster_id = broker.cluster_id;
  response.controller_id = broker.config.node_id.value();
  const bool all = !request.topics || (context.version == 0 && request.topics->empty());
  if (all) {
    const Cluster cluster{broker, broker.image()};
    for (const auto& [name, topic] : cluster.image->topics) describe(cluster, *topic, response.topics.emplace_back());
  } else {
    describe_wanted(context, request, response);
  }
  list_nodes(*broker.image(), listener.config.name, response);
  broker.world.charge(runtime::Cost::partition, response.topics.size());
  return context.answer(response);
}

}  // namespace

const ApiHandler metadata_handler{.key = 3, .min = 0, .max = 13, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
