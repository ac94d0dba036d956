// The controller at scale: 100,000 partitions of three replicas on six brokers, in 100 topics.
//
// Expected, before the first run, on one core at -O2 or more:
//
//  - making them all: under 1 s (10 us a partition: placement, records, replay)
//  - fencing one broker (it leads a sixth and follows in a third): under 200 ms, 4 us a partition
//  - the image: under 400 bytes a partition; keeping the image before a failover costs only what the failover changes
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <map>

#include "base/assert.h"
#include "tests/raft/controller/fixture.h"

namespace squall::raft {
namespace {

constexpr std::int32_t brokers = 6;
constexpr int topics = 100;
constexpr std::int32_t partitions = 1000;

double heap_bytes() { return static_cast<double>(mallinfo2().uordblks); }

// A cluster that keeps no log of its own.
struct Scale {
  Scale() : controller{test_settings(), schema, bootstrap_records(plain_features, schema), Random{7}} {
    take(controller.become_active(LeaderEpoch{1}, now));
    for (std::int32_t id = 0; id < brokers; ++id) {
      protocol::BrokerRegistrationRequest request;
      request.broker_id = id;
      request.cluster_id = test_cluster;
      request.incarnation_id = Uuid{1, static_cast<std::uint64_t>(id)};
      request.listeners.push_back({.name = "PLAINTEXT", .host = "b", .port = 9092, .security_protocol = 0});
      request.features.push_back({.name = "metadata.version", .min_supported_version = 7, .max_supported_version = 29});
      request.log_dirs = {Uuid{500, static_cast<std::uint64_t>(id)}};
      take(controller.submit(request, now).records);
      heartbeat(id, false);
    }
  }
  void take(const Records& records) {
    if (records.empty()) return;
    const bool replayed = controller.replay(records, controller.image()->end_offset);
    SQUALL_ASSERT(replayed, "decisions agree with the image");
    controller.committed(controller.image()->end_offset);
  }
  void create_all() {
    for (int i = 0; i < topics; ++i) {
      protocol::CreateTopicsRequest request;
      auto& topic = request.topics.emplace_back();
      topic.name = "topic" + std::to_string(i);
      topic.num_partitions = partitions;
      topic.replication_factor = 3;
      take(controller.submit(request, now).records);
    }
  }
  std::size_t heartbeat(std::int32_t id, bool want_fence) {
    protocol::BrokerHeartbeatRequest request;
    request.broker_id = id;
    request.broker_epoch = controller.image()->brokers.get(NodeId{id})->epoch;
    request.current_metadata_offset = controller.image()->end_offset.value();
    request.want_fence = want_fence;
    const auto decision = controller.submit(request, now);
    take(decision.records);
    return decision.records.size();
  }

  TestSchema schema;
  Controller controller;
  Instant now{std::chrono::seconds{100}};
};

void create_100000_partitions(benchmark::State& state) {
  double bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const double before = heap_bytes();
    auto scale = std::make_unique<Scale>();
    state.ResumeTiming();
    scale->create_all();
    state.PauseTiming();
    malloc_trim(0);
    bytes = heap_bytes() - before;
    scale.reset();
    state.ResumeTiming();
  }
  state.counters["bytes_per_partition"] = bytes / (topics * partitions);
}
BENCHMARK(create_100000_partitions)->Unit(benchmark::kMillisecond);

void fence_one_of_six_brokers(benchmark::State& state) {
  Scale scale;
  scale.create_all();
  const auto whole = scale.controller.image();
  double moved = 0;
  double bytes = 0;
  for (auto _ : state) {
    const double before = heap_bytes();
    moved = static_cast<double>(scale.heartbeat(0, true));
    bytes = heap_bytes() - before;
    state.PauseTiming();
    SQUALL_ASSERT(!scale.controller.image()->index.any(PartitionRole::leads, NodeId{0}), "all leaderships moved");
    SQUALL_ASSERT(!wrong_with(*scale.controller.image()), "the image is well formed");
    scale.controller.resign();
    scale.controller.load_snapshot([&] {
      MetadataImage again = *whole;
      again.end_offset = scale.controller.image()->end_offset;
      return std::make_shared<const MetadataImage>(std::move(again));
    }());
    scale.take(scale.controller.become_active(LeaderEpoch{2}, scale.now));
    state.ResumeTiming();
  }
  state.counters["changed_partitions"] = moved;
  state.counters["bytes_per_change"] = bytes / moved;
}
BENCHMARK(fence_one_of_six_brokers)->Unit(benchmark::kMillisecond);

void change_one_isr_among_100000_partitions(benchmark::State& state) {
  Scale scale;
  scale.create_all();
  const auto topic = scale.controller.image()->find("topic7");
  std::size_t next = 0;
  for (auto _ : state) {
    const auto index = static_cast<std::int32_t>(next++ % static_cast<std::size_t>(partitions));
    const PartitionImage& partition = *scale.controller.image()->find("topic7")->partition(index);
    protocol::AlterPartitionRequest request;
    request.broker_id = partition.leader.value();
    request.broker_epoch = scale.controller.image()->brokers.get(partition.leader)->epoch;
    auto& data = request.topics.emplace_back();
    data.topic_id = topic->id;
    auto& wanted = data.partitions.emplace_back();
    wanted.partition_index = index;
    wanted.leader_epoch = partition.leader_epoch.value();
    wanted.partition_epoch = partition.partition_epoch;
    const bool shrink = partition.in_sync_replicas.size() == 3;
    for (const NodeId node : partition.replicas) {
      if (!shrink || node != partition.replicas[2]) wanted.new_isr_with_epochs.push_back({node.value(), -1});
    }
    scale.take(scale.controller.submit(request, scale.now).records);
  }
}
BENCHMARK(change_one_isr_among_100000_partitions)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace squall::raft

BENCHMARK_MAIN();
