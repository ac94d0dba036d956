// A disk in memory with two images, cached and durable, of bytes and of names: what a power cut forgets, it forgets.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"

namespace squall::tests {

struct MemoryFile {
  struct Change {  // since the last sync
    bool truncate = false;
    std::uint64_t at = 0;  // or the size
    ByteBuffer bytes;
  };
  ByteBuffer cached;
  ByteBuffer durable;
  std::vector<Change> changes;
  bool lost = false;  // the durable image lacks more than `changes`

  void write(ByteView bytes, std::uint64_t at);
  void truncate(std::uint64_t size);
  void sync();
  // A failed sync: reads go on showing what it should have saved, but only what is written again can become durable.
  void lose();
  // Each change since the last sync is kept, torn or dropped.
  void cut_power(Random& random);
};

struct MemoryDirectory {
  struct Change {
    std::string removed;  // a name that went, if any
    std::string added;    // a name that came, if any
    std::shared_ptr<MemoryFile> file;
    std::shared_ptr<MemoryDirectory> directory;
  };
  std::map<std::string, std::shared_ptr<MemoryFile>> files, durable_files;
  std::map<std::string, std::shared_ptr<MemoryDirectory>> directories, durable_directories;
  std::vector<Change> changes;

  void change(Change change);
  void sync();
  void cut_power(Random& random);
};

// What outlives the process.
struct MemoryDisk {
  std::shared_ptr<MemoryDirectory> root = std::make_shared<MemoryDirectory>();

  void cut_power(Random& random) { root->cut_power(random); }
  // For tests: the file at an absolute path; null if there is none. And all names below a directory.
  [[nodiscard]] std::shared_ptr<MemoryFile> file(const std::string& path) const;
  [[nodiscard]] std::shared_ptr<MemoryDirectory> directory(const std::string& path) const;
  // Puts a file there, durably.
  void put(const std::string& path, ByteView bytes) const;
  void erase(const std::string& path) const;
};

[[nodiscard]] std::pair<std::string, std::string> split_path(const std::string& path);

}  // namespace squall::tests
