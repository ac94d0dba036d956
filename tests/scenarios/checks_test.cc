// Each check is shown a violation of its property, and must report that one and no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "scenarios/checks/check_set.h"

namespace squall::scenarios {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Instant at(int second) { return Instant{seconds{second}}; }

class ChecksTest : public testing::Test {
 protected:
  ChecksTest() {
    partition = checks.history().partition_id("orders", 0);
    history().set_idempotent(0);
  }
  PartitionHistory& history() { return checks.history().partition(partition); }

  void send(int count, ClientId client = 0) {
    for (int one = 0; one < count; ++one) static_cast<void>(history().next_sequence(client));
  }
  void ack(std::uint64_t first, std::uint32_t count, std::int64_t base, int second = 1, ClientId client = 0) {
    checks.acked({.partition = partition,
                  .client = client,
                  .first_sequence = first,
                  .count = count,
                  .base_offset = base,
                  .sent = at(second),
                  .at = at(second)});
  }
  ObservedRecord record(std::int64_t offset, std::uint64_t sequence, ClientId client = 0) const {
    const RecordTag tag{.workload = 0, .client = client, .partition = partition, .sequence = sequence, .timestamp_ms = 5};
    std::vector<std::uint8_t> payload(64);
    write_payload(payload, tag);
    ObservedRecord observed{.offset = offset, .timestamp_ms = 5, .tag = {}};
    checks.identify(partition, payload, observed);
    return observed;
  }
  void read(const std::vector<ObservedRecord>& records, ReadSession& session, int second = 2, bool sweep = false,
            std::int64_t high_watermark = -1) {
    checks.read({.partition = partition,
                 .records = records,
                 .session = &session,
                 .begun = at(second),
                 .at = at(second),
                 .high_watermark = high_watermark,
                 .sweep = sweep});
  }
  std::vector<std::string_view> broken() const {
    std::vector<std::string_view> names;
    for (const Finding& finding : checks.findings()) names.push_back(finding.check);
    return names;
  }

  CheckSet checks{AvailabilityBounds{
      .after_heal = seconds{5}, .latency_max = seconds{2}, .unavailable_max = seconds{3}, .controller_failover = std::nullopt}};
  PartitionId partition = 0;
  ReadSession reader;
};

TEST_F(ChecksTest, AFaithfulRunBreaksNothingAndComparesMuch) {
  send(4);
  ack(0, 2, 0);
  ack(2, 2, 2);
  read({record(0, 0), record(1, 1)}, reader);
  read({record(2, 2), record(3, 3)}, reader, 2, false, 4);
  ReadSession sweep;
  read({record(0, 0), record(1, 1), record(2, 2), record(3, 3)}, sweep, 3, true);
  checks.finish(at(4));
  EXPECT_THAT(broken(), IsEmpty());
  for (const std::string_view name : {"acknowledged_survive", "no_duplicates", "order_kept", "bytes_intact", "nothing_invented",
                                      "reads_stable", "offsets_dense", "watermarks_monotonic", "timestamps_kept"}) {
    EXPECT_GT(checks.named(name).compared(), 0U) << name;
  }
}

// Offsets 0 to 4 of orders/0 carry the timestamps 10, 20, 15, 30, 40; the first four are acknowledged at second 1, the last
// at 5. Each row is one answer of ListOffsets, asked at second 2.
struct LookupRow {
  std::string_view name;
  std::int64_t wanted_ms;
  std::int64_t offset;
  std::int64_t timestamp_ms;
  std::int64_t start_before = 0;
  std::int64_t start_after = 0;
  std::string_view wrong = "";  // part of the finding; empty: right
};

class LookupTest : public ChecksTest, public testing::WithParamInterface<LookupRow> {
 protected:
  void look_up() {
    const LookupRow& row = GetParam();
    const auto generation = history().generation();
    if (row.name == "AFaultMeanwhile") history().excuse(1, at(3));
    checks.looked_up({.partition = partition,
                      .wanted_ms = row.wanted_ms,
                      .offset = row.offset,
                      .timestamp_ms = row.timestamp_ms,
                      .start_before = row.start_before,
                      .start_after = row.start_after,
                      .generation = generation,
                      .begun = at(2),
                      .at = at(2),
                      .create_time = row.name != "TheBrokerStampsTheTime"});
  }
};

TEST_P(LookupTest, AnswersOfListOffsetsAreComparedWithWhatWasAcknowledged) {
  for (const std::int64_t timestamp_ms : {10, 20, 15, 30, 40}) static_cast<void>(history().next_sequence(0, timestamp_ms));
  ack(0, 4, 0, 1);
  ack(4, 1, 4, 5);
  look_up();
  if (GetParam().wrong.empty()) {
    EXPECT_THAT(broken(), IsEmpty());
    return;
  }
  ASSERT_THAT(broken(), ElementsAre("offsets_for_times"));
  EXPECT_THAT(checks.findings()[0].what, HasSubstr(GetParam().wrong));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, LookupTest,
    testing::Values(LookupRow{"TheFirst", 0, 0, 10}, LookupRow{"ExactlyThatTime", 20, 1, 20},
                    LookupRow{"BetweenTwo", 11, 1, 20}, LookupRow{"NotKnownYet", 31, 4, 40},
                    LookupRow{"NotAcknowledgedWhenAsked", 35, -1, -1}, LookupRow{"TooYoungForAny", 50, -1, -1},
                    LookupRow{"ThoseBeforeAreDeleted", 0, 2, 15, 0, 2}, LookupRow{"TheBrokerStampsTheTime", 20, 3, 30},
                    LookupRow{"AFaultMeanwhile", 20, 3, 30},
                    LookupRow{"OneTooLate", 20, 3, 30, 0, 0,
                              "said to be at offset 3, but record 1 of client 1 (offset 1 of orders/0) has 20"},
                    LookupRow{"NoneThoughThereIsOne", 30, -1, -1, 0, 0, "no offset, but record 3 of client 1"},
                    LookupRow{"TooEarly", 20, 0, 10, 0, 0, "offset 0, whose timestamp is 10"},
                    LookupRow{"BelowTheLogStart", 0, 0, 10, 1, 1, "but the log begins at 1"},
                    LookupRow{"AnotherTimestampThanItsOwn", 20, 1, 25, 0, 0, "with timestamp 25, but record 1 of client 1"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(ChecksTest, AnAcknowledgedRecordThatTheSweepDoesNotMeetIsLost) {
  send(2);
  ack(0, 2, 0);
  ReadSession sweep;
  read({record(0, 0)}, sweep, 3, true);
  checks.finish(at(4));
  ASSERT_THAT(broken(), ElementsAre("acknowledged_survive"));
  EXPECT_THAT(checks.findings()[0].what, HasSubstr("record 1 of client 1 (offset 1 of orders/0) was acknowledged and is gone"));
}

TEST_F(ChecksTest, AnAcknowledgedRecordThatAnotherReplacesIsLost) {
  send(2);
  ack(0, 1, 0);
  read({record(0, 1)}, reader);
  EXPECT_THAT(broken(), ElementsAre("acknowledged_survive"));
}

TEST_F(ChecksTest, TwoRecordsAcknowledgedAtOneOffsetAreCaughtAtTheSecond) {
  send(2);
  ack(0, 1, 0);
  ack(1, 1, 0);
  EXPECT_THAT(broken(), ElementsAre("acknowledged_survive"));
}

TEST_F(ChecksTest, AReaderLedPastAnAcknowledgedRecordIsCaught) {
  send(3);
  ack(0, 3, 0);
  read({record(0, 0)}, reader);
  read({record(2, 2)}, reader);
  EXPECT_THAT(broken(), ElementsAre("acknowledged_survive", "offsets_dense"));
}

TEST_F(ChecksTest, ARecordOfAnIdempotentProducerAtTwoOffsetsIsADuplicate) {
  send(1);
  read(
      {
          record(0, 0),
      },
      reader);
  read({record(1, 0)}, reader);
  EXPECT_THAT(broken(), ElementsAre("no_duplicates"));
}

TEST_F(ChecksTest, OtherProducersMayDuplicate) {
  send(1, 1);
  read({record(0, 0, 1)}, reader);
  read({record(1, 0, 1)}, reader);
  EXPECT_THAT(broken(), IsEmpty());
}

TEST_F(ChecksTest, AnEarlierRecordAfterALaterOneIsOutOfOrder) {
  send(2);
  read({record(0, 1), record(1, 0)}, reader);
  EXPECT_THAT(broken(), ElementsAre("order_kept"));
}

TEST_F(ChecksTest, WithItsRecordsAPartitionMayLoseTheOrderOfWhatWasUnderWay) {
  send(3);
  checks.history().partition(partition).excuse(0, Instant{});
  send(2);
  read({record(0, 1), record(1, 0), record(2, 2)}, reader);
  EXPECT_THAT(broken(), IsEmpty());
  read({record(3, 4), record(4, 3)}, reader);
  EXPECT_THAT(broken(), ElementsAre("order_kept")) << "what was sent afterwards has its order";
}

TEST_F(ChecksTest, OneChangedByteIsCaught) {
  send(1);
  std::vector<std::uint8_t> payload(64);
  write_payload(payload, {.partition = partition, .timestamp_ms = 5});
  payload[60] ^= 1U;
  ObservedRecord damaged{.offset = 0, .timestamp_ms = 5, .tag = {}};
  checks.identify(partition, payload, damaged);
  read({damaged}, reader);
  EXPECT_THAT(broken(), ElementsAre("bytes_intact"));
}

TEST_F(ChecksTest, ARecordThatWasNeverSentIsInvented) {
  send(1);
  read({record(0, 0), record(1, 1)}, reader);
  EXPECT_THAT(broken(), ElementsAre("nothing_invented"));
}

TEST_F(ChecksTest, ARecordOfAnotherPartitionIsInventedHere) {
  const PartitionId other = checks.history().partition_id("orders", 1);
  static_cast<void>(checks.history().partition(other).next_sequence(0));
  std::vector<std::uint8_t> payload(64);
  write_payload(payload, {.partition = other, .timestamp_ms = 5});
  ObservedRecord strayed{.offset = 0, .timestamp_ms = 5, .tag = {}};
  checks.identify(partition, payload, strayed);
  read({strayed}, reader);
  ASSERT_THAT(broken(), ElementsAre("nothing_invented"));
  EXPECT_THAT(checks.findings()[0].what, HasSubstr("sent to orders/1"));
}

TEST_F(ChecksTest, AnOffsetThatLaterShowsAnotherRecordIsUnstable) {
  send(2, 1);
  read({record(0, 0, 1)}, reader);
  ReadSession other;
  read({record(0, 1, 1)}, other);
  EXPECT_THAT(broken(), ElementsAre("reads_stable"));
}

TEST_F(ChecksTest, ARecordThatWasReadAndIsGoneAtTheEndIsUnstable) {
  send(2, 1);
  read({record(0, 0, 1), record(1, 1, 1)}, reader);
  ReadSession sweep;
  read({record(0, 0, 1)}, sweep, 3, true);
  checks.finish(at(4));
  EXPECT_THAT(broken(), ElementsAre("reads_stable"));
}

TEST_F(ChecksTest, AGapInOffsetsIsCaught) {
  send(3, 1);
  read({record(0, 0, 1), record(2, 1, 1)}, reader);
  EXPECT_THAT(broken(), ElementsAre("offsets_dense"));
}

TEST_F(ChecksTest, AHighWatermarkThatGoesBackIsCaught) {
  send(2);
  read({record(0, 0)}, reader, 2, false, 5);
  read({record(1, 1)}, reader, 2, false, 4);
  EXPECT_THAT(broken(), ElementsAre("watermarks_monotonic"));
}

TEST_F(ChecksTest, ReadingAboveTheHighWatermarkIsCaught) {
  send(2);
  read({record(0, 0), record(1, 1)}, reader, 2, false, 1);
  EXPECT_THAT(broken(), ElementsAre("watermarks_monotonic"));
}

TEST_F(ChecksTest, AnotherTimestampIsCaught) {
  send(1);
  ObservedRecord shifted = record(0, 0);
  shifted.timestamp_ms = 6;
  read({shifted}, reader);
  EXPECT_THAT(broken(), ElementsAre("timestamps_kept"));
}

TEST_F(ChecksTest, TopicsThatVanishReturnOrShrinkAreCaught) {
  checks.metadata().created("a", 2);
  checks.metadata().listed("a", std::nullopt, at(1));
  checks.metadata().deleted("b");
  checks.metadata().listed("b", 1, at(2));
  checks.metadata().created("c", 4);
  checks.metadata().listed("c", 3, at(3));
  checks.metadata().uncertain("d");
  checks.metadata().listed("d", 3, at(3));
  EXPECT_THAT(broken(), ElementsAre("metadata_durable", "metadata_durable", "metadata_durable"));
}

TEST_F(ChecksTest, BoundsOnTimeAreJudged) {
  send(1);
  checks.acked(
      {.partition = partition, .client = 0, .first_sequence = 0, .count = 1, .base_offset = 0, .sent = at(1), .at = at(4)});
  checks.availability().sending(0, at(0));
  checks.availability().acknowledged(0, at(4));
  checks.availability().healed(at(10));
  checks.availability().works(history(), at(16));
  checks.availability().never_worked(history(), at(20));
  EXPECT_THAT(broken(), ElementsAre("stays_available", "stays_available", "stays_available", "stays_available"));
}

TEST_F(ChecksTest, WhatAStoppedProcessLeavesBehindIsALeak) {
  checks.leaks().stopped("broker-1", {}, at(1));
  EXPECT_THAT(broken(), IsEmpty());
  checks.leaks().stopped("broker-1", {.fibers = 1}, at(1));
  checks.leaks().never_stopped("client-1", at(1));
  EXPECT_THAT(broken(), ElementsAre("nothing_leaks", "nothing_leaks"));
}

TEST_F(ChecksTest, ANodeThatComesBackInAnotherClusterIsFound) {
  checks.identity().started("broker-1", "first", at(1));
  checks.identity().started("broker-1", "first", at(2));
  EXPECT_THAT(broken(), IsEmpty());
  checks.identity().started("broker-1", "second", at(3));
  EXPECT_THAT(broken(), ElementsAre("identity_kept"));
  checks.identity().forget();
  checks.identity().started("broker-1", "third", at(4));
  EXPECT_THAT(broken(), ElementsAre("identity_kept"));
}

TEST_F(ChecksTest, WhatAFaultMayDestroyIsExcusedAndNothingElse) {
  send(4);
  ack(0, 2, 0, 1);
  ack(2, 2, 2, 3);
  history().excuse(history().acknowledged_until(at(2)), end_of_time);
  history().end_excuse(at(5));
  send(1);
  ack(4, 1, 2, 6);  // overwrites what was lost
  ReadSession sweep;
  read({record(0, 0), record(1, 1), record(2, 4)}, sweep, 7, true);
  checks.finish(at(8));
  EXPECT_THAT(broken(), IsEmpty());
  EXPECT_EQ(checks.tally().records_excused, 2U);
}

TEST_F(ChecksTest, WhatWasAskedForBeforeTheFaultEndedSaysNothing) {
  send(2);
  history().excuse(0, end_of_time);
  history().end_excuse(at(5));
  ack(0, 1, 0, 4);
  read({record(0, 1)}, reader, 6);
  EXPECT_THAT(broken(), IsEmpty());
}

TEST(Gates, AnEmptyRunCannotPass) {
  const Tally nothing;
  EXPECT_EQ(closed_gates({.faults_min = 1, .operations_min = 1}, nothing, 0).size(), 4U);
  Tally enough;
  enough.records_acked = enough.records_read = enough.operations = 1;
  EXPECT_THAT(closed_gates({.faults_min = 1, .operations_min = 1}, enough, 1), IsEmpty());
}

TEST_F(ChecksTest, AConsumerIsNotThrownOutOfWhatItHasRead) {
  send(4);
  ack(0, 4, 0);
  read({record(0, 0), record(1, 1), record(2, 2)}, reader);
  checks.thrown_out({.partition = partition, .position = 3, .log_start = 0, .generation = history().generation(), .at = at(2)});
  EXPECT_THAT(broken(), ElementsAre("positions_kept"));
}

TEST_F(ChecksTest, DeletionMayOvertakeAConsumerAndAFaultThatIsExcusedMayThrowItOut) {
  send(4);
  ack(0, 4, 0);
  read({record(0, 0), record(1, 1), record(2, 2)}, reader);
  const auto before = history().generation();
  checks.thrown_out({.partition = partition, .position = 3, .log_start = 4, .generation = before, .at = at(2)});
  checks.thrown_out({.partition = partition, .position = -1, .log_start = 0, .generation = before, .at = at(2)});
  history().excuse(1, at(3));
  checks.thrown_out({.partition = partition, .position = 3, .log_start = 0, .generation = before, .at = at(4)});
  EXPECT_THAT(broken(), IsEmpty());
}

}  // namespace
}  // namespace squall::scenarios
