// Replay of records that no decision of this controller makes, and of records that contradict the image.
#include <gtest/gtest.h>

#include "protocol/framing.h"
#include "raft/metadata/image_builder.h"
#include "raft/metadata/image_records.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {
namespace {

using Image = std::shared_ptr<const MetadataImage>;
using Records = std::vector<protocol::MetadataRecord>;

// Null if the records contradict the image.
Image replayed(const Image& base, const Records& records) {
  ImageBuilder builder{*base};
  Offset offset = base->end_offset;
  for (const auto& record : records) {
    if (!builder.replay(record, offset)) return nullptr;
    ++offset;
  }
  return builder.finish(offset);
}

const Image empty = std::make_shared<const MetadataImage>();

protocol::PartitionRecord partition_of(Uuid topic, std::int32_t index) {
  protocol::PartitionRecord record;
  record.topic_id = topic;
  record.partition_id = index;
  record.replicas = record.isr = {1};
  record.leader = 1;
  record.leader_epoch = record.partition_epoch = 0;
  return record;
}

TEST(Replay, RefusesWhatContradictsTheImage) {
  const Uuid id{1, 1};
  protocol::TopicRecord topic;
  topic.name = "t";
  topic.topic_id = id;
  protocol::PartitionChangeRecord change;
  change.topic_id = id;
  change.partition_id = 0;
  protocol::RemoveTopicRecord remove;
  remove.topic_id = id;
  protocol::BrokerRegistrationChangeRecord fence;
  fence.broker_id = 1;
  protocol::UnregisterBrokerRecord unregister;
  unregister.broker_id = 1;
  const protocol::BeginTransactionRecord begin;
  EXPECT_EQ(replayed(empty, {partition_of(id, 0)}), nullptr) << "a partition of no topic";
  EXPECT_EQ(replayed(empty, {topic, partition_of(id, 1)}), nullptr) << "a gap";
  EXPECT_EQ(replayed(empty, {topic, change}), nullptr) << "a change of no partition";
  EXPECT_EQ(replayed(empty, {topic, topic}), nullptr) << "a topic twice";
  EXPECT_EQ(replayed(empty, {remove}), nullptr) << "the end of no topic";
  EXPECT_EQ(replayed(empty, {fence}), nullptr) << "no such broker";
  EXPECT_EQ(replayed(empty, {unregister}), nullptr) << "no such broker";
  EXPECT_EQ(replayed(empty, {begin, begin}), nullptr) << "a transaction within one";
  EXPECT_EQ(replayed(empty, {protocol::EndTransactionRecord{}}), nullptr) << "the end of no transaction";
  EXPECT_NE(replayed(empty, {topic, partition_of(id, 0), partition_of(id, 1), change, remove}), nullptr);
}

TEST(Replay, LeavesTheOldImageAsItWas) {
  const Uuid id{1, 1};
  protocol::TopicRecord topic;
  topic.name = "t";
  topic.topic_id = id;
  const Image before = replayed(empty, {topic, partition_of(id, 0)});
  protocol::PartitionChangeRecord change;
  change.topic_id = id;
  change.partition_id = 0;
  change.leader = -1;
  const Image after = replayed(before, {change});
  EXPECT_EQ(before->find("t")->partition(0)->leader, NodeId{1});
  EXPECT_EQ(after->find("t")->partition(0)->leader, no_node);
  EXPECT_TRUE(difference(*before, *after).has_value());
}

TEST(Replay, KeepsCredentialsQuotasAndAccessControl) {
  protocol::UserScramCredentialRecord user;
  user.name = "alice";
  user.mechanism = 1;
  protocol::AccessControlEntryRecord entry;
  entry.id = Uuid{2, 2};
  protocol::ClientQuotaRecord quota;
  quota.entity.push_back({.entity_type = "user", .entity_name = "alice"});
  quota.entity.push_back({.entity_type = "client-id", .entity_name = std::nullopt});
  quota.key = "producer_byte_rate";
  quota.value = 100;
  protocol::DelegationTokenRecord token;
  token.token_id = "tok";
  const Image image = replayed(empty, {user, entry, quota, token});
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(image->scram.size(), 1U);
  EXPECT_EQ(image->access_control.size(), 1U);
  EXPECT_EQ(image->quotas.size(), 1U);
  EXPECT_EQ(image->delegation_tokens.size(), 1U);
  Records snapshot;
  visit_records(*image, [&](const protocol::MetadataRecord& record) { snapshot.push_back(record); });
  EXPECT_FALSE(difference(*replayed(empty, snapshot), *image));
  std::swap(quota.entity[0], quota.entity[1]);
  quota.remove = true;
  protocol::RemoveAccessControlEntryRecord no_entry;
  no_entry.id = entry.id;
  protocol::RemoveUserScramCredentialRecord no_user;
  no_user.name = "alice";
  no_user.mechanism = 1;
  protocol::RemoveDelegationTokenRecord no_token;
  no_token.token_id = "tok";
  const Image gone = replayed(image, {quota, no_entry, no_user, no_token});
  ASSERT_NE(gone, nullptr);
  EXPECT_TRUE(gone->quotas.empty()) << "an entity is one in any order of its parts";
  EXPECT_TRUE(gone->access_control.empty());
  EXPECT_TRUE(gone->scram.empty());
  EXPECT_TRUE(gone->delegation_tokens.empty());
}

TEST(Replay, AnAbortedTransactionNeverWas) {
  protocol::TopicRecord topic;
  topic.name = "t";
  topic.topic_id = Uuid{1, 1};
  const Image open = replayed(empty, {protocol::BeginTransactionRecord{}, topic});
  ASSERT_NE(open, nullptr);
  EXPECT_NE(open->find("t"), nullptr);
  EXPECT_EQ(open->before_transaction->find("t"), nullptr);
  EXPECT_EQ(replayed(open, {protocol::AbortTransactionRecord{}})->find("t"), nullptr);
  const Image ended = replayed(open, {protocol::EndTransactionRecord{}});
  EXPECT_NE(ended->find("t"), nullptr);
  EXPECT_EQ(ended->before_transaction, nullptr);
}

TEST(Replay, ClearingAllEligibleReplicasTouchesOnlyTopicsThatHaveAny) {
  Records records;
  for (const std::uint64_t id : {1U, 2U}) {
    protocol::TopicRecord topic;
    topic.name = "t" + std::to_string(id);
    topic.topic_id = Uuid{id, id};
    auto partition = partition_of(topic.topic_id, 0);
    if (id == 2) partition.last_known_elr = {{1}};
    records.insert(records.end(), {topic, partition});
  }
  ImageBuilder builder{*replayed(empty, records)};
  ASSERT_TRUE(builder.replay(protocol::ClearElrRecord{}, Offset{4}));
  EXPECT_EQ(builder.touched_topics(), std::vector<std::string>{"t2"});
}

// A snapshot of what is decided ends where the transaction begins, whatever came before it in the same batch.
TEST(Replay, WhatWasBeforeATransactionEndsWhereItBegins) {
  protocol::TopicRecord topic;
  topic.name = "t";
  topic.topic_id = Uuid{1, 1};
  const Image open = replayed(empty, {topic, protocol::BeginTransactionRecord{}, protocol::NoOpRecord{}});
  ASSERT_NE(open, nullptr);
  EXPECT_NE(open->before_transaction->find("t"), nullptr);
  EXPECT_EQ(open->before_transaction->end_offset, Offset{1});
}

TEST(RecordVersion, FollowsTheLevelOfMetadataVersion) {
  struct Row {
    std::int16_t level;
    std::int16_t register_broker;
    std::int16_t partition;
    std::int16_t registration_change;
  };
  const std::vector<Row> table{{7, 1, 0, 1},  {8, 2, 0, 1},  {16, 2, 0, 1}, {17, 3, 1, 2},
                               {22, 3, 1, 2}, {23, 3, 2, 2}, {29, 3, 2, 2}};
  for (const Row& row : table) {
    const MetadataVersion version{row.level};
    EXPECT_EQ(record_version(protocol::RegisterBrokerRecord{}, version), row.register_broker) << row.level;
    EXPECT_EQ(record_version(protocol::PartitionRecord{}, version), row.partition) << row.level;
    EXPECT_EQ(record_version(protocol::PartitionChangeRecord{}, version), row.partition) << row.level;
    EXPECT_EQ(record_version(protocol::BrokerRegistrationChangeRecord{}, version), row.registration_change) << row.level;
  }
}

}  // namespace
}  // namespace squall::raft
