// A check: one property of the cluster, compared with every observation while the run goes on.
//
// Clients report what they observe in batches; each check looks at a batch before the history takes it in. A check counts what
// it compared: one that compared nothing proves nothing, and the report says so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "scenarios/checks/history.h"

namespace squall::scenarios {

// One acknowledged batch: `count` records of one client with consecutive sequences, at `base_offset` and on.
struct AckedBatch {
  PartitionId partition = 0;
  ClientId client = 0;
  std::uint64_t first_sequence = 0;
  std::uint32_t count = 0;
  std::int64_t base_offset = 0;
  Instant sent;        // when the first of them was handed to the producer
  Instant at;          // when the answer was there
  bool probe = false;  // no workload's, but of the run itself
};

enum class TagState : std::uint8_t {
  intact,
  damaged,  // not the bytes that any workload wrote
};

struct ObservedRecord {
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  RecordTag tag;
  TagState state = TagState::intact;
  bool foreign = false;  // its tag names something that does not exist
};

// What one reader remembers between batches of one partition; void after a seek.
struct ReadSession {
  std::int64_t position = -1;        // the next offset it must see; -1: any
  std::int64_t high_watermark = -1;  // the highest it was told
  std::int64_t log_start = -1;
  std::uint32_t generation = 0;
  struct Last {
    ClientId client;
    std::uint64_t sequence;
  };
  std::vector<Last> last;  // the highest sequence seen of each client
};

struct ReadBatch {
  PartitionId partition = 0;
  std::span<const ObservedRecord> records;
  ReadSession* session = nullptr;
  Instant begun;  // when it was asked for
  Instant at;
  std::int64_t high_watermark = -1;  // -1: not told
  std::int64_t log_start = -1;
  bool create_time = true;  // the topic keeps the producer's timestamps
  bool sweep = false;       // the reading of everything after the heal
};

// One answer of ListOffsets to a timestamp, and where the log began before and after it.
struct TimeLookup {
  PartitionId partition = 0;
  std::int64_t wanted_ms = 0;
  std::int64_t offset = -1;  // the answer; -1: no record is that young
  std::int64_t timestamp_ms = -1;
  std::int64_t start_before = 0;  // asked before it
  std::int64_t start_after = 0;   // asked after it: what lies below may have been deleted meanwhile
  std::uint32_t generation = 0;   // of the partition's history when it was asked
  Instant begun{};
  Instant at{};
  bool create_time = true;  // the topic keeps the producer's timestamps
};

// A consumer whose position was outside the log, and where the log began when it looked.
struct ThrownOut {
  PartitionId partition = 0;
  std::int64_t position = -1;  // after what it had read; -1: it had read nothing since it was placed
  std::int64_t log_start = -1;
  std::uint32_t generation = 0;  // of the partition's history when it read last
  Instant at{};
};

struct Finding {
  std::string_view check;
  std::string what;  // one sentence: what is broken, with its records or nodes
  Instant at;
};

class Check {
 public:
  Check(std::string_view name, std::string_view property) : name_{name}, property_{property} {}
  virtual ~Check() = default;

  virtual void on_acked(const History&, const AckedBatch&) {}
  virtual void on_read(const History&, const ReadBatch&) {}
  virtual void on_lookup(const History&, const TimeLookup&) {}
  virtual void on_thrown_out(const History&, const ThrownOut&) {}
  virtual void at_end(const History&, Instant) {}

  [[nodiscard]] std::string_view name() const { return name_; }
  // The property in one sentence.
  [[nodiscard]] std::string_view property() const { return property_; }
  [[nodiscard]] std::uint64_t compared() const { return compared_; }
  [[nodiscard]] std::uint64_t violations() const { return violations_; }

  using Reporter = std::function<void(Finding)>;
  void set_reporter(Reporter reporter) { reporter_ = std::move(reporter); }

 protected:
  void count(std::uint64_t more = 1) { compared_ += more; }
  void violated(Instant at, std::string what) {
    ++violations_;
    if (reporter_) reporter_(Finding{name_, std::move(what), at});
  }

 private:
  std::string_view name_;
  std::string_view property_;
  std::uint64_t compared_ = 0;
  std::uint64_t violations_ = 0;
  Reporter reporter_;
};

// "record 17 of client 3 (offset 204 of orders/1)"
[[nodiscard]] std::string describe(const PartitionHistory& partition, ClientId client, std::uint64_t sequence,
                                   std::int64_t offset);

// ---- one file each ----
[[nodiscard]] std::unique_ptr<Check> acknowledged_survive();
[[nodiscard]] std::unique_ptr<Check> no_duplicates();
[[nodiscard]] std::unique_ptr<Check> order_kept();
[[nodiscard]] std::unique_ptr<Check> bytes_intact();
[[nodiscard]] std::unique_ptr<Check> nothing_invented();
[[nodiscard]] std::unique_ptr<Check> reads_stable();
[[nodiscard]] std::unique_ptr<Check> offsets_dense();
[[nodiscard]] std::unique_ptr<Check> watermarks_monotonic();
[[nodiscard]] std::unique_ptr<Check> timestamps_kept();
[[nodiscard]] std::unique_ptr<Check> offsets_for_times();
[[nodiscard]] std::unique_ptr<Check> positions_kept();

}  // namespace squall::scenarios
