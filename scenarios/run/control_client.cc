#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "client/admin.h"
#include "client/consumer.h"
#include "client/producer.h"
#include "protocol/error_code.h"
#include "runtime/task.h"
#include "scenarios/run/reader.h"
#include "scenarios/run/workloads.h"

namespace squall::scenarios {
namespace {

constexpr Duration try_for = std::chrono::seconds{2};
constexpr Duration rest = std::chrono::milliseconds{50};

client::TopicPartition named(const PartitionHistory& history) { return {history.topic(), PartitionIndex{history.partition()}}; }

// What will not pass by trying again; that too few brokers are there, for a start, will.
bool is_final(protocol::ErrorCode code) {
  using enum protocol::ErrorCode;
  return code == invalid_config || code == invalid_topic_exception || code == invalid_partitions || code == policy_violation;
}

bool create_topic(RunContext& run, client::Admin& admin, const TopicPlan& topic, Instant deadline, std::string& why,
                  bool& refused) {
  const std::array wanted{client::NewTopic{
      .name = topic.name, .partitions = topic.partitions, .replication_factor = topic.replication, .configs = topic.config}};
  const auto outcomes = admin.create_topics(wanted, deadline);
  if (!outcomes) {
    why = outcomes.error().to_string();
    return false;
  }
  const client::Outcome& outcome = outcomes->front();
  if (!outcome.done() && outcome.code != protocol::ErrorCode::topic_already_exists) {
    why = "topic " + topic.name + ": " + outcome.message;
    if (is_final(outcome.code)) refused = true;
    return false;
  }
  run.checks.metadata().created(topic.name, topic.partitions);
  return true;
}

// One write and one read of it.
bool works(RunContext& run, runtime::World& world, client::Producer& producer, client::Consumer& consumer, PartitionId id,
           ClientId client, Instant deadline) {
  PartitionHistory& history = run.checks.history().partition(id);
  const client::TopicPartition partition = named(history);
  const std::int64_t now_ms = to_ms(world.wall_now());
  const RecordTag tag{.workload = probe_workload,
                      .client = client,
                      .partition = id,
                      .sequence = history.next_sequence(client, now_ms),
                      .timestamp_ms = now_ms};
  std::array<std::uint8_t, 64> payload{};
  write_payload(payload, tag);
  const Instant sent = run.now();
  const auto offset = producer.send_and_wait({.topic = partition.topic,
                                              .partition = partition.partition,
                                              .timestamp_ms = tag.timestamp_ms,
                                              .key = {},
                                              .value = ByteView{payload},
                                              .headers = {}});
  if (!offset) return false;
  run.checks.acked({.partition = id,
                    .client = client,
                    .first_sequence = tag.sequence,
                    .count = 1,
                    .base_offset = offset->value(),
                    .sent = sent,
                    .at = run.now(),
                    .probe = true});
  if (!consumer.seek(partition, *offset)) return false;
  while (world.now() < deadline) {
    const auto polled = consumer.poll(std::min(deadline, world.now() + try_for));
    if (!polled) {
      world.sleep_until(world.now() + rest);
      if (!consumer.seek(partition, *offset)) return false;
      continue;
    }
    for (const client::ConsumedRecord& record : *polled) {
      if (*record.partition == partition && record.record.offset == *offset) return true;
    }
  }
  return false;
}

void sweep_one(RunContext& run, runtime::World& world, client::Consumer& consumer, Reader& reader,
               const client::TopicPartition& partition, Offset end, Instant deadline) {
  while (world.now() < deadline) {
    const auto position = consumer.position(partition);
    if (position && *position >= end) return;
    const auto polled = consumer.poll(std::min(deadline, world.now() + try_for));
    if (polled) {
      reader.observe(*polled);
      continue;
    }
    if (polled.error().failure == client::Failure::corrupt) {
      ++run.checks.tally().corruption_detected;
      return;
    }
    if (polled.error().failure == client::Failure::out_of_range) {
      static_cast<void>(consumer.seek_to(partition, client::OffsetSpec::earliest(), deadline));
      reader.moved(partition);
    }
    world.sleep_until(world.now() + rest);
  }
}

// Deletion on purpose: what lies below the log start may be gone if the topic's retention or a request says so.
void allow_retention(RunContext& run, PartitionHistory& history, Offset log_start) {
  const auto topic = std::ranges::find(run.plan.topics, history.topic(), &TopicPlan::name);
  const auto bounded = [](const DrawnConfig& config) {
    return std::ranges::any_of(
        config, [](const auto& one) { return one.first.find("retention") != std::string::npos && one.second != "-1"; });
  };
  const bool retention =
      bounded(run.plan.config) || bounded(run.plan.broker_config) || (topic != run.plan.topics.end() && bounded(topic->config));
  if (retention) history.allow_deletion_below(log_start.value());
}

using Partitions = std::span<const PartitionId>;

void probe(RunContext& run, runtime::World& world, Partitions share, Instant deadline) {
  const ClientId id = run.next_client++;
  client::ProducerOptions producing;
  producing.idempotence = false;
  producing.linger = Duration{};
  producing.request_timeout = try_for;
  producing.delivery_timeout = try_for;
  producing.block_max = try_for;
  client::ConsumerOptions consuming;
  consuming.reset = client::OffsetReset::none;
  consuming.fetch_wait_max = std::chrono::milliseconds{100};
  consuming.request_timeout = try_for;
  client::Producer producer{world, run.cluster_options("probe", try_for), producing};
  client::Consumer consumer{world, run.cluster_options("probe", try_for), consuming};
  for (const PartitionId partition : share) {
    const std::array assigned{named(run.checks.history().partition(partition))};
    consumer.assign(assigned);
    bool worked = false;
    while (!worked && world.now() < deadline) {
      worked = works(run, world, producer, consumer, partition, id, std::min(deadline, world.now() + try_for));
      if (!worked) world.sleep_until(world.now() + rest);
    }
    const PartitionHistory& history = run.checks.history().partition(partition);
    if (worked) {
      run.checks.availability().works(history, run.now());
    } else {
      run.checks.availability().never_worked(history, run.now());
    }
  }
  consumer.close();
  producer.close(world.now() + try_for);
}

void sweep(RunContext& run, runtime::World& world, Partitions share, Instant deadline) {
  client::ConsumerOptions options;
  options.reset = client::OffsetReset::none;
  options.fetch_wait_max = std::chrono::milliseconds{10};
  options.poll_records_max = 100'000;
  options.request_timeout = try_for;
  client::Consumer consumer{world, run.cluster_options("sweep", try_for), options};
  client::Admin admin{world, run.cluster_options("sweep", try_for)};
  Reader reader{run, consumer, true};
  for (const PartitionId id : share) {
    PartitionHistory& history = run.checks.history().partition(id);
    const client::TopicPartition partition = named(history);
    const auto begin = admin.list_offset(partition, client::OffsetSpec::earliest(), deadline);
    const auto end = admin.list_offset(partition, client::OffsetSpec::latest(), deadline);
    if (!begin || !end) continue;  // then everything in it counts as gone
    allow_retention(run, history, begin->offset);
    reader.watch(partition, id);
    consumer.assign(std::array{partition});
    if (!consumer.seek(partition, begin->offset)) continue;
    sweep_one(run, world, consumer, reader, partition, end->offset, deadline);
  }
  admin.close();
  consumer.close();
}

// One client after the other for a few partitions; where there are thousands, several clients have their share each.
void share_out(RunContext& run, runtime::World& world, std::string_view name, const std::function<void(Partitions)>& body) {
  constexpr std::size_t least = 256;
  constexpr std::size_t clients_max = 64;
  const Partitions all{run.partitions};
  const std::size_t clients = std::clamp<std::size_t>(all.size() / least, 1, clients_max);
  if (clients == 1) return body(all);
  std::vector<runtime::Task<void>> tasks;
  for (std::size_t i = 0; i < clients; ++i) {
    const std::size_t from = all.size() * i / clients;
    const std::size_t to = all.size() * (i + 1) / clients;
    tasks.push_back(runtime::start_task(world, name, [&body, share = all.subspan(from, to - from)] { body(share); }));
  }
  for (runtime::Task<void>& task : tasks) static_cast<void>(task.join());
}

}  // namespace

bool create_declared_topics(RunContext& run, runtime::World& world, Instant deadline, std::string& why) {
  client::Admin admin{world, run.cluster_options("control", try_for)};
  bool refused = false;
  for (const TopicPlan& topic : run.plan.topics) {
    while (!create_topic(run, admin, topic, std::min(deadline, world.now() + try_for), why, refused)) {
      if (refused || world.now() >= deadline) return false;
      world.sleep_until(world.now() + rest);
    }
  }
  admin.close();
  return true;
}

void probe_partitions(RunContext& run, runtime::World& world, Instant deadline) {
  share_out(run, world, "probe", [&](Partitions share) { probe(run, world, share, deadline); });
}

void sweep_partitions(RunContext& run, runtime::World& world, Instant deadline) {
  share_out(run, world, "sweep", [&](Partitions share) { sweep(run, world, share, deadline); });
  client::Admin admin{world, run.cluster_options("sweep", try_for)};
  if (const auto listed = admin.list_topics(deadline)) {
    for (const TopicPlan& topic : run.plan.topics) {
      const auto found = std::ranges::find(*listed, topic.name, &client::TopicInfo::name);
      std::optional<std::int32_t> partitions;
      if (found != listed->end()) partitions = static_cast<std::int32_t>(found->partitions.size());
      run.checks.metadata().listed(topic.name, partitions, run.now());
    }
  }
  admin.close();
}

}  // namespace squall::scenarios
