// Opening log directories: whose they are, and the logs in them.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "log/files.h"
#include "log/log_state.h"
#include "log/manager_state.h"
#include "log/recovery.h"
#include "runtime/together.h"

namespace squall::log {

using runtime::EventName;
using runtime::IoError;

namespace {

constexpr std::string_view delete_kind = "-delete";

OpenError wrong(const LogDir& dir, std::string reason) { return {dir.path(), std::move(reason)}; }

struct Checkpoints {
  OffsetCheckpoint recovery_points, log_starts, high_watermarks;
};

// A checkpoint that is missing is empty; one that makes no sense is ignored.
std::expected<OffsetCheckpoint, LogError> read_checkpoint(LogDir& dir, std::string_view name) {
  const auto bytes = read_file(dir.world(), dir.path() + "/" + std::string{name});
  if (!bytes) return std::unexpected(dir.fail(bytes.error(), name));
  if (!*bytes) return OffsetCheckpoint{};
  if (auto offsets = parse_offset_checkpoint(as_text(**bytes))) return std::move(*offsets);
  dir.world().emit(EventName::checkpoint_ignored, {{"dir", dir.path()}, {"file", name}});
  return OffsetCheckpoint{};
}

std::expected<Checkpoints, LogError> read_checkpoints(LogDir& dir) {
  auto recovery_points = read_checkpoint(dir, recovery_point_checkpoint_name);
  if (!recovery_points) return std::unexpected(recovery_points.error());
  auto log_starts = read_checkpoint(dir, log_start_checkpoint_name);
  if (!log_starts) return std::unexpected(log_starts.error());
  auto high_watermarks = read_checkpoint(dir, high_watermark_checkpoint_name);
  if (!high_watermarks) return std::unexpected(high_watermarks.error());
  return Checkpoints{std::move(*recovery_points), std::move(*log_starts), std::move(*high_watermarks)};
}

std::optional<Offset> entry_of(const OffsetCheckpoint& offsets, const TopicPartition& partition) {
  const auto found = offsets.find(partition);
  return found == offsets.end() ? std::nullopt : std::optional{found->second};
}

// The id in `partition.metadata`; zero if there is none that can be read.
std::expected<Uuid, LogError> read_topic_id(LogState& log) {
  const auto bytes = read_file(log.world, log.path + "/" + std::string{partition_metadata_name});
  if (!bytes) return std::unexpected(log.failed(bytes.error(), partition_metadata_name).error());
  if (!*bytes) return Uuid{};
  const auto text = parse_partition_metadata(as_text(**bytes));
  const auto id = text ? Uuid::parse(*text) : std::nullopt;
  if (id) return *id;
  log.world.emit(EventName::checkpoint_ignored, {{"partition", log.name}, {"file", partition_metadata_name}});
  return Uuid{};
}

// It is written before the first log is made, so a directory with logs had one.
bool holds_logs(const LogDir& dir) {
  const auto entries = dir.world().list(dir.path());
  if (!entries) return false;  // reading the directory again, to load it, will tell
  return std::ranges::any_of(*entries,
                             [](const auto& entry) { return entry.is_directory && parse_directory_name(entry.name); });
}

}  // namespace

// Locks the directory and reads its meta.properties; writes nothing. An I/O error takes the directory offline and is no
// OpenError.
std::expected<std::optional<MetaProperties>, OpenError> ManagerState::claim_dir(LogDir& dir) {
  auto made = world.create_dir(dir.path());
  if (made) made = world.sync_dir(parent_of(dir.path()));
  if (!made && made.error() != IoError::already_exists) {
    (void)dir.fail(made.error(), "create directory");
    return std::nullopt;
  }
  auto lock = world.lock(dir.path() + "/" + std::string{lock_name});
  if (!lock && lock.error() == IoError::locked) {
    return std::unexpected(
        wrong(dir, "another process uses this log directory; end it, or name another directory in log.dirs"));
  }
  if (!lock) {
    (void)dir.fail(lock.error(), "lock");
    return std::nullopt;
  }
  dir.lock = std::move(*lock);
  const auto bytes = read_file(world, dir.path() + "/" + std::string{meta_properties_name});
  if (!bytes) {
    (void)dir.fail(bytes.error(), meta_properties_name);
    return std::nullopt;
  }
  if (*bytes) {
    auto theirs = parse_meta_properties(as_text(**bytes));
    if (!theirs) return std::unexpected(wrong(dir, "meta.properties: " + theirs.error() + "; restore it from a copy"));
    return *std::move(theirs);
  }
  if (!holds_logs(dir)) return std::nullopt;
  return std::unexpected(wrong(dir,
                               "meta.properties is gone, but there are logs; restore it from a copy, or remove the "
                               "directory to begin anew"));
}

std::expected<void, OpenError> ManagerState::check_owner(const LogDir& dir, const MetaProperties& theirs) const {
  if (theirs.cluster_id != cluster_id) {
    return std::unexpected(wrong(dir, fmt::format("meta.properties: belongs to cluster {}, not {} like this node's other "
                                                  "directories; name only directories of one cluster in log.dirs",
                                                  theirs.cluster_id, cluster_id)));
  }
  if (theirs.node_id != options.node_id) {
    return std::unexpected(wrong(
        dir, fmt::format("meta.properties: belongs to node {}, not {}; correct node.id, or name this node's own directory in "
                         "log.dirs (disks may be swapped)",
                         theirs.node_id, options.node_id)));
  }
  return {};
}

// Completes meta.properties, or writes it to a directory that is new.
void ManagerState::identify(LogDir& dir, const std::optional<MetaProperties>& theirs) {
  MetaProperties ours{.cluster_id = cluster_id, .node_id = options.node_id, .directory_id = {}};
  if (theirs) ours.directory_id = theirs->directory_id;
  const bool complete = theirs && theirs->version == 1 && !theirs->directory_id.is_zero();
  if (ours.directory_id.is_zero()) ours.directory_id = Uuid::random(ids_);
  dir.directory_id = ours.directory_id;
  if (complete) return;
  const std::string path = dir.path() + "/" + std::string{meta_properties_name};
  if (auto written = write_file_atomically(world, path, as_bytes(to_text(ours))); !written) {
    (void)dir.fail(written.error(), meta_properties_name);
  }
}

// All directories are looked at before anything is written to one: a start that is refused leaves them as they were. One that
// is empty joins the cluster of the others.
std::expected<void, OpenError> ManagerState::claim_dirs() {
  std::vector<std::optional<MetaProperties>> found;
  for (const auto& dir : dirs) {
    auto claimed = claim_dir(*dir);
    if (!claimed) return std::unexpected(claimed.error());
    if (*claimed && cluster_id.empty()) cluster_id = (*claimed)->cluster_id;
    found.push_back(*std::move(claimed));
  }
  std::set<Uuid> ids;
  for (std::size_t i = 0; i < dirs.size(); ++i) {
    if (!found[i]) continue;
    if (auto ours = check_owner(*dirs[i], *found[i]); !ours) return ours;
    if (found[i]->directory_id.is_zero() || ids.insert(found[i]->directory_id).second) continue;
    return std::unexpected(wrong(*dirs[i],
                                 "meta.properties: its directory.id is that of another log directory; it is a copy: "
                                 "name only one of the two in log.dirs"));
  }
  for (std::size_t i = 0; i < dirs.size(); ++i) {
    if (!dirs[i]->online()) continue;
    if (cluster_id.empty()) cluster_id = Uuid::random(ids_).to_string();
    identify(*dirs[i], found[i]);
  }
  return {};
}

// The mark goes before anything is loaded: a crash from here on is an unclean one (KAFKA-10471).
std::expected<void, OpenError> ManagerState::take_clean_mark(LogDir& dir) {
  const std::string path = dir.path() + "/" + std::string{clean_shutdown_name};
  const auto bytes = read_file(world, path);
  if (!bytes) {
    (void)dir.fail(bytes.error(), clean_shutdown_name);
    return {};
  }
  if (!*bytes) return {};
  dir.was_clean = true;
  dir.previous_broker_epoch = parse_clean_shutdown(as_text(**bytes)).value_or(-1);
  auto removed = world.remove(path);
  if (removed) removed = world.sync_dir(dir.path());
  if (!removed) (void)dir.fail(removed.error(), clean_shutdown_name);
  return {};
}

// A directory that failed while a log was made in it keeps an empty one; its partition may have been made in another directory
// since.
void ManagerState::remove_half_made() {
  std::map<std::string, std::vector<LogDir*>> places;
  for (const auto& dir : dirs) {
    if (dirs.size() == 1 || !dir->online()) continue;
    const auto entries = world.list(dir->path());
    if (!entries) continue;  // as it is loaded, that is told
    for (const auto& entry : *entries) {
      if (entry.is_directory && parse_directory_name(entry.name)) places[entry.name].push_back(dir.get());
    }
  }
  const auto is_empty = [&](const std::string& path) {
    const auto files = world.list(path);
    return files && std::ranges::none_of(*files, [](const auto& file) { return file.name.ends_with(log_suffix); });
  };
  for (const auto& [name, places_of_one] : places) {
    std::size_t left = places_of_one.size();
    for (LogDir* dir : places_of_one) {
      const std::string path = dir->path() + "/" + name;
      if (left == 1 || !is_empty(path)) continue;
      --left;
      if (auto removed = remove_directory(world, path); !removed) (void)dir->fail(removed.error(), "remove half-made log");
    }
  }
}

std::expected<void, OpenError> ManagerState::load_dir(const std::shared_ptr<LogDir>& dir) {
  const auto checkpoints = read_checkpoints(*dir);
  if (!checkpoints) return {};
  const auto entries = world.list(dir->path());
  if (!entries) {
    (void)dir->fail(entries.error(), "list");
    return {};
  }
  std::vector<TopicPartition> found;
  for (const auto& entry : *entries) {
    if (!entry.is_directory) continue;
    if (entry.name.ends_with(delete_kind)) dir->delete_later({dir->path() + "/" + entry.name}, 0);
    const auto partition = parse_directory_name(entry.name);
    if (!partition) continue;
    if (logs.contains(*partition)) {
      return std::unexpected(wrong(*dir, fmt::format("{} is in another log directory, too", entry.name)));
    }
    logs[*partition] = nullptr;
    found.push_back(*partition);
  }
  const std::set<TopicPartition> here{found.begin(), found.end()};
  for (const OffsetCheckpoint* told :
       {&checkpoints->recovery_points, &checkpoints->log_starts, &checkpoints->high_watermarks}) {
    for (const auto& [partition, offset] : *told) {
      if (!here.contains(partition)) dir->departed(partition);
    }
  }
  for (const auto& [partition, offset] : checkpoints->recovery_points) {
    if (!here.contains(partition) && offset > Offset{0}) lost_below[partition] = offset;
  }
  if (!dir->was_clean && !found.empty()) {
    // The name of a log that was made just before the end may not be on the disk.
    if (auto synced = world.sync_dir(dir->path()); !synced) {
      (void)dir->fail(synced.error(), "recover");
      return {};
    }
  }
  std::size_t next = 0;
  const auto work = [&] {
    while (next < found.size() && dir->online()) {
      const TopicPartition& partition = found[next++];
      auto state = std::make_unique<LogState>(world, dir, partition, dir->path() + "/" + directory_name(partition),
                                              options.config_of(partition.topic));
      dir->add(*state);
      const auto id = read_topic_id(*state);
      if (id) state->topic_id = *id;
      const LoadInput input{.clean = dir->was_clean,
                            .recovery_point = entry_of(checkpoints->recovery_points, partition),
                            .log_start = entry_of(checkpoints->log_starts, partition),
                            .high_watermark = entry_of(checkpoints->high_watermarks, partition)};
      if (id) (void)load_log(*state, input);  // if it fails, the directory is offline, and the log says so
      if (input.recovery_point && *input.recovery_point > state->log_end) lost_below[partition] = *input.recovery_point;
      logs[partition] = std::make_shared<Log>(std::move(state));
    }
  };
  runtime::together(world, "log-recovery", std::min(static_cast<std::size_t>(options.recovery_fibers_per_dir), found.size()),
                    work);
  std::erase_if(logs, [](const auto& log) { return log.second == nullptr; });  // not reached before the directory failed
  return {};
}

OpenError ManagerState::none_usable() const {
  std::string why;
  for (const auto& dir : dirs) why += fmt::format("{}{}: {}", why.empty() ? "" : "; ", dir->path(), dir->failure());
  return {dirs.empty() ? "" : dirs.front()->path(),
          fmt::format("no log directory is usable ({}); see to the disk and the permissions, or name another directory in "
                      "log.dirs",
                      why)};
}

std::expected<void, OpenError> ManagerState::open() {
  const auto online = [&] { return std::ranges::any_of(dirs, [](const auto& dir) { return dir->online(); }); };
  if (auto claimed = claim_dirs(); !claimed) return claimed;
  for (const auto& dir : dirs) {
    if (!dir->online()) continue;
    if (auto taken = take_clean_mark(*dir); !taken) return taken;
  }
  was_clean = std::ranges::all_of(dirs, [](const auto& dir) { return dir->online() && dir->was_clean; });
  if (was_clean) previous_broker_epoch = dirs.front()->previous_broker_epoch;
  for (const auto& dir : dirs) {
    if (dir->online() && dir->previous_broker_epoch != previous_broker_epoch) previous_broker_epoch = -1;
  }
  remove_half_made();
  for (const auto& dir : dirs) {
    if (!dir->online()) continue;
    if (auto loaded = load_dir(dir); !loaded) return loaded;
  }
  if (!online()) return std::unexpected(none_usable());
  return {};
}

}  // namespace squall::log
