// Which versions of each request both sides have.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "protocol/messages/add_raft_voter.h"
#include "protocol/messages/allocate_producer_ids.h"
#include "protocol/messages/alter_partition.h"
#include "protocol/messages/alter_partition_reassignments.h"
#include "protocol/messages/api_versions.h"
#include "protocol/messages/assign_replicas_to_dirs.h"
#include "protocol/messages/begin_quorum_epoch.h"
#include "protocol/messages/broker_heartbeat.h"
#include "protocol/messages/broker_registration.h"
#include "protocol/messages/controller_registration.h"
#include "protocol/messages/create_partitions.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_records.h"
#include "protocol/messages/delete_topics.h"
#include "protocol/messages/describe_cluster.h"
#include "protocol/messages/describe_configs.h"
#include "protocol/messages/describe_log_dirs.h"
#include "protocol/messages/describe_quorum.h"
#include "protocol/messages/elect_leaders.h"
#include "protocol/messages/end_quorum_epoch.h"
#include "protocol/messages/envelope.h"
#include "protocol/messages/fetch.h"
#include "protocol/messages/fetch_snapshot.h"
#include "protocol/messages/incremental_alter_configs.h"
#include "protocol/messages/init_producer_id.h"
#include "protocol/messages/list_offsets.h"
#include "protocol/messages/list_partition_reassignments.h"
#include "protocol/messages/metadata.h"
#include "protocol/messages/offset_for_leader_epoch.h"
#include "protocol/messages/produce.h"
#include "protocol/messages/remove_raft_voter.h"
#include "protocol/messages/unregister_broker.h"
#include "protocol/messages/update_features.h"
#include "protocol/messages/update_raft_voter.h"
#include "protocol/messages/vote.h"

namespace squall::client {

// The answer of a request, and the highest version that a client sends (what is newer is not stable).
template <class Request>
struct Api;

#define SQUALL_CLIENT_API(name)                                                       \
  template <>                                                                         \
  struct Api<protocol::name##Request> {                                               \
    using Response = protocol::name##Response;                                        \
    static constexpr std::int16_t version_max = protocol::name##Request::version_max; \
  };
SQUALL_CLIENT_API(AddRaftVoter)
SQUALL_CLIENT_API(AllocateProducerIds)
SQUALL_CLIENT_API(AlterPartition)
SQUALL_CLIENT_API(AlterPartitionReassignments)
SQUALL_CLIENT_API(ApiVersions)
SQUALL_CLIENT_API(AssignReplicasToDirs)
SQUALL_CLIENT_API(BeginQuorumEpoch)
SQUALL_CLIENT_API(BrokerHeartbeat)
SQUALL_CLIENT_API(BrokerRegistration)
SQUALL_CLIENT_API(ControllerRegistration)
SQUALL_CLIENT_API(CreatePartitions)
SQUALL_CLIENT_API(CreateTopics)
SQUALL_CLIENT_API(DeleteRecords)
SQUALL_CLIENT_API(DeleteTopics)
SQUALL_CLIENT_API(DescribeCluster)
SQUALL_CLIENT_API(DescribeConfigs)
SQUALL_CLIENT_API(DescribeLogDirs)
SQUALL_CLIENT_API(DescribeQuorum)
SQUALL_CLIENT_API(ElectLeaders)
SQUALL_CLIENT_API(EndQuorumEpoch)
SQUALL_CLIENT_API(Envelope)
SQUALL_CLIENT_API(Fetch)
SQUALL_CLIENT_API(FetchSnapshot)
SQUALL_CLIENT_API(IncrementalAlterConfigs)
SQUALL_CLIENT_API(ListOffsets)
SQUALL_CLIENT_API(ListPartitionReassignments)
SQUALL_CLIENT_API(Metadata)
SQUALL_CLIENT_API(OffsetForLeaderEpoch)
SQUALL_CLIENT_API(Produce)
SQUALL_CLIENT_API(RemoveRaftVoter)
SQUALL_CLIENT_API(UnregisterBroker)
SQUALL_CLIENT_API(UpdateFeatures)
SQUALL_CLIENT_API(UpdateRaftVoter)
SQUALL_CLIENT_API(Vote)
#undef SQUALL_CLIENT_API

template <>
struct Api<protocol::InitProducerIdRequest> {
  using Response = protocol::InitProducerIdResponse;
  static constexpr std::int16_t version_max = 5;
};

// What the peer said in its ApiVersions answer.
class ApiVersions {
 public:
  void set(std::int16_t key, std::int16_t low, std::int16_t high) {
    if (key >= 0 && static_cast<std::size_t>(key) < ranges_.size()) ranges_[static_cast<std::size_t>(key)] = {low, high};
  }

  // The highest version of a request that both sides have, at most `version_max`.
  template <class Request>
  [[nodiscard]] std::optional<std::int16_t> choose(std::int16_t version_max = INT16_MAX) const {
    const Range& peer = ranges_[static_cast<std::size_t>(Request::api_key)];
    const std::int16_t high = std::min({peer.high, Api<Request>::version_max, version_max});
    const std::int16_t low = std::max(peer.low, Request::version_min);
    if (high < low) return std::nullopt;
    return high;
  }

 private:
  struct Range {
    std::int16_t low = 0;
    std::int16_t high = -1;
  };
  static constexpr std::size_t keys_max = 128;
  std::array<Range, keys_max> ranges_{};
};

}  // namespace squall::client
