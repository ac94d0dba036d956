// The file `quorum-state` of Kafka: the election state as JSON (KIP-595, KIP-853). Pure text; the shell writes it to a
// temporary name, syncs, renames and syncs the directory. See docs/formats/quorum-state.md.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "raft/quorum/types.h"
#include "raft/quorum/voter_set.h"

namespace squall::raft {

inline constexpr std::string_view quorum_state_name = "quorum-state";

struct QuorumStateFile {
  ElectionState election{};
  std::int16_t data_version = 0;
  std::vector<NodeId> voters{};  // version 0 alone
  bool operator==(const QuorumStateFile&) const = default;
};

// Version 0 under static voters, which it lists, and which have no directory ids; version 1 after.
[[nodiscard]] std::string encode_quorum_state(const ElectionState& election, std::int16_t kraft_version,
                                              const VoterSet& voters);
// Or what is wrong, in words for an operator. Keys that are not known are passed over; a key that is there twice, that is
// missing, or whose value cannot be, is an error: half a file is no vote.
[[nodiscard]] std::expected<QuorumStateFile, std::string> parse_quorum_state(std::string_view text);

}  // namespace squall::raft
