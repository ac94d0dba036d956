// The words of the quorum: who a replica is, where a log ends, what a request is known by.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"
#include "base/uuid.h"

namespace squall::raft {

// A replica of the metadata log (KIP-853): a node and the directory that holds its log. A wiped disk has another directory
// and is another replica. A zero directory is "not stated": static voters, and peers older than KIP-853.
struct ReplicaKey {
  NodeId id = no_node;
  Uuid directory{};
  constexpr auto operator<=>(const ReplicaKey&) const = default;
  [[nodiscard]] constexpr bool has_directory() const { return !directory.is_zero(); }
};

// An offset and the epoch of the record before it. Ordered by epoch, then offset: which of two logs is more up to date
// (KIP-595). Also the id of a snapshot (KIP-630): it holds what lies below `offset`, the last of it written in `epoch`.
struct OffsetAndEpoch {
  LeaderEpoch epoch = no_epoch;
  Offset offset = no_offset;
  constexpr auto operator<=>(const OffsetAndEpoch&) const = default;
};

// The snapshot of a newly formatted node: bootstrap voters and feature levels; never replicated (KIP-853).
inline constexpr OffsetAndEpoch bootstrap_snapshot{LeaderEpoch{0}, Offset{0}};

// One listener of a node.
struct Endpoint {
  std::string name{};
  std::string host{};
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};
// The listeners of a node, the default one first. Empty: not known.
using Endpoints = std::vector<Endpoint>;

struct VersionRange {
  std::int16_t min = 0;
  std::int16_t max = 0;
  bool operator==(const VersionRange&) const = default;
  [[nodiscard]] bool contains(std::int16_t version) const { return min <= version && version <= max; }
};

inline constexpr std::int16_t static_voters_version = 0;   // kraft.version 0: voters come from the configuration
inline constexpr std::int16_t dynamic_voters_version = 1;  // kraft.version 1: voters come from the log (KIP-853)

// A request that the core sent; its response, or its failure, is told with the same id. 0 is none.
using RequestId = Strong<struct RequestIdTag, std::uint64_t>;
// A request that the core was given; its response carries the same token. The shell draws them.
using RequestToken = Strong<struct RequestTokenTag, std::uint64_t>;
// Records that the shell wants in the log.
using ProposalId = Strong<struct ProposalIdTag, std::uint64_t>;

inline constexpr RequestId no_request{0};

// What must survive a crash, as in Kafka's `quorum-state` file.
struct ElectionState {
  LeaderEpoch epoch{0};
  NodeId leader = no_node;
  ReplicaKey voted{};  // id no_node: no vote in this epoch
  bool operator==(const ElectionState&) const = default;
};

}  // namespace squall::raft
