// Names: directories, renames, locks. All of it is helpers' work, and may wait.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/io.h"
#include "runtime/linux/core.h"

namespace squall::runtime {

Result<void> create_directory(Core& core, const std::string& path);
Result<void> rename_path(Core& core, const std::string& from, const std::string& to);
Result<void> remove_path(Core& core, const std::string& path);
Result<std::vector<DirectoryEntry>> list_directory(Core& core, const std::string& path);
Result<void> sync_directory(Core& core, const std::string& path);
// An open-file-description lock: it conflicts with the record locks that the JVM's Kafka takes, and within one process too.
Result<std::unique_ptr<FileLock>> lock_file(Core& core, const std::string& path);
Result<DiskSpace> disk_space(Core& core, const std::string& path);

}  // namespace squall::runtime
