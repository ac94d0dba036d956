#include "log/indexes.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace squall::log {
namespace {

TEST(OffsetIndexFormat, HasTheBytesOfItsPage) {  // docs/formats/segment.md
  OffsetIndex index;
  index.append(9, 4200);
  index.append(300, 70'000);
  ByteBuffer bytes;
  index.encode(0, bytes);
  EXPECT_EQ(bytes, (ByteBuffer{0, 0, 0, 9, 0, 0, 0x10, 0x68, 0, 0, 1, 0x2c, 0, 1, 0x11, 0x70}));
  const auto again = OffsetIndex::decode(bytes, 70'001);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->entries(), index.entries());
}

TEST(OffsetIndexFormat, WhatCannotBeIsRefused) {
  OffsetIndex index;
  index.append(9, 4200);
  index.append(300, 70'000);
  ByteBuffer bytes;
  index.encode(0, bytes);
  EXPECT_FALSE(OffsetIndex::decode(ByteView{bytes}.first(15), 1 << 20).has_value()) << "half an entry";
  EXPECT_FALSE(OffsetIndex::decode(bytes, 70'000).has_value()) << "points behind the segment";
  ByteBuffer zeros = bytes;
  zeros.resize(24);
  EXPECT_FALSE(OffsetIndex::decode(zeros, 1 << 20).has_value()) << "preallocated room behind a crash";
  std::swap_ranges(bytes.begin(), bytes.begin() + 8, bytes.begin() + 8);
  EXPECT_FALSE(OffsetIndex::decode(bytes, 1 << 20).has_value()) << "entries that fall";
  EXPECT_TRUE(OffsetIndex::decode({}, 0).has_value());
}

// Batches of relative offsets 0-9 at 0 (no entry), 10-19 at 100, 20-29 at 200, 30-31 at 300 (no entry), 32-39 at 320.
OffsetIndex sparse_index() {
  OffsetIndex index;
  index.append(19, 100, 100);
  index.append(29, 200, 100);
  index.append(39, 320, 80);
  return index;
}

TEST(OffsetIndexPlaces, ABatchIsNamedOnlyWhereTheEntriesProveIt) {
  using Place = std::optional<OffsetIndex::Place>;
  const struct {
    std::int64_t offset;
    Place expected;
    const char* why;
  } cases[] = {
      {0, std::nullopt, "a batch without an entry lies before the first entry"},
      {15, std::nullopt, "nor is known where that one ends"},
      {19, Place{{100, 100}}, "the last offset of an entry's batch is its own"},
      {20, Place{{200, 100}}, "the batch before ends where this one begins"},
      {29, Place{{200, 100}}, "its last offset"},
      {30, std::nullopt, "in the batch between, which has no entry"},
      {33, std::nullopt, "the batch before might reach as far"},
      {39, Place{{320, 80}}, "its last offset"},
      {40, std::nullopt, "behind the last entry"},
  };
  const OffsetIndex index = sparse_index();
  for (const auto& one : cases) EXPECT_EQ(index.batch_at(one.offset), one.expected) << one.offset << ": " << one.why;
}

TEST(OffsetIndexPlaces, ACutBatchIsNamedOnlyWhereItsLengthIsKnown) {
  const struct {
    std::uint64_t position;
    std::optional<std::uint64_t> expected;
  } cases[] = {{50, std::nullopt},  {100, std::nullopt}, {101, 100}, {199, 100}, {200, std::nullopt}, {250, 200},
               {300, std::nullopt}, {310, std::nullopt}, {321, 320}, {399, 320}, {400, std::nullopt}};
  const OffsetIndex index = sparse_index();
  for (const auto& one : cases) EXPECT_EQ(index.cut_batch(one.position), one.expected) << one.position;
}

TEST(OffsetIndexPlaces, LengthsAreLearntAgainAfterLoadingAndForgottenWithTheirEntries) {
  ByteBuffer bytes;
  sparse_index().encode(0, bytes);
  auto index = OffsetIndex::decode(bytes, 400);
  ASSERT_TRUE(index.has_value());
  EXPECT_EQ(index->batch_at(29), std::nullopt);
  EXPECT_EQ(index->cut_batch(250), std::nullopt);
  index->learn(200, 100);
  index->learn(300, 20);  // no entry: nothing to remember it by
  EXPECT_EQ(index->batch_at(29), (OffsetIndex::Place{200, 100}));
  EXPECT_EQ(index->cut_batch(250), 200U);
  index->truncate_to_position(200);
  index->append(25, 200);
  EXPECT_EQ(index->batch_at(25), std::nullopt) << "another batch begins there now";
}

TEST(TimeIndexFormat, HasTheBytesOfItsPage) {
  TimeIndex index;
  EXPECT_TRUE(index.maybe_append(1'700'000'000'000, 9));
  EXPECT_FALSE(index.maybe_append(1'700'000'000'000, 20)) << "only a later time is worth an entry";
  ByteBuffer bytes;
  index.encode(0, bytes);
  EXPECT_EQ(bytes, (ByteBuffer{0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0, 0, 0, 0, 9}));
  EXPECT_EQ(TimeIndex::decode(bytes)->entries(), index.entries());
  EXPECT_FALSE(TimeIndex::decode(ByteView{bytes}.first(11)).has_value());
}

TEST(TimeIndexFormat, ATimeThatGoesBackIsNotAppended) {  // KAFKA-19407
  TimeIndex index;
  EXPECT_TRUE(index.maybe_append(10, 1));
  EXPECT_FALSE(index.maybe_append(9, 2));
  EXPECT_FALSE(index.maybe_append(-1, 2)) << "records without a timestamp";
  EXPECT_EQ(index.entries().size(), 1U);
}

TEST(TransactionIndexFormat, HasTheBytesOfItsPage) {
  TransactionIndex index;
  index.append({ProducerId{7}, Offset{100}, Offset{110}, Offset{111}});
  ByteBuffer bytes;
  index.encode(0, bytes);
  EXPECT_EQ(bytes, (ByteBuffer{0, 0,                         // version
                               0, 0, 0, 0, 0, 0, 0, 7,       // producer
                               0, 0, 0, 0, 0, 0, 0, 100,     // first
                               0, 0, 0, 0, 0, 0, 0, 110,     // last
                               0, 0, 0, 0, 0, 0, 0, 111}));  // last stable offset
  EXPECT_EQ(TransactionIndex::decode(bytes, Offset{105})->entries(), index.entries());
  EXPECT_FALSE(TransactionIndex::decode(bytes, Offset{111}).has_value()) << "its marker lies in another segment";
  bytes[1] = 1;
  EXPECT_FALSE(TransactionIndex::decode(bytes, Offset{105}).has_value()) << "a version to come";
}

TEST(OffsetIndexProperty, LooksUpWhatAScanOfAllEntriesFinds) {
  Random random{7};
  for (int run = 0; run < 100; ++run) {
    OffsetIndex index;
    std::int64_t offset = 0;
    std::uint64_t position = 1;
    for (std::uint64_t i = random.below(50); i > 0; --i) {
      offset += 1 + static_cast<std::int64_t>(random.below(20));
      position += 1 + random.below(5000);
      index.append(offset, position);
    }
    for (std::int64_t wanted = 0; wanted < offset + 5; ++wanted) {
      std::uint64_t expected = 0;
      for (const auto& entry : index.entries()) {
        if (entry.relative_offset <= wanted) expected = static_cast<std::uint64_t>(entry.position);
      }
      ASSERT_EQ(index.lookup(wanted), expected);
    }
    const std::uint64_t cut = random.below(position + 1);
    index.truncate_to_position(cut);
    for (const auto& entry : index.entries()) ASSERT_LT(static_cast<std::uint64_t>(entry.position), cut);
  }
}

}  // namespace
}  // namespace squall::log
