// All checks of a run, the history they compare with, and what they found. Every observation of a client comes in here.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "scenarios/checks/check.h"
#include "scenarios/checks/cluster_checks.h"
#include "scenarios/checks/identity_kept.h"
#include "scenarios/checks/metadata_durable.h"
#include "scenarios/checks/nothing_leaks.h"
#include "scenarios/checks/stays_available.h"

namespace squall::scenarios {

// What the workloads of a run did, for its gates and its report.
struct Tally {
  std::uint64_t records_sent = 0;
  std::uint64_t records_acked = 0;
  std::uint64_t records_failed = 0;  // given up: may or may not be there
  std::uint64_t records_read = 0;
  std::uint64_t records_swept = 0;
  std::uint64_t records_excused = 0;  // not held to account, for a fault that may destroy them
  std::uint64_t batches_acked = 0;
  std::uint64_t operations = 0;  // admin operations that succeeded
  std::uint64_t client_errors = 0;
  std::uint64_t corruption_detected = 0;
  std::uint64_t latency_sum_ns = 0;  // over acknowledged batches
};

class CheckSet {
 public:
  explicit CheckSet(AvailabilityBounds bounds);
  CheckSet(const CheckSet&) = delete;
  CheckSet& operator=(const CheckSet&) = delete;

  [[nodiscard]] History& history() { return history_; }
  [[nodiscard]] Tally& tally() { return tally_; }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] MetadataDurable& metadata() { return *metadata_; }
  [[nodiscard]] StaysAvailable& availability() { return *availability_; }
  [[nodiscard]] NothingLeaks& leaks() { return *leaks_; }
  [[nodiscard]] IdentityKept& identity() { return *identity_; }
  [[nodiscard]] const ClusterChecks& cluster() { return cluster_; }

  // ---- observations ----
  void acked(const AckedBatch& batch);
  // `batch.session` is brought up to date.
  void read(ReadBatch batch);
  void looked_up(const TimeLookup& lookup);
  void thrown_out(const ThrownOut& consumer);
  // Fills in `tag`, `state` and `foreign` from the bytes of a record's value.
  void identify(PartitionId partition, ByteView value, ObservedRecord& record) const;
  void finish(Instant at);

  // A finding of the runner itself, such as a livelock.
  void report(Finding finding);

  // In the order in which they were found; each check keeps its first few.
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  [[nodiscard]] std::span<const std::unique_ptr<Check>> checks() const { return checks_; }
  [[nodiscard]] const Check& named(std::string_view name) const;
  // Called at the first finding.
  void on_first_finding(std::function<void()> callback) { on_first_ = std::move(callback); }

  static constexpr std::size_t findings_kept = 20;

 private:
  template <class Concrete, class... Arguments>
  Concrete* add(Arguments&&... arguments);
  void adopt(std::unique_ptr<Check> check);

  History history_;
  Tally tally_;
  std::vector<std::unique_ptr<Check>> checks_;
  std::vector<Check*> record_checks_;  // those that look at records
  MetadataDurable* metadata_ = nullptr;
  StaysAvailable* availability_ = nullptr;
  NothingLeaks* leaks_ = nullptr;
  IdentityKept* identity_ = nullptr;
  ClusterChecks cluster_;
  std::vector<Finding> findings_;
  std::function<void()> on_first_;
};

// Every check's name and property, for `squall list checks`.
struct CheckInfo {
  std::string_view name;
  std::string_view property;
};
[[nodiscard]] std::vector<CheckInfo> all_checks();

// The gates: what a run must have done, or it proves nothing. A sentence for each that it did not do.
struct Gates {
  std::int64_t acked_min = 1;
  std::int64_t read_min = 1;
  std::int64_t faults_min = 0;
  std::int64_t operations_min = 0;
};
[[nodiscard]] std::vector<std::string> closed_gates(const Gates& gates, const Tally& tally, std::uint64_t faults_that_hit);

}  // namespace squall::scenarios
