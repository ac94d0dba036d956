#include "sim/disk.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "sim/node_world.h"
#include "sim/simulation.h"

namespace squall::sim {

using runtime::IoError;
using runtime::Result;

Disk::Disk(Node& node, std::string mount, const DiskProfile& profile, std::uint64_t capacity_bytes, Random random)
    : node_{node},
      mount_{std::move(mount)},
      original_capacity_{capacity_bytes != 0 ? capacity_bytes : profile.capacity_bytes},
      capacity_bytes_{original_capacity_},
      dirty_limit_{std::max<std::uint64_t>(node.page_cache().limit_bytes() / 5, 16 * PageCache::chunk_bytes)},
      device_{profile},
      names_{node.page_cache()},
      random_{random} {
  names_.make_durable_path(mount_);
}

std::optional<ByteBuffer> Disk::peek(std::string_view path) const {
  const InodeRef inode = names_.find(path);
  if (!inode || inode->is_directory) return std::nullopt;
  ByteBuffer bytes(inode->image.size());
  inode->image.read(bytes, 0);
  return bytes;
}

// ---- waiting ----

// A stall that begins while a request is under way holds that one up as well.
void Disk::wait_for(NodeWorld& world, Instant done) {
  if (slow_fault_ != 0) hit(slow_fault_);
  if (limit_fault_ != 0) hit(limit_fault_);
  while (node_.simulation().now() < done) {
    if (device_.stalled_until() > node_.simulation().now()) hit(stall_fault_);
    world.wait(done);
    if (node_.simulation().now() >= done) done = std::max(done, device_.stalled_until());
  }
}

void Disk::wait_while_dirty(NodeWorld& world) {
  const Instant now = node_.simulation().now();
  const std::uint64_t before = dirty_bytes_;
  write_back(now, now);
  if (before > dirty_bytes_) wait_for(world, device_.write(now, 0));
}

// ---- files ----

Result<void> Disk::load(NodeWorld& world, Inode& inode, const std::string& path, std::uint64_t at, std::uint64_t length) {
  if (should_fail(DiskOperation::read, path, at, length)) return std::unexpected{IoError::io_failure};
  const std::uint64_t missing = inode.image.missing(at, length);
  if (missing > 0) wait_for(world, device_.read(node_.simulation().now(), missing));
  if (at < inode.image.size()) inode.image.touch(at, std::min(length, inode.image.size() - at));
  return {};
}

Result<std::size_t> Disk::read(NodeWorld& world, Inode& inode, const std::string& path, MutableBytes into, std::uint64_t at) {
  const auto available = [&] {
    const std::uint64_t size = inode.image.size();
    return at >= size ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size - at));
  };
  std::size_t count = available();
  if (count == 0) return 0;
  if (count > 1 && world.draw_short()) count = 1 + world.io_random().below(count);
  if (auto loaded = load(world, inode, path, at, count); !loaded) return std::unexpected{loaded.error()};
  count = std::min(count, available());  // the load may have waited
  inode.image.read(into.first(count), at);
  return count;
}

Result<std::size_t> Disk::write(NodeWorld& world, const InodeRef& inode, const std::string& path,
                                std::span<const ByteView> from, std::uint64_t at) {
  std::uint64_t total = 0;
  for (const ByteView view : from) total += view.size();
  if (total == 0) return 0;
  if (should_fail(DiskOperation::write, path, at, total)) return std::unexpected{IoError::io_failure};
  if (total > 1 && world.draw_short()) total = 1 + world.io_random().below(total);
  FileImage& image = inode->image;
  const std::uint64_t growth = at + total > image.size() ? at + total - std::max(at, image.size()) : 0;
  if (growth > 0 && used_bytes_ + growth > capacity_bytes_) {
    const bool estimated = recount_due_;
    recount();
    if (!estimated || used_bytes_ + growth > capacity_bytes_) hit(capacity_fault_);
    const std::uint64_t room = capacity_bytes_ > used_bytes_ ? capacity_bytes_ - used_bytes_ : 0;
    if (growth > room) {
      if (total - growth + room == 0) return std::unexpected{IoError::no_space};
      total -= growth - room;
    }
  }
  const std::uint64_t allocated_before = image.allocated();
  std::uint64_t left = total;
  std::uint64_t position = at;
  ByteBuffer joined;  // one call is one write: its fate after a power cut is one
  ByteView bytes = from.front();
  if (bytes.size() < total) {
    joined.reserve(total);
    for (const ByteView view : from) {
      const ByteView part = view.first(static_cast<std::size_t>(std::min<std::uint64_t>(view.size(), left)));
      joined.insert(joined.end(), part.begin(), part.end());
      left -= part.size();
    }
    bytes = joined;
  }
  bytes = bytes.first(static_cast<std::size_t>(total));
  image.write(bytes, position, node_.simulation().now());
  dirty_bytes_ += total;
  used_bytes_ += image.allocated() - std::min(allocated_before, image.allocated());
  list_dirty(inode);
  if (phantoms_ > 0 || misdirected_ > 0) damage_last_write(*inode, path, bytes, position);
  if (dirty_bytes_ > dirty_limit_) wait_while_dirty(world);
  return static_cast<std::size_t>(total);
}

Result<void> Disk::sync(NodeWorld& world, Inode& inode, const std::string& path) {
  FileImage& image = inode.image;
  const std::uint64_t mark = image.mark();
  const std::uint64_t dirty = image.dirty_bytes();
  const Instant now = node_.simulation().now();
  const Instant written = dirty > 0 ? device_.write(now, dirty) : now;
  const Instant flushed = image.unsynced_changes() > 0 ? device_.flush(now) : now;
  wait_for(world, std::max(written, flushed));
  const std::uint64_t still_dirty = image.dirty_bytes();
  const bool fails = should_fail(DiskOperation::sync, path, 0, UINT64_MAX);
  const bool loses = failing_syncs_ > 0;
  if (loses) {
    --failing_syncs_;
    hit(sync_fault_);
  }
  if (fails || loses) {
    image.lose(mark);
  } else {
    image.commit(mark);
  }
  cleaned(still_dirty - image.dirty_bytes());
  if (fails || loses) return std::unexpected{IoError::io_failure};
  return {};
}

Result<void> Disk::truncate(const InodeRef& inode, std::uint64_t size) {
  const std::uint64_t before = inode->image.allocated();
  inode->image.truncate(size, node_.simulation().now());
  used_bytes_ += inode->image.allocated();
  used_bytes_ -= std::min(used_bytes_, before);
  list_dirty(inode);
  return {};
}

Result<void> Disk::sync_dir(NodeWorld& world, const std::string& path) {
  const InodeRef directory = names_.find(path);
  if (!directory) return std::unexpected{IoError::not_found};
  if (!directory->is_directory) return std::unexpected{IoError::not_a_directory};
  if (names_.unsynced_changes() > 0) wait_for(world, device_.flush(node_.simulation().now()));
  if (should_fail(DiskOperation::sync, path, 0, UINT64_MAX)) return std::unexpected{IoError::io_failure};
  return names_.sync(path);
}

// ---- dirty pages ----

void Disk::list_dirty(const InodeRef& inode) {
  if (inode->listed_dirty) return;
  inode->listed_dirty = true;
  dirty_files_.push_back(inode);
  node_.note_dirty();
}

// Saturates: a wiped disk has forgotten what its open files still hold.
void Disk::cleaned(std::uint64_t bytes) { dirty_bytes_ -= std::min(dirty_bytes_, bytes); }

bool Disk::write_back(Instant now, Instant before) {
  names_.commit(names_mark_);
  names_mark_ = names_.mark();
  for (const InodeRef& inode : dirty_files_) {
    FileImage& image = inode->image;
    const std::uint64_t mark = image.mark_before(before);
    const std::uint64_t bytes = image.dirty_bytes_before(mark);
    if (bytes > 0) device_.write(now, bytes);
    image.commit(mark);
    cleaned(bytes);
  }
  std::erase_if(dirty_files_, [](const InodeRef& inode) {
    inode->listed_dirty = inode->image.unsynced_changes() > 0;
    return !inode->listed_dirty;
  });
  return !dirty_files_.empty() || names_.unsynced_changes() > 0;
}

void Disk::recount() {
  recount_due_ = false;
  used_bytes_ = 0;
  names_.for_each_file([this](const std::string&, Inode& inode) { used_bytes_ += inode.image.allocated(); });
}

// ---- power ----

Fates Disk::power_cut(const PowerCut& weights) {
  Fates fates;
  const auto add = [&fates](const Fates& more) {
    fates.kept += more.kept;
    fates.dropped += more.dropped;
    fates.torn += more.torn;
  };
  for (const InodeRef& inode : dirty_files_) {
    add(inode->image.power_cut(random_, weights));
    inode->listed_dirty = false;
  }
  add(names_.power_cut(random_, weights));
  dirty_files_.clear();
  dirty_bytes_ = 0;
  names_mark_ = names_.mark();
  device_.reset();
  recount();
  return fates;
}

}  // namespace squall::sim
