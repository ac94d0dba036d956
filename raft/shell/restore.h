// What a node finds of its metadata log when it starts: the election state, the log, the snapshots, and the voters that follow
// from all of them (KIP-595, KIP-630, KIP-853).
//
// Voters and kraft.version, each source above the one before: controller.quorum.voters; the all-zero snapshot that the node was
// formatted with; the newest snapshot; the control records of the log behind it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "log/log.h"
#include "raft/quorum/quorum.h"
#include "raft/shell/metadata_log.h"
#include "runtime/world.h"

namespace squall::raft {

struct StoredSnapshot {
  Snapshot snapshot;
  std::int64_t last_timestamp_ms = 0;
};

struct FoundOnDisk {
  Restored restored;
  std::vector<StoredSnapshot> snapshots;  // by offset
};

// May wait. Removes what was left unfinished and finishes an install that was cut short.
[[nodiscard]] MetadataLogResult<FoundOnDisk> restore(runtime::World& world, log::Log& log, const MetadataLogOptions& options);

// "<dir>: cannot <verb> the metadata log: <error>; ..."
[[nodiscard]] std::string log_failure(std::string_view dir, std::string_view verb, log::LogError error);

}  // namespace squall::raft
