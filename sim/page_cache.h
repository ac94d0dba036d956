// Which parts of a node's files are in memory: an LRU list of 64 KiB chunks with a size limit. A chunk takes as many pages as
// its file had bytes in it when it was used last, so that a small file takes one. Bytes themselves live in the FileImage; being
// resident only decides whether a read costs disk time.
#pragma once

#include <cstdint>
#include <vector>

namespace squall::sim {

class FileImage;

class PageCache {
 public:
  static constexpr std::uint64_t chunk_bytes = 64 * 1024;
  static constexpr std::uint64_t page_bytes = 4 * 1024;

  explicit PageCache(std::uint64_t bytes);

  // The chunk is used: it becomes the most recent, made resident if it was not; others may be evicted.
  void touch(FileImage& file, std::uint64_t chunk);
  // Evicts one chunk, if resident.
  void evict(FileImage& file, std::uint64_t chunk);
  // Evicts everything.
  void clear();
  // Drops the file's chunks without their latent faults coming to light: the file is gone or cut.
  void forget(FileImage& file, std::uint64_t from_chunk = 0);
  void set_limit(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t resident_bytes() const { return resident_ * page_bytes; }
  [[nodiscard]] std::uint64_t limit_bytes() const { return limit_ * page_bytes; }

 private:
  struct Entry {
    FileImage* file = nullptr;
    std::uint32_t chunk = 0;
    std::uint32_t pages = 0;
    std::uint32_t newer = 0;  // 0: none
    std::uint32_t older = 0;
  };
  void unlink(std::uint32_t index);
  void drop(std::uint32_t index);  // unlinks and frees
  void push_newest(std::uint32_t index);
  void shrink();

  static std::uint64_t limit_of(std::uint64_t bytes);

  std::uint64_t limit_;  // in pages, as `resident_`
  std::uint64_t resident_ = 0;
  std::vector<Entry> entries_;  // 0 is the list's anchor: `older` the newest, `newer` the oldest
  std::vector<std::uint32_t> free_;
};

}  // namespace squall::sim
