#include "raft/controller/placement.h"

#include <map>

#include "base/assert.h"

namespace squall::raft {
namespace {

void shuffle(std::vector<std::int32_t>& ids, Random& random) {
  for (std::size_t i = ids.size(); i > 1; --i) {
    const auto other = static_cast<std::size_t>(random.below(i));
    std::swap(ids[i - 1], ids[other]);
  }
}

}  // namespace

ReplicaPlacer::ReplicaPlacer(const MetadataImage& image, Random& random) : random_{random.next()} {
  std::map<std::optional<std::string>, Rack> racks;
  for (const auto& [id, broker] : image.brokers) {
    if (broker.in_controlled_shutdown) continue;
    Rack& rack = racks[broker.rack];
    (broker.fenced ? rack.fenced : rack.unfenced).push_back(id.value());
    ++brokers_;
  }
  for (auto& [name, rack] : racks) {
    shuffle(rack.unfenced, random_);
    shuffle(rack.fenced, random_);
    if (!rack.unfenced.empty()) leading_racks_.push_back(racks_.size());
    racks_.push_back(std::move(rack));
  }
  if (!leading_racks_.empty()) next_rack_ = static_cast<std::size_t>(random_.below(leading_racks_.size()));
}

std::vector<std::int32_t> ReplicaPlacer::place(std::size_t factor) {
  SQUALL_ASSERT(factor > 0 && factor <= brokers_ && !all_fenced(), "the replicas can be placed");
  for (Rack& rack : racks_) rack.taken = rack.taken_fenced = 0;
  std::vector<std::int32_t> replicas;
  const std::size_t first = leading_racks_[next_rack_];
  const auto take_unfenced = [&](Rack& rack) {
    if (rack.taken == rack.unfenced.size()) return;
    replicas.push_back(rack.unfenced[(rack.turn + rack.taken) % rack.unfenced.size()]);
    ++rack.taken;
  };
  // Round by round over the racks from the first on: unfenced brokers while there are any, then fenced ones.
  while (replicas.size() < factor) {
    const std::size_t before = replicas.size();
    for (std::size_t i = 0; i < racks_.size() && replicas.size() < factor; ++i) {
      take_unfenced(racks_[(first + i) % racks_.size()]);
    }
    if (replicas.size() > before) continue;
    for (std::size_t i = 0; i < racks_.size() && replicas.size() < factor; ++i) {
      Rack& rack = racks_[(first + i) % racks_.size()];
      if (rack.taken_fenced < rack.fenced.size()) replicas.push_back(rack.fenced[rack.taken_fenced++]);
    }
  }
  // Who took part moves on, so that the followers of a rack's brokers change too.
  for (Rack& rack : racks_) {
    if (rack.taken > 0) rack.turn = (rack.turn + 1) % rack.unfenced.size();
  }
  next_rack_ = (next_rack_ + 1) % leading_racks_.size();
  return replicas;
}

}  // namespace squall::raft
