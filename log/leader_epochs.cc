#include "log/leader_epochs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/assert.h"
#include "log/checkpoint_text.h"

namespace squall::log {

bool LeaderEpochs::assign(LeaderEpoch epoch, Offset start) {
  SQUALL_ASSERT(epoch >= LeaderEpoch{0} && start >= Offset{0}, "an epoch that begins is not 'none'");
  if (!entries_.empty() && entries_.back().epoch == epoch && entries_.back().start <= start) return false;
  std::erase_if(entries_, [&](const EpochStart& entry) { return entry.epoch >= epoch || entry.start >= start; });
  entries_.push_back({epoch, start});
  return true;
}

EpochEnd LeaderEpochs::end_offset_for(LeaderEpoch epoch, Offset log_end) const {
  if (epoch == no_epoch || entries_.empty() || epoch > latest()) return {};
  if (epoch == latest()) return {epoch, log_end};
  const auto higher = std::ranges::upper_bound(entries_, epoch, {}, &EpochStart::epoch);
  if (higher == entries_.begin()) return {epoch, higher->start};
  return {std::prev(higher)->epoch, higher->start};
}

LeaderEpoch LeaderEpochs::at(Offset offset) const {
  const auto after = std::ranges::upper_bound(entries_, offset, {}, &EpochStart::start);
  return after == entries_.begin() ? no_epoch : std::prev(after)->epoch;
}

bool LeaderEpochs::truncate_from_end(Offset end) {
  return std::erase_if(entries_, [&](const EpochStart& entry) { return entry.start >= end; }) > 0;
}

bool LeaderEpochs::truncate_from_start(Offset start) {
  const auto after = std::ranges::upper_bound(entries_, start, {}, &EpochStart::start);
  if (after == entries_.begin()) return false;
  const auto in_force = std::prev(after);
  if (in_force == entries_.begin() && in_force->start == start) return false;
  in_force->start = start;
  entries_.erase(entries_.begin(), in_force);
  return true;
}

void LeaderEpochs::check_invariants() const {
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    SQUALL_ASSERT(entries_[i - 1].epoch < entries_[i].epoch && entries_[i - 1].start < entries_[i].start,
                  "leader epochs and their start offsets rise");
  }
}

std::string LeaderEpochs::to_text() const {
  std::string text = fmt::format("0\n{}\n", entries_.size());
  for (const EpochStart& entry : entries_) fmt::format_to(std::back_inserter(text), "{} {}\n", entry.epoch, entry.start);
  return text;
}

std::optional<LeaderEpochs> LeaderEpochs::parse(std::string_view text) {
  CheckpointReader reader{text};
  LeaderEpochs epochs;
  const auto count = reader.header();
  if (!count) return std::nullopt;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto fields = reader.line(2);
    if (!fields) return std::nullopt;
    const auto epoch = parse_number<std::int32_t>((*fields)[0]);
    const auto start = parse_number<std::int64_t>((*fields)[1]);
    if (!epoch || !start || *epoch < 0 || *start < 0) return std::nullopt;
    const EpochStart entry{LeaderEpoch{*epoch}, Offset{*start}};
    if (!epochs.entries_.empty() &&
        (epochs.entries_.back().epoch >= entry.epoch || epochs.entries_.back().start >= entry.start)) {
      return std::nullopt;
    }
    epochs.entries_.push_back(entry);
  }
  if (!reader.at_end()) return std::nullopt;
  return epochs;
}

}  // namespace squall::log
