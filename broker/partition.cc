#include "broker/partition.h"

namespace squall::broker {

Partition::Partition(log::TopicPartition name, Uuid topic_id, std::shared_ptr<log::Log> log, LeaderEpoch epoch)
    : name_{std::move(name)}, topic_id_{topic_id}, log_{std::move(log)}, epoch_{epoch} {}

void Partition::remove() {
  removed_ = true;
  watchers_.notify();
}

std::expected<log::AppendInfo, log::AppendError> Partition::append(MutableBytes batches) {
  auto appended = log_->append(batches, epoch_, log::AppendOrigin::client);
  advance_high_watermark();
  return appended;
}

void Partition::advance_high_watermark() {
  const Offset before = log_->high_watermark();
  const Offset after = log_->update_high_watermark(log_->policy_end_offset());
  if (after > before) watchers_.notify();
}

}  // namespace squall::broker
