#include "sim/file.h"

#include <algorithm>
#include <utility>

namespace squall::sim {

using runtime::IoError;
using runtime::Result;

SimFile::SimFile(NodeWorld& world, Disk& disk, InodeRef inode, std::string path, bool writable)
    : world_{world}, disk_{disk}, inode_{std::move(inode)}, path_{std::move(path)}, writable_{writable} {
  ++world_.open_files;
}

SimFile::~SimFile() { --world_.open_files; }

Result<std::size_t> SimFile::pread(MutableBytes into, std::uint64_t at) {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  const auto count = disk_.read(world_, *inode_, path_, into, at);
  if (!count) return std::unexpected{world_.failed(Crossing::file_read, count.error())};
  world_.record(Crossing::file_read, at, *count, digest_of(into.first(*count)));
  return count;
}

Result<std::size_t> SimFile::pwritev(std::span<const ByteView> from, std::uint64_t at) {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  if (!writable_) return std::unexpected{world_.failed(Crossing::file_write, IoError::access_denied)};
  const auto count = disk_.write(world_, inode_, path_, from, at);
  if (!count) return std::unexpected{world_.failed(Crossing::file_write, count.error())};
  std::uint64_t digest = inode_->id;
  std::size_t left = *count;
  for (const ByteView view : from) {
    const ByteView part = view.first(std::min(view.size(), left));
    digest = combine(digest, digest_of(part));
    left -= part.size();
  }
  world_.record(Crossing::file_write, at, *count, digest);
  return count;
}

Result<void> SimFile::sync() {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  world_.settle();
  const auto result = disk_.sync(world_, *inode_, path_);
  if (!result) return std::unexpected{world_.failed(Crossing::file_sync, result.error())};
  world_.record(Crossing::file_sync, inode_->id, 0);
  return {};
}

Result<void> SimFile::truncate(std::uint64_t size) {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  if (!writable_) return std::unexpected{world_.failed(Crossing::file_truncate, IoError::access_denied)};
  world_.settle();
  const auto result = disk_.truncate(inode_, size);
  if (!result) return std::unexpected{world_.failed(Crossing::file_truncate, result.error())};
  world_.record(Crossing::file_truncate, inode_->id, size);
  return {};
}

Result<void> SimFile::preallocate(std::uint64_t /*size*/) {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  return {};  // room is only taken by what is written
}

Result<std::uint64_t> SimFile::size() {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  return inode_->image.size();
}

SimFileLock::SimFileLock(NodeWorld& world, std::string path) : world_{world}, path_{std::move(path)} {
  world_.locked_paths.push_back(path_);
  ++world_.held_locks;
}

SimFileLock::~SimFileLock() {
  std::erase(world_.locked_paths, path_);
  --world_.held_locks;
}

}  // namespace squall::sim
