// What the tests of the log share: a node with a disk in memory, and batches.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "log/files.h"
#include "log/log.h"
#include "log/log_manager.h"
#include "log/log_state.h"
#include "protocol/record_batch.h"
#include "protocol/record_batch_builder.h"
#include "tests/support/memory_world.h"

namespace squall::log {

struct BatchSpec {
  int records = 1;
  std::size_t value_bytes = 10;
  std::int64_t timestamp_ms = 1'700'000'000'000;
  std::int64_t timestamp_step_ms = 0;
  ProducerId producer = no_producer;
  std::int16_t epoch = 0;
  std::int32_t sequence = -1;
  bool transactional = false;
  bool keys = true;
  protocol::Codec codec = protocol::Codec::none;
  Offset base_offset{0};
  LeaderEpoch leader_epoch = no_epoch;
  char fill = 'v';
};

inline ByteBuffer make_batch(const BatchSpec& spec) {
  protocol::RecordBatchBuilder builder;
  protocol::BatchOptions options;
  options.codec = spec.codec;
  options.base_offset = spec.base_offset;
  options.partition_leader_epoch = spec.leader_epoch;
  options.transactional = spec.transactional;
  if (spec.producer != no_producer) {
    options.producer_id = spec.producer;
    options.producer_epoch = ProducerEpoch{spec.epoch};
    options.base_sequence = spec.sequence;
  }
  builder.start(options);
  const std::string value(spec.value_bytes, spec.fill);
  for (int i = 0; i < spec.records; ++i) {
    const auto key = spec.keys ? protocol::NullableBytes{as_bytes("key")} : std::nullopt;
    builder.append(spec.timestamp_ms + i * spec.timestamp_step_ms, key, as_bytes(value));
  }
  protocol::Compressor compressor;
  (void)builder.finish(compressor);
  return builder.take();
}

inline ByteBuffer make_marker(ProducerId producer, std::int16_t epoch, bool commit, std::int32_t coordinator_epoch = 0,
                              std::int64_t timestamp_ms = 1'700'000'000'000) {
  protocol::RecordBatchBuilder builder;
  protocol::BatchOptions options;
  options.transactional = true;
  options.control = true;
  options.producer_id = producer;
  options.producer_epoch = ProducerEpoch{epoch};
  builder.start(options);
  builder.append_end_transaction_marker(timestamp_ms, commit, coordinator_epoch);
  (void)builder.finish();
  return builder.take();
}

inline ByteBuffer bytes_of(const FileRange& range) {
  ByteBuffer bytes(range.bytes);
  if (range.bytes == 0) return bytes;
  const auto read = runtime::pread_full(*range.file, bytes, range.position);
  EXPECT_TRUE(read.has_value() && *read == bytes.size());
  return bytes;
}

// The batches that a log holds from `from` on, read as a follower would.
inline std::vector<BatchInfo> all_batches(Log& log, Offset from) {
  std::vector<BatchInfo> batches;
  while (from < log.log_end_offset()) {
    const auto read = log.read(from, {.max_bytes = 1 << 20, .upper_bound = log.log_end_offset(), .min_one_message = true});
    if (!read || read->range.bytes == 0) {
      ADD_FAILURE() << "nothing at " << from.value();
      return batches;
    }
    const ByteBuffer bytes = bytes_of(read->range);
    protocol::BatchCursor cursor{bytes};
    protocol::RecordBatchView batch;
    while (cursor.next(batch)) {
      EXPECT_TRUE(batch.validate().has_value());
      batches.push_back(describe(batch, 0));
      from = batch.next_offset();
    }
  }
  return batches;
}

inline const TopicPartition orders{"orders", PartitionIndex{0}};
inline const Uuid orders_id{0x1234, 0x5678};

class LogFixture : public testing::Test {
 protected:
  // Boots a node on the disk: opens the manager, runs `work`, and either stops cleanly, or just stops (a crash).
  enum class End { clean, crash };
  bool boot(const std::function<void(LogManager&)>& work, End end = End::clean, std::uint64_t seed = 1,
            const std::function<void(tests::MemoryWorld&)>& prepare = {}) {
    world_ = std::make_unique<tests::MemoryWorld>(disk_, seed);
    if (prepare) prepare(*world_);
    return world_->run([&] {
      LogManager manager{*world_, options()};
      const auto opened = manager.open();
      open_error_ = opened ? std::nullopt : std::optional{opened.error()};
      if (!opened) return;
      manager.start();
      work(manager);
      if (end == End::clean) manager.shutdown(7);
    });
  }
  // The same with the log of orders-0.
  bool with_log(const std::function<void(Log&)>& work, End end = End::clean, std::uint64_t seed = 1) {
    return boot(
        [&](LogManager& manager) {
          const auto log = manager.create_log(orders, orders_id);
          ASSERT_TRUE(log.has_value());
          work(**log);
        },
        end, seed);
  }
  LogManagerOptions options() {
    LogManagerOptions options;
    options.log_dirs = dirs_;
    options.cluster_id = cluster_id_;
    options.node_id = NodeId{1};
    options.config_of = [this](std::string_view) { return config_; };
    options.on_dir_failed = [this](const std::string& dir) { failed_dirs_.push_back(dir); };
    return options;
  }
  static std::expected<AppendInfo, AppendError> append(Log& log, const BatchSpec& spec = {},
                                                       AppendOrigin origin = AppendOrigin::client, int epoch = 0) {
    ByteBuffer bytes = make_batch(spec);
    return log.append(bytes, LeaderEpoch{epoch}, origin);
  }
  static std::expected<AppendInfo, AppendError> append_marker(Log& log, ProducerId producer, bool commit,
                                                              std::int16_t epoch = 0, std::int32_t coordinator_epoch = 0) {
    ByteBuffer bytes = make_marker(producer, epoch, commit, coordinator_epoch);
    return log.append(bytes, LeaderEpoch{0}, AppendOrigin::coordinator);
  }
  [[nodiscard]] std::string path(std::string_view name) const { return "/d1/orders-0/" + std::string{name}; }

  tests::MemoryDisk disk_;
  std::vector<std::string> dirs_{"/d1"};
  std::string cluster_id_ = "MkU3OEVBNTcwNTJENDM2Qg";
  LogConfig config_;
  std::unique_ptr<tests::MemoryWorld> world_;
  std::optional<OpenError> open_error_;
  std::vector<std::string> failed_dirs_;
};

}  // namespace squall::log
