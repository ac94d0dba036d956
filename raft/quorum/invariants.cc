// What holds after every step, and a state as text.
#include <fmt/format.h>

#include <iterator>

#include "base/assert.h"
#include "raft/quorum/quorum.h"

namespace squall::raft {

void Quorum::check_invariants() const {
  log_.check_invariants();
  SQUALL_ASSERT(high_watermark_ <= log_.end(), "what is committed is in the log");
  SQUALL_ASSERT(log_.last().epoch <= epoch_, "no record is of a later epoch than ours");
  SQUALL_ASSERT(persisted_ == election_state(), "the election state on disk is the one we act by");
  SQUALL_ASSERT(voters_.sets.last().offset < log_.end() && voters_.versions.last().offset < log_.end(),
                "voters come from the log");
  for (const Requests::Peer& peer : requests_.peers()) SQUALL_ASSERT(peer.id != config_.local.id, "nobody asks itself");

  if (const auto* leader = std::get_if<Leader>(&role_)) {
    SQUALL_ASSERT(leader->epoch_start < log_.end() && log_.last().epoch == epoch_, "a leader begins its epoch with a record");
    SQUALL_ASSERT(leader->high_watermark == no_offset || leader->high_watermark > leader->epoch_start,
                  "a leader commits a record of its own epoch first");
    SQUALL_ASSERT(leader->high_watermark <= high_watermark_, "a leader knows what it commits");
    if (leader->high_watermark != no_offset) {
      int uncommitted = 0;
      for (const auto& entry : voters_.sets.entries()) uncommitted += entry.offset >= leader->high_watermark ? 1 : 0;
      SQUALL_ASSERT(uncommitted <= 1, "one change of voters at a time");
    }
  } else if (const auto* candidate = std::get_if<Candidate>(&role_)) {
    SQUALL_ASSERT(!candidate->votes.won(), "an elected candidate leads");
  } else if (const auto* follower = std::get_if<Follower>(&role_)) {
    SQUALL_ASSERT(follower->leader != config_.local.id && follower->leader != no_node, "a follower has a leader");
  } else if (const auto* unattached = std::get_if<Unattached>(&role_)) {
    SQUALL_ASSERT(unattached->leader != config_.local.id, "who led is resigned, not unattached");
  }
}

namespace {

using Text = std::back_insert_iterator<fmt::memory_buffer>;

void tell(Text out, const Tally& votes) {
  for (const auto& [key, vote] : votes.votes()) fmt::format_to(out, " {}{}", key.id, "?+-"[static_cast<int>(vote)]);
}
void tell(Text out, const Unattached& role) { fmt::format_to(out, " leader {}", role.leader); }
void tell(Text out, const Prospective& role) {
  fmt::format_to(out, " leader {}", role.leader);
  tell(out, role.votes);
}
void tell(Text out, const Candidate& role) { tell(out, role.votes); }
void tell(Text out, const Leader& role) {
  fmt::format_to(out, " from {} committed {}", role.epoch_start, role.high_watermark);
  for (const Replica& one : role.replicas) fmt::format_to(out, " {}@{}", one.key.id, one.end);
  for (const ParkedFetch& one : role.parked) fmt::format_to(out, " parked {}/{}", one.offset, one.high_watermark);
  if (role.operation) {
    fmt::format_to(out, " {} {} at {}", role.operation->is_add ? "adds" : "removes", role.operation->voter.key.id,
                   role.operation->offset);
  }
  for (const Voter& one : role.told) fmt::format_to(out, " told {}", one.key.id);
}
void tell(Text out, const Follower& role) {
  fmt::format_to(out, " of {}{}{}", role.leader, role.has_fetched ? " fetched" : "", role.told_leader ? " told" : "");
  if (role.download) {
    fmt::format_to(out, " downloads {}/{} {}{}", role.download->id.offset, role.download->id.epoch, role.download->position,
                   role.download->finishing ? " whole" : "");
  }
}
void tell(Text out, const Resigned& role) {
  for (const NodeId id : role.unacknowledged) fmt::format_to(out, " tells {}", id);
}

}  // namespace

std::string Quorum::describe() const {
  fmt::memory_buffer text;
  const Text out = std::back_inserter(text);
  fmt::format_to(out, "{} epoch {}", role_name(role_), epoch_);
  std::visit([&](const auto& role) { tell(out, role); }, role_);
  const ReplicaKey voted = election_state().voted;
  if (voted.id != no_node) fmt::format_to(out, " voted {}", voted.id);
  fmt::format_to(out, " log {}..{}", log_.start(), log_.end());
  if (log_.flushed_end() != log_.end()) fmt::format_to(out, " flushed {}", log_.flushed_end());
  for (const EpochStart& one : log_.epochs()) fmt::format_to(out, " {}@{}", one.epoch, one.start);
  for (const Snapshot& one : log_.snapshots()) fmt::format_to(out, " snapshot {}/{}", one.id.offset, one.id.epoch);
  fmt::format_to(out, " hw {} voters", high_watermark_);
  for (const Voter& one : voters().voters()) fmt::format_to(out, " {}", one.key.id);
  if (kraft_version() != static_voters_version) fmt::format_to(out, " @{}", voters_.sets.last().offset);
  for (const Requests::Peer& peer : requests_.peers()) {
    if (peer.in_flight != no_request) fmt::format_to(out, " asks {} {}", peer.id, peer.kind);
  }
  return fmt::to_string(text);
}

}  // namespace squall::raft
