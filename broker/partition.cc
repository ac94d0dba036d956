#include "broker/partition.h"

#include <utility>

#include "base/assert.h"
#include "broker/partition_writing.h"

namespace squall::broker {

using protocol::ErrorCode;
using runtime::EventName;

Partition::Partition(runtime::World& world, log::TopicPartition name, Uuid topic_id, std::shared_ptr<log::Log> log,
                     const PartitionSetup& setup)
    : world_{world},
      name_{std::move(name)},
      topic_id_{topic_id},
      log_{std::move(log)},
      self_{setup.self},
      host_{setup.host},
      core_{setup.self, setup.replication},
      min_in_sync_{setup.replication.min_in_sync},
      settled_{world} {}

void Partition::fail() {
  if (std::exchange(failed_, true)) return;
  leads_ = alone_ = false;
  if (host_ != nullptr) host_->role_ends(*this);
  notify();
}

void Partition::remove() {
  removed_ = true;
  leads_ = alone_ = false;
  if (host_ != nullptr) host_->role_ends(*this);
  notify();
}

void Partition::notify() {
  watchers_.notify();
  replica_watchers_.notify();
  low_watermark_watchers_.notify();
}

void Partition::configure(const TopicConfig& config) {
  compression_ = config.compression;
  compression_level_ = config.compression_level;
  throttled_as_leader_ = config.throttled_leaders.contains(name_.partition, self_);
  const bool throttled = config.throttled_followers.contains(name_.partition, self_);
  const bool fetched_otherwise = std::exchange(throttled_as_follower_, throttled) != throttled;
  if (fetched_otherwise && core_.follower() != nullptr && host_ != nullptr) host_->role_begun(shared_from_this());
  const auto min_in_sync = static_cast<std::int32_t>(config.min_insync_replicas);
  if (std::exchange(min_in_sync_, min_in_sync) == min_in_sync) return;
  carry_out(core_.step(world_.now(), MinInSyncChanged{min_in_sync_}));
}

LocalLog Partition::local_log() const {
  return {.log_start = log_->log_start_offset(),
          .log_end = log_->log_end_offset(),
          .policy_end = log_->policy_end_offset(),
          .high_watermark = log_->high_watermark(),
          .latest_epoch = log_->latest_epoch()};
}

bool Partition::begins_anew(const PartitionRegistration& registration) const {
  const bool has_role = core_.leader() != nullptr || core_.follower() != nullptr;
  return !has_role || registration.leader_epoch > leader_epoch() || !contains(registration.replicas, self_);
}

RoleChange Partition::apply(const PartitionRegistration& registration, const Brokers& brokers) {
  RoleChange role = RoleChange::none;
  if (!online() || registration.partition_epoch < core_.partition_epoch()) return role;
  SQUALL_ASSERT(!changing_, "metadata is applied one after the other");
  if (!begins_anew(registration)) {
    take_over(registration, brokers, role);
    replica_watchers_.notify();
    if (host_ != nullptr && online()) host_->role_begun(shared_from_this());
    return role;
  }
  changing_ = true;
  leads_ = false;
  if (host_ != nullptr) host_->role_ends(*this);
  while (writers_ > 0) (void)settled_.wait();
  take_over(registration, brokers, role);
  changing_ = false;
  note_role();
  notify();
  if (host_ != nullptr && online()) host_->role_begun(shared_from_this());
  return role;
}

void Partition::take_over(const PartitionRegistration& registration, const Brokers& brokers, RoleChange& role) {
  // A leader without followers has told its core nothing since it began.
  if (alone_) carry_out(core_.leader()->step(world_.now(), LocalLogMoved{leader_epoch(), local_log()}));
  const std::size_t in_sync = core_.leader() == nullptr ? 0 : core_.leader()->in_sync().size();
  const bool led = core_.leader() != nullptr;
  PartitionEffects effects = core_.step(world_.now(), {registration, brokers, local_log()});
  if (led && core_.leader() == nullptr) ++leaderships_ended_;
  role = effects.role;
  if (effects.begin_epoch && !begin_epoch(*effects.begin_epoch)) return;
  if (led && core_.leader() != nullptr) tell_isr(in_sync);
  carry_out(effects.leader);
  if (!changing_) {
    note_role();
    return;
  }
  (void)carry_out(std::move(effects.follower), {});
}

// Durable when it returns. An epoch that the log knows was begun before the node was started again.
bool Partition::begin_epoch(const EpochBegin& begin) {
  if (log_->latest_epoch() >= begin.epoch) return true;
  if (!log_->assign_epoch_start(begin.epoch, begin.start)) {
    fail();
    return false;
  }
  world_.emit(EventName::leader_elected, {{"partition", log::directory_name(name_)},
                                          {"leader", self_.value()},
                                          {"epoch", begin.epoch.value()},
                                          {"topic_id", topic_id_.to_string()}});
  return true;
}

void Partition::note_role() {
  leads_ = !changing_ && online() && core_.leader() != nullptr;
  const PartitionRegistration& known = core_.registration();
  alone_ = leads_ && known.replicas.size() == 1 && known.in_sync.size() == 1;
}

void Partition::tell_isr(std::size_t before) const {
  const std::size_t after = core_.leader()->in_sync().size();
  if (after == before) return;
  world_.emit(after > before ? EventName::isr_expanded : EventName::isr_shrunk,
              {{"partition", log::directory_name(name_)},
               {"leader", self_.value()},
               {"epoch", leader_epoch().value()},
               {"in_sync", static_cast<std::int64_t>(after)}});
}

void Partition::brokers_changed(const Brokers& brokers) {
  if (LeaderState* leader = core_.leader()) carry_out(leader->step(world_.now(), BrokersChanged{brokers}));
}

}  // namespace squall::broker
