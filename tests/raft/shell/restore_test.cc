#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/shell/metadata_fixture.h"

namespace squall::raft {
namespace {

using testing::HasSubstr;

constexpr std::string_view bootstrap_name = "00000000000000000000-0000000000.checkpoint";

class RestoreTest : public MetadataLogFixture {
 protected:
  // The directory exists, and the log has what `work` did.
  void prepare(const std::function<void(MetadataLog&)>& work = [](MetadataLog&) {}) {
    disk_ = {};
    with_log(work);
    ASSERT_EQ(error_, std::nullopt);
  }
  static SnapshotHead dynamic(std::initializer_list<std::int32_t> ids) {
    return {.voters = voters_of(ids), .kraft_version = 1, .last_timestamp_ms = 5};
  }
  static ByteBuffer voters_batch(std::int64_t base, std::int32_t epoch, std::initializer_list<std::int32_t> ids,
                                 std::optional<std::int16_t> version = {}) {
    return build_batch(AppendVoters{.base = Offset{base},
                                    .epoch = LeaderEpoch{epoch},
                                    .kraft_version = version,
                                    .voters = std::make_shared<const VoterSet>(voters_of(ids))},
                       1000);
  }
};

TEST_F(RestoreTest, VotersComeFromTheNewestThatSaysSo) {
  struct Row {
    std::string what;
    bool bootstrap, snapshot, log;
    VoterSet voters;
    std::int16_t version;
    Offset offset;
  };
  const std::vector<Row> rows{{"the configuration", false, false, false, static_voters_, 0, no_offset},
                              {"the bootstrap snapshot", true, false, false, voters_of({1}), 1, no_offset},
                              {"a snapshot of the log", true, true, false, voters_of({1, 2}), 1, Offset{9}},
                              {"the log behind the snapshot", true, true, true, voters_of({1, 2, 4}), 1, Offset{13}},
                              {"the log without a bootstrap snapshot", false, true, true, voters_of({1, 2, 4}), 1, Offset{13}}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    prepare([&](MetadataLog& log) {
      if (row.snapshot) fetch(log, at(10, 2), snapshot_bytes(2, 3, dynamic({1, 2})));
      if (row.log) {
        append(log, joined({epoch_start(10, 3), voters_batch(11, 3, {1, 2, 3}), records_batch(12, 3),
                            voters_batch(13, 3, {1, 2, 4})}));
      }
    });
    if (row.bootstrap) disk_.put(path(bootstrap_name), snapshot_bytes(0, 0, dynamic({1})));
    with_log([&](MetadataLog& log) {
      const VoterHistory& voters = log.restored().voters;
      EXPECT_EQ(voters.voters(), row.voters);
      EXPECT_EQ(voters.kraft_version(), row.version);
      EXPECT_EQ(voters.sets.last().offset, row.offset);
    });
    EXPECT_EQ(error_, std::nullopt);
  }
}

TEST_F(RestoreTest, ALogThatWentOverToDynamicVotersKeepsBothForATruncation) {
  prepare([&](MetadataLog& log) { append(log, joined({epoch_start(0, 1), voters_batch(1, 1, {1, 2, 3}, std::int16_t{1})})); });
  with_log([&](MetadataLog& log) {
    VoterHistory voters = log.restored().voters;
    EXPECT_EQ(voters.kraft_version(), 1);
    EXPECT_EQ(voters.versions.last().offset, Offset{1});
    EXPECT_EQ(voters.sets.last().offset, Offset{2});
    voters.truncate_to(Offset{1});
    EXPECT_EQ(voters.voters(), static_voters_);
    EXPECT_EQ(voters.kraft_version(), 0);
  });
}

TEST_F(RestoreTest, ControlBatchesAreFoundInAllSegments) {
  config_ = metadata_log_config(300);
  prepare([&](MetadataLog& log) {
    for (int i = 0; i < 40; ++i) append(log, i == 20 ? voters_batch(i, 1, {1, 7}) : records_batch(i, 1, 1, 50));
  });
  with_log([&](MetadataLog& log) { EXPECT_EQ(log.restored().voters.voters(), voters_of({1, 7})); });
  EXPECT_EQ(error_, std::nullopt);
}

TEST_F(RestoreTest, ASnapshotThatIsAheadOfTheLogTakesItsPlace) {
  for (const OffsetAndEpoch id : {at(50, 3), at(50, 2), at(4, 3)}) {
    prepare([&](MetadataLog& log) { append(log, joined({records_batch(0, 1, 4), records_batch(4, 2, 2)})); });
    disk_.put(path(snapshot_file_name(id)), snapshot_bytes(id.epoch.value(), 3));
    with_log([&](MetadataLog& log) {
      EXPECT_EQ(log.log_start(), id.offset);
      EXPECT_EQ(log.log_end(), id.offset);
      EXPECT_EQ(log.restored().log.last(), id);
    });
    EXPECT_EQ(error_, std::nullopt);
  }
}

TEST_F(RestoreTest, AnInstallThatWasCutShortIsFinishedWhateverTheLogHolds) {
  for (const OffsetAndEpoch id : {at(50, 3), at(4, 3), at(4, 1), at(6, 2)}) {
    prepare([&](MetadataLog& log) { append(log, joined({records_batch(0, 1, 4), records_batch(4, 2, 2)})); });
    disk_.put(path(snapshot_file_name(id, install_suffix)), snapshot_bytes(id.epoch.value(), 3));
    with_log([&](MetadataLog& log) {
      EXPECT_EQ(log.log_start(), id.offset);
      EXPECT_EQ(log.log_end(), id.offset);
      EXPECT_EQ(log.restored().log.last(), id);
      append(log, records_batch(id.offset.value(), 3, 2));
    });
    EXPECT_EQ(error_, std::nullopt);
    with_log([&](MetadataLog& log) { EXPECT_EQ(log.log_end(), id.offset + 2); });
  }
}

TEST_F(RestoreTest, ASnapshotOfTheLogLeavesTheLog) {
  prepare([&](MetadataLog& log) { append(log, joined({records_batch(0, 1, 4), records_batch(4, 2, 2)})); });
  disk_.put(path(snapshot_file_name(at(4, 1))), snapshot_bytes(1, 3));
  with_log([&](MetadataLog& log) { EXPECT_EQ(log.log_end(), Offset{6}); });
}

TEST_F(RestoreTest, WhatIsBrokenIsRefusedWithTheFileAndTheRemedy) {
  const ByteBuffer good = snapshot_bytes(3, 10);
  const auto put = [&](std::string name, ByteBuffer bytes) { return [this, name, bytes] { disk_.put(path(name), bytes); }; };
  const auto text = [](std::string_view words) { return ByteBuffer{words.begin(), words.end()}; };
  const std::string name = snapshot_file_name(at(50, 3));
  ByteBuffer flipped = good;
  flipped[100] ^= 4;
  ByteBuffer long_one = good;
  long_one.push_back(0);
  const ByteBuffer footer = build_snapshot_end(Offset{11}, LeaderEpoch{3}, 0);
  const ByteBuffer cut{good.begin(), good.end() - static_cast<std::ptrdiff_t>(footer.size())};
  struct Row {
    std::string what;
    std::function<void()> spoil;
    std::string file;
    std::string why;
    std::string remedy;
  };
  const std::vector<Row> rows{
      {"half a quorum-state", put("quorum-state", text(R"({"leaderId":1,"leaderEpoch")")), "quorum-state", "JSON",
       "from a copy"},
      {"an empty quorum-state", put("quorum-state", {}), "quorum-state", "JSON", "from a copy"},
      {"no epoch", put("quorum-state", text(R"({"leaderId":1,"votedId":-1,"data_version":0})")), "quorum-state",
       "'leaderEpoch' is missing", "from a copy"},
      {"other static voters",
       put("quorum-state", text(R"({"clusterId":"","leaderId":1,"leaderEpoch":5,"votedId":-1,"appliedOffset":0,)"
                                R"("currentVoters":[{"voterId":4},{"voterId":1}],"data_version":0})")),
       "quorum-state", "the voters are 1,4, but controller.quorum.voters names 1,2,3", "set it to what it was"},
      {"an empty snapshot", put(name, {}), name, "it is empty", "from a copy"},
      {"no footer", put(name, cut), name, "no footer", "from a copy"},
      {"bytes behind the footer", put(name, long_one), name, "ends inside of the batch", "from a copy"},
      {"records behind the footer", put(name, joined({good, records_batch(12, 3)})), name, "behind its footer", "from a copy"},
      {"a flipped bit", put(name, flipped), name, "is bad", "from a copy"},
      {"half a batch", put(name, ByteBuffer{good.begin(), good.end() - 3}), name, "ends inside of the batch", "from a copy"},
      {"no header", put(name, joined({records_batch(0, 3), footer})), name, "header", "from a copy"},
      {"a gap", put(name, joined({cut, build_snapshot_end(Offset{12}, LeaderEpoch{3}, 0)})), name, "where 11 is next",
       "from a copy"},
      {"a name with another epoch", put(snapshot_file_name(at(50, 4)), good), "-0000000004", "its name says epoch 4",
       "from a copy"},
      {"a name with another epoch than the log", put(snapshot_file_name(at(4, 2)), snapshot_bytes(2, 1)), "-0000000002",
       "its name says epoch 2, but the log has epoch 1 there", "move away"},
      {"a name that is none", put("50-3.checkpoint", good), "50-3.checkpoint", "is named", "give it its name back"},
      {"two of one offset",
       [&] {
         disk_.put(path(name), good);
         disk_.put(path(snapshot_file_name(at(50, 4))), snapshot_bytes(4, 1));
       },
       "-0000000004", "contradicts", "move away"},
      {"epochs that fall",
       [&] {
         disk_.put(path(name), good);
         disk_.put(path(snapshot_file_name(at(60, 2))), snapshot_bytes(2, 1));
       },
       "-0000000002", "contradicts", "move away"},
      {"no epochs", put("leader-epoch-checkpoint", text("0\n1\n2 4\n")), "leader-epoch-checkpoint",
       "which epoch wrote offset 0", "remove it"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    prepare([&](MetadataLog& log) { append(log, joined({records_batch(0, 1, 4), records_batch(4, 2, 2)})); });
    row.spoil();
    const std::string why = refusal();
    EXPECT_THAT(why, HasSubstr(metadata_log_dir));
    EXPECT_THAT(why, HasSubstr(row.file));
    EXPECT_THAT(why, HasSubstr(row.why));
    EXPECT_THAT(why, HasSubstr(row.remedy));
    EXPECT_EQ(why.find('\n'), std::string::npos) << "one line";
    EXPECT_NE(refusal(), "") << "and again at the next start";
  }
}

TEST_F(RestoreTest, ALogThatBeginsBehindItsSnapshotsIsRefused) {
  prepare([&](MetadataLog& log) {
    fetch(log, at(50, 3), snapshot_bytes(3, 2));
    append(log, records_batch(50, 3, 2));
  });
  disk_.erase(path(snapshot_file_name(at(50, 3))));
  EXPECT_THAT(refusal(), HasSubstr("the log begins at offset 50, and no snapshot reaches it"));
}

TEST_F(RestoreTest, ABrokenControlBatchIsRefused) {
  prepare([&](MetadataLog& log) {
    append(log, joined({records_batch(0, 1, 4), voters_batch(4, 2, {1, 2}), records_batch(5, 2)}));
  });
  const auto file = disk_.file(path("00000000000000000000.log"));
  file->cached[records_batch(0, 1, 4).size() + 80] ^= 1;
  file->durable = file->cached;
  const std::string why = refusal();
  EXPECT_THAT(why, HasSubstr("the batch at offset 4 is bad"));
  EXPECT_THAT(why, HasSubstr("format the node anew"));
}

TEST_F(RestoreTest, StaticVotersMayChangeOnceTheyAreInTheLog) {
  prepare([&](MetadataLog& log) {
    ASSERT_TRUE(log.store({.epoch = LeaderEpoch{1}, .leader = NodeId{1}, .voted = {}}, 1, voters_of({1, 2})).has_value());
  });
  static_voters_ = voters_of({1, 9}, false);
  EXPECT_EQ(refusal(), "");
  static_voters_ = {};
  EXPECT_EQ(refusal(), "");
}

}  // namespace
}  // namespace squall::raft
