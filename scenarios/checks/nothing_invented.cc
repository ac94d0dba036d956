#include <fmt/format.h>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

class NothingInvented final : public Check {
 public:
  NothingInvented() : Check("nothing_invented", "Only records that were sent to a partition are read from it.") {}

  void on_read(const History& history, const ReadBatch& batch) override {
    for (const ObservedRecord& record : batch.records) {
      if (record.state != TagState::intact) continue;
      count();
      if (!record.foreign) continue;
      const std::string source =
          record.tag.partition < history.size() ? history.partition(record.tag.partition).name() : "nowhere";
      violated(batch.at,
               fmt::format("the record at offset {} of {} was never sent there: it says it is record {} of client {}, "
                           "sent to {}",
                           record.offset, history.partition(batch.partition).name(), record.tag.sequence, record.tag.client + 1,
                           source));
      return;
    }
  }
};

}  // namespace

std::unique_ptr<Check> nothing_invented() { return std::make_unique<NothingInvented>(); }

}  // namespace squall::scenarios
