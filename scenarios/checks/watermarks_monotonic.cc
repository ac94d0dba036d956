#include <fmt/format.h>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

class WatermarksMonotonic final : public Check {
 public:
  WatermarksMonotonic()
      : Check("watermarks_monotonic",
              "High watermark and log start never go back, and nothing above the one or below the other is read.") {}

  void on_read(const History& history, const ReadBatch& batch) override {
    const ReadSession& session = *batch.session;
    const auto name = [&] { return history.partition(batch.partition).name(); };
    if (batch.high_watermark >= 0) {
      count();
      if (batch.high_watermark < session.high_watermark) {
        violated(batch.at, fmt::format("the high watermark of {} went back from {} to {}", name(), session.high_watermark,
                                       batch.high_watermark));
      }
      if (!batch.records.empty() && batch.records.back().offset >= batch.high_watermark) {
        violated(batch.at, fmt::format("offset {} of {} was read, but the high watermark is {}", batch.records.back().offset,
                                       name(), batch.high_watermark));
      }
    }
    if (!batch.records.empty() && history.partition(batch.partition).deleted(batch.begun, batch.records.front().offset)) {
      violated(batch.at, fmt::format("offset {} of {} was read after DeleteRecords of it had been acknowledged",
                                     batch.records.front().offset, name()));
    }
    if (batch.log_start >= 0) {
      count();
      if (batch.log_start < session.log_start) {
        violated(batch.at,
                 fmt::format("the log start of {} went back from {} to {}", name(), session.log_start, batch.log_start));
      }
    }
  }
};

}  // namespace

std::unique_ptr<Check> watermarks_monotonic() { return std::make_unique<WatermarksMonotonic>(); }

}  // namespace squall::scenarios
