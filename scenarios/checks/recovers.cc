#include "scenarios/checks/recovers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "scenarios/language/value.h"

namespace squall::scenarios {
namespace {

bool is_whole(const raft::PartitionImage& partition) {
  return partition.leader != no_node && !partition.is_reassigning() &&
         partition.in_sync_replicas.size() == partition.replicas.size();
}

}  // namespace

void Recovers::healed(std::vector<NodeId> brokers, std::vector<NodeId> damaged, Instant at) {
  healed_at_ = at;
  began_ = false;
  seen_ = nullptr;
  brokers_ = {brokers.begin(), brokers.end()};
  damaged_ = {damaged.begin(), damaged.end()};
}

bool Recovers::is_waited_for(const raft::PartitionImage& partition) const {
  return std::ranges::none_of(partition.replicas, [this](NodeId replica) { return damaged_.contains(replica); });
}

void Recovers::begin(const raft::MetadataImage& image) {
  began_ = true;
  partitions_.clear();
  for (const auto& [name, topic] : image.topics) {
    for (std::size_t index = 0; index < topic->partitions.size(); ++index) {
      const raft::PartitionImage& partition = topic->partitions[index];
      if (is_waited_for(partition)) partitions_.emplace(name, static_cast<std::int32_t>(index));
    }
  }
  count(partitions_.size() + brokers_.size());
}

void Recovers::look(const Image& image, Instant at) {
  if (!healed_at_ || image == nullptr || image == seen_ || recovered()) return;
  if (!began_) begin(*image);
  seen_ = image;
  std::erase_if(brokers_, [&](NodeId id) { return image->is_active(id); });
  std::erase_if(partitions_, [&](const PartitionName& name) {
    const auto topic = image->find(name.first);
    const raft::PartitionImage* partition = topic == nullptr ? nullptr : topic->partition(name.second);
    return partition == nullptr || is_whole(*partition) || !is_waited_for(*partition);
  });
  if (recovered()) took_ = at - *healed_at_;
}

std::string Recovers::stuck(const PartitionName& name) const {
  const auto topic = seen_->find(name.first);
  const raft::PartitionImage* partition = topic == nullptr ? nullptr : topic->partition(name.second);
  if (partition == nullptr) return fmt::format("{}/{}", name.first, name.second);
  return fmt::format("{}/{} has leader {} and ISR [{}] of replicas [{}]{}", name.first, name.second, partition->leader,
                     fmt::join(partition->in_sync_replicas, ", "), fmt::join(partition->replicas, ", "),
                     partition->is_reassigning() ? " and is being reassigned" : "");
}

void Recovers::out_of_time(Instant at) {
  if (!healed_at_ || recovered()) return;
  const std::string after = show_quantity((at - *healed_at_).count(), Unit::duration);
  if (!began_) return violated(at, fmt::format("{} after the heal no node has any metadata", after));
  for (const NodeId id : brokers_) {
    const raft::BrokerImage* known = seen_->brokers.get(id);
    violated(at, fmt::format("{} after the heal broker {} is {}", after, id,
                             known == nullptr ? "not registered"
                             : known->fenced  ? "still fenced"
                                              : "in controlled shutdown"));
  }
  if (partitions_.empty()) return;
  const std::string others = partitions_.size() == 1 ? "" : fmt::format(" ({} partitions in all)", partitions_.size());
  violated(at, fmt::format("{} after the heal {}{}", after, stuck(*partitions_.begin()), others));
}

void Recovers::lags(std::string_view node, Offset end, Offset others, Instant at) {
  count();
  violated(at, fmt::format("{} has followed the metadata up to {}, others up to {}", node, end, others));
}

}  // namespace squall::scenarios
