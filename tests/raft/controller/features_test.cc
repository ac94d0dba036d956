// Feature levels (KIP-584), activation, metadata transactions (KIP-868), and what happens when leadership is lost.
#include "tests/raft/controller/fixture.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;
using std::chrono::milliseconds;

constexpr std::int8_t upgrade = 1;
constexpr std::int8_t safe = 2;
constexpr std::int8_t unsafe = 3;

ErrorCode update(Cluster& cluster, const std::string& feature, std::int16_t level, std::int8_t type, bool validate = false) {
  protocol::UpdateFeaturesRequest request;
  request.feature_updates.push_back(
      {.feature = feature, .max_version_level = level, .allow_downgrade = false, .upgrade_type = type});
  request.validate_only = validate;
  return code(cluster.submit(request).error_code);
}

TEST(UpdateFeatures, Table) {
  struct Row {
    const char* why;
    const char* feature;
    std::int16_t level;
    std::int8_t type;
    ErrorCode error;
  };
  const auto refused = ErrorCode::invalid_update_version;
  const std::vector<Row> table{
      {"one up", "metadata.version", 24, upgrade, ErrorCode::none},
      {"beyond what there is", "metadata.version", 30, upgrade, refused},
      {"below what there is", "metadata.version", 6, safe, refused},
      {"down without saying so", "metadata.version", 21, upgrade, refused},
      {"down over a change of records (23)", "metadata.version", 22, safe, refused},
      {"down over no change", "metadata.version", 23, safe, ErrorCode::none},
      {"down at any cost", "metadata.version", 23, unsafe, refused},
      {"up, called a downgrade", "metadata.version", 25, safe, refused},
      {"a feature nobody knows", "nope", 1, upgrade, refused},
      {"of no known type", "group.version", 1, 4, refused},
      {"another feature", "group.version", 1, upgrade, ErrorCode::none},
      {"another feature off", "group.version", 0, upgrade, ErrorCode::none},
      {"kraft.version, by the quorum", "kraft.version", 1, upgrade, ErrorCode::none},
  };
  for (const Row& row : table) {
    Cluster cluster{{{"metadata.version", 24}}};
    cluster.start_brokers(1);
    EXPECT_EQ(update(cluster, row.feature, row.level, row.type), row.error) << row.why;
    const bool kraft = std::string_view{row.feature} == "kraft.version";
    EXPECT_EQ(cluster.controller.take_kraft_version().has_value(), kraft);
    if (row.error == ErrorCode::none && !kraft) {
      EXPECT_EQ(cluster.controller.image()->feature(row.feature), row.level);
    }
  }
}

TEST(UpdateFeatures, AllOrNothing) {
  Cluster cluster{{{"metadata.version", 24}}};
  protocol::UpdateFeaturesRequest request;
  request.feature_updates.push_back({.feature = "group.version", .max_version_level = 1});
  request.feature_updates.push_back({.feature = "nope", .max_version_level = 1});
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::invalid_update_version);
  EXPECT_EQ(cluster.controller.image()->feature("group.version"), 0);
}

TEST(UpdateFeatures, OfOneRequestMayDependOnEachOther) {
  Cluster cluster{{{"metadata.version", 21}}};
  EXPECT_EQ(update(cluster, "eligible.leader.replicas.version", 1, upgrade), ErrorCode::invalid_update_version);
  protocol::UpdateFeaturesRequest request;
  request.feature_updates.push_back({.feature = "eligible.leader.replicas.version", .max_version_level = 1});
  request.feature_updates.push_back({.feature = "metadata.version", .max_version_level = 29});
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::none);
  EXPECT_EQ(cluster.controller.image()->feature("metadata.version"), 29);
  EXPECT_EQ(cluster.controller.image()->feature("eligible.leader.replicas.version"), 1);
}

TEST(UpdateFeatures, EligibleLeaderReplicasPinTheMinimumForAllBrokers) {
  Cluster cluster;
  cluster.start_brokers(1);
  protocol::IncrementalAlterConfigsRequest request;
  auto& wanted = request.resources.emplace_back();
  wanted.resource_type = 4;
  wanted.resource_name = "0";
  wanted.configs.push_back({.name = "min.insync.replicas", .config_operation = 0, .value = "2"});
  cluster.submit(request);
  EXPECT_EQ(update(cluster, "eligible.leader.replicas.version", 1, upgrade), ErrorCode::none);
  const MetadataImage& image = *cluster.controller.image();
  EXPECT_TRUE(image.config_of(ConfigResource::broker, "0").empty());
  EXPECT_EQ(image.config_of(ConfigResource::broker, "").at("min.insync.replicas"), "1");
}

TEST(Activation, OfAnEmptyLogWritesTheBootstrapRecordsOnce) {
  Cluster cluster{elr_features};
  EXPECT_EQ(cluster.controller.image()->feature("metadata.version"), 29);
  EXPECT_EQ(cluster.controller.image()->feature("eligible.leader.replicas.version"), 1);
  cluster.controller.resign();
  EXPECT_TRUE(cluster.controller.become_active(LeaderEpoch{2}, cluster.now).empty());
}

TEST(Activation, AbortsTheTransactionOfAPredecessor) {
  Cluster cluster;
  cluster.start_brokers(1);
  cluster.controller.resign();
  const auto before = cluster.controller.image();
  protocol::TopicRecord topic;
  topic.name = "half";
  topic.topic_id = Uuid{4, 4};
  cluster.take({protocol::BeginTransactionRecord{}, topic});
  EXPECT_EQ(cluster.controller.published_image()->find("half"), nullptr);
  const Records records = cluster.controller.become_active(LeaderEpoch{2}, cluster.now);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<protocol::AbortTransactionRecord>(records[0]));
  cluster.take(records);
  EXPECT_EQ(cluster.controller.image()->find("half"), nullptr);
  EXPECT_EQ(cluster.controller.image()->topics.size(), before->topics.size());
}

TEST(Transactions, HoldWhatIsTooMuchForOneBatch) {
  Cluster cluster;
  cluster.start_brokers(1);
  protocol::DeleteTopicsRequest request;
  for (int i = 0; i < 10'001; ++i) {
    const std::string name = "t" + std::to_string(i);
    cluster.create(name, {{0}});
    request.topics.emplace_back().name = name;
  }
  const auto decision = cluster.controller.submit(request, cluster.now);
  EXPECT_FALSE(decision.atomic) << "the batches make sense only together, which the transaction sees to";
  EXPECT_TRUE(std::holds_alternative<protocol::BeginTransactionRecord>(decision.records.front()));
  EXPECT_TRUE(std::holds_alternative<protocol::EndTransactionRecord>(decision.records.back()));
  cluster.take(decision.records);
  EXPECT_TRUE(cluster.controller.image()->topics.empty());
  EXPECT_FALSE(wrong_with(*cluster.controller.image()));
}

TEST(LostLeadership, TakesBackWhatWasNotCommitted) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("kept", {{0, 1}});
  const auto before = cluster.controller.image();
  cluster.hold_commits = true;
  cluster.create("lost", {{0}});
  cluster.fence(0);
  EXPECT_EQ(cluster.controller.committed_image(), before);
  cluster.controller.resign();
  EXPECT_EQ(cluster.controller.image(), before);
  EXPECT_EQ(told(cluster.partition("kept")), "leader 0 isr[0,1] replicas[0,1]");
}

TEST(LostLeadership, KeepsWhatTheHighWatermarkReached) {
  Cluster cluster;
  cluster.start_brokers(1);
  cluster.hold_commits = true;
  cluster.create("one", {{0}});
  const Offset after_one = cluster.controller.image()->end_offset;
  cluster.create("two", {{0}});
  cluster.controller.committed(after_one + 1);
  cluster.controller.resign();
  EXPECT_NE(cluster.controller.image()->find("one"), nullptr);
  EXPECT_EQ(cluster.controller.image()->find("two"), nullptr);
  EXPECT_EQ(cluster.controller.image()->end_offset, after_one);
}

TEST(Idleness, ANoOpIsWrittenHalfASecondAfterTheLastRecord) {
  Cluster cluster;
  cluster.pass(milliseconds{400});
  cluster.start_brokers(1);
  cluster.pass(milliseconds{400});
  EXPECT_EQ(cluster.tick(), 0U);
  cluster.pass(milliseconds{100});
  EXPECT_EQ(cluster.tick(), 1U);
  EXPECT_TRUE(std::holds_alternative<protocol::NoOpRecord>(cluster.log.back()));
}

TEST(Standby, HasNoDeadline) {
  Cluster cluster;
  EXPECT_NE(cluster.controller.next_deadline(), end_of_time);
  cluster.controller.resign();
  EXPECT_EQ(cluster.controller.next_deadline(), end_of_time);
}

}  // namespace
}  // namespace squall::raft
