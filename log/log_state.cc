#include "log/log_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "log/files.h"

namespace squall::log {

namespace {
constexpr std::size_t sealed_indexes_kept = 4;
}

LogState::LogState(runtime::World& its_world, std::shared_ptr<LogDir> its_dir, TopicPartition its_partition,
                   std::string its_path, const LogConfig& its_config)
    : world{its_world},
      dir{std::move(its_dir)},
      partition{std::move(its_partition)},
      name{directory_name(partition)},
      path{std::move(its_path)},
      config{its_config},
      writing{its_world},
      flushed{its_world},
      background{its_world},
      jitter{its_world.fork_random("segment-jitter/" + name)} {}

LogState::~LogState() {
  if (quarantined) --dir->quarantined_logs;
  dir->remove(*this);
}

std::shared_ptr<Segment> LogState::segment_of(Offset offset) const {
  const auto after = std::ranges::upper_bound(segments, offset, {}, [](const auto& segment) { return segment->base_offset(); });
  return after == segments.begin() ? nullptr : *std::prev(after);
}

Offset LogState::last_stable() const {
  const auto unstable = producers.first_unstable_offset();
  if (!unstable) return high_watermark;
  return std::min(high_watermark, std::max(*unstable, log_start));
}

Offset LogState::durable_point() const {
  if (quarantined) return recovery_point;  // its indexes do not matter: nothing of it is used
  Offset point = recovery_point;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (segment == segments.rbegin()) continue;  // the active one is always checked
    if (!(*segment)->indexes_durable()) point = std::min(point, (*segment)->base_offset());
  }
  return point;
}

std::expected<void, LogError> LogState::usable() const {
  if (!dir->online() || quarantined) return std::unexpected(LogError::storage_error);
  if (closed) return std::unexpected(LogError::not_found);
  return {};
}

void LogState::quarantine(Offset at, std::string_view reason) {
  if (!std::exchange(quarantined, true)) ++dir->quarantined_logs;
  quarantined_why = fmt::format("damaged at offset {}: {}", at.value(), reason);
  world.emit(runtime::EventName::log_quarantined, {{"partition", name}, {"at", at.value()}, {"reason", reason}});
}

std::unexpected<LogError> LogState::failed(runtime::IoError error, std::string_view what) {
  if (removed && error == runtime::IoError::not_found) return std::unexpected(LogError::not_found);
  return std::unexpected(dir->fail(error, what));
}

std::unexpected<LogError> LogState::failed(const SegmentError& error, std::string_view what) {
  if (error.code == LogError::storage_error) return failed(error.io, what);
  return std::unexpected(error.code);
}

void LogState::on_failure() { flushed.notify_all(); }

void LogState::used(const std::shared_ptr<Segment>& segment) {
  if (!segment->sealed()) return;
  std::erase(indexes_in_memory, segment);
  indexes_in_memory.push_back(segment);
  if (indexes_in_memory.size() > sealed_indexes_kept) {
    indexes_in_memory.front()->drop_indexes();
    indexes_in_memory.erase(indexes_in_memory.begin());
  }
}

void LogState::check_invariants() const {
  SQUALL_ASSERT(!segments.empty(), "a log has an active segment");
  SQUALL_ASSERT(log_start <= high_watermark && high_watermark <= log_end, "log start <= high watermark <= log end");
  SQUALL_ASSERT(recovery_point <= log_end, "nothing beyond the log end is flushed");
  SQUALL_ASSERT(!active().sealed(), "the last segment is active");
  SQUALL_ASSERT(active().base_offset() <= log_end, "the active segment begins at or below the log end");
}

// ---- the accessors of Log ----

Log::Log(std::unique_ptr<LogState> state) : state_{std::move(state)} {}
Log::~Log() = default;

const TopicPartition& Log::partition() const { return state_->partition; }
Uuid Log::topic_id() const { return state_->topic_id; }
const std::string& Log::path() const { return state_->path; }
Uuid Log::directory_id() const { return state_->dir->directory_id; }
const LogConfig& Log::config() const { return state_->config; }
void Log::set_config(const LogConfig& config) { state_->config = config; }
bool Log::quarantined() const { return state_->quarantined; }
const std::string& Log::quarantined_why() const { return state_->quarantined_why; }
Offset Log::log_start_offset() const { return state_->log_start; }
Offset Log::log_end_offset() const { return state_->log_end; }
Offset Log::high_watermark() const { return state_->high_watermark; }
Offset Log::last_stable_offset() const { return state_->last_stable(); }
Offset Log::recovery_point() const { return state_->recovery_point; }
Offset Log::policy_end_offset() const { return state_->policy_end; }
std::size_t Log::segment_count() const { return state_->segments.size(); }
LeaderEpoch Log::latest_epoch() const { return state_->epochs.latest(); }
LeaderEpoch Log::epoch_at(Offset offset) const { return state_->epochs.at(offset); }
std::vector<EpochStart> Log::leader_epochs() const {
  const auto entries = state_->epochs.entries();
  return {entries.begin(), entries.end()};
}
const ProducerStateManager& Log::producers() const { return state_->producers; }

EpochEnd Log::end_offset_for_epoch(LeaderEpoch epoch) const { return state_->epochs.end_offset_for(epoch, state_->log_end); }

std::uint64_t Log::size_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& segment : state_->segments) bytes += segment->size();
  return bytes;
}

Offset Log::update_high_watermark(Offset offset) {
  LogState& log = *state_;
  const Offset moved = std::min(offset, log.log_end);
  if (moved > log.high_watermark) {
    log.high_watermark = moved;
    log.producers.on_high_watermark(moved);
    log.world.emit(runtime::EventName::high_watermark_moved, {{"partition", log.name}, {"offset", moved.value()}});
  }
  return log.high_watermark;
}

}  // namespace squall::log
