// A partition that this broker follows: what its core wants of the log is done here, one order at a time.
#include "base/assert.h"
#include "broker/partition.h"
#include "broker/partition_writing.h"
#include "protocol/record_batch.h"

namespace squall::broker {

namespace {

// What failed with the log itself ends the following; what failed with the records is tried again.
OrderFailure failure_of(log::LogError error) {
  const bool storage = error == log::LogError::storage_error || error == log::LogError::no_space;
  return storage ? OrderFailure::storage : OrderFailure::corrupt;
}

std::expected<void, log::LogError> done_or_error(const std::expected<Offset, log::LogError>& truncated) {
  if (!truncated) return std::unexpected(truncated.error());
  return {};
}

}  // namespace

std::optional<FollowerPosition> Partition::position() const {
  if (changing_ || !online() || core_.follower() == nullptr) return std::nullopt;
  return core_.follower()->position();
}

NodeId Partition::fetches_from() const { return core_.follower() == nullptr ? no_node : core_.follower()->leader(); }

std::optional<FetchTag> Partition::fetch_answered(FetchAnswered answer, MutableBytes records) {
  if (changing_ || !online() || core_.follower() == nullptr) return std::nullopt;
  const Writing writing{*this};
  if (answer.diverging) {
    const log::EpochEnd own = log_->end_offset_for_epoch(answer.diverging->epoch);
    answer.own_epoch_end = {own.epoch, own.end_offset};
  }
  return carry_out(core_.follower()->step(world_.now(), answer), records);
}

std::optional<FetchTag> Partition::leader_ends_found(const LeaderEndsFound& found) {
  if (changing_ || !online() || core_.follower() == nullptr) return std::nullopt;
  const Writing writing{*this};
  return carry_out(core_.follower()->step(world_.now(), found), {});
}

// The caller is a writer, or changes the role: the core stays the follower that gave the orders.
std::optional<FetchTag> Partition::carry_out(FollowerEffects effects, MutableBytes records) {
  while (true) {
    if (effects.high_watermark) (void)log_->update_high_watermark(*effects.high_watermark);
    if (effects.log_start) (void)log_->advance_log_start(*effects.log_start);
    if (effects.high_watermark || effects.log_start) watchers_.notify();
    if (!effects.order) return effects.find_leader_ends;
    const LogOrder order = *effects.order;
    effects = obey(order, records);
  }
}

FollowerEffects Partition::obey(const LogOrder& order, MutableBytes records) {
  std::expected<void, log::LogError> done;
  switch (order.kind) {
    case LogOrderKind::append: done = append_fetched(records, order.tag.leader_epoch); break;
    case LogOrderKind::truncate: done = done_or_error(log_->truncate_to(order.offset)); break;
    case LogOrderKind::start_afresh: done = log_->truncate_fully_and_start_at(order.offset); break;
  }
  FollowerState& follower = *core_.follower();
  watchers_.notify();
  if (!done) return follower.step(world_.now(), OrderFailed{order.tag, failure_of(done.error())});
  const LocalLog log = local_log();
  return follower.step(
      world_.now(),
      OrderDone{.tag = order.tag, .log_start = log.log_start, .log_end = log.log_end, .latest_epoch = log.latest_epoch});
}

// The batch that holds the leader's log start may begin before it, and so before a log that begins there: such a log is made to
// begin with that batch, and keeps its start.
std::expected<void, log::LogError> Partition::append_fetched(MutableBytes records, LeaderEpoch epoch) {
  protocol::BatchCursor cursor{records};
  protocol::RecordBatchView batch;
  std::size_t whole = 0;
  std::optional<Offset> first;
  bool holds_end = false;
  while (cursor.next(batch)) {
    if (!first) {
      first = batch.base_offset();
      holds_end = batch.next_offset() > log_->log_end_offset();
    }
    whole += batch.size_bytes();
  }
  if (!first) return std::unexpected(log::LogError::corrupt_message);
  const Offset start = log_->log_start_offset();
  const bool in_the_middle = *first < log_->log_end_offset() && holds_end && start == log_->log_end_offset();
  if (in_the_middle) {
    if (const auto cut = log_->truncate_fully_and_start_at(*first); !cut) return cut;
  }
  const auto appended = log_->append(records.first(whole), epoch, log::AppendOrigin::replication);
  if (in_the_middle) {
    const auto restored = appended ? log_->advance_log_start(start) : log_->truncate_fully_and_start_at(start);
    if (!restored) return restored;
  }
  if (!appended) return std::unexpected(appended.error().code);
  return {};
}

}  // namespace squall::broker
