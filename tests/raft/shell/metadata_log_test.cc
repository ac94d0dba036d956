#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/shell/metadata_fixture.h"

namespace squall::raft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class MetadataLogTest : public MetadataLogFixture {};

TEST_F(MetadataLogTest, AnEmptyDirectoryIsAnEmptyLogOfTheStaticVoters) {
  with_log([&](MetadataLog& log) {
    const Restored& restored = log.restored();
    EXPECT_FALSE(restored.election.has_value());
    EXPECT_EQ(restored.log.end(), Offset{0});
    EXPECT_EQ(restored.voters.voters(), static_voters_);
    EXPECT_EQ(restored.voters.kraft_version(), 0);
    EXPECT_THAT(log.snapshots(), IsEmpty());
  });
  EXPECT_EQ(error_, std::nullopt);
}

TEST_F(MetadataLogTest, TheElectionStateIsThereAfterAPowerCut) {
  const ElectionState leader{.epoch = LeaderEpoch{5}, .leader = NodeId{2}, .voted = {}};
  const ElectionState voted{.epoch = LeaderEpoch{6}, .leader = no_node, .voted = {NodeId{3}, directory(3)}};
  with_log([&](MetadataLog& log) { ASSERT_TRUE(log.store(leader, 0, static_voters_).has_value()); }, End::crash);
  Random fate{1};
  disk_.cut_power(fate);
  with_log(
      [&](MetadataLog& log) {
        EXPECT_EQ(log.restored().election, leader);
        ASSERT_TRUE(log.store(voted, 1, voters_of({1, 2, 3})).has_value());
      },
      End::crash);
  disk_.cut_power(fate);
  with_log([&](MetadataLog& log) { EXPECT_EQ(log.restored().election, voted); });
  EXPECT_EQ(error_, std::nullopt);
}

TEST_F(MetadataLogTest, WhatWasAppendedIsReadBackWithItsEpochsAlsoAfterARestart) {
  const auto check = [&](MetadataLog& log) {
    EXPECT_THAT(names(log, Offset{0}), ElementsAre("1", "2", "4", "5"));
    EXPECT_EQ(log.log_end(), Offset{6});
  };
  with_log([&](MetadataLog& log) {
    append(log, epoch_start(0, 1));
    append(log, joined({records_batch(1, 1, 2), epoch_start(3, 4), records_batch(4, 4, 2)}));
    check(log);
    const auto batches = log.read_records(Offset{2}, Offset{6}, 1 << 20);
    ASSERT_TRUE(batches.has_value());
    ASSERT_EQ(batches->size(), 3U);
    EXPECT_EQ(batches->at(0).base, Offset{2}) << "from inside of a batch on";
    EXPECT_EQ(batches->at(0).records.size(), 1U);
    EXPECT_EQ(batches->at(1).epoch, LeaderEpoch{4});
    EXPECT_THAT(batches->at(1).records, IsEmpty()) << "control records are counted only";
    EXPECT_EQ(batches->at(2).timestamp_ms, 1004);
  });
  with_log([&](MetadataLog& log) {
    check(log);
    const LogIndex& index = log.restored().log;
    EXPECT_EQ(index.flushed_end(), Offset{6});
    EXPECT_THAT(index.epochs(), ElementsAre(EpochStart{LeaderEpoch{1}, Offset{0}}, EpochStart{LeaderEpoch{4}, Offset{3}}));
  });
  EXPECT_EQ(error_, std::nullopt);
}

TEST_F(MetadataLogTest, AnAppendThatDoesNotFollowTheLogIsRefused) {
  struct Row {
    ByteBuffer bytes;
    std::string why;
  };
  ByteBuffer flipped = records_batch(3, 2);
  flipped.back() ^= 1;
  ByteBuffer cut = records_batch(3, 2);
  cut.pop_back();
  const std::vector<Row> rows{{records_batch(4, 2), "a batch at offset 4, where 3 is next"},
                              {records_batch(2, 2), "a batch at offset 2, where 3 is next"},
                              {records_batch(3, 1), "a batch of epoch 1 behind epoch 2"},
                              {joined({records_batch(3, 2), records_batch(5, 2)}), "a batch at offset 5, where 4 is next"},
                              {flipped, "crc"},
                              {cut, "truncated"}};
  with_log([&](MetadataLog& log) {
    append(log, records_batch(0, 2, 3));
    for (const Row& row : rows) {
      ByteBuffer bytes = row.bytes;
      const auto appended = log.append(bytes);
      ASSERT_FALSE(appended.has_value()) << row.why;
      EXPECT_THAT(appended.error(), testing::AnyOf(HasSubstr(row.why), HasSubstr("CRC"), HasSubstr("end")));
      EXPECT_THAT(appended.error(), HasSubstr(metadata_log_dir));
    }
    EXPECT_EQ(log.log_end(), Offset{3});
  });
}

TEST_F(MetadataLogTest, AnAppendThatIsLargerThanASegmentIsSpreadOverSeveral) {
  config_ = metadata_log_config(500);
  with_log([&](MetadataLog& log) {
    ByteBuffer all;
    for (int i = 0; i < 20; ++i) {
      const ByteBuffer batch = records_batch(i, 1, 1, 100);
      all.insert(all.end(), batch.begin(), batch.end());
    }
    append(log, all);
    EXPECT_EQ(names(log, Offset{0}).size(), 20U);
  });
  with_log([&](MetadataLog& log) { EXPECT_EQ(names(log, Offset{0}).size(), 20U); });
}

TEST_F(MetadataLogTest, ALogThatWasCutForgetsTheRecordsAndTheirEpochs) {
  with_log(
      [&](MetadataLog& log) {
        append(log, joined({epoch_start(0, 1), records_batch(1, 1), epoch_start(2, 2), records_batch(3, 2)}));
        ASSERT_TRUE(log.flush().has_value());
        ASSERT_TRUE(log.truncate(Offset{2}).has_value());
        ASSERT_TRUE(log.truncate(Offset{2}).has_value()) << "at the log end, too";
        append(log, joined({epoch_start(2, 3), records_batch(3, 3, 2)}));
      },
      End::crash);
  with_log([&](MetadataLog& log) {
    EXPECT_THAT(log.restored().log.epochs(),
                ElementsAre(EpochStart{LeaderEpoch{1}, Offset{0}}, EpochStart{LeaderEpoch{3}, Offset{2}}));
    EXPECT_THAT(names(log, Offset{0}), ElementsAre("1", "3", "4"));
  });
}

TEST_F(MetadataLogTest, ACutInsideOfABatchIsAnError) {
  with_log([&](MetadataLog& log) {
    append(log, records_batch(0, 1, 5));
    const auto cut = log.truncate(Offset{3});
    ASSERT_FALSE(cut.has_value());
    EXPECT_THAT(cut.error(), HasSubstr("inside of a batch"));
  });
}

TEST_F(MetadataLogTest, AFlushTellsUpToWhereTheLogSurvivesAPowerCut) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    disk_ = {};
    Offset durable{0};
    with_log(
        [&](MetadataLog& log) {
          append(log, records_batch(0, 1, 3));
          const auto flushed = log.flush();
          ASSERT_TRUE(flushed.has_value());
          durable = *flushed;
          EXPECT_EQ(durable, Offset{3});
          append(log, records_batch(3, 1, 3));
        },
        End::crash, seed);
    Random fate{seed};
    disk_.cut_power(fate);
    with_log([&](MetadataLog& log) { EXPECT_GE(log.log_end(), durable); }, End::crash, seed);
    ASSERT_EQ(error_, std::nullopt);
  }
}

TEST_F(MetadataLogTest, AReadGivesWholeBatchesAndAtLeastOneWhateverTheLimit) {
  config_ = metadata_log_config(700);
  with_log([&](MetadataLog& log) {
    for (int i = 0; i < 30; ++i) append(log, records_batch(i * 2, 1, 2, static_cast<std::size_t>(i * 7)));
    for (std::uint64_t limit = 0; limit < 1000; limit += 13) {
      Offset from{0};
      while (from < log.log_end()) {
        const auto range = log.read(from, log.log_end(), limit);
        ASSERT_TRUE(range.has_value());
        const ByteBuffer bytes = bytes_of(*range);
        protocol::BatchCursor cursor{bytes};
        protocol::RecordBatchView batch;
        const Offset before = from;
        while (cursor.next(batch)) {
          EXPECT_EQ(batch.base_offset(), from);
          from = batch.next_offset();
        }
        ASSERT_FALSE(cursor.error().has_value()) << "limit " << limit << " from " << before.value();
        ASSERT_GT(from, before);
      }
    }
    EXPECT_EQ(log.read(Offset{0}, Offset{4}, 1 << 20)->bytes, records_batch(0, 1, 2).size() + records_batch(2, 1, 2, 7).size());
    EXPECT_EQ(log.read(Offset{60}, Offset{60}, 100)->bytes, 0U) << "nothing there yet";
    EXPECT_EQ(log.read(Offset{61}, Offset{70}, 100)->bytes, 0U);
  });
}

TEST_F(MetadataLogTest, AFetchedSnapshotTakesThePlaceOfTheLog) {
  const SnapshotHead head{.voters = voters_of({1, 2}), .kraft_version = 1, .last_timestamp_ms = 77};
  const ByteBuffer bytes = snapshot_bytes(4, 10, head);
  const OffsetAndEpoch id = at(100, 4);
  with_log(
      [&](MetadataLog& log) {
        append(log, records_batch(0, 1, 3));
        for (std::size_t from = 0; from < bytes.size(); from += 50) {
          const std::size_t count = std::min<std::size_t>(50, bytes.size() - from);
          ASSERT_TRUE(log.write_part(id, static_cast<std::int64_t>(from), ByteView{bytes}.subspan(from, count)).has_value());
        }
        EXPECT_EQ(log.log_end(), Offset{3}) << "until it is installed, the log is what it was";
        EXPECT_EQ(log.finish_part(id), head);
        ASSERT_TRUE(log.install(id).has_value());
        EXPECT_EQ(log.log_start(), Offset{100});
        EXPECT_EQ(log.log_end(), Offset{100});
        EXPECT_EQ(log.read(Offset{2}, Offset{100}, 100)->bytes, 0U);
        append(log, records_batch(100, 5, 2));
      },
      End::crash);
  with_log([&](MetadataLog& log) {
    const LogIndex& index = log.restored().log;
    EXPECT_EQ(index.start(), Offset{100});
    EXPECT_EQ(index.end(), Offset{102});
    EXPECT_EQ(index.epoch_before(Offset{100}), LeaderEpoch{4});
    EXPECT_THAT(log.snapshots(), ElementsAre(Snapshot{id, static_cast<std::int64_t>(bytes.size())}));
    EXPECT_EQ(log.restored().voters.voters(), *head.voters);
    EXPECT_EQ(log.restored().voters.sets.last().offset, Offset{99});
    EXPECT_EQ(log.restored().voters.kraft_version(), 1);
    std::vector<std::string> records;
    const auto read = log.read_snapshot(id, [&](const protocol::MetadataRecord& record) {
      records.push_back(std::get<protocol::FeatureLevelRecord>(record).name);
    });
    EXPECT_EQ(read, head);
    EXPECT_EQ(records.size(), 10U);
    EXPECT_EQ(bytes_of(*log.snapshot_range(id, 0, 1 << 20)), bytes);
    EXPECT_EQ(bytes_of(*log.snapshot_range(id, 60, 7)), (ByteBuffer{bytes.begin() + 60, bytes.begin() + 67}));
    EXPECT_FALSE(log.snapshot_range(id, static_cast<std::int64_t>(bytes.size()), 1).has_value());
    EXPECT_FALSE(log.snapshot_range(at(100, 5), 0, 1).has_value());
  });
  EXPECT_EQ(error_, std::nullopt);
}

TEST_F(MetadataLogTest, ASnapshotThatCameBrokenIsNotFinished) {
  const ByteBuffer bytes = snapshot_bytes(4, 10);
  with_log([&](MetadataLog& log) {
    ByteBuffer flipped = bytes;
    flipped[flipped.size() / 2] ^= 1;
    ASSERT_TRUE(log.write_part(at(100, 4), 0, flipped).has_value());
    EXPECT_FALSE(log.finish_part(at(100, 4)).has_value());
    EXPECT_FALSE(log.write_part(at(100, 4), 5, bytes).has_value()) << "a gap";
    ASSERT_TRUE(log.write_part(at(100, 4), 0, bytes).has_value()) << "anew";
    EXPECT_TRUE(log.finish_part(at(100, 4)).has_value());
    ASSERT_TRUE(log.write_part(at(200, 4), 0, bytes).has_value());
    EXPECT_TRUE(exists("00000000000000000200-0000000004.checkpoint.part"));
    log.discard_part(at(200, 4));
    EXPECT_FALSE(exists("00000000000000000200-0000000004.checkpoint.part"));
    EXPECT_FALSE(log.finish_part(at(200, 4)).has_value());
  });
  EXPECT_TRUE(exists("00000000000000000100-0000000004.checkpoint.part"));
  disk_.put(path("00000000000000000050-0000000002.checkpoint.deleted"), bytes);
  with_log([&](MetadataLog& log) { EXPECT_THAT(log.snapshots(), IsEmpty()); });
  for (const std::string& name : files())
    EXPECT_THAT(name, testing::Not(HasSubstr(".checkpoint"))) << "what is unfinished goes";
}

TEST_F(MetadataLogTest, ASnapshotOfItsOwnIsReadBackAndTheLogStays) {
  const SnapshotHead head{.voters = {}, .kraft_version = 0, .last_timestamp_ms = 1003};
  constexpr int count = 25'000;  // of three batches
  with_log(
      [&](MetadataLog& log) {
        append(log, joined({epoch_start(0, 1), records_batch(1, 1, 9)}));
        const auto visit = [&](const RecordVisitor& record) {
          for (int i = 0; i < count; ++i) record(level_record(std::to_string(i), 1));
        };
        const auto made = log.create_snapshot(at(10, 1), head, visit, metadata_version_max);
        ASSERT_TRUE(made.has_value()) << made.error();
        ASSERT_TRUE(made->has_value());
        EXPECT_EQ((*made)->id, at(10, 1));
        EXPECT_EQ(log.create_snapshot(at(10, 1), head, {}, metadata_version_max), made) << "once is enough";
      },
      End::crash);
  Random fate{3};
  disk_.cut_power(fate);
  with_log(
      [&](MetadataLog& log) {
        int next = 0;
        const auto read = log.read_snapshot(at(10, 1), [&](const protocol::MetadataRecord& record) {
          EXPECT_EQ(std::get<protocol::FeatureLevelRecord>(record).name, std::to_string(next++));
        });
        EXPECT_EQ(read, head);
        EXPECT_EQ(next, count);
      },
      End::crash);
  EXPECT_EQ(error_, std::nullopt);
}

TEST_F(MetadataLogTest, OldSnapshotsAndTheLogBehindThemGoByRetention) {
  struct Row {
    std::string what;
    MetadataLog::Retention retention;
    std::int64_t start;
    std::size_t snapshots;
  };
  constexpr std::uint64_t plenty = 1 << 20;
  const std::int64_t now_ms = 1'700'000'000'000;
  const std::vector<Row> rows{{"nothing is old or large", {.bytes = plenty, .ms = 1'000'000}, 0, 3},
                              {"for ever", {.bytes = plenty, .ms = -1}, 0, 3},
                              {"the first is old", {.bytes = plenty, .ms = 2'500}, 20, 2},
                              {"all are old, and the newest stays", {.bytes = plenty, .ms = 0}, 30, 1},
                              {"all is too large, and the newest stays", {.bytes = 0, .ms = -1}, 30, 1}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    disk_ = {};
    config_ = metadata_log_config(200);
    with_log([&](MetadataLog& log) {
      append(log, epoch_start(0, 1));
      for (int i = 1; i < 40; ++i) append(log, records_batch(i, 1));
      log.set_high_watermark(Offset{40});
      for (int i = 1; i <= 3; ++i) {
        const SnapshotHead head{.voters = {}, .kraft_version = 0, .last_timestamp_ms = now_ms - (4 - i) * 1000};
        ASSERT_TRUE(log.create_snapshot(at(i * 10, 1), head, [](const RecordVisitor&) {}, metadata_version_max).has_value());
      }
      const std::uint64_t before = log.size_bytes();
      const auto cleaned = log.clean(row.retention);
      ASSERT_TRUE(cleaned.has_value());
      EXPECT_EQ(log.log_start(), Offset{row.start});
      EXPECT_EQ(log.snapshots().size(), row.snapshots);
      EXPECT_EQ(cleaned->has_value(), row.start > 0);
      if (*cleaned) {
        EXPECT_EQ((*cleaned)->start, Offset{row.start});
        EXPECT_EQ((*cleaned)->oldest_snapshot, Offset{row.start});
        EXPECT_LT(log.size_bytes(), before);
      }
      EXPECT_FALSE(log.clean(row.retention).value().has_value()) << "at once again there is nothing to do";
    });
    with_log([&](MetadataLog& log) {
      EXPECT_EQ(log.restored().log.start(), Offset{row.start});
      EXPECT_EQ(log.restored().log.end(), Offset{40});
      EXPECT_EQ(log.snapshots().size(), row.snapshots);
    });
    EXPECT_EQ(error_, std::nullopt);
  }
}

// A voter that forgot what it said it has could elect a leader that lacks a committed record.
TEST_F(MetadataLogTest, AFlippedBitInWhatWasFlushedASecondAgoIsNoTornTail) {
  with_log(
      [&](MetadataLog& log) {
        append(log, records_batch(0, 1, 3));
        append(log, records_batch(3, 1, 3));
        ASSERT_TRUE(log.flush().has_value());
        world_->sleep_until(world_->now() + recovery_point_interval);
        append(log, records_batch(6, 1));
        ASSERT_TRUE(log.flush().has_value());
        world_->sleep_until(world_->now() + 2 * recovery_point_interval);
      },
      End::crash);
  disk_.file(path("00000000000000000000.log"))->cached[records_batch(0, 1, 3).size() + 70] ^= 1;
  disk_.file(path("00000000000000000000.log"))->durable = disk_.file(path("00000000000000000000.log"))->cached;
  with_log(
      [&](MetadataLog& log) {
        EXPECT_EQ(log.log_end(), Offset{7}) << "nothing is cut off";
        EXPECT_FALSE(log.read_records(Offset{3}, Offset{7}, 1 << 20).has_value()) << "and nothing of it is believed";
      },
      End::crash);
}

TEST_F(MetadataLogTest, TheRecoveryPointIsKeptOnceASecondHoweverOftenTheLogIsFlushed) {
  with_log(
      [&](MetadataLog& log) {
        std::uint64_t kept = 0;
        world_->fault = [&](std::string_view call, const std::string& file) -> std::optional<runtime::IoError> {
          if (call == "rename" && file.find("recovery-point") != std::string::npos) ++kept;
          return std::nullopt;
        };
        for (int i = 0; i < 100; ++i) {
          append(log, records_batch(i, 1));
          ASSERT_TRUE(log.flush().has_value());
          world_->sleep_until(world_->now() + std::chrono::milliseconds{50});
        }
        EXPECT_GE(kept, 5U);
        EXPECT_LE(kept, 7U);
      },
      End::crash);
}

TEST_F(MetadataLogTest, ADiskThatFailsIsToldWithTheFileAndTheRemedy) {
  with_log(
      [&](MetadataLog& log) {
        world_->fault = [](std::string_view, const std::string&) { return std::optional{runtime::IoError::io_failure}; };
        const auto stored = log.store({}, 0, static_voters_);
        ASSERT_FALSE(stored.has_value());
        EXPECT_THAT(stored.error(), HasSubstr("/m/__cluster_metadata-0/quorum-state: cannot write it: "));
        EXPECT_THAT(stored.error(), HasSubstr("check the disk"));
        ByteBuffer bytes = records_batch(0, 1);
        const auto appended = log.append(bytes);
        ASSERT_FALSE(appended.has_value());
        EXPECT_THAT(appended.error(), HasSubstr("cannot append to the metadata log: storage error"));
        EXPECT_FALSE(log.flush().has_value());
        EXPECT_FALSE(log.write_part(at(10, 1), 0, bytes).has_value());
      },
      End::crash);
}

TEST_F(MetadataLogTest, AFullDiskTakesNothingAndHasLostNothing) {
  with_log(
      [&](MetadataLog& log) {
        append(log, joined({epoch_start(0, 1), records_batch(1, 1, 9)}));
        ASSERT_TRUE(log.store({}, 0, static_voters_).value_or(false));
        const std::uint64_t size = log.size_bytes();
        world_->fault = [](std::string_view call, const std::string&) {
          return call == "pwritev" ? std::optional{runtime::IoError::no_space} : std::nullopt;
        };
        ByteBuffer bytes = records_batch(10, 1);
        EXPECT_EQ(log.append(bytes), std::size_t{0});
        EXPECT_EQ(log.store({.epoch = LeaderEpoch{9}, .leader = NodeId{1}, .voted = {}}, 0, static_voters_), false);
        const auto snapshot = log.create_snapshot(at(10, 1), {}, [](const RecordVisitor&) {}, metadata_version_max);
        EXPECT_TRUE(snapshot.has_value() && !snapshot->has_value());
        EXPECT_EQ(log.log_end(), Offset{10});
        EXPECT_EQ(log.size_bytes(), size);
        EXPECT_THAT(log.snapshots(), IsEmpty());
        world_->fault = {};
        EXPECT_EQ(log.append(bytes), bytes.size());
        EXPECT_TRUE(
            log.create_snapshot(at(10, 1), {}, [](const RecordVisitor&) {}, metadata_version_max).value_or(std::nullopt));
        EXPECT_TRUE(log.flush().has_value());
      },
      End::crash);
  EXPECT_EQ(error_, std::nullopt);
}

// A lone voter has nobody to fetch from what a start would take for a torn tail.
TEST_F(MetadataLogTest, ARecoveryPointThatIsAskedForIsDurableWithTheFlush) {
  for (const bool now : {false, true}) {
    disk_ = {};
    with_log(
        [&](MetadataLog& log) {
          append(log, epoch_start(0, 1));
          ASSERT_TRUE(log.flush(MetadataLog::RecoveryPoint::now).has_value());
          append(log, records_batch(1, 1, 9));
          const auto how = now ? MetadataLog::RecoveryPoint::now : MetadataLog::RecoveryPoint::soon;
          ASSERT_EQ(log.flush(how), Offset{10});
        },
        End::crash);
    Random fate{3};
    disk_.cut_power(fate);
    const auto checkpoint = disk_.file(metadata_dir + "/recovery-point-offset-checkpoint");
    ASSERT_NE(checkpoint, nullptr);
    const std::string text{as_text(checkpoint->durable)};
    EXPECT_EQ(text.contains("__cluster_metadata 0 10"), now) << text;
  }
}

}  // namespace
}  // namespace squall::raft
