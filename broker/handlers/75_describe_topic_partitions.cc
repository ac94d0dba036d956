// DescribeTopicPartitions: partitions of topics page by page (KIP-966), topics in the order of their names.
#include <algorithm>
#include <set>

#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/describe_topic_partitions.h"
#include "raft/controller/decision.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using Request = protocol::DescribeTopicPartitionsRequest;
using Response = protocol::DescribeTopicPartitionsResponse;

// Sorted names to describe, from the cursor on.
std::set<std::string> wanted_topics(const Request& request, const MetadataImage& image) {
  std::set<std::string> names;
  for (const auto& topic : request.topics) names.insert(topic.name);
  if (request.topics.empty()) {
    for (const auto& [name, topic] : image.topics) names.insert(name);
  }
  if (request.cursor) names.erase(names.begin(), names.lower_bound(request.cursor->topic_name));
  return names;
}

// Describes partitions from `first` on while `left` allows; the first one left out, or nothing.
std::optional<std::int32_t> describe(const TopicImage& topic, std::int32_t first, std::int64_t& left,
                                     Response::DescribeTopicPartitionsResponseTopic& answer) {
  answer.name = topic.name;
  answer.topic_id = topic.id;
  const auto count = static_cast<std::int32_t>(topic.partitions.size());
  for (std::int32_t i = std::max(first, 0); i < count; ++i, --left) {
    if (left <= 0) return i;
    const PartitionImage& image = topic.partitions[static_cast<std::size_t>(i)];
    auto& partition = answer.partitions.emplace_back();
    partition.partition_index = i;
    partition.leader_id = image.leader.value();
    partition.leader_epoch = image.leader_epoch.value();
    partition.replica_nodes = image.replicas.ids();
    partition.isr_nodes = image.in_sync_replicas.ids();
    partition.eligible_leader_replicas = image.eligible_leader_replicas.ids();
    partition.last_known_elr = image.last_known_leaders.ids();
  }
  return std::nullopt;
}

Disposition handle(RequestContext& context) {
  Request request;
  if (!context.decode_body(request)) return Disposition::close;
  const auto image = context.broker.image();
  Response response;
  std::int64_t left = std::min<std::int64_t>(std::max(request.response_partition_limit, 1),
                                             context.broker.config.integer("max.request.partition.size.limit"));
  for (const std::string& name : wanted_topics(request, *image)) {
    if (left <= 0) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = name;
      break;
    }
    auto& answer = response.topics.emplace_back();
    const MetadataImage::Topic topic = image->find(name);
    if (topic == nullptr) {
      answer.name = name;
      answer.error_code =
          wire(raft::check_topic_name(name) ? ErrorCode::invalid_topic_exception : ErrorCode::unknown_topic_or_partition);
      context.broker.metrics.error(answer.error_code);
      continue;
    }
    const bool resumed = request.cursor && request.cursor->topic_name == name;
    if (const auto next = describe(*topic, resumed ? request.cursor->partition_index : 0, left, answer)) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = name;
      response.next_cursor->partition_index = *next;
      break;
    }
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler describe_topic_partitions_handler{.key = 75, .min = 0, .max = 0, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
