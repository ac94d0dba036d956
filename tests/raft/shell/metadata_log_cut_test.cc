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
    std::optional<OffsetAndEpoch> made;  // a snapshot that is durable
    std::optional<OffsetAndEpoch> installing;
    bool whole = false;  // it was not cut
  };

  // False: the power is cut, perhaps in another fiber.
  bool write(MetadataLog& log, std::int32_t epoch, int count) {
    const Offset base = log.log_end();
    ByteBuffer bytes = count == 1 ? epoch_start(base.value(), epoch) : records_batch(base.value(), epoch, count, 40);
    return log.append(bytes).has_value();
  }
  bool flush(MetadataLog& log, Story& story) {
    const auto flushed = log.flush();
    if (flushed) story.flushed = *flushed;
    return flushed.has_value();
  }
  bool cut_log(MetadataLog& log, Story& story, Offset end) {
    story.flushed = std::min(story.flushed, end);
    return log.truncate(end).has_value();
  }
  bool store(MetadataLog& log, Story& story, std::int32_t epoch) {
    story.storing = ElectionState{.epoch = LeaderEpoch{epoch}, .leader = no_node, .voted = {NodeId{2}, directory(2)}};
    if (!log.store(*story.storing, 1, voters_of({1, 2, 3}))) return false;
    story.stored = story.storing;
    return true;
  }
  bool snapshot(MetadataLog& log, Story& story, OffsetAndEpoch id) {
    const auto visit = [](const RecordVisitor& record) {
      for (int i = 0; i < 5; ++i) record(level_record(std::to_string(i), 1));
    };
    if (!log.create_snapshot(id, {}, visit, metadata_version_max)) return false;
    story.made = id;
    return true;
  }
  bool install(MetadataLog& log, Story& story, OffsetAndEpoch id) {
    const ByteBuffer bytes = snapshot_bytes(id.epoch.value(), 12);
    for (std::size_t from = 0; from < bytes.size(); from += 300) {
      const std::size_t count = std::min<std::size_t>(300, bytes.size() - from);
      if (!log.write_part(id, static_cast<std::int64_t>(from), ByteView{bytes}.subspan(from, count))) return false;
    }
    if (!log.finish_part(id)) return false;
    story.installing = id;
    if (!log.install(id)) return false;
    story.made = id;
    story.installing.reset();
    story.flushed = id.offset;
    return true;
  }

  // A life in which everything happens, the second fetched snapshot of another history than the log.
  void live(MetadataLog& log, Story& story) {
    const auto batches = [&](std::int32_t epoch, int count) {
      bool done = write(log, epoch, 1);
      for (int i = 0; i < count && done; ++i) done = write(log, epoch, 3);
      return done;
    };
    story.whole = store(log, story, 1) && batches(1, 4) && flush(log, story);
    if (!story.whole) return;
    log.set_high_watermark(Offset{10});
    story.whole = snapshot(log, story, at(7, 1)) && batches(2, 1) && flush(log, story) && cut_log(log, story, Offset{13}) &&
                  batches(3, 0) && store(log, story, 3) && flush(log, story) && snapshot(log, story, at(10, 1)) &&
                  log.clean({.bytes = 0, .ms = -1}).has_value() && install(log, story, at(100, 4)) && batches(5, 1) &&
                  flush(log, story) && install(log, story, at(103, 6)) && batches(6, 1) && flush(log, story);
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
      EXPECT_GE(index.end().value(), story.flushed.value()) << "a flushed record is lost; " << index.start().value();
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
      ASSERT_EQ(ended && !story.whole, false);
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
            EXPECT_TRUE(write(log, 9, 2));
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
            // A truncation may come undone, as long as nothing was written and flushed behind it.
            EXPECT_GE(log.log_end(), end);
          },
          End::crash, seed + 2));
      ASSERT_EQ(error_, std::nullopt);
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace squall::raft
