#include "tests/support/memory_disk.h"

#include <algorithm>

namespace squall::tests {
namespace {

void write_into(ByteBuffer& image, ByteView bytes, std::uint64_t at) {
  if (image.size() < at + bytes.size()) image.resize(at + bytes.size());
  std::copy(bytes.begin(), bytes.end(), image.begin() + static_cast<std::ptrdiff_t>(at));
}

void apply(std::map<std::string, std::shared_ptr<MemoryFile>>& files,
           std::map<std::string, std::shared_ptr<MemoryDirectory>>& directories, const MemoryDirectory::Change& change) {
  if (!change.removed.empty()) {
    files.erase(change.removed);
    directories.erase(change.removed);
  }
  if (change.added.empty()) return;
  if (change.file) files[change.added] = change.file;
  if (change.directory) directories[change.added] = change.directory;
}

}  // namespace

void MemoryFile::write(ByteView bytes, std::uint64_t at) {
  write_into(cached, bytes, at);
  changes.push_back({false, at, ByteBuffer(bytes.begin(), bytes.end())});
}

void MemoryFile::truncate(std::uint64_t size) {
  cached.resize(size);
  changes.push_back({true, size, {}});
}

void MemoryFile::sync() {
  if (lost) {
    for (const Change& change : changes) {
      if (change.truncate) {
        durable.resize(change.at);
      } else {
        write_into(durable, change.bytes, change.at);
      }
    }
  } else {
    durable = cached;
  }
  changes.clear();
}

void MemoryFile::lose() {
  changes.clear();
  lost = true;
}

void MemoryFile::cut_power(Random& random) {
  for (const Change& change : changes) {
    const std::uint64_t fate = random.below(3);
    if (fate == 0) continue;
    if (change.truncate) {
      durable.resize(change.at);
    } else {
      const std::size_t kept =
          fate == 1 ? change.bytes.size() : static_cast<std::size_t>(random.below(change.bytes.size() + 1));
      write_into(durable, ByteView{change.bytes}.first(kept), change.at);
    }
  }
  cached = durable;
  changes.clear();
  lost = false;
}

void MemoryDirectory::change(Change change) {
  apply(files, directories, change);
  changes.push_back(std::move(change));
}

void MemoryDirectory::sync() {
  durable_files = files;
  durable_directories = directories;
  changes.clear();
}

void MemoryDirectory::cut_power(Random& random) {
  for (const Change& change : changes) {
    if (random.chance(1, 2)) apply(durable_files, durable_directories, change);
  }
  changes.clear();
  files = durable_files;
  directories = durable_directories;
  for (auto& [name, file] : files) file->cut_power(random);
  for (auto& [name, directory] : directories) directory->cut_power(random);
}

std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::shared_ptr<MemoryDirectory> MemoryDisk::directory(const std::string& path) const {
  std::shared_ptr<MemoryDirectory> at = root;
  std::size_t from = 1;
  while (at && from < path.size()) {
    std::size_t end = path.find('/', from);
    if (end == std::string::npos) end = path.size();
    const auto found = at->directories.find(path.substr(from, end - from));
    at = found == at->directories.end() ? nullptr : found->second;
    from = end + 1;
  }
  return at;
}

std::shared_ptr<MemoryFile> MemoryDisk::file(const std::string& path) const {
  const auto [parent, name] = split_path(path);
  const auto dir = directory(parent);
  if (!dir) return nullptr;
  const auto found = dir->files.find(name);
  return found == dir->files.end() ? nullptr : found->second;
}

void MemoryDisk::put(const std::string& path, ByteView bytes) const {
  const auto [parent, name] = split_path(path);
  auto file = std::make_shared<MemoryFile>();
  file->cached = file->durable = ByteBuffer(bytes.begin(), bytes.end());
  const auto dir = directory(parent);
  dir->files[name] = dir->durable_files[name] = file;
}

void MemoryDisk::erase(const std::string& path) const {
  const auto [parent, name] = split_path(path);
  const auto dir = directory(parent);
  dir->files.erase(name);
  dir->durable_files.erase(name);
}

}  // namespace squall::tests
