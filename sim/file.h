// Handles of one process on its disks.
#pragma once

#include <memory>
#include <string>

#include "runtime/io.h"
#include "sim/disk.h"
#include "sim/node_world.h"

namespace squall::sim {

class SimFile final : public runtime::File {
 public:
  SimFile(NodeWorld& world, Disk& disk, InodeRef inode, std::string path, bool writable);
  ~SimFile() override;

  runtime::Result<std::size_t> pread(MutableBytes into, std::uint64_t at) override;
  runtime::Result<std::size_t> pwritev(std::span<const ByteView> from, std::uint64_t at) override;
  runtime::Result<void> sync() override;
  runtime::Result<void> truncate(std::uint64_t size) override;
  runtime::Result<void> preallocate(std::uint64_t size) override;
  runtime::Result<std::uint64_t> size() override;

  // For send_file.
  [[nodiscard]] Disk& disk() const { return disk_; }
  [[nodiscard]] Inode& inode() const { return *inode_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  NodeWorld& world_;
  Disk& disk_;
  InodeRef inode_;
  std::string path_;
  bool writable_;
};

class SimFileLock final : public runtime::FileLock {
 public:
  SimFileLock(NodeWorld& world, std::string path);
  ~SimFileLock() override;

 private:
  NodeWorld& world_;
  std::string path_;
};

}  // namespace squall::sim
