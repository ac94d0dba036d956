// Log::append and rolling.
#include <algorithm>
#include <mutex>

#include "base/assert.h"
#include "log/log_state.h"
#include "log/producer_snapshot.h"
#include "log/validation.h"

namespace squall::log {

using runtime::EventName;

namespace {

// Each log keeps no more for the next batch to be decompressed into: there may be many logs.
constexpr std::size_t kept_scratch_bytes = std::size_t{64} << 10;

std::unexpected<AppendError> refuse(LogError code) {
  return std::unexpected(AppendError{code, std::string{to_string(code)}, {}});
}

// Whether the batches go to a new segment: size, age, full index, offsets beyond 2^31 from the base. Age counts in the records'
// own time, from the first batch of the segment, where they have timestamps.
SegmentResult<bool> should_roll(LogState& log, std::uint64_t bytes, std::int64_t now_ms) {
  Segment& active = log.active();
  if (!active.fits(log.batches.back().last_offset)) return true;
  if (active.size() == 0) return false;
  if (active.size() + bytes > static_cast<std::uint64_t>(log.config.segment_bytes)) return true;
  if (active.index_full(log.config)) return true;
  std::int64_t newest_ms = -1;
  for (const BatchInfo& batch : log.batches) newest_ms = std::max(newest_ms, batch.max_timestamp_ms);
  const auto first_ms = active.first_timestamp();
  if (!first_ms) return std::unexpected(first_ms.error());
  const std::int64_t age_ms = *first_ms >= 0 ? newest_ms - *first_ms : now_ms - log.segment_created_ms;
  return age_ms > log.config.segment_ms - log.segment_jitter_ms;
}

// The first time's offsets, if the (one) batch of a client was appended before.
std::optional<AppendInfo> duplicate_of(const LogState& log, AppendOrigin origin) {
  if (origin != AppendOrigin::client || log.producer_batches.empty()) return std::nullopt;
  const auto kept = log.producers.find_duplicate(log.producer_batches.front());
  if (!kept) return std::nullopt;
  AppendInfo info;
  info.first_offset = kept->first_offset();
  info.last_offset = kept->last_offset;
  info.max_timestamp_ms = kept->timestamp_ms;
  if (log.config.timestamp_type == TimestampType::log_append_time) info.log_append_time_ms = kept->timestamp_ms;
  info.log_start_offset = log.log_start;
  info.duplicate = true;
  return info;
}

std::expected<void, AppendError> check_producers(const LogState& log, ByteView bytes, AppendOrigin origin) {
  if (auto checked = log.producers.check(log.producer_batches, origin); !checked) return checked;
  for (const BatchInfo& batch : log.batches) {
    if (!batch.control) continue;
    const auto marker = marker_of(protocol::RecordBatchView{bytes.subspan(batch.position, batch.bytes)});
    if (!marker) continue;
    if (auto checked = log.producers.check(*marker, origin); !checked) return checked;
  }
  return {};
}

// A new epoch is on disk before its first record is.
std::expected<void, LogError> note_epochs(LogState& log) {
  bool changed = false;
  for (const BatchInfo& batch : log.batches) {
    if (batch.leader_epoch > log.epochs.latest()) changed = log.epochs.assign(batch.leader_epoch, batch.base_offset) || changed;
  }
  if (!changed && !log.epochs_dirty) return {};
  return log.write_epochs();
}

std::expected<void, LogError> write(LogState& log, ByteView bytes) {
  Segment& active = log.active();
  if (log.tail_dirty) {
    if (auto cut = active.file()->truncate(active.size()); !cut) return log.failed(cut.error(), "truncate");
  }
  log.tail_dirty = true;  // stays so if this fiber is cancelled in the write
  if (auto written = active.write(bytes); !written) {
    if (written.error() != runtime::IoError::no_space || !log.config.survives_full_disk) {
      return log.failed(written.error(), "append");
    }
    if (auto cut = active.file()->truncate(active.size()); !cut) return log.failed(cut.error(), "truncate");
    log.tail_dirty = false;
    return std::unexpected(LogError::no_space);
  }
  log.tail_dirty = false;
  return {};
}

// The bytes are in the file: from here on they are part of the log. Does not wait.
void apply(LogState& log, ByteView bytes, std::int64_t now_ms) {
  Segment& active = log.active();
  const std::uint64_t start = active.size();
  for (const BatchInfo& appended : log.batches) {
    BatchInfo batch = appended;
    batch.position += start;
    active.note(batch, log.config.index_interval_bytes);
    if (batch.has_producer_data()) {
      log.producers.update(batch.producer_batch(), now_ms);
    } else if (batch.control) {
      const auto marker = marker_of(protocol::RecordBatchView{bytes.subspan(appended.position, appended.bytes)});
      if (!marker) continue;
      const auto completed = log.producers.update(*marker, now_ms);
      if (completed && completed->aborted) {
        active.note_aborted({completed->producer_id, completed->first_offset, completed->last_offset,
                             log.producers.last_stable_offset_after(*completed)});
      }
    }
  }
  log.log_end = log.batches.back().next_offset();
  log.producers.set_end(log.log_end);
  log.check_invariants();
}

AppendInfo info_of(const LogState& log, AppendOrigin origin, std::int64_t now_ms) {
  AppendInfo info;
  info.first_offset = log.batches.front().base_offset;
  info.last_offset = log.batches.back().last_offset;
  for (const BatchInfo& batch : log.batches) info.max_timestamp_ms = std::max(info.max_timestamp_ms, batch.max_timestamp_ms);
  const bool stamped = origin == AppendOrigin::client && log.config.timestamp_type == TimestampType::log_append_time;
  if (stamped) info.log_append_time_ms = now_ms;
  info.log_start_offset = log.log_start;
  return info;
}

void emit_refusal(LogState& log, const AppendError& error) {
  const ProducerBatch& batch = log.producer_batches.front();
  const EventName name = error.code == LogError::invalid_producer_epoch ? EventName::producer_fenced : EventName::sequence_gap;
  log.world.emit(
      name,
      {{"partition", log.name}, {"producer", batch.producer_id.value()}, {"sequence", std::int64_t{batch.first_sequence}}});
}

// All of an append but waiting for the flush policy. The caller holds `writing`.
std::expected<AppendInfo, AppendError> append_locked(LogState& log, const std::shared_ptr<Log>& self, MutableBytes bytes,
                                                     LeaderEpoch epoch, AppendOrigin origin) {
  if (const auto usable = log.usable(); !usable) return refuse(usable.error());
  const std::int64_t now_ms = to_ms(log.world.wall_now());
  const ValidationRequest request{origin, &log.config, now_ms, log.log_end, epoch};
  auto valid = validate(log.world, bytes, request, log.dir->compressor, log.scratch, log.batches);
  if (log.scratch.capacity() > kept_scratch_bytes) log.scratch = {};
  if (!valid) return std::unexpected(std::move(valid.error()));
  log.producer_batches.clear();
  for (const BatchInfo& batch : log.batches) {
    if (batch.has_producer_data()) log.producer_batches.push_back(batch.producer_batch());
  }
  if (const auto duplicate = duplicate_of(log, origin)) {
    log.world.emit(EventName::duplicate_batch, {{"partition", log.name}, {"offset", duplicate->first_offset.value()}});
    return *duplicate;
  }
  if (auto checked = check_producers(log, bytes, origin); !checked) {
    if (!log.producer_batches.empty()) emit_refusal(log, checked.error());
    return std::unexpected(std::move(checked.error()));
  }
  if (origin == AppendOrigin::client || origin == AppendOrigin::coordinator) {
    assign_offsets(bytes, log.log_end, epoch, log.batches);
  }
  if (auto noted = note_epochs(log); !noted) return refuse(noted.error());
  const auto rolls = should_roll(log, bytes.size(), now_ms);
  if (!rolls) return refuse(log.failed(rolls.error(), "roll").error());
  if (*rolls) {
    if (auto rolled = log.roll(self, std::max(log.log_end, log.batches.front().base_offset)); !rolled) {
      return refuse(rolled.error());
    }
  }
  if (auto written = write(log, bytes); !written) return refuse(written.error());
  if (const auto usable = log.usable(); !usable)
    return refuse(usable.error());  // another log of the directory failed meanwhile
  apply(log, bytes, now_ms);
  const AppendInfo info = info_of(log, origin, now_ms);
  log.world.emit(EventName::records_appended,
                 {{"partition", log.name}, {"first", info.first_offset.value()}, {"last", info.last_offset.value()}});
  return info;
}

}  // namespace

std::expected<AppendInfo, AppendError> Log::append(MutableBytes batches, LeaderEpoch epoch, AppendOrigin origin) {
  LogState& log = *state_;
  std::expected<AppendInfo, AppendError> appended;
  {
    std::lock_guard turn{log.writing};
    appended = append_locked(log, shared_from_this(), batches, epoch, origin);
  }
  if (!appended) return appended;
  // Outside the turn, so that appends that come meanwhile share one sync.
  if (log.log_end - log.recovery_point >= log.config.flush_messages && log.recovery_point < appended->end_offset()) {
    if (auto flushed = log.flush_until(appended->end_offset()); !flushed) return refuse(flushed.error());
  } else if (log.config.flush_ms != unlimited) {
    log.arm_flush_timer(shared_from_this());
  }
  log.policy_end = std::min(log.log_end, std::max(log.policy_end, appended->end_offset()));
  return appended;
}

std::expected<void, LogError> Log::roll() {
  LogState& log = *state_;
  std::lock_guard turn{log.writing};
  if (const auto usable = log.usable(); !usable) return usable;
  if (log.active().size() == 0) return {};
  return log.roll(shared_from_this(), log.log_end);
}

std::expected<void, LogError> LogState::start_segment(Offset base) {
  auto segment = Segment::create(world, path, base, config);
  if (!segment) return failed(segment.error(), "create segment");
  if (!segments.empty() && !active().sealed()) active().seal();
  segments.push_back(std::move(*segment));
  names_dirty = true;
  segment_created_ms = to_ms(world.wall_now());
  const std::int64_t jitter_max = std::min(config.segment_jitter_ms, config.segment_ms);
  segment_jitter_ms = jitter_max > 0 ? static_cast<std::int64_t>(jitter.below(static_cast<std::uint64_t>(jitter_max))) : 0;
  return {};
}

std::expected<void, LogError> LogState::roll(const std::shared_ptr<Log>& self, Offset base) {
  const std::shared_ptr<Segment> sealed = segments.back();
  if (sealed->base_offset() == base) {
    SQUALL_ASSERT(sealed->size() == 0, "a segment that begins at the log end is empty");
    return {};
  }
  if (tail_dirty) {
    if (auto cut = sealed->file()->truncate(sealed->size()); !cut) return failed(cut.error(), "truncate");
    tail_dirty = false;
  }
  ByteBuffer snapshot = encode_producer_snapshot(producers.producers());
  const Offset at = log_end;
  if (auto started = start_segment(base); !started) return started;
  world.emit(runtime::EventName::segment_rolled, {{"partition", name}, {"base", base.value()}});
  auto inside = background.enter();
  if (!inside) return {};
  world.spawn("log-flush-sealed", [log = self, in = std::move(*inside), sealed, at, bytes = std::move(snapshot)] {
    LogState& state = log->state();
    if (!state.usable()) return;
    if (!state.write_snapshot(at, bytes)) return;
    if (!state.flush_until(std::min(at, state.log_end))) return;
    if (!sealed->sealed() || sealed->indexes_durable()) return;
    if (const auto written = sealed->write_indexes(true); !written) {
      (void)state.failed(written.error(), "flush index");
      return;
    }
    state.names_dirty = true;  // of the index files
    sealed->drop_indexes();
  });
  return {};
}

}  // namespace squall::log
