#include "broker/replication/throttle.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/uint128.h"

namespace squall::broker {
namespace {

std::optional<std::int32_t> number(std::string_view text) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

std::optional<ThrottledReplicas> ThrottledReplicas::parse(std::string_view text) {
  ThrottledReplicas replicas;
  text = trimmed(text);
  if (text == "*") replicas.all_ = true;
  if (text.empty() || text == "*") return replicas;
  while (true) {
    const std::string_view item = trimmed(text.substr(0, text.find(',')));
    const auto colon = item.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto partition = number(item.substr(0, colon));
    const auto replica = number(item.substr(colon + 1));
    if (!partition || !replica) return std::nullopt;
    replicas.listed_.emplace_back(PartitionIndex{*partition}, NodeId{*replica});
    if (text.find(',') == std::string_view::npos) break;
    text.remove_prefix(text.find(',') + 1);
  }
  std::ranges::sort(replicas.listed_);
  return replicas;
}

bool ThrottledReplicas::contains(PartitionIndex partition, NodeId replica) const {
  return all_ || std::ranges::binary_search(listed_, std::pair{partition, replica});
}

void ThrottleWindow::expire(Instant now) {
  while (!samples_.empty() && now - samples_.front().start >= sample_ * samples_max_) {
    total_ -= samples_.front().bytes;
    samples_.pop_front();
  }
}

void ThrottleWindow::record(Instant now, std::int64_t bytes) {
  expire(now);
  SQUALL_ASSERT(samples_.empty() || samples_.back().start <= now, "time does not fall");
  if (samples_.empty() || now - samples_.back().start >= sample_) samples_.push_back({.start = now});
  samples_.back().bytes += bytes;
  total_ += bytes;
}

// At least one sample's worth: a window that has just begun would else allow nothing.
std::int64_t ThrottleWindow::capacity(Instant now) const {
  const Duration span = samples_.empty() ? sample_ : std::max(sample_, now - samples_.front().start);
  const uint128 bytes =
      uint128{static_cast<std::uint64_t>(bytes_per_second_)} * static_cast<std::uint64_t>(span.count()) / 1'000'000'000U;
  return static_cast<std::int64_t>(std::min<uint128>(bytes, static_cast<std::uint64_t>(unlimited)));
}

std::int64_t ThrottleWindow::allowance(Instant now) {
  if (bytes_per_second_ == unlimited) return unlimited;
  expire(now);
  return std::max<std::int64_t>(capacity(now) - total_, 0);
}

Instant ThrottleWindow::next_allowance(Instant now) {
  if (allowance(now) > 0) return now;
  // A rate of nothing never allows anything, but the rate may be changed: look again once a sample.
  if (bytes_per_second_ <= 0 || samples_.empty()) return now + sample_;
  // The window's capacity grows with its length until its oldest sample goes.
  const uint128 needed =
      (uint128{static_cast<std::uint64_t>(total_)} * 1'000'000'000U) / static_cast<std::uint64_t>(bytes_per_second_) +
      1'000'000'000U / static_cast<std::uint64_t>(bytes_per_second_) + 1;
  const Instant expiry = samples_.front().start + sample_ * samples_max_;
  const auto longest = static_cast<std::uint64_t>((expiry - samples_.front().start).count());
  if (needed >= longest) return expiry;
  const Instant grown = samples_.front().start + Duration{static_cast<std::int64_t>(static_cast<std::uint64_t>(needed))};
  return std::max(grown, now + Duration{1});
}

bool is_throttled(bool listed, bool in_sync, ThrottleWindow& window, Instant now) {
  return listed && !in_sync && window.allowance(now) == 0;
}

}  // namespace squall::broker
