// What a node's metadata directory is given before its first start (KIP-853: `kafka-storage format`).
//
// `bootstrap.checkpoint` in metadata.log.dir: the feature levels, and what else the first leader of an empty log writes. With
// voters in the log, the all-zero snapshot in `__cluster_metadata-0`: kraft.version and the initial voters. `meta.properties`
// is the LogManager's: it opens the directory first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "raft/controller/decision.h"
#include "raft/shell/snapshot_file.h"
#include "runtime/world.h"

namespace squall::raft {

inline constexpr std::string_view bootstrap_file_name = "bootstrap.checkpoint";

struct FormatOptions {
  std::string metadata_log_dir;            // there is such a directory
  Records bootstrap;                       // metadata.version first
  std::optional<VoterSet> initial_voters;  // none: static voters, or a node that is to be added to a quorum
  std::int64_t now_ms = 0;
};

// May wait. Refuses a directory that was formatted, or used, before. Durable when done; cut short, it may be done again.
[[nodiscard]] MetadataLogResult<void> format_metadata_dir(runtime::World& world, const FormatOptions& options);
// May wait. What `bootstrap.checkpoint` holds; nothing if the directory is not formatted.
[[nodiscard]] MetadataLogResult<std::optional<Records>> read_bootstrap_records(runtime::World& world,
                                                                               const std::string& metadata_log_dir);

}  // namespace squall::raft
