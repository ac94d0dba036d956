#include "raft/shell/snapshot_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/shell/metadata_fixture.h"

namespace squall::raft {
namespace {

class SnapshotFileTest : public testing::Test {
 protected:
  MetadataLogResult<SnapshotHead> read(ByteView bytes, std::int32_t epoch, const RecordVisitor& visit = {}) {
    disk_.put("/s", bytes);
    MetadataLogResult<SnapshotHead> head;
    tests::MemoryWorld world{disk_};
    EXPECT_TRUE(world.run([&] { head = read_snapshot_file(world, "/s", LeaderEpoch{epoch}, visit); }));
    return head;
  }
  tests::MemoryDisk disk_;
};

TEST_F(SnapshotFileTest, NamesAreKafkas) {
  EXPECT_EQ(snapshot_file_name(at(1234, 7)), "00000000000000001234-0000000007.checkpoint");
  EXPECT_EQ(snapshot_file_name(at(1234, 7), part_suffix), "00000000000000001234-0000000007.checkpoint.part");
  EXPECT_EQ(parse_snapshot_file_name("00000000000000001234-0000000007.checkpoint"), at(1234, 7));
  EXPECT_EQ(parse_snapshot_file_name("00000000000000000000-0000000000.checkpoint"), bootstrap_snapshot);
  for (const std::string name :
       {"00000000000000001234-0000000007.checkpoint.part", "0000000000000001234-0000000007.checkpoint", "bootstrap.checkpoint",
        "0000000000000000-234-0000000007.checkpoint", "00000000000000001234-00000000-7.checkpoint",
        "99999999999999999999-0000000007.checkpoint", "00000000000000001234-9999999999.checkpoint",
        "00000000000000001234_0000000007.checkpoint", "00000000000000001234-0000000007.checkpoin2"}) {
    EXPECT_EQ(parse_snapshot_file_name(name), std::nullopt) << name;
  }
}

TEST_F(SnapshotFileTest, WhatTheWriterWroteIsByteForByteTheDocumentedForm) {
  tests::MemoryWorld world{disk_};
  const SnapshotHead head{.voters = voters_of({1, 2}), .kraft_version = 1, .last_timestamp_ms = 1003};
  std::int64_t size = 0;
  EXPECT_TRUE(world.run([&] {
    auto writer = SnapshotWriter::begin(world, "/s", LeaderEpoch{4}, head);
    ASSERT_TRUE(writer.has_value());
    writer->add(level_record("3", 4), 0);
    writer->add(level_record("4", 4), 0);
    size = writer->finish().value();
  }));
  // The batch of the test carries the time of its offset, as the writer's does that of the snapshot: 1003.
  const ByteBuffer expected = snapshot_bytes(4, 2, head);
  EXPECT_EQ(disk_.file("/s")->durable, expected);
  EXPECT_EQ(size, static_cast<std::int64_t>(expected.size()));
}

TEST_F(SnapshotFileTest, BatchesAreAtMostEightMebibytesAndTenThousandRecords) {
  struct Row {
    int records;
    std::size_t name_bytes;
    std::vector<std::int32_t> batches;
  };
  for (const Row& row : {Row{0, 1, {}}, Row{1, 1, {1}}, Row{10'000, 1, {10'000}}, Row{10'001, 1, {10'000, 1}},
                         Row{600, 30'000, {279, 279, 42}}}) {
    tests::MemoryWorld world{disk_};
    std::vector<std::int32_t> batches;
    int read = 0;
    EXPECT_TRUE(world.run([&] {
      auto writer = SnapshotWriter::begin(world, "/s", LeaderEpoch{4}, {});
      ASSERT_TRUE(writer.has_value());
      for (int i = 0; i < row.records; ++i) writer->add(level_record(std::string(row.name_bytes, 'n'), 4), 0);
      ASSERT_TRUE(writer->finish().has_value());
      const auto head = read_snapshot_file(world, "/s", LeaderEpoch{4}, [&](const protocol::MetadataRecord&) { ++read; });
      EXPECT_TRUE(head.has_value()) << (head ? "" : head.error());
    }));
    EXPECT_EQ(read, row.records);
    protocol::BatchCursor cursor{disk_.file("/s")->durable};
    for (protocol::RecordBatchView batch; cursor.next(batch);) {
      if (!batch.is_control()) batches.push_back(batch.record_count());
      EXPECT_LE(batch.size_bytes(), std::size_t{8} << 20);
    }
    EXPECT_EQ(batches, row.batches);
  }
}

TEST_F(SnapshotFileTest, NoPrefixOfASnapshotIsTakenForOne) {
  const ByteBuffer bytes = snapshot_bytes(4, 3);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(read(ByteView{bytes}.first(length), 4).has_value()) << length;
  }
  EXPECT_TRUE(read(bytes, 4).has_value());
  EXPECT_FALSE(read(bytes, 5).has_value()) << "of another epoch";
}

TEST_F(SnapshotFileTest, NoFlippedBitIsOverlooked) {
  const ByteBuffer bytes = snapshot_bytes(4, 3);
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 3) {
    ByteBuffer flipped = bytes;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(read(flipped, 4).has_value()) << "bit " << bit;
  }
}

TEST_F(SnapshotFileTest, AnUnknownMetadataRecordIsToldOnlyToWhoWantsTheRecords) {
  protocol::RecordBatchBuilder builder;
  protocol::BatchOptions options;
  options.base_offset = Offset{1};
  options.partition_leader_epoch = LeaderEpoch{4};
  builder.start(options);
  builder.append(0, std::nullopt, ByteView{ByteBuffer{1, 126, 0}});
  (void)builder.finish();
  const ByteBuffer bytes = joined(
      {build_snapshot_start(0, 0, nullptr, LeaderEpoch{4}), builder.take(), build_snapshot_end(Offset{2}, LeaderEpoch{4}, 0)});
  EXPECT_TRUE(read(bytes, 4).has_value());
  const auto visited = read(bytes, 4, [](const protocol::MetadataRecord&) {});
  ASSERT_FALSE(visited.has_value());
  EXPECT_THAT(visited.error(), testing::HasSubstr("/s: record 1: "));
}

}  // namespace
}  // namespace squall::raft
