// Appending and reading.
#include "log/log.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "log/validation.h"
#include "tests/log/log_fixture.h"

namespace squall::log {
namespace {

using LogTest = LogFixture;

LogError code_of(const std::expected<AppendInfo, AppendError>& appended) {
  EXPECT_FALSE(appended.has_value());
  return appended ? LogError{} : appended.error().code;
}

TEST_F(LogTest, AnAppendGetsTheNextOffsetsAndTheLeadersEpoch) {
  with_log([&](Log& log) {
    const auto first = append(log, {.records = 3}, AppendOrigin::client, 4);
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->first_offset, Offset{0});
    EXPECT_EQ(first->last_offset, Offset{2});
    EXPECT_EQ(append(log, {.records = 2}, AppendOrigin::client, 4)->first_offset, Offset{3});
    EXPECT_EQ(log.log_end_offset(), Offset{5});
    const auto batches = all_batches(log, Offset{0});
    ASSERT_EQ(batches.size(), 2U);
    EXPECT_EQ(batches[1].base_offset, Offset{3});
    EXPECT_EQ(batches[1].leader_epoch, LeaderEpoch{4});
    EXPECT_EQ(log.epoch_at(Offset{0}), LeaderEpoch{4});
  });
}

TEST_F(LogTest, WhatIsNotBelowTheBoundIsNotRead) {
  with_log([&](Log& log) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(append(log, {.records = 2}).has_value());
    const auto read = log.read(Offset{4}, {.max_bytes = 1 << 20, .upper_bound = Offset{8}, .min_one_message = true});
    ASSERT_TRUE(read.has_value());
    const ByteBuffer bytes = bytes_of(read->range);
    protocol::BatchCursor cursor{bytes};
    protocol::RecordBatchView batch;
    std::vector<Offset> bases;
    while (cursor.next(batch)) bases.push_back(batch.base_offset());
    EXPECT_EQ(bases, (std::vector{Offset{4}, Offset{6}}));
    EXPECT_EQ(log.read(Offset{8}, {.max_bytes = 100, .upper_bound = Offset{8}})->range.bytes, 0U);
    EXPECT_EQ(log.read(Offset{20}, {.max_bytes = 100, .upper_bound = Offset{20}})->range.bytes, 0U)
        << "at the end: nothing yet";
    EXPECT_EQ(log.read(Offset{21}, {.max_bytes = 100, .upper_bound = Offset{20}}).error(), LogError::offset_out_of_range);
  });
}

TEST_F(LogTest, AReadGivesOneWholeBatchWhereItMustAndNoMoreBytesThanAsked) {
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log, {.value_bytes = 1000}).has_value());
    const Offset end = log.log_end_offset();
    EXPECT_GT(log.read(Offset{0}, {.max_bytes = 10, .upper_bound = end, .min_one_message = true})->range.bytes, 1000U);
    const auto too_large = log.read(Offset{0}, {.max_bytes = 10, .upper_bound = end});
    EXPECT_EQ(too_large->range.bytes, 0U) << "a piece of a batch is of no use";
    EXPECT_EQ(too_large->readable_bytes, 10U) << "but there is something";
    EXPECT_EQ(log.read(Offset{0}, {.max_bytes = 0, .upper_bound = end})->range.bytes, 0U);
  });
}

TEST_F(LogTest, AReadEndsWithTheLastBatchThatFitsWhole) {
  with_log([&](Log& log) {
    std::uint64_t batch_bytes = 0;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(append(log, {.value_bytes = 5000}).has_value());
    batch_bytes = all_batches(log, Offset{0}).front().bytes;
    const ReadLimits limits{.max_bytes = 3 * batch_bytes + 1000, .upper_bound = Offset{100}, .min_one_message = true};
    const auto read = log.read(Offset{7}, limits);
    EXPECT_EQ(read->range.position, 7 * batch_bytes);
    EXPECT_EQ(read->range.bytes, 3 * batch_bytes);
    EXPECT_EQ(read->readable_bytes, limits.max_bytes) << "it was the limit that ended it, not the log";
    const auto last = log.read(Offset{98}, limits);
    EXPECT_EQ(last->range.bytes, 2 * batch_bytes);
    EXPECT_EQ(last->readable_bytes, 2 * batch_bytes);
  });
}

TEST_F(LogTest, EveryOffsetIsReadFromItsBatchWhateverIsKnownOfTheBoundaries) {
  Random random{11};
  std::vector<Offset> bases;  // of the batch of each offset
  const auto fill = [&](Log& log) {
    for (int i = 0; i < 200; ++i) {
      const int records = 1 + static_cast<int>(random.below(4));
      const Offset base = log.log_end_offset();
      const std::size_t value_bytes = random.below(4) == 0 ? 4000 : random.below(300);
      ASSERT_TRUE(append(log, {.records = records, .value_bytes = value_bytes}).has_value());
      for (int r = 0; r < records; ++r) bases.push_back(base);
    }
  };
  const auto check = [&](Log& log) {
    const Offset end = log.log_end_offset();
    ASSERT_EQ(bases.size(), static_cast<std::size_t>(end.value()));
    for (int i = 0; i < 2000; ++i) {
      const auto at = random.below(bases.size());
      const Offset from{static_cast<std::int64_t>(at)};
      const auto read = log.read(from, {.max_bytes = random.below(20'000), .upper_bound = end, .min_one_message = true});
      ASSERT_TRUE(read.has_value());
      const ByteBuffer bytes = bytes_of(read->range);
      protocol::BatchCursor cursor{bytes};
      protocol::RecordBatchView batch;
      ASSERT_TRUE(cursor.next(batch)) << "one whole batch at least";
      EXPECT_EQ(batch.base_offset(), bases[at]) << at;
    }
  };
  ASSERT_TRUE(with_log([&](Log& log) { fill(log), check(log); }));
  ASSERT_TRUE(with_log([&](Log& log) { check(log), check(log); })) << "indexes from their files: learnt while looking";
}

TEST_F(LogTest, AnOffsetInsideABatchReadsFromTheBatch) {
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log, {.records = 5}).has_value());
    ASSERT_TRUE(append(log, {.records = 5}).has_value());
    const auto read = log.read(Offset{7}, {.max_bytes = 1 << 20, .upper_bound = Offset{10}});
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(protocol::RecordBatchView{bytes_of(read->range)}.base_offset(), Offset{5});
  });
}

TEST_F(LogTest, BadBatchesAreRefusedAndChangeNothing) {
  config_.max_message_bytes = 2000;
  with_log([&](Log& log) {
    ByteBuffer flipped = make_batch({});
    flipped.back() ^= 1;
    EXPECT_EQ(code_of(log.append(flipped, LeaderEpoch{0}, AppendOrigin::client)), LogError::corrupt_message);
    ByteBuffer cut = make_batch({});
    cut.pop_back();
    EXPECT_EQ(code_of(log.append(cut, LeaderEpoch{0}, AppendOrigin::client)), LogError::corrupt_message);
    ByteBuffer old = make_batch({});
    old[16] = 1;
    EXPECT_EQ(code_of(log.append(old, LeaderEpoch{0}, AppendOrigin::client)), LogError::unsupported_format);
    EXPECT_EQ(code_of(append(log, {.value_bytes = 3000})), LogError::message_too_large);
    ByteBuffer two = make_batch({});
    const ByteBuffer second = make_batch({});
    two.insert(two.end(), second.begin(), second.end());
    EXPECT_EQ(code_of(log.append(two, LeaderEpoch{0}, AppendOrigin::client)), LogError::invalid_record);
    EXPECT_EQ(code_of(log.append({}, LeaderEpoch{0}, AppendOrigin::client)), LogError::corrupt_message);
    EXPECT_EQ(log.log_end_offset(), Offset{0});
    EXPECT_EQ(log.size_bytes(), 0U);
  });
}

TEST_F(LogTest, TimestampsOutsideTheirBoundsAreNamedRecordByRecord) {
  config_.timestamp_before_max_ms = 1000;
  with_log([&](Log& log) {
    const auto refused = append(log, {.records = 3, .timestamp_ms = 1'700'000'000'000 - 1500, .timestamp_step_ms = 1000});
    EXPECT_EQ(code_of(refused), LogError::invalid_timestamp);
    ASSERT_EQ(refused.error().record_errors.size(), 1U);
    EXPECT_EQ(refused.error().record_errors[0].batch_index, 0);
    EXPECT_EQ(code_of(append(log, {.timestamp_ms = 1'700'000'000'000 + 7'200'000})), LogError::invalid_timestamp);
    EXPECT_TRUE(append(log, {}).has_value());
  });
}

TEST_F(LogTest, ACompactedTopicTakesNoRecordWithoutAKey) {
  config_.cleanup_compact = true;
  with_log([&](Log& log) {
    EXPECT_EQ(code_of(append(log, {.keys = false})), LogError::invalid_record);
    EXPECT_TRUE(append(log, {.keys = true}).has_value());
  });
}

TEST_F(LogTest, LogAppendTimeIsStampedUnderAValidCrc) {
  config_.timestamp_type = TimestampType::log_append_time;
  with_log([&](Log& log) {
    const auto appended = append(log, {.records = 2, .timestamp_ms = 5});
    ASSERT_TRUE(appended.has_value());
    EXPECT_EQ(appended->log_append_time_ms, to_ms(world_->wall_now()));
    const auto batches = all_batches(log, Offset{0});  // checks the CRC
    EXPECT_EQ(batches.at(0).max_timestamp_ms, appended->log_append_time_ms);
  });
}

TEST_F(LogTest, AMaxTimestampThatLiesIsPutRight) {
  with_log([&](Log& log) {
    ByteBuffer bytes = make_batch({.records = 2, .timestamp_ms = 1'700'000'000'000});
    store_be(bytes.data() + 35, std::int64_t{1});
    store_be(bytes.data() + 17, crc32c(ByteView{bytes}.subspan(21)));
    ASSERT_TRUE(log.append(bytes, LeaderEpoch{0}, AppendOrigin::client).has_value());
    EXPECT_EQ(all_batches(log, Offset{0}).at(0).max_timestamp_ms, 1'700'000'000'000);
  });
}

TEST_F(LogTest, EveryCodecIsAcceptedAsItIs) {
  with_log([&](Log& log) {
    for (std::size_t codec = 0; codec < protocol::codec_count; ++codec) {
      ASSERT_TRUE(append(log, {.records = 10, .codec = static_cast<protocol::Codec>(codec)}).has_value());
    }
    EXPECT_EQ(all_batches(log, Offset{0}).size(), protocol::codec_count);
  });
}

TEST_F(LogTest, ADuplicateIsAnsweredWithTheFirstOffsetsAndWritesNothing) {
  with_log([&](Log& log) {
    const BatchSpec first{.records = 3, .producer = ProducerId{9}, .sequence = 0};
    ASSERT_TRUE(append(log, first).has_value());
    ASSERT_TRUE(append(log, {.records = 1, .producer = ProducerId{9}, .sequence = 3}).has_value());
    const std::uint64_t size = log.size_bytes();
    const auto again = append(log, first);
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->first_offset, Offset{0});
    EXPECT_EQ(again->last_offset, Offset{2});
    EXPECT_EQ(log.size_bytes(), size);
    EXPECT_EQ(code_of(append(log, {.producer = ProducerId{9}, .sequence = 9})), LogError::out_of_order_sequence);
    EXPECT_EQ(world_->count(runtime::EventName::duplicate_batch), 1U);
    EXPECT_EQ(world_->count(runtime::EventName::sequence_gap), 1U);
  });
}

TEST_F(LogTest, AFollowerKeepsItsLeadersOffsetsAndRefusesWhatCannotFollow) {
  with_log([&](Log& log) {
    const auto replicate = [&](std::int64_t base, int epoch, int leader = 5) {
      return append(log, {.records = 2, .base_offset = Offset{base}, .leader_epoch = LeaderEpoch{epoch}},
                    AppendOrigin::replication, leader);
    };
    ASSERT_TRUE(replicate(0, 3).has_value());
    ASSERT_TRUE(replicate(10, 5).has_value()) << "compaction leaves gaps";
    EXPECT_EQ(code_of(replicate(11, 5)), LogError::unexpected_append_offset);
    EXPECT_EQ(code_of(replicate(12, 6)), LogError::invalid_record) << "of a later leader than the one asked (KAFKA-18723)";
    EXPECT_EQ(log.log_end_offset(), Offset{12});
    EXPECT_EQ(log.end_offset_for_epoch(LeaderEpoch{3}).end_offset, Offset{10});
    const auto gap = log.read(Offset{5}, {.max_bytes = 1000, .upper_bound = Offset{12}});
    EXPECT_EQ(protocol::RecordBatchView{bytes_of(gap->range)}.base_offset(), Offset{10});
  });
}

TEST_F(LogTest, AnOpenTransactionHoldsTheLastStableOffsetAndAnAbortIsListed) {
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log, {.records = 2}).has_value());
    ASSERT_TRUE(append(log, {.records = 3, .producer = ProducerId{9}, .sequence = 0, .transactional = true}).has_value());
    log.update_high_watermark(log.log_end_offset());
    EXPECT_EQ(log.last_stable_offset(), Offset{2});
    ASSERT_TRUE(append_marker(log, ProducerId{9}, false).has_value());
    EXPECT_EQ(log.last_stable_offset(), Offset{2}) << "until the marker is replicated";
    log.update_high_watermark(log.log_end_offset());
    EXPECT_EQ(log.last_stable_offset(), Offset{6});
    const auto aborted = log.aborted_transactions(Offset{0}, Offset{6});
    ASSERT_TRUE(aborted.has_value());
    ASSERT_EQ(aborted->size(), 1U);
    EXPECT_EQ(aborted->front().first_offset, Offset{2});
    EXPECT_TRUE(log.aborted_transactions(Offset{6}, Offset{9})->empty());
  });
}

TEST_F(LogTest, OffsetsAreFoundByTimestamp) {
  config_.segment_bytes = 2000;
  config_.index_interval_bytes = 100;
  with_log([&](Log& log) {
    const std::int64_t start = 1'700'000'000'000 - 1'000'000;
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(append(log, {.records = 4, .value_bytes = 50, .timestamp_ms = start + i * 1000, .timestamp_step_ms = 100}));
    }
    EXPECT_GT(log.segment_count(), 3U);
    const Offset end = log.log_end_offset();
    for (int i = 0; i < 200; ++i) {
      const std::int64_t time = start + (i / 4) * 1000 + (i % 4) * 100;
      const auto exact = log.offset_for_timestamp(time, end);
      ASSERT_TRUE(exact.has_value() && exact->has_value());
      EXPECT_EQ((*exact)->offset, Offset{i});
      EXPECT_EQ((*exact)->timestamp_ms, time);
      const auto before = log.offset_for_timestamp(time - 50, end);
      EXPECT_EQ((*before)->offset, Offset{i});
    }
    EXPECT_FALSE(log.offset_for_timestamp(start + 60'000, end)->has_value());
    EXPECT_FALSE(log.offset_for_timestamp(start + 10'000, Offset{40})->has_value()) << "not below the bound";
    EXPECT_EQ((*log.offset_of_max_timestamp())->offset, Offset{199});
  });
}

TEST_F(LogTest, AppendsOfManyFibersTakeTurnsAndReadersSeeOnlyWholeBatches) {
  config_.segment_bytes = 5000;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    disk_ = {};
    with_log(
        [&](Log& log) {
          int running = 4;
          for (int writer = 0; writer < 4; ++writer) {
            world_->spawn("writer", [&] {
              for (int i = 0; i < 20; ++i) EXPECT_TRUE(append(log, {.records = 1 + i % 3, .value_bytes = 100}).has_value());
              --running;
            });
          }
          Offset next{0};
          while (running > 0 || next < log.log_end_offset()) {
            world_->yield();
            const auto read = log.read(next, {.max_bytes = 1 << 20, .upper_bound = log.log_end_offset()});
            ASSERT_TRUE(read.has_value());
            const ByteBuffer bytes = bytes_of(read->range);
            protocol::BatchCursor cursor{bytes};
            protocol::RecordBatchView batch;
            while (cursor.next(batch)) {
              ASSERT_TRUE(batch.validate().has_value());
              ASSERT_EQ(batch.base_offset(), next);
              next = batch.next_offset();
            }
            ASSERT_FALSE(cursor.error().has_value());
          }
        },
        End::clean, seed);
  }
}

TEST_F(LogTest, ALookUpByTimeDecompressesNoMoreThanAnAppend) {
  with_log([](Log& log) {
    // A leader of another make accepted them.
    for (const auto& [base, bytes] : {std::pair{0, decompressed_bytes_max - 1000}, std::pair{1, decompressed_bytes_max}}) {
      ASSERT_TRUE(append(log,
                         {.value_bytes = bytes,
                          .timestamp_ms = 1000 + base,
                          .codec = protocol::Codec::zstd,
                          .base_offset = Offset{base},
                          .leader_epoch = LeaderEpoch{0}},
                         AppendOrigin::replication)
                      .has_value());
    }
    const auto at_the_limit = log.offset_for_timestamp(1000, Offset{2});
    ASSERT_TRUE(at_the_limit.has_value() && at_the_limit->has_value());
    EXPECT_EQ((*at_the_limit)->offset, Offset{0});
    EXPECT_EQ(log.offset_for_timestamp(1001, Offset{2}).error(), LogError::message_too_large);
  });
}

TEST_F(LogTest, AfterAnErrorNothingIsAcceptedInThatDirectory) {  // KAFKA-10778
  with_log(
      [&](Log& log) {
        ASSERT_TRUE(append(log).has_value());
        world_->fault = [](std::string_view call, const std::string&) -> std::optional<runtime::IoError> {
          if (call == "pwritev") return runtime::IoError::no_space;
          return std::nullopt;
        };
        EXPECT_EQ(code_of(append(log)), LogError::storage_error);
        world_->fault = {};
        EXPECT_EQ(code_of(append(log)), LogError::storage_error);
        EXPECT_EQ(log.read(Offset{0}, {.max_bytes = 10, .upper_bound = Offset{1}}).error(), LogError::storage_error);
        EXPECT_EQ(log.log_end_offset(), Offset{1});
        EXPECT_EQ(failed_dirs_, std::vector<std::string>{"/d1"});
        EXPECT_EQ(world_->count(runtime::EventName::log_dir_failed), 1U);
      },
      End::crash);
}

TEST_F(LogTest, AFailedSyncTakesTheDirectoryOffline) {  // fsyncgate
  config_.flush_messages = 1;
  with_log(
      [&](Log& log) {
        world_->fault = [](std::string_view call, const std::string& file) -> std::optional<runtime::IoError> {
          if (call == "sync" && file.ends_with(".log")) return runtime::IoError::io_failure;
          return std::nullopt;
        };
        EXPECT_EQ(code_of(append(log)), LogError::storage_error);
        world_->fault = {};
        EXPECT_EQ(log.flush().error(), LogError::storage_error);
      },
      End::crash);
}

TEST_F(LogTest, AWriteThatWasCutShortByCancellationLeavesNothingBehind) {
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log).has_value());
    world_->fault = [&](std::string_view call, const std::string&) -> std::optional<runtime::IoError> {
      while (call == "pwritev") world_->yield();
      return std::nullopt;
    };
    const auto writer = world_->spawn("writer", [&] { (void)append(log, {.value_bytes = 500}); });
    for (int i = 0; i < 10; ++i) world_->yield();
    world_->cancel(writer);
    for (int i = 0; i < 10; ++i) world_->yield();
    world_->fault = nullptr;
    ASSERT_TRUE(append(log).has_value());
    EXPECT_EQ(all_batches(log, Offset{0}).size(), 2U);
  });
}

TEST_F(LogTest, AppendsThatWaitForTheDiskShareItsSyncs) {
  config_.flush_messages = 1;
  with_log([&](Log& log) {
    int running = 20;
    for (int writer = 0; writer < 20; ++writer) {
      world_->spawn("writer", [&] {
        const auto appended = append(log);
        EXPECT_TRUE(appended.has_value());
        EXPECT_GE(log.recovery_point(), appended->end_offset());
        --running;
      });
    }
    while (running > 0) world_->yield();
    EXPECT_LT(world_->count(runtime::EventName::log_flushed), 20U);
    EXPECT_EQ(log.policy_end_offset(), Offset{20});
  });
}

TEST_F(LogTest, FlushMsFlushesInTime) {
  config_.flush_ms = 500;
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log).has_value());
    EXPECT_EQ(log.recovery_point(), Offset{0});
    world_->sleep_until(world_->now() + std::chrono::milliseconds{600});
    EXPECT_EQ(log.recovery_point(), Offset{1});
  });
}

}  // namespace
}  // namespace squall::log
