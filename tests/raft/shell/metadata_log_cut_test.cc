// The power is cut after every single disk call, in turn, and each write and name since the last sync is kept, torn or lost.
// Whatever the disk then holds: the metadata log opens, what was promised is there, and what is there is a log and its
// snapshots that belong together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/shell/metadata_fixture.h"

namespace squall::raft {
namespace {

class MetadataLogCutTest : public MetadataLogFixture {
 protected:
  // What was promised, and what was being done: one of both is to be found.
  struct Story {
    std::optional<ElectionState> stored, storing;
    Offset flushed{0};
    Offset end_min{0};                        // what a truncation under way may have left
    std::optional<OffsetAndEpoch> made;       // a snapshot that is durable
    std::optional<OffsetAndEpoch> installed;  // took the place of the log, and is durable
    std::optional<OffsetAndEpoch> installing;
    std::map<Offset, LeaderEpoch> epochs;  // who wrote which offset last
  };

  void write(MetadataLog& log, Story& story, std::int32_t epoch, int count) {
    const Offset base = log.log_end();
    for (int i = 0; i < count; ++i) story.epochs[base + i] = LeaderEpoch{epoch};
    append(log, count == 1 ? epoch_start(base.value(), epoch) : records_batch(base.value(), epoch, count, 40));
  }
  void flush(MetadataLog& log, Story& story) {
    const auto flushed = log.flush();
    ASSERT_TRUE(flushed.has_value());
    story.flushed = story.end_min = *flushed;
  }
  void store(MetadataLog& log, Story& story, std::int32_t epoch) {
    story.storing = ElectionState{.epoch = LeaderEpoch{epoch}, .leader = no_node, .voted = {NodeId{2}, directory(2)}};
    ASSERT_TRUE(log.store(*story.storing, 1, voters_of({1, 2, 3})).has_value());
    story.stored = story.storing;
  }
  void snapshot(MetadataLog& log, Story& story, OffsetAndEpoch id) {
    const auto visit = [](const RecordVisitor& record) {
      for (int i = 0; i < 5; ++i) record(level_record(std::to_string(i), 1));
    };
    ASSERT_TRUE(log.create_snapshot(id, {}, visit, metadata_version_max).has_value());
    story.made = id;
  }
  void install(MetadataLog& log, Story& story, OffsetAndEpoch id) {
    const ByteBuffer bytes = snapshot_bytes(id.epoch.value(), 12);
    for (std::size_t from = 0; from < bytes.size(); from += 300) {
      const std::size_t count = std::min<std::size_t>(300, bytes.size() - from);
      ASSERT_TRUE(log.write_part(id, static_cast<std::int64_t>(from), ByteView{bytes}.subspan(from, count)).has_value());
    }
    ASSERT_TRUE(log.finish_part(id).has_value());
    story.installing = id;
    ASSERT_TRUE(log.install(id).has_value());
    story.installed = story.made = id;
    story.installing.reset();
    story.flushed = story.end_min = id.offset;
  }

  // A life in which everything happens, the second snapshot of another history than the log.
  void live(MetadataLog& log, Story& story) {
    store(log, story, 1);
    write(log, story, 1, 1);
    for (int i = 0; i < 4; ++i) write(log, story, 1, 3);
    flush(log, story);
    log.set_high_watermark(Offset{10});
    snapshot(log, story, at(7, 1));
    write(log, story, 2, 1);
    write(log, story, 2, 3);
    flush(log, story);
    story.flushed = story.end_min = Offset{13};
    ASSERT_TRUE(log.truncate(Offset{13}).has_value());
    write(log, story, 3, 1);
    store(log, story, 3);
    flush(log, story);
    snapshot(log, story, at(10, 1));
    ASSERT_TRUE(log.clean({.bytes = 0, .ms = -1}).has_value());
    install(log, story, at(100, 4));
    write(log, story, 5, 1);
    write(log, story, 5, 3);
    flush(log, story);
    install(log, story, at(103, 6));  // shorter than the log, which is of epoch 5 there
    write(log, story, 6, 3);
    flush(log, story);
  }

  void verify(MetadataLog& log, const Story& story) {
    const Restored& restored = log.restored();
    EXPECT_TRUE(restored.election == story.stored || restored.election == story.storing);
    const LogIndex& index = restored.log;
    index.check_invariants();
    const auto newest = index.latest_snapshot();
    const bool replaced = story.installing && newest && newest->id == *story.installing;
    if (replaced) {
      EXPECT_EQ(index.start(), story.installing->offset);
      EXPECT_EQ(index.end(), story.installing->offset);
    } else {
      EXPECT_GE(index.end(), std::min(story.flushed, story.end_min)) << "a flushed record is lost";
      if (story.made) {
        ASSERT_TRUE(newest.has_value()) << "a snapshot is lost";
        EXPECT_GE(newest->id.offset, story.made->offset);
      }
    }
    for (const Snapshot& one : log.snapshots()) {
      EXPECT_TRUE(log.read_snapshot(one.id, [](const protocol::MetadataRecord&) {}).has_value());
    }
    Offset next = index.start();
    while (next < index.end()) {
      const auto batches = log.read_records(next, index.end(), 1 << 20);
      ASSERT_TRUE(batches.has_value() && !batches->empty()) << (batches ? "nothing there" : batches.error());
      for (const CommittedBatch& batch : *batches) {
        EXPECT_EQ(batch.base, next);
        EXPECT_EQ(index.epoch_before(batch.end), batch.epoch);
        next = batch.end;
      }
    }
    EXPECT_EQ(next, index.end());
  }

  void cut_everywhere(std::uint64_t seed, std::int32_t segment_bytes) {
    config_ = metadata_log_config(segment_bytes);
    config_.file_delete_delay_ms = 0;
    bool ended = false;
    for (std::uint64_t cut = 1; !ended; ++cut) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " cut " + std::to_string(cut));
      disk_ = {};
      Story story;
      ended = with_log([&](MetadataLog& log) { live(log, story); }, End::clean, seed,
                       [&](tests::MemoryWorld& world) { world.cut_after = cut; });
      ASSERT_EQ(error_, std::nullopt);
      Random fate{seed * 1000 + cut};
      disk_.cut_power(fate);
      // Twice: what the first start found is not lost by another cut.
      std::optional<ElectionState> election;
      Offset end{0};
      ASSERT_TRUE(with_log(
          [&](MetadataLog& log) {
            verify(log, story);
            election = log.restored().election;
            end = log.log_end();
          },
          End::crash, seed + 1));
      ASSERT_EQ(error_, std::nullopt);
      disk_.cut_power(fate);
      ASSERT_TRUE(with_log(
          [&](MetadataLog& log) {
            EXPECT_EQ(log.restored().election, election);
            EXPECT_EQ(log.log_end(), end);
            verify(log, story);
            write(log, story, 9, 2);
          },
          End::crash, seed + 2));
      ASSERT_EQ(error_, std::nullopt);
      if (HasFailure()) return;
    }
  }
};

TEST_F(MetadataLogCutTest, InOneSegment) {
  for (std::uint64_t seed = 1; seed <= 6 && !HasFailure(); ++seed) cut_everywhere(seed, 1 << 20);
}

TEST_F(MetadataLogCutTest, InManySegments) {
  for (std::uint64_t seed = 11; seed <= 22 && !HasFailure(); ++seed) cut_everywhere(seed, 250);
}

// Not the power, but the process: all that was written is still to be read, and not yet durable.
TEST_F(MetadataLogCutTest, WhatAStartFindsAfterACrashIsNotLostByALaterPowerCut) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    bool ended = false;
    for (std::uint64_t cut = 1; !ended; ++cut) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " cut " + std::to_string(cut));
      disk_ = {};
      Story story;
      ended = with_log([&](MetadataLog& log) { live(log, story); }, End::clean, seed,
                       [&](tests::MemoryWorld& world) { world.cut_after = cut; });
      std::optional<ElectionState> election;
      std::vector<Snapshot> snapshots;
      Offset end{0};
      ASSERT_TRUE(with_log(
          [&](MetadataLog& log) {
            verify(log, story);
            election = log.restored().election;
            snapshots = log.snapshots();
            end = log.log_end();
          },
          End::crash, seed + 1));
      ASSERT_EQ(error_, std::nullopt);
      Random fate{seed * 1000 + cut};
      disk_.cut_power(fate);
      ASSERT_TRUE(with_log(
          [&](MetadataLog& log) {
            EXPECT_EQ(log.restored().election, election);
            EXPECT_EQ(log.snapshots(), snapshots);
            EXPECT_EQ(log.log_end(), end);
          },
          End::crash, seed + 2));
      ASSERT_EQ(error_, std::nullopt);
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace squall::raft
