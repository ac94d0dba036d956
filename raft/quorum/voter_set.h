// Who votes (KIP-853). Values: a change makes a new set.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "raft/quorum/types.h"

namespace squall::raft {

struct Voter {
  ReplicaKey key{};
  Endpoints endpoints{};
  VersionRange kraft_versions{};
  bool operator==(const Voter&) const = default;
};

// Invariant: ordered by id, each id once.
class VoterSet {
 public:
  VoterSet() = default;
  // Later ones of the same id are dropped.
  explicit VoterSet(std::vector<Voter> voters);

  [[nodiscard]] std::span<const Voter> voters() const { return voters_; }
  [[nodiscard]] std::size_t size() const { return voters_.size(); }
  [[nodiscard]] bool empty() const { return voters_.empty(); }
  // How many voters are more than half.
  [[nodiscard]] std::size_t majority() const { return voters_.size() / 2 + 1; }
  [[nodiscard]] const Voter* find(NodeId id) const;
  // A voter without a directory is any replica of that node; one with a directory is that replica alone.
  [[nodiscard]] bool is_voter(const ReplicaKey& key) const;
  [[nodiscard]] bool is_only_voter(const ReplicaKey& key) const { return size() == 1 && is_voter(key); }

  // Nullopt: the id votes already.
  [[nodiscard]] std::optional<VoterSet> add(Voter voter) const;
  // Nullopt: that replica does not vote. The result may be empty.
  [[nodiscard]] std::optional<VoterSet> remove(const ReplicaKey& key) const;
  // Nullopt: that replica does not vote.
  [[nodiscard]] std::optional<VoterSet> update(Voter voter) const;

  // "1:dir,2:dir,3"
  [[nodiscard]] std::string to_string() const;

  bool operator==(const VoterSet&) const = default;

 private:
  std::vector<Voter> voters_{};
};

// Sets are shared between a history and its readers; they never change.
using VoterSetPtr = std::shared_ptr<const VoterSet>;

}  // namespace squall::raft
