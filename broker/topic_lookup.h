// What the handlers share: finding a partition as a request names it, and the codes for what is wrong with it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/partition_table.h"
#include "log/log_error.h"
#include "protocol/error_code.h"

namespace squall::broker {

struct BrokerState;

[[nodiscard]] protocol::ErrorCode error_code_of(log::LogError error);

struct FoundPartition {
  PartitionRef partition;  // set only without an error; its log may be used
  protocol::ErrorCode error = protocol::ErrorCode::none;
};

// How a request names a topic: by name, or from version 13 of Produce and Fetch on by id, and then a zero id is one that is
// not known (KIP-516).
enum class TopicNaming : std::uint8_t { by_name, by_id };

// By `topic_id` or by `topic`, as `naming` says. Besides "unknown": NOT_LEADER_OR_FOLLOWER if it is in the metadata but not
// here, KAFKA_STORAGE_ERROR if its directory has failed.
[[nodiscard]] FoundPartition find_partition(const BrokerState& broker, TopicNaming naming, std::string_view topic,
                                            Uuid topic_id, std::int32_t index);

// KIP-320: what a client knows of the leader epoch must be what it is; -1 asks for no check.
[[nodiscard]] protocol::ErrorCode check_leader_epoch(const Partition& partition, std::int32_t current_leader_epoch);
// The same, then that this broker leads it: NOT_LEADER_OR_FOLLOWER.
[[nodiscard]] protocol::ErrorCode check_leads(const Partition& partition, std::int32_t current_leader_epoch);

// KIP-951: who has asked the wrong broker is told of the right one.
struct LeaderHint {
  NodeId leader = no_node;
  LeaderEpoch epoch = no_epoch;
};
[[nodiscard]] LeaderHint leader_hint(const BrokerState& broker, TopicNaming naming, std::string_view topic, Uuid topic_id,
                                     std::int32_t index);
// Where clients of `listener` reach the broker; null: nowhere.
[[nodiscard]] const BrokerEndpointImage* endpoint_of(const BrokerImage& broker, std::string_view listener);

// The end points of the leaders that `hinted` names, as a response lists them.
template <class NodeEndpoint>
void list_leaders(const MetadataImage& image, std::string_view listener, std::vector<NodeId> hinted,
                  std::vector<NodeEndpoint>& endpoints) {
  std::ranges::sort(hinted);
  hinted.erase(std::ranges::unique(hinted).begin(), hinted.end());
  for (const NodeId id : hinted) {
    const BrokerImage* broker = image.brokers.get(id);
    const BrokerEndpointImage* endpoint = broker == nullptr || broker->fenced ? nullptr : endpoint_of(*broker, listener);
    if (endpoint == nullptr) continue;
    auto& listed = endpoints.emplace_back();
    listed.node_id = id.value();
    listed.host = endpoint->host;
    listed.port = endpoint->port;
    listed.rack = broker->rack;
  }
}

}  // namespace squall::broker
