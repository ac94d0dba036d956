// What is served on the listeners of the controller role: the quorum's own requests, and what the controller decides.
//
// Those that clients send to brokers (`forwarded`) are handed on by the broker: directly if this node is the active controller,
// else in an Envelope (KIP-590).
#pragma once

#include <cstdint>
#include <span>

#include "broker/controller_channel.h"
#include "broker/handlers/handler.h"

namespace squall::broker {

// ---- decided.cc ----
extern const ApiHandler create_topics_handler;
extern const ApiHandler delete_topics_handler;
extern const ApiHandler create_partitions_handler;
extern const ApiHandler elect_leaders_handler;
extern const ApiHandler incremental_alter_configs_handler;
extern const ApiHandler alter_partition_reassignments_handler;
extern const ApiHandler list_partition_reassignments_handler;
extern const ApiHandler alter_partition_handler;
extern const ApiHandler assign_replicas_to_dirs_handler;
extern const ApiHandler update_features_handler;
extern const ApiHandler broker_registration_handler;
extern const ApiHandler broker_heartbeat_handler;
extern const ApiHandler unregister_broker_handler;
extern const ApiHandler allocate_producer_ids_handler;
extern const ApiHandler controller_registration_handler;
// ---- quorum.cc ----
extern const ApiHandler quorum_fetch_handler;
extern const ApiHandler vote_handler;
extern const ApiHandler begin_quorum_epoch_handler;
extern const ApiHandler end_quorum_epoch_handler;
extern const ApiHandler fetch_snapshot_handler;
extern const ApiHandler add_raft_voter_handler;
extern const ApiHandler remove_raft_voter_handler;
extern const ApiHandler update_raft_voter_handler;
// ---- the others ----
extern const ApiHandler describe_quorum_handler;
extern const ApiHandler envelope_handler;

// By key, rising.
[[nodiscard]] std::span<const ApiHandler* const> controller_api_handlers();
// Whether brokers hand the API on to the controller.
[[nodiscard]] bool is_forwarded(std::int16_t key);

// Serves a request that was handed on, header and body, if this node is the active controller; the answer begins with its
// header. May wait.
[[nodiscard]] ControllerResult<ByteBuffer> serve_forwarded(BrokerState& broker, const ConnectionInfo& connection,
                                                           MutableBytes frame);

}  // namespace squall::broker
