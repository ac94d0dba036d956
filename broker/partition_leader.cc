// A partition that this broker leads: appends, fetches of followers, and the ISR.
#include <algorithm>

#include "base/assert.h"
#include "broker/partition.h"
#include "broker/partition_writing.h"
#include "broker/topic_lookup.h"

namespace squall::broker {

using protocol::ErrorCode;

Offset Partition::epoch_start() const { return core_.leader() == nullptr ? no_offset : core_.leader()->epoch_start(); }

ErrorCode Partition::admit_produce(std::int16_t acks) const {
  if (!leads_) return ErrorCode::not_leader_or_follower;
  return alone_ ? ErrorCode::none : core_.leader()->admit_produce(acks);
}

std::expected<log::AppendInfo, log::AppendError> Partition::append(MutableBytes batches) {
  SQUALL_ASSERT(leads_, "only a leader takes what clients produce");
  const Writing writing{*this};
  const Offset stable = log_->last_stable_offset();
  auto appended = log_->append(batches, leader_epoch(), log::AppendOrigin::client);
  if (log_->last_stable_offset() != stable) watchers_.notify();  // a transaction has ended
  log_moved();
  return appended;
}

// A change of role waits for the writer that calls this, so the core has the role in which the log was moved.
void Partition::log_moved() {
  if (alone_) {
    const Offset before = log_->high_watermark();
    const Offset after = log_->update_high_watermark(log_->policy_end_offset());
    if (after > before) watchers_.notify();
    return;
  }
  carry_out(core_.leader()->step(world_.now(), LocalLogMoved{leader_epoch(), local_log()}));
  replica_watchers_.notify();
}

void Partition::carry_out(const LeaderEffects& effects) {
  if (effects.high_watermark) {
    (void)log_->update_high_watermark(*effects.high_watermark);
    watchers_.notify();
    if (core_.leader()->owes_high_watermarks()) {
      replica_watchers_.notify();
    } else {
      replica_watchers_.note();
    }
  }
  if (effects.ask && host_ != nullptr) host_->ask_controller(*this, *effects.ask);
}

std::optional<ErrorCode> Partition::outcome(std::uint64_t leadership, Offset end) const {
  if (leadership != leaderships_ended_ || !online()) return ErrorCode::request_timed_out;
  const LeaderState* leader = core_.leader();
  if (!alone_ && leader != nullptr) return leader->outcome(end);
  return high_watermark() < end ? std::nullopt : std::optional{ErrorCode::none};
}

std::expected<void, ErrorCode> Partition::delete_records_before(Offset offset) {
  if (!leads_) return std::unexpected(ErrorCode::not_leader_or_follower);
  const Writing writing{*this};
  if (const auto done = log_->delete_records_before(offset); !done) return std::unexpected(error_code_of(done.error()));
  log_moved();
  notify();
  return {};
}

Offset Partition::low_watermark() const {
  return alone_ || core_.leader() == nullptr ? log_->log_start_offset() : core_.leader()->low_watermark();
}

ErrorCode Partition::admit_fetch(NodeId replica, LeaderEpoch leader_epoch, BrokerEpoch broker_epoch) const {
  if (!leads_) return ErrorCode::not_leader_or_follower;
  return core_.leader()->admit_fetch(replica, leader_epoch, broker_epoch);
}

ErrorCode Partition::replica_fetched(LeaderEpoch leader_epoch, NodeId replica, const FollowerFetch& fetch) {
  if (!leads_) return ErrorCode::not_leader_or_follower;
  const LeaderEffects effects = core_.leader()->step(world_.now(), ReplicaFetched{leader_epoch, replica, fetch});
  carry_out(effects);
  if (effects.error == ErrorCode::none) low_watermark_watchers_.notify();
  return effects.error;
}

void Partition::alter_answered(const AlterPartitionAnswered& answer) {
  LeaderState* leader = core_.leader();
  // While the role changes, what was asked for in the old one is of no use any more: metadata has decided otherwise.
  if (leader == nullptr || !online() || changing_) return;
  const std::size_t before = leader->in_sync().size();
  const LeaderEffects effects = leader->step(world_.now(), answer);
  tell_isr(before);
  carry_out(effects);
  watchers_.notify();          // whether acks=all holds may have changed
  replica_watchers_.notify();  // and who is in sync
}

void Partition::check_isr(std::span<const FollowerRound> rounds) {
  if (leads_ && !alone_) carry_out(core_.leader()->step(world_.now(), IsrCheck{rounds}));
}

void Partition::tick() {
  if (leads_) carry_out(core_.leader()->step(world_.now(), Tick{}));
}

}  // namespace squall::broker
