// The control records of the metadata log and of its snapshots, to and from record batches (KIP-595, KIP-630, KIP-853).
//
// Each control record stands in a control batch; its key names its type, its value begins with its version.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "protocol/record.h"
#include "protocol/record_batch.h"
#include "raft/quorum/effects.h"

namespace squall::raft {

struct LeaderChange {
  NodeId leader = no_node;
  std::vector<ReplicaKey> voters{};
  std::vector<ReplicaKey> granting_voters{};
  bool operator==(const LeaderChange&) const = default;
};
struct SnapshotHeader {
  std::int64_t last_contained_log_timestamp_ms = 0;
  bool operator==(const SnapshotHeader&) const = default;
};
struct SnapshotFooter {
  bool operator==(const SnapshotFooter&) const = default;
};
struct KRaftVersion {
  std::int16_t version = 0;
  bool operator==(const KRaftVersion&) const = default;
};
using ControlRecord = std::variant<LeaderChange, SnapshotHeader, SnapshotFooter, KRaftVersion, VoterSet>;

// The batches that the effects of the same names ask for, ready to be written.
[[nodiscard]] ByteBuffer build_batch(const AppendEpochStart& append, std::int16_t kraft_version, std::int64_t timestamp_ms);
[[nodiscard]] ByteBuffer build_batch(const AppendVoters& append, std::int64_t timestamp_ms);
// The first batch of a snapshot: its header and, with dynamic voters, the kraft.version and the voters at its end.
[[nodiscard]] ByteBuffer build_snapshot_start(std::int64_t last_timestamp_ms, std::int16_t kraft_version,
                                              const VoterSet* voters, LeaderEpoch epoch);
// The last batch of a snapshot, at `base`.
[[nodiscard]] ByteBuffer build_snapshot_end(Offset base, LeaderEpoch epoch, std::int64_t timestamp_ms);

// The value of a control record. Nothing for a transaction marker or a type that is not known, which readers skip; an error if
// the record is broken or of a version that is not known.
[[nodiscard]] std::expected<std::optional<ControlRecord>, std::string_view> parse_control_record(
    const protocol::RecordView& record);
// The voters and kraft.versions in a batch, appended to `changes`, and its LeaderChange record if it has one. `batch` has been
// validated. Only looks into control batches.
[[nodiscard]] std::expected<std::optional<LeaderChange>, std::string_view> read_voter_changes(
    const protocol::RecordBatchView& batch, std::vector<VoterChange>& changes);

}  // namespace squall::raft
