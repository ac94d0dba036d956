// The batches in the files of a log, read from a virtual disk as reads would show them, without cost or delay.
#pragma once

#include <string>
#include <vector>

#include "scenarios/checks/replica_content.h"
#include "sim/node.h"

namespace squall::scenarios {

// `path` is the directory of the log.
[[nodiscard]] std::vector<StoredBatch> stored_batches(sim::Node& node, const std::string& path);

}  // namespace squall::scenarios
