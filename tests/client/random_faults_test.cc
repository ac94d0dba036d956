// The promises of an idempotent producer and of a consumer under faults that are drawn from a seed.
#include <array>

#include "base/random.h"
#include "client/consumer.h"
#include "tests/client/fixture.h"

namespace squall::client {
namespace {

constexpr int records = 200;
constexpr int partitions = 2;

class RandomFaults : public ClientTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  RandomFaults() : ClientTest{GetParam()} {}

  static Step draw_step(Random& random, bool produce) {
    constexpr std::array passing{protocol::ErrorCode::not_enough_replicas, protocol::ErrorCode::not_leader_or_follower,
                                 protocol::ErrorCode::request_timed_out};
    switch (random.below(8)) {
      case 0: return {.kind = Step::drop_before};
      case 1: return produce ? Step{.kind = Step::drop_after} : Step{.kind = Step::drop_before};
      case 2:
        return produce ? Step{.kind = Step::refuse, .code = passing[random.below(passing.size())]}
                       : Step{.kind = Step::refuse, .code = protocol::ErrorCode::fetch_session_id_not_found};
      case 3: return {.kind = Step::hold, .pause = random.between(Duration{0}, Duration{200ms})};
      default: return {};
    }
  }
  void move_leader(int index) {
    FakePartition& partition = cluster.partition("orders", index);
    partition.leader = NodeId{1 - partition.leader.value()};
    ++partition.epoch;
  }
  // From now on, leaders move and brokers crash and come back.
  void schedule_faults(Random& random) {
    for (int count = 0; count < 4; ++count) {
      const Duration when = random.between(Duration{50ms}, Duration{4s});
      const auto victim = static_cast<std::size_t>(random.below(2));
      simulation.after(when, [this, victim] { move_leader(static_cast<int>(victim)); });
      const Duration crash = random.between(Duration{50ms}, Duration{4s});
      simulation.after(crash, [this, victim] {
        if (brokers[victim]->state() == sim::NodeState::running) brokers[victim]->crash();
      });
      simulation.after(crash + 300ms, [this, victim] {
        if (brokers[victim]->state() != sim::NodeState::running) brokers[victim]->restart();
      });
    }
  }
};

TEST_P(RandomFaults, EveryRecordIsAcknowledgedOnceAppendedOnceInOrderAndReadBack) {
  Random random{GetParam()};
  for (int count = 0; count < 60; ++count) cluster.produce_script.push_back(draw_step(random, true));
  for (int count = 0; count < 30; ++count) cluster.fetch_script.push_back(draw_step(random, false));
  schedule_faults(random);
  std::array<std::vector<std::string>, partitions> sent;
  std::array<std::vector<std::string>, partitions> read;
  run([&](runtime::World& world) {
    ProducerOptions producing;
    producing.batch_bytes = 200;
    producing.linger = Duration{random.below(3) * 1'000'000};
    Producer producer{world, options(), producing};
    ConsumerOptions consuming;
    consuming.reset = OffsetReset::earliest;
    Consumer consumer{world, options(), consuming};
    const std::vector<TopicPartition> all{{"orders", PartitionIndex{0}}, {"orders", PartitionIndex{1}}};
    consumer.assign(all);
    Heard heard;
    for (int index = 0; index < records; ++index) {
      const auto partition = static_cast<std::size_t>(random.below(partitions));
      sent[partition].push_back(std::to_string(index));
      const auto accepted = producer.send(to("orders", static_cast<int>(partition), sent[partition].back()), &heard,
                                          static_cast<std::uint64_t>(index));
      ASSERT_TRUE(accepted) << accepted.error().to_string();
      if (random.chance(1, 3)) world.sleep_until(world.now() + random.between(Duration{0}, Duration{40ms}));
    }
    ASSERT_TRUE(producer.flush(world.now() + 200s));
    EXPECT_EQ(heard.acknowledged(), static_cast<std::size_t>(records));
    const Instant deadline = world.now() + 100s;
    while (read[0].size() + read[1].size() < records && world.now() < deadline) {
      const auto polled = consumer.poll(deadline);
      ASSERT_TRUE(polled) << polled.error().to_string();
      for (const ConsumedRecord& record : *polled) {
        read[static_cast<std::size_t>(record.partition->partition.value())].emplace_back(as_text(*record.record.value));
      }
    }
  });
  for (std::size_t index = 0; index < partitions; ++index) {
    EXPECT_EQ(cluster.partition("orders", static_cast<int>(index)).values(), sent[index]);
    EXPECT_EQ(read[index], sent[index]);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFaults, testing::Range<std::uint64_t>(1, 501));

}  // namespace
}  // namespace squall::client
