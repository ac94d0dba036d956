// When a log starts a new segment, and what finds records across segments.
#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"
#include "tests/log/log_fixture.h"

namespace squall::log {
namespace {

using RollTest = LogFixture;

TEST_F(RollTest, BySize) {
  config_.segment_bytes = 1000;
  with_log([&](Log& log) {
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(append(log, {.value_bytes = 300}).has_value());
    EXPECT_EQ(log.segment_count(), 3U) << "two batches of some 370 bytes in each";
    EXPECT_EQ(all_batches(log, Offset{0}).size(), 6U);
  });
}

TEST_F(RollTest, ByAgeInTheRecordsOwnTime) {
  config_.segment_ms = 1000;
  with_log([&](Log& log) {
    const std::int64_t start = 1'600'000'000'000;
    ASSERT_TRUE(append(log, {.timestamp_ms = start}).has_value());
    ASSERT_TRUE(append(log, {.timestamp_ms = start + 1000}).has_value());
    EXPECT_EQ(log.segment_count(), 1U);
    ASSERT_TRUE(append(log, {.timestamp_ms = start + 1001}).has_value());
    EXPECT_EQ(log.segment_count(), 2U);
  });
}

TEST_F(RollTest, ByAgeOnTheClockWhereRecordsHaveNoTime) {
  config_.segment_ms = 1000;
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log, {.timestamp_ms = -1}).has_value());
    world_->advance(std::chrono::milliseconds{1001});
    ASSERT_TRUE(append(log, {.timestamp_ms = -1}).has_value());
    EXPECT_EQ(log.segment_count(), 2U);
  });
}

TEST_F(RollTest, WhenAnIndexIsFull) {
  config_.segment_index_bytes = 36;  // four offset entries, or two time entries and the last one
  config_.index_interval_bytes = 1;
  with_log([&](Log& log) {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(append(log, {.timestamp_ms = 1'700'000'000'000 + i}).has_value());
    EXPECT_GT(log.segment_count(), 4U);
  });
}

TEST_F(RollTest, WhenAnOffsetNoLongerFitsTheIndex) {
  with_log([&](Log& log) {
    const auto replicate = [&](std::int64_t base) {
      return append(log, {.base_offset = Offset{base}, .leader_epoch = LeaderEpoch{0}}, AppendOrigin::replication);
    };
    constexpr std::int64_t span = std::numeric_limits<std::int32_t>::max();
    ASSERT_TRUE(replicate(0).has_value());
    ASSERT_TRUE(replicate(span).has_value());
    EXPECT_EQ(log.segment_count(), 1U);
    ASSERT_TRUE(replicate(span + 1).has_value());
    EXPECT_EQ(log.segment_count(), 2U);
    EXPECT_EQ(all_batches(log, Offset{0}).size(), 3U);
  });
}

TEST_F(RollTest, ARollWritesASnapshotAndFlushesTheOldSegment) {
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log, {.records = 3, .producer = ProducerId{4}, .sequence = 0}).has_value());
    ASSERT_TRUE(log.roll().has_value());
    world_->sleep_until(world_->now() + std::chrono::milliseconds{1});
    EXPECT_EQ(log.recovery_point(), Offset{3});
    for (const char* name : {"00000000000000000003.snapshot", "00000000000000000000.index", "00000000000000000000.timeindex"}) {
      const auto file = disk_.file(path(name));
      ASSERT_NE(file, nullptr) << name;
      EXPECT_EQ(file->durable, file->cached) << name;
    }
    EXPECT_EQ(disk_.file(path("00000000000000000000.timeindex"))->cached.size(), 12U);
    ASSERT_TRUE(log.roll().has_value());
    EXPECT_EQ(log.segment_count(), 2U) << "an empty segment is not rolled";
  });
}

// The oracle is the list of all batches. Random sizes, timestamps, index intervals, segments; tail and cold reads.
TEST_F(RollTest, EveryOffsetAndTimestampIsFoundAsAScanWouldFindIt) {
  Random random{5};
  for (int run = 0; run < 12; ++run) {
    disk_ = {};
    config_ = {};
    config_.segment_bytes = 8000 + static_cast<std::int32_t>(random.below(20'000));
    config_.index_interval_bytes = static_cast<std::int32_t>(random.below(3000));
    std::vector<std::pair<Offset, std::int64_t>> records;
    const auto verify = [&](Log& log) {
      for (std::size_t i = 0; i < records.size(); i += 1 + random.below(9)) {
        const auto read =
            log.read(records[i].first, {.max_bytes = 100, .upper_bound = log.log_end_offset(), .min_one_message = true});
        ASSERT_TRUE(read.has_value());
        const ByteBuffer bytes = bytes_of(read->range);
        const protocol::RecordBatchView batch{bytes};
        ASSERT_LE(batch.base_offset(), records[i].first);
        ASSERT_GE(batch.last_offset(), records[i].first);
      }
      for (int probe = 0; probe < 20; ++probe) {
        const std::int64_t time = random.between(std::int64_t{1'699'999'999'000}, std::int64_t{1'700'000'003'000});
        const auto expected = std::ranges::find_if(records, [&](const auto& record) { return record.second >= time; });
        const auto found = log.offset_for_timestamp(time, log.log_end_offset());
        ASSERT_TRUE(found.has_value());
        ASSERT_EQ(found->has_value(), expected != records.end());
        if (*found) {
          ASSERT_EQ((*found)->offset, expected->first);
        }
      }
    };
    const auto fill = [&](Log& log) {
      for (int i = 0; i < 60; ++i) {
        BatchSpec spec{.records = static_cast<int>(1 + random.below(20)), .value_bytes = random.below(300)};
        spec.timestamp_ms = 1'700'000'000'000 + random.between(std::int64_t{-1000}, std::int64_t{1000}) + i * 20;
        spec.timestamp_step_ms = random.between(std::int64_t{-5}, std::int64_t{5});
        const auto appended = append(log, spec);
        ASSERT_TRUE(appended.has_value());
        for (int r = 0; r < spec.records; ++r) {
          records.emplace_back(appended->first_offset + r, spec.timestamp_ms + r * spec.timestamp_step_ms);
        }
      }
    };
    with_log([&](Log& log) {
      fill(log);
      verify(log);
    });
    with_log([&](Log& log) { verify(log); }, run % 2 == 0 ? End::clean : End::crash);
    with_log([&](Log& log) {
      verify(log);
      fill(log);
      verify(log);
    });
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace squall::log
