#include <fmt/format.h>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

class BytesIntact final : public Check {
 public:
  BytesIntact() : Check("bytes_intact", "A record is read with the very bytes that were sent.") {}

  void on_read(const History& history, const ReadBatch& batch) override {
    count(batch.records.size());
    for (const ObservedRecord& record : batch.records) {
      if (record.state == TagState::intact) continue;
      violated(batch.at, fmt::format("the record at offset {} of {} was read with bytes that nobody wrote", record.offset,
                                     history.partition(batch.partition).name()));
      return;
    }
  }
};

}  // namespace

std::unique_ptr<Check> bytes_intact() { return std::make_unique<BytesIntact>(); }

}  // namespace squall::scenarios
