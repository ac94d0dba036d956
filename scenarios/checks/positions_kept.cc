#include <fmt/format.h>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

// What a consumer has read was committed: whoever leads later has it too, and the log ends behind it. Only deletion may
// overtake a consumer.
class PositionsKept final : public Check {
 public:
  PositionsKept()
      : Check("positions_kept", "A consumer that has read up to a position never finds it behind the end of the log.") {}

  void on_read(const History&, const ReadBatch& batch) override {
    if (!batch.records.empty()) count();
  }

  void on_thrown_out(const History& history, const ThrownOut& consumer) override {
    const PartitionHistory& partition = history.partition(consumer.partition);
    if (consumer.position < 0 || consumer.log_start < 0) return;
    count();
    // A fault that is excused may have cost what it had read; deletion moves the start past it.
    if (consumer.generation != partition.generation() || consumer.log_start > consumer.position) return;
    violated(consumer.at, fmt::format("a consumer of {} had read up to offset {}, and then that was outside the log, which "
                                      "begins at {}",
                                      partition.name(), consumer.position, consumer.log_start));
  }
};

}  // namespace

std::unique_ptr<Check> positions_kept() { return std::make_unique<PositionsKept>(); }

}  // namespace squall::scenarios
