#include "raft/shell/format.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/shell/metadata_fixture.h"

namespace squall::raft {
namespace {

using testing::HasSubstr;

class FormatTest : public MetadataLogFixture {
 protected:
  MetadataLogResult<void> format(std::optional<VoterSet> voters) {
    MetadataLogResult<void> done;
    boot([&](log::LogManager&, const std::shared_ptr<log::Log>&) {
      done = format_metadata_dir(*world_, {.metadata_log_dir = metadata_dir,
                                           .bootstrap = records_,
                                           .initial_voters = std::move(voters),
                                           .now_ms = 1'700'000'000'000});
    });
    return done;
  }
  MetadataLogResult<std::optional<Records>> read() {
    MetadataLogResult<std::optional<Records>> records;
    boot([&](log::LogManager&, const std::shared_ptr<log::Log>&) { records = read_bootstrap_records(*world_, metadata_dir); });
    return records;
  }
  Records records_{level_record("metadata.version", 25), level_record("group.version", 1)};
};

TEST_F(FormatTest, TheBootstrapRecordsAreReadBack) {
  EXPECT_EQ(read().value(), std::nullopt) << "not formatted";
  ASSERT_TRUE(format(std::nullopt).has_value());
  EXPECT_EQ(read().value(), records_);
  EXPECT_FALSE(exists("00000000000000000000-0000000000.checkpoint"));
}

// The worked example of docs/formats/metadata-checkpoint.md, made by hand.
TEST_F(FormatTest, TheFileIsByteForByteThatOfTheDocumentation) {
  const std::string_view hex =
      "0000000000000000000000470000000002c7ac780400200000000000000 18bcfe56800 0000018bcfe56800 ffffffffffffffffffffffffffff"
      "000000012a0000000800000003160000000001 8bcfe56800 0000"
      "00000000000000010000004f00000000027b4e01400000000000000000018bcfe568000000018bcfe56800ffffffffffffffffffffffffffff"
      "000000013a000000012e010c00116d657461646174612e76657273696f6e00190000"
      "00000000000000020000003f00000000028f6608e600200000000000000 18bcfe568000000018bcfe56800ffffffffffffffffffffffffffff"
      "000000011a00000008000000040600000000";
  records_ = {level_record("metadata.version", 25)};
  ASSERT_TRUE(format(std::nullopt).has_value());
  std::string bytes;
  for (const std::uint8_t byte : disk_.file("/m/bootstrap.checkpoint")->durable) bytes += fmt::format("{:02x}", byte);
  std::string expected;
  for (const char digit : hex) {
    if (digit != ' ') expected += digit;
  }
  EXPECT_EQ(bytes, expected);
}

TEST_F(FormatTest, TheInitialVotersAreThoseOfTheFirstStart) {
  static_voters_ = {};
  ASSERT_TRUE(format(voters_of({1, 2, 3})).has_value());
  with_log([&](MetadataLog& log) {
    EXPECT_EQ(log.restored().voters.voters(), voters_of({1, 2, 3}));
    EXPECT_EQ(log.restored().voters.kraft_version(), 1);
    EXPECT_EQ(log.restored().voters.sets.last().offset, no_offset) << "they are not in the log yet";
    EXPECT_EQ(log.restored().log.latest_snapshot(), std::nullopt) << "and followers are never given them";
    EXPECT_EQ(log.log_end(), Offset{0});
  });
  EXPECT_EQ(error_, std::nullopt);
}

TEST_F(FormatTest, WhatWasFormattedOrUsedIsNotFormattedAgain) {
  ASSERT_TRUE(format(voters_of({1})).has_value());
  EXPECT_THAT(format(voters_of({2})).error(), HasSubstr("/m: is formatted already; remove the directory"));
  disk_.erase("/m/bootstrap.checkpoint");
  EXPECT_TRUE(format(voters_of({1})).has_value()) << "one that was cut short may be done again";
  disk_.erase("/m/bootstrap.checkpoint");
  with_log([&](MetadataLog& log) { append(log, records_batch(0, 1)); });
  EXPECT_THAT(format(voters_of({2})).error(), HasSubstr("holds a metadata log"));
}

TEST_F(FormatTest, BootstrapRecordsBeginWithTheMetadataVersion) {
  records_ = {level_record("group.version", 1)};
  EXPECT_THAT(format(std::nullopt).error(), HasSubstr("metadata.version"));
  disk_.put("/m/bootstrap.checkpoint", snapshot_bytes(0, 1));
  EXPECT_THAT(read().error(), HasSubstr("/m/bootstrap.checkpoint: its first record is not metadata.version"));
  disk_.put("/m/bootstrap.checkpoint", as_bytes("junk"));
  EXPECT_THAT(read().error(), HasSubstr("/m/bootstrap.checkpoint: it ends inside of the batch at byte 0; restore the file"));
}

TEST_F(FormatTest, APowerCutLeavesADirectoryThatIsFormattedOrCanBe) {
  bool ended = false;
  for (std::uint64_t cut = 1; !ended; ++cut) {
    disk_ = {};
    bool formatted = false;
    ended = boot(
        [&](log::LogManager&, const std::shared_ptr<log::Log>&) {
          formatted =
              format_metadata_dir(
                  *world_,
                  {.metadata_log_dir = metadata_dir, .bootstrap = records_, .initial_voters = voters_of({1}), .now_ms = 1})
                  .has_value();
        },
        End::crash, cut, [&](tests::MemoryWorld& world) { world.cut_after = cut; });
    Random fate{cut};
    disk_.cut_power(fate);
    if (!formatted && read().value() == std::nullopt) {
      ASSERT_TRUE(format(voters_of({1})).has_value()) << cut;
    }
    EXPECT_EQ(read().value(), records_) << cut;
    static_voters_ = {};
    with_log([&](MetadataLog& log) { EXPECT_EQ(log.restored().voters.voters(), voters_of({1})) << cut; });
    ASSERT_EQ(error_, std::nullopt) << cut;
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace squall::raft
