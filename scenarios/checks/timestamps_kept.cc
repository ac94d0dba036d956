#include <fmt/format.h>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

class TimestampsKept final : public Check {
 public:
  TimestampsKept() : Check("timestamps_kept", "A record keeps the timestamp that its producer gave it.") {}

  void on_read(const History& history, const ReadBatch& batch) override {
    if (!batch.create_time) return;
    for (const ObservedRecord& record : batch.records) {
      if (record.state != TagState::intact) continue;
      count();
      if (record.timestamp_ms == record.tag.timestamp_ms) continue;
      violated(batch.at,
               fmt::format("{} was sent with timestamp {} and read with {}",
                           describe(history.partition(batch.partition), record.tag.client, record.tag.sequence, record.offset),
                           record.tag.timestamp_ms, record.timestamp_ms));
      return;
    }
  }
};

}  // namespace

std::unique_ptr<Check> timestamps_kept() { return std::make_unique<TimestampsKept>(); }

}  // namespace squall::scenarios
