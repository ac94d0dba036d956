// Every row of the table in log/recovery.h: the state is made, the log is loaded, and the row is seen to apply.
#include "log/recovery.h"

#include <gtest/gtest.h>

#include <map>

#include "log/producer_snapshot.h"
#include "tests/log/log_fixture.h"

namespace squall::log {
namespace {

constexpr const char* first_log = "00000000000000000000.log";
constexpr const char* second_log = "00000000000000000006.log";
constexpr const char* third_log = "00000000000000000012.log";

class RecoveryTest : public LogFixture {
 protected:
  // Three segments of three batches of two records: offsets 0-5, 6-11, 12-17.
  void make_log(End end = End::clean) {
    with_log(
        [&](Log& log) {
          for (int i = 0; i < 9; ++i) {
            if (i > 0 && i % 3 == 0) {
              ASSERT_TRUE(log.roll().has_value());
            }
            ASSERT_TRUE(append(log, {.records = 2, .value_bytes = 100, .producer = ProducerId{5}, .sequence = 2 * i},
                               AppendOrigin::client, i / 4)
                            .has_value());
          }
          world_->sleep_until(world_->now() + std::chrono::milliseconds{1});
        },
        end);
  }
  void damage(const std::string& name, std::size_t at) {
    const auto file = disk_.file(path(name));
    ASSERT_NE(file, nullptr) << name;
    if (at < file->cached.size()) file->cached[at] ^= 0x55;
    file->sync();
  }
  void cut(const std::string& name, std::size_t size) {
    const auto file = disk_.file(path(name));
    ASSERT_NE(file, nullptr) << name;
    file->cached.resize(size);
    file->sync();
  }
  std::size_t size_of(const std::string& name) { return disk_.file(path(name))->cached.size(); }
  // Loads orders-0 by hand, and looks at it.
  RecoveryReport load(const LoadInput& input, const std::function<void(Log&)>& look = {}) {
    RecoveryReport report;
    world_ = std::make_unique<tests::MemoryWorld>(disk_);
    EXPECT_TRUE(world_->run([&] {
      auto dir = std::make_shared<LogDir>(*world_, "/d1", nullptr);
      auto state = std::make_unique<LogState>(*world_, dir, orders, "/d1/orders-0", config_);
      dir->add(*state);
      const auto loaded = load_log(*state, input);
      ASSERT_TRUE(loaded.has_value());
      report = *loaded;
      const auto log = std::make_shared<Log>(std::move(state));
      if (look) look(*log);
      dir->stop();
    }));
    return report;
  }
  static void expect_all(Log& log) {
    EXPECT_EQ(log.log_end_offset(), Offset{18});
    EXPECT_EQ(all_batches(log, Offset{0}).size(), 9U);
    ASSERT_NE(log.producers().find(ProducerId{5}), nullptr);
    EXPECT_EQ(log.producers().find(ProducerId{5})->last_sequence(), 17);
  }
  const LoadInput clean_{.clean = true, .recovery_point = Offset{18}, .log_start = Offset{0}, .high_watermark = Offset{18}};
  const LoadInput unflushed_{.clean = false, .recovery_point = Offset{0}, .log_start = Offset{0}, .high_watermark = Offset{18}};
  const LoadInput flushed_{.clean = false, .recovery_point = Offset{18}, .log_start = Offset{0}, .high_watermark = Offset{18}};
};

TEST_F(RecoveryTest, TheTableNamesEveryCaseOnce) {
  for (std::size_t i = 0; i < recovery_table.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(recovery_table[i].found), i + 1);
  }
}

TEST_F(RecoveryTest, Row1DeletedFile) {
  make_log();
  disk_.put(path("00000000000000000099.log.deleted"), as_bytes("x"));
  EXPECT_TRUE(load(clean_, expect_all).has(RecoveryCase::deleted_file));
  EXPECT_EQ(disk_.file(path("00000000000000000099.log.deleted")), nullptr);
}

TEST_F(RecoveryTest, Row2UnfinishedFile) {
  make_log();
  disk_.put(path("00000000000000000006.log.cleaned"), as_bytes("half"));
  disk_.put(path("00000000000000000006.log.swap"), as_bytes("of the same cleaning"));
  disk_.put(path("leader-epoch-checkpoint.tmp"), as_bytes("0\n"));
  EXPECT_TRUE(load(clean_, expect_all).has(RecoveryCase::unfinished_file));
  EXPECT_EQ(disk_.file(path("00000000000000000006.log.cleaned")), nullptr);
  EXPECT_EQ(disk_.file(path("00000000000000000006.log.swap")), nullptr);
  EXPECT_EQ(disk_.file(path("leader-epoch-checkpoint.tmp")), nullptr);
}

TEST_F(RecoveryTest, Row3FinishedSwap) {
  make_log();
  // Segments 0 and 6 were merged into one.
  ByteBuffer merged = disk_.file(path(first_log))->cached;
  const ByteBuffer second = disk_.file(path(second_log))->cached;
  merged.insert(merged.end(), second.begin(), second.end());
  disk_.put(path("00000000000000000000.log.swap"), merged);
  EXPECT_TRUE(load(clean_, [&](Log& log) {
                expect_all(log);
                EXPECT_EQ(log.segment_count(), 2U);
              }).has(RecoveryCase::finished_swap));
  EXPECT_EQ(disk_.file(path(second_log)), nullptr);
}

TEST_F(RecoveryTest, Row4OrphanIndex) {
  make_log();
  disk_.put(path("00000000000000000099.timeindex"), as_bytes("x"));
  EXPECT_TRUE(load(clean_, expect_all).has(RecoveryCase::orphan_index));
  EXPECT_EQ(disk_.file(path("00000000000000000099.timeindex")), nullptr);
}

TEST_F(RecoveryTest, Row5NoSegment) {
  make_log();
  for (const char* name : {first_log, second_log, third_log}) disk_.erase(path(name));
  const auto report = load({.clean = true, .recovery_point = {}, .log_start = Offset{4}, .high_watermark = {}}, [&](Log& log) {
    EXPECT_EQ(log.log_start_offset(), Offset{4});
    EXPECT_EQ(append(log, {}, AppendOrigin::client, 9)->first_offset, Offset{4});
  });
  EXPECT_TRUE(report.has(RecoveryCase::no_segment));
}

TEST_F(RecoveryTest, Row6Clean) {
  make_log();
  const auto report = load(clean_, expect_all);
  EXPECT_EQ(report.cases, std::vector{RecoveryCase::clean});
}

TEST_F(RecoveryTest, Row7Unclean) {
  make_log(End::crash);
  EXPECT_TRUE(load(unflushed_, expect_all).has(RecoveryCase::unclean));
}

TEST_F(RecoveryTest, Row8TornTail) {
  make_log();
  const std::size_t batch = size_of(second_log) / 3;
  damage(second_log, batch + 70);
  const auto report =
      load({.clean = false, .recovery_point = Offset{6}, .log_start = Offset{0}, .high_watermark = Offset{18}}, [&](Log& log) {
        EXPECT_EQ(log.log_end_offset(), Offset{8});
        EXPECT_EQ(log.high_watermark(), Offset{8});
        EXPECT_EQ(all_batches(log, Offset{0}).size(), 4U);
        EXPECT_EQ(log.producers().find(ProducerId{5})->last_sequence(), 7);
        EXPECT_EQ(append(log, {}, AppendOrigin::client, 3)->first_offset, Offset{8});
      });
  EXPECT_TRUE(report.has(RecoveryCase::torn_tail));
  EXPECT_EQ(report.bytes_cut, 5 * batch);
}

TEST_F(RecoveryTest, Row8ATailOfAnyLengthIsCutToWholeBatches) {
  make_log();
  const std::size_t size = size_of(third_log);
  const ByteBuffer whole = disk_.file(path(third_log))->cached;
  for (std::size_t kept = 0; kept <= size; kept += 7) {
    disk_.put(path(third_log), ByteView{whole}.first(kept));
    load({.clean = false, .recovery_point = Offset{12}, .log_start = Offset{0}, .high_watermark = Offset{12}}, [&](Log& log) {
      EXPECT_EQ(log.log_end_offset(), Offset{12 + static_cast<std::int64_t>(kept / (size / 3)) * 2}) << kept;
    });
  }
}

TEST_F(RecoveryTest, Row9MissingSegment) {
  make_log();
  disk_.erase(path(second_log));
  const auto report = load(unflushed_, [&](Log& log) { EXPECT_EQ(log.log_end_offset(), Offset{6}); });
  EXPECT_TRUE(report.has(RecoveryCase::missing_segment));
}

TEST_F(RecoveryTest, Row9ACompactedLogMayHaveGaps) {
  make_log();
  disk_.erase(path(second_log));
  config_.cleanup_compact = true;
  const auto report = load(unflushed_, [&](Log& log) { EXPECT_EQ(log.log_end_offset(), Offset{18}); });
  EXPECT_FALSE(report.has(RecoveryCase::missing_segment));
}

TEST_F(RecoveryTest, Row10FlushedBatchCorrupt) {
  make_log();
  damage(third_log, 70);
  const auto report =
      load(flushed_, [&](Log& log) { EXPECT_EQ(log.log_end_offset(), Offset{18}) << "nothing flushed is cut"; });
  EXPECT_TRUE(report.has(RecoveryCase::flushed_batch_corrupt));
  EXPECT_EQ(report.bytes_cut, 0U);
}

TEST_F(RecoveryTest, Row11FlushedChainBroken) {
  make_log();
  const std::size_t size = size_of(third_log);
  damage(third_log, 9);  // the length
  const auto report = load(flushed_, [&](Log& log) {
    EXPECT_EQ(append(log).error().code, LogError::storage_error);
    EXPECT_EQ(log.flush().error(), LogError::storage_error);
    EXPECT_TRUE(log.state().dir->online()) << "the other logs go on";
  });
  EXPECT_TRUE(report.has(RecoveryCase::flushed_chain_broken));
  EXPECT_EQ(size_of(third_log), size) << "nothing is deleted";
}

TEST_F(RecoveryTest, Row12IndexRebuilt) {
  config_.index_interval_bytes = 50;
  make_log();
  disk_.erase(path("00000000000000000012.index"));
  EXPECT_TRUE(load(clean_, expect_all).has(RecoveryCase::index_rebuilt));
  cut("00000000000000000012.timeindex", 5);
  EXPECT_TRUE(load(clean_, expect_all).has(RecoveryCase::index_rebuilt));
  // Of sealed segments: when they are looked into.
  damage("00000000000000000000.index", 0);
  disk_.erase(path("00000000000000000006.timeindex"));
  load(clean_, [&](Log& log) {
    expect_all(log);
    EXPECT_EQ((*log.offset_of_max_timestamp())->offset, Offset{0});
  });
}

TEST_F(RecoveryTest, Row13TransactionIndexRebuilt) {
  with_log([&](Log& log) {
    ASSERT_TRUE(append(log, {.records = 3, .producer = ProducerId{9}, .sequence = 0, .transactional = true}).has_value());
    ASSERT_TRUE(append_marker(log, ProducerId{9}, false).has_value());
    ASSERT_TRUE(log.roll().has_value());
    ASSERT_TRUE(append(log).has_value());
  });
  const ByteBuffer good = disk_.file(path("00000000000000000000.txnindex"))->cached;
  ASSERT_EQ(good.size(), 34U);
  damage("00000000000000000000.txnindex", 1);
  const LoadInput input{.clean = true, .recovery_point = Offset{5}, .log_start = Offset{0}, .high_watermark = Offset{5}};
  const auto look = [&](Log& log) {
    const auto aborted = log.aborted_transactions(Offset{0}, Offset{5});
    ASSERT_EQ(aborted->size(), 1U);
    EXPECT_EQ(aborted->front().producer_id, ProducerId{9});
  };
  EXPECT_TRUE(load(input, look).has(RecoveryCase::transaction_index_rebuilt));
  disk_.erase(path("00000000000000000000.txnindex"));
  load({.clean = false, .recovery_point = Offset{0}, .log_start = Offset{0}, .high_watermark = Offset{5}}, look);
}

TEST_F(RecoveryTest, Row14SnapshotCorrupt) {
  make_log();
  damage("00000000000000000018.snapshot", 20);
  EXPECT_TRUE(load(clean_, expect_all).has(RecoveryCase::snapshot_corrupt));
  EXPECT_EQ(disk_.file(path("00000000000000000018.snapshot")), nullptr);
}

TEST_F(RecoveryTest, Row15SnapshotAboveEnd) {
  make_log();
  disk_.put(path("00000000000000000077.snapshot"), encode_producer_snapshot({}));
  EXPECT_TRUE(load(clean_, expect_all).has(RecoveryCase::snapshot_above_end));
  EXPECT_EQ(disk_.file(path("00000000000000000077.snapshot")), nullptr);
}

TEST_F(RecoveryTest, Row16SnapshotMissing) {
  make_log();
  for (const char* base : {"06", "12", "18"}) disk_.erase(path("000000000000000000" + std::string{base} + ".snapshot"));
  EXPECT_TRUE(load(clean_, expect_all).has(RecoveryCase::snapshot_missing));
}

TEST_F(RecoveryTest, Row17EpochsRebuilt) {
  make_log();
  const ByteBuffer good = disk_.file(path("leader-epoch-checkpoint"))->cached;
  disk_.erase(path("leader-epoch-checkpoint"));
  EXPECT_TRUE(load(clean_, expect_all).has(RecoveryCase::epochs_rebuilt));
  EXPECT_EQ(disk_.file(path("leader-epoch-checkpoint"))->cached, good);
  cut("leader-epoch-checkpoint", 5);
  EXPECT_TRUE(load(unflushed_, expect_all).has(RecoveryCase::epochs_rebuilt));
  EXPECT_EQ(disk_.file(path("leader-epoch-checkpoint"))->cached, good);
}

TEST_F(RecoveryTest, Row18EpochsAboveEnd) {
  make_log();
  disk_.put(path("leader-epoch-checkpoint"), as_bytes("0\n4\n0 0\n1 8\n2 16\n9 50\n"));
  EXPECT_TRUE(
      load(clean_, [](Log& log) { EXPECT_EQ(log.latest_epoch(), LeaderEpoch{2}); }).has(RecoveryCase::epochs_above_end));
}

TEST_F(RecoveryTest, Row19RecoveryPointMissing) {
  make_log();
  damage(first_log, 70);
  const auto report = load({.clean = false, .recovery_point = {}, .log_start = Offset{0}, .high_watermark = Offset{18}},
                           [](Log& log) { EXPECT_EQ(log.log_end_offset(), Offset{0}); });
  EXPECT_TRUE(report.has(RecoveryCase::recovery_point_missing));
}

TEST_F(RecoveryTest, Row20RecoveryPointAboveEnd) {
  make_log();
  const auto report =
      load({.clean = false, .recovery_point = Offset{40}, .log_start = Offset{0}, .high_watermark = Offset{18}}, [](Log& log) {
        expect_all(log);
        EXPECT_EQ(log.recovery_point(), Offset{18});
      });
  EXPECT_TRUE(report.has(RecoveryCase::recovery_point_above_end));
}

TEST_F(RecoveryTest, Row21LogStartMissing) {
  make_log();
  disk_.erase(path(first_log));
  const auto report = load({.clean = true, .recovery_point = Offset{18}, .log_start = {}, .high_watermark = Offset{18}},
                           [](Log& log) { EXPECT_EQ(log.log_start_offset(), Offset{6}); });
  EXPECT_TRUE(report.has(RecoveryCase::log_start_missing));
}

TEST_F(RecoveryTest, Row22LogStartAboveEnd) {
  make_log();
  const auto report =
      load({.clean = true, .recovery_point = Offset{18}, .log_start = Offset{30}, .high_watermark = Offset{30}}, [](Log& log) {
        EXPECT_EQ(log.log_start_offset(), Offset{30});
        EXPECT_EQ(log.log_end_offset(), Offset{30});
        EXPECT_EQ(append(log, {}, AppendOrigin::client, 4)->first_offset, Offset{30});
      });
  EXPECT_TRUE(report.has(RecoveryCase::log_start_above_end));
}

TEST_F(RecoveryTest, Row23HighWatermarkMissing) {
  make_log();
  const auto report = load({.clean = true, .recovery_point = Offset{18}, .log_start = Offset{3}, .high_watermark = {}},
                           [](Log& log) { EXPECT_EQ(log.high_watermark(), Offset{3}); });
  EXPECT_TRUE(report.has(RecoveryCase::high_watermark_missing));
}

TEST_F(RecoveryTest, Row24HighWatermarkAboveEnd) {
  make_log();
  const auto report = load({.clean = true, .recovery_point = Offset{18}, .log_start = Offset{0}, .high_watermark = Offset{50}},
                           [](Log& log) { EXPECT_EQ(log.high_watermark(), Offset{18}); });
  EXPECT_TRUE(report.has(RecoveryCase::high_watermark_above_end));
}

TEST_F(RecoveryTest, Row25BelowLogStart) {
  make_log();
  disk_.erase(path(second_log));  // deleted, as the first one was; but the first one's name came back
  const auto report =
      load({.clean = false, .recovery_point = Offset{2}, .log_start = Offset{12}, .high_watermark = Offset{18}}, [](Log& log) {
        EXPECT_EQ(log.log_start_offset(), Offset{12});
        EXPECT_EQ(log.log_end_offset(), Offset{18});
        EXPECT_EQ(log.segment_count(), 1U);
      });
  EXPECT_TRUE(report.has(RecoveryCase::below_log_start));
}

TEST_F(RecoveryTest, AQuarantinedLogRemembersWhereItBegins) {
  make_log();
  damage(third_log, 16);
  (void)load({.clean = false, .recovery_point = Offset{18}, .log_start = Offset{3}, .high_watermark = Offset{18}},
             [](Log& log) {
               EXPECT_TRUE(log.state().quarantined);
               EXPECT_EQ(log.log_start_offset(), Offset{3}) << "or records below it would be served once it is mended";
             });
}

TEST_F(RecoveryTest, AQuarantinedLogIsStillWholeAfterSeveralStarts) {
  make_log();
  const std::size_t bytes = size_of(third_log);
  damage(third_log, 16);  // the magic of its first batch: no chain
  for (int start = 0; start < 3; ++start) {
    ASSERT_TRUE(boot([&](LogManager& manager) {
      const auto log = manager.find(orders);
      ASSERT_NE(log, nullptr);
      EXPECT_TRUE(log->quarantined());
      EXPECT_EQ(world_->count(runtime::EventName::log_quarantined), 1U);
      EXPECT_EQ(append(*log).error().code, LogError::storage_error);
      manager.checkpoint();
    }));
    EXPECT_EQ(size_of(third_log), bytes) << "start " << start;
  }
}

TEST_F(RecoveryTest, NoByteThatIsFlippedAnywhereLosesAFlushedRecordOrStopsTheLoad) {
  make_log();
  std::map<std::string, ByteBuffer> good;
  for (const auto& [name, file] : disk_.directory("/d1/orders-0")->files) good[name] = file->cached;
  Random random{99};
  for (int run = 0; run < 150; ++run) {
    for (const auto& [name, bytes] : good) disk_.put(path(name), bytes);
    auto victim = good.begin();
    std::advance(victim, static_cast<std::ptrdiff_t>(random.below(good.size())));
    if (victim->second.empty()) continue;
    damage(victim->first, static_cast<std::size_t>(random.below(victim->second.size())));
    const bool of_records = victim->first.ends_with(".log");
    load(random.chance(1, 2) ? clean_ : flushed_, [&](Log& log) {
      if (of_records) {
        EXPECT_TRUE(log.state().quarantined || log.log_end_offset() >= Offset{17}) << victim->first;
      } else {
        EXPECT_EQ(log.log_end_offset(), Offset{18}) << victim->first;
        EXPECT_EQ(all_batches(log, Offset{0}).size(), 9U) << victim->first;
      }
    });
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace squall::log
