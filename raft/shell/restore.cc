#include "raft/shell/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "log/batch_scanner.h"
#include "log/files.h"
#include "raft/quorum/control_records.h"
#include "raft/quorum/quorum_state.h"

namespace squall::raft {
namespace {

using protocol::RecordBatchView;

constexpr std::uint64_t everything = std::uint64_t{1} << 62;
constexpr std::string_view restore_or_format = "restore the directory from a copy, or format the node anew";

std::string ids_of(std::vector<NodeId> ids) {
  std::ranges::sort(ids);
  std::string text;
  for (const NodeId id : ids) text += fmt::format("{}{}", text.empty() ? "" : ",", id);
  return text;
}

// ---- quorum-state ----

MetadataLogResult<std::optional<ElectionState>> read_election(runtime::World& world, const MetadataLogOptions& options) {
  const std::string path = options.dir + "/" + std::string{quorum_state_name};
  const auto bytes = log::read_file(world, path);
  if (!bytes) return std::unexpected(disk_failure(path, "read", bytes.error()));
  if (!*bytes) return std::nullopt;
  const auto file = parse_quorum_state(as_text(**bytes));
  if (!file) {
    return std::unexpected(
        fmt::format("{}: {}; restore the file from a copy: a node that guesses its vote may vote twice", path, file.error()));
  }
  if (file->data_version == 0 && !file->voters.empty() && !options.static_voters.empty()) {
    std::vector<NodeId> configured;
    for (const Voter& voter : options.static_voters.voters()) configured.push_back(voter.key.id);
    if (ids_of(configured) != ids_of(file->voters)) {
      return std::unexpected(fmt::format("{}: the voters are {}, but controller.quorum.voters names {}; set it to what it was",
                                         path, ids_of(file->voters), ids_of(configured)));
    }
  }
  return file->election;
}

// ---- snapshots ----

// Removes unfinished files; the ids of the snapshots, by offset.
MetadataLogResult<std::vector<OffsetAndEpoch>> tidy(runtime::World& world, const std::string& dir) {
  const auto entries = world.list(dir);
  if (!entries) return std::unexpected(disk_failure(dir, "list", entries.error()));
  std::vector<OffsetAndEpoch> ids;
  for (const auto& entry : *entries) {
    if (entry.is_directory) continue;
    const std::string path = dir + "/" + entry.name;
    const bool unfinished = entry.name.ends_with(part_suffix) ||
                            entry.name.ends_with(std::string{checkpoint_suffix} + std::string{log::deleted_suffix});
    if (unfinished) {
      if (const auto removed = log::remove_if_exists(world, path); !removed) {
        return std::unexpected(disk_failure(path, "remove", removed.error()));
      }
    } else if (entry.name.ends_with(checkpoint_suffix)) {
      const auto id = parse_snapshot_file_name(entry.name);
      if (!id) {
        return std::unexpected(fmt::format(
            "{}: a snapshot is named <20-digit offset>-<10-digit epoch>.checkpoint; give it its name back, or move it away",
            path));
      }
      ids.push_back(*id);
    }
  }
  std::ranges::sort(ids, {}, &OffsetAndEpoch::offset);
  for (std::size_t i = 1; i < ids.size(); ++i) {
    if (ids[i - 1].offset < ids[i].offset && ids[i - 1].epoch <= ids[i].epoch) continue;
    return std::unexpected(fmt::format("{}/{}: contradicts the snapshot {}; move away the one that is not of this log", dir,
                                       snapshot_file_name(ids[i]), snapshot_file_name(ids[i - 1])));
  }
  return ids;
}

struct ReadSnapshot {
  StoredSnapshot stored;
  SnapshotHead head;
};

MetadataLogResult<std::vector<ReadSnapshot>> read_snapshots(runtime::World& world, const std::string& dir) {
  const auto ids = tidy(world, dir);
  if (!ids) return std::unexpected(ids.error());
  std::vector<ReadSnapshot> all;
  for (const OffsetAndEpoch id : *ids) {
    const std::string path = dir + "/" + snapshot_file_name(id);
    const auto file = world.open(path, runtime::OpenMode::read);
    if (!file) return std::unexpected(disk_failure(path, "open", file.error()));
    const auto size = (*file)->size();
    if (!size) return std::unexpected(disk_failure(path, "read", size.error()));
    auto head = read_snapshot_file(world, **file, path, id.epoch, {});
    if (!head) return std::unexpected(std::move(head.error()));
    const Snapshot snapshot{.id = id, .size_bytes = static_cast<std::int64_t>(*size)};
    all.push_back({{snapshot, head->last_timestamp_ms}, std::move(*head)});
  }
  return all;
}

// ---- the log ----

// Finishes the install that a crash cut short, if there is one; see MetadataLog::install.
MetadataLogResult<void> finish_install(runtime::World& world, log::Log& log, const std::string& dir) {
  const auto entries = world.list(dir);
  if (!entries) return std::unexpected(disk_failure(dir, "list", entries.error()));
  for (const auto& entry : *entries) {
    const auto id = parse_snapshot_file_name(entry.name, install_suffix);
    if (!id) continue;
    const std::string path = dir + "/" + entry.name;
    if (const auto whole = read_snapshot_file(world, path, id->epoch, {}); !whole) return std::unexpected(whole.error());
    if (const auto done = log.truncate_fully_and_start_at(id->offset); !done) {
      return std::unexpected(log_failure(dir, "truncate", done.error()));
    }
    if (auto named = rename_durably(world, path, dir + "/" + snapshot_file_name(*id)); !named) return named;
  }
  return {};
}

// Whether the snapshot was to take the place of the log, as Kafka tells it: it is ahead of all that the log has.
bool replaces(const log::Log& log, OffsetAndEpoch newest) {
  if (newest.offset > log.log_end_offset()) return true;
  return log.log_start_offset() < log.log_end_offset() && log.latest_epoch() != no_epoch && log.latest_epoch() < newest.epoch;
}

MetadataLogResult<void> settle_log(log::Log& log, const std::string& dir, std::optional<OffsetAndEpoch> newest) {
  if (newest && replaces(log, *newest)) {
    if (const auto done = log.truncate_fully_and_start_at(newest->offset); !done) {
      return std::unexpected(log_failure(dir, "truncate", done.error()));
    }
  }
  if (newest && newest->offset > log.log_start_offset()) {
    const LeaderEpoch last = log.epoch_at(newest->offset - 1);
    if (last != no_epoch && last != newest->epoch) {
      return std::unexpected(fmt::format(
          "{}/{}: its name says epoch {}, but the log has epoch {} there; move away the file, if it is not of this log", dir,
          snapshot_file_name(*newest), newest->epoch, last));
    }
  }
  const Offset start = log.log_start_offset();
  if (start > Offset{0} && (!newest || newest->offset < start)) {
    return std::unexpected(
        fmt::format("{}: the log begins at offset {}, and no snapshot reaches it; {}", dir, start, restore_or_format));
  }
  if (const auto flushed = log.flush(); !flushed) return std::unexpected(log_failure(dir, "flush", flushed.error()));
  return {};
}

MetadataLogResult<std::vector<EpochStart>> epochs_of(const log::Log& log, const std::string& dir) {
  const Offset start = log.log_start_offset();
  const Offset end = log.log_end_offset();
  std::vector<EpochStart> epochs;
  if (start == end) return epochs;
  for (const log::EpochStart& entry : log.leader_epochs()) {
    if (entry.start >= end) break;
    if (!epochs.empty() && entry.start <= start) epochs.clear();
    epochs.push_back({entry.epoch, std::max(entry.start, start)});
  }
  if (!epochs.empty() && epochs.front().start == start) return epochs;
  return std::unexpected(
      fmt::format("{}/{}: does not say which epoch wrote offset {}; remove it, and it is made anew from the log", dir,
                  log::epoch_checkpoint_name, start));
}

// Appends what one control batch says of the voters.
MetadataLogResult<void> read_batch(runtime::File& file, const log::BatchInfo& info, const std::string& dir,
                                   VoterHistory& voters) {
  const auto broken = [&](std::string_view why) {
    return std::unexpected(
        fmt::format("{}: the batch at offset {} is bad: {}; {}", dir, info.base_offset, why, restore_or_format));
  };
  ByteBuffer bytes(info.bytes);
  const auto got = runtime::pread_full(file, bytes, info.position);
  if (!got) return std::unexpected(disk_failure(dir, "read", got.error()));
  if (*got < bytes.size()) return broken("it is cut short");
  const RecordBatchView batch{bytes};
  if (const auto valid = batch.validate(); !valid) return broken(to_string(valid.error()));
  std::vector<VoterChange> changes;
  if (const auto read = read_voter_changes(batch, changes); !read) return broken(read.error());
  for (const VoterChange& change : changes) {
    if (const auto* version = std::get_if<std::int16_t>(&change.value)) {
      voters.append(change.offset, *version);
    } else {
      voters.append(change.offset, VoterSet{*std::get<VoterSetPtr>(change.value)});
    }
  }
  return {};
}

// Steps over the batches from `from` on, and checks each: what has been answered is refused when it is damaged, before this
// node takes part in anything.
MetadataLogResult<void> read_voters(log::Log& log, const std::string& dir, Offset from, VoterHistory& voters) {
  const Offset end = log.log_end_offset();
  while (from < end) {
    const auto read = log.read(from, {.max_bytes = everything, .upper_bound = end, .min_one_message = true});
    if (!read) return std::unexpected(log_failure(dir, "read", read.error()));
    const log::FileRange& range = read->range;
    const Offset before = from;
    if (range.bytes > 0) {
      log::BatchScanner scanner{*range.file, range.position, range.position + range.bytes};
      log::BatchInfo info;
      while (true) {
        const auto more = scanner.next(info);
        if (!more && more.error().code == log::LogError::storage_error) {
          return std::unexpected(disk_failure(dir, "read", more.error().io));
        }
        if (!more || !*more) break;
        if (info.last_offset < from) continue;
        if (info.base_offset > from) break;
        if (auto done = read_batch(*range.file, info, dir, voters); !done) return done;
        from = info.next_offset();
      }
    }
    if (from == before) {
      return std::unexpected(fmt::format("{}: there is no batch at offset {}; {}", dir, from, restore_or_format));
    }
  }
  return {};
}

void take_snapshot(const ReadSnapshot& newest, VoterHistory& voters) {
  const Offset last = newest.stored.snapshot.id.offset - 1;
  if (newest.head.voters) voters.sets.reset(last, std::make_shared<const VoterSet>(*newest.head.voters));
  voters.versions.reset(last, newest.head.kraft_version);
}

}  // namespace

std::string log_failure(std::string_view dir, std::string_view verb, log::LogError error) {
  return fmt::format("{}: cannot {} the metadata log: {}; check the disk and the events of the log, then start the node again",
                     dir, verb, log::to_string(error));
}

MetadataLogResult<FoundOnDisk> restore(runtime::World& world, log::Log& log, const MetadataLogOptions& options) {
  if (log.quarantined()) {
    return std::unexpected(
        fmt::format("{}: the metadata log is {}: what was flushed before cannot be read, and nothing of it was "
                    "changed; {}, if other voters hold the metadata",
                    options.dir, log.quarantined_why(), restore_or_format));
  }
  // A crash may have come between a rename and the sync of the directory: what is read below must not be lost again.
  if (const auto synced = world.sync_dir(options.dir); !synced) {
    return std::unexpected(disk_failure(options.dir, "sync", synced.error()));
  }
  if (auto finished = finish_install(world, log, options.dir); !finished) return std::unexpected(std::move(finished.error()));
  auto election = read_election(world, options);
  if (!election) return std::unexpected(std::move(election.error()));
  auto read = read_snapshots(world, options.dir);
  if (!read) return std::unexpected(std::move(read.error()));
  std::vector<ReadSnapshot>& all = *read;
  const ReadSnapshot* bootstrap = !all.empty() && all.front().stored.snapshot.id == bootstrap_snapshot ? &all.front() : nullptr;
  const ReadSnapshot* newest = all.empty() || &all.back() == bootstrap ? nullptr : &all.back();
  const auto newest_id = newest == nullptr ? std::nullopt : std::optional{newest->stored.snapshot.id};
  if (auto settled = settle_log(log, options.dir, newest_id); !settled) return std::unexpected(std::move(settled.error()));

  VoterHistory voters{options.static_voters, static_voters_version};
  if (bootstrap != nullptr && bootstrap->head.voters) {
    voters = VoterHistory{*bootstrap->head.voters, bootstrap->head.kraft_version};
  }
  if (newest != nullptr) take_snapshot(*newest, voters);
  const Offset from = newest == nullptr ? log.log_start_offset() : newest_id->offset;
  if (auto done = read_voters(log, options.dir, from, voters); !done) return std::unexpected(std::move(done.error()));

  auto epochs = epochs_of(log, options.dir);
  if (!epochs) return std::unexpected(std::move(epochs.error()));
  std::vector<Snapshot> snapshots;
  std::vector<StoredSnapshot> stored;
  for (const ReadSnapshot& one : all) {
    snapshots.push_back(one.stored.snapshot);
    stored.push_back(one.stored);
  }
  return FoundOnDisk{
      .restored = {.election = *election,
                   .log = LogIndex{log.log_start_offset(), log.log_end_offset(), std::move(*epochs), std::move(snapshots)},
                   .voters = std::move(voters),
                   .committed = log.high_watermark()},
      .snapshots = std::move(stored)};
}

}  // namespace squall::raft
