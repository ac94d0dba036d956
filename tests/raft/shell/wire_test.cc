// The quorum's messages survive the wire in every version, and what is not for this quorum is refused.
#include "raft/shell/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/reader.h"
#include "protocol/record_batch_builder.h"
#include "protocol/writer.h"
#include "raft/quorum/control_records.h"

namespace squall::raft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view cluster = "MkU3OEVBNTcwNTJENDM2Qg";
constexpr std::string_view listener = "CONTROLLER";
const Uuid our_directory{1, 2};
const Uuid their_directory{3, 4};
const Endpoints leader_endpoints{{"CONTROLLER", "node7", 9093}, {"OTHER", "node7", 9094}};
const CurrentLeader leader_7{.leader = NodeId{7}, .epoch = LeaderEpoch{12}, .endpoints = leader_endpoints};
// What an answer can tell of it: the endpoint of the listener that was asked.
const Endpoints told_endpoints{{"CONTROLLER", "node7", 9093}};

WireContext context_of(std::int16_t version) {
  return {.cluster_id = cluster, .version = version, .local = NodeId{1}, .listener = listener};
}

template <class Message>
Message over_the_wire(const Message& message, std::int16_t version, ByteBuffer& bytes) {
  bytes.clear();
  {
    protocol::Writer writer{bytes};
    const auto encoded = encode(writer, version, message);
    EXPECT_TRUE(encoded.has_value()) << Message::message_name << " v" << version << ": " << encoded.error().field;
  }
  Message decoded;
  protocol::Reader reader{bytes};
  EXPECT_TRUE(decode(reader, version, decoded).has_value()) << Message::message_name << " v" << version;
  EXPECT_EQ(reader.position(), bytes.size());
  return decoded;
}
template <class Message>
Message over_the_wire(const Message& message, std::int16_t version) {
  ByteBuffer bytes;
  return over_the_wire(message, version, bytes);
}

// Calls `check` with what arrives of the request, for each version in which it can be sent.
template <class Message, class Check>
void for_versions(const Message& message, std::int16_t first, Check check) {
  for (std::int16_t version = first; version <= Message::version_max; ++version) {
    SCOPED_TRACE(std::string{Message::message_name} + " v" + std::to_string(version));
    const auto arrived = read(over_the_wire(message, version), context_of(version));
    ASSERT_TRUE(arrived.has_value()) << protocol::to_string(arrived.error());
    check(*arrived, version);
  }
}

// ---- requests ----

TEST(Wire, AVoteIsAskedForInEveryVersion) {
  const VoteRequest asked{.voter = {NodeId{2}, their_directory},
                          .epoch = LeaderEpoch{5},
                          .candidate = {NodeId{1}, our_directory},
                          .last = {LeaderEpoch{4}, Offset{77}},
                          .pre_vote = false};
  for_versions(write(asked, cluster), 0, [&](const VoteRequest& arrived, int version) {
    EXPECT_EQ(arrived.voter, version == 0 ? ReplicaKey{} : asked.voter);
    EXPECT_EQ(arrived.candidate, (ReplicaKey{NodeId{1}, version == 0 ? Uuid{} : our_directory}));
    EXPECT_EQ(arrived.epoch, asked.epoch);
    EXPECT_EQ(arrived.last, asked.last);
    EXPECT_FALSE(arrived.pre_vote);
  });
}

TEST(Wire, APreVoteIsNeverSentAsARealOne) {
  const protocol::VoteRequest message = write(VoteRequest{.epoch = LeaderEpoch{1},
                                                          .candidate = {NodeId{1}, our_directory},
                                                          .last = {LeaderEpoch{0}, Offset{0}},
                                                          .pre_vote = true},
                                              cluster);
  for (const std::int16_t version : {std::int16_t{0}, std::int16_t{1}}) {
    ByteBuffer bytes;
    protocol::Writer writer{bytes};
    EXPECT_FALSE(encode(writer, version, message).has_value());
  }
  EXPECT_TRUE(read(over_the_wire(message, 2), context_of(2))->pre_vote);
}

TEST(Wire, ALeaderBeginsItsEpochInEveryVersion) {
  const BeginQuorumEpochRequest told{.voter = {NodeId{2}, their_directory},
                                     .leader = NodeId{7},
                                     .epoch = LeaderEpoch{12},
                                     .leader_endpoints = leader_endpoints};
  for_versions(write(told, cluster), 0, [&](const BeginQuorumEpochRequest& arrived, int version) {
    EXPECT_EQ(arrived.voter, version == 0 ? ReplicaKey{} : told.voter);
    EXPECT_EQ(arrived.leader, told.leader);
    EXPECT_EQ(arrived.epoch, told.epoch);
    EXPECT_EQ(arrived.leader_endpoints, version == 0 ? Endpoints{} : leader_endpoints);
  });
}

TEST(Wire, ALeaderEndsItsEpochInEveryVersion) {
  const EndQuorumEpochRequest told{.leader = NodeId{7},
                                   .epoch = LeaderEpoch{12},
                                   .preferred_candidates = {{NodeId{2}, their_directory}, {NodeId{1}, our_directory}},
                                   .leader_endpoints = leader_endpoints};
  for_versions(write(told, cluster), 0, [&](const EndQuorumEpochRequest& arrived, int version) {
    EXPECT_EQ(arrived.leader, told.leader);
    EXPECT_EQ(arrived.epoch, told.epoch);
    if (version == 0) {
      EXPECT_THAT(arrived.preferred_candidates, ElementsAre(ReplicaKey{NodeId{2}}, ReplicaKey{NodeId{1}}));
      EXPECT_THAT(arrived.leader_endpoints, IsEmpty());
    } else {
      EXPECT_EQ(arrived.preferred_candidates, told.preferred_candidates);
      EXPECT_EQ(arrived.leader_endpoints, leader_endpoints);
    }
  });
}

TEST(Wire, AFetchArrivesInEveryVersionThatReplicasSpeak) {
  const FetchRequest asked{.replica = {NodeId{2}, their_directory},
                           .epoch = LeaderEpoch{12},
                           .position = {LeaderEpoch{11}, Offset{500}},
                           .high_watermark = Offset{490},
                           .wait_max = std::chrono::milliseconds{500}};
  const protocol::FetchRequest message = write(asked, cluster, 1 << 20);
  for_versions(message, 15, [&](const FetchRequest& arrived, int version) {
    EXPECT_EQ(arrived.replica, (ReplicaKey{NodeId{2}, version < 17 ? Uuid{} : their_directory}));
    EXPECT_EQ(arrived.epoch, asked.epoch);
    EXPECT_EQ(arrived.position, asked.position);
    EXPECT_EQ(arrived.high_watermark, version < 18 ? high_watermark_not_stated : asked.high_watermark);
    EXPECT_EQ(arrived.wait_max, asked.wait_max);
  });
  EXPECT_EQ(bytes_wanted(message), std::uint64_t{1} << 20);
}

TEST(Wire, AFetchOfAnOlderReplicaNamesItInTheMessage) {
  protocol::FetchRequest message =
      write(FetchRequest{.epoch = LeaderEpoch{1}, .position = {LeaderEpoch{0}, Offset{0}}}, cluster, 0);
  message.replica_id = 3;
  for (std::int16_t version = 12; version < 15; ++version) {
    const auto arrived = read(over_the_wire(message, version), context_of(version));
    ASSERT_TRUE(arrived.has_value());
    EXPECT_EQ(arrived->replica.id, NodeId{3}) << version;
  }
}

TEST(Wire, APieceOfASnapshotIsAskedForInEveryVersion) {
  const FetchSnapshotRequest asked{.replica = {NodeId{2}, their_directory},
                                   .epoch = LeaderEpoch{12},
                                   .id = {LeaderEpoch{9}, Offset{4000}},
                                   .position = 123'456};
  for_versions(write(asked, cluster, 777), 0, [&](const FetchSnapshotRequest& arrived, int version) {
    EXPECT_EQ(arrived.replica, (ReplicaKey{NodeId{2}, version == 0 ? Uuid{} : their_directory}));
    EXPECT_EQ(arrived.epoch, asked.epoch);
    EXPECT_EQ(arrived.id, asked.id);
    EXPECT_EQ(arrived.position, asked.position);
  });
  EXPECT_EQ(bytes_wanted(write(asked, cluster, 777)), 777U);
}

TEST(Wire, VotersAreAddedRemovedAndUpdatedInEveryVersion) {
  const AddVoterRequest add{.voter = {NodeId{4}, their_directory}, .endpoints = leader_endpoints, .ack_when_committed = true};
  for_versions(write(add, cluster, 1000), 0, [&](const AddVoterRequest& arrived, int) {
    EXPECT_EQ(arrived.voter, add.voter);
    EXPECT_EQ(arrived.endpoints, add.endpoints);
    EXPECT_TRUE(arrived.ack_when_committed);
  });
  AddVoterRequest hasty = add;
  hasty.ack_when_committed = false;
  for_versions(write(hasty, cluster, 1000), 1,
               [](const AddVoterRequest& arrived, int) { EXPECT_FALSE(arrived.ack_when_committed); });
  const RemoveVoterRequest remove{.voter = {NodeId{4}, their_directory}};
  for_versions(write(remove, cluster), 0,
               [&](const RemoveVoterRequest& arrived, int) { EXPECT_EQ(arrived.voter, remove.voter); });
  const UpdateVoterRequest update{
      .epoch = LeaderEpoch{12},
      .voter = {.key = {NodeId{4}, their_directory}, .endpoints = leader_endpoints, .kraft_versions = {0, 1}}};
  for_versions(write(update, cluster), 0, [&](const UpdateVoterRequest& arrived, int) {
    EXPECT_EQ(arrived.epoch, update.epoch);
    EXPECT_EQ(arrived.voter, update.voter);
  });
}

// ---- answers ----

template <class Answer, class Check>
void for_answer_versions(const Answer& answer, std::int16_t first, std::int16_t last, Check check) {
  for (std::int16_t version = first; version <= last; ++version) {
    const auto message = write(answer, context_of(version));
    SCOPED_TRACE(std::string{message.message_name} + " v" + std::to_string(version));
    const auto arrived = [&] {
      if constexpr (requires { read(message, listener); }) {
        return read(over_the_wire(message, version), listener);
      } else {
        return read(over_the_wire(message, version));
      }
    }();
    ASSERT_TRUE(arrived.has_value());
    check(*arrived, version);
  }
}

void expect_leader(const CurrentLeader& current, bool with_endpoints) {
  EXPECT_EQ(current.leader, leader_7.leader);
  EXPECT_EQ(current.epoch, leader_7.epoch);
  EXPECT_EQ(current.endpoints, with_endpoints ? told_endpoints : Endpoints{});
}

TEST(Wire, AnswersOfElectionsTellWhoLeadsAndWhereFromVersionOneOn) {
  for (const ErrorCode error : {ErrorCode::none, ErrorCode::fenced_leader_epoch, ErrorCode::invalid_voter_key}) {
    const VoteResponse vote{.error = error, .current = leader_7, .granted = error == ErrorCode::none};
    for_answer_versions(vote, 0, 2, [&](const VoteResponse& arrived, int version) {
      EXPECT_EQ(arrived.error, error);
      EXPECT_EQ(arrived.granted, vote.granted);
      expect_leader(arrived.current, version >= 1);
    });
    const BeginQuorumEpochResponse begin{.error = error, .current = leader_7};
    for_answer_versions(begin, 0, 1, [&](const BeginQuorumEpochResponse& arrived, int version) {
      EXPECT_EQ(arrived.error, error);
      expect_leader(arrived.current, version >= 1);
    });
    const EndQuorumEpochResponse end{.error = error, .current = leader_7};
    for_answer_versions(end, 0, 1, [&](const EndQuorumEpochResponse& arrived, int version) {
      EXPECT_EQ(arrived.error, error);
      expect_leader(arrived.current, version >= 1);
    });
  }
}

TEST(Wire, ALeaderThatIsNotKnownHasNoEndpoint) {
  for_answer_versions(VoteResponse{.error = ErrorCode::none, .current = {.epoch = LeaderEpoch{3}}, .granted = true}, 0, 2,
                      [](const VoteResponse& arrived, int) {
                        EXPECT_EQ(arrived.current, (CurrentLeader{.leader = no_node, .epoch = LeaderEpoch{3}}));
                      });
}

TEST(Wire, ALeaderIsToldByTheListenerThatWasAsked) {
  WireContext other = context_of(1);
  other.listener = "OTHER";
  const auto message = write(EndQuorumEpochResponse{.error = ErrorCode::none, .current = leader_7}, other);
  EXPECT_EQ(read(message, "OTHER")->current.endpoints, (Endpoints{{"OTHER", "node7", 9094}}));
  other.listener = "UNHEARD_OF";
  EXPECT_THAT(write(EndQuorumEpochResponse{.error = ErrorCode::none, .current = leader_7}, other).node_endpoints, IsEmpty());
}

TEST(Wire, AnswersToChangesOfVotersTellTheErrorAndWhy) {
  for_answer_versions(AddVoterResponse{ErrorCode::duplicate_voter, "node 4 is a voter already"}, 0, 1,
                      [](const AddVoterResponse& arrived, int) {
                        EXPECT_EQ(arrived.error, ErrorCode::duplicate_voter);
                        EXPECT_EQ(arrived.message, "node 4 is a voter already");
                      });
  for_answer_versions(RemoveVoterResponse{ErrorCode::none, ""}, 0, 0, [](const RemoveVoterResponse& arrived, int) {
    EXPECT_EQ(arrived.error, ErrorCode::none);
    EXPECT_EQ(arrived.message, "");
  });
  for_answer_versions(UpdateVoterResponse{ErrorCode::not_leader_or_follower, leader_7}, 0, 0,
                      [](const UpdateVoterResponse& arrived, int) {
                        EXPECT_EQ(arrived.error, ErrorCode::not_leader_or_follower);
                        expect_leader(arrived.current, true);
                      });
}

ByteBuffer data_batch(std::int64_t base, std::int32_t epoch, int records) {
  protocol::RecordBatchBuilder builder;
  builder.start({.base_offset = Offset{base}, .partition_leader_epoch = LeaderEpoch{epoch}});
  for (int i = 0; i < records; ++i) builder.append(1000, std::nullopt, as_bytes("value"));
  (void)builder.finish();
  return builder.take();
}

VoterSet three_voters() {
  std::vector<Voter> voters;
  for (int id = 1; id <= 3; ++id) {
    voters.push_back({.key = {NodeId{id}, Uuid{9, static_cast<std::uint64_t>(id)}},
                      .endpoints = {{"CONTROLLER", "node" + std::to_string(id), 9093}},
                      .kraft_versions = {0, 1}});
  }
  return VoterSet{std::move(voters)};
}

ByteBuffer joined(const std::vector<ByteBuffer>& parts) {
  ByteBuffer all;
  for (const ByteBuffer& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// The answer as it arrives with these records in it.
std::optional<FetchResponse> arrive(const FetchResponse& answer, ByteView records, std::int16_t version, ByteBuffer& bytes,
                                    ByteView* found) {
  protocol::FetchResponse message = write(answer, context_of(version), records.size());
  EXPECT_EQ(message.responses.at(0).partitions.at(0).records.external_bytes, records.size());
  message.responses[0].partitions[0].records = protocol::Records::of(records);
  return read(over_the_wire(message, version, bytes), listener, found);
}

TEST(Wire, AFetchIsAnsweredInEveryVersionWithItsBatchesAndTheVotersInThem) {
  const auto voters = std::make_shared<const VoterSet>(three_voters());
  const ByteBuffer records = joined(
      {data_batch(10, 3, 2),
       build_batch(
           AppendVoters{.base = Offset{12}, .epoch = LeaderEpoch{4}, .kraft_version = std::int16_t{1}, .voters = voters}, 1000),
       data_batch(14, 4, 1)});
  const FetchResponse answer{.error = ErrorCode::none,
                             .current = leader_7,
                             .high_watermark = Offset{11},
                             .log_start = Offset{5},
                             .records_from = Offset{10},
                             .records_end = Offset{15}};
  for (std::int16_t version = 12; version <= protocol::FetchResponse::version_max; ++version) {
    SCOPED_TRACE(version);
    ByteBuffer bytes;
    ByteView found;
    const auto arrived = arrive(answer, records, version, bytes, &found);
    ASSERT_TRUE(arrived.has_value());
    EXPECT_EQ(arrived->error, ErrorCode::none);
    expect_leader(arrived->current, version >= 16);
    EXPECT_EQ(arrived->high_watermark, Offset{11});
    EXPECT_EQ(arrived->log_start, Offset{5});
    EXPECT_FALSE(arrived->diverging.has_value());
    EXPECT_FALSE(arrived->snapshot.has_value());
    ASSERT_EQ(arrived->batches.size(), 3U);
    EXPECT_EQ(arrived->batches[1].base, Offset{12});
    EXPECT_EQ(arrived->batches[1].end, Offset{14});
    EXPECT_EQ(arrived->batches[2].epoch, LeaderEpoch{4});
    ASSERT_EQ(arrived->changes.size(), 2U);
    EXPECT_EQ(std::get<std::int16_t>(arrived->changes[0].value), 1);
    EXPECT_EQ(arrived->changes[1].offset, Offset{13});
    EXPECT_EQ(*std::get<VoterSetPtr>(arrived->changes[1].value), *voters);
    EXPECT_EQ(as_text(found), as_text(records));
  }
}

TEST(Wire, AnAnswerWithoutRecordsIsOneToo) {
  const FetchResponse answer{
      .error = ErrorCode::none, .current = leader_7, .high_watermark = no_offset, .log_start = Offset{0}};
  ByteBuffer bytes;
  const auto arrived = arrive(answer, {}, 18, bytes, nullptr);
  ASSERT_TRUE(arrived.has_value());
  EXPECT_EQ(arrived->high_watermark, no_offset);
  EXPECT_THAT(arrived->batches, IsEmpty());
}

TEST(Wire, AFetchIsSentElsewhereInEveryVersion) {
  for (std::int16_t version = 12; version <= protocol::FetchResponse::version_max; ++version) {
    FetchResponse answer{.error = ErrorCode::none, .current = leader_7, .high_watermark = Offset{11}, .log_start = Offset{5}};
    ByteBuffer bytes;
    answer.diverging = {LeaderEpoch{3}, Offset{40}};
    EXPECT_EQ(arrive(answer, {}, version, bytes, nullptr)->diverging, answer.diverging);
    answer.diverging = std::nullopt;
    answer.snapshot = {LeaderEpoch{2}, Offset{30}};
    EXPECT_EQ(arrive(answer, {}, version, bytes, nullptr)->snapshot, answer.snapshot);
    answer.error = ErrorCode::fenced_leader_epoch;
    EXPECT_EQ(arrive(answer, {}, version, bytes, nullptr)->error, ErrorCode::fenced_leader_epoch);
  }
}

TEST(Wire, BatchesThatCannotBeTrustedAreNoAnswer) {
  ByteBuffer flipped = data_batch(10, 3, 2);
  flipped.back() ^= 1;
  ByteBuffer half = data_batch(10, 3, 2);
  half.resize(half.size() / 2 + 30);
  ByteBuffer alien = data_batch(10, 3, 2);
  alien[16] = 7;
  struct Row {
    const char* what;
    ByteBuffer records;
    std::optional<std::size_t> batches;
  };
  const std::vector<Row> table{
      {"a flipped bit", flipped, std::nullopt},
      {"a flipped bit behind a good batch", joined({data_batch(8, 3, 2), flipped}), std::nullopt},
      {"half a batch and nothing else", half, std::nullopt},
      {"half a batch behind a good one", joined({data_batch(8, 3, 2), half}), 1},
      {"a format that never was", alien, std::nullopt},
      {"a gap", joined({data_batch(7, 3, 2), data_batch(10, 3, 1)}), std::nullopt},
      {"an overlap", joined({data_batch(9, 3, 2), data_batch(10, 3, 1)}), std::nullopt},
      {"two that follow each other", joined({data_batch(8, 3, 2), data_batch(10, 3, 1)}), 2},
  };
  for (const Row& row : table) {
    SCOPED_TRACE(row.what);
    ByteBuffer bytes;
    ByteView found;
    const FetchResponse answer{
        .error = ErrorCode::none, .current = leader_7, .high_watermark = Offset{1}, .log_start = Offset{0}};
    const auto arrived = arrive(answer, row.records, 18, bytes, &found);
    ASSERT_EQ(arrived.has_value(), row.batches.has_value());
    if (!arrived) continue;
    EXPECT_EQ(arrived->batches.size(), *row.batches);
    protocol::BatchCursor cursor{found};
    protocol::RecordBatchView batch;
    while (cursor.next(batch)) {
    }
    EXPECT_FALSE(cursor.error().has_value()) << "whole batches only";
  }
}

TEST(Wire, APieceOfASnapshotIsAnsweredInEveryVersion) {
  const FetchSnapshotResponse answer{.error = ErrorCode::none,
                                     .current = leader_7,
                                     .id = {LeaderEpoch{9}, Offset{4000}},
                                     .size_bytes = 100'000,
                                     .position = 4096};
  for (std::int16_t version = 0; version <= 1; ++version) {
    protocol::FetchSnapshotResponse message = write(answer, context_of(version), 5);
    EXPECT_EQ(message.topics.at(0).partitions.at(0).unaligned_records.external_bytes, 5U);
    message.topics[0].partitions[0].unaligned_records = protocol::Records::of(as_bytes("piece"));
    ByteBuffer bytes;
    ByteView piece;
    const auto arrived = read(over_the_wire(message, version, bytes), listener, &piece);
    ASSERT_TRUE(arrived.has_value());
    expect_leader(arrived->current, version >= 1);
    EXPECT_EQ(arrived->id, answer.id);
    EXPECT_EQ(arrived->size_bytes, answer.size_bytes);
    EXPECT_EQ(arrived->position, answer.position);
    EXPECT_EQ(arrived->bytes, 5);
    EXPECT_EQ(as_text(piece), "piece");
  }
}

TEST(Wire, ApiVersionsTellWhichVotersAPeerCanBe) {
  protocol::ApiVersionsResponse message;
  EXPECT_EQ(read(message)->kraft_versions, (VersionRange{0, 0}));
  message.supported_features.push_back({.name = "metadata.version", .min_version = 7, .max_version = 27});
  message.supported_features.push_back({.name = "kraft.version", .min_version = 0, .max_version = 1});
  EXPECT_EQ(read(over_the_wire(message, 4))->kraft_versions, (VersionRange{0, 1}));
}

TEST(Wire, AnApiVersionsAnswerWithoutVoteIsThatOfABrokerAndNoVoters) {
  protocol::ApiVersionsResponse message;
  message.supported_features.push_back({.name = "kraft.version", .min_version = 0, .max_version = 1});
  message.api_keys.push_back({.api_key_ = 1, .min_version = 4, .max_version = 18});
  EXPECT_EQ(read(over_the_wire(message, 4))->error, ErrorCode::unsupported_version);
  message.api_keys.push_back({.api_key_ = 52, .min_version = 0, .max_version = 2});
  EXPECT_EQ(read(over_the_wire(message, 4))->error, ErrorCode::none);
}

// ---- refusals ----

template <class Message>
void expect_refused(Message message, std::int16_t version, ErrorCode error, const char* what) {
  const auto arrived = read(message, context_of(version));
  ASSERT_FALSE(arrived.has_value()) << Message::message_name << ": " << what;
  EXPECT_EQ(protocol::to_string(arrived.error()), protocol::to_string(error)) << Message::message_name << ": " << what;
}

template <class Message>
void expect_cluster_checked(Message message, std::int16_t version) {
  message.cluster_id = "another";
  expect_refused(message, version, ErrorCode::inconsistent_cluster_id, "another cluster");
  message.cluster_id = std::nullopt;
  EXPECT_TRUE(read(message, context_of(version)).has_value()) << "without a cluster id";
}

// Each change makes the one partition another, none, or two.
template <class Message>
void expect_partition_checked(const Message& message, std::int16_t version, ErrorCode error) {
  Message changed = message;
  changed.topics.clear();
  expect_refused(changed, version, error, "no topic");
  changed = message;
  changed.topics.push_back(changed.topics[0]);
  expect_refused(changed, version, error, "two topics");
  changed = message;
  changed.topics[0].partitions.push_back(changed.topics[0].partitions[0]);
  expect_refused(changed, version, error, "two partitions");
  changed = message;
  auto& partition = changed.topics[0].partitions[0];
  if constexpr (requires { partition.partition_index; }) {
    partition.partition_index = 1;
    changed.topics[0].topic_name = metadata_topic_name;
  } else {
    partition.partition = 1;
  }
  expect_refused(changed, version, error, "partition 1");
}

const VoteRequest some_vote{.voter = {NodeId{2}, their_directory},
                            .epoch = LeaderEpoch{5},
                            .candidate = {NodeId{1}, our_directory},
                            .last = {LeaderEpoch{4}, Offset{77}}};
const FetchRequest some_fetch{
    .replica = {NodeId{2}, their_directory}, .epoch = LeaderEpoch{5}, .position = {LeaderEpoch{4}, Offset{77}}};

TEST(Wire, RequestsForAnotherClusterAreRefused) {
  expect_cluster_checked(write(some_vote, cluster), 2);
  expect_cluster_checked(write(BeginQuorumEpochRequest{.leader = NodeId{1}, .epoch = LeaderEpoch{1}}, cluster), 1);
  expect_cluster_checked(write(EndQuorumEpochRequest{.leader = NodeId{1}, .epoch = LeaderEpoch{1}}, cluster), 1);
  expect_cluster_checked(write(some_fetch, cluster, 1), 18);
  expect_cluster_checked(write(FetchSnapshotRequest{}, cluster, 1), 1);
  expect_cluster_checked(write(AddVoterRequest{}, cluster, 1), 1);
  expect_cluster_checked(write(RemoveVoterRequest{}, cluster), 0);
  expect_cluster_checked(write(UpdateVoterRequest{}, cluster), 0);
}

TEST(Wire, RequestsForAnotherPartitionAreRefused) {
  expect_partition_checked(write(some_vote, cluster), 2, ErrorCode::invalid_request);
  expect_partition_checked(write(BeginQuorumEpochRequest{.leader = NodeId{1}, .epoch = LeaderEpoch{1}}, cluster), 1,
                           ErrorCode::invalid_request);
  expect_partition_checked(write(EndQuorumEpochRequest{.leader = NodeId{1}, .epoch = LeaderEpoch{1}}, cluster), 1,
                           ErrorCode::invalid_request);
  expect_partition_checked(write(FetchSnapshotRequest{}, cluster, 1), 1, ErrorCode::unknown_topic_or_partition);

  protocol::VoteRequest vote = write(some_vote, cluster);
  vote.topics[0].topic_name = "orders";
  expect_refused(vote, 2, ErrorCode::invalid_request, "another topic");
  protocol::FetchRequest fetch = write(some_fetch, cluster, 1);
  fetch.topics[0].partitions[0].partition = 1;
  expect_refused(fetch, 18, ErrorCode::unknown_topic_or_partition, "partition 1");
  fetch = write(some_fetch, cluster, 1);
  fetch.topics[0].topic_id = Uuid{5, 5};
  expect_refused(fetch, 18, ErrorCode::unknown_topic_id, "another topic id");
  EXPECT_TRUE(read(fetch, context_of(12)).has_value()) << "version 12 goes by the name";
  fetch.topics[0].topic = "orders";
  expect_refused(fetch, 12, ErrorCode::unknown_topic_or_partition, "another topic");
  fetch.topics.clear();
  expect_refused(fetch, 18, ErrorCode::invalid_request, "no topic");
}

TEST(Wire, EpochsOffsetsAndWaitsThatCannotBeAreRefused) {
  protocol::VoteRequest vote = write(some_vote, cluster);
  vote.topics[0].partitions[0].replica_epoch = -1;
  expect_refused(vote, 2, ErrorCode::invalid_request, "no epoch");
  vote = write(some_vote, cluster);
  vote.topics[0].partitions[0].last_offset = -1;
  expect_refused(vote, 2, ErrorCode::invalid_request, "no offset");
  expect_refused(write(BeginQuorumEpochRequest{.leader = NodeId{1}, .epoch = no_epoch}, cluster), 1, ErrorCode::invalid_request,
                 "no epoch");
  expect_refused(write(EndQuorumEpochRequest{.leader = NodeId{1}, .epoch = no_epoch}, cluster), 1, ErrorCode::invalid_request,
                 "no epoch");
  protocol::FetchRequest fetch = write(some_fetch, cluster, 1);
  fetch.max_wait_ms = -1;
  expect_refused(fetch, 18, ErrorCode::invalid_request, "a wait below 0");
  fetch = write(some_fetch, cluster, 1);
  fetch.topics[0].partitions[0].fetch_offset = -1;
  expect_refused(fetch, 18, ErrorCode::invalid_request, "an offset below 0");
}

TEST(Wire, ARefusalHasItsCodeOnTopAndSaysNothingOfWhoLeads) {
  const auto vote = refusal<protocol::VoteResponse>(ErrorCode::inconsistent_cluster_id);
  const auto read_vote = read(over_the_wire(vote, 2), listener);
  ASSERT_TRUE(read_vote.has_value());
  EXPECT_EQ(read_vote->error, ErrorCode::inconsistent_cluster_id);
  EXPECT_EQ(read_vote->current.epoch, no_epoch);
  EXPECT_FALSE(read_vote->granted);
  const auto fetch = refusal<protocol::FetchResponse>(ErrorCode::unknown_topic_id);
  EXPECT_EQ(read(over_the_wire(fetch, 18), listener)->error, ErrorCode::unknown_topic_id);
}

TEST(Wire, AnswersThatMakeNoSenseAreNoAnswers) {
  protocol::VoteResponse vote = write(VoteResponse{.current = leader_7}, context_of(2));
  vote.topics[0].partitions[0].partition_index = 4;
  EXPECT_FALSE(read(vote, listener).has_value());
  vote.topics[0].partitions.clear();
  EXPECT_FALSE(read(vote, listener).has_value());
  vote.topics.clear();
  EXPECT_FALSE(read(vote, listener).has_value());
  vote = write(VoteResponse{.current = leader_7}, context_of(2));
  vote.topics[0].partitions[0].leader_id = -5;
  EXPECT_FALSE(read(vote, listener).has_value());
  protocol::FetchResponse fetch = write(FetchResponse{.current = leader_7}, context_of(18), 0);
  fetch.responses[0].topic_id = Uuid{5, 5};
  EXPECT_FALSE(read(fetch, listener).has_value());
}

}  // namespace
}  // namespace squall::raft
