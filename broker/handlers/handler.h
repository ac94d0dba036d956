// The tables of the APIs that a node serves: one for the listeners of the broker role, one for those of the controller role.
// Each API has a handler with its versions beside it; the ApiVersions answer is made from the table.
#pragma once

#include <cstdint>
#include <span>

#include "broker/listener_kind.h"
#include "broker/request_context.h"

namespace squall::broker {

struct ApiHandler {
  std::int16_t key = 0;
  std::int16_t min = 0;
  std::int16_t max = 0;
  // What ApiVersions claims as the lowest version; differs from `min` for Produce alone (KAFKA-18659).
  std::int16_t advertised_min = 0;
  Disposition (*handle)(RequestContext& context) = nullptr;
  // Answers the request with one error for all that it asks; null if the API has no such answer.
  Disposition (*refuse)(RequestContext& context, protocol::ErrorCode code) = nullptr;
};

extern const ApiHandler produce_handler;
extern const ApiHandler fetch_handler;
extern const ApiHandler list_offsets_handler;
extern const ApiHandler metadata_handler;
extern const ApiHandler api_versions_handler;
extern const ApiHandler delete_records_handler;
extern const ApiHandler init_producer_id_handler;
extern const ApiHandler offset_for_leader_epoch_handler;
extern const ApiHandler describe_configs_handler;
extern const ApiHandler describe_log_dirs_handler;
extern const ApiHandler describe_cluster_handler;
extern const ApiHandler describe_topic_partitions_handler;

// By key, rising.
[[nodiscard]] std::span<const ApiHandler* const> api_handlers(ListenerKind kind);
// Null if the API is not served there.
[[nodiscard]] const ApiHandler* find_handler(ListenerKind kind, std::int16_t key);

// An ApiVersions answer in version 0 with UNSUPPORTED_VERSION, for a version that is not known (KIP-511).
[[nodiscard]] Disposition answer_unsupported_api_versions(RequestContext& context);

}  // namespace squall::broker
