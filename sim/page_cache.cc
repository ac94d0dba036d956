#include "sim/page_cache.h"

#include <algorithm>
#include <utility>

#include "sim/file_image.h"

namespace squall::sim {

PageCache::PageCache(std::uint64_t bytes) : limit_{limit_of(bytes)}, entries_(1) {}

// At least a chunk.
std::uint64_t PageCache::limit_of(std::uint64_t bytes) { return std::max(bytes, chunk_bytes) / page_bytes; }

void PageCache::unlink(std::uint32_t index) {
  const Entry& entry = entries_[index];
  entries_[entry.newer].older = entry.older;
  entries_[entry.older].newer = entry.newer;
}

void PageCache::push_newest(std::uint32_t index) {
  const std::uint32_t second = entries_[0].older;
  entries_[index].newer = 0;
  entries_[index].older = second;
  entries_[second].newer = index;
  entries_[0].older = index;
}

void PageCache::drop(std::uint32_t index) {
  Entry& entry = entries_[index];
  unlink(index);
  entry.file->set_residency(entry.chunk, 0);
  entry.file = nullptr;
  free_.push_back(index);
  resident_ -= entry.pages;
}

void PageCache::touch(FileImage& file, std::uint64_t chunk) {
  const std::uint64_t first = chunk * chunk_bytes;
  const std::uint64_t bytes = file.size() > first ? std::min(file.size() - first, chunk_bytes) : 0;
  const auto pages = static_cast<std::uint32_t>(std::max<std::uint64_t>((bytes + page_bytes - 1) / page_bytes, 1));
  if (const std::uint32_t index = file.residency(chunk); index != 0) {
    resident_ += pages;
    resident_ -= std::exchange(entries_[index].pages, pages);
    if (entries_[0].older != index) {
      unlink(index);
      push_newest(index);
    }
    return shrink();
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  entries_[index].file = &file;
  entries_[index].chunk = static_cast<std::uint32_t>(chunk);
  entries_[index].pages = pages;
  push_newest(index);
  file.set_residency(chunk, index);
  resident_ += pages;
  shrink();
}

void PageCache::evict(FileImage& file, std::uint64_t chunk) {
  if (const std::uint32_t index = file.residency(chunk); index != 0) drop(index);
  file.evicted(chunk);
}

void PageCache::shrink() {
  while (resident_ > limit_) {
    const std::uint32_t oldest = entries_[0].newer;
    FileImage& file = *entries_[oldest].file;
    const std::uint64_t chunk = entries_[oldest].chunk;
    drop(oldest);
    file.evicted(chunk);
  }
}

void PageCache::clear() {
  while (resident_ > 0) evict(*entries_[entries_[0].newer].file, entries_[entries_[0].newer].chunk);
}

void PageCache::forget(FileImage& file, std::uint64_t from_chunk) {
  for (std::uint64_t chunk = from_chunk; chunk < file.residency_end(); ++chunk) {
    if (const std::uint32_t index = file.residency(chunk); index != 0) drop(index);
  }
}

void PageCache::set_limit(std::uint64_t bytes) {
  limit_ = limit_of(bytes);
  shrink();
}

}  // namespace squall::sim
