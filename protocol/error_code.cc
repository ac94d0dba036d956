#include "protocol/error_code.h"

#include <array>

#include "base/assert.h"

namespace squall::protocol {
namespace {

struct Row {
  ErrorCode code;
  std::string_view name;
  std::string_view message;
  bool retriable = false;
};

// By code, the first being -1.
constexpr std::array rows = std::to_array<Row>({
    {ErrorCode::unknown_server_error, "UNKNOWN_SERVER_ERROR", "The server met an error that it did not expect."},
    {ErrorCode::none, "NONE", ""},
    {ErrorCode::offset_out_of_range, "OFFSET_OUT_OF_RANGE", "The offset is not within the range that the partition holds."},
    {ErrorCode::corrupt_message, "CORRUPT_MESSAGE",
     "The message fails its checksum, has an invalid size, or has a null key where the topic is compacted.", true},
    {ErrorCode::unknown_topic_or_partition, "UNKNOWN_TOPIC_OR_PARTITION", "This server does not host the topic and partition.",
     true},
    {ErrorCode::invalid_fetch_size, "INVALID_FETCH_SIZE", "The fetch size is invalid."},
    {ErrorCode::leader_not_available, "LEADER_NOT_AVAILABLE", "The partition has no leader: an election is under way.", true},
    {ErrorCode::not_leader_or_follower, "NOT_LEADER_OR_FOLLOWER",
     "For requests to the leader, this broker is not it; for any other, it is no replica of the partition.", true},
    {ErrorCode::request_timed_out, "REQUEST_TIMED_OUT", "The request timed out.", true},
    {ErrorCode::broker_not_available, "BROKER_NOT_AVAILABLE", "The broker is not available."},
    {ErrorCode::replica_not_available, "REPLICA_NOT_AVAILABLE", "The replica is not available on this broker.", true},
    {ErrorCode::message_too_large, "MESSAGE_TOO_LARGE", "The request holds a batch larger than the server accepts."},
    {ErrorCode::stale_controller_epoch, "STALE_CONTROLLER_EPOCH", "The controller has moved to another node."},
    {ErrorCode::offset_metadata_too_large, "OFFSET_METADATA_TOO_LARGE", "The metadata of the committed offset is too large."},
    {ErrorCode::network_exception, "NETWORK_EXCEPTION", "The server closed the connection before it answered.", true},
    {ErrorCode::coordinator_load_in_progress, "COORDINATOR_LOAD_IN_PROGRESS",
     "The coordinator is loading and cannot answer yet.", true},
    {ErrorCode::coordinator_not_available, "COORDINATOR_NOT_AVAILABLE", "The coordinator is not available.", true},
    {ErrorCode::not_coordinator, "NOT_COORDINATOR", "This broker is not the coordinator.", true},
    {ErrorCode::invalid_topic_exception, "INVALID_TOPIC_EXCEPTION",
     "The topic name is invalid, or operations on this topic are not allowed."},
    {ErrorCode::record_list_too_large, "RECORD_LIST_TOO_LARGE", "The request holds a list of records larger than a segment."},
    {ErrorCode::not_enough_replicas, "NOT_ENOUGH_REPLICAS",
     "Fewer replicas are in sync than the topic requires: nothing was written.", true},
    {ErrorCode::not_enough_replicas_after_append, "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
     "The records are in the log, but fewer replicas are in sync than the topic requires.", true},
    {ErrorCode::invalid_required_acks, "INVALID_REQUIRED_ACKS", "The required acknowledgements are neither -1, 0 nor 1."},
    {ErrorCode::illegal_generation, "ILLEGAL_GENERATION", "The generation is not the group's current one."},
    {ErrorCode::inconsistent_group_protocol, "INCONSISTENT_GROUP_PROTOCOL",
     "The protocol type or protocols of the member do not fit those of the group."},
    {ErrorCode::invalid_group_id, "INVALID_GROUP_ID", "The group id is invalid."},
    {ErrorCode::unknown_member_id, "UNKNOWN_MEMBER_ID", "The coordinator does not know this member."},
    {ErrorCode::invalid_session_timeout, "INVALID_SESSION_TIMEOUT",
     "The session timeout is outside the range that the broker allows."},
    {ErrorCode::rebalance_in_progress, "REBALANCE_IN_PROGRESS", "The group is rebalancing: the member must join again."},
    {ErrorCode::invalid_commit_offset_size, "INVALID_COMMIT_OFFSET_SIZE", "The committed offset is too large to be stored."},
    {ErrorCode::topic_authorization_failed, "TOPIC_AUTHORIZATION_FAILED", "Not authorized to access the topic."},
    {ErrorCode::group_authorization_failed, "GROUP_AUTHORIZATION_FAILED", "Not authorized to access the group."},
    {ErrorCode::cluster_authorization_failed, "CLUSTER_AUTHORIZATION_FAILED", "Not authorized to act on the cluster."},
    {ErrorCode::invalid_timestamp, "INVALID_TIMESTAMP", "The timestamp of the message is out of the accepted range."},
    {ErrorCode::unsupported_sasl_mechanism, "UNSUPPORTED_SASL_MECHANISM", "The broker does not support the SASL mechanism."},
    {ErrorCode::illegal_sasl_state, "ILLEGAL_SASL_STATE", "The request is not valid in the present SASL state."},
    {ErrorCode::unsupported_version, "UNSUPPORTED_VERSION", "The version of the API is not supported."},
    {ErrorCode::topic_already_exists, "TOPIC_ALREADY_EXISTS", "A topic of this name exists already."},
    {ErrorCode::invalid_partitions, "INVALID_PARTITIONS", "The number of partitions is invalid."},
    {ErrorCode::invalid_replication_factor, "INVALID_REPLICATION_FACTOR",
     "The replication factor is below 1 or above the number of available brokers."},
    {ErrorCode::invalid_replica_assignment, "INVALID_REPLICA_ASSIGNMENT", "The replica assignment is invalid."},
    {ErrorCode::invalid_config, "INVALID_CONFIG", "The configuration is invalid."},
    {ErrorCode::not_controller, "NOT_CONTROLLER", "This node is not the active controller.", true},
    {ErrorCode::invalid_request, "INVALID_REQUEST", "The request is malformed or contradicts itself."},
    {ErrorCode::unsupported_for_message_format, "UNSUPPORTED_FOR_MESSAGE_FORMAT",
     "The message format on the broker does not support the request."},
    {ErrorCode::policy_violation, "POLICY_VIOLATION", "The request violates the configured policy."},
    {ErrorCode::out_of_order_sequence_number, "OUT_OF_ORDER_SEQUENCE_NUMBER",
     "The broker received a sequence number that does not follow the last one."},
    {ErrorCode::duplicate_sequence_number, "DUPLICATE_SEQUENCE_NUMBER",
     "The broker received a sequence number that it has already."},
    {ErrorCode::invalid_producer_epoch, "INVALID_PRODUCER_EPOCH", "The producer used an old epoch."},
    {ErrorCode::invalid_txn_state, "INVALID_TXN_STATE", "The operation is not valid in the present state of the transaction."},
    {ErrorCode::invalid_producer_id_mapping, "INVALID_PRODUCER_ID_MAPPING",
     "The producer id is not the one that belongs to the transactional id."},
    {ErrorCode::invalid_transaction_timeout, "INVALID_TRANSACTION_TIMEOUT",
     "The transaction timeout is larger than the broker's transaction.max.timeout.ms."},
    {ErrorCode::concurrent_transactions, "CONCURRENT_TRANSACTIONS",
     "The producer changed a transaction while another change to it was under way.", true},
    {ErrorCode::transaction_coordinator_fenced, "TRANSACTION_COORDINATOR_FENCED",
     "The transaction coordinator that sent the marker is no longer the current one."},
    {ErrorCode::transactional_id_authorization_failed, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
     "Not authorized to use the transactional id."},
    {ErrorCode::security_disabled, "SECURITY_DISABLED", "Security features are disabled."},
    {ErrorCode::operation_not_attempted, "OPERATION_NOT_ATTEMPTED",
     "The operation was not tried: another one of the same request failed."},
    {ErrorCode::kafka_storage_error, "KAFKA_STORAGE_ERROR", "The broker could not access its log directory.", true},
    {ErrorCode::log_dir_not_found, "LOG_DIR_NOT_FOUND", "The log directory is not in the broker's configuration."},
    {ErrorCode::sasl_authentication_failed, "SASL_AUTHENTICATION_FAILED", "SASL authentication failed."},
    {ErrorCode::unknown_producer_id, "UNKNOWN_PRODUCER_ID", "The broker has no metadata for the producer id."},
    {ErrorCode::reassignment_in_progress, "REASSIGNMENT_IN_PROGRESS", "A reassignment of the partition is under way."},
    {ErrorCode::delegation_token_auth_disabled, "DELEGATION_TOKEN_AUTH_DISABLED", "Delegation tokens are not enabled."},
    {ErrorCode::delegation_token_not_found, "DELEGATION_TOKEN_NOT_FOUND", "The server has no such delegation token."},
    {ErrorCode::delegation_token_owner_mismatch, "DELEGATION_TOKEN_OWNER_MISMATCH",
     "The principal is neither the owner nor a renewer of the token."},
    {ErrorCode::delegation_token_request_not_allowed, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
     "Delegation token requests are not allowed on this connection."},
    {ErrorCode::delegation_token_authorization_failed, "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
     "Not authorized to access the delegation token."},
    {ErrorCode::delegation_token_expired, "DELEGATION_TOKEN_EXPIRED", "The delegation token has expired."},
    {ErrorCode::invalid_principal_type, "INVALID_PRINCIPAL_TYPE", "The type of the principal is not supported."},
    {ErrorCode::non_empty_group, "NON_EMPTY_GROUP", "The group is not empty."},
    {ErrorCode::group_id_not_found, "GROUP_ID_NOT_FOUND", "There is no such group."},
    {ErrorCode::fetch_session_id_not_found, "FETCH_SESSION_ID_NOT_FOUND", "The broker has no such fetch session.", true},
    {ErrorCode::invalid_fetch_session_epoch, "INVALID_FETCH_SESSION_EPOCH",
     "The epoch of the fetch session is not the expected one.", true},
    {ErrorCode::listener_not_found, "LISTENER_NOT_FOUND",
     "The leader has no listener of the name that the metadata request came in on.", true},
    {ErrorCode::topic_deletion_disabled, "TOPIC_DELETION_DISABLED", "Deleting topics is disabled."},
    {ErrorCode::fenced_leader_epoch, "FENCED_LEADER_EPOCH", "The leader epoch in the request is older than the broker's.",
     true},
    {ErrorCode::unknown_leader_epoch, "UNKNOWN_LEADER_EPOCH", "The leader epoch in the request is newer than the broker's.",
     true},
    {ErrorCode::unsupported_compression_type, "UNSUPPORTED_COMPRESSION_TYPE",
     "The client does not support the compression of the records."},
    {ErrorCode::stale_broker_epoch, "STALE_BROKER_EPOCH", "The broker epoch has changed."},
    {ErrorCode::offset_not_available, "OFFSET_NOT_AVAILABLE",
     "The leader's high watermark has not caught up since its election.", true},
    {ErrorCode::member_id_required, "MEMBER_ID_REQUIRED", "The member must join again with the id that it has been given."},
    {ErrorCode::preferred_leader_not_available, "PREFERRED_LEADER_NOT_AVAILABLE", "The preferred leader is not available.",
     true},
    {ErrorCode::group_max_size_reached, "GROUP_MAX_SIZE_REACHED", "The group has as many members as it may."},
    {ErrorCode::fenced_instance_id, "FENCED_INSTANCE_ID", "Another member has registered with the same group instance id."},
    {ErrorCode::eligible_leaders_not_available, "ELIGIBLE_LEADERS_NOT_AVAILABLE", "No eligible leader is available.", true},
    {ErrorCode::election_not_needed, "ELECTION_NOT_NEEDED", "The partition needs no election.", true},
    {ErrorCode::no_reassignment_in_progress, "NO_REASSIGNMENT_IN_PROGRESS", "No reassignment is under way."},
    {ErrorCode::group_subscribed_to_topic, "GROUP_SUBSCRIBED_TO_TOPIC",
     "The group is subscribed to the topic, so its offsets cannot be deleted."},
    {ErrorCode::invalid_record, "INVALID_RECORD", "A record failed the broker's validation."},
    {ErrorCode::unstable_offset_commit, "UNSTABLE_OFFSET_COMMIT", "There are unstable offsets that need to be cleared.", true},
    {ErrorCode::throttling_quota_exceeded, "THROTTLING_QUOTA_EXCEEDED", "The throttling quota is exceeded.", true},
    {ErrorCode::producer_fenced, "PRODUCER_FENCED", "A newer producer with the same transactional id has fenced this one."},
    {ErrorCode::resource_not_found, "RESOURCE_NOT_FOUND", "The request names a resource that does not exist."},
    {ErrorCode::duplicate_resource, "DUPLICATE_RESOURCE", "The request names a resource twice."},
    {ErrorCode::unacceptable_credential, "UNACCEPTABLE_CREDENTIAL", "The credential does not meet the requirements."},
    {ErrorCode::inconsistent_voter_set, "INCONSISTENT_VOTER_SET", "The sender or the receiver is not among the voters."},
    {ErrorCode::invalid_update_version, "INVALID_UPDATE_VERSION", "The version of the update is invalid."},
    {ErrorCode::feature_update_failed, "FEATURE_UPDATE_FAILED", "The finalized features could not be updated."},
    {ErrorCode::principal_deserialization_failure, "PRINCIPAL_DESERIALIZATION_FAILURE",
     "The principal of the forwarded request could not be read."},
    {ErrorCode::snapshot_not_found, "SNAPSHOT_NOT_FOUND", "The snapshot was not found."},
    {ErrorCode::position_out_of_range, "POSITION_OUT_OF_RANGE", "The position is not within the snapshot."},
    {ErrorCode::unknown_topic_id, "UNKNOWN_TOPIC_ID", "This server does not host the topic id.", true},
    {ErrorCode::duplicate_broker_registration, "DUPLICATE_BROKER_REGISTRATION", "The broker id is in use by another broker."},
    {ErrorCode::broker_id_not_registered, "BROKER_ID_NOT_REGISTERED", "The broker id is not registered."},
    {ErrorCode::inconsistent_topic_id, "INCONSISTENT_TOPIC_ID", "The topic id in the log is not the one in the request.", true},
    {ErrorCode::inconsistent_cluster_id, "INCONSISTENT_CLUSTER_ID",
     "The cluster id in the request is not that of this cluster."},
    {ErrorCode::transactional_id_not_found, "TRANSACTIONAL_ID_NOT_FOUND", "There is no such transactional id."},
    {ErrorCode::fetch_session_topic_id_error, "FETCH_SESSION_TOPIC_ID_ERROR",
     "The fetch session met an inconsistent use of topic ids.", true},
    {ErrorCode::ineligible_replica, "INELIGIBLE_REPLICA", "The new in-sync set holds a replica that is not eligible."},
    {ErrorCode::new_leader_elected, "NEW_LEADER_ELECTED",
     "The change of the partition was accepted, and a new leader elected with it."},
    {ErrorCode::offset_moved_to_tiered_storage, "OFFSET_MOVED_TO_TIERED_STORAGE", "The offset has moved to tiered storage."},
    {ErrorCode::fenced_member_epoch, "FENCED_MEMBER_EPOCH",
     "The coordinator fenced the member epoch: the member must give up its partitions and join again."},
    {ErrorCode::unreleased_instance_id, "UNRELEASED_INSTANCE_ID",
     "The instance id is still in use by another member, which must leave first."},
    {ErrorCode::unsupported_assignor, "UNSUPPORTED_ASSIGNOR", "The group does not support the assignor."},
    {ErrorCode::stale_member_epoch, "STALE_MEMBER_EPOCH", "The member epoch is stale: retry with the newer one."},
    {ErrorCode::mismatched_endpoint_type, "MISMATCHED_ENDPOINT_TYPE", "The request was sent to an endpoint of the wrong type."},
    {ErrorCode::unsupported_endpoint_type, "UNSUPPORTED_ENDPOINT_TYPE", "The type of the endpoint is not supported yet."},
    {ErrorCode::unknown_controller_id, "UNKNOWN_CONTROLLER_ID", "The controller id is not known."},
    {ErrorCode::unknown_subscription_id, "UNKNOWN_SUBSCRIPTION_ID", "The telemetry subscription id is invalid or outdated."},
    {ErrorCode::telemetry_too_large, "TELEMETRY_TOO_LARGE", "The pushed telemetry is larger than the broker accepts."},
    {ErrorCode::invalid_registration, "INVALID_REGISTRATION", "The controller considers the broker's registration invalid."},
    {ErrorCode::transaction_abortable, "TRANSACTION_ABORTABLE", "The transaction must be aborted; the producer may go on."},
    {ErrorCode::invalid_record_state, "INVALID_RECORD_STATE", "The state of the record does not allow the acknowledgement."},
    {ErrorCode::share_session_not_found, "SHARE_SESSION_NOT_FOUND", "The broker has no such share session.", true},
    {ErrorCode::invalid_share_session_epoch, "INVALID_SHARE_SESSION_EPOCH",
     "The epoch of the share session is not the expected one.", true},
    {ErrorCode::fenced_state_epoch, "FENCED_STATE_EPOCH", "The share-group state epoch is stale."},
    {ErrorCode::invalid_voter_key, "INVALID_VOTER_KEY", "The voter key is not that of the receiving replica."},
    {ErrorCode::duplicate_voter, "DUPLICATE_VOTER", "The voter is in the voter set already."},
    {ErrorCode::voter_not_found, "VOTER_NOT_FOUND", "The voter is not in the voter set."},
    {ErrorCode::invalid_regular_expression, "INVALID_REGULAR_EXPRESSION", "The regular expression is invalid."},
    {ErrorCode::rebootstrap_required, "REBOOTSTRAP_REQUIRED",
     "The client's metadata is stale: it must start again from its bootstrap servers."},
    {ErrorCode::streams_invalid_topology, "STREAMS_INVALID_TOPOLOGY", "The topology is invalid."},
    {ErrorCode::streams_invalid_topology_epoch, "STREAMS_INVALID_TOPOLOGY_EPOCH", "The topology epoch is invalid."},
    {ErrorCode::streams_topology_fenced, "STREAMS_TOPOLOGY_FENCED", "The topology epoch is outdated."},
    {ErrorCode::share_session_limit_reached, "SHARE_SESSION_LIMIT_REACHED", "The broker has as many share sessions as it may.",
     true},
});

constexpr bool in_order() {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (to_wire(rows[i].code) != static_cast<int>(i) - 1) return false;
  }
  return to_wire(rows.back().code) == error_code_max;
}
static_assert(in_order());

const Row& row(ErrorCode code) {
  const std::int16_t wire = to_wire(code);
  SQUALL_ASSERT(wire >= -1 && wire <= error_code_max, "an error code is one of Kafka's");
  return rows[static_cast<std::size_t>(wire + 1)];
}

}  // namespace

ErrorCode error_from_wire(std::int16_t code) {
  if (code < -1 || code > error_code_max) return ErrorCode::unknown_server_error;
  return static_cast<ErrorCode>(code);
}

std::string_view to_string(ErrorCode code) { return row(code).name; }

std::string_view message(ErrorCode code) { return row(code).message; }

bool is_retriable(ErrorCode code) { return row(code).retriable; }

}  // namespace squall::protocol
