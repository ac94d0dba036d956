#include "raft/quorum/voter_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace squall::raft {

VoterSet::VoterSet(std::vector<Voter> voters) {
  voters_.reserve(voters.size());
  for (Voter& voter : voters) {
    if (find(voter.key.id) == nullptr) voters_.push_back(std::move(voter));
  }
  std::ranges::sort(voters_, {}, [](const Voter& voter) { return voter.key.id; });
}

const Voter* VoterSet::find(NodeId id) const {
  const auto found = std::ranges::find(voters_, id, [](const Voter& voter) { return voter.key.id; });
  return found == voters_.end() ? nullptr : &*found;
}

bool VoterSet::is_voter(const ReplicaKey& key) const {
  const Voter* voter = find(key.id);
  return voter != nullptr && (!voter->key.has_directory() || voter->key.directory == key.directory);
}

std::optional<VoterSet> VoterSet::add(Voter voter) const {
  if (find(voter.key.id) != nullptr) return std::nullopt;
  auto voters = voters_;
  voters.push_back(std::move(voter));
  return VoterSet{std::move(voters)};
}

std::optional<VoterSet> VoterSet::remove(const ReplicaKey& key) const {
  if (!is_voter(key)) return std::nullopt;
  VoterSet result = *this;
  std::erase_if(result.voters_, [&](const Voter& voter) { return voter.key.id == key.id; });
  return result;
}

std::optional<VoterSet> VoterSet::update(Voter voter) const {
  if (!is_voter(voter.key)) return std::nullopt;
  VoterSet result = *this;
  const auto found = std::ranges::find(result.voters_, voter.key.id, [](const Voter& one) { return one.key.id; });
  *found = std::move(voter);
  return result;
}

std::string VoterSet::to_string() const {
  fmt::memory_buffer text;
  for (const Voter& voter : voters_) {
    if (text.size() != 0) text.push_back(',');
    fmt::format_to(std::back_inserter(text), "{}", voter.key.id);
    if (voter.key.has_directory()) fmt::format_to(std::back_inserter(text), ":{}", voter.key.directory.to_string());
  }
  return fmt::to_string(text);
}

}  // namespace squall::raft
