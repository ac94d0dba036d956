// The follower's side of Fetch (KIP-595): append, truncate where the logs part, or turn to a snapshot.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/quorum/quorum.h"

namespace squall::raft {

// The next Fetch acknowledges all below its offset, so a voter waits for its disk.
bool Quorum::may_fetch() const {
  const auto* follower = std::get_if<Follower>(&role_);
  if (follower != nullptr && follower->download) return false;
  return !must_flush() || log_.flushed_end() == log_.end();
}

FetchRequest Quorum::fetch_request() const {
  return {.replica = config_.local,
          .epoch = epoch_,
          .position = log_.last(),
          .high_watermark = high_watermark_,
          .wait_max = config_.fetch_wait_max};
}

void Quorum::on_fetch_response(Instant now, RequestId id, NodeId from, const FetchResponse& response) {
  if (handle_common(now, from, response.error, response.current) == Common::done) return;
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || response.current.leader != follower->leader) {
    requests_.back_off(from, now + config_.retry_backoff);
    return;
  }
  bool progress = true;
  if (response.diverging) {
    progress = truncate_diverging(*response.diverging);
  } else if (response.snapshot) {
    progress = begin_download(*response.snapshot);
  } else {
    append_fetched(id, response);
    raise_high_watermark(std::min(log_.end(), response.high_watermark));
    const bool has_all = response.high_watermark != no_offset && response.high_watermark <= log_.end();
    if (has_all) committed_as_of_ = std::max(committed_as_of_, requests_.sent(from));
  }
  if (!progress) requests_.back_off(from, now + config_.retry_backoff);
  follower->has_fetched = true;
  follower->fetch_deadline = now + config_.fetch_timeout;
}

bool Quorum::truncate_diverging(OffsetAndEpoch diverging) {
  if (diverging.offset < Offset{0}) return false;
  const Offset point = log_.truncation_point(diverging);
  const Offset committed = std::max(high_watermark_, committed_before_);
  if (point < committed) {
    out_->fatal = fmt::format(
        "the leader of epoch {} asks to cut the log at {}, below the high watermark {}: a majority of the "
        "voters has lost what was committed; stop them, and restore their directories from copies",
        epoch_, point, committed);
    return false;
  }
  if (point >= log_.end() || point < log_.start()) return false;
  SQUALL_ASSERT(!must_flush() || log_.flushed_end() == log_.end(), "no flush is under way while a log is cut");
  log_.truncate_to(point);
  voters_.truncate_to(point);
  out_->log.emplace_back(Truncate{point});
  return true;
}

// Static voters are told to each node by its own configuration. Where they differ, each has another idea of a majority.
void Quorum::compare_electorate(const Electorate& electorate) {
  if (kraft_version() >= dynamic_voters_version || !is_voter() || electorate.epoch != epoch_) return;
  const auto known = [&](NodeId id) { return voters().find(id) != nullptr; };
  if (electorate.voters.size() == voters().size() && std::ranges::all_of(electorate.voters, known)) return;
  const auto ids = [](const auto& all, auto id_of) {
    std::string text;
    for (const auto& one : all) text += fmt::format("{}{}", text.empty() ? "" : ",", id_of(one));
    return text;
  };
  is_stranger_ = true;
  out_->fatal = fmt::format(
      "the leader of epoch {} was elected among the voters {}, but controller.quorum.voters names {} here; give all nodes the "
      "same voters",
      epoch_, ids(electorate.voters, [](NodeId id) { return id; }),
      ids(voters().voters(), [](const Voter& voter) { return voter.key.id; }));
}

// Only what continues our log, in epochs that can be: a batch of a later epoch than ours was read from a log that changed under
// the reader (KAFKA-18723).
void Quorum::append_fetched(RequestId id, const FetchResponse& response) {
  const Offset base = log_.end();
  for (const FetchedBatch& batch : response.batches) {
    if (batch.base != log_.end() || batch.end <= batch.base) break;
    if (batch.epoch > epoch_ || batch.epoch < log_.last().epoch) break;
    log_.append(batch.epoch, batch.end);
  }
  if (log_.end() == base) return;
  compare_electorate(response.elected_by);
  for (const VoterChange& change : response.changes) {
    if (change.offset < base || change.offset >= log_.end()) continue;
    if (const auto* set = std::get_if<VoterSetPtr>(&change.value)) {
      voters_.sets.append(change.offset, *set);
    } else {
      voters_.versions.append(change.offset, std::get<std::int16_t>(change.value));
    }
  }
  out_->log.emplace_back(AppendFetched{id, base, log_.end()});
  if (must_flush()) {
    flush();
  } else {
    log_.set_flushed(log_.end());
  }
}

void Quorum::raise_high_watermark(Offset offset) { high_watermark_ = std::max(high_watermark_, offset); }

}  // namespace squall::raft
