// One partition that this broker leads: its log, its high watermark, and who waits for it.
//
// Everything that readers see is below the high watermark, and the high watermark moves here and nowhere else. With one
// replica it follows what the log's flush policy has met, after the append has finished; with followers it will follow them.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "base/types.h"
#include "base/uuid.h"
#include "broker/fetch_watch.h"
#include "broker/topic_config.h"
#include "log/log.h"

namespace squall::broker {

class Partition {
 public:
  // `log` is null if its directory could not hold it: then every use is answered with KAFKA_STORAGE_ERROR.
  Partition(log::TopicPartition name, Uuid topic_id, std::shared_ptr<log::Log> log, LeaderEpoch epoch);
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  [[nodiscard]] const log::TopicPartition& name() const { return name_; }
  [[nodiscard]] Uuid topic_id() const { return topic_id_; }
  [[nodiscard]] LeaderEpoch leader_epoch() const { return epoch_; }
  [[nodiscard]] bool online() const { return log_ != nullptr && !log_->quarantined() && !removed_; }
  // Set once, when the topic is deleted; wakes all waiters.
  void remove();
  [[nodiscard]] bool removed() const { return removed_; }
  // Only while online.
  [[nodiscard]] log::Log& log() { return *log_; }
  [[nodiscard]] const log::Log& log() const { return *log_; }

  // compression.type, as the topic has it now.
  [[nodiscard]] TopicCompression compression() const { return compression_; }
  // compression.<codec>.level, for that codec.
  [[nodiscard]] std::int32_t compression_level() const { return compression_level_; }
  [[nodiscard]] bool recompresses() const { return compression_ != TopicCompression::producer; }
  void set_compression(TopicCompression compression, std::int32_t level) {
    compression_ = compression;
    compression_level_ = level;
  }

  // Appends a client's batches, then moves the high watermark. May wait.
  std::expected<log::AppendInfo, log::AppendError> append(MutableBytes batches);
  // Moves the high watermark as far as it may go, and wakes the waiters if it moved.
  void advance_high_watermark();
  // Wakes the waiters: the log start moved, or the log failed.
  void notify() { watchers_.notify(); }

  [[nodiscard]] Offset high_watermark() const { return log_->high_watermark(); }
  [[nodiscard]] WatchList& watchers() { return watchers_; }

 private:
  log::TopicPartition name_;
  Uuid topic_id_;
  std::shared_ptr<log::Log> log_;
  LeaderEpoch epoch_;
  TopicCompression compression_ = TopicCompression::producer;
  std::int32_t compression_level_ = 0;
  bool removed_ = false;
  WatchList watchers_;
};

}  // namespace squall::broker
