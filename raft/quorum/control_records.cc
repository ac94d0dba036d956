#include "raft/quorum/control_records.h"

#include <utility>

#include "base/assert.h"
#include "protocol/messages/control_records.h"
#include "protocol/reader.h"
#include "protocol/record_batch_builder.h"
#include "protocol/writer.h"

namespace squall::raft {
namespace {

using protocol::ControlType;

template <class Message>
ByteBuffer encoded(const Message& message) {
  ByteBuffer bytes;
  protocol::Writer writer{bytes};
  const auto result = encode(writer, message.version, message);
  SQUALL_ASSERT(result, "control records carry what we put into them");
  writer.finish();
  return bytes;
}

template <class Message>
bool decoded(ByteView bytes, Message& message) {
  // The version stands first in the value.
  if (bytes.size() < sizeof(std::int16_t)) return false;
  const auto version = load_be<std::int16_t>(bytes.data());
  if (version < Message::version_min || version > Message::version_max) return false;
  protocol::Reader reader{bytes};
  return decode(reader, version, message).has_value() && reader.remaining() == 0;
}

protocol::LeaderChangeMessage leader_change(const AppendEpochStart& append, std::int16_t kraft_version) {
  protocol::LeaderChangeMessage message;
  message.version = kraft_version >= dynamic_voters_version ? 1 : 0;
  message.leader_id = append.leader.value();
  for (const ReplicaKey& key : append.voters) message.voters.push_back({key.id.value(), key.directory});
  for (const ReplicaKey& key : append.granting_voters) message.granting_voters.push_back({key.id.value(), key.directory});
  if (message.version == 0) {
    for (auto& voter : message.voters) voter.voter_directory_id = {};
    for (auto& voter : message.granting_voters) voter.voter_directory_id = {};
  }
  return message;
}

protocol::VotersRecord voters_record(const VoterSet& voters) {
  protocol::VotersRecord message;
  for (const Voter& voter : voters.voters()) {
    auto& out = message.voters.emplace_back();
    out.voter_id = voter.key.id.value();
    out.voter_directory_id = voter.key.directory;
    for (const Endpoint& endpoint : voter.endpoints) out.endpoints.push_back({endpoint.name, endpoint.host, endpoint.port});
    out.kraft_version_feature = {voter.kraft_versions.min, voter.kraft_versions.max};
  }
  return message;
}

VoterSet voter_set(const protocol::VotersRecord& message) {
  std::vector<Voter> voters;
  for (const auto& in : message.voters) {
    Voter voter{
        .key = {NodeId{in.voter_id}, in.voter_directory_id},
        .endpoints = {},
        .kraft_versions = {in.kraft_version_feature.min_supported_version, in.kraft_version_feature.max_supported_version}};
    for (const auto& endpoint : in.endpoints) voter.endpoints.push_back({endpoint.name, endpoint.host, endpoint.port});
    voters.push_back(std::move(voter));
  }
  return VoterSet{std::move(voters)};
}

std::vector<ReplicaKey> keys(const std::vector<protocol::LeaderChangeMessage::Voter>& voters) {
  std::vector<ReplicaKey> all;
  for (const auto& voter : voters) all.push_back({NodeId{voter.voter_id}, voter.voter_directory_id});
  return all;
}

class ControlBatch {
 public:
  ControlBatch(Offset base, LeaderEpoch epoch, std::int64_t timestamp_ms) : timestamp_ms_{timestamp_ms} {
    protocol::BatchOptions options;
    options.control = true;
    options.base_offset = base;
    options.partition_leader_epoch = epoch;
    builder_.start(options);
  }
  template <class Message>
  void add(ControlType type, const Message& message) {
    builder_.append_control(timestamp_ms_, type, encoded(message));
  }
  void add(std::int16_t kraft_version) {
    add(ControlType::kraft_version, protocol::KRaftVersionRecord{.version = 0, .kraft_version = kraft_version});
  }
  void add(const VoterSet& voters) { add(ControlType::kraft_voters, voters_record(voters)); }
  ByteBuffer take() {
    (void)builder_.finish();
    return builder_.take();
  }

 private:
  protocol::RecordBatchBuilder builder_;
  std::int64_t timestamp_ms_;
};

}  // namespace

ByteBuffer build_batch(const AppendEpochStart& append, std::int16_t kraft_version, std::int64_t timestamp_ms) {
  ControlBatch batch{append.base, append.epoch, timestamp_ms};
  batch.add(ControlType::leader_change, leader_change(append, kraft_version));
  if (append.kraft_version) batch.add(*append.kraft_version);
  if (append.voter_set) batch.add(*append.voter_set);
  return batch.take();
}

ByteBuffer build_batch(const AppendVoters& append, std::int64_t timestamp_ms) {
  ControlBatch batch{append.base, append.epoch, timestamp_ms};
  if (append.kraft_version) batch.add(*append.kraft_version);
  batch.add(*append.voters);
  return batch.take();
}

ByteBuffer build_snapshot_start(std::int64_t last_timestamp_ms, std::int16_t kraft_version, const VoterSet* voters,
                                LeaderEpoch epoch) {
  ControlBatch batch{Offset{0}, epoch, last_timestamp_ms};
  batch.add(ControlType::snapshot_header,
            protocol::SnapshotHeaderRecord{.version = 0, .last_contained_log_timestamp = last_timestamp_ms});
  if (kraft_version >= dynamic_voters_version) {
    batch.add(kraft_version);
    if (voters != nullptr) batch.add(*voters);
  }
  return batch.take();
}

ByteBuffer build_snapshot_end(Offset base, LeaderEpoch epoch, std::int64_t timestamp_ms) {
  ControlBatch batch{base, epoch, timestamp_ms};
  batch.add(ControlType::snapshot_footer, protocol::SnapshotFooterRecord{});
  return batch.take();
}

std::expected<std::optional<ControlRecord>, std::string_view> parse_control_record(const protocol::RecordView& record) {
  const auto type = protocol::control_type_of(record);
  if (!type) return std::nullopt;
  const auto read = [&](auto message, std::string_view broken,
                        auto convert) -> std::expected<std::optional<ControlRecord>, std::string_view> {
    if (!record.value || !decoded(*record.value, message)) return std::unexpected{broken};
    return std::optional<ControlRecord>{convert(message)};
  };
  switch (*type) {
    case ControlType::leader_change:
      return read(protocol::LeaderChangeMessage{}, "a LeaderChange record that cannot be read", [](const auto& message) {
        return LeaderChange{NodeId{message.leader_id}, keys(message.voters), keys(message.granting_voters)};
      });
    case ControlType::snapshot_header:
      return read(protocol::SnapshotHeaderRecord{}, "a SnapshotHeader record that cannot be read",
                  [](const auto& message) { return SnapshotHeader{message.last_contained_log_timestamp}; });
    case ControlType::snapshot_footer:
      return read(protocol::SnapshotFooterRecord{}, "a SnapshotFooter record that cannot be read",
                  [](const auto&) { return SnapshotFooter{}; });
    case ControlType::kraft_version:
      return read(protocol::KRaftVersionRecord{}, "a KRaftVersion record that cannot be read",
                  [](const auto& message) { return KRaftVersion{message.kraft_version}; });
    case ControlType::kraft_voters:
      return read(protocol::VotersRecord{}, "a KRaftVoters record that cannot be read",
                  [](const auto& message) { return voter_set(message); });
    case ControlType::abort:
    case ControlType::commit: break;
  }
  return std::nullopt;
}

std::expected<std::optional<LeaderChange>, std::string_view> read_voter_changes(const protocol::RecordBatchView& batch,
                                                                                std::vector<VoterChange>& changes) {
  std::optional<LeaderChange> leader;
  if (!batch.is_control()) return leader;
  if (batch.codec() != protocol::Codec::none) return std::unexpected{"a control batch that is compressed"};
  protocol::RecordReader reader{batch, batch.payload()};
  protocol::RecordView record;
  while (reader.next(record)) {
    auto parsed = parse_control_record(record);
    if (!parsed) return std::unexpected{parsed.error()};
    if (!*parsed) continue;
    if (const auto* version = std::get_if<KRaftVersion>(&**parsed)) {
      changes.push_back({record.offset, version->version});
    } else if (auto* voters = std::get_if<VoterSet>(&**parsed)) {
      changes.push_back({record.offset, std::make_shared<const VoterSet>(std::move(*voters))});
    } else if (auto* change = std::get_if<LeaderChange>(&**parsed)) {
      leader = std::move(*change);
    }
  }
  if (reader.failed()) return std::unexpected{"a control batch whose records cannot be read"};
  return leader;
}

}  // namespace squall::raft
