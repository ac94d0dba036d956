// What the handlers share: finding a partition as a request names it, and the codes for what is wrong with it.
#pragma once

#include <cstdint>
#include <string_view>

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

// By id if `topic_id` is not zero, else by name. Besides "unknown": NOT_LEADER_OR_FOLLOWER if it is in the metadata but not
// here, KAFKA_STORAGE_ERROR if its directory has failed.
[[nodiscard]] FoundPartition find_partition(const BrokerState& broker, std::string_view topic, Uuid topic_id,
                                            std::int32_t index);

// KIP-320: what a client knows of the leader epoch must be what it is; -1 asks for no check.
[[nodiscard]] protocol::ErrorCode check_leader_epoch(const Partition& partition, std::int32_t current_leader_epoch);

}  // namespace squall::broker
