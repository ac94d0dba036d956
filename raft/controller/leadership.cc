#include "raft/controller/leadership.h"

#include <algorithm>

#include "base/assert.h"

namespace squall::raft {
namespace {

template <class Wanted>
void leave(const DecisionContext& context, PartitionRole role, NodeId broker, bool unclean, Wanted wanted, Records& records) {
  const MetadataImage& image = context.image;
  ElectionRules rules{image, context.schema};
  image.index.for_each(role, broker, [&](PartitionKey key) {
    const PartitionImage& partition = *image.find(key);
    if (!wanted(partition)) return;
    rules.look_up(key.topic);
    PartitionChange change{image, key, rules.min_isr()};
    change.isr(without(partition.in_sync_replicas, broker)).not_led_by(broker).elect(rules.election());
    if (unclean) change.unclean_shutdown_of(broker);
    if (auto record = change.build()) records.emplace_back(std::move(*record));
  });
}

constexpr auto all = [](const PartitionImage&) { return true; };

}  // namespace

void ElectionRules::look_up(Uuid topic) {
  if (topic == topic_) return;
  topic_ = topic;
  const MetadataImage::Topic image = image_.find(topic);
  SQUALL_ASSERT(image != nullptr, "the topic exists");
  min_isr_ = min_in_sync_replicas(schema_, image_, image->name);
  unclean_ = unclean_election_enabled(schema_, image_, image->name);
}

void remove_from_in_sync(const DecisionContext& context, NodeId broker, Records& records) {
  leave(context, PartitionRole::in_sync, broker, false, all, records);
}

void remove_from_in_sync(const DecisionContext& context, NodeId broker, const std::vector<Uuid>& directories,
                         Records& records) {
  const auto failed = [&](const PartitionImage& partition) {
    const Uuid directory = partition.directory_of(broker).value_or(Uuid{});
    return !directory.is_zero() && std::ranges::find(directories, directory) != directories.end();
  };
  leave(context, PartitionRole::in_sync, broker, false, failed, records);
}

void remove_after_unclean_shutdown(const DecisionContext& context, NodeId broker, Records& records) {
  leave(context, PartitionRole::in_sync, broker, true, all, records);
  leave(context, PartitionRole::eligible, broker, true, all, records);
}

void offer_leadership(const DecisionContext& context, NodeId broker, Records& records) {
  const MetadataImage& image = context.image;
  ElectionRules rules{image, context.schema};
  image.index.for_each(PartitionRole::leads, no_node, [&](PartitionKey key) {
    rules.look_up(key.topic);
    PartitionChange change{image, key, rules.min_isr()};
    if (auto record = change.may_be_led_by(broker).elect(rules.election()).build()) records.emplace_back(std::move(*record));
  });
}

}  // namespace squall::raft
