// A whole broker in the virtual world, spoken to frame by frame.
#include "broker/broker.h"

#include <gmock/gmock.h>

#include "broker/format.h"
#include "broker/handlers/handler.h"
#include "protocol/error_code.h"
#include "protocol/messages/api_versions.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_records.h"
#include "protocol/messages/delete_topics.h"
#include "protocol/messages/describe_configs.h"
#include "protocol/messages/fetch.h"
#include "protocol/messages/incremental_alter_configs.h"
#include "protocol/messages/init_producer_id.h"
#include "protocol/messages/list_offsets.h"
#include "protocol/messages/metadata.h"
#include "protocol/messages/produce.h"
#include "protocol/record_batch.h"
#include "tests/broker/fixture.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using namespace protocol;  // NOLINT: the messages are what these tests are about

Uuid create(Caller& caller, const std::string& name, std::vector<std::pair<std::string, std::string>> configs = {}) {
  CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  for (auto& [key, value] : configs) topic.configs.push_back({key, value});
  const auto response = caller.ask<CreateTopicsResponse>(request, 7);
  EXPECT_TRUE(response && response->topics.size() == 1 && response->topics[0].error_code == 0) << name;
  return response ? response->topics[0].topic_id : Uuid{};
}

ProduceRequest produce_request(const std::string& topic, ByteView records, std::int16_t acks = -1) {
  ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = 1000;
  auto& data = request.topic_data.emplace_back();
  data.name = topic;
  data.partition_data.push_back({0, Records::of(records)});
  return request;
}

ProduceResponse::PartitionProduceResponse produce(Caller& caller, const std::string& topic, ByteView records) {
  const auto response = caller.ask<ProduceResponse>(produce_request(topic, records), 9);
  EXPECT_TRUE(response.has_value());
  return response ? response->responses.at(0).partition_responses.at(0) : ProduceResponse::PartitionProduceResponse{};
}

FetchRequest fetch_request(const std::string& topic, std::int64_t offset, std::int32_t wait_ms = 0) {
  FetchRequest request;
  request.replica_id = -1;
  request.max_wait_ms = wait_ms;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  auto& fetched = request.topics.emplace_back();
  fetched.topic = topic;
  auto& partition = fetched.partitions.emplace_back();
  partition.fetch_offset = offset;
  partition.partition_max_bytes = 1 << 20;
  return request;
}

TEST_F(BrokerTest, WhatIsProducedIsFetchedBackByteForByte) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    const ByteBuffer first = batch_of(3);
    const ByteBuffer second = batch_of(2, {.codec = Codec::lz4});
    EXPECT_EQ(produce(caller, "t", first).base_offset, 0);
    EXPECT_EQ(produce(caller, "t", second).base_offset, 3);
    const auto response = caller.ask<FetchResponse>(fetch_request("t", 0), 12);
    ASSERT_TRUE(response);
    const auto& data = response->responses.at(0).partitions.at(0);
    EXPECT_EQ(data.error_code, 0);
    EXPECT_EQ(data.high_watermark, 5);
    BatchCursor cursor{data.records.bytes};
    RecordBatchView batch;
    ASSERT_TRUE(cursor.next(batch));
    EXPECT_EQ(as_text(batch.bytes().subspan(16)), as_text(ByteView{first}.subspan(16)));
    ASSERT_TRUE(cursor.next(batch));
    EXPECT_EQ(batch.base_offset(), Offset{3});
    EXPECT_EQ(as_text(batch.bytes().subspan(16)), as_text(ByteView{second}.subspan(16)));
  });
}

TEST_F(BrokerTest, APeerThatReadsAnAnswerSlowlyIsNotIdle) {
  start({{"connections.max.idle.ms", "2000"}});
  talk([](Caller& caller) {
    create(caller, "t");
    const std::string value(900'000, 'v');
    for (int i = 0; i < 8; ++i) {
      protocol::RecordBatchBuilder builder;
      builder.start({});
      builder.append(1'767'225'600'000, std::nullopt, as_bytes(value));
      protocol::Compressor compressor;
      EXPECT_EQ(produce(caller, "t", builder.finish(compressor)).base_offset, i);
    }
    FetchRequest request = fetch_request("t", 0);
    request.max_bytes = request.topics[0].partitions[0].partition_max_bytes = 8 << 20;
    caller.send(caller.frame(request, 12));
    ByteBuffer size(4);
    ASSERT_TRUE(runtime::read_exactly(caller.connection(), size));
    const auto total = static_cast<std::size_t>(load_be<std::int32_t>(size.data()));
    ASSERT_GT(total, 7'000'000U);
    ByteBuffer piece(100'000);
    const Instant before = caller.world().now();
    for (std::size_t read = 0; read < total;) {
      caller.world().sleep_until(caller.world().now() + 100ms);
      const auto got = caller.connection().read(MutableBytes{piece}.first(std::min(piece.size(), total - read)));
      ASSERT_TRUE(got.has_value() && *got > 0) << "closed after " << read << " of " << total;
      read += *got;
    }
    EXPECT_GT(caller.world().now() - before, 4s);
  });
}

TEST_F(BrokerTest, AFullResponseIsNotWaitedFor) {  // although the batch that did not fit was left out of it
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    const ByteBuffer one = batch_of(400);
    ASSERT_GT(one.size(), 4096U) << "so that the index knows each of them";
    for (int i = 0; i < 100; ++i) EXPECT_EQ(produce(caller, "t", one).error_code, 0);
    FetchRequest request = fetch_request("t", 4000, 5000);
    request.min_bytes = request.max_bytes = static_cast<std::int32_t>(2 * one.size() + 1000);
    const Instant before = caller.world().now();
    const auto response = caller.ask<FetchResponse>(request, 12);
    ASSERT_TRUE(response);
    EXPECT_LT(caller.world().now() - before, 1s);
    EXPECT_EQ(response->responses.at(0).partitions.at(0).records.bytes.size(), 2 * one.size()) << "and no piece of a third";
  });
}

TEST_F(BrokerTest, ALongPollEndsWithAnAppendOrWithItsTime) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    Instant before = caller.world().now();
    auto empty = caller.ask<FetchResponse>(fetch_request("t", 0, 300), 12);
    ASSERT_TRUE(empty);
    EXPECT_TRUE(empty->responses.at(0).partitions.at(0).records.bytes.empty());
    EXPECT_GE(caller.world().now() - before, 300ms);
    before = caller.world().now();
    runtime::WaitQueue done{caller.world()};
    caller.world().spawn("later", [&] {
      caller.world().sleep_until(caller.world().now() + 100ms);
      Caller other{caller.world(), "broker"};
      EXPECT_EQ(produce(other, "t", batch_of(1)).error_code, 0);
      done.wake_all();
    });
    const auto woken = caller.ask<FetchResponse>(fetch_request("t", 0, 5000), 12);
    ASSERT_TRUE(woken);
    EXPECT_FALSE(woken->responses.at(0).partitions.at(0).records.bytes.empty());
    EXPECT_LT(caller.world().now() - before, 1s);
    (void)done.wait(caller.world().now() + 1s);
  });
}

TEST_F(BrokerTest, ASessionTellsOnlyWhatIsNew) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    FetchRequest request = fetch_request("t", 0);
    request.session_epoch = 0;
    const auto opened = caller.ask<FetchResponse>(request, 12);
    ASSERT_TRUE(opened);
    ASSERT_NE(opened->session_id, 0);
    EXPECT_EQ(opened->responses.size(), 1U);
    FetchRequest next;
    next.replica_id = -1;
    next.max_bytes = 1 << 20;
    next.session_id = opened->session_id;
    next.session_epoch = 1;
    const auto quiet = caller.ask<FetchResponse>(next, 12);
    ASSERT_TRUE(quiet);
    EXPECT_TRUE(quiet->responses.empty());
    (void)produce(caller, "t", batch_of(1));
    next.session_epoch = 2;
    const auto news = caller.ask<FetchResponse>(next, 12);
    ASSERT_TRUE(news);
    EXPECT_EQ(news->responses.size(), 1U);
    const auto wrong = caller.ask<FetchResponse>(next, 12);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->error_code, wire(ErrorCode::invalid_fetch_session_epoch));
    EXPECT_TRUE(wrong->responses.empty());
    EXPECT_EQ(wrong->session_id, 0);
  });
}

// A session of both topics, whose first answer has been taken.
FetchRequest open_session(Caller& caller) {
  FetchRequest request = fetch_request("t", 0);
  request.topics.push_back(request.topics[0]);
  request.topics[1].topic = "u";
  request.session_epoch = 0;
  const auto opened = caller.ask<FetchResponse>(request, 12);
  EXPECT_TRUE(opened && opened->session_id != 0 && opened->responses.size() == 2);
  FetchRequest next;
  next.replica_id = -1;
  next.max_bytes = 1 << 20;
  next.min_bytes = 1;
  next.max_wait_ms = 5000;
  next.session_id = opened ? opened->session_id : 0;
  next.session_epoch = 1;
  return next;
}

TEST_F(BrokerTest, ALongPollInASessionHearsOfPartitionsThatItDoesNotName) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    create(caller, "u");
    FetchRequest next = open_session(caller);
    const Instant before = caller.world().now();
    caller.send(caller.frame(next, 12));
    caller.world().sleep_until(before + 100ms);
    Caller other{caller.world(), "broker"};
    (void)produce(other, "u", batch_of(1));
    ASSERT_TRUE(caller.receive());
    EXPECT_LT(caller.world().now() - before, 1s);
    // The client names nothing: what it was given, it did not take.
    next.session_epoch = 2;
    const auto again = caller.ask<FetchResponse>(next, 12);
    ASSERT_TRUE(again);
    ASSERT_EQ(again->responses.size(), 1U);
    EXPECT_EQ(again->responses[0].topic, "u");
    EXPECT_FALSE(again->responses[0].partitions.at(0).records.bytes.empty());
  });
}

TEST_F(BrokerTest, WhatIsLeftOverByTheLimitOfAResponseComesWithTheNext) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    create(caller, "u");
    FetchRequest next = open_session(caller);
    (void)produce(caller, "t", batch_of(1));
    (void)produce(caller, "u", batch_of(1));
    next.max_bytes = 1;  // one batch, however large it is
    std::vector<std::string> given;
    for (; next.session_epoch < 5; ++next.session_epoch) {
      const auto response = caller.ask<FetchResponse>(next, 12);
      ASSERT_TRUE(response);
      for (const auto& topic : response->responses) {
        if (!topic.partitions.at(0).records.bytes.empty()) given.push_back(topic.topic);
      }
    }
    EXPECT_EQ(given, (std::vector<std::string>{"t", "u", "t", "u"})) << "in turns, for nothing of it is taken";
  });
}

TEST_F(BrokerTest, AFetchThatWaitsEndsWhenItsSessionIsClosedOrTakenOver) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    create(caller, "u");
    FetchRequest next = open_session(caller);
    const Instant before = caller.world().now();
    caller.send(caller.frame(next, 12));
    caller.world().sleep_until(before + 100ms);
    Caller other{caller.world(), "broker"};
    next.session_epoch = 2;
    other.send(other.frame(next, 12));
    EXPECT_TRUE(caller.receive()) << "taken over";
    FetchRequest closing;
    closing.session_id = next.session_id;
    closing.session_epoch = -1;
    EXPECT_TRUE(caller.ask<FetchResponse>(closing, 12));
    EXPECT_TRUE(other.receive()) << "closed";
    EXPECT_LT(caller.world().now() - before, 1s);
  });
}

TEST_F(BrokerTest, AnIdempotentProducerIsToldOfDuplicatesAndGaps) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    const auto id = caller.ask<InitProducerIdResponse>(InitProducerIdRequest{.transactional_id = std::nullopt}, 4);
    ASSERT_TRUE(id);
    BatchOptions options{.producer_id = ProducerId{id->producer_id}, .producer_epoch = ProducerEpoch{0}, .base_sequence = 0};
    EXPECT_EQ(produce(caller, "t", batch_of(2, options)).base_offset, 0);
    const auto again = produce(caller, "t", batch_of(2, options));
    EXPECT_EQ(again.error_code, 0);
    EXPECT_EQ(again.base_offset, 0) << "the offset of the first time";
    options.base_sequence = 5;
    EXPECT_EQ(produce(caller, "t", batch_of(1, options)).error_code, wire(ErrorCode::out_of_order_sequence_number));
    options.base_sequence = 2;
    EXPECT_EQ(produce(caller, "t", batch_of(1, options)).base_offset, 2);
  });
}

TEST_F(BrokerTest, BadRecordsAreRefusedAndNothingIsAppended) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    ByteBuffer broken = batch_of(1);
    broken.back() ^= 1;
    EXPECT_EQ(produce(caller, "t", broken).error_code, wire(ErrorCode::corrupt_message));
    ByteBuffer two = batch_of(1);
    two.insert(two.end(), two.begin(), two.end());
    EXPECT_EQ(produce(caller, "t", two).error_code, wire(ErrorCode::invalid_record));
    EXPECT_EQ(produce(caller, "t", ByteView{}).error_code, wire(ErrorCode::invalid_record));
    EXPECT_EQ(produce(caller, "nope", batch_of(1)).error_code, wire(ErrorCode::unknown_topic_or_partition));
    const auto good = produce(caller, "t", batch_of(1));  // and is told nothing of what went before it
    EXPECT_EQ(good.base_offset, 0);
    EXPECT_EQ(good.error_code, 0);
    EXPECT_FALSE(good.error_message);
  });
}

TEST_F(BrokerTest, WithoutAcknowledgementsAnErrorClosesTheConnection) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    caller.send(caller.frame(produce_request("t", batch_of(1), 0), 9));
    MetadataRequest all;
    all.topics = std::nullopt;
    ASSERT_TRUE(caller.ask<MetadataResponse>(all, 12)) << "no response comes for acks=0, and the next one is in order";
    caller.send(caller.frame(produce_request("nope", batch_of(1), 0), 9));
    EXPECT_EQ(caller.receive(), std::nullopt);
  });
}

TEST_F(BrokerTest, TheTopicsCodecWinsOverTheProducers) {
  start();
  talk([](Caller& caller) {
    create(caller, "t", {{"compression.type", "zstd"}});
    EXPECT_EQ(produce(caller, "t", batch_of(50)).error_code, 0);
    const auto response = caller.ask<FetchResponse>(fetch_request("t", 0), 12);
    ASSERT_TRUE(response);
    const RecordBatchView batch{response->responses.at(0).partitions.at(0).records.bytes};
    EXPECT_EQ(batch.codec(), Codec::zstd);
    EXPECT_EQ(batch.record_count(), 50);
  });
}

// Words drawn from few: what a codec that looks longer finds more in.
ByteBuffer wordy_batch() {
  const std::vector<std::string> words{"partition", "offset", "leader", "epoch", "watermark", "replica", "segment", "quorum"};
  Random random{5};
  RecordBatchBuilder builder;
  builder.start({});
  for (int record = 0; record < 200; ++record) {
    std::string value;
    for (int word = 0; word < 40; ++word) value += words[random.below(words.size())] + std::to_string(random.below(100)) + " ";
    builder.append(1'767'225'600'000, std::nullopt, as_bytes(value));
  }
  const ByteView built = builder.finish();
  return {built.begin(), built.end()};
}

TEST_F(BrokerTest, AHigherLevelOfTheTopicsCodecMakesSmallerBatches) {
  start();
  talk([](Caller& caller) {
    struct Row {
      std::string codec, low, high;
    };
    for (const Row& row : {Row{"gzip", "1", "9"}, Row{"lz4", "1", "12"}, Row{"zstd", "-50", "19"}}) {
      std::vector<std::size_t> sizes;
      for (const std::string& level : {row.low, row.high, row.low}) {
        const std::string topic = row.codec + "." + std::to_string(sizes.size());
        create(caller, topic, {{"compression.type", row.codec}, {"compression." + row.codec + ".level", level}});
        EXPECT_EQ(produce(caller, topic, wordy_batch()).error_code, 0);
        const auto response = caller.ask<FetchResponse>(fetch_request(topic, 0), 12);
        ASSERT_TRUE(response);
        const RecordBatchView batch{response->responses.at(0).partitions.at(0).records.bytes};
        EXPECT_EQ(to_string(batch.codec()), row.codec);
        EXPECT_TRUE(batch.validate());
        sizes.push_back(batch.size_bytes());
      }
      EXPECT_LT(sizes[1] * 20, sizes[0] * 19) << row.codec << ": less by a twentieth at least";
      EXPECT_EQ(sizes[2], sizes[0]) << row.codec << ": the level of one topic is not another's";
    }
  });
}

TEST_F(BrokerTest, MetadataMakesATopicOnlyIfBothSidesAllowIt) {
  start();
  talk([](Caller& caller) {
    MetadataRequest request;
    request.topics.emplace().push_back({.topic_id = {}, .name = "new"});
    request.allow_auto_topic_creation = false;
    auto response = caller.ask<MetadataResponse>(request, 12);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->topics.at(0).error_code, wire(ErrorCode::unknown_topic_or_partition));
    request.allow_auto_topic_creation = true;
    response = caller.ask<MetadataResponse>(request, 12);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->topics.at(0).error_code, 0);
    EXPECT_EQ(response->topics.at(0).partitions.at(0).leader_id, 1);
    request.topics->at(0).name = "bad name!";
    response = caller.ask<MetadataResponse>(request, 12);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->topics.at(0).error_code, wire(ErrorCode::invalid_topic_exception));
  });
}

TEST_F(BrokerTest, MetadataSurvivesAPowerCutTheMomentItIsAnswered) {
  start();
  std::int64_t first_id = -1;
  talk([&](Caller& caller) {
    create(caller, "kept", {{"retention.ms", "12345"}});
    create(caller, "gone");
    DeleteTopicsRequest remove;
    remove.timeout_ms = 5000;
    remove.topics.push_back({.name = "gone", .topic_id = {}});
    const auto removed = caller.ask<DeleteTopicsResponse>(remove, 6);
    ASSERT_TRUE(removed);
    ASSERT_EQ(removed->responses.at(0).error_code, 0);
    const auto id = caller.ask<InitProducerIdResponse>(InitProducerIdRequest{.transactional_id = std::nullopt}, 4);
    ASSERT_TRUE(id);
    first_id = id->producer_id;
    broker_node->power_cut();
  });
  broker_node->restart();
  simulation.run_for(2s);
  talk([&](Caller& caller) {
    MetadataRequest all;
    all.topics = std::nullopt;
    const auto metadata = caller.ask<MetadataResponse>(all, 12);
    ASSERT_TRUE(metadata);
    ASSERT_EQ(metadata->topics.size(), 1U);
    EXPECT_EQ(metadata->topics[0].name, "kept");
    DescribeConfigsRequest describe;
    auto& resource = describe.resources.emplace_back();
    resource.resource_type = 2;
    resource.resource_name = "kept";
    resource.configuration_keys.emplace().push_back("retention.ms");
    const auto configs = caller.ask<DescribeConfigsResponse>(describe, 4);
    ASSERT_TRUE(configs && configs->results.at(0).configs.size() == 1);
    EXPECT_EQ(configs->results[0].configs[0].value, "12345");
    const auto id = caller.ask<InitProducerIdResponse>(InitProducerIdRequest{.transactional_id = std::nullopt}, 4);
    ASSERT_TRUE(id);
    EXPECT_GT(id->producer_id, first_id) << "no id is given twice";
  });
}

TEST_F(BrokerTest, ACleanStopLeavesNothingOpenAndNothingToRecover) {
  start();
  talk([](Caller& caller) {
    create(caller, "t");
    EXPECT_EQ(produce(caller, "t", batch_of(3)).error_code, 0);
  });
  broker_node->request_stop();
  simulation.run_for(10s);
  EXPECT_EQ(broker_node->state(), sim::NodeState::off);
  broker_node->power_cut();
  broker_node->restart();
  simulation.run_for(2s);
  talk([](Caller& caller) {
    const auto response = caller.ask<FetchResponse>(fetch_request("t", 0), 12);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->responses.at(0).partitions.at(0).high_watermark, 3);
  });
}

// It stood for as long as nobody answered, and left its fibers behind when it was stopped.
TEST_F(BrokerTest, AStopReachesABrokerThatStillWaitsForItsCluster) {
  bool failed = false;
  broker_node->start("broker", [&](runtime::World& world) {
    auto parsed = broker_config_from({{"process.roles", "broker"},
                                      {"node.id", "1"},
                                      {"listeners", "PLAINTEXT://broker:9092"},
                                      {"controller.listener.names", "CONTROLLER"},
                                      {"controller.quorum.voters", "101@client:9093"},
                                      {"log.dirs", "/data"}});
    ASSERT_TRUE(parsed.has_value()) << parsed.error();
    ASSERT_TRUE(format_node(world, parsed->config, {.cluster_id = Uuid{7, 7}.to_string()}));
    Broker broker{world, std::move(parsed->config)};
    bool stopped = false;
    runtime::WaitQueue ended{world};
    broker_node->set_stop_handler([&] {
      broker.stop();
      stopped = true;
      ended.wake_all();
    });
    failed = !broker.start();
    while (!stopped) (void)ended.wait();
  });
  simulation.run_for(5s);
  EXPECT_FALSE(failed);
  broker_node->request_stop();
  simulation.run_for(10s);
  EXPECT_TRUE(failed);
  EXPECT_EQ(broker_node->state(), sim::NodeState::off);
  EXPECT_EQ(broker_node->leaks().fibers, 0U);
  EXPECT_EQ(broker_node->leaks().files, 0U);
}

}  // namespace
}  // namespace squall::broker
