#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/log/log_fixture.h"

namespace squall::log {
namespace {

using TruncateTest = LogFixture;

TEST_F(TruncateTest, EverythingFromTheBatchOfTheOffsetOnGoes) {
  config_.segment_bytes = 1000;
  with_log([&](Log& log) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(append(log, {.records = 3, .value_bytes = 80}, AppendOrigin::client, i / 4));
    EXPECT_GT(log.segment_count(), 3U);
    log.update_high_watermark(Offset{30});
    EXPECT_EQ(log.truncate_to(Offset{13}), Offset{12}) << "13 lies in a batch that begins at 12";
    EXPECT_EQ(log.log_end_offset(), Offset{12});
    EXPECT_EQ(log.high_watermark(), Offset{12});
    EXPECT_EQ(log.latest_epoch(), LeaderEpoch{0});
    EXPECT_EQ(all_batches(log, Offset{0}).size(), 4U);
    EXPECT_EQ(log.truncate_to(Offset{50}), Offset{12}) << "nothing to do";
    ASSERT_TRUE(append(log, {.records = 2}, AppendOrigin::client, 5).has_value());
    EXPECT_EQ(all_batches(log, Offset{0}).back().base_offset, Offset{12});
  });
  with_log([&](Log& log) {
    EXPECT_EQ(log.log_end_offset(), Offset{14});
    EXPECT_EQ(log.end_offset_for_epoch(LeaderEpoch{0}).end_offset, Offset{12});
  });
}

TEST_F(TruncateTest, AnEpochThatWroteNothingGoesWithATruncationToTheLogEnd) {
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log, {.records = 3}, AppendOrigin::client, 1).has_value());
    ASSERT_TRUE(log.assign_epoch_start(LeaderEpoch{4}, Offset{3}).has_value());
    EXPECT_EQ(log.truncate_to(Offset{50}), Offset{3});
    EXPECT_EQ(log.latest_epoch(), LeaderEpoch{4}) << "beyond the log end there is nothing to cut";
    EXPECT_EQ(log.truncate_to(Offset{3}), Offset{3});
    EXPECT_EQ(log.latest_epoch(), LeaderEpoch{1});
  });
  with_log([&](Log& log) { EXPECT_EQ(log.latest_epoch(), LeaderEpoch{1}); });
}

TEST_F(TruncateTest, TheProducersAreWhatTheyWere) {
  with_log([&](Log& log) {
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(append(log, {.records = 2, .producer = ProducerId{1}, .sequence = 2 * i}));
    ASSERT_TRUE(log.roll().has_value());
    for (int i = 4; i < 8; ++i) ASSERT_TRUE(append(log, {.records = 2, .producer = ProducerId{1}, .sequence = 2 * i}));
    ASSERT_EQ(log.truncate_to(Offset{10}), Offset{10});
    EXPECT_EQ(log.producers().find(ProducerId{1})->last_sequence(), 9);
    EXPECT_TRUE(append(log, {.producer = ProducerId{1}, .sequence = 10}).has_value());
    ASSERT_EQ(log.truncate_to(Offset{4}), Offset{4});
    EXPECT_EQ(log.producers().find(ProducerId{1})->last_sequence(), 3);
  });
}

TEST_F(TruncateTest, TheRecoveryPointOnDiskNeverLiesAboveWhatWasCut) {
  config_.flush_messages = 1;
  with_log(
      [&](Log& log) {
        for (int i = 0; i < 5; ++i) ASSERT_TRUE(append(log).has_value());
        ASSERT_TRUE(log.state().dir->checkpoint_recovery_points().has_value());
        ASSERT_EQ(log.truncate_to(Offset{2}), Offset{2});
        const auto text = disk_.file("/d1/recovery-point-offset-checkpoint")->durable;
        EXPECT_EQ(parse_offset_checkpoint(as_text(text))->at(orders), Offset{2});
      },
      End::crash);
}

TEST_F(TruncateTest, FullyMeansANewBeginning) {
  with_log([&](Log& log) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(append(log, {.producer = ProducerId{1}, .sequence = i}).has_value());
    ASSERT_TRUE(log.roll().has_value());
    ASSERT_TRUE(log.truncate_fully_and_start_at(Offset{100}).has_value());
    EXPECT_EQ(log.log_start_offset(), Offset{100});
    EXPECT_EQ(log.log_end_offset(), Offset{100});
    EXPECT_EQ(log.segment_count(), 1U);
    EXPECT_EQ(log.size_bytes(), 0U);
    EXPECT_EQ(log.producers().producers().size(), 0U);
    EXPECT_EQ(append(log)->first_offset, Offset{100});
    ASSERT_TRUE(log.truncate_fully_and_start_at(Offset{100}).has_value()) << "the same offset again";
    EXPECT_EQ(append(log)->first_offset, Offset{100});
  });
  with_log([&](Log& log) {
    EXPECT_EQ(log.log_start_offset(), Offset{100});
    EXPECT_EQ(log.log_end_offset(), Offset{101});
  });
}

TEST_F(TruncateTest, AReaderThatHoldsADeletedSegmentGoesOn) {
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log, {.value_bytes = 100}).has_value());
    ASSERT_TRUE(log.roll().has_value());
    log.update_high_watermark(Offset{1});
    const auto read = log.read(Offset{0}, {.max_bytes = 1000, .upper_bound = Offset{1}});
    ASSERT_TRUE(log.delete_records_before(Offset{1}).has_value());
    ASSERT_EQ(log.delete_old_segments(), 1U);
    world_->sleep_until(world_->now() + std::chrono::milliseconds{config_.file_delete_delay_ms + 1});
    EXPECT_EQ(disk_.file(path("00000000000000000000.log.deleted")), nullptr);
    EXPECT_TRUE(protocol::RecordBatchView{bytes_of(read->range)}.validate().has_value());
  });
}

TEST_F(TruncateTest, RandomAppendsAndTruncationsLeaveWhatAListWouldHold) {
  Random random{3};
  for (int run = 0; run < 10; ++run) {
    disk_ = {};
    config_.segment_bytes = 1500;
    config_.index_interval_bytes = 200;
    std::vector<BatchInfo> expected;
    for (int life = 0; life < 3; ++life) {
      with_log(
          [&](Log& log) {
            for (int step = 0; step < 30; ++step) {
              if (random.chance(1, 6) && !expected.empty()) {
                const auto keep = static_cast<std::size_t>(random.below(expected.size() + 1));
                const Offset to = keep == expected.size() ? log.log_end_offset() : expected[keep].base_offset;
                ASSERT_EQ(log.truncate_to(to), to);
                expected.resize(keep);
              } else {
                const auto appended =
                    append(log, {.records = static_cast<int>(1 + random.below(5)),
                                 .value_bytes = random.below(200),
                                 .timestamp_ms = 1'700'000'000'000 - static_cast<std::int64_t>(random.below(9999))});
                ASSERT_TRUE(appended.has_value());
                expected.push_back({.base_offset = appended->first_offset, .last_offset = appended->last_offset});
              }
            }
            const auto batches = all_batches(log, Offset{0});
            ASSERT_EQ(batches.size(), expected.size());
            for (std::size_t i = 0; i < batches.size(); ++i) ASSERT_EQ(batches[i].base_offset, expected[i].base_offset);
          },
          random.chance(1, 2) ? End::clean : End::crash, random.next());
      if (HasFatalFailure()) return;
    }
  }
}

// The epochs were cut first, and a crash left records whose epoch nobody knew any more.
TEST_F(TruncateTest, ACrashWhileTheLogStartMovesLeavesEveryRecordItsEpoch) {
  bool ended = false;
  for (std::uint64_t cut = 1; !ended; ++cut) {
    disk_ = {};
    with_log([&](Log& log) {
      for (int i = 0; i < 6; ++i) ASSERT_TRUE(append(log, {.records = 2}, AppendOrigin::client, i / 2));
    });
    ended = boot(
        [&](LogManager& manager) {
          const auto log = manager.find(orders);
          if (log != nullptr) (void)log->advance_log_start(Offset{8});
        },
        End::crash, cut, [&](tests::MemoryWorld& world) { world.cut_after = cut; });
    with_log([&](Log& log) {
      for (Offset at = log.log_start_offset(); at < log.log_end_offset(); at = at + 1) {
        EXPECT_EQ(log.epoch_at(at).value(), at.value() / 4) << "cut " << cut;
      }
    });
    if (HasFailure()) return;
  }
}

TEST_F(TruncateTest, LeaderEpochsAreListedAsTheyBegin) {
  with_log([&](Log& log) {
    EXPECT_TRUE(log.leader_epochs().empty());
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(log, {.records = 2}, AppendOrigin::client, i * 5));
    const std::vector<EpochStart> expected{
        {LeaderEpoch{0}, Offset{0}}, {LeaderEpoch{5}, Offset{2}}, {LeaderEpoch{10}, Offset{4}}};
    EXPECT_EQ(log.leader_epochs(), expected);
  });
}

}  // namespace
}  // namespace squall::log
