#include <algorithm>
#include <array>
#include <vector>

#include "broker/controller_handlers/controller_handlers.h"
#include "broker/forwarding.h"
#include "broker/handlers/handler.h"

namespace squall::broker {
namespace {

// What clients send to brokers, and the controller decides.
constexpr std::array<const ApiHandler*, 11> forwarded{
    &create_topics_handler,
    &delete_topics_handler,
    &create_partitions_handler,
    &elect_leaders_handler,
    &incremental_alter_configs_handler,
    &alter_partition_reassignments_handler,
    &list_partition_reassignments_handler,
    &update_features_handler,
    &unregister_broker_handler,
    &add_raft_voter_handler,
    &remove_raft_voter_handler,
};
// The same, of a kind of its own: the controller describes itself.
constexpr std::array<const ApiHandler*, 1> forwarded_reads{&describe_quorum_handler};

constexpr std::array<const ApiHandler*, 12> brokers_own{
    &produce_handler,          &fetch_handler,
    &list_offsets_handler,     &metadata_handler,
    &api_versions_handler,     &delete_records_handler,
    &init_producer_id_handler, &offset_for_leader_epoch_handler,
    &describe_configs_handler, &describe_log_dirs_handler,
    &describe_cluster_handler, &describe_topic_partitions_handler,
};

constexpr std::array<const ApiHandler*, 16> controllers_own{
    &api_versions_handler,
    &quorum_fetch_handler,
    &vote_handler,
    &begin_quorum_epoch_handler,
    &end_quorum_epoch_handler,
    &alter_partition_handler,
    &envelope_handler,
    &fetch_snapshot_handler,
    &describe_cluster_handler,
    &broker_registration_handler,
    &broker_heartbeat_handler,
    &allocate_producer_ids_handler,
    &controller_registration_handler,
    &assign_replicas_to_dirs_handler,
    &update_raft_voter_handler,
    &describe_configs_handler,
};

struct Tables {
  std::vector<ApiHandler> forwarders;
  std::vector<const ApiHandler*> broker;
  std::vector<const ApiHandler*> controller;

  Tables() : broker{brokers_own.begin(), brokers_own.end()}, controller{controllers_own.begin(), controllers_own.end()} {
    forwarders.reserve(forwarded.size() + forwarded_reads.size());
    const auto add = [this](const ApiHandler* handler) {
      controller.push_back(handler);
      ApiHandler& forwarder = forwarders.emplace_back(*handler);
      forwarder.handle = &forward_to_controller;
      broker.push_back(&forwarder);
    };
    std::ranges::for_each(forwarded, add);
    std::ranges::for_each(forwarded_reads, add);
    std::ranges::sort(broker, {}, &ApiHandler::key);
    std::ranges::sort(controller, {}, &ApiHandler::key);
  }
};

const Tables& tables() {
  static const Tables made;
  return made;
}

}  // namespace

std::span<const ApiHandler* const> api_handlers(ListenerKind kind) {
  return kind == ListenerKind::broker ? tables().broker : tables().controller;
}

std::span<const ApiHandler* const> controller_api_handlers() { return api_handlers(ListenerKind::controller); }

bool is_forwarded(std::int16_t key) {
  const auto has_key = [key](const ApiHandler* handler) { return handler->key == key; };
  return std::ranges::any_of(forwarded, has_key) || std::ranges::any_of(forwarded_reads, has_key);
}

const ApiHandler* find_handler(ListenerKind kind, std::int16_t key) {
  const auto handlers = api_handlers(kind);
  const auto found = std::ranges::lower_bound(handlers, key, {}, &ApiHandler::key);
  return found != handlers.end() && (*found)->key == key ? *found : nullptr;
}

}  // namespace squall::broker
