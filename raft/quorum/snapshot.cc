// Snapshots: FetchSnapshot on both sides, and those that the shell makes and frees (KIP-630).
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/quorum/quorum.h"

namespace squall::raft {

void Quorum::on_fetch_snapshot(Instant now, RequestToken token, const FetchSnapshotRequest& request) {
  FetchSnapshotResponse response{.error = check_leader_request(request.epoch), .current = current_leader(), .id = request.id};
  if (response.error == ErrorCode::none) {
    const Snapshot* snapshot = log_.find_snapshot(request.id);
    if (snapshot == nullptr || request.id == bootstrap_snapshot) {
      response.error = ErrorCode::snapshot_not_found;
    } else if (request.position < 0 || request.position >= snapshot->size_bytes) {
      response.error = ErrorCode::position_out_of_range;
    } else {
      response.size_bytes = snapshot->size_bytes;
      response.position = request.position;
    }
    record_contact(now, request.replica);
  }
  respond(token, std::move(response));
}

bool Quorum::begin_download(OffsetAndEpoch id) {
  auto& follower = std::get<Follower>(role_);
  if (id.offset < Offset{0} || id.epoch < LeaderEpoch{0} || id.epoch > epoch_) return false;
  // It is named because our log is of no use, so it reaches beyond what we know to be committed.
  if (id.offset < high_watermark_ || log_.find_snapshot(id) != nullptr) return false;
  follower.download = SnapshotDownload{.id = id};
  return true;
}

void Quorum::discard_download() {
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || !follower->download) return;
  out_->log.emplace_back(DiscardSnapshot{follower->download->id});
  follower->download.reset();
}

void Quorum::on_fetch_snapshot_response(Instant now, RequestId id, NodeId from, const FetchSnapshotResponse& response) {
  const bool gone = response.error == ErrorCode::snapshot_not_found || response.error == ErrorCode::position_out_of_range;
  auto* follower = std::get_if<Follower>(&role_);
  if (gone && follower != nullptr && follower->download && response.current.epoch == epoch_) {
    // The leader has a newer one by now: begin anew, with a Fetch.
    discard_download();
    follower->fetch_deadline = now + config_.fetch_timeout;
    requests_.back_off(from, now + config_.retry_backoff);
    return;
  }
  if (handle_common(now, from, response.error, response.current) == Common::done) return;
  follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || !follower->download || follower->download->finishing) return;
  SnapshotDownload& download = *follower->download;
  const bool usable = response.current.leader == follower->leader && response.id == download.id &&
                      response.position == download.position && response.bytes > 0 &&
                      response.bytes <= response.size_bytes - response.position;
  if (!usable) {
    requests_.back_off(from, now + config_.retry_backoff);
    return;
  }
  out_->log.emplace_back(WriteSnapshot{id, download.id, download.position});
  download.position += response.bytes;
  follower->fetch_deadline = now + config_.fetch_timeout;
  if (download.position == response.size_bytes) {
    download.finishing = true;
    out_->log.emplace_back(FinishSnapshot{epoch_, download.id});
  }
}

void Quorum::on_snapshot_ready(const SnapshotReady& ready) {
  auto* follower = std::get_if<Follower>(&role_);
  const bool awaited = ready.epoch == epoch_ && follower != nullptr && follower->download && follower->download->finishing &&
                       follower->download->id == ready.id;
  if (!awaited) return;
  const Snapshot snapshot{.id = ready.id, .size_bytes = follower->download->position};
  follower->download.reset();
  log_.install(snapshot);
  out_->log.emplace_back(InstallSnapshot{ready.id});
  if (ready.voters) {
    voters_.sets.reset(ready.id.offset - 1, std::make_shared<const VoterSet>(*ready.voters));
  } else {
    voters_.truncate_to(Offset{0});
  }
  voters_.versions.reset(ready.id.offset - 1, ready.kraft_version);
  raise_high_watermark(ready.id.offset);
}

void Quorum::on_snapshot_created(const SnapshotCreated& created) {
  const Snapshot& snapshot = created.snapshot;
  SQUALL_ASSERT(snapshot.id.offset <= high_watermark_, "snapshots hold what is committed");
  // A fetched snapshot may have replaced the log while this one was written.
  if (snapshot.id.offset < log_.start()) return;
  SQUALL_ASSERT(log_.epoch_before(snapshot.id.offset) == snapshot.id.epoch, "a snapshot carries the epoch of its last record");
  log_.add_snapshot(snapshot);
}

void Quorum::on_log_cleaned(const LogCleaned& cleaned) {
  if (cleaned.start < log_.start()) return;
  SQUALL_ASSERT(cleaned.start <= high_watermark_, "only what is committed is freed");
  log_.clean(cleaned.start, cleaned.oldest_snapshot);
  voters_.forget_below(cleaned.start);
}

}  // namespace squall::raft
