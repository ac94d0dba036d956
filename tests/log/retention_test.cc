#include <gtest/gtest.h>

#include "tests/log/log_fixture.h"

namespace squall::log {
namespace {

class RetentionTest : public LogFixture {
 protected:
  // Five segments of one batch each, a second apart, the last a second ago.
  void fill(Log& log) {
    const std::int64_t now_ms = to_ms(world_->wall_now());
    for (int i = 0; i < 5; ++i) {
      if (i > 0) {
        ASSERT_TRUE(log.roll().has_value());
      }
      ASSERT_TRUE(append(log, {.records = 2, .value_bytes = 100, .timestamp_ms = now_ms - (5 - i) * 1000}).has_value());
    }
    log.update_high_watermark(log.log_end_offset());
  }
};

TEST_F(RetentionTest, ByTime) {
  with_log([&](Log& log) {
    fill(log);
    LogConfig config = log.config();
    config.retention_ms = 2500;
    log.set_config(config);
    EXPECT_EQ(log.delete_old_segments(), 3U);
    EXPECT_EQ(log.log_start_offset(), Offset{6});
    EXPECT_EQ(log.read(Offset{5}, {.max_bytes = 10, .upper_bound = Offset{10}}).error(), LogError::offset_out_of_range);
    EXPECT_EQ(world_->count(runtime::EventName::segment_deleted), 3U);
  });
}

TEST_F(RetentionTest, BySize) {
  with_log([&](Log& log) {
    fill(log);
    LogConfig config = log.config();
    config.retention_bytes = static_cast<std::int64_t>(log.size_bytes() / 2);
    log.set_config(config);
    EXPECT_EQ(log.delete_old_segments(), 2U);
    EXPECT_GE(log.size_bytes(), static_cast<std::uint64_t>(config.retention_bytes)) << "never below the limit";
  });
}

TEST_F(RetentionTest, NothingGoesThatReachesAboveTheHighWatermark) {  // KAFKA-5634
  boot([&](LogManager& manager) {
    const auto log = *manager.create_log(orders, orders_id);
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(append(*log, {.timestamp_ms = 1000}).has_value());
      ASSERT_TRUE(log->roll().has_value());
    }
    log->update_high_watermark(Offset{2});
    EXPECT_EQ(log->delete_old_segments(), 2U);
    EXPECT_EQ(log->log_start_offset(), Offset{2});
  });
}

TEST_F(RetentionTest, AllOfALogMayGoAndItGoesOnInANewSegment) {
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log, {.records = 3, .timestamp_ms = 1000}).has_value());
    log.update_high_watermark(Offset{3});
    EXPECT_EQ(log.delete_old_segments(), 1U);
    EXPECT_EQ(log.log_start_offset(), Offset{3});
    EXPECT_EQ(log.segment_count(), 1U);
    EXPECT_EQ(append(log)->first_offset, Offset{3});
  });
  with_log([&](Log& log) {
    EXPECT_EQ(log.log_start_offset(), Offset{3});
    EXPECT_EQ(log.log_end_offset(), Offset{4});
  });
}

TEST_F(RetentionTest, DeleteRecordsMovesTheLogStartDurably) {
  with_log(
      [&](Log& log) {
        fill(log);
        EXPECT_EQ(log.delete_records_before(Offset{11}).error(), LogError::offset_out_of_range);
        ASSERT_TRUE(log.delete_records_before(Offset{5}).has_value());
        EXPECT_EQ(log.log_start_offset(), Offset{5});
        ASSERT_TRUE(log.delete_records_before(Offset{3}).has_value());
        EXPECT_EQ(log.log_start_offset(), Offset{5}) << "it does not go back";
        EXPECT_EQ(log.delete_old_segments(), 2U) << "the third holds 4 and 5";
      },
      End::crash);
  Random random{1};
  disk_.cut_power(random);
  with_log([&](Log& log) { EXPECT_EQ(log.log_start_offset(), std::min(Offset{5}, log.log_end_offset())); });
}

TEST_F(RetentionTest, ThePeriodicPassDoesIt) {
  config_.retention_ms = 10'000;
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log).has_value());
    log.update_high_watermark(Offset{1});
    world_->sleep_until(world_->now() + std::chrono::minutes{6});
    EXPECT_EQ(log.log_start_offset(), Offset{1});
  });
}

}  // namespace
}  // namespace squall::log
