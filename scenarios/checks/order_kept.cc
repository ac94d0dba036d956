#include <fmt/format.h>

#include <algorithm>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

// Idempotent producers only: retries of others may reorder as they may duplicate.
class OrderKept final : public Check {
 public:
  OrderKept()
      : Check("order_kept", "Records of an idempotent producer stand in a partition in the order in which it sent them.") {}

  void on_read(const History& history, const ReadBatch& batch) override {
    const PartitionHistory& partition = history.partition(batch.partition);
    for (const ObservedRecord& record : batch.records) {
      if (record.state != TagState::intact || record.foreign || !partition.is_idempotent(record.tag.client)) continue;
      auto& last = batch.session->last;
      const auto found = std::ranges::find(last, record.tag.client, &ReadSession::Last::client);
      if (found == last.end()) {
        last.push_back({record.tag.client, record.tag.sequence});
        continue;
      }
      count();
      if (record.tag.sequence < found->sequence && !partition.order_excused(record.tag.client, record.tag.sequence)) {
        violated(batch.at,
                 fmt::format("{} was read after the later record {} of the same producer",
                             describe(partition, record.tag.client, record.tag.sequence, record.offset), found->sequence));
        return;
      }
      found->sequence = record.tag.sequence;
    }
  }
};

}  // namespace

std::unique_ptr<Check> order_kept() { return std::make_unique<OrderKept>(); }

}  // namespace squall::scenarios
