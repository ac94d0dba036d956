#include "tests/support/memory_world.h"

#include <algorithm>

namespace squall::tests {

using runtime::IoError;
using runtime::OpenMode;
using runtime::Result;

namespace {

class OpenFile final : public runtime::File {
 public:
  OpenFile(MemoryWorld& world, std::string path, std::shared_ptr<MemoryFile> file)
      : world_{world}, path_{std::move(path)}, file_{std::move(file)} {}

  Result<std::size_t> pread(MutableBytes into, std::uint64_t at) override {
    if (auto called = world_.call("pread", path_); !called) return std::unexpected(called.error());
    if (at >= file_->cached.size()) return 0;
    const std::size_t bytes = std::min(into.size(), static_cast<std::size_t>(file_->cached.size() - at));
    std::copy_n(file_->cached.begin() + static_cast<std::ptrdiff_t>(at), bytes, into.begin());
    return bytes;
  }
  Result<std::size_t> pwritev(std::span<const ByteView> from, std::uint64_t at) override {
    if (auto called = world_.call("pwritev", path_); !called) return std::unexpected(called.error());
    // At most half at a time: callers must loop.
    const ByteView first = from.front();
    const std::size_t bytes = std::max<std::size_t>(first.size() / 2, std::min<std::size_t>(first.size(), 64));
    file_->write(first.first(bytes), at);
    return bytes;
  }
  Result<void> sync() override {
    auto called = world_.call("sync", path_);
    if (called) {
      file_->sync();
    } else if (called.error() == IoError::io_failure) {
      file_->lose();
    }
    return called;
  }
  Result<void> truncate(std::uint64_t size) override {
    auto called = world_.call("truncate", path_);
    if (called) file_->truncate(size);
    return called;
  }
  Result<void> preallocate(std::uint64_t) override { return {}; }
  Result<std::uint64_t> size() override { return file_->cached.size(); }

 private:
  MemoryWorld& world_;
  std::string path_;
  std::shared_ptr<MemoryFile> file_;
};

class OpenLock final : public runtime::FileLock {
 public:
  OpenLock(std::set<std::string>& locked, std::string path) : locked_{locked}, path_{std::move(path)} { locked_.insert(path_); }
  ~OpenLock() override { locked_.erase(path_); }
  OpenLock(const OpenLock&) = delete;
  OpenLock& operator=(const OpenLock&) = delete;

 private:
  std::set<std::string>& locked_;
  std::string path_;
};

}  // namespace

MemoryWorld::MemoryWorld(MemoryDisk& disk, std::uint64_t seed)
    : disk_{disk}, random_{seed}, switches_{random_.fork("switches")} {}

MemoryWorld::~MemoryWorld() = default;

bool MemoryWorld::run(std::function<void()> main) {
  bool done = false;
  scheduler_.spawn("main", [&] {
    main();
    done = true;
  });
  while (!done && !dead_) {
    if (scheduler_.run_ready()) continue;
    const Instant next = scheduler_.next_deadline();
    if (next == end_of_time) {
      if (!scheduler_.has_ready()) break;  // nobody will ever wake
      continue;
    }
    now_ = std::max(now_, next);
    scheduler_.fire_timers(now_);
  }
  const bool whole = done && !dead_;
  dead_ = true;
  for (int round = 0; round < 100 && scheduler_.alive() > 0; ++round) {
    scheduler_.cancel_all();
    while (scheduler_.run_ready()) {
    }
  }
  dead_ = !whole;
  return whole;
}

Result<void> MemoryWorld::call(std::string_view name, const std::string& path) {
  if (dead_) return std::unexpected(IoError::closed);
  if (disk_calls++ >= cut_after) {
    dead_ = true;
    throw runtime::FiberCancelled{};
  }
  if (fault) {
    if (const auto error = fault(name, path)) return std::unexpected(*error);
  }
  if (switches_.chance(1, 3)) scheduler_.yield();
  return {};
}

std::uint64_t MemoryWorld::count(runtime::EventName name) const {
  const auto found = events_.find(name);
  return found == events_.end() ? 0 : found->second;
}

void MemoryWorld::sleep_until(Instant until) {
  while (now_ < until) (void)scheduler_.park_until(until);
}

runtime::FiberId MemoryWorld::spawn(std::string_view name, runtime::FiberFunction function) {
  return scheduler_.spawn(name, std::move(function));
}

Result<std::unique_ptr<runtime::File>> MemoryWorld::open(const std::string& path, OpenMode mode) {
  if (auto called = call("open", path); !called) return std::unexpected(called.error());
  const auto [parent, name] = split_path(path);
  const auto dir = disk_.directory(parent);
  if (!dir) return std::unexpected(IoError::not_found);
  auto file = disk_.file(path);
  if (file && mode == OpenMode::create_new) return std::unexpected(IoError::already_exists);
  if (!file) {
    if (mode == OpenMode::read || mode == OpenMode::read_write) return std::unexpected(IoError::not_found);
    file = std::make_shared<MemoryFile>();
    dir->change({.removed = {}, .added = name, .file = file, .directory = nullptr});
  }
  return std::make_unique<OpenFile>(*this, path, file);
}

Result<void> MemoryWorld::create_dir(const std::string& path) {
  if (auto called = call("create_dir", path); !called) return called;
  const auto [parent, name] = split_path(path);
  const auto dir = disk_.directory(parent);
  if (!dir) return std::unexpected(IoError::not_found);
  if (dir->directories.contains(name)) return std::unexpected(IoError::already_exists);
  dir->change({.removed = {}, .added = name, .file = nullptr, .directory = std::make_shared<MemoryDirectory>()});
  return {};
}

Result<void> MemoryWorld::rename(const std::string& from, const std::string& to) {
  if (auto called = call("rename", from); !called) return called;
  const auto [from_parent, from_name] = split_path(from);
  const auto [to_parent, to_name] = split_path(to);
  const auto dir = disk_.directory(from_parent);
  if (!dir || from_parent != to_parent) return std::unexpected(IoError::not_found);
  const auto file = dir->files.find(from_name);
  const auto directory = dir->directories.find(from_name);
  if (file == dir->files.end() && directory == dir->directories.end()) return std::unexpected(IoError::not_found);
  MemoryDirectory::Change change{.removed = from_name, .added = to_name, .file = nullptr, .directory = nullptr};
  if (file != dir->files.end()) change.file = file->second;
  if (directory != dir->directories.end()) change.directory = directory->second;
  dir->change(std::move(change));
  return {};
}

Result<void> MemoryWorld::remove(const std::string& path) {
  if (auto called = call("remove", path); !called) return called;
  const auto [parent, name] = split_path(path);
  const auto dir = disk_.directory(parent);
  if (!dir) return std::unexpected(IoError::not_found);
  const auto directory = dir->directories.find(name);
  if (directory != dir->directories.end() && !(directory->second->files.empty() && directory->second->directories.empty())) {
    return std::unexpected(IoError::not_empty);
  }
  if (!dir->files.contains(name) && directory == dir->directories.end()) return std::unexpected(IoError::not_found);
  dir->change({.removed = name, .added = {}, .file = nullptr, .directory = nullptr});
  return {};
}

Result<std::vector<runtime::DirectoryEntry>> MemoryWorld::list(const std::string& path) {
  if (auto called = call("list", path); !called) return std::unexpected(called.error());
  const auto dir = disk_.directory(path);
  if (!dir) return std::unexpected(IoError::not_found);
  std::vector<runtime::DirectoryEntry> entries;
  for (const auto& [name, file] : dir->files) entries.push_back({name, false});
  for (const auto& [name, directory] : dir->directories) entries.push_back({name, true});
  std::ranges::sort(entries, {}, &runtime::DirectoryEntry::name);
  return entries;
}

Result<void> MemoryWorld::sync_dir(const std::string& path) {
  if (auto called = call("sync_dir", path); !called) return called;
  const auto dir = disk_.directory(path);
  if (!dir) return std::unexpected(IoError::not_found);
  dir->sync();
  return {};
}

Result<std::unique_ptr<runtime::FileLock>> MemoryWorld::lock(const std::string& path) {
  if (auto called = call("lock", path); !called) return std::unexpected(called.error());
  if (locked_.contains(path)) return std::unexpected(IoError::locked);
  if (!disk_.file(path)) disk_.put(path, {});
  return std::make_unique<OpenLock>(locked_, path);
}

}  // namespace squall::tests
