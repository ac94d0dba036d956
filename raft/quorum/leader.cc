// The leader's log: appends, and what of it is committed (KIP-595).
#include <algorithm>
#include <functional>

#include "base/assert.h"
#include "raft/quorum/quorum.h"

namespace squall::raft {

void Quorum::on_propose(const Propose& proposal) {
  if (!is_leader() || proposal.epoch != epoch_ || proposal.count <= 0) {
    out_->refused.push_back(proposal.id);
    return;
  }
  const Offset base = log_.end();
  log_.append(epoch_, base + proposal.count);
  out_->log.emplace_back(AppendProposal{proposal.id, base, log_.end(), epoch_});
  flush();
}

// What was asked for under another epoch may have been cut since.
void Quorum::on_flushed(const Flushed& flushed) {
  if (flushed.epoch != epoch_) return;
  SQUALL_ASSERT(flushed.end <= log_.end(), "a flush of this epoch covers what this epoch has");
  log_.set_flushed(flushed.end);
  if (is_leader()) advance_high_watermark();
}

// What a majority of voters has flushed, ourselves included if we vote, once that takes in a record of this epoch: else it
// might yet be replaced (Raft, figure 8; KAFKA-12619). It never falls, whatever becomes of the voters.
void Quorum::advance_high_watermark() {
  auto& leader = std::get<Leader>(role_);
  std::vector<Offset> ends;
  ends.reserve(voters().size());
  for (const Voter& voter : voters().voters()) {
    if (voter.key.id == config_.local.id && is_voter()) {
      ends.push_back(log_.flushed_end());
      continue;
    }
    const auto found = std::ranges::find(leader.replicas, voter.key, &Replica::key);
    ends.push_back(found == leader.replicas.end() ? no_offset : found->end);
  }
  if (ends.empty()) return;
  std::ranges::sort(ends, std::greater<>{});
  const Offset agreed = ends[voters().majority() - 1];
  if (agreed <= leader.epoch_start || agreed <= leader.high_watermark) return;
  SQUALL_ASSERT(agreed >= high_watermark_, "a leader has all that was committed before");
  leader.high_watermark = agreed;
  high_watermark_ = agreed;
  complete_operation();
}

Instant Quorum::committed_as_of(Instant now) const {
  const auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return committed_as_of_;
  if (leader->high_watermark == no_offset) return Instant::min();
  std::vector<Instant> times;
  times.reserve(voters().size());
  for (const Voter& voter : voters().voters()) {
    const bool is_self = voter.key.id == config_.local.id && is_voter();
    const auto found = std::ranges::find(leader->replicas, voter.key, &Replica::key);
    times.push_back(is_self ? now : found == leader->replicas.end() ? Instant::min() : found->fetch_before);
  }
  if (times.empty()) return Instant::min();
  std::ranges::sort(times, std::greater<>{});
  return times[voters().majority() - 1];
}

// The voters are others than before: voters that were observers keep their position; those that are to be told who leads are.
void Quorum::follow_voter_change() {
  auto& leader = std::get<Leader>(role_);
  for (const Voter& voter : voters().voters()) {
    if (voter.key.id == config_.local.id) continue;
    // Under another identity nothing is known of it: what it fetched before may have been to another disk.
    std::erase_if(leader.replicas, [&](const Replica& one) { return one.key.id == voter.key.id && one.key != voter.key; });
    (void)replica(voter.key);
  }
  std::erase_if(leader.fetched, [&](NodeId id) { return voters().find(id) == nullptr; });
}

std::vector<NodeId> Quorum::candidates_by_offset() const {
  const auto& leader = std::get<Leader>(role_);
  std::vector<const Replica*> others;
  for (const Replica& one : leader.replicas) {
    if (voters().is_voter(one.key) && one.key.id != config_.local.id) others.push_back(&one);
  }
  std::ranges::sort(others, [](const Replica* left, const Replica* right) {
    return left->end != right->end ? left->end > right->end : left->key < right->key;
  });
  std::vector<NodeId> ids;
  for (const Replica* one : others) ids.push_back(one->key.id);
  return ids;
}

std::vector<ReplicaDescription> Quorum::describe_replicas(Instant now) const {
  const auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return {};
  std::vector<ReplicaDescription> all;
  all.push_back({config_.local, log_.end(), now, now, is_voter()});
  const auto known = [](Instant when) { return when == Instant::min() ? std::nullopt : std::optional{when}; };
  for (const Replica& one : leader->replicas) {
    all.push_back({one.key, one.end, known(one.last_fetch), known(one.last_caught_up), voters().is_voter(one.key)});
  }
  return all;
}

}  // namespace squall::raft
