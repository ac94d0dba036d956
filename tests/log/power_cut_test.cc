// The power is cut after every single disk call, in turn, and each write and name since the last sync is kept, torn or lost.
// Whatever the disk then holds: the log opens, what was acknowledged as flushed is there, and the log is a prefix of what was
// appended.
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/log/log_fixture.h"

namespace squall::log {
namespace {

class PowerCutTest : public LogFixture {
 protected:
  // What was appended: the fill byte of the batch at each base offset. After a cut the unacknowledged tail is not known, so
  // every attempt is noted before it is made.
  struct Story {
    std::map<Offset, std::pair<Offset, std::uint32_t>> acknowledged;  // base -> last, crc
    Offset flushed{0};
    Offset log_start{0};
  };

  void live(Log& log, Random& random, Story& story) {
    for (int step = 0; step < 12; ++step) {
      BatchSpec spec{.records = static_cast<int>(1 + random.below(3)), .value_bytes = random.below(200)};
      spec.fill = static_cast<char>('a' + random.below(26));
      ByteBuffer bytes = make_batch(spec);
      const auto appended = log.append(bytes, LeaderEpoch{step / 5}, AppendOrigin::client);
      if (!appended) return;
      story.acknowledged[appended->first_offset] = {appended->last_offset, protocol::RecordBatchView{bytes}.crc()};
      story.flushed = std::max(story.flushed, log.recovery_point());
      if (random.chance(1, 4) && log.flush()) story.flushed = std::max(story.flushed, log.log_end_offset());
      if (random.chance(1, 8)) log.update_high_watermark(log.log_end_offset());
      if (random.chance(1, 12) && log.delete_records_before(log.high_watermark())) story.log_start = log.log_start_offset();
      if (random.chance(1, 12)) (void)log.delete_old_segments();
    }
  }

  void verify(Log& log, const Story& story) {
    EXPECT_GE(log.log_end_offset(), story.flushed) << "a flushed record is lost";
    EXPECT_GE(log.log_start_offset(), story.log_start) << "the log start went back";
    log.state().check_invariants();
    Offset next = log.log_start_offset();
    bool first = true;
    for (const BatchInfo& batch : all_batches(log, next)) {
      EXPECT_TRUE(first ? batch.base_offset <= next : batch.base_offset == next) << "a hole";
      first = false;
      next = batch.next_offset();
      const auto known = story.acknowledged.find(batch.base_offset);
      if (known != story.acknowledged.end()) {
        EXPECT_EQ(known->second.first, batch.last_offset);
      }
    }
    EXPECT_EQ(next, log.log_end_offset());
  }

  void cut_everywhere(std::uint64_t seed, std::int64_t flush_messages) {
    config_ = {};
    config_.segment_bytes = 700;
    config_.index_interval_bytes = 100;
    config_.flush_messages = flush_messages;
    config_.file_delete_delay_ms = 0;
    bool ended = false;
    for (std::uint64_t cut = 1; !ended; ++cut) {
      disk_ = {};
      Story story;
      Random random{seed};
      const auto prepare = [&](tests::MemoryWorld& world) { world.cut_after = cut; };
      ended = boot(
          [&](LogManager& manager) {
            const auto log = manager.create_log(orders, orders_id);
            if (log) live(**log, random, story);
          },
          End::clean, seed, prepare);
      Random fate{seed * 1000 + cut};
      disk_.cut_power(fate);
      const bool whole = boot(
          [&](LogManager& manager) {
            EXPECT_EQ(manager.dirs().at(0).online, true);
            const auto log = manager.find(orders);
            if (log == nullptr) {
              EXPECT_EQ(story.acknowledged.size(), 0U) << "the log was acknowledged";
              return;
            }
            verify(*log, story);
            const Offset end = log->log_end_offset();
            const auto appended = append(*log, {}, AppendOrigin::client, 9);
            ASSERT_TRUE(appended.has_value());
            EXPECT_EQ(appended->first_offset, end);
          },
          End::crash, seed + 1);
      ASSERT_TRUE(whole) << "seed " << seed << " cut " << cut;
      ASSERT_FALSE(HasFailure()) << "seed " << seed << " cut " << cut;
    }
  }
};

TEST_F(PowerCutTest, WithoutAFlushPolicy) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    cut_everywhere(seed, unlimited);
    if (HasFailure()) return;
  }
}

TEST_F(PowerCutTest, WithAFlushForEveryMessage) {
  for (std::uint64_t seed = 11; seed <= 14; ++seed) {
    cut_everywhere(seed, 1);
    if (HasFailure()) return;
  }
}

TEST_F(PowerCutTest, AnErrorOfAnyOneDiskCallTakesTheDirectoryOfflineAndLosesNothing) {
  config_.segment_bytes = 700;
  config_.flush_messages = 3;
  config_.file_delete_delay_ms = 0;
  bool reached = true;
  for (std::uint64_t failing = 1; reached; failing += 2) {
    disk_ = {};
    failed_dirs_.clear();
    Story story;
    Random random{failing};
    std::uint64_t calls = 0;
    const auto prepare = [&](tests::MemoryWorld& world) {
      world.fault = [&](std::string_view, const std::string&) -> std::optional<runtime::IoError> {
        if (++calls == failing) return runtime::IoError::no_space;
        return std::nullopt;
      };
    };
    (void)boot(
        [&](LogManager& manager) {
          const auto log = manager.create_log(orders, orders_id);
          if (log) live(**log, random, story);
          EXPECT_EQ(manager.dirs()[0].online, failed_dirs_.empty());
        },
        End::clean, failing, prepare);
    reached = calls >= failing;
    const bool whole = boot([&](LogManager& manager) {
      const auto log = manager.find(orders);
      if (story.acknowledged.empty()) return;
      ASSERT_NE(log, nullptr);
      verify(*log, story);
      EXPECT_GE(log->log_end_offset(), story.acknowledged.rbegin()->second.first + 1);
    });
    ASSERT_TRUE(whole) << "call " << failing;
    ASSERT_FALSE(HasFailure()) << "call " << failing;
  }
}

TEST_F(PowerCutTest, ACrashOfTheProcessAloneLosesNothing) {
  config_.segment_bytes = 700;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    disk_ = {};
    Story story;
    Random random{seed};
    with_log([&](Log& log) { live(log, random, story); }, End::crash, seed);
    with_log(
        [&](Log& log) {
          verify(log, story);
          const Offset last = story.acknowledged.rbegin()->second.first;
          EXPECT_EQ(log.log_end_offset(), last + 1) << "seed " << seed;
        },
        End::clean, seed);
    if (HasFailure()) return;
  }
}

// The kernel counts the pages of a failed sync as saved, so that the next process reads them and its syncs do not write them.
TEST_F(PowerCutTest, WhatIsRecoveredAfterAFailedSyncIsOnTheDiskWhateverTheFlushPolicy) {  // fsyncgate
  for (const std::int64_t flush_messages : {std::int64_t{1}, unlimited}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(std::to_string(flush_messages) + ", seed " + std::to_string(seed));
      disk_ = {};
      config_ = {};
      config_.flush_messages = flush_messages;
      config_.segment_bytes = 500;
      boot(
          [&](LogManager& manager) {
            const auto log = *manager.create_log(orders, orders_id);
            ASSERT_TRUE(append(*log, {.records = 2, .value_bytes = 200}).has_value());
            ASSERT_TRUE(log->flush().has_value());
            world_->fault = [](std::string_view call, const std::string& file) -> std::optional<runtime::IoError> {
              if (call == "sync" && file.ends_with(".log")) return runtime::IoError::io_failure;
              return std::nullopt;
            };
            for (int i = 0; i < 3 && append(*log, {.records = 2, .value_bytes = 200}); ++i) {
            }
            EXPECT_FALSE(log->flush().has_value());
          },
          End::crash, seed);
      Offset recovered{0};
      boot(
          [&](LogManager& manager) {
            const auto log = manager.find(orders);
            ASSERT_NE(log, nullptr);
            recovered = log->log_end_offset();
            EXPECT_GT(recovered, Offset{2}) << "the page cache still shows what was not saved";
            ASSERT_TRUE(append(*log, {.records = 2}, AppendOrigin::client, 1).has_value());
            ASSERT_TRUE(log->flush().has_value());
          },
          End::crash, seed + 100);
      Random fate{seed};
      disk_.cut_power(fate);
      boot(
          [&](LogManager& manager) {
            const auto log = manager.find(orders);
            ASSERT_NE(log, nullptr);
            EXPECT_FALSE(log->state().quarantined);
            EXPECT_EQ(log->log_end_offset(), recovered + 2);
            EXPECT_EQ(all_batches(*log, Offset{0}).size(), static_cast<std::size_t>(log->log_end_offset().value() / 2));
          },
          End::crash, seed + 200);
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace squall::log
