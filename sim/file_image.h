// The bytes of one file, twice: as reads see them (cached) and as the platter would show them after a power cut (durable).
//
// Only the cached image is kept, with the changes that are not yet durable: each keeps the bytes that it replaced. A power cut
// walks them backwards to the durable image, then each meets its fate: kept, dropped, or torn at sector granularity.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/fifo.h"
#include "base/random.h"
#include "base/time.h"
#include "sim/page_cache.h"

namespace squall::sim {

inline constexpr std::uint64_t sector_bytes = 512;

// The weights by which the fate of each unsynced write and name is drawn. Names are kept or dropped only.
struct PowerCut {
  std::uint32_t keep = 1;
  std::uint32_t drop = 1;
  std::uint32_t tear = 1;
};

struct Fates {
  std::uint64_t kept = 0;
  std::uint64_t dropped = 0;
  std::uint64_t torn = 0;
  [[nodiscard]] std::uint64_t total() const { return kept + dropped + torn; }
};

class FileImage {
 public:
  explicit FileImage(PageCache& cache) : cache_{&cache} {}
  ~FileImage() { cache_->forget(*this); }
  FileImage(const FileImage&) = delete;
  FileImage& operator=(const FileImage&) = delete;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // What the disk's capacity counts: holes at the end of a chunk are free.
  [[nodiscard]] std::uint64_t allocated() const { return allocated_; }

  // What reads see. into.size() bytes from `at`, all below size().
  void read(MutableBytes into, std::uint64_t at) const;
  // Visible at once, durable once committed.
  void write(ByteView bytes, std::uint64_t at, Instant now);
  void truncate(std::uint64_t size, Instant now);

  // ---- durability ----
  // Everything up to now; commit(mark()) makes it durable.
  [[nodiscard]] std::uint64_t mark() const { return next_change_; }
  void commit(std::uint64_t mark);
  // A failed sync: what had not been durable never will be unless it is written again, though reads show it while it is in
  // memory.
  void lose(std::uint64_t mark);
  [[nodiscard]] std::uint64_t dirty_bytes() const { return dirty_bytes_; }
  [[nodiscard]] std::uint64_t dirty_bytes_before(std::uint64_t mark) const;
  // The mark behind the last change that is at least as old as `before`.
  [[nodiscard]] std::uint64_t mark_before(Instant before) const;
  [[nodiscard]] std::size_t unsynced_changes() const { return changes_.size(); }
  Fates power_cut(Random& random, const PowerCut& weights);

  // ---- residency, for the page cache ----
  // Bytes of [at, at + length) that are not resident, in whole chunks.
  [[nodiscard]] std::uint64_t missing(std::uint64_t at, std::uint64_t length) const;
  void touch(std::uint64_t at, std::uint64_t length);
  // Where the page cache has the chunk; 0: nowhere.
  [[nodiscard]] std::uint32_t residency(std::uint64_t chunk) const {
    if (chunk == 0) return first_residency_;
    return chunk <= later_residency_.size() ? later_residency_[chunk - 1] : 0;
  }
  void set_residency(std::uint64_t chunk, std::uint32_t place) {
    if (chunk > later_residency_.size()) later_residency_.resize(chunk);
    (chunk == 0 ? first_residency_ : later_residency_[chunk - 1]) = place;
  }
  // Of chunks from there on nothing was ever resident.
  [[nodiscard]] std::uint64_t residency_end() const { return later_residency_.size() + 1; }
  void evicted(std::uint64_t chunk);

  // ---- latent faults: come to light when the chunk leaves memory ----
  // The platter holds `bytes` at `at`, not what reads show. Overwriting the place heals it.
  void plant(ByteBuffer bytes, std::uint64_t at);
  // A change's bytes never reach the platter although its commit succeeds: what it replaced is planted again.
  void plant_old_bytes_of_last_change();

 private:
  struct Change {
    Instant at_time;
    std::uint64_t at = 0;
    std::uint64_t length = 0;
    std::uint64_t size_before = 0;
    std::uint64_t size_after = 0;
    ByteBuffer before;  // replaced bytes, from `at`; shorter where the file ended
    bool is_truncate = false;
    bool durable = false;
    bool lost = false;
    ByteBuffer after;  // only while a power cut is worked out
  };
  struct Latent {
    std::uint64_t at = 0;
    ByteBuffer bytes;
  };
  void plant_old_bytes_of(const Change& change);
  void put(ByteView bytes, std::uint64_t at);
  void set_size(std::uint64_t size);  // cut bytes read as zeros afterwards
  void undo(Change& change);
  void redo(const Change& change);
  void tear(const Change& change, Random& random);
  void overwritten(std::uint64_t at, std::uint64_t length);
  void surface(std::uint64_t from, std::uint64_t to);
  void pop_durable();
  [[nodiscard]] ByteBuffer copy(std::uint64_t at, std::uint64_t length) const;

  PageCache* cache_;
  std::vector<ByteBuffer> chunks_;              // each shorter than a chunk where the rest is zeros
  std::vector<std::uint32_t> later_residency_;  // of all chunks but the first: most files have one
  std::uint32_t first_residency_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t allocated_ = 0;
  Fifo<Change> changes_;  // not durable, or behind one that is not
  std::uint64_t first_change_ = 0;
  std::uint64_t next_change_ = 0;
  std::uint64_t dirty_bytes_ = 0;
  std::vector<Latent> latent_;
};

}  // namespace squall::sim
