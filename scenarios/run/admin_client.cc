#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "client/admin.h"
#include "protocol/error_code.h"
#include "scenarios/run/workloads.h"

namespace squall::scenarios {
namespace {

// Makes, changes and deletes topics of its own, named after its workload and node, so that it alone knows what they must be.
class AdminClient {
 public:
  AdminClient(RunContext& run, ClientNode& node, runtime::World& world)
      : run_{run},
        world_{world},
        plan_{run.plan.workloads[node.workload]},
        random_{world.fork_random("workload")},
        prefix_{fmt::format("{}-{}-{}", plan_.topic, node.number + 1, node.incarnations)},
        replication_{static_cast<std::int16_t>(std::min<std::int64_t>(3, run.plan.broker_count()))},
        admin_{world, run.cluster_options(node.node->name(), plan_.request_timeout)} {}

  void run() {
    while (run_.sending && run_.now() < run_.begun + plan_.start) pause(std::chrono::milliseconds{500});
    while (run_.sending && !(plan_.stop && run_.now() >= run_.begun + *plan_.stop)) {
      // In pieces, to notice the end.
      const Instant next = world_.now() + random_.exponential(Duration{plan_.interval_ns});
      while (run_.sending && world_.now() < next) {
        world_.sleep_until(std::min(next, world_.now() + std::chrono::milliseconds{500}));
      }
      if (!run_.sending) break;
      do_one(plan_.operations[random_.below(plan_.operations.size())]);
    }
    // What is still there must be what was acknowledged.
    if (run_.plan.is_cluster()) wait_for_the_news();
    for (int attempt = 0; attempt < 20 && !describe(); ++attempt) pause(std::chrono::milliseconds{250});
    admin_.close();
  }

 private:
  struct Owned {
    std::string name;
    std::int32_t partitions = 1;
    std::optional<std::string> retention;  // the last acknowledged retention.ms
    bool retention_unsure = false;         // a change of it may still take effect at any time
  };

  void do_one(AdminOperation operation) {
    switch (operation) {
      case AdminOperation::create_topic: return create();
      case AdminOperation::delete_topic: return remove();
      case AdminOperation::add_partitions: return grow();
      case AdminOperation::delete_records: return delete_records();
      case AdminOperation::alter_config: return alter();
      case AdminOperation::describe: static_cast<void>(describe()); return;
      case AdminOperation::list_offsets: return list_offsets();
      case AdminOperation::reassign: return reassign();
      case AdminOperation::elect_leader: return elect_leader();
      case AdminOperation::recreate_topic: return recreate();
    }
  }

  [[nodiscard]] Instant deadline() const { return world_.now() + plan_.request_timeout; }
  void pause(Duration duration) { world_.sleep_until(world_.now() + duration); }
  void succeeded() { ++run_.checks.tally().operations; }
  void failed() { ++run_.checks.tally().client_errors; }

  void create() {
    if (topics_.size() >= static_cast<std::size_t>(plan_.topics)) return remove();
    make(fmt::format("{}-{}", prefix_, ++made_));
  }

  // Tells what became of a change of a topic. An answer to a request that was sent once is the answer to that one.
  void tell(const std::string& name, TopicChange change, const client::Result<std::vector<client::Outcome>>& outcomes,
            Instant begun) {
    MetadataLinearizable& check = *run_.checks.cluster().linearizable;
    const auto refusal = change == TopicChange::create ? protocol::ErrorCode::topic_already_exists
                                                       : protocol::ErrorCode::unknown_topic_or_partition;
    const bool done = outcomes && outcomes->size() == 1 && outcomes->front().done();
    const bool refused = outcomes && outcomes->size() == 1 && outcomes->front().code == refusal;
    if (admin_.sendings() != 1 || !outcomes) {
      check.unanswered(name, change);
      unanswered_.emplace(name, change);
    }
    if (done) check.done(name, change, run_.now());
    if (refused) check.refused(name, change, begun, run_.now());
  }

  // Whether it was done, by this sending or by one before it. A request that was sent once and is refused was judged by a
  // controller that was deposed without knowing it: what is true the next listing says.
  [[nodiscard]] bool took_effect(const client::Result<std::vector<client::Outcome>>& outcomes,
                                 protocol::ErrorCode refusal) const {
    if (!outcomes || outcomes->size() != 1) return false;
    return outcomes->front().done() || (admin_.sendings() > 1 && outcomes->front().code == refusal);
  }

  void make(const std::string& name) {
    const auto partitions = static_cast<std::int32_t>(1 + random_.below(4));
    run_.checks.metadata().uncertain(name);
    const std::array topics{
        client::NewTopic{.name = name, .partitions = partitions, .replication_factor = replication_, .configs = {}}};
    const Instant begun = run_.now();
    const auto outcomes = admin_.create_topics(topics, deadline());
    tell(name, TopicChange::create, outcomes, begun);
    // A retry after a lost answer finds the topic that the first try made: it is ours either way.
    if (!took_effect(outcomes, protocol::ErrorCode::topic_already_exists)) {
      unknown_.push_back(name);
      return failed();
    }
    if (!may_come_late(name, TopicChange::remove)) run_.checks.metadata().created(name, partitions);
    topics_.push_back({.name = name, .partitions = partitions, .retention = std::nullopt});
    succeeded();
  }

  // A sending that got no answer may wait somewhere, in the buffers of a dead process or of a broker that forwards it, and be
  // carried out after a change that was acknowledged since.
  [[nodiscard]] bool may_come_late(const std::string& name, TopicChange change) const {
    return unanswered_.contains({name, change});
  }

  // Makes a topic that was deleted once more, or tries to make one that is there.
  void recreate() {
    if (!gone_.empty() && (topics_.empty() || random_.below(2) == 0)) {
      const auto chosen = gone_.begin() + static_cast<std::ptrdiff_t>(random_.below(gone_.size()));
      const std::string name = *chosen;
      gone_.erase(chosen);
      return make(name);
    }
    if (topics_.empty()) return;
    Owned& topic = topics_[random_.below(topics_.size())];
    const std::array again{client::NewTopic{
        .name = topic.name, .partitions = topic.partitions, .replication_factor = replication_, .configs = {}}};
    const Instant begun = run_.now();
    const auto outcomes = admin_.create_topics(again, deadline());
    tell(topic.name, TopicChange::create, outcomes, begun);
    if (!outcomes || outcomes->front().done()) {  // a deletion whose answer got lost had taken effect
      topic.retention.reset();
      run_.checks.metadata().config_uncertain(topic.name, "retention.ms");
    }
    outcomes ? succeeded() : failed();
  }

  void remove() {
    if (topics_.empty()) return;
    const std::size_t at = random_.below(topics_.size());
    const std::string name = topics_[at].name;
    topics_.erase(topics_.begin() + static_cast<std::ptrdiff_t>(at));
    run_.checks.metadata().uncertain(name);
    run_.checks.metadata().config_uncertain(name, "retention.ms");
    const std::array names{name};
    const Instant begun = run_.now();
    const auto outcomes = admin_.delete_topics(names, deadline());
    tell(name, TopicChange::remove, outcomes, begun);
    if (!took_effect(outcomes, protocol::ErrorCode::unknown_topic_or_partition)) {
      unknown_.push_back(name);
      return failed();
    }
    if (may_come_late(name, TopicChange::create)) {
      unknown_.push_back(name);
    } else {
      run_.checks.metadata().deleted(name);
      gone_.push_back(name);
    }
    succeeded();
  }

  void grow() {
    if (topics_.empty()) return;
    Owned& topic = topics_[random_.below(topics_.size())];
    const std::int32_t total = topic.partitions + 1;
    run_.checks.metadata().uncertain(topic.name);
    const auto outcome = admin_.create_partitions(topic.name, total, deadline());
    if (!outcome || !outcome->done()) return failed();  // the next listing says how many there are
    topic.partitions = total;
    if (!may_come_late(topic.name, TopicChange::remove)) run_.checks.metadata().created(topic.name, total);
    succeeded();
  }

  void alter() {
    if (topics_.empty()) return;
    Owned& topic = topics_[random_.below(topics_.size())];
    const std::string value = fmt::format("{}", 3'600'000 + random_.below(1'000'000));
    topic.retention.reset();
    run_.checks.metadata().config_uncertain(topic.name, "retention.ms");
    const std::array changes{client::ConfigChange{"retention.ms", client::AlterOperation::set, value}};
    const auto outcome = admin_.alter_configs(client::ConfigResource::topic, topic.name, changes, deadline());
    const bool done = outcome && outcome->done();
    if (!done || admin_.sendings() != 1) topic.retention_unsure = true;
    if (!done) return failed();
    if (!topic.retention_unsure) {
      topic.retention = value;
      run_.checks.metadata().configured(topic.name, "retention.ms", value);
    }
    succeeded();
  }

  // A partition of the declared topic that the prefix names.
  [[nodiscard]] std::optional<PartitionId> declared_partition() {
    std::vector<PartitionId> candidates;
    for (const PartitionId id : run_.partitions) {
      if (run_.checks.history().partition(id).topic() == plan_.topic) candidates.push_back(id);
    }
    if (candidates.empty()) return std::nullopt;
    return candidates[random_.below(candidates.size())];
  }

  void delete_records() {
    const auto chosen = declared_partition();
    if (!chosen) return;
    PartitionHistory& history = run_.checks.history().partition(*chosen);
    const std::int64_t low = history.deletable_below();
    if (history.end() <= low) return;
    const std::int64_t before =
        low + 1 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(history.end() - low)));
    history.allow_deletion_below(before);
    const client::TopicPartition partition{history.topic(), PartitionIndex{history.partition()}};
    const auto start = admin_.delete_records(partition, Offset{before}, deadline());
    if (start) {
      history.note_deleted_below(run_.now(), start->value());
      succeeded();
    } else {
      failed();
    }
  }

  [[nodiscard]] client::TopicPartition named(PartitionId id) const {
    const PartitionHistory& history = run_.checks.history().partition(id);
    return {history.topic(), PartitionIndex{history.partition()}};
  }

  // Moves a partition of the declared topic to drawn brokers, as many as it has replicas; now and then calls a move off.
  void reassign() {
    const auto chosen = declared_partition();
    if (!chosen) return;
    std::vector<NodeId> brokers;
    for (const ServerPlan& server : run_.plan.servers) {
      if (server.is_broker) brokers.push_back(server.id);
    }
    const auto wanted = static_cast<std::size_t>(run_.plan.replication_of(plan_.topic));
    for (std::size_t at = 0; at < wanted; ++at) std::swap(brokers[at], brokers[at + random_.below(brokers.size() - at)]);
    brokers.resize(wanted);
    const bool call_off = random_.below(8) == 0;
    const auto outcome = admin_.reassign(named(*chosen), call_off ? std::nullopt : std::optional{brokers}, deadline());
    const bool done = outcome && (outcome->done() || outcome->code == protocol::ErrorCode::no_reassignment_in_progress);
    done ? succeeded() : failed();
  }

  void elect_leader() {
    const auto chosen = declared_partition();
    if (!chosen) return;
    const auto outcome = admin_.elect_preferred_leader(named(*chosen), deadline());
    const bool done = outcome && (outcome->done() || outcome->code == protocol::ErrorCode::election_not_needed);
    done ? succeeded() : failed();
  }

  // A time of which the answer is worth knowing: mostly that of some record, or one beside it.
  [[nodiscard]] std::int64_t time_to_look_up(const PartitionHistory& history) {
    const std::int64_t now_ms = to_ms(world_.wall_now());
    const std::uint64_t kind = random_.below(10);
    if (kind == 0) return 0;
    if (kind == 1) return now_ms + 60'000;
    const std::int64_t low = std::min(history.deletable_below(), history.end() - 1);
    const Slot* slot =
        history.slot(low + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(history.end() - low))));
    if (slot == nullptr || !slot->known()) return now_ms;
    const std::int64_t sent_ms = history.timestamp_ms(slot->client, slot->sequence);
    return std::max<std::int64_t>(0, kind < 7 ? sent_ms : kind < 9 ? sent_ms + 1 : sent_ms - 1);
  }

  void list_offsets() {
    const auto chosen = declared_partition();
    if (!chosen) return;
    const PartitionHistory& history = run_.checks.history().partition(*chosen);
    if (history.end() == 0) return;
    TimeLookup lookup{.partition = *chosen,
                      .wanted_ms = time_to_look_up(history),
                      .generation = history.generation(),
                      .begun = run_.now(),
                      .create_time = run_.plan.keeps_create_time(plan_.topic)};
    const client::TopicPartition partition{history.topic(), PartitionIndex{history.partition()}};
    const auto before = admin_.list_offset(partition, client::OffsetSpec::earliest(), deadline());
    if (!before) return failed();
    const auto found = admin_.list_offset(partition, client::OffsetSpec::at_timestamp(lookup.wanted_ms), deadline());
    if (!found) return failed();
    const auto after = admin_.list_offset(partition, client::OffsetSpec::earliest(), deadline());
    if (!after) return failed();
    lookup.offset = found->offset.value();
    lookup.timestamp_ms = found->timestamp_ms;
    lookup.start_before = before->offset.value();
    lookup.start_after = after->offset.value();
    lookup.at = run_.now();
    run_.checks.looked_up(lookup);
    succeeded();
  }

  // Until every broker knows what the controller had written when the last change was done: a broker that was frozen or cut
  // off until the heal answers at once, from the metadata that it had before.
  void wait_for_the_news() {
    constexpr Duration patience = std::chrono::seconds{20};
    const Instant limit = world_.now() + patience;
    std::optional<Offset> end;
    while (world_.now() < limit) {
      if (!end) end = run_.metadata_written();
      if (end && run_.brokers_have_heard(*end)) return;
      pause(std::chrono::milliseconds{50});
    }
  }

  // Compares what the cluster lists with what was acknowledged. False if it did not answer. A broker among several may not
  // have heard of a change yet: there, what it lists is compared at the end.
  [[nodiscard]] bool describe() {
    const auto listed = admin_.list_topics(deadline());
    if (!listed) {
      failed();
      return false;
    }
    if (run_.plan.is_cluster() && run_.sending) {
      succeeded();
      return true;
    }
    const auto compare = [&](const std::string& name) -> std::optional<std::int32_t> {
      const auto found = std::ranges::find(*listed, name, &client::TopicInfo::name);
      std::optional<std::int32_t> partitions;
      if (found != listed->end()) partitions = static_cast<std::int32_t>(found->partitions.size());
      run_.checks.metadata().listed(name, partitions, run_.now());
      return partitions;
    };
    for (Owned& topic : topics_) topic.partitions = compare(topic.name).value_or(topic.partitions);
    for (const std::string& name : gone_) static_cast<void>(compare(name));
    for (const std::string& name : std::exchange(unknown_, {})) {
      if (const auto partitions = compare(name)) {
        topics_.push_back({.name = name, .partitions = *partitions, .retention = std::nullopt});
      } else {
        gone_.push_back(name);
      }
    }
    succeeded();
    return compare_configs();
  }

  [[nodiscard]] bool compare_configs() {
    for (const Owned& topic : topics_) {
      if (!topic.retention) continue;
      const auto entries = admin_.describe_configs(client::ConfigResource::topic, topic.name, deadline());
      if (!entries) return false;
      const auto found = std::ranges::find(*entries, "retention.ms", &client::ConfigEntry::name);
      const std::string value = found != entries->end() && found->value ? *found->value : "nothing";
      run_.checks.metadata().config_seen(topic.name, "retention.ms", *topic.retention, value, run_.now());
    }
    return true;
  }

  RunContext& run_;
  runtime::World& world_;
  const WorkloadPlan& plan_;
  Random random_;
  std::string prefix_;
  std::int16_t replication_;  // of its own topics
  std::vector<Owned> topics_;
  std::vector<std::string> gone_;
  std::vector<std::string> unknown_;
  std::set<std::pair<std::string, TopicChange>> unanswered_;
  std::uint64_t made_ = 0;
  client::Admin admin_;
};

}  // namespace

void run_admin(RunContext& run, ClientNode& client, runtime::World& world) {
  AdminClient admin{run, client, world};
  admin.run();
}

}  // namespace squall::scenarios
