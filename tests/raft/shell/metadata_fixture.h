// What the tests of the metadata log share: a node with a disk in memory, its metadata log, and batches of records.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/files.h"
#include "log/log_manager.h"
#include "protocol/framing.h"
#include "protocol/record_batch_builder.h"
#include "protocol/writer.h"
#include "raft/metadata/record_version.h"
#include "raft/quorum/control_records.h"
#include "raft/shell/metadata_log.h"
#include "raft/shell/wire.h"
#include "tests/support/memory_world.h"

namespace squall::raft {

inline const std::string metadata_dir = "/m";
inline const std::string metadata_log_dir = "/m/__cluster_metadata-0";

inline Uuid directory(std::int32_t id) { return Uuid{7, static_cast<std::uint64_t>(id)}; }

inline VoterSet voters_of(std::initializer_list<std::int32_t> ids, bool directories = true) {
  std::vector<Voter> voters;
  for (const std::int32_t id : ids) {
    voters.push_back({.key = {NodeId{id}, directories ? directory(id) : Uuid{}},
                      .endpoints = {{"CONTROLLER", "node" + std::to_string(id), 9093}},
                      .kraft_versions = {0, 1}});
  }
  return VoterSet{std::move(voters)};
}

inline protocol::MetadataRecord level_record(std::string name, std::int16_t level) {
  return protocol::FeatureLevelRecord{.name = std::move(name), .feature_level = level};
}

// One batch of `count` records, the first at `base`: levels of features that are called by their offsets.
inline ByteBuffer records_batch(std::int64_t base, std::int32_t epoch, int count = 1, std::size_t name_bytes = 0) {
  protocol::RecordBatchBuilder builder;
  protocol::BatchOptions options;
  options.base_offset = Offset{base};
  options.partition_leader_epoch = LeaderEpoch{epoch};
  builder.start(options);
  for (int i = 0; i < count; ++i) {
    std::string name = std::to_string(base + i);
    name.resize(std::max(name.size(), name_bytes), '.');
    ByteBuffer value;
    {
      protocol::Writer writer{value};
      EXPECT_TRUE(
          protocol::encode_metadata_record(writer, 0, level_record(name, static_cast<std::int16_t>(epoch))).has_value());
    }
    builder.append(1000 + base, std::nullopt, ByteView{value});
  }
  (void)builder.finish();
  return builder.take();
}

inline ByteBuffer joined(std::initializer_list<ByteBuffer> parts) {
  ByteBuffer all;
  for (const ByteBuffer& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// The first batch of an epoch: one record.
inline ByteBuffer epoch_start(std::int64_t base, std::int32_t epoch) {
  return build_batch(AppendEpochStart{.base = Offset{base}, .epoch = LeaderEpoch{epoch}, .leader = NodeId{1}}, 0, 1000 + base);
}

inline OffsetAndEpoch at(std::int64_t offset, std::int32_t epoch) { return {LeaderEpoch{epoch}, Offset{offset}}; }

// The bytes of a snapshot with `count` records.
inline ByteBuffer snapshot_bytes(std::int32_t epoch, int count, const SnapshotHead& head = {}) {
  const ByteBuffer start = build_snapshot_start(head.last_timestamp_ms, head.kraft_version,
                                                head.voters ? &*head.voters : nullptr, LeaderEpoch{epoch});
  const Offset first = protocol::RecordBatchView{start}.next_offset();
  const ByteBuffer middle = count == 0 ? ByteBuffer{} : records_batch(first.value(), epoch, count);
  return joined({start, middle, build_snapshot_end(first + count, LeaderEpoch{epoch}, head.last_timestamp_ms)});
}

inline ByteBuffer bytes_of(const log::FileRange& range) {
  ByteBuffer bytes(range.bytes);
  if (range.bytes == 0) return bytes;
  const auto read = runtime::pread_full(*range.file, bytes, range.position);
  EXPECT_TRUE(read.has_value() && *read == bytes.size());
  return bytes;
}

class MetadataLogFixture : public testing::Test {
 protected:
  enum class End { clean, crash };
  using Prepare = std::function<void(tests::MemoryWorld&)>;

  // Boots a node on the disk and gives its log manager to `work`. False: the power was cut.
  bool boot(const std::function<void(log::LogManager&, const std::shared_ptr<log::Log>&)>& work, End end = End::clean,
            std::uint64_t seed = 1, const Prepare& prepare = {}) {
    world_ = std::make_unique<tests::MemoryWorld>(disk_, seed);
    if (prepare) prepare(*world_);
    return world_->run([&] {
      log::LogManagerOptions options;
      options.log_dirs = {metadata_dir};
      options.cluster_id = "MkU3OEVBNTcwNTJENDM2Qg";
      options.node_id = NodeId{1};
      options.config_of = [this](std::string_view) { return config_; };
      options.on_dir_failed = [](const std::string&) {};
      log::LogManager manager{*world_, options};
      if (!manager.open()) return;
      manager.start();
      const auto log = manager.create_log({std::string{metadata_topic_name}, squall::PartitionIndex{0}}, metadata_topic_id);
      if (!log) return;
      work(manager, *log);
      if (end == End::clean) manager.shutdown();
    });
  }
  // The same with the metadata log. `error_` is set if it does not open.
  bool with_log(const std::function<void(MetadataLog&)>& work, End end = End::clean, std::uint64_t seed = 1,
                const Prepare& prepare = {}) {
    error_.reset();
    return boot(
        [&](log::LogManager&, const std::shared_ptr<log::Log>& log) {
          auto opened = MetadataLog::open(*world_, log, {.dir = metadata_log_dir, .static_voters = static_voters_});
          if (!opened) {
            error_ = opened.error();
            return;
          }
          work(**opened);
        },
        end, seed, prepare);
  }
  // Why it does not open; empty if it does.
  std::string refusal() {
    with_log([](MetadataLog&) {}, End::crash);
    return error_.value_or("");
  }
  static void append(MetadataLog& log, ByteBuffer bytes) {
    const auto appended = log.append(bytes);
    EXPECT_TRUE(appended.has_value()) << (appended ? "" : appended.error());
  }
  static void fetch(MetadataLog& log, OffsetAndEpoch id, ByteView bytes) {
    ASSERT_TRUE(log.write_part(id, 0, bytes).has_value());
    ASSERT_TRUE(log.finish_part(id).has_value());
    ASSERT_TRUE(log.install(id).has_value());
  }
  // The names of the features in [from, end), in order.
  static std::vector<std::string> names(MetadataLog& log, Offset from) {
    std::vector<std::string> all;
    while (from < log.log_end()) {
      const auto batches = log.read_records(from, log.log_end(), 1);
      EXPECT_TRUE(batches.has_value() && !batches->empty());
      if (!batches || batches->empty()) return all;
      for (const CommittedBatch& batch : *batches) {
        EXPECT_EQ(batch.base, from);
        for (const auto& record : batch.records) all.push_back(std::get<protocol::FeatureLevelRecord>(record).name);
        from = batch.end;
      }
    }
    return all;
  }
  [[nodiscard]] static std::string path(std::string_view name) { return metadata_log_dir + "/" + std::string{name}; }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> all;
    for (const auto& [name, file] : disk_.directory(metadata_log_dir)->files) all.push_back(name);
    return all;
  }
  [[nodiscard]] bool exists(std::string_view name) const { return disk_.file(path(name)) != nullptr; }

  tests::MemoryDisk disk_;
  log::LogConfig config_ = metadata_log_config();
  VoterSet static_voters_ = voters_of({1, 2, 3}, false);
  std::unique_ptr<tests::MemoryWorld> world_;
  std::optional<std::string> error_;
};

}  // namespace squall::raft
