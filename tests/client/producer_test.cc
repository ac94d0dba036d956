#include "client/producer.h"

#include <map>

#include "client/partitioner.h"
#include "tests/client/fixture.h"

namespace squall::client {
namespace {

constexpr std::int16_t produce_key = 0;

class ProducerTest : public ClientTest {
 protected:
  // Sends "0" to "count - 1" to one partition, each a batch of its own, and waits for their fates.
  void send_one_by_one(runtime::World& world, Producer& producer, Heard& heard, int count) {
    for (int index = 0; index < count; ++index) {
      ASSERT_TRUE(producer.send(to("orders", 0, std::to_string(index)), &heard, static_cast<std::uint64_t>(index)));
      world.sleep_until(world.now() + 1ms);
    }
    const auto flushed = producer.flush(world.now() + 300s);
    EXPECT_TRUE(flushed);
  }
  static std::vector<std::string> numbers(int count) {
    std::vector<std::string> all;
    for (int index = 0; index < count; ++index) all.push_back(std::to_string(index));
    return all;
  }
  static ProducerOptions eager() {
    ProducerOptions result;
    result.linger = Duration::zero();
    return result;
  }
};

TEST_F(ProducerTest, TellsTheOffsetOfEachRecord) {
  run([&](runtime::World& world) {
    Producer producer{world, options(), {}};
    Heard heard;
    for (std::uint64_t tag = 0; tag < 10; ++tag) {
      ASSERT_TRUE(producer.send(to("orders", static_cast<int>(tag % 2), "v" + std::to_string(tag)), &heard, tag));
    }
    ASSERT_TRUE(producer.flush());
    EXPECT_EQ(producer.outstanding(), 0U);
    for (std::uint64_t tag = 0; tag < 10; ++tag) {
      ASSERT_EQ(heard.fates[tag].size(), 1U) << "each fate is told once";
      EXPECT_EQ(heard.fates[tag][0].offset, Offset{static_cast<std::int64_t>(tag / 2)});
    }
  });
  EXPECT_EQ(cluster.partition("orders", 1).values(), (std::vector<std::string>{"v1", "v3", "v5", "v7", "v9"}));
}

TEST_F(ProducerTest, LingersToFillABatchAndNotLonger) {
  run([&](runtime::World& world) {
    ProducerOptions slow;
    slow.linger = 50ms;
    Producer producer{world, options(), slow};
    Heard heard;
    ASSERT_TRUE(producer.send_and_wait(to("orders", 1, "warm up")));
    const Instant before = world.now();
    for (std::uint64_t tag = 0; tag < 5; ++tag) {
      ASSERT_TRUE(producer.send(to("orders", 0, "v"), &heard, tag));
      world.sleep_until(world.now() + 5ms);
    }
    while (heard.acknowledged() < 5) world.sleep_until(world.now() + 1ms);
    EXPECT_GE(world.now() - before, 50ms);
    EXPECT_LT(world.now() - before, 60ms);
  });
  EXPECT_EQ(cluster.partition("orders", 0).batches.size(), 1U);
}

TEST_F(ProducerTest, SendsAFullBatchAtOnce) {
  run([&](runtime::World& world) {
    ProducerOptions slow;
    slow.linger = 100s;
    slow.batch_bytes = 1000;
    Producer producer{world, options(), slow};
    Heard heard;
    ASSERT_TRUE(producer.send_and_wait(to("orders", 1, "warm up"))) << "which does not linger either";
    const Instant before = world.now();
    const std::string value(300, 'x');
    for (std::uint64_t tag = 0; tag < 4; ++tag) ASSERT_TRUE(producer.send(to("orders", 0, value), &heard, tag));
    while (heard.acknowledged() == 0) world.sleep_until(world.now() + 1ms);
    EXPECT_LT(world.now() - before, 1s);
    ASSERT_TRUE(producer.flush());
  });
  EXPECT_EQ(cluster.partition("orders", 0).values().size(), 4U);
}

TEST_F(ProducerTest, NeitherLosesNorRepeatsNorReordersWhenConnectionsBreak) {
  run([&](runtime::World& world) {
    Producer producer{world, options(), eager()};
    ASSERT_TRUE(producer.send_and_wait(to("orders", 1, "warm up")));
    // The first is appended but its answer is lost; of those behind it some arrive, some do not.
    cluster.produce_script = {{.kind = Step::drop_after}, {.kind = Step::answer},      {.kind = Step::drop_before},
                              {.kind = Step::drop_after}, {.kind = Step::drop_before}, {.kind = Step::drop_after}};
    Heard heard;
    send_one_by_one(world, producer, heard, 40);
    EXPECT_EQ(heard.acknowledged(), 40U);
  });
  EXPECT_EQ(cluster.partition("orders", 0).values(), numbers(40));
}

TEST_F(ProducerTest, KeepsTheOrderWhenOneOfManyInFlightIsRefused) {
  run([&](runtime::World& world) {
    Producer producer{world, options(), eager()};
    ASSERT_TRUE(producer.send_and_wait(to("orders", 1, "warm up")));
    cluster.produce_script = {{.kind = Step::hold, .pause = 20ms},
                              {.kind = Step::refuse, .code = protocol::ErrorCode::not_enough_replicas}};
    Heard heard;
    send_one_by_one(world, producer, heard, 30);
    EXPECT_EQ(heard.acknowledged(), 30U);
    EXPECT_EQ(producer.producer_epoch(), ProducerEpoch{0}) << "the sequence could go on";
  });
  EXPECT_EQ(cluster.partition("orders", 0).values(), numbers(30));
}

TEST_F(ProducerTest, KeepsTheOrderWhenTheVeryFirstBatchIsRefused) {
  cluster.produce_script = {{.kind = Step::hold, .pause = 20ms},
                            {.kind = Step::refuse, .code = protocol::ErrorCode::not_enough_replicas}};
  run([&](runtime::World& world) {
    Producer producer{world, options(), eager()};
    ASSERT_TRUE(producer.send_and_wait(to("orders", 1, "warm up")));
    Heard heard;
    send_one_by_one(world, producer, heard, 10);
  });
  EXPECT_EQ(cluster.partition("orders", 0).values(), numbers(10)) << "the broker would have taken the second as a beginning";
}

TEST_F(ProducerTest, RaisesItsEpochWhenTheBrokerHasLostItsSequence) {
  run([&](runtime::World& world) {
    Producer producer{world, options(), eager()};
    Heard heard;
    send_one_by_one(world, producer, heard, 5);
    auto& state = cluster.partition("orders", 0).producers.begin()->second;
    state.next_sequence = 2;
    state.appended.clear();
    send_one_by_one(world, producer, heard, 5);
    EXPECT_EQ(producer.producer_epoch(), ProducerEpoch{1});
  });
  EXPECT_EQ(cluster.partition("orders", 0).values().size(), 10U);
}

TEST_F(ProducerTest, DoesNotAppendTwiceWhatMayBeInTheLogWhenItsSequenceIsLost) {
  run([&](runtime::World& world) {
    for (const auto code : {protocol::ErrorCode::out_of_order_sequence_number, protocol::ErrorCode::unknown_producer_id,
                            protocol::ErrorCode::invalid_producer_epoch}) {
      cluster.partition("orders", 0) = {};
      Producer producer{world, options(), eager()};
      ASSERT_TRUE(producer.send_and_wait(to("orders", 0, "0")));
      // The second is appended and its answer lost; then the broker does not remember it.
      cluster.produce_script = {{.kind = Step::drop_after}, {.kind = Step::refuse, .code = code}};
      Heard heard;
      ASSERT_TRUE(producer.send(to("orders", 0, "1"), &heard, 1));
      world.sleep_until(world.now() + 2ms);
      ASSERT_TRUE(producer.send(to("orders", 0, "2"), &heard, 2));
      ASSERT_TRUE(producer.flush(world.now() + 300s));
      ASSERT_EQ(heard.fates[1].size(), 1U);
      ASSERT_TRUE(heard.fates[1][0].error) << "its caller is told";
      EXPECT_EQ(heard.fates[1][0].error->code, code);
      EXPECT_FALSE(heard.fates[1][0].certainly_not_appended);
      EXPECT_TRUE(heard.fates[2][0].acknowledged()) << "what has certainly not been appended goes on";
      EXPECT_EQ(cluster.partition("orders", 0).values(), numbers(3)) << "after error " << to_wire(code);
    }
  });
}

TEST_F(ProducerTest, FollowsThePartitionToItsNewLeader) {
  run([&](runtime::World& world) {
    Producer producer{world, options(), eager()};
    Heard heard;
    send_one_by_one(world, producer, heard, 3);
    cluster.partition("orders", 0).leader = NodeId{1};
    cluster.partition("orders", 0).epoch = LeaderEpoch{1};
    send_one_by_one(world, producer, heard, 3);
    EXPECT_EQ(heard.order.size(), 6U);
  });
  EXPECT_EQ(cluster.partition("orders", 0).values().size(), 6U);
}

TEST_F(ProducerTest, FailsARecordForGoodWhenTheErrorWillNotPass) {
  run([&](runtime::World& world) {
    Producer producer{world, options(), eager()};
    ASSERT_TRUE(producer.send_and_wait(to("orders", 0, "0")));
    cluster.produce_script = {{.kind = Step::refuse, .code = protocol::ErrorCode::topic_authorization_failed}};
    const auto refused = producer.send_and_wait(to("orders", 0, "never"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, protocol::ErrorCode::topic_authorization_failed);
    EXPECT_TRUE(producer.send_and_wait(to("orders", 0, "1"))) << "the gap in the sequence is mended";
  });
  EXPECT_EQ(cluster.partition("orders", 0).values(), numbers(2));
}

TEST_F(ProducerTest, GivesUpAtTheDeliveryTimeout) {
  run([&](runtime::World& world) {
    ProducerOptions hasty = eager();
    hasty.delivery_timeout = 3s;
    Producer producer{world, options(), hasty};
    ASSERT_TRUE(producer.send_and_wait(to("orders", 0, "0")));
    brokers[0]->crash();
    const Instant before = world.now();
    Heard heard;
    ASSERT_TRUE(producer.send(to("orders", 0, "late"), &heard, 1));
    while (heard.order.empty()) world.sleep_until(world.now() + 10ms);
    ASSERT_TRUE(heard.fates[1][0].error);
    EXPECT_EQ(heard.fates[1][0].error->failure, Failure::timed_out);
    EXPECT_GE(world.now() - before, 3s);
    EXPECT_LT(world.now() - before, 4s);
    brokers[0]->restart();
    EXPECT_TRUE(producer.send_and_wait(to("orders", 0, "1"))) << "and goes on when the broker is back";
  });
  EXPECT_EQ(cluster.partition("orders", 0).values(), numbers(2));
}

TEST_F(ProducerTest, WaitsForMemoryAndThenForNoLongerThanItMay) {
  run([&](runtime::World& world) {
    ProducerOptions tight = eager();
    tight.memory_bytes = 3 * tight.batch_bytes;
    tight.block_max = 2s;
    Producer producer{world, options(), tight};
    ASSERT_TRUE(producer.send_and_wait(to("orders", 1, "warm up")));
    cluster.produce_script.assign(3, {.kind = Step::hold, .pause = 10s});
    const std::string value(tight.batch_bytes - 100, 'x');
    for (int index = 0; index < 3; ++index) ASSERT_TRUE(producer.send(to("orders", 0, value)));
    const Instant before = world.now();
    const auto refused = producer.send(to("orders", 0, value));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, Failure::timed_out);
    EXPECT_GE(world.now() - before, 2s);
    ASSERT_TRUE(producer.flush());
    EXPECT_TRUE(producer.send(to("orders", 0, value))) << "the memory is free again";
    ASSERT_TRUE(producer.flush());
  });
}

TEST_F(ProducerTest, RefusesAtOnceWhatCannotBeSent) {
  run([&](runtime::World& world) {
    Producer producer{world, options(), {}};
    EXPECT_EQ(producer.send(to("orders", 9, "v")).error().failure, Failure::invalid);
    EXPECT_EQ(producer.send(to("orders", 0, std::string(2U << 20, 'x'))).error().failure, Failure::too_large);
    producer.close();
    EXPECT_EQ(producer.send(to("orders", 0, "v")).error().failure, Failure::closed);
  });
}

TEST_F(ProducerTest, TellsOfWhatItAbandonsWhenItIsClosed) {
  run([&](runtime::World& world) {
    Heard heard;
    {
      Producer producer{world, options(), eager()};
      ASSERT_TRUE(producer.send_and_wait(to("orders", 0, "0")));
      cluster.produce_script = {{.kind = Step::hold, .pause = 100s}};
      ASSERT_TRUE(producer.send(to("orders", 0, "1"), &heard, 1));
      world.sleep_until(world.now() + 100ms);
      ASSERT_TRUE(producer.send(to("orders", 1, "2"), &heard, 2));
    }
    ASSERT_EQ(heard.order.size(), 2U);
    EXPECT_EQ(heard.fates[1][0].error->failure, Failure::closed);
    EXPECT_FALSE(heard.fates[1][0].certainly_not_appended);
  });
}

TEST_F(ProducerTest, AsksForNoAnswerWithoutAcks) {
  run([&](runtime::World& world) {
    ProducerOptions careless = eager();
    careless.acks = Acks::none;
    Producer producer{world, options(), careless};
    Heard heard;
    send_one_by_one(world, producer, heard, 10);
    EXPECT_EQ(heard.acknowledged(), 10U);
    EXPECT_EQ(heard.fates[0][0].offset, no_offset);
    world.sleep_until(world.now() + 100ms);
  });
  EXPECT_EQ(cluster.partition("orders", 0).values(), numbers(10));
}

TEST_F(ProducerTest, CompressesAndSpeaksToBrokersWithoutTopicIds) {
  cluster.produce_max = 9;
  run([&](runtime::World& world) {
    for (const auto codec : {protocol::Codec::gzip, protocol::Codec::snappy, protocol::Codec::lz4, protocol::Codec::zstd}) {
      ProducerOptions packed;
      packed.compression = codec;
      Producer producer{world, options(), packed};
      ASSERT_TRUE(producer.send_and_wait(to("orders", 0, "hello hello hello")));
      EXPECT_EQ(protocol::RecordBatchView{cluster.partition("orders", 0).batches.back()}.codec(), codec);
    }
  });
  EXPECT_EQ(cluster.partition("orders", 0).values().size(), 4U);
}

TEST_F(ProducerTest, SendsAgainAfterEachLostConnection) {
  cluster.produce_script = {{.kind = Step::drop_before}, {.kind = Step::drop_before}};
  run([&](runtime::World& world) {
    Producer producer{world, options(), eager()};
    ASSERT_TRUE(producer.send_and_wait(to("orders", 0, "v")));
  });
  EXPECT_EQ(requests(produce_key), 3);
}

TEST(Partitioner, HashesAsJavaDoes) {
  const std::map<std::string, std::uint32_t> known{{"", 275646681U},
                                                   {"a", 2731586172U},
                                                   {"21", 3321034988U},
                                                   {"foobar", 3504634814U},
                                                   {"a-little-bit-long-string", 3308985760U},
                                                   {"\xff\x80\x01", 1034853807U},
                                                   {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 4236069325U}};
  for (const auto& [key, hash] : known) EXPECT_EQ(murmur2(as_bytes(key)), hash) << key;
  EXPECT_EQ(partition_for_key(as_bytes("foobar"), 10), PartitionIndex{(3504634814U & 0x7FFFFFFF) % 10});
}

}  // namespace
}  // namespace squall::client
