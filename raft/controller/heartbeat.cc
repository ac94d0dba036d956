// Heartbeats: fencing, unfencing, controlled shutdown.
//
// | is \ wants          | nothing                                   | fence | shut down                              |
// | ------------------- | ----------------------------------------- | ----- | -------------------------------------- |
// | fenced              | unfenced once its registration is replayed | stays | may stop now                           |
// | unfenced            | stays                                     | fence | if it leads: shutting down; else stop  |
// | shutting down       | may stop when it leads nothing and all active brokers have replayed that; else stays, and    |
// |                     | gives away what a controller that failed in between has left it                              |
//
// Who may stop is fenced with the same answer.
#include <algorithm>

#include "raft/controller/brokers.h"
#include "raft/controller/leadership.h"

namespace squall::raft {
namespace {

enum class Next { stays, fences, unfences, shuts_down, stops };

Next next_state(const DecisionContext& context, const Sessions& sessions, const BrokerImage& broker,
                const protocol::BrokerHeartbeatRequest& request) {
  if (broker.fenced) {
    if (request.want_shut_down) return Next::stops;
    // Who began to shut down comes back only as another incarnation.
    const bool may_serve = !request.want_fence && !broker.in_controlled_shutdown;
    return may_serve && request.current_metadata_offset >= broker.epoch ? Next::unfences : Next::stays;
  }
  const bool leads = context.image.index.any(PartitionRole::leads, broker.id);
  if (broker.in_controlled_shutdown) {
    if (leads) return Next::shuts_down;
    const auto known_by_all = sessions.lowest_active_offset(context.image);
    const auto needed = sessions.shutdown_offset(broker.id);
    const bool known = !known_by_all || (needed && *known_by_all >= *needed);
    return known ? Next::stops : Next::stays;
  }
  if (request.want_fence) return request.want_shut_down ? Next::stops : Next::fences;
  if (!request.want_shut_down) return Next::stays;
  return leads ? Next::shuts_down : Next::stops;
}

protocol::BrokerRegistrationChangeRecord change_of(const BrokerImage& broker) {
  protocol::BrokerRegistrationChangeRecord record;
  record.broker_id = broker.id.value();
  record.broker_epoch = broker.epoch;
  return record;
}

// Directories that failed hold no replica that could be in sync (KIP-858).
void take_offline(const DecisionContext& context, const BrokerImage& broker, const std::vector<Uuid>& offline,
                  Records& records) {
  std::vector<Uuid> online = broker.log_dirs;
  std::vector<Uuid> failed;
  for (const Uuid& directory : offline) {
    if (std::erase(online, directory) > 0) failed.push_back(directory);
  }
  if (failed.empty() || online.empty()) return;
  remove_from_in_sync(context, broker.id, failed, records);
  auto record = change_of(broker);
  record.log_dirs = std::move(online);
  records.emplace_back(std::move(record));
}

}  // namespace

Records fence(const DecisionContext& context, NodeId broker) {
  Records records;
  remove_from_in_sync(context, broker, records);
  auto record = change_of(*context.image.brokers.get(broker));
  record.fenced = 1;
  records.emplace_back(std::move(record));
  return records;
}

Decision<protocol::BrokerHeartbeatResponse> decide_heartbeat(const DecisionContext& context, const Sessions& sessions,
                                                             const protocol::BrokerHeartbeatRequest& request) {
  Decision<protocol::BrokerHeartbeatResponse> decision;
  decision.atomic = false;
  const NodeId id{request.broker_id};
  if (auto wrong = check_broker_epoch(context.image, id, request.broker_epoch)) {
    decision.response.error_code = protocol::to_wire(wrong->code);
    return decision;
  }
  const BrokerImage& broker = *context.image.brokers.get(id);
  const Next next = next_state(context, sessions, broker, request);
  bool fenced = broker.fenced;
  switch (next) {
    case Next::stays: take_offline(context, broker, request.offline_log_dirs, decision.records); break;
    case Next::fences:
    case Next::stops:
      if (!fenced) decision.records = fence(context, id);
      fenced = true;
      break;
    case Next::unfences: {
      auto record = change_of(broker);
      record.fenced = -1;
      decision.records.emplace_back(std::move(record));
      offer_leadership(context, id, decision.records);
      fenced = false;
      break;
    }
    case Next::shuts_down: {
      // Its leaderships move with it still alive: it serves until others have taken over.
      auto record = change_of(broker);
      record.in_controlled_shutdown = 1;
      decision.records.emplace_back(std::move(record));
      remove_from_in_sync(context, id, decision.records);
      break;
    }
  }
  decision.response.is_caught_up = request.current_metadata_offset >= broker.epoch;
  decision.response.is_fenced = fenced;
  decision.response.should_shut_down = next == Next::stops;
  return decision;
}

}  // namespace squall::raft
