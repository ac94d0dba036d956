#include <algorithm>

#include "raft/quorum/roles.h"

namespace squall::raft {

Tally::Tally(const VoterSet& voters) {
  votes_.reserve(voters.size());
  for (const Voter& voter : voters.voters()) votes_.emplace_back(voter.key, Vote::unknown);
}

void Tally::record(NodeId id, bool granted) {
  const auto found = std::ranges::find(votes_, id, [](const auto& vote) { return vote.first.id; });
  if (found != votes_.end() && found->second == Vote::unknown) found->second = granted ? Vote::granted : Vote::rejected;
}

std::vector<ReplicaKey> Tally::granting() const {
  std::vector<ReplicaKey> keys;
  for (const auto& [key, vote] : votes_) {
    if (vote == Vote::granted) keys.push_back(key);
  }
  return keys;
}

std::size_t Tally::count(Vote vote) const {
  return static_cast<std::size_t>(std::ranges::count(votes_, vote, [](const auto& one) { return one.second; }));
}

}  // namespace squall::raft
