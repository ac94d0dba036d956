// Every call of the administrator's client, against a whole broker in the virtual world.
#include <algorithm>

#include "client/admin.h"
#include "client/producer.h"
#include "tests/broker/fixture.h"

namespace squall::broker {
namespace {

using client::Admin;
using client::OffsetSpec;
using protocol::ErrorCode;

class AdminClientTest : public BrokerTest {
 protected:
  // Runs `body` with an admin client, on the client's machine.
  void administer(std::function<void(Admin&, Instant deadline)> body) {
    start();
    talk([&](Caller& caller) {
      Admin admin{caller.world(), bootstrap()};
      body(admin, caller.world().now() + 30s);
    });
  }
  static client::ClusterOptions bootstrap() {
    client::ClusterOptions options;
    options.bootstrap = {{.host = "broker", .port = 9092}};
    return options;
  }
  static void create(Admin& admin, const std::string& name, std::int32_t partitions = 1) {
    const std::vector<client::NewTopic> topics{
        {.name = name, .partitions = partitions, .replication_factor = 1, .configs = {}}};
    const auto created = admin.create_topics(topics, admin.cluster().world().now() + 30s);
    ASSERT_TRUE(created) << created.error().to_string();
    ASSERT_TRUE(created->at(0).done()) << created->at(0).message;
  }
  // Appends "0", "1", ... to partition 0, with timestamps 1000, 2000, ...
  static void produce(Admin& admin, const std::string& topic, int count) {
    client::Producer producer{admin.cluster().world(), bootstrap(), {}};
    for (int index = 0; index < count; ++index) {
      const std::string value = std::to_string(index);
      const auto sent = producer.send_and_wait({.topic = topic,
                                                .partition = PartitionIndex{0},
                                                .timestamp_ms = 1000 * (index + 1),
                                                .key = std::nullopt,
                                                .value = as_bytes(value),
                                                .headers = {}});
      ASSERT_TRUE(sent) << sent.error().to_string();
    }
  }
  static std::vector<std::string> names(Admin& admin, Instant deadline) {
    const auto topics = admin.list_topics(deadline);
    EXPECT_TRUE(topics);
    std::vector<std::string> result;
    if (topics) {
      for (const auto& topic : *topics) result.push_back(topic.name);
    }
    return result;
  }
  static std::optional<std::string> config_of(Admin& admin, const std::string& topic, std::string_view key, Instant deadline) {
    const auto entries = admin.describe_configs(client::ConfigResource::topic, topic, deadline);
    EXPECT_TRUE(entries);
    if (!entries) return std::nullopt;
    const auto found = std::ranges::find(*entries, key, &client::ConfigEntry::name);
    return found == entries->end() ? std::nullopt : found->value;
  }
};

TEST_F(AdminClientTest, CreatesTopicsAndListsThem) {
  administer([](Admin& admin, Instant deadline) {
    const std::vector<client::NewTopic> topics{
        {.name = "orders", .partitions = 3, .replication_factor = 1, .configs = {{"retention.ms", "12345"}}},
        {.name = "bad name!", .partitions = 1, .replication_factor = 1, .configs = {}},
        {.name = "wide", .partitions = 1, .replication_factor = 2, .configs = {}}};
    const auto rehearsed = admin.create_topics(topics, deadline, true);
    ASSERT_TRUE(rehearsed);
    EXPECT_TRUE(names(admin, deadline).empty()) << "validated only";
    const auto created = admin.create_topics(topics, deadline);
    ASSERT_TRUE(created);
    ASSERT_EQ(created->size(), 3U);
    EXPECT_TRUE(created->at(0).done());
    EXPECT_EQ(created->at(1).code, ErrorCode::invalid_topic_exception);
    EXPECT_TRUE(created->at(1).message.contains("bad name!")) << created->at(1).message;
    EXPECT_EQ(created->at(2).code, ErrorCode::invalid_replication_factor);
    const auto again = admin.create_topics(std::span{topics}.first(1), deadline);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->at(0).code, ErrorCode::topic_already_exists);

    const auto listed = admin.list_topics(deadline);
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->size(), 1U);
    const client::TopicInfo& orders = listed->at(0);
    EXPECT_EQ(orders.name, "orders");
    EXPECT_FALSE(orders.id.is_zero());
    ASSERT_EQ(orders.partitions.size(), 3U);
    EXPECT_EQ(orders.partitions[2].index, PartitionIndex{2});
    EXPECT_EQ(orders.partitions[2].leader, NodeId{1});
    EXPECT_EQ(orders.partitions[2].in_sync_replicas, (std::vector<NodeId>{NodeId{1}}));
    EXPECT_EQ(config_of(admin, "orders", "retention.ms", deadline), "12345");
  });
}

TEST_F(AdminClientTest, DeletesTopicsAndSaysWhichItCouldNot) {
  administer([](Admin& admin, Instant deadline) {
    create(admin, "gone");
    create(admin, "kept");
    const std::vector<std::string> doomed{"gone", "never was"};
    const auto deleted = admin.delete_topics(doomed, deadline);
    ASSERT_TRUE(deleted);
    ASSERT_EQ(deleted->size(), 2U);
    EXPECT_EQ(deleted->at(0).name, "gone");
    EXPECT_TRUE(deleted->at(0).done());
    EXPECT_EQ(deleted->at(1).code, ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(names(admin, deadline), (std::vector<std::string>{"kept"}));
  });
}

TEST_F(AdminClientTest, AddsPartitionsAndNeverTakesAway) {
  administer([](Admin& admin, Instant deadline) {
    create(admin, "orders", 2);
    const auto grown = admin.create_partitions("orders", 5, deadline);
    ASSERT_TRUE(grown);
    EXPECT_TRUE(grown->done()) << grown->message;
    EXPECT_EQ(admin.list_topics(deadline)->at(0).partitions.size(), 5U);
    const auto shrunk = admin.create_partitions("orders", 3, deadline);
    ASSERT_TRUE(shrunk);
    EXPECT_EQ(shrunk->code, ErrorCode::invalid_partitions);
    const auto unknown = admin.create_partitions("nothing", 3, deadline);
    ASSERT_TRUE(unknown);
    EXPECT_EQ(unknown->code, ErrorCode::unknown_topic_or_partition);
  });
}

TEST_F(AdminClientTest, DescribesTheCluster) {
  administer([](Admin& admin, Instant deadline) {
    const auto described = admin.describe_cluster(deadline);
    ASSERT_TRUE(described);
    EXPECT_FALSE(described->cluster_id.empty());
    EXPECT_EQ(described->controller, NodeId{1});
    ASSERT_EQ(described->nodes.size(), 1U);
    EXPECT_EQ(described->nodes[0].id, NodeId{1});
    EXPECT_EQ(described->nodes[0].endpoint, (runtime::Endpoint{.host = "broker", .port = 9092}));
  });
}

TEST_F(AdminClientTest, DescribesConfigsOfTopicsAndOfTheBroker) {
  administer([](Admin& admin, Instant deadline) {
    create(admin, "orders");
    EXPECT_EQ(config_of(admin, "orders", "cleanup.policy", deadline), "delete");
    const auto broker = admin.describe_configs(client::ConfigResource::broker, "1", deadline);
    ASSERT_TRUE(broker);
    const auto dirs = std::ranges::find(*broker, "log.dirs", &client::ConfigEntry::name);
    ASSERT_NE(dirs, broker->end());
    EXPECT_EQ(dirs->value, "/data");
    EXPECT_TRUE(dirs->read_only);
    const auto unknown = admin.describe_configs(client::ConfigResource::topic, "nothing", deadline);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::unknown_topic_or_partition);
    const auto misnamed = admin.describe_configs(client::ConfigResource::broker, "one", deadline);
    ASSERT_FALSE(misnamed);
    EXPECT_EQ(misnamed.error().failure, client::Failure::invalid);
  });
}

TEST_F(AdminClientTest, AltersConfigsInEachOfTheFourWays) {
  administer([](Admin& admin, Instant deadline) {
    create(admin, "orders");
    struct Row {
      client::ConfigChange change;
      std::string now;
    };
    using client::AlterOperation;
    const std::vector<Row> rows{
        {{.name = "retention.ms", .operation = AlterOperation::set, .value = "777"}, "777"},
        {{.name = "retention.ms", .operation = AlterOperation::remove, .value = std::nullopt}, "604800000"},
        {{.name = "cleanup.policy", .operation = AlterOperation::append, .value = "compact"}, "delete,compact"},
        {{.name = "cleanup.policy", .operation = AlterOperation::subtract, .value = "delete"}, "compact"}};
    for (const Row& row : rows) {
      const auto rehearsed = admin.alter_configs(client::ConfigResource::topic, "orders", {&row.change, 1}, deadline, true);
      ASSERT_TRUE(rehearsed && rehearsed->done());
      EXPECT_NE(config_of(admin, "orders", row.change.name, deadline), row.now) << "validated only";
      const auto altered = admin.alter_configs(client::ConfigResource::topic, "orders", {&row.change, 1}, deadline);
      ASSERT_TRUE(altered);
      EXPECT_TRUE(altered->done()) << altered->message;
      EXPECT_EQ(config_of(admin, "orders", row.change.name, deadline), row.now);
    }
    const client::ConfigChange wrong{.name = "retention.ms", .operation = AlterOperation::set, .value = "soon"};
    const auto refused = admin.alter_configs(client::ConfigResource::topic, "orders", {&wrong, 1}, deadline);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, ErrorCode::invalid_config);
    EXPECT_TRUE(refused->message.contains("soon")) << refused->message;
  });
}

TEST_F(AdminClientTest, DescribesLogDirsWithTheirReplicas) {
  administer([](Admin& admin, Instant deadline) {
    create(admin, "orders", 2);
    produce(admin, "orders", 3);
    const auto dirs = admin.describe_log_dirs(NodeId{1}, deadline);
    ASSERT_TRUE(dirs);
    ASSERT_EQ(dirs->size(), 1U);
    EXPECT_EQ(dirs->at(0).path, "/data");
    EXPECT_EQ(dirs->at(0).code, ErrorCode::none);
    const auto& replicas = dirs->at(0).replicas;
    const auto size_of = [&](int partition) {
      const auto found = std::ranges::find_if(replicas, [&](const client::ReplicaDescription& replica) {
        return replica.partition.topic == "orders" && replica.partition.partition == PartitionIndex{partition};
      });
      return found == replicas.end() ? std::int64_t{-1} : found->size_bytes;
    };
    EXPECT_GT(size_of(0), 0);
    EXPECT_EQ(size_of(1), 0);
  });
}

TEST_F(AdminClientTest, DeletesRecordsAndListsOffsets) {
  administer([](Admin& admin, Instant deadline) {
    create(admin, "orders");
    produce(admin, "orders", 5);
    const client::TopicPartition orders{"orders", PartitionIndex{0}};
    EXPECT_EQ(admin.list_offset(orders, OffsetSpec::earliest(), deadline)->offset, Offset{0});
    EXPECT_EQ(admin.list_offset(orders, OffsetSpec::latest(), deadline)->offset, Offset{5});
    EXPECT_EQ(admin.list_offset(orders, OffsetSpec::max_timestamp(), deadline)->offset, Offset{4});
    EXPECT_EQ(admin.list_offset(orders, OffsetSpec::at_timestamp(2500), deadline)->offset, Offset{2});
    EXPECT_EQ(admin.list_offset(orders, OffsetSpec::at_timestamp(2500), deadline)->timestamp_ms, 3000);
    EXPECT_EQ(admin.list_offset(orders, OffsetSpec::at_timestamp(9999), deadline)->offset, no_offset);

    const auto cut = admin.delete_records(orders, Offset{2}, deadline);
    ASSERT_TRUE(cut) << cut.error().to_string();
    EXPECT_EQ(*cut, Offset{2});
    EXPECT_EQ(admin.list_offset(orders, OffsetSpec::earliest(), deadline)->offset, Offset{2});
    const auto beyond = admin.delete_records(orders, Offset{6}, deadline);
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code, ErrorCode::offset_out_of_range);
    const auto all = admin.delete_records(orders, Offset{-1}, deadline);
    ASSERT_TRUE(all);
    EXPECT_EQ(*all, Offset{5});
    EXPECT_FALSE(admin.list_offset({"orders", PartitionIndex{1}}, OffsetSpec::latest(), deadline));
  });
}

TEST_F(AdminClientTest, AsksAgainUntilTheBrokerIsBackOrTheTimeIsUp) {
  start();
  talk([&](Caller& caller) {
    Admin admin{caller.world(), bootstrap()};
    create(admin, "before");
    broker_node->crash();
    const Instant before = caller.world().now();
    const auto late = admin.describe_cluster(before + 2s);
    ASSERT_FALSE(late);
    EXPECT_LE(caller.world().now(), before + 2s);
    broker_node->restart();
    EXPECT_TRUE(admin.describe_cluster(caller.world().now() + 20s));
    admin.close();
    EXPECT_EQ(admin.describe_cluster(caller.world().now() + 20s).error().failure, client::Failure::closed);
  });
}

}  // namespace
}  // namespace squall::broker
