#include <fmt/format.h>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

class ReadsStable final : public Check {
 public:
  ReadsStable() : Check("reads_stable", "What was read at an offset is read there ever after, until it is deleted.") {}

  void on_read(const History& history, const ReadBatch& batch) override {
    const PartitionHistory& partition = history.partition(batch.partition);
    for (const ObservedRecord& record : batch.records) {
      const Slot* slot = partition.slot(record.offset);
      if (slot == nullptr || (slot->flags & Slot::read) == 0 || record.state != TagState::intact) continue;
      count();
      if (slot->same(record.tag.client, record.tag.sequence)) continue;
      violated(batch.at, fmt::format("{} was read before, but now {} stands there",
                                     describe(partition, slot->client, slot->sequence, record.offset),
                                     describe(partition, record.tag.client, record.tag.sequence, record.offset)));
      return;
    }
  }

  void at_end(const History& history, Instant at) override {
    for (PartitionId id = 0; id < history.size(); ++id) {
      const PartitionHistory& partition = history.partition(id);
      for (std::int64_t offset = partition.deletable_below(); offset < partition.end(); ++offset) {
        const Slot& slot = *partition.slot(offset);
        if ((slot.flags & Slot::read) == 0) continue;
        count();
        if ((slot.flags & Slot::swept) != 0) continue;
        violated(at, fmt::format("{} had been read and is gone at the end",
                                 describe(partition, slot.client, slot.sequence, offset)));
        break;
      }
    }
  }
};

}  // namespace

std::unique_ptr<Check> reads_stable() { return std::make_unique<ReadsStable>(); }

}  // namespace squall::scenarios
