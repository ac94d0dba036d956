// Thousands of random operations with failing brokers. After each step the image is well formed, epochs only grow, and records
// can be written in the version of their level; at the end, replaying all records, or those of a snapshot, gives the same
// image; losing the leadership at any time gives the image of the high watermark.
#include "protocol/framing.h"
#include "raft/metadata/image_records.h"
#include "tests/raft/controller/fixture.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;

constexpr std::int32_t brokers = 6;

// The image of everything in `log`, from nothing.
std::shared_ptr<const MetadataImage> from_scratch(const Records& log) {
  ImageBuilder builder{MetadataImage{}};
  Offset offset{0};
  for (const auto& record : log) {
    EXPECT_TRUE(builder.replay(record, offset));
    ++offset;
  }
  return builder.finish(offset);
}

// The image of a snapshot of `image`.
std::shared_ptr<const MetadataImage> from_snapshot(const MetadataImage& image) {
  ImageBuilder builder{MetadataImage{}};
  visit_records(image, [&](const protocol::MetadataRecord& record) { EXPECT_TRUE(builder.replay(record, Offset{0})); });
  return builder.finish(image.end_offset);
}

class Chaos {
 public:
  Chaos(std::uint64_t seed, const Features& features) : random_{seed}, cluster_{features} {
    cluster_.start_brokers(brokers);
    cluster_.hold_commits = true;
  }

  void step() {
    cluster_.pass(std::chrono::milliseconds{static_cast<std::int64_t>(random_.below(600))});
    const auto before = cluster_.controller.image();
    act();
    if (random_.chance(1, 3)) commit();
    if (random_.chance(1, 60)) fail_over();
    cluster_.tick();
    // Silent brokers are those that `down_` says; the others beat.
    for (std::int32_t id = 0; id < brokers; ++id) {
      if (!down_.contains(id) && random_.chance(1, 2)) beat(id);
    }
    const auto wrong = wrong_with(*cluster_.controller.image());
    ASSERT_FALSE(wrong) << *wrong;
  }

  void finish() {
    const MetadataImage& image = *cluster_.controller.image();
    ASSERT_FALSE(difference(*from_scratch(cluster_.log), image));
    ASSERT_FALSE(difference(*from_snapshot(image), image));
    for (std::size_t i = 0; i < cluster_.log.size(); ++i) {
      ByteBuffer bytes;
      protocol::Writer writer{bytes};
      ASSERT_TRUE(protocol::encode_metadata_record(writer, cluster_.by_version[i], cluster_.log[i]).has_value());
      const auto read = protocol::decode_metadata_record(bytes);
      ASSERT_TRUE(read.has_value());
      ASSERT_TRUE(*read == cluster_.log[i]);
    }
    // Healing: all brokers come back, and everything has a leader again.
    down_.clear();
    for (int round = 0; round < 6; ++round) {
      cluster_.pass(std::chrono::seconds{1});
      for (std::int32_t id = 0; id < brokers; ++id) beat(id);
    }
    for (const auto& [name, topic] : cluster_.controller.image()->topics) {
      for (const PartitionImage& partition : topic->partitions) EXPECT_NE(partition.leader, no_node) << name << told(partition);
    }
  }

  [[nodiscard]] std::size_t records() const { return cluster_.log.size(); }
  [[nodiscard]] int failovers() const { return failovers_; }

 private:
  void act() {
    switch (random_.below(13)) {
      case 0: return create();
      case 1: return remove();
      case 2:
      case 3:
      case 4: return alter_isr();
      case 5: return elect();
      case 6:
      case 7: return reassign();
      case 8: return stop();
      case 9: return restart();
      case 10: return shut_down();
      case 11: return unregister();
      default: return grow();
    }
  }

  std::int32_t any_broker() { return static_cast<std::int32_t>(random_.below(brokers)); }
  MetadataImage::Topic any_topic() {
    const auto& topics = cluster_.controller.image()->topics;
    if (topics.empty()) return nullptr;
    auto at = topics.begin();
    for (std::uint64_t skip = random_.below(topics.size()); skip > 0; --skip) ++at;
    return at->second;
  }
  std::int32_t any_partition(const TopicImage& topic) {
    return static_cast<std::int32_t>(random_.below(topic.partitions.size()));
  }

  void create() {
    if (cluster_.controller.image()->topics.size() > 12) return;
    protocol::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "t" + std::to_string(random_.below(1000));
    topic.num_partitions = static_cast<std::int32_t>(1 + random_.below(12));
    topic.replication_factor = static_cast<std::int16_t>(1 + random_.below(4));
    topic.configs.push_back({.name = "min.insync.replicas", .value = std::to_string(1 + random_.below(3))});
    if (random_.chance(1, 4)) topic.configs.push_back({.name = "unclean.leader.election.enable", .value = "true"});
    cluster_.submit(request);
  }
  void remove() {
    const auto topic = any_topic();
    if (topic == nullptr || !random_.chance(1, 3)) return;
    protocol::DeleteTopicsRequest request;
    request.topics.emplace_back().name = topic->name;
    cluster_.submit(request);
  }
  void grow() {
    const auto topic = any_topic();
    if (topic == nullptr || topic->partitions.size() > 40) return;
    protocol::CreatePartitionsRequest request;
    const auto count = static_cast<std::int32_t>(topic->partitions.size() + random_.below(3));
    request.topics.push_back({.name = topic->name, .count = count, .assignments = std::nullopt});
    cluster_.submit(request);
  }
  // The leader of some partitions wants any of their replicas in sync.
  void alter_isr() {
    for (int i = 0; i < 5; ++i) {
      const auto topic = any_topic();
      if (topic == nullptr) return;
      const std::int32_t index = any_partition(*topic);
      const PartitionImage partition = *cluster_.controller.image()->find(topic->name)->partition(index);
      if (partition.leader == no_node) continue;
      std::vector<std::int32_t> isr{partition.leader.value()};
      for (const NodeId node : partition.replicas) {
        if (node != partition.leader && random_.chance(3, 4)) isr.push_back(node.value());
      }
      auto request = cluster_.alter(topic->name, isr);
      auto& wanted = request.topics[0].partitions[0];
      request.broker_id = partition.leader.value();
      request.broker_epoch = cluster_.epoch_of(request.broker_id);
      wanted.partition_index = index;
      wanted.leader_epoch = partition.leader_epoch.value();
      wanted.partition_epoch = partition.partition_epoch - (random_.chance(1, 10) ? 1 : 0);
      cluster_.submit(request);
    }
  }
  void elect() {
    protocol::ElectLeadersRequest request;
    request.election_type = static_cast<std::int8_t>(random_.below(2));
    request.topic_partitions.reset();
    cluster_.submit(request);
  }
  void reassign() {
    const auto topic = any_topic();
    if (topic == nullptr) return;
    protocol::AlterPartitionReassignmentsRequest request;
    auto& wanted = request.topics.emplace_back();
    wanted.name = topic->name;
    auto& partition = wanted.partitions.emplace_back();
    partition.partition_index = any_partition(*topic);
    if (random_.chance(2, 3)) {
      std::set<std::int32_t> target;
      const std::uint64_t factor = 1 + random_.below(4);
      while (target.size() < factor) target.insert(any_broker());
      partition.replicas.emplace(target.begin(), target.end());
      if (random_.chance(1, 2)) std::ranges::reverse(*partition.replicas);
    }
    cluster_.submit(request);
  }
  void stop() {
    if (down_.size() < brokers - 1) down_.insert(any_broker());
  }
  // A broker comes back as another incarnation, after a clean shutdown or not.
  void restart() {
    if (down_.empty()) return;
    const std::int32_t id = *down_.begin();
    const bool clean = random_.chance(1, 2);
    const auto answer = cluster_.register_broker(id, ++incarnation_, clean ? cluster_.epoch_of(id) : -1);
    if (code(answer.error_code) == ErrorCode::none) down_.erase(id);
  }
  void shut_down() {
    const std::int32_t id = any_broker();
    if (down_.contains(id) || down_.size() >= brokers - 1) return;
    if (cluster_.heartbeat(id, false, true).should_shut_down) down_.insert(id);
  }
  void unregister() {
    if (down_.empty() || !random_.chance(1, 4)) return;
    protocol::UnregisterBrokerRequest request;
    request.broker_id = *down_.begin();
    cluster_.submit(request);
  }
  void beat(std::int32_t id) {
    const BrokerImage* broker = cluster_.controller.image()->brokers.get(NodeId{id});
    if (broker == nullptr) {
      cluster_.register_broker(id, ++incarnation_);
      return;
    }
    if (broker->in_controlled_shutdown) {
      // It goes on until it may stop, and comes back at once.
      if (cluster_.heartbeat(id, false, true).should_shut_down) {
        cluster_.register_broker(id, ++incarnation_, cluster_.epoch_of(id));
      }
      return;
    }
    cluster_.heartbeat(id);
  }

  void commit() {
    const Offset committed = cluster_.controller.committed_image()->end_offset;
    const std::int64_t ahead = cluster_.controller.image()->end_offset - committed;
    cluster_.controller.committed(committed + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(ahead) + 1)));
  }
  void fail_over() {
    ++failovers_;
    cluster_.controller.resign();
    const auto image = cluster_.controller.image();
    ASSERT_EQ(image, cluster_.controller.committed_image());
    cluster_.log.resize(static_cast<std::size_t>(image->end_offset.value()));
    cluster_.by_version.resize(cluster_.log.size());
    ASSERT_FALSE(difference(*from_scratch(cluster_.log), *image)) << "what is left is what the high watermark says";
    cluster_.take(cluster_.controller.become_active(LeaderEpoch{++epoch_}, cluster_.now));
  }

  Random random_;
  Cluster cluster_;
  std::set<std::int32_t> down_;
  std::uint64_t incarnation_ = 10;
  std::int32_t epoch_ = 1;
  int failovers_ = 0;
};

TEST(RandomOperations, KeepTheInvariants) {
  std::size_t records = 0;
  int failovers = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Chaos chaos{seed, seed % 2 == 0 ? elr_features : plain_features};
    for (int i = 0; i < 400; ++i) {
      chaos.step();
      if (testing::Test::HasFatalFailure()) return;
    }
    chaos.finish();
    if (testing::Test::HasFatalFailure()) return;
    records += chaos.records();
    failovers += chaos.failovers();
  }
  EXPECT_GT(records, 30'000U) << "something has happened";
  EXPECT_GT(failovers, 200);
}

}  // namespace
}  // namespace squall::raft
