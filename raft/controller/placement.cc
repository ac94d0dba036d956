#include "raft/controller/placement.h"

#include <map>

#include "base/assert.h"

namespace squall::raft {
namespace {

template <class Element>
void shuffle(std::vector<Element>& elements, Random& random) {
  for (std::size_t i = elements.size(); i > 1; --i) {
    const auto other = static_cast<std::size_t>(random.below(i));
    std::swap(elements[i - 1], elements[other]);
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
    unfenced_ += rack.unfenced.size();
    racks_.push_back(std::move(rack));
  }
  shuffle_all();
  if (!leading_racks_.empty()) next_rack_ = static_cast<std::size_t>(random_.below(leading_racks_.size()));
}

void ReplicaPlacer::shuffle_all() {
  shuffle(racks_, random_);
  leading_racks_.clear();
  for (std::size_t i = 0; i < racks_.size(); ++i) {
    shuffle(racks_[i].unfenced, random_);
    shuffle(racks_[i].fenced, random_);
    if (!racks_[i].unfenced.empty()) leading_racks_.push_back(i);
  }
  placed_ = 0;
}

std::vector<std::int32_t> ReplicaPlacer::place(std::size_t factor) {
  SQUALL_ASSERT(factor > 0 && factor <= brokers_ && !all_fenced(), "the replicas can be placed");
  // The same turns again would give all that a broker leads to one other when it fails.
  if (placed_ == unfenced_) shuffle_all();
  for (Rack& rack : racks_) rack.taken = rack.taken_fenced = 0;
  std::vector<std::int32_t> replicas;
  const std::size_t first = leading_racks_[next_rack_];
  const auto take_unfenced = [&](Rack& rack) {
    if (rack.taken == rack.unfenced.size()) return;
    const std::size_t turn = &rack == &racks_[first] ? rack.leading_turn : rack.following_turn;
    replicas.push_back(rack.unfenced[(turn + rack.taken) % rack.unfenced.size()]);
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
  // Leaders and followers of a rack take turns by themselves: a rack that leads every second partition has all its brokers
  // lead.
  for (Rack& rack : racks_) {
    if (rack.taken == 0) continue;
    std::size_t& turn = &rack == &racks_[first] ? rack.leading_turn : rack.following_turn;
    turn = (turn + 1) % rack.unfenced.size();
  }
  ++placed_;
  next_rack_ = (next_rack_ + 1) % leading_racks_.size();
  return replicas;
}

}  // namespace squall::raft
