#include "log/producer_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/random.h"
#include "log/producer_snapshot.h"

namespace squall::log {
namespace {

constexpr std::int32_t sequence_max = std::numeric_limits<std::int32_t>::max();
constexpr ProducerId producer{42};

class ProducerStateTest : public testing::Test {
 protected:
  ProducerBatch batch(std::int32_t first, std::int32_t count = 1, std::int16_t epoch = 0, bool transactional = false) {
    ProducerBatch made;
    made.producer_id = producer;
    made.producer_epoch = ProducerEpoch{epoch};
    made.first_sequence = first;
    made.last_sequence = advance_sequence(first, count - 1);
    made.first_offset = next_;
    made.last_offset = next_ + (count - 1);
    made.timestamp_ms = 100;
    made.transactional = transactional;
    return made;
  }
  std::expected<void, AppendError> check(const ProducerBatch& batch, AppendOrigin origin = AppendOrigin::client) {
    return state_.check({&batch, 1}, origin);
  }
  void accept(const ProducerBatch& batch, std::int64_t now_ms = 0) {
    state_.update(batch, now_ms);
    next_ = batch.last_offset + 1;
    state_.set_end(next_);
    state_.check_invariants();
  }
  LogError refusal(const ProducerBatch& batch) {
    const auto checked = check(batch);
    EXPECT_FALSE(checked.has_value());
    return checked ? LogError{} : checked.error().code;
  }
  TransactionMarker marker(bool commit, std::int16_t epoch = 0, std::int32_t coordinator_epoch = 0) {
    return {producer, ProducerEpoch{epoch}, commit, coordinator_epoch, next_, 100};
  }
  ProducerStateManager state_;
  Offset next_{0};
};

TEST_F(ProducerStateTest, AnUnknownProducerMayBeginAnywhere) { EXPECT_TRUE(check(batch(17)).has_value()); }

TEST_F(ProducerStateTest, TheNextSequenceFollowsTheLast) {
  accept(batch(0, 3));
  EXPECT_TRUE(check(batch(3)).has_value());
  EXPECT_EQ(refusal(batch(4)), LogError::out_of_order_sequence);
  EXPECT_EQ(refusal(batch(2)), LogError::out_of_order_sequence);
}

TEST_F(ProducerStateTest, SequencesWrapAfterTheLargest) {  // KAFKA-7692
  accept(batch(sequence_max - 1, 2));
  EXPECT_TRUE(check(batch(0)).has_value());
  EXPECT_EQ(refusal(batch(1)), LogError::out_of_order_sequence);
}

TEST_F(ProducerStateTest, ABatchMayStraddleTheWrapAndIsStillKnownAsADuplicate) {
  const ProducerBatch straddling = batch(sequence_max - 1, 5);
  EXPECT_EQ(straddling.last_sequence, 2);
  accept(straddling);
  EXPECT_TRUE(check(batch(3)).has_value());
  ASSERT_TRUE(state_.find_duplicate(straddling).has_value());
  EXPECT_EQ(state_.find_duplicate(straddling)->first_sequence(), sequence_max - 1);
}

TEST_F(ProducerStateTest, TheLastFiveBatchesAreRecognisedWithTheirOffsets) {
  std::vector<ProducerBatch> sent;
  for (int i = 0; i < 6; ++i) {
    sent.push_back(batch(2 * i, 2));
    accept(sent.back());
  }
  EXPECT_FALSE(state_.find_duplicate(sent[0]).has_value());
  for (std::size_t i = 1; i < sent.size(); ++i) {
    const auto kept = state_.find_duplicate(sent[i]);
    ASSERT_TRUE(kept.has_value());
    EXPECT_EQ(kept->first_offset(), sent[i].first_offset);
    EXPECT_EQ(kept->last_offset, sent[i].last_offset);
  }
  EXPECT_EQ(refusal(sent[0]), LogError::out_of_order_sequence);
}

TEST_F(ProducerStateTest, ABatchOfOtherLengthIsNoDuplicate) {
  accept(batch(0, 3));
  EXPECT_FALSE(state_.find_duplicate(batch(0, 2)).has_value());
}

TEST_F(ProducerStateTest, ANewEpochBeginsAtZeroAndFencesTheOldOne) {
  accept(batch(0, 3));
  EXPECT_EQ(refusal(batch(3, 1, 1)), LogError::out_of_order_sequence);
  EXPECT_TRUE(check(batch(0, 1, 1)).has_value());
  accept(batch(0, 1, 1));
  EXPECT_EQ(refusal(batch(3, 1, 0)), LogError::invalid_producer_epoch);
  EXPECT_FALSE(state_.find_duplicate(batch(0, 3, 0)).has_value());
}

TEST_F(ProducerStateTest, AFollowerAcceptsWhatItsLeaderAccepted) {
  accept(batch(0, 1, 5));
  EXPECT_TRUE(check(batch(9, 1, 3), AppendOrigin::replication).has_value());
}

TEST_F(ProducerStateTest, BatchesOfOneAppendAreCheckedOneAfterTheOther) {
  const std::vector<ProducerBatch> good{batch(0, 2), batch(2, 2)};
  const std::vector<ProducerBatch> bad{batch(0, 2), batch(3, 2)};
  EXPECT_TRUE(state_.check(good, AppendOrigin::client).has_value());
  EXPECT_FALSE(state_.check(bad, AppendOrigin::client).has_value());
}

TEST_F(ProducerStateTest, AnOpenTransactionHoldsTheLastStableOffset) {
  accept(batch(0, 2));
  accept(batch(2, 2, 0, true));
  EXPECT_EQ(state_.first_unstable_offset(), Offset{2});
  const auto completed = state_.update(marker(false), 0);
  ASSERT_TRUE(completed.has_value());
  EXPECT_EQ(completed->first_offset, Offset{2});
  EXPECT_EQ(completed->last_offset, Offset{4});
  EXPECT_TRUE(completed->aborted);
  EXPECT_EQ(state_.last_stable_offset_after(*completed), Offset{5});
  EXPECT_EQ(state_.first_unstable_offset(), Offset{2}) << "its marker is not below the high watermark yet";
  state_.on_high_watermark(Offset{4});
  EXPECT_EQ(state_.first_unstable_offset(), Offset{2});
  state_.on_high_watermark(Offset{5});
  EXPECT_EQ(state_.first_unstable_offset(), std::nullopt);
}

TEST_F(ProducerStateTest, NothingElseIsWrittenInsideATransaction) {
  accept(batch(0, 1, 0, true));
  EXPECT_EQ(refusal(batch(1, 1, 0, false)), LogError::invalid_transaction_state);
}

TEST_F(ProducerStateTest, AMarkerOfAnOlderCoordinatorIsFenced) {
  accept(batch(0, 1, 0, true));
  (void)state_.update(marker(true, 0, 5), 0);
  const auto checked = state_.check(marker(true, 0, 4), AppendOrigin::coordinator);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, LogError::coordinator_fenced);
  EXPECT_TRUE(state_.check(marker(true, 0, 5), AppendOrigin::coordinator).has_value());
}

TEST_F(ProducerStateTest, ACoordinatorEpochNeverGoesBack) {  // KAFKA-9144
  (void)state_.update(marker(true, 0, 5), 0);
  (void)state_.update(marker(true, 0, 3), 0);
  EXPECT_EQ(state_.find(producer)->coordinator_epoch, 5);
}

TEST_F(ProducerStateTest, AProducerExpiresByWhenItWasSeenNotByItsTimestamps) {  // KAFKA-9144
  ProducerBatch old = batch(0);
  old.timestamp_ms = 1;
  accept(old, 1'000'000);
  EXPECT_EQ(state_.remove_expired(1'000'999, 1'000), 0U);
  EXPECT_EQ(state_.remove_expired(1'001'000, 1'000), 1U);
  EXPECT_EQ(state_.find(producer), nullptr);
}

TEST_F(ProducerStateTest, AProducerWithAnOpenTransactionDoesNotExpire) {
  accept(batch(0, 1, 0, true), 0);
  EXPECT_EQ(state_.remove_expired(1'000'000, 1), 0U);
}

TEST_F(ProducerStateTest, ASnapshotGivesTheLastBatchAndTheTransactionBack) {
  accept(batch(0, 2));
  accept(batch(2, 3, 0, true));
  const auto entries = decode_producer_snapshot(encode_producer_snapshot(state_.producers()));
  ASSERT_TRUE(entries.has_value());
  ProducerStateManager other;
  other.reset(*entries, next_, 0);
  other.check_invariants();
  EXPECT_EQ(other.find(producer)->last_sequence(), 4);
  EXPECT_EQ(other.find(producer)->batches().size(), 1U);
  EXPECT_EQ(other.first_unstable_offset(), Offset{2});
}

TEST(ProducerSnapshot, HasTheBytesOfItsPage) {  // docs/formats/producer-snapshot.md
  ProducerStateManager state;
  state.update({.producer_id = ProducerId{1000},
                .producer_epoch = ProducerEpoch{2},
                .first_sequence = 5,
                .last_sequence = 7,
                .first_offset = Offset{40},
                .last_offset = Offset{42},
                .timestamp_ms = 1'700'000'000'000},
               0);
  const ByteBuffer bytes = encode_producer_snapshot(state.producers());
  ASSERT_EQ(bytes.size(), 56U);
  const ByteBuffer body{0,    0,    0,    1,                              // one producer
                        0,    0,    0,    0,    0,    0,    3,    0xe8,   // id 1000
                        0,    2,                                          // epoch
                        0,    0,    0,    7,                              // last sequence
                        0,    0,    0,    0,    0,    0,    0,    42,     // last offset
                        0,    0,    0,    2,                              // offset delta
                        0,    0,    1,    0x8b, 0xcf, 0xe5, 0x68, 0,      // timestamp
                        0xff, 0xff, 0xff, 0xff,                           // coordinator epoch: none
                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};  // open transaction: none
  EXPECT_EQ(ByteBuffer(bytes.begin() + 6, bytes.end()), body);
  EXPECT_EQ(ByteBuffer(bytes.begin(), bytes.begin() + 6), (ByteBuffer{0, 1, 0x1b, 0xa0, 0xd1, 0x7e})) << "version and CRC";
}

TEST(ProducerSnapshot, EveryFlippedByteIsFound) {
  ProducerStateManager state;
  state.update({.producer_id = ProducerId{1},
                .producer_epoch = ProducerEpoch{0},
                .first_sequence = 0,
                .last_sequence = 0,
                .first_offset = Offset{0},
                .last_offset = Offset{0}},
               0);
  const ByteBuffer good = encode_producer_snapshot(state.producers());
  for (std::size_t i = 0; i < good.size(); ++i) {
    ByteBuffer bad = good;
    bad[i] ^= 0x40;
    EXPECT_FALSE(decode_producer_snapshot(bad).has_value()) << "byte " << i;
    EXPECT_FALSE(decode_producer_snapshot(ByteView{good}.first(i)).has_value()) << "cut at " << i;
  }
}

// A dumb model: every batch ever accepted, in a list.
TEST(ProducerStateProperty, AcceptsAndRecognisesWhatAListWould) {
  Random random{2026};
  for (int run = 0; run < 200; ++run) {
    ProducerStateManager state;
    std::vector<ProducerBatch> accepted;
    std::int32_t next = static_cast<std::int32_t>(random.below(2) == 0 ? 0 : sequence_max - 20);
    Offset end{0};
    for (int step = 0; step < 40; ++step) {
      ProducerBatch sent{.producer_id = producer, .producer_epoch = ProducerEpoch{0}};
      const auto count = static_cast<std::int32_t>(1 + random.below(4));
      const bool retry = !accepted.empty() && random.chance(1, 3);
      if (retry) {
        sent = accepted[accepted.size() - 1 - random.below(std::min<std::size_t>(accepted.size(), 7))];
      } else {
        sent.first_sequence = random.chance(1, 5) ? advance_sequence(next, 2) : next;
        sent.last_sequence = advance_sequence(sent.first_sequence, count - 1);
        sent.first_offset = end;
        sent.last_offset = end + (count - 1);
      }
      const std::size_t window = std::min<std::size_t>(accepted.size(), 5);
      const auto known =
          std::find_if(accepted.end() - static_cast<std::ptrdiff_t>(window), accepted.end(), [&](const auto& one) {
            return one.first_sequence == sent.first_sequence && one.last_sequence == sent.last_sequence;
          });
      const auto duplicate = state.find_duplicate(sent);
      ASSERT_EQ(duplicate.has_value(), known != accepted.end());
      if (duplicate) {
        ASSERT_EQ(duplicate->last_offset, known->last_offset);
        continue;
      }
      const bool good = accepted.empty() || sent.first_sequence == next;
      ASSERT_EQ(state.check({&sent, 1}, AppendOrigin::client).has_value(), good);
      if (!good) continue;
      sent.first_offset = end;
      state.update(sent, 0);
      accepted.push_back(sent);
      end = sent.last_offset + 1;
      next = next_sequence(sent.last_sequence);
      state.check_invariants();
    }
  }
}

}  // namespace
}  // namespace squall::log
