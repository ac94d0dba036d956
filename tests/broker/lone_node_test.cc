// A node that is its own cluster, on a disk that fills up or rots, or killed.
#include "protocol/messages/create_topics.h"
#include "protocol/messages/metadata.h"
#include "tests/broker/fixture.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

constexpr std::string_view metadata_segment = "/data/__cluster_metadata-0/00000000000000000000.log";

class LoneNodeTest : public BrokerTest {
 protected:
  static std::int16_t create(Caller& caller, const std::string& name) {
    protocol::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    const auto response = caller.ask<protocol::CreateTopicsResponse>(request, 7);
    EXPECT_TRUE(response && response->topics.size() == 1);
    return response ? response->topics.at(0).error_code : wire(ErrorCode::unknown_server_error);
  }
  static std::vector<std::string> topics(Caller& caller) {
    protocol::MetadataRequest all;
    all.topics = std::nullopt;
    const auto response = caller.ask<protocol::MetadataResponse>(all, 12);
    EXPECT_TRUE(response);
    std::vector<std::string> names;
    if (response) {
      for (const auto& topic : response->topics) names.push_back(topic.name.value_or(""));
    }
    return names;
  }
  sim::Disk& disk() { return broker_node->disk(); }
};

TEST_F(LoneNodeTest, GoesOnOnceAFullDiskHasRoomAgain) {
  start();
  talk([&](Caller& caller) {
    ASSERT_EQ(create(caller, "before"), 0);
    // Room for a part of a record, so that a torn tail is written.
    disk().set_capacity(disk().used_bytes() + 10);
    caller.world().sleep_until(caller.world().now() + 1s);
    const auto size_before = disk().peek(metadata_segment)->size();
    EXPECT_EQ(create(caller, "never"), wire(ErrorCode::kafka_storage_error));
    caller.world().sleep_until(caller.world().now() + 20s);
    EXPECT_EQ(topics(caller), (std::vector<std::string>{"before"})) << "checkpoints that do not fit do not end the node";
    EXPECT_EQ(disk().peek(metadata_segment)->size(), size_before) << "nothing is left of what did not fit";
    disk().heal();
    caller.world().sleep_until(caller.world().now() + 1s);
    EXPECT_EQ(create(caller, "after"), 0);
    EXPECT_EQ(topics(caller), (std::vector<std::string>{"after", "before"}));
    broker_node->power_cut();
  });
  broker_node->restart();
  simulation.run_for(2s);
  ASSERT_FALSE(start_error) << start_error->message;
  talk([&](Caller& caller) { EXPECT_EQ(topics(caller), (std::vector<std::string>{"after", "before"})); });
}

// What was decided before the disk was found full is in the image that decisions are taken from: it is not taken back.
TEST_F(LoneNodeTest, AnOperationThatFindsTheDiskFullIsNotKnownToHaveFailedAndHappensOnceThereIsRoom) {
  start({{"metadata.max.idle.interval.ms", "0"}});
  talk([&](Caller& caller) {
    disk().set_capacity(disk().used_bytes() + 10);
    EXPECT_EQ(create(caller, "t"), wire(ErrorCode::request_timed_out));
    EXPECT_EQ(create(caller, "t"), wire(ErrorCode::kafka_storage_error));
    EXPECT_EQ(topics(caller), std::vector<std::string>{});
    disk().heal();
    caller.world().sleep_until(caller.world().now() + 1s);
    EXPECT_EQ(topics(caller), std::vector<std::string>{"t"});
  });
}

// No wait but for its own disk: its controller, its registration and its first topic follow each other at once.
TEST_F(LoneNodeTest, IsReadyAsSoonAsItsDiskHasDoneItsPart) {
  std::optional<Instant> ready;
  simulation.on_event([&](const sim::ProductEvent& event) {
    if (event.name == runtime::EventName::node_started) ready = simulation.now();
  });
  start();
  ASSERT_TRUE(ready);
  EXPECT_LT(*ready - Instant{}, 20ms);
}

// Of what it was told and tells itself again after any start, none has to be on the disk twice before it counts.
TEST_F(LoneNodeTest, WritesItsRecoveryPointBeforeItAnswersAnOperationAndNotForItsOwnRecords) {
  start({{"metadata.max.idle.interval.ms", "0"}});
  const auto recovery_point = [&] {
    const auto bytes = disk().peek("/data/recovery-point-offset-checkpoint");
    const std::string text{as_text(*bytes)};
    const auto at = text.find("__cluster_metadata 0 ");
    return at == std::string::npos ? -1 : std::stoll(text.substr(at + 21));
  };
  talk([&](Caller& caller) {
    ASSERT_EQ(create(caller, "first"), 0);
    const auto after_first = recovery_point();
    EXPECT_GT(after_first, 0);
    ASSERT_EQ(create(caller, "second"), 0);
    EXPECT_GT(recovery_point(), after_first);
  });
}

TEST_F(LoneNodeTest, ServesAtOnceAfterItWasKilled) {
  start();
  talk([&](Caller& caller) { ASSERT_EQ(create(caller, "t"), 0); });
  broker_node->crash();
  broker_node->restart();
  simulation.run_for(100ms);
  talk([&](Caller& caller) {
    EXPECT_EQ(topics(caller), std::vector<std::string>{"t"});
    EXPECT_EQ(create(caller, "u"), 0);
  });
}

// A bit of each of the last records in turn, flipped while the broker is down.
TEST_F(LoneNodeTest, RefusesToStartWhenAnAnsweredOperationIsDamaged) {
  start();
  talk([&](Caller& caller) { ASSERT_EQ(create(caller, "kept"), 0); });
  broker_node->power_cut();
  const std::size_t size = disk().peek(metadata_segment)->size();
  for (const std::size_t from_end : {1U, 40U, 150U}) {
    ASSERT_LT(from_end, size);
    disk().rot(metadata_segment, size - from_end);
    broker_node->restart();
    simulation.run_for(2s);
    ASSERT_TRUE(start_error) << "a bit that flipped " << from_end << " bytes before the end was cut off with its topic";
    EXPECT_EQ(start_error->code, ExitCode::corrupt_metadata);
    EXPECT_TRUE(start_error->message.contains("__cluster_metadata-0")) << start_error->message;
    EXPECT_EQ(disk().peek(metadata_segment)->size(), size) << "what is damaged is left for its owner to look at";
    start_error.reset();
    disk().rot(metadata_segment, size - from_end);
  }
  broker_node->restart();
  simulation.run_for(2s);
  ASSERT_FALSE(start_error) << start_error->message;
  talk([&](Caller& caller) { EXPECT_EQ(topics(caller), (std::vector<std::string>{"kept"})); });
}

}  // namespace
}  // namespace squall::broker
