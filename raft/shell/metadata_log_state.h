// What a MetadataLog is made of. Only the files of it see this: `metadata_log` (effects, reading) and `metadata_snapshots`.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/files.h"
#include "raft/shell/metadata_log.h"
#include "raft/shell/restore.h"
#include "runtime/condition.h"

namespace squall::raft {

// Checkpoints the recovery point some time after a flush moved it. A fiber of its own, so that no flush waits for it; at most
// one, shared with the log that it serves and outliving it if need be.
struct RecoveryPointKeeper {
  RecoveryPointKeeper(runtime::World& its_world, std::shared_ptr<log::Log> its_log)
      : world{its_world}, log{std::move(its_log)}, stopped{its_world} {}
  runtime::World& world;
  std::shared_ptr<log::Log> log;
  runtime::Condition stopped;
  Offset kept = no_offset;
  std::optional<Instant> last;
  bool armed = false;
  bool stopping = false;
};

void keep_recovery_point(const std::shared_ptr<RecoveryPointKeeper>& keeper);

struct MetadataLog::State {
  struct Part {
    std::shared_ptr<runtime::File> file;
    std::int64_t size = 0;
    std::optional<SnapshotHead> head;  // once it was read and found whole
  };

  runtime::World& world;
  std::shared_ptr<log::Log> log;
  MetadataLogOptions options;
  Restored restored;
  std::vector<StoredSnapshot> snapshots;  // by offset
  std::map<OffsetAndEpoch, Part> parts;
  std::shared_ptr<RecoveryPointKeeper> keeper;

  [[nodiscard]] std::string path(OffsetAndEpoch id, std::string_view suffix = checkpoint_suffix) const {
    return options.dir + "/" + snapshot_file_name(id, suffix);
  }
  [[nodiscard]] std::unexpected<std::string> failed(std::string_view verb, log::LogError error) const {
    return std::unexpected(log_failure(options.dir, verb, error));
  }
  [[nodiscard]] const StoredSnapshot* find(OffsetAndEpoch id) const {
    const auto found = std::ranges::find(snapshots, id, [](const StoredSnapshot& one) { return one.snapshot.id; });
    return found == snapshots.end() ? nullptr : &*found;
  }
  void note(Snapshot snapshot, std::int64_t last_timestamp_ms) {
    std::erase_if(snapshots, [&](const StoredSnapshot& one) { return one.snapshot.id == snapshot.id; });
    const auto after = std::ranges::upper_bound(snapshots, snapshot.id.offset, {},
                                                [](const StoredSnapshot& one) { return one.snapshot.id.offset; });
    snapshots.insert(after, {snapshot, last_timestamp_ms});
  }
  MetadataLogResult<void> remove(OffsetAndEpoch id) {
    std::erase_if(snapshots, [&](const StoredSnapshot& one) { return one.snapshot.id == id; });
    if (const auto removed = log::remove_if_exists(world, path(id)); !removed) {
      return std::unexpected(disk_failure(path(id), "remove", removed.error()));
    }
    return {};
  }
};

}  // namespace squall::raft
