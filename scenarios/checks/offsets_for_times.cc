#include <fmt/format.h>

#include <algorithm>

#include "scenarios/checks/check.h"

namespace squall::scenarios {
namespace {

// Compared with every record that had been acknowledged when the look-up was asked. A record that lay there all the while must
// not be passed over; the record that is answered must have the timestamp that was answered, and not lie below the log start.
class OffsetsForTimes final : public Check {
 public:
  OffsetsForTimes()
      : Check("offsets_for_times", "ListOffsets by time answers the first record whose timestamp is not below the one asked.") {
  }

  void on_lookup(const History& history, const TimeLookup& lookup) override {
    const PartitionHistory& partition = history.partition(lookup.partition);
    // What a fault may have cost meanwhile is not known, nor which time the broker stamped.
    if (!lookup.create_time || lookup.generation != partition.generation()) return;
    if (lookup.offset < 0 || answer_is_right(partition, lookup)) nothing_earlier(partition, lookup);
  }

 private:
  bool answer_is_right(const PartitionHistory& partition, const TimeLookup& lookup) {
    if (partition.excused(lookup.begun, lookup.offset)) return true;
    count();
    if (lookup.timestamp_ms < lookup.wanted_ms) {
      wrong(partition, lookup, fmt::format("whose timestamp is {}", lookup.timestamp_ms));
      return false;
    }
    if (lookup.offset < lookup.start_before) {
      wrong(partition, lookup, fmt::format("but the log begins at {}", lookup.start_before));
      return false;
    }
    const Slot* slot = partition.slot(lookup.offset);
    if (slot == nullptr || !slot->known()) return true;
    const std::int64_t sent_ms = partition.timestamp_ms(slot->client, slot->sequence);
    if (sent_ms == lookup.timestamp_ms || sent_ms < 0) return true;
    wrong(partition, lookup,
          fmt::format("with timestamp {}, but {} was sent with {}", lookup.timestamp_ms,
                      describe(partition, slot->client, slot->sequence, lookup.offset), sent_ms));
    return false;
  }

  void nothing_earlier(const PartitionHistory& partition, const TimeLookup& lookup) {
    const std::int64_t acknowledged = partition.acknowledged_until(lookup.begun);
    const std::int64_t end = lookup.offset < 0 ? acknowledged : std::min(lookup.offset, acknowledged);
    for (std::int64_t offset = lookup.start_after; offset < end; ++offset) {
      const Slot* slot = partition.slot(offset);
      if (slot == nullptr) return;
      if (!slot->known() || partition.excused(lookup.begun, offset)) continue;
      count();
      const std::int64_t sent_ms = partition.timestamp_ms(slot->client, slot->sequence);
      if (sent_ms < lookup.wanted_ms) continue;
      wrong(partition, lookup,
            fmt::format("but {} has {}", describe(partition, slot->client, slot->sequence, offset), sent_ms));
      return;
    }
  }

  void wrong(const PartitionHistory& partition, const TimeLookup& lookup, std::string_view why) {
    const std::string answer = lookup.offset < 0 ? "no offset" : fmt::format("offset {}", lookup.offset);
    violated(lookup.at, fmt::format("the first record of {} at or after timestamp {} was said to be at {}, {}",
                                    partition.name(), lookup.wanted_ms, answer, why));
  }
};

}  // namespace

std::unique_ptr<Check> offsets_for_times() { return std::make_unique<OffsetsForTimes>(); }

}  // namespace squall::scenarios
