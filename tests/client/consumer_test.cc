#include "client/consumer.h"

#include "protocol/record_batch_builder.h"
#include "tests/client/fixture.h"

namespace squall::client {
namespace {

constexpr std::int16_t epoch_key = 23;

class ConsumerTest : public ClientTest {
 protected:
  // Appends one batch of `count` records, named by their numbers from `from` on, to a partition.
  void append(int partition, int from, int count, protocol::Codec codec = protocol::Codec::none) {
    protocol::RecordBatchBuilder builder;
    protocol::Compressor compressor;
    builder.start({.codec = codec});
    for (int index = from; index < from + count; ++index) {
      builder.append(1000 + index, std::nullopt, as_bytes(std::to_string(index)));
    }
    Offset base;
    ASSERT_EQ(cluster.partition("orders", partition).append(builder.finish(compressor), base), protocol::ErrorCode::none);
  }
  // One batch of one record to the first partition.
  void write_in_transaction(ProducerId producer, std::string_view value) {
    protocol::RecordBatchBuilder builder;
    builder.start({.transactional = true, .producer_id = producer, .producer_epoch = ProducerEpoch{0}, .base_sequence = 0});
    builder.append(1000, std::nullopt, as_bytes(value));
    (void)cluster.partition("orders", 0).append_unchecked(builder.finish());
  }
  void end_transaction(ProducerId producer, bool commit, Offset begun) {
    protocol::RecordBatchBuilder builder;
    builder.start({.transactional = true, .control = true, .producer_id = producer, .producer_epoch = ProducerEpoch{0}});
    builder.append_end_transaction_marker(1000, commit, 0);
    FakePartition& partition = cluster.partition("orders", 0);
    const Offset marker = partition.append_unchecked(builder.finish());
    if (!commit) partition.aborted.push_back({.producer = producer, .first = begun, .last = marker});
  }
  static ConsumerOptions earliest() {
    ConsumerOptions result;
    result.reset = OffsetReset::earliest;
    return result;
  }
  // Polls until `count` records have come; gives their values.
  static std::vector<std::string> take(runtime::World& world, Consumer& consumer, std::size_t count, Duration within = 30s) {
    std::vector<std::string> values;
    const Instant deadline = world.now() + within;
    while (values.size() < count && world.now() < deadline) {
      const auto polled = consumer.poll(deadline);
      if (!polled) {
        ADD_FAILURE() << polled.error().to_string();
        break;
      }
      for (const ConsumedRecord& record : *polled) values.emplace_back(as_text(*record.record.value));
    }
    return values;
  }
  static std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> all;
    for (int index = from; index < to; ++index) all.push_back(std::to_string(index));
    return all;
  }

  const TopicPartition first{"orders", PartitionIndex{0}};
  const TopicPartition second{"orders", PartitionIndex{1}};
  const std::vector<TopicPartition> only_first{first};
  const std::vector<TopicPartition> both{first, second};
};

TEST_F(ConsumerTest, ReadsEveryCodecFromTheStart) {
  int at = 0;
  for (const auto codec :
       {protocol::Codec::none, protocol::Codec::gzip, protocol::Codec::snappy, protocol::Codec::lz4, protocol::Codec::zstd}) {
    append(0, at, 10, codec);
    at += 10;
  }
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(only_first);
    EXPECT_EQ(take(world, consumer, 50), numbers(0, 50));
    EXPECT_EQ(consumer.position(first), Offset{50});
    EXPECT_EQ(consumer.high_watermark(first), Offset{50});
    EXPECT_EQ(consumer.log_start(first), Offset{0});
  });
}

TEST_F(ConsumerTest, HandsOutNoMoreThanAPollMayHave) {
  append(0, 0, 25);
  run([&](runtime::World& world) {
    ConsumerOptions small = earliest();
    small.poll_records_max = 10;
    Consumer consumer{world, options(), small};
    consumer.assign(only_first);
    std::vector<std::size_t> sizes;
    for (int count = 0; count < 3; ++count) sizes.push_back(consumer.poll(world.now() + 10s)->size());
    EXPECT_EQ(sizes, (std::vector<std::size_t>{10, 10, 5}));
  });
}

TEST_F(ConsumerTest, RecordsOfACompressedBatchThatTakesTwoPollsLiveUntilTheThird) {
  append(0, 0, 25, protocol::Codec::gzip);
  append(0, 25, 3, protocol::Codec::gzip);
  run([&](runtime::World& world) {
    ConsumerOptions small = earliest();
    small.poll_records_max = 20;
    Consumer consumer{world, options(), small};
    consumer.assign(only_first);
    EXPECT_EQ(take(world, consumer, 20), numbers(0, 20));
    const auto rest = consumer.poll(world.now() + 10s);  // the end of the first batch, and the second one
    ASSERT_TRUE(rest);
    const std::vector<ByteBuffer> noise(64, ByteBuffer(256, std::uint8_t{0xEE}));  // takes what was freed too early
    std::vector<std::string> values;
    for (const ConsumedRecord& record : *rest) values.emplace_back(as_text(*record.record.value));
    EXPECT_EQ(values, numbers(20, 28));
  });
}

TEST_F(ConsumerTest, ReturnsNothingAtTheDeadlineAndNewRecordsWhenTheyCome) {
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(both);
    const Instant before = world.now();
    const auto empty = consumer.poll(before + 2s);
    ASSERT_TRUE(empty);
    EXPECT_TRUE(empty->empty());
    EXPECT_EQ(world.now(), before + 2s);
    append(1, 0, 3);
    EXPECT_EQ(take(world, consumer, 3), numbers(0, 3));
  });
}

TEST_F(ConsumerTest, BeginsAtTheEndWhenThatIsThePolicy) {
  append(0, 0, 5);
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), {}};
    consumer.assign(only_first);
    EXPECT_TRUE(consumer.poll(world.now() + 1s)->empty());
    append(0, 5, 2);
    EXPECT_EQ(take(world, consumer, 2), numbers(5, 7));
  });
}

TEST_F(ConsumerTest, SeeksIntoTheMiddleOfABatchToTheEndsAndByTime) {
  append(0, 0, 10);
  append(0, 10, 10);
  run([&](runtime::World& world) {
    ConsumerOptions none;
    none.reset = OffsetReset::none;
    Consumer consumer{world, options(), none};
    consumer.assign(only_first);
    EXPECT_EQ(consumer.poll(world.now() + 1s).error().failure, Failure::out_of_range) << "no position, no policy";
    ASSERT_TRUE(consumer.seek(first, Offset{7}));
    EXPECT_EQ(take(world, consumer, 13), numbers(7, 20));
    ASSERT_TRUE(consumer.seek(first, Offset{18}));
    EXPECT_EQ(take(world, consumer, 2), numbers(18, 20));
    const Instant deadline = world.now() + 10s;
    EXPECT_EQ(*consumer.seek_to(first, OffsetSpec::latest(), deadline), Offset{20});
    EXPECT_EQ(*consumer.seek_to(first, OffsetSpec::at_timestamp(99999), deadline), Offset{20}) << "none is that young";
    EXPECT_EQ(*consumer.seek_to(first, OffsetSpec::at_timestamp(1015), deadline), Offset{10});
    EXPECT_EQ(take(world, consumer, 10), numbers(10, 20));
    EXPECT_EQ(*consumer.seek_to(first, OffsetSpec::earliest(), deadline), Offset{0});
    EXPECT_FALSE(consumer.seek(second, Offset{0})) << "it is not assigned";
  });
}

TEST_F(ConsumerTest, UsesItsSessionToNameOnlyWhatChanged) {
  append(0, 0, 1);
  append(1, 0, 1);
  run([&](runtime::World& world) {
    cluster.partition("orders", 1).leader = NodeId{0};
    Consumer consumer{world, options(), earliest()};
    consumer.assign(both);
    (void)take(world, consumer, 2);
    (void)consumer.poll(world.now() + 3s);
    const std::size_t before = cluster.fetched_partitions.size();
    (void)consumer.poll(world.now() + 3s);
    ASSERT_GT(cluster.fetched_partitions.size(), before + 2);
    for (std::size_t index = before; index < cluster.fetched_partitions.size(); ++index) {
      EXPECT_EQ(cluster.fetched_partitions[index], 0U) << "nothing has changed";
      EXPECT_GT(cluster.session_epochs[index], 0);
    }
    append(1, 1, 1);
    EXPECT_EQ(take(world, consumer, 1), numbers(1, 2));
  });
}

TEST_F(ConsumerTest, OpensAnotherSessionWhenTheBrokerForgotIt) {
  append(0, 0, 1);
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(only_first);
    EXPECT_EQ(take(world, consumer, 1), numbers(0, 1));
    cluster.fetch_script = {{.kind = Step::refuse, .code = protocol::ErrorCode::fetch_session_id_not_found},
                            {.kind = Step::answer},
                            {.kind = Step::refuse, .code = protocol::ErrorCode::invalid_fetch_session_epoch}};
    append(0, 1, 1);
    EXPECT_EQ(take(world, consumer, 1), numbers(1, 2));
    append(0, 2, 1);
    EXPECT_EQ(take(world, consumer, 1), numbers(2, 3));
  });
  EXPECT_GE(cluster.sessions, 2);
}

TEST_F(ConsumerTest, ReadsFromBrokersWithoutSessionsOrTopicIds) {
  cluster.grants_sessions = false;
  cluster.fetch_max = 11;
  append(0, 0, 5);
  append(1, 0, 5);
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(both);
    EXPECT_EQ(take(world, consumer, 10).size(), 10U);
    append(0, 5, 1);
    EXPECT_EQ(take(world, consumer, 1), numbers(5, 6));
  });
}

TEST_F(ConsumerTest, GoesOnAfterLostConnections) {
  append(0, 0, 3);
  cluster.fetch_script = {{.kind = Step::drop_before}, {.kind = Step::drop_before}};
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(only_first);
    EXPECT_EQ(take(world, consumer, 3), numbers(0, 3));
    brokers[0]->crash();
    EXPECT_TRUE(consumer.poll(world.now() + 5s)->empty());
    brokers[0]->restart();
    append(0, 3, 3);
    EXPECT_EQ(take(world, consumer, 3), numbers(3, 6));
  });
}

TEST_F(ConsumerTest, ResetsAPositionThatIsOutsideTheLogAsThePolicySays) {
  append(0, 0, 10);
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(only_first);
    ASSERT_TRUE(consumer.seek(first, Offset{1000}));
    EXPECT_EQ(take(world, consumer, 10), numbers(0, 10));

    ConsumerOptions none;
    none.reset = OffsetReset::none;
    Consumer strict{world, options(), none};
    strict.assign(only_first);
    ASSERT_TRUE(strict.seek(first, Offset{1000}));
    const auto failed = strict.poll(world.now() + 10s);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().failure, Failure::out_of_range);
    ASSERT_NE(strict.failed_partition(), nullptr);
    EXPECT_EQ(*strict.failed_partition(), first);
  });
}

TEST_F(ConsumerTest, NeverHandsOutWhatFailsItsChecksum) {
  append(0, 0, 5);
  append(0, 5, 5);
  cluster.partition("orders", 0).batches[1].back() ^= 1;
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(only_first);
    EXPECT_EQ(take(world, consumer, 5), numbers(0, 5));
    const auto failed = consumer.poll(world.now() + 10s);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().failure, Failure::corrupt);
    EXPECT_EQ(consumer.position(first), Offset{5}) << "before the batch";
    append(0, 10, 2);
    ASSERT_TRUE(consumer.seek(first, Offset{10}));
    EXPECT_EQ(take(world, consumer, 2), numbers(10, 12)) << "the batch can be skipped";
  });
}

TEST_F(ConsumerTest, FollowsTheLeaderAndFindsThatItsPositionStillHolds) {
  append(0, 0, 5);
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(only_first);
    EXPECT_EQ(take(world, consumer, 5), numbers(0, 5));
    cluster.partition("orders", 0).leader = NodeId{1};
    cluster.partition("orders", 0).epoch = LeaderEpoch{1};
    append(0, 5, 5);
    EXPECT_EQ(take(world, consumer, 5), numbers(5, 10));
  });
  EXPECT_EQ(requests(epoch_key), 1) << "the position was compared with the new leader's log";
}

TEST_F(ConsumerTest, GoesBackToWhereTheLogWasCutUnderTheNewLeader) {
  append(0, 0, 5);
  append(0, 5, 5);
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(only_first);
    EXPECT_EQ(take(world, consumer, 10), numbers(0, 10));
    cluster.partition("orders", 0).batches.pop_back();
    cluster.partition("orders", 0).leader = NodeId{1};
    cluster.partition("orders", 0).epoch = LeaderEpoch{1};
    append(0, 100, 10);
    EXPECT_EQ(take(world, consumer, 10), numbers(100, 110)) << "from the cut on, not from the old position on";
  });
}

// Two producers' transactions, interleaved; offsets 4, 6, 8 and 10 are markers.
TEST_F(ConsumerTest, LeavesOutAbortedTransactionsAndMarkersButNotTheirOffsets) {
  constexpr ProducerId alice{1};
  constexpr ProducerId bob{2};
  write_in_transaction(alice, "aborted");
  write_in_transaction(bob, "committed");
  append(0, 2, 1);
  write_in_transaction(alice, "aborted, too");
  end_transaction(alice, false, Offset{0});
  write_in_transaction(bob, "committed, too");
  end_transaction(bob, true, Offset{1});
  write_in_transaction(alice, "another time");
  end_transaction(alice, true, Offset{7});
  write_in_transaction(alice, "and aborted again");
  end_transaction(alice, false, Offset{9});
  append(0, 11, 1);
  run([&](runtime::World& world) {
    ConsumerOptions committed = earliest();
    committed.isolation = IsolationLevel::read_committed;
    Consumer careful{world, options(), committed};
    careful.assign(only_first);
    EXPECT_EQ(take(world, careful, 5), (std::vector<std::string>{"committed", "2", "committed, too", "another time", "11"}));
    EXPECT_EQ(careful.position(first), Offset{12});
    ASSERT_TRUE(careful.seek(first, Offset{3}));
    EXPECT_EQ(take(world, careful, 3), (std::vector<std::string>{"committed, too", "another time", "11"}))
        << "of a transaction that began before the position, too, the rest is left out";
    Consumer eager{world, options(), earliest()};
    eager.assign(only_first);
    EXPECT_EQ(take(world, eager, 8), (std::vector<std::string>{"aborted", "committed", "2", "aborted, too", "committed, too",
                                                               "another time", "and aborted again", "11"}))
        << "without the isolation level all but the markers is read";
    EXPECT_EQ(eager.position(first), Offset{12});
  });
}

TEST_F(ConsumerTest, MovesOnWhenTheLastRecordsAreAborted) {
  append(0, 0, 1);
  write_in_transaction(ProducerId{1}, "aborted");
  end_transaction(ProducerId{1}, false, Offset{1});
  run([&](runtime::World& world) {
    ConsumerOptions committed = earliest();
    committed.isolation = IsolationLevel::read_committed;
    Consumer consumer{world, options(), committed};
    consumer.assign(only_first);
    EXPECT_EQ(take(world, consumer, 1), numbers(0, 1));
    EXPECT_TRUE(consumer.poll(world.now() + 1s)->empty());
    EXPECT_EQ(consumer.position(first), Offset{3});
  });
}

TEST_F(ConsumerTest, TakesUpAndDropsPartitionsByAssignment) {
  append(0, 0, 2);
  append(1, 10, 2);
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    consumer.assign(only_first);
    EXPECT_EQ(take(world, consumer, 2), numbers(0, 2));
    consumer.assign(both);
    EXPECT_EQ(take(world, consumer, 2), numbers(10, 12)) << "and the first keeps its position";
    consumer.assign({});
    EXPECT_EQ(consumer.position(first), std::nullopt);
    EXPECT_TRUE(consumer.poll(world.now() + 1s)->empty());
    consumer.close();
    EXPECT_EQ(consumer.poll(world.now() + 1s).error().failure, Failure::closed);
  });
}

TEST_F(ConsumerTest, WaitsForATopicThatIsMadeLater) {
  run([&](runtime::World& world) {
    Consumer consumer{world, options(), earliest()};
    const std::vector<TopicPartition> later{{"later", PartitionIndex{0}}};
    consumer.assign(later);
    EXPECT_TRUE(consumer.poll(world.now() + 3s)->empty());
    cluster.add_topic("later", 1);
    cluster.partition("later", 0).batches = {};
    append(0, 0, 1);
    cluster.partition("later", 0).batches = cluster.partition("orders", 0).batches;
    EXPECT_EQ(take(world, consumer, 1), numbers(0, 1));
  });
}

}  // namespace
}  // namespace squall::client
