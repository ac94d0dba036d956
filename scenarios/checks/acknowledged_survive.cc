#include <fmt/format.h>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

// Seen three ways: another record stands where the acknowledged one was; a reader is led past it; the sweep of everything
// after the heal does not meet it.
class AcknowledgedSurvive final : public Check {
 public:
  AcknowledgedSurvive() : Check("acknowledged_survive", "A record that was acknowledged is never lost.") {}

  void on_acked(const History& history, const AckedBatch& batch) override {
    const PartitionHistory& partition = history.partition(batch.partition);
    for (std::uint32_t at = 0; at < batch.count; ++at) {
      const std::int64_t offset = batch.base_offset + at;
      const Slot* slot = partition.slot(offset);
      if (slot == nullptr || !slot->known()) continue;
      count();
      if (slot->same(batch.client, batch.first_sequence + at)) continue;
      violated(batch.at, fmt::format("{} was acknowledged, but {} stands at that offset",
                                     describe(partition, batch.client, batch.first_sequence + at, offset),
                                     describe(partition, slot->client, slot->sequence, offset)));
      return;
    }
  }

  void on_read(const History& history, const ReadBatch& batch) override {
    const PartitionHistory& partition = history.partition(batch.partition);
    std::int64_t next = batch.session->position;
    for (const ObservedRecord& record : batch.records) {
      if (next >= 0 && record.offset > next && !passed_over(partition, batch, next, record.offset)) return;
      next = record.offset + 1;
      const Slot* slot = partition.slot(record.offset);
      if (slot == nullptr || (slot->flags & Slot::acknowledged) == 0) continue;
      count();
      if (record.state == TagState::damaged || slot->same(record.tag.client, record.tag.sequence)) continue;
      violated(batch.at, fmt::format("{} was acknowledged, but a reader found {} there",
                                     describe(partition, slot->client, slot->sequence, record.offset),
                                     describe(partition, record.tag.client, record.tag.sequence, record.offset)));
      return;
    }
  }

  void at_end(const History& history, Instant at) override {
    for (PartitionId id = 0; id < history.size(); ++id) {
      const PartitionHistory& partition = history.partition(id);
      std::uint64_t lost = 0;
      std::int64_t first = -1;
      for (std::int64_t offset = partition.deletable_below(); offset < partition.end(); ++offset) {
        const Slot& slot = *partition.slot(offset);
        if ((slot.flags & Slot::acknowledged) == 0) continue;
        count();
        if ((slot.flags & Slot::swept) != 0) continue;
        if (lost++ == 0) first = offset;
      }
      if (lost == 0) continue;
      const Slot& slot = *partition.slot(first);
      violated(at, fmt::format("{} was acknowledged and is gone at the end{}",
                               describe(partition, slot.client, slot.sequence, first),
                               lost > 1 ? fmt::format(", and {} more of {}", lost - 1, partition.name()) : ""));
    }
  }

 private:
  // False once it has reported.
  bool passed_over(const PartitionHistory& partition, const ReadBatch& batch, std::int64_t from, std::int64_t to) {
    for (std::int64_t offset = std::max(from, partition.deletable_below()); offset < to; ++offset) {
      const Slot* slot = partition.slot(offset);
      if (slot == nullptr) return true;
      if ((slot->flags & Slot::acknowledged) == 0) continue;
      count();
      violated(batch.at, fmt::format("{} was acknowledged, but a reader was led past it from offset {} to {}",
                                     describe(partition, slot->client, slot->sequence, offset), from, to));
      return false;
    }
    return true;
  }
};

}  // namespace

std::unique_ptr<Check> acknowledged_survive() { return std::make_unique<AcknowledgedSurvive>(); }

}  // namespace squall::scenarios
