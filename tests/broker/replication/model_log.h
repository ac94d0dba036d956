// A log in memory, with leader epochs and a flush point: what the model cluster replicates.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "broker/replication/types.h"

namespace squall::broker::model {

struct Record {
  LeaderEpoch epoch;
  std::uint64_t value = 0;
  bool operator==(const Record&) const = default;
};

class Log {
 public:
  [[nodiscard]] Offset end() const { return Offset{static_cast<std::int64_t>(records_.size())}; }
  [[nodiscard]] const Record& at(Offset offset) const { return records_[static_cast<std::size_t>(offset.value())]; }
  [[nodiscard]] LeaderEpoch latest_epoch() const { return epochs_.empty() ? no_epoch : epochs_.back().epoch; }
  [[nodiscard]] LocalLog view() const {
    return {.log_start = Offset{0},
            .log_end = end(),
            .policy_end = end(),
            .high_watermark = high_watermark,
            .latest_epoch = latest_epoch()};
  }

  void begin_epoch(LeaderEpoch epoch, Offset start) {
    if (epoch == latest_epoch()) return;
    std::erase_if(epochs_, [&](const Begin& begin) { return begin.start >= start; });
    epochs_.push_back({epoch, start});
  }
  void append(const Record& record) {
    begin_epoch(record.epoch, end());
    records_.push_back(record);
  }
  void truncate(Offset to) {
    if (to < end()) records_.resize(static_cast<std::size_t>(to.value()));
    std::erase_if(epochs_, [&](const Begin& begin) { return begin.start >= to; });
    flushed_ = std::min(flushed_, records_.size());
    high_watermark = std::min(high_watermark, end());
  }
  // The largest epoch not above `epoch`, and where it ended.
  [[nodiscard]] EpochEndOffset epoch_end(LeaderEpoch epoch) const {
    if (epochs_.empty() || epoch == no_epoch || epoch > latest_epoch()) return {};
    if (epoch == latest_epoch()) return {epoch, end()};
    const auto higher = std::ranges::upper_bound(epochs_, epoch, {}, &Begin::epoch);
    if (higher == epochs_.begin()) return {epoch, higher->start};
    return {std::prev(higher)->epoch, higher->start};
  }

  void flush() { flushed_ = records_.size(); }
  // Power is lost: of what was not flushed, some prefix stays.
  void lose_power(Random& random) {
    const auto kept = random.between(static_cast<std::int64_t>(flushed_), end().value());
    truncate(Offset{kept});
  }
  // What the node finds of the high watermark when it starts again: a checkpoint that may be old.
  void forget_high_watermark(Random& random) { high_watermark = Offset{random.between(0, high_watermark.value())}; }

  Offset high_watermark{0};

 private:
  struct Begin {
    LeaderEpoch epoch;
    Offset start;
  };
  std::vector<Record> records_;
  std::vector<Begin> epochs_;
  std::size_t flushed_ = 0;
};

}  // namespace squall::broker::model
