#include <fmt/format.h>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

class OffsetsDense final : public Check {
 public:
  OffsetsDense() : Check("offsets_dense", "Offsets of a partition follow one another without gap or repetition.") {}

  void on_read(const History& history, const ReadBatch& batch) override {
    std::int64_t next = batch.session->position;
    for (const ObservedRecord& record : batch.records) {
      if (next >= 0) {
        count();
        if (record.offset != next) {
          violated(batch.at, fmt::format("a reader of {} was at offset {} and was given offset {}",
                                         history.partition(batch.partition).name(), next, record.offset));
          return;
        }
      }
      next = record.offset + 1;
    }
  }
};

}  // namespace

std::unique_ptr<Check> offsets_dense() { return std::make_unique<OffsetsDense>(); }

}  // namespace squall::scenarios
