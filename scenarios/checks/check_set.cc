#include "scenarios/checks/check_set.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace squall::scenarios {

std::string describe(const PartitionHistory& partition, ClientId client, std::uint64_t sequence, std::int64_t offset) {
  return fmt::format("record {} of client {} (offset {} of {})", sequence, client + 1, offset, partition.name());
}

template <class Concrete, class... Arguments>
Concrete* CheckSet::add(Arguments&&... arguments) {
  auto check = std::make_unique<Concrete>(std::forward<Arguments>(arguments)...);
  Concrete* raw = check.get();
  adopt(std::move(check));
  return raw;
}

void CheckSet::adopt(std::unique_ptr<Check> check) {
  check->set_reporter([this](Finding finding) { report(std::move(finding)); });
  checks_.push_back(std::move(check));
}

void CheckSet::report(Finding finding) {
  const bool first = findings_.empty();
  if (findings_.size() < findings_kept) findings_.push_back(std::move(finding));
  if (first && on_first_) on_first_();
}

CheckSet::CheckSet(AvailabilityBounds bounds) {
  for (auto make : {acknowledged_survive, no_duplicates, order_kept, bytes_intact, nothing_invented, reads_stable,
                    offsets_dense, watermarks_monotonic, timestamps_kept, offsets_for_times, positions_kept}) {
    adopt(make());
    record_checks_.push_back(checks_.back().get());
  }
  metadata_ = add<MetadataDurable>();
  availability_ = add<StaysAvailable>(bounds);
  record_checks_.push_back(availability_);
  leaks_ = add<NothingLeaks>();
  identity_ = add<IdentityKept>();
  cluster_ = {.one_leader = add<OneLeaderAnEpoch>(),
              .log_matching = add<LogMatching>(),
              .never_truncated = add<CommittedNeverTruncated>(),
              .completeness = add<LeaderCompleteness>(),
              .replayed_equally = add<ReplayedEqually>(),
              .replicas_equal = add<ReplicasEqual>(),
              .high_watermarks = add<HighWatermarkMonotonic>(),
              .linearizable = add<MetadataLinearizable>(),
              .recovers = add<Recovers>()};
}

void CheckSet::acked(const AckedBatch& batch) {
  PartitionHistory& partition = history_.partition(batch.partition);
  if (!batch.probe) {
    tally_.records_acked += batch.count;
    ++tally_.batches_acked;
    tally_.latency_sum_ns += static_cast<std::uint64_t>((batch.at - batch.sent).count());
  }
  if (batch.base_offset < 0) return;  // acks=0, or a duplicate whose offset the broker no longer knew
  if (partition.excused(batch.sent, batch.base_offset)) {
    tally_.records_excused += batch.count;
    return;
  }
  for (Check* check : record_checks_) check->on_acked(history_, batch);
  for (std::uint32_t at = 0; at < batch.count; ++at) {
    partition.note(batch.base_offset + at, batch.client, batch.first_sequence + at, Slot::acknowledged);
  }
  partition.note_acknowledged_until(batch.at, batch.base_offset + batch.count);
}

void CheckSet::identify(PartitionId partition, ByteView value, ObservedRecord& record) const {
  const auto tag = read_payload(value);
  record.state = tag ? TagState::intact : TagState::damaged;
  record.foreign = false;
  if (!tag) return;
  record.tag = *tag;
  record.foreign = tag->partition != partition || tag->sequence >= history_.partition(partition).sent(tag->client);
}

void CheckSet::read(ReadBatch batch) {
  PartitionHistory& partition = history_.partition(batch.partition);
  ReadSession& session = *batch.session;
  if (session.generation != partition.generation()) {
    session = ReadSession{.position = session.position, .generation = partition.generation(), .last = {}};
  }
  if (!batch.records.empty() && partition.excused(batch.begun, batch.records.back().offset)) {
    // Asked for before the fault was over: what stood above the floor may be gone by now.
    const auto kept = std::ranges::find_if(
        batch.records, [&](const ObservedRecord& one) { return partition.excused(batch.begun, one.offset); });
    session.position = batch.records.back().offset + 1;
    tally_.records_excused += static_cast<std::uint64_t>(batch.records.end() - kept);
    batch.high_watermark = -1;
    batch.records = {};
    return;
  }
  if (batch.high_watermark >= 0 && partition.excused(batch.begun, batch.high_watermark)) batch.high_watermark = -1;
  for (Check* check : record_checks_) check->on_read(history_, batch);
  const auto flags = static_cast<std::uint8_t>(batch.sweep ? Slot::read | Slot::swept : Slot::read);
  std::uint64_t probes = 0;
  for (const ObservedRecord& record : batch.records) {
    if (record.state == TagState::intact && !record.foreign) {
      partition.note(record.offset, record.tag.client, record.tag.sequence, flags);
      if (record.tag.workload == probe_workload) ++probes;
    }
  }
  if (!batch.records.empty()) session.position = batch.records.back().offset + 1;
  session.high_watermark = std::max(session.high_watermark, batch.high_watermark);
  session.log_start = std::max(session.log_start, batch.log_start);
  (batch.sweep ? tally_.records_swept : tally_.records_read) += batch.records.size() - probes;
}

void CheckSet::looked_up(const TimeLookup& lookup) {
  for (Check* check : record_checks_) check->on_lookup(history_, lookup);
}

void CheckSet::thrown_out(const ThrownOut& consumer) {
  for (Check* check : record_checks_) check->on_thrown_out(history_, consumer);
}

void CheckSet::finish(Instant at) {
  for (Check* check : record_checks_) check->at_end(history_, at);
  tally_.records_excused = 0;
  for (PartitionId id = 0; id < history_.size(); ++id) tally_.records_excused += history_.partition(id).excused_records();
}

const Check& CheckSet::named(std::string_view name) const {
  const auto found = std::ranges::find(checks_, name, [](const auto& check) { return check->name(); });
  SQUALL_ASSERT(found != checks_.end(), "a check is asked for by its name");
  return **found;
}

std::vector<CheckInfo> all_checks() {
  std::vector<CheckInfo> list;
  const CheckSet set{AvailabilityBounds{}};
  for (const auto& check : set.checks()) list.push_back({check->name(), check->property()});
  list.push_back({"time_moves", "The cluster never spins without virtual time moving on."});
  list.push_back({"nothing_asserts", "No assert of the product fails."});
  list.push_back({"run_did_something", "The run did and compared enough to prove anything."});
  return list;
}

std::vector<std::string> closed_gates(const Gates& gates, const Tally& tally, std::uint64_t faults_that_hit) {
  std::vector<std::string> closed;
  const auto gate = [&](std::int64_t wanted, std::uint64_t had, std::string_view what) {
    if (wanted > 0 && had < static_cast<std::uint64_t>(wanted)) {
      closed.push_back(fmt::format("only {} of at least {} {}", had, wanted, what));
    }
  };
  gate(gates.acked_min, tally.records_acked, "records were acknowledged");
  gate(gates.read_min, tally.records_read, "records were read");
  gate(gates.faults_min, faults_that_hit, "faults changed something");
  gate(gates.operations_min, tally.operations, "admin operations succeeded");
  return closed;
}

}  // namespace squall::scenarios
