// quorum-state and the control records, as Kafka reads and writes them.
#include <gtest/gtest.h>

#include "raft/quorum/control_records.h"
#include "raft/quorum/quorum_state.h"
#include "tests/raft/script.h"

namespace squall::raft::testing {
namespace {

std::string hex(ByteView bytes) {
  std::string text;
  for (const auto byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

struct Opened {
  Offset offset;
  ControlRecord record;
};

// The records of a batch that was built: whole, and a control batch.
std::vector<Opened> open(const ByteBuffer& bytes) {
  const protocol::RecordBatchView batch{bytes};
  EXPECT_TRUE(batch.validate());
  EXPECT_TRUE(batch.is_control());
  EXPECT_EQ(batch.size_bytes(), bytes.size());
  protocol::RecordReader reader{batch, batch.payload()};
  std::vector<Opened> records;
  protocol::RecordView view;
  while (reader.next(view)) {
    auto record = parse_control_record(view);
    EXPECT_TRUE(record && *record);
    if (record && *record) records.push_back({view.offset, **record});
  }
  EXPECT_FALSE(reader.failed());
  return records;
}

protocol::RecordView control(const ByteBuffer& key, ByteView value) {
  protocol::RecordView view;
  view.key = ByteView{key};
  view.value = value;
  return view;
}

TEST(QuorumState, IsWrittenAsKafkaDoes) {
  EXPECT_EQ(encode_quorum_state(election(5, 2, -1), static_voters_version, voters({1, 2})),
            R"({"clusterId":"","leaderId":2,"leaderEpoch":5,"votedId":-1,"appliedOffset":0,)"
            R"("currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0})");
  EXPECT_EQ(encode_quorum_state(election(5, -1, 3), dynamic_voters_version, voters({1, 2, 3})),
            R"({"leaderId":-1,"leaderEpoch":5,"votedId":3,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAZw","data_version":1})");
  EXPECT_EQ(encode_quorum_state({}, dynamic_voters_version, {}),
            R"({"leaderId":-1,"leaderEpoch":0,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1})");
}

TEST(QuorumState, WhatWasWrittenIsRead) {
  for (const ElectionState& state : {election(5, 2, -1), election(5, -1, 3), election(7, 1, 1), ElectionState{}}) {
    const auto read = parse_quorum_state(encode_quorum_state(state, dynamic_voters_version, {}));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(read->election, state);
    const auto old = parse_quorum_state(encode_quorum_state(state, static_voters_version, voters({1, 2})));
    ASSERT_TRUE(old) << old.error();
    EXPECT_EQ(old->election.epoch, state.epoch);
    EXPECT_EQ(old->election.voted, (ReplicaKey{state.voted.id, {}})) << "version 0 has no directories";
    EXPECT_EQ(old->voters, (std::vector{NodeId{1}, NodeId{2}}));
  }
}

TEST(QuorumState, SpacesOrderAndUnknownKeysDoNotMatter) {
  const auto read = parse_quorum_state(
      " {\n\"data_version\" : 0, \"votedId\": 4,\"else\":\"a\\\"b\", \"more\":[{\"x\":1}], \"leaderEpoch\":9,\"leaderId\":-1,"
      "\"currentVoters\":null }\n");
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->election, (ElectionState{LeaderEpoch{9}, no_node, {NodeId{4}, {}}}));
}

TEST(QuorumState, ABrokenFileIsToldInWords) {
  struct Case {
    const char* text;
    const char* error;
  };
  const char* shape = "not a JSON object of the kind that quorum-state is";
  const Case cases[] = {
      {"", shape},
      {"{", shape},
      {"[]", shape},
      {"{} {}", shape},
      {"{\"leaderId\":1.5}", shape},
      {"{\"leaderId\":99999999999999999999}", shape},
      {"{\"leaderId\"}", shape},
      {"{\"a\":[[1]]}", shape},
      {"{\"a\":[{\"b\":[{\"c\":1}]}]}", shape},
      {"{\"leaderId", shape},
      {"{\"leaderId\":1,\"leaderId\":2}", "'leaderId' is there twice"},
      {"{}", "'data_version' is missing"},
      {"{\"data_version\":2}", "data_version 2 is not known; 0 and 1 are"},
      {"{\"data_version\":-1}", "'data_version' is -1, which cannot be"},
      {"{\"data_version\":\"0\"}", "'data_version' is not a whole number"},
      {"{\"data_version\":0,\"leaderEpoch\":1,\"votedId\":1}", "'leaderId' is missing"},
      {"{\"data_version\":0,\"leaderId\":1,\"leaderEpoch\":-1,\"votedId\":1}", "'leaderEpoch' is -1, which cannot be"},
      {"{\"data_version\":0,\"leaderId\":1,\"leaderEpoch\":2147483648,\"votedId\":1}",
       "'leaderEpoch' is 2147483648, which cannot be"},
      {"{\"data_version\":0,\"leaderId\":1,\"leaderEpoch\":1}", "'votedId' is missing"},
      {"{\"data_version\":0,\"leaderId\":1,\"leaderEpoch\":1,\"votedId\":1,\"currentVoters\":7}",
       "'currentVoters' is not an array"},
      {"{\"data_version\":0,\"leaderId\":1,\"leaderEpoch\":1,\"votedId\":1,\"currentVoters\":[{}]}", "'voterId' is missing"},
      {"{\"data_version\":1,\"leaderId\":1,\"leaderEpoch\":1,\"votedId\":1}", "'votedDirectoryId' is missing"},
      {"{\"data_version\":1,\"leaderId\":1,\"leaderEpoch\":1,\"votedId\":1,\"votedDirectoryId\":\"x\"}",
       "'votedDirectoryId' is not a directory id"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.text);
    const auto read = parse_quorum_state(one.text);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), one.error);
  }
}

TEST(QuorumState, NoPrefixOfAFileIsAFile) {
  const std::string whole = encode_quorum_state(election(5, -1, 3), dynamic_voters_version, {});
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_FALSE(parse_quorum_state(whole.substr(0, i))) << i;
}

TEST(ControlRecords, TheFirstBatchOfAnEpochStandsAtItsOffsetsInItsEpoch) {
  const AppendEpochStart append{.base = Offset{7},
                                .epoch = LeaderEpoch{3},
                                .leader = NodeId{1},
                                .voters = {key(1), key(2)},
                                .granting_voters = {key(1)},
                                .kraft_version = 1,
                                .voter_set = std::make_shared<const VoterSet>(voters({1, 2}))};
  const ByteBuffer bytes = build_batch(append, 1, 1000);
  EXPECT_EQ(protocol::RecordBatchView{bytes}.partition_leader_epoch(), LeaderEpoch{3});
  const auto records = open(bytes);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].offset, Offset{7}) << "KAFKA-12331";
  EXPECT_EQ(records[0].record, ControlRecord{(LeaderChange{NodeId{1}, {key(1), key(2)}, {key(1)}})});
  EXPECT_EQ(records[1].record, ControlRecord{KRaftVersion{1}});
  EXPECT_EQ(records[2].record, ControlRecord{voters({1, 2})});
  EXPECT_EQ(records[2].offset, Offset{9});
}

TEST(ControlRecords, UnderStaticVotersNoDirectoryIsWritten) {
  const AppendEpochStart append{
      .base = Offset{0}, .epoch = LeaderEpoch{1}, .leader = NodeId{1}, .voters = {key(1)}, .granting_voters = {key(1)}};
  const auto records = open(build_batch(append, static_voters_version, 0));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].record, ControlRecord{(LeaderChange{NodeId{1}, {{NodeId{1}, {}}}, {{NodeId{1}, {}}}})});
}

TEST(ControlRecords, ValuesAreKafkasByteForByte) {
  const AppendEpochStart append{.base = Offset{0},
                                .epoch = LeaderEpoch{1},
                                .leader = NodeId{1},
                                .voters = {key(1)},
                                .granting_voters = {key(1)},
                                .kraft_version = 1};
  const ByteBuffer bytes = build_batch(append, static_voters_version, 0);
  const protocol::RecordBatchView batch{bytes};
  protocol::RecordReader reader{batch, batch.payload()};
  protocol::RecordView view;
  ASSERT_TRUE(reader.next(view));
  EXPECT_EQ(hex(*view.key), "00000002");
  EXPECT_EQ(hex(*view.value),
            "0000"
            "00000001"
            "02"
            "00000001"
            "00"
            "02"
            "00000001"
            "00"
            "00");
  ASSERT_TRUE(reader.next(view));
  EXPECT_EQ(hex(*view.key), "00000005");
  EXPECT_EQ(hex(*view.value),
            "0000"
            "0001"
            "00");
}

TEST(ControlRecords, ASnapshotBeginsAndEndsWithThem) {
  const VoterSet set = voters({1, 2, 3});
  const auto start = open(build_snapshot_start(1234, dynamic_voters_version, &set, LeaderEpoch{1}));
  ASSERT_EQ(start.size(), 3U);
  EXPECT_EQ(start[0].record, ControlRecord{SnapshotHeader{1234}});
  EXPECT_EQ(start[1].record, ControlRecord{KRaftVersion{1}});
  EXPECT_EQ(start[2].record, ControlRecord{set});
  EXPECT_EQ(open(build_snapshot_start(1234, static_voters_version, &set, LeaderEpoch{1})).size(), 1U);
  const auto end = open(build_snapshot_end(Offset{9}, LeaderEpoch{1}, 5));
  ASSERT_EQ(end.size(), 1U);
  EXPECT_EQ(end[0].offset, Offset{9});
  EXPECT_EQ(end[0].record, ControlRecord{SnapshotFooter{}});
}

TEST(ControlRecords, VoterChangesAreReadWithTheirOffsets) {
  const ByteBuffer bytes =
      build_batch(AppendVoters{Offset{4}, LeaderEpoch{2}, 1, std::make_shared<const VoterSet>(voters({1, 2}))}, 0);
  std::vector<VoterChange> changes;
  ASSERT_TRUE(read_voter_changes(protocol::RecordBatchView{bytes}, changes));
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].offset, Offset{4});
  EXPECT_EQ(std::get<std::int16_t>(changes[0].value), 1);
  EXPECT_EQ(changes[1].offset, Offset{5});
  EXPECT_EQ(*std::get<VoterSetPtr>(changes[1].value), voters({1, 2}));
}

TEST(ControlRecords, WhatCannotBeReadIsAnErrorWhatIsNotKnownIsSkipped) {
  struct Case {
    const char* what;
    ByteBuffer key;
    ByteBuffer value;
    bool error;
  };
  const Case cases[] = {
      {"a type of the future", {0, 0, 0, 77}, {0, 0}, false},
      {"no whole key", {0, 0, 0}, {0, 0}, false},
      {"a transaction marker", {0, 0, 0, 1}, {0, 0, 0, 0, 0, 0}, false},
      {"an empty value", {0, 0, 0, 5}, {}, true},
      {"a version of the future", {0, 0, 0, 5}, {0, 1, 0, 1, 0}, true},
      {"a value that ends early", {0, 0, 0, 5}, {0, 0, 0, 1}, true},
      {"a value that goes on", {0, 0, 0, 5}, {0, 0, 0, 1, 0, 0}, true},
      {"more voters than bytes", {0, 0, 0, 6}, {0, 0, 100}, true},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    const auto parsed = parse_control_record(control(one.key, one.value));
    EXPECT_EQ(!parsed, one.error);
    if (parsed) {
      EXPECT_FALSE(*parsed);
    }
  }
}

}  // namespace
}  // namespace squall::raft::testing
