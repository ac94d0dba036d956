// The table of the APIs that this broker serves. Each has a file of its own, `NN_name.cc`, with its versions beside its
// handler; the ApiVersions answer is made from this table.
#pragma once

#include <cstdint>
#include <span>

#include "broker/request_context.h"

namespace squall::broker {

struct ApiHandler {
  std::int16_t key = 0;
  std::int16_t min = 0;
  std::int16_t max = 0;
  // What ApiVersions claims as the lowest version; differs from `min` for Produce alone (KAFKA-18659).
  std::int16_t advertised_min = 0;
  Disposition (*handle)(RequestContext& context) = nullptr;
};

extern const ApiHandler produce_handler;
extern const ApiHandler fetch_handler;
extern const ApiHandler list_offsets_handler;
extern const ApiHandler metadata_handler;
extern const ApiHandler api_versions_handler;
extern const ApiHandler create_topics_handler;
extern const ApiHandler delete_topics_handler;
extern const ApiHandler delete_records_handler;
extern const ApiHandler init_producer_id_handler;
extern const ApiHandler offset_for_leader_epoch_handler;
extern const ApiHandler describe_configs_handler;
extern const ApiHandler describe_log_dirs_handler;
extern const ApiHandler create_partitions_handler;
extern const ApiHandler incremental_alter_configs_handler;
extern const ApiHandler describe_cluster_handler;
extern const ApiHandler describe_topic_partitions_handler;

// By key, rising.
[[nodiscard]] std::span<const ApiHandler* const> api_handlers();
// Null if the API is not served.
[[nodiscard]] const ApiHandler* find_handler(std::int16_t key);

// An ApiVersions answer in version 0 with UNSUPPORTED_VERSION, for a version that is not known (KIP-511).
[[nodiscard]] Disposition answer_unsupported_api_versions(RequestContext& context);

}  // namespace squall::broker
