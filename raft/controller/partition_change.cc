#include "raft/controller/partition_change.h"

#include <algorithm>

#include "base/assert.h"
#include "raft/metadata/image_builder.h"

namespace squall::raft {
namespace {

using Nodes = PartitionChange::Nodes;

bool has(const Nodes& nodes, NodeId node) { return std::ranges::find(nodes, node) != nodes.end(); }
bool has(const std::vector<std::int32_t>& ids, NodeId node) { return std::ranges::find(ids, node.value()) != ids.end(); }
bool same(const Nodes& nodes, const NodeList& list) { return std::ranges::equal(nodes, list); }

std::vector<std::int32_t> ids(const Nodes& nodes) {
  std::vector<std::int32_t> numbers;
  for (const NodeId node : nodes) numbers.push_back(node.value());
  return numbers;
}

}  // namespace

Nodes nodes_of(const NodeList& list) { return {list.begin(), list.end()}; }

Nodes without(const NodeList& list, NodeId node) {
  Nodes nodes = nodes_of(list);
  std::erase(nodes, node);
  return nodes;
}

Uuid default_directory(const MetadataImage& image, NodeId broker) {
  const BrokerImage* registration = image.brokers.get(broker);
  const bool one = registration != nullptr && registration->log_dirs.size() == 1;
  return one ? registration->log_dirs.front() : Uuid{};
}

PartitionChange::PartitionChange(const MetadataImage& image, PartitionKey key, std::size_t min_isr)
    : image_{image},
      now_{*image.find(key)},
      key_{key},
      min_isr_{std::min(min_isr, now_.replicas.size())},
      version_{MetadataVersion::of(image)},
      elr_enabled_{elr_enabled(image)},
      isr_{nodes_of(now_.in_sync_replicas)},
      replicas_{nodes_of(now_.replicas)},
      adding_{nodes_of(now_.adding_replicas)},
      removing_{nodes_of(now_.removing_replicas)},
      eligible_{nodes_of(now_.eligible_leader_replicas)},
      recovery_{now_.recovery} {}

void PartitionChange::complete_reassignment() {
  if (adding_.empty() && removing_.empty()) return;
  Nodes staying = replicas_;
  std::erase_if(staying, [&](NodeId node) { return has(removing_, node); });
  if (staying.empty() || !std::ranges::all_of(staying, [&](NodeId node) { return has(isr_, node); })) return;
  std::erase_if(isr_, [&](NodeId node) { return has(removing_, node); });
  replicas_ = std::move(staying);
  adding_.clear();
  removing_.clear();
}

// Who leaves an ISR that is too small still has all that was committed: the leader may not commit without it (KIP-966).
void PartitionChange::populate_eligible() {
  if (!elr_enabled_) {
    eligible_.clear();
    return;
  }
  if (isr_.size() >= min_isr_) {
    eligible_.clear();
    return;
  }
  for (const NodeId node : now_.in_sync_replicas) {
    if (!has(eligible_, node)) eligible_.push_back(node);
  }
  std::erase_if(eligible_, [&](NodeId node) { return has(isr_, node) || node == unclean_shutdown_ || !has(replicas_, node); });
  std::ranges::sort(eligible_);
}

bool PartitionChange::can_serve(NodeId node) const {
  const BrokerImage* broker = image_.brokers.get(node);
  if (broker == nullptr || node == going_ || (node != coming_ && !broker->is_active())) return false;
  return broker->has_online(node == placed_ ? directory_ : now_.directory_of(node).value_or(Uuid{}));
}

bool PartitionChange::may_lead(NodeId node) const {
  return (has(isr_, node) || (isr_.empty() && has(eligible_, node))) && can_serve(node);
}

bool PartitionChange::may_elect_last_known() const {
  if (!elr_enabled_ || !eligible_.empty() || !isr_.empty()) return false;
  if (now_.last_known_leaders.size() != 1) return false;
  const NodeId last = now_.last_known_leaders.front();
  return has(replicas_, last) && can_serve(last);
}

PartitionChange::Elected PartitionChange::elected() const {
  if (election_ == Election::preferred && may_lead(replicas_.front())) return {replicas_.front(), false};
  if (may_lead(now_.leader)) return {now_.leader, false};
  const auto online = std::ranges::find_if(replicas_, [&](NodeId node) { return may_lead(node); });
  if (online != replicas_.end()) return {*online, false};
  if (may_elect_last_known()) return {now_.last_known_leaders.front(), true};
  if (election_ == Election::unclean) {
    const auto anybody = std::ranges::find_if(replicas_, [&](NodeId node) { return can_serve(node); });
    if (anybody != replicas_.end()) return {*anybody, true};
  }
  return {};
}

void PartitionChange::run_election(protocol::PartitionChangeRecord& record) {
  const Elected outcome = elected();
  if (outcome.leader == now_.leader) return;
  record.leader = outcome.leader.value();
  if (has(eligible_, outcome.leader)) {
    isr_ = {outcome.leader};
    std::erase(eligible_, outcome.leader);
  }
  if (!outcome.unclean) return;
  // Records may be lost. Whoever else thinks that it is in sync is not.
  isr_ = {outcome.leader};
  eligible_.clear();
  recovery_ = LeaderRecovery::recovering;
}

// A leader must not take an acknowledgement for one of another set of replicas: it gets a new epoch when a replica goes.
void PartitionChange::bump_epoch_if_needed(protocol::PartitionChangeRecord& record) const {
  if (record.leader != no_leader_change) return;
  const auto gone = [](const NodeList& before, const auto& after) {
    return std::ranges::any_of(before, [&](NodeId node) { return !has(after, node); });
  };
  const bool shrinks = record.isr && gone(now_.in_sync_replicas, *record.isr);
  if (gone(now_.replicas, replicas_) || (version_.bumps_epoch_on_shrink() && shrinks)) record.leader = now_.leader.value();
}

void PartitionChange::note_last_known_leader(protocol::PartitionChangeRecord& record) const {
  if (!elr_enabled_) {
    if (!now_.last_known_leaders.empty()) record.last_known_elr.emplace();
    return;
  }
  const bool led = record.leader >= 0 || (record.leader == no_leader_change && now_.leader != no_node);
  const bool becomes_empty = record.isr && record.isr->empty();
  if (becomes_empty && now_.leader != no_node) {
    record.last_known_elr = {now_.leader.value()};
  } else if (led && !now_.last_known_leaders.empty()) {
    record.last_known_elr.emplace();
  }
}

// Where each replica stands; of a new one that is known if its broker has one directory.
std::vector<Uuid> PartitionChange::directories() const {
  std::vector<Uuid> directories;
  for (const NodeId node : replicas_) {
    const auto kept = now_.directories.empty() ? std::nullopt : now_.directory_of(node);
    directories.push_back(node == placed_ ? directory_ : kept.value_or(default_directory(image_, node)));
  }
  return directories;
}

void PartitionChange::note_assignment(protocol::PartitionChangeRecord& record) const {
  const bool reassigned = !same(replicas_, now_.replicas);
  if (reassigned) record.replicas = ids(replicas_);
  if (version_.has_directories() && (reassigned || placed_ != no_node)) {
    auto places = directories();
    if (reassigned || places != now_.directories) record.directories = std::move(places);
  }
  if (!same(removing_, now_.removing_replicas)) record.removing_replicas = ids(removing_);
  if (!same(adding_, now_.adding_replicas)) record.adding_replicas = ids(adding_);
}

std::optional<protocol::PartitionChangeRecord> PartitionChange::build() {
  SQUALL_ASSERT(!replicas_.empty(), "a partition has replicas");
  protocol::PartitionChangeRecord record;
  record.topic_id = key_.topic;
  record.partition_id = key_.partition;
  complete_reassignment();
  populate_eligible();
  run_election(record);
  // Without ELR, the last member of an ISR stays in it although nobody leads: it alone has what was committed.
  const bool keeps_last = isr_.empty() && !elr_enabled_;
  if (!keeps_last && !same(isr_, now_.in_sync_replicas)) record.isr = ids(isr_);
  bump_epoch_if_needed(record);
  if (!same(eligible_, now_.eligible_leader_replicas)) record.eligible_leader_replicas = ids(eligible_);
  note_last_known_leader(record);
  note_assignment(record);
  if (recovery_ != now_.recovery) record.leader_recovery_state = static_cast<std::int8_t>(recovery_);
  protocol::PartitionChangeRecord nothing;
  nothing.topic_id = key_.topic;
  nothing.partition_id = key_.partition;
  if (record == nothing) return std::nullopt;
  return record;
}

}  // namespace squall::raft
