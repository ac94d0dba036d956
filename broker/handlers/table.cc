#include <array>

#include "broker/handlers/handler.h"

namespace squall::broker {
namespace {

constexpr std::array<const ApiHandler*, 16> handlers{
    &produce_handler,           &fetch_handler,
    &list_offsets_handler,      &metadata_handler,
    &api_versions_handler,      &create_topics_handler,
    &delete_topics_handler,     &delete_records_handler,
    &init_producer_id_handler,  &offset_for_leader_epoch_handler,
    &describe_configs_handler,  &describe_log_dirs_handler,
    &create_partitions_handler, &incremental_alter_configs_handler,
    &describe_cluster_handler,  &describe_topic_partitions_handler,
};

}  // namespace

std::span<const ApiHandler* const> api_handlers() { return handlers; }

const ApiHandler* find_handler(std::int16_t key) {
  for (const ApiHandler* handler : handlers) {
    if (handler->key == key) return handler;
  }
  return nullptr;
}

}  // namespace squall::broker
