// The topic that the metadata log is (its id is `metadata_topic_id`): one partition, in one directory of a node.
#pragma once

#include <string>
#include <string_view>

#include "base/uuid.h"

namespace squall::raft {

inline constexpr std::string_view metadata_topic_name = "__cluster_metadata";
// Of its one partition, and so of its directory.
inline constexpr std::string_view metadata_log_name = "__cluster_metadata-0";

// Where the log is, in the directory that metadata.log.dir names.
[[nodiscard]] inline std::string metadata_log_path(std::string_view metadata_log_dir) {
  return std::string{metadata_log_dir} + "/" + std::string{metadata_log_name};
}

}  // namespace squall::raft
