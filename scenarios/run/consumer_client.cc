#include "client/consumer.h"
#include "scenarios/run/reader.h"
#include "scenarios/run/workloads.h"

namespace squall::scenarios {
namespace {

constexpr Duration poll_for = std::chrono::milliseconds{500};

class ConsumerClient {
 public:
  ConsumerClient(RunContext& run, ClientNode& node, runtime::World& world)
      : run_{run},
        world_{world},
        plan_{run.plan.workloads[node.workload]},
        random_{world.fork_random("workload")},
        consumer_{world, run.cluster_options(node.node->name(), plan_.request_timeout), options()},
        reader_{run, consumer_, false} {
    for (const TopicPlan& topic : run_.plan.topics) {
      if (topic.name != plan_.topic) continue;
      for (std::int32_t index = 0; index < topic.partitions; ++index) {
        if (static_cast<std::size_t>(index) % plan_.clients != node.number) continue;
        partitions_.push_back({topic.name, PartitionIndex{index}});
        reader_.watch(partitions_.back(), run_.checks.history().partition_id(topic.name, index));
      }
    }
  }

  void run() {
    if (partitions_.empty()) return;
    while (!run_.stopping && run_.now() < run_.begun + plan_.start) world_.sleep_until(world_.now() + poll_for);
    consumer_.assign(partitions_);
    for (const auto& partition : partitions_) move(partition, plan_.from_earliest);
    while (!run_.stopping && !(plan_.stop && run_.now() >= run_.begun + *plan_.stop)) {
      if (random_.chance(static_cast<std::uint64_t>(plan_.rewind.draw(random_)), probability_certain)) {
        move(partitions_[random_.below(partitions_.size())], true);
      }
      const auto polled = consumer_.poll(world_.now() + poll_for);
      if (polled) {
        reader_.observe(*polled);
      } else {
        recover(polled.error());
      }
      if (const Duration pause = plan_.think.draw_duration(random_); pause.count() > 0) {
        world_.sleep_until(world_.now() + pause);
      }
    }
    consumer_.close();
  }

 private:
  [[nodiscard]] client::ConsumerOptions options() const {
    client::ConsumerOptions options;
    options.reset = client::OffsetReset::none;
    options.fetch_wait_max = plan_.max_wait;
    options.fetch_bytes_min = static_cast<std::int32_t>(plan_.min_bytes);
    options.partition_bytes_max = static_cast<std::int32_t>(plan_.max_bytes);
    options.poll_records_max = 100'000;
    options.request_timeout = plan_.request_timeout;
    return options;
  }

  // Seeks to the log start or the log end, trying until that works or the run ends.
  void move(const client::TopicPartition& partition, bool earliest) {
    (void)seek(partition, earliest);
    reader_.moved(partition);
  }

  // False: the run has ended.
  [[nodiscard]] bool seek(const client::TopicPartition& partition, bool earliest) {
    const auto where = earliest ? client::OffsetSpec::earliest() : client::OffsetSpec::latest();
    while (!run_.stopping) {
      if (consumer_.seek_to(partition, where, world_.now() + std::chrono::seconds{2})) return true;
      ++run_.checks.tally().client_errors;
      world_.sleep_until(world_.now() + std::chrono::milliseconds{100});
    }
    return false;
  }

  void recover(const client::Error& error) {
    ++run_.checks.tally().client_errors;
    const client::TopicPartition* failed = consumer_.failed_partition();
    if (failed == nullptr) {
      world_.sleep_until(world_.now() + std::chrono::milliseconds{100});
      return;
    }
    const client::TopicPartition partition = *failed;
    if (error.failure == client::Failure::out_of_range) {
      if (seek(partition, true)) reader_.thrown_out(partition);
    } else if (error.failure == client::Failure::corrupt) {
      // The damage was noticed, as it must be. It stays where it is: go on behind it.
      ++run_.checks.tally().corruption_detected;
      move(partition, false);
    } else {
      world_.sleep_until(world_.now() + std::chrono::milliseconds{100});
    }
  }

  RunContext& run_;
  runtime::World& world_;
  const WorkloadPlan& plan_;
  Random random_;
  std::vector<client::TopicPartition> partitions_;
  client::Consumer consumer_;
  Reader reader_;
};

}  // namespace

void run_consumer(RunContext& run, ClientNode& client, runtime::World& world) {
  ConsumerClient consumer{run, client, world};
  consumer.run();
}

}  // namespace squall::scenarios
