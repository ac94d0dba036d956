#include <fmt/format.h>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

class NoDuplicates final : public Check {
 public:
  NoDuplicates() : Check("no_duplicates", "A record of an idempotent producer is in its partition once.") {}

  void on_read(const History& history, const ReadBatch& batch) override {
    const PartitionHistory& partition = history.partition(batch.partition);
    for (const ObservedRecord& record : batch.records) {
      if (record.state != TagState::intact || record.foreign || !partition.is_idempotent(record.tag.client)) continue;
      const std::int64_t seen = partition.seen_at(record.tag.client, record.tag.sequence);
      count();
      if (seen < 0 || seen == record.offset) continue;
      violated(batch.at, fmt::format("{} is also at offset {}, though its producer is idempotent",
                                     describe(partition, record.tag.client, record.tag.sequence, record.offset), seen));
      return;
    }
  }
};

}  // namespace

std::unique_ptr<Check> no_duplicates() { return std::make_unique<NoDuplicates>(); }

}  // namespace squall::scenarios
