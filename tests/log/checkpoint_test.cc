#include <gtest/gtest.h>

#include "log/checkpoint_text.h"
#include "log/files.h"
#include "log/meta_properties.h"

namespace squall::log {
namespace {

TEST(OffsetCheckpoint, ItsTextIsKafkas) {  // docs/formats/checkpoints.md
  const OffsetCheckpoint offsets{{{"orders", PartitionIndex{0}}, Offset{17}}, {{"orders", PartitionIndex{11}}, Offset{0}}};
  EXPECT_EQ(to_text(offsets), "0\n2\norders 0 17\norders 11 0\n");
  EXPECT_EQ(parse_offset_checkpoint(to_text(offsets)), offsets);
}

TEST(OffsetCheckpoint, ATextThatMakesNoSenseIsRefused) {
  for (const char* text : {"", "\n", "0\n1\n", "0\n1\norders 0\n", "0\n1\norders 0 -5\n", "0\n1\norders 0 5 6\n",
                           "0\n1\norders 0 5", "0\n2\norders 0 5\n", "7\n0\n", "0\n-1\n", "0\n1\n orders 0 5\n"}) {
    EXPECT_FALSE(parse_offset_checkpoint(text).has_value()) << text;
  }
  EXPECT_TRUE(parse_offset_checkpoint("0\n0\n").has_value());
}

TEST(CleanShutdownMark, TellsTheBrokerEpoch) {
  EXPECT_EQ(clean_shutdown_text(12), "{\"version\":0,\"brokerEpoch\":12}");
  EXPECT_EQ(parse_clean_shutdown("{\"version\":0,\"brokerEpoch\":12}"), 12);
  EXPECT_EQ(parse_clean_shutdown("{\"brokerEpoch\": x}"), std::nullopt);
  EXPECT_EQ(parse_clean_shutdown(""), std::nullopt);
}

TEST(PartitionMetadata, NamesTheTopic) {
  EXPECT_EQ(partition_metadata_text("abc"), "version: 0\ntopic_id: abc");
  EXPECT_EQ(parse_partition_metadata("version: 0\ntopic_id: abc\n"), "abc");
  EXPECT_EQ(parse_partition_metadata("version: 1\ntopic_id: abc"), std::nullopt);
}

TEST(MetaProperties, RoundTrip) {  // docs/formats/meta-properties.md
  const MetaProperties ours{1, "MkU3OEVBNTcwNTJENDM2Qg", NodeId{3}, Uuid{1, 2}};
  const std::string text = to_text(ours);
  EXPECT_EQ(text, "#\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\ndirectory.id=AAAAAAAAAAEAAAAAAAAAAg\nnode.id=3\nversion=1\n");
  EXPECT_EQ(parse_meta_properties(text), ours);
}

TEST(MetaProperties, ReadsWhatJavaWrites) {
  const auto theirs = parse_meta_properties("#\n#Thu Jan 01 00:00:00 UTC 2026\r\nbroker.id = 4\nversion=0\ncluster.id=a\\=b\n");
  ASSERT_TRUE(theirs.has_value());
  EXPECT_EQ(theirs->node_id, NodeId{4});
  EXPECT_EQ(theirs->cluster_id, "a=b");
  EXPECT_EQ(theirs->version, 0);
}

TEST(MetaProperties, SaysWhatIsWrong) {
  EXPECT_EQ(parse_meta_properties("").error(), "no version");
  EXPECT_EQ(parse_meta_properties("version=1\nnode.id=1\n").error(), "no cluster.id");
  EXPECT_EQ(parse_meta_properties("version=1\ncluster.id=x\n").error(), "no node.id");
  EXPECT_EQ(parse_meta_properties("version=9\n").error(), "version '9' is neither 0 nor 1");
  EXPECT_EQ(parse_meta_properties("version=1\nnode.id=-4\n").error(), "node.id '-4' is not a node id");
  EXPECT_EQ(parse_meta_properties("garbage\n").error(), "'garbage' is not key=value");
  EXPECT_EQ(parse_meta_properties("\x1b[31mred\x7f\n").error(), "'\\x1b[31mred\\x7f' is not key=value");
  EXPECT_EQ(parse_meta_properties("cluster.id=\x1b[2J\n").error(), "cluster.id '\\x1b[2J' is not an id");
  EXPECT_EQ(parse_meta_properties(std::string(1000, 'x')).error(), "'" + std::string(80, 'x') + "...' is not key=value");
}

TEST(FileNames, AreTwentyDigitsAndASuffix) {
  EXPECT_EQ(segment_file_name(Offset{42}, log_suffix), "00000000000000000042.log");
  const auto name = parse_segment_file_name("00000000000000000042.log.swap");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->base, Offset{42});
  EXPECT_EQ(name->suffix, ".log.swap");
  EXPECT_FALSE(parse_segment_file_name("42.log").has_value());
  EXPECT_FALSE(parse_segment_file_name("0000000000000000004x.log").has_value());
  EXPECT_FALSE(parse_segment_file_name("leader-epoch-checkpoint").has_value());
}

TEST(DirectoryNames, AreTopicAndPartition) {
  EXPECT_EQ(parse_directory_name("a-b-12"), (TopicPartition{"a-b", PartitionIndex{12}}));
  for (const char* name : {"a", "a-", "-1", "a-01", "a--1", "a-1.0123-delete", "a-x"}) {
    const auto parsed = parse_directory_name(name);
    EXPECT_TRUE(!parsed || directory_name(*parsed) == name) << name;
  }
  EXPECT_FALSE(parse_directory_name("a-1.0123456789abcdef-delete").has_value());
}

}  // namespace
}  // namespace squall::log
