#include "scenarios/checks/history.h"

#include <fmt/format.h>

#include <algorithm>

namespace squall::scenarios {

std::string PartitionHistory::name() const { return fmt::format("{}/{}", topic_, partition_); }

PartitionHistory::Sender& PartitionHistory::sender(ClientId client) {
  const auto at = std::ranges::lower_bound(senders_, client, {}, &Sender::client);
  if (at != senders_.end() && at->client == client) return *at;
  return *senders_.insert(at, Sender{.client = client, .seen_at = {}, .sent_ms = {}});
}

std::uint64_t PartitionHistory::next_sequence(ClientId client, std::int64_t timestamp_ms) {
  Sender& from = sender(client);
  from.seen_at.push_back(-1);
  from.sent_ms.push_back(timestamp_ms);
  return from.seen_at.size() - 1;
}

void PartitionHistory::set_idempotent(ClientId client) { sender(client).idempotent = true; }

void PartitionHistory::note(std::int64_t offset, ClientId client, std::uint64_t sequence, std::uint8_t flag) {
  const auto at = static_cast<std::size_t>(offset);
  if (at >= slots_.size()) slots_.resize(at + 1);
  Slot& slot = slots_[at];
  slot.client = client;
  slot.sequence = sequence;
  slot.flags = static_cast<std::uint8_t>(slot.flags | flag);
  if (std::int64_t& seen = sender(client).seen_at[sequence]; seen < 0) seen = offset;
}

std::int64_t PartitionHistory::acknowledged_until(Instant at) const {
  const auto after = std::upper_bound(acknowledgements_.begin(), acknowledgements_.end(), at,
                                      [](Instant time, const auto& one) { return time < one.first; });
  std::int64_t end = 0;
  for (auto one = acknowledgements_.begin(); one != after; ++one) end = std::max(end, one->second);
  return end;
}

void PartitionHistory::excuse(std::int64_t floor, Instant until) {
  floor_ = std::min(floor_, floor);
  excused_until_ = std::max(excused_until_, until);
  ++generation_;
  excuse_order();
  const auto from = static_cast<std::size_t>(floor);
  for (std::size_t at = from; at < slots_.size(); ++at) {
    if (!slots_[at].known()) continue;
    ++excused_records_;
    sender(slots_[at].client).seen_at[slots_[at].sequence] = -1;
  }
  if (from < slots_.size()) slots_.resize(from);
  for (auto& [time, end] : acknowledgements_) end = std::min(end, floor);
}

void PartitionHistory::end_excuse(Instant now) {
  if (excused_until_ != end_of_time) return;
  excused_until_ = now;
  excuse_order();
}

void PartitionHistory::excuse_order() {
  for (Sender& one : senders_) one.unordered_below = one.seen_at.size();
}

PartitionId History::partition_id(std::string_view topic, std::int32_t partition) {
  const auto [at, made] = ids_.try_emplace({std::string{topic}, partition}, static_cast<PartitionId>(partitions_.size()));
  if (made) partitions_.emplace_back(std::string{topic}, partition);
  return at->second;
}

const PartitionHistory* History::find(std::string_view topic, std::int32_t partition) const {
  const auto at = ids_.find({std::string{topic}, partition});
  return at == ids_.end() ? nullptr : &partitions_[at->second];
}

}  // namespace squall::scenarios
