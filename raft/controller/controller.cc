#include "raft/controller/controller.h"

#include <algorithm>

#include "base/assert.h"
#include "raft/metadata/image_builder.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {

Controller::Controller(ControllerSettings settings, const ConfigSchema& schema, Records bootstrap, Random random)
    : settings_{std::move(settings)},
      schema_{schema},
      bootstrap_{std::move(bootstrap)},
      random_{random},
      image_{std::make_shared<const MetadataImage>()},
      committed_{image_},
      sessions_{settings_.session_timeout} {}

Controller::Image Controller::published_image() const {
  return committed_->before_transaction != nullptr ? committed_->before_transaction : committed_;
}

Records Controller::become_active(LeaderEpoch epoch, Instant now) {
  SQUALL_ASSERT(!is_active(), "a controller becomes active once in an epoch");
  epoch_ = epoch;
  const BrokerImage* own = settings_.own_broker ? image_->brokers.get(settings_.node_id) : nullptr;
  const bool own_is_gone = own != nullptr && own->incarnation != *settings_.own_broker;
  sessions_.begin(*image_, now, own_is_gone ? settings_.node_id : no_node);
  // A broker that is silent is found within an eighth of its session; one that is gone, at once.
  schedule(Task::fence_stale, own_is_gone ? now : now + settings_.session_timeout / 8);
  schedule(Task::find_leaders, now);
  if (settings_.no_op_interval) schedule(Task::no_op, now + *settings_.no_op_interval);
  if (settings_.auto_leader_rebalance) schedule(Task::balance, now + settings_.leader_imbalance_check_interval);
  Records records = activation_records(context(), bootstrap_);
  awaited_records_ = records.size();
  return records;
}

void Controller::resign() {
  SQUALL_ASSERT(is_active(), "only the active controller resigns");
  epoch_.reset();
  image_ = committed_;
  uncommitted_.clear();
  sessions_.clear();
  due_.clear();
  touched_.clear();
  awaited_records_ = 0;
  kraft_version_.reset();
}

bool Controller::replay(std::span<const protocol::MetadataRecord> records, Offset base) {
  SQUALL_ASSERT(base >= image_->end_offset, "records come in the order of the log");
  SQUALL_ASSERT(!is_active() || awaited_records_ == records.size(), "what was decided is replayed whole");
  awaited_records_ = 0;
  ImageBuilder builder{*image_};
  Offset offset = base;
  for (const protocol::MetadataRecord& record : records) {
    if (!builder.replay(record, offset)) return false;
    ++offset;
  }
  touched_ = builder.touched_partitions();
  Image next = builder.finish(offset);
  check_epochs(*image_, *next);
  image_ = std::move(next);
  if (is_active()) {
    uncommitted_.push_back({offset, image_});
    note_soft_state(records, offset);
  } else {
    committed_ = image_;
  }
  check_invariants();
  return true;
}

void Controller::forget_decision() {
  SQUALL_ASSERT(is_active(), "only the active controller decides");
  awaited_records_ = 0;
  kraft_version_.reset();
}

void Controller::committed(Offset high_watermark) {
  while (!uncommitted_.empty() && uncommitted_.front().end <= high_watermark) {
    committed_ = std::move(uncommitted_.front().image);
    uncommitted_.pop_front();
  }
}

void Controller::load_snapshot(Image image) {
  SQUALL_ASSERT(!is_active(), "the active controller has all of the log");
  SQUALL_ASSERT(image != nullptr && image->end_offset >= image_->end_offset, "a snapshot never leads back");
  touched_.clear();
  image_ = std::move(image);
  committed_ = image_;
}

void Controller::note_soft_state(std::span<const protocol::MetadataRecord> records, Offset end) {
  for (const protocol::MetadataRecord& record : records) {
    if (const auto* change = std::get_if<protocol::BrokerRegistrationChangeRecord>(&record)) {
      // Who has replayed the last of these records knows of the new leaders.
      if (change->in_controlled_shutdown == 1) sessions_.shuts_down(NodeId{change->broker_id}, end - 1);
    } else if (const auto* gone = std::get_if<protocol::UnregisterBrokerRecord>(&record)) {
      sessions_.forget(NodeId{gone->broker_id});
    }
  }
}

void Controller::check_epochs(const MetadataImage& before, const MetadataImage& after) const {
  // An aborted transaction goes back to what was before it.
  if (before.before_transaction != nullptr) return;
  for (const PartitionKey& key : touched_) {
    const PartitionImage* was = before.find(key);
    const PartitionImage* is = after.find(key);
    if (was == nullptr || is == nullptr) continue;
    SQUALL_ASSERT(is->leader_epoch >= was->leader_epoch, "leader epochs never go back");
    SQUALL_ASSERT(is->partition_epoch >= was->partition_epoch, "partition epochs never go back");
  }
}

void Controller::check_invariants() const {
  SQUALL_ASSERT(committed_->end_offset <= image_->end_offset, "what is committed was replayed");
  SQUALL_ASSERT(is_active() || uncommitted_.empty(), "a standby has nothing that is not committed");
  for (const PartitionKey& key : touched_) {
    const PartitionImage* partition = image_->find(key);
    SQUALL_ASSERT(partition == nullptr || !wrong_with(*partition), "a partition is well formed");
  }
  // Between the batches of one transaction a broker may be fenced with its leaderships still to move.
  if (image_->before_transaction != nullptr) return;
  for (const auto& [id, broker] : image_->brokers) {
    SQUALL_ASSERT(!broker.fenced || !image_->index.any(PartitionRole::leads, id), "no fenced broker leads");
  }
}

Instant Controller::next_deadline() const {
  Instant next = end_of_time;
  for (const auto& [task, at] : due_) next = std::min(next, at);
  return next;
}

Records Controller::fence_stale(Instant now) {
  // One at a time: the next decision is taken from what this one leads to (KAFKA-13173).
  const auto stale = sessions_.stale(*image_, now);
  schedule(Task::fence_stale, stale ? now : now + settings_.session_timeout / 8);
  return stale ? fence(context(), *stale) : Records{};
}

Records Controller::elections(Task task, Instant now) {
  const bool balance = task == Task::balance;
  auto held = balance ? balance_leaders(context(), settings_.elections_per_pass_max)
                      : find_leaders(context(), settings_.elections_per_pass_max);
  const Duration interval = balance ? settings_.leader_imbalance_check_interval : settings_.unclean_election_interval;
  schedule(task, held.more ? now : now + interval);
  return std::move(held.records);
}

Records Controller::tick(Instant now) {
  SQUALL_ASSERT(awaited_records_ == 0, "what was decided is replayed before anything else");
  Records records;
  for (const Task task : {Task::fence_stale, Task::find_leaders, Task::balance, Task::no_op}) {
    const auto at = due_.find(task);
    if (at == due_.end() || at->second > now) continue;
    switch (task) {
      case Task::fence_stale: records = fence_stale(now); break;
      case Task::find_leaders:
      case Task::balance: records = elections(task, now); break;
      case Task::no_op: records.emplace_back(protocol::NoOpRecord{}); break;
    }
    if (!records.empty()) break;
  }
  // Anything logged shows followers and brokers that there is a leader: no need for a record that says nothing.
  if (!records.empty() && settings_.no_op_interval) schedule(Task::no_op, now + *settings_.no_op_interval);
  awaited_records_ = records.size();
  return records;
}

}  // namespace squall::raft
