// Faults of a disk.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "sim/disk.h"
#include "sim/node_world.h"
#include "sim/simulation.h"

namespace squall::sim {

std::string Disk::target() const { return fmt::format("{}:{}", node_.name(), mount_); }

FaultId Disk::inject(std::string_view kind) { return node_.simulation().inject(kind, target()); }

void Disk::hit(FaultId fault) { node_.simulation().hit(fault); }

// ---- time ----

FaultId Disk::stall(Duration duration) {
  stall_fault_ = inject("disk-stall");
  device_.stall_until(node_.simulation().now() + duration);
  return stall_fault_;
}

FaultId Disk::slow(std::uint64_t percent) {
  device_.set_slowness(percent);
  slow_fault_ = percent == 100 ? 0 : inject("disk-slow");
  return slow_fault_;
}

FaultId Disk::limit(std::uint64_t iops, std::uint64_t bytes_per_second) {
  device_.limit(iops, bytes_per_second);
  limit_fault_ = iops == 0 && bytes_per_second == 0 ? 0 : inject("disk-limit");
  return limit_fault_;
}

// ---- errors ----

FaultId Disk::fail(ErrorRule rule) {
  const FaultId fault = inject("disk-error");
  rules_.push_back({.rule = std::move(rule), .fault = fault});
  return fault;
}

bool Disk::should_fail(DiskOperation operation, const std::string& path, std::uint64_t at, std::uint64_t length) {
  for (ActiveRule& active : rules_) {
    ErrorRule& rule = active.rule;
    if (rule.operation != operation || rule.times == 0 || !path.starts_with(rule.path_prefix)) continue;
    const std::uint64_t end = length > UINT64_MAX - at ? UINT64_MAX : at + length;
    if (end <= rule.from || at >= rule.to) continue;
    if (rule.one_in > 1 && random_.below(rule.one_in) != 0) continue;
    if (rule.times != UINT32_MAX) --rule.times;
    hit(active.fault);
    return true;
  }
  return false;
}

FaultId Disk::set_capacity(std::uint64_t bytes) {
  capacity_bytes_ = bytes;
  capacity_fault_ = inject("disk-full");
  return capacity_fault_;
}

FaultId Disk::fail_next_syncs(std::uint32_t count) {
  failing_syncs_ = count;
  sync_fault_ = inject("failed-sync");
  return sync_fault_;
}

// ---- damage ----

FaultId Disk::rot(std::string_view path, std::uint64_t at, std::uint8_t mask) {
  const FaultId fault = inject("bit-rot");
  const InodeRef inode = names_.find(path);
  if (!inode || inode->is_directory || at >= inode->image.size()) return fault;
  rot_byte(*inode, at, mask);
  hit(fault);
  return fault;
}

void Disk::rot_byte(Inode& inode, std::uint64_t at, std::uint8_t mask) {
  ByteBuffer byte(1);
  inode.image.read(byte, at);
  byte[0] = static_cast<std::uint8_t>(byte[0] ^ mask);
  inode.image.plant(std::move(byte), at);
  node_.page_cache().evict(inode.image, at / PageCache::chunk_bytes);
}

FaultId Disk::rot_anywhere() {
  const FaultId fault = inject("bit-rot");
  std::uint64_t total = 0;
  names_.for_each_file([&](const std::string&, const Inode& inode) { total += inode.image.size(); });
  if (total == 0) return fault;
  std::uint64_t at = random_.below(total);
  const auto mask = static_cast<std::uint8_t>(1U << random_.below(8));
  names_.for_each_file([&, done = false](const std::string&, Inode& inode) mutable {
    if (done) return;
    if (at >= inode.image.size()) {
      at -= inode.image.size();
      return;
    }
    rot_byte(inode, at, mask);
    done = true;
  });
  hit(fault);
  return fault;
}

FaultId Disk::phantom_writes(std::uint32_t count, std::string path_prefix) {
  phantoms_ = count;
  phantom_prefix_ = std::move(path_prefix);
  phantom_fault_ = inject("phantom-write");
  return phantom_fault_;
}

FaultId Disk::misdirect_writes(std::uint32_t count, std::string path_prefix) {
  misdirected_ = count;
  misdirect_prefix_ = std::move(path_prefix);
  misdirect_fault_ = inject("misdirected-write");
  return misdirect_fault_;
}

void Disk::damage_last_write(Inode& inode, const std::string& path, ByteView bytes, std::uint64_t at) {
  if (phantoms_ > 0 && path.starts_with(phantom_prefix_)) {
    --phantoms_;
    hit(phantom_fault_);
    inode.image.plant_old_bytes_of_last_change();
    return;
  }
  if (misdirected_ == 0 || !path.starts_with(misdirect_prefix_)) return;
  --misdirected_;
  hit(misdirect_fault_);
  inode.image.plant_old_bytes_of_last_change();
  const std::uint64_t sectors = inode.image.size() / sector_bytes;
  if (sectors < 2) return;
  const std::uint64_t own = at / sector_bytes;
  const std::uint64_t elsewhere = (own + 1 + random_.below(sectors - 1)) % sectors;
  inode.image.plant({bytes.begin(), bytes.end()}, elsewhere * sector_bytes + at % sector_bytes);
}

FaultId Disk::wipe() {
  const FaultId fault = inject("wiped-disk");
  if (used_bytes_ > 0) hit(fault);
  names_.wipe();
  names_.make_durable_path(mount_);
  for (const InodeRef& inode : dirty_files_) inode->listed_dirty = false;
  dirty_files_.clear();
  dirty_bytes_ = 0;
  used_bytes_ = 0;
  return fault;
}

void Disk::heal() {
  device_.reset();
  device_.set_slowness(100);
  device_.limit(0, 0);
  rules_.clear();
  capacity_bytes_ = original_capacity_;
  failing_syncs_ = phantoms_ = misdirected_ = 0;
  stall_fault_ = slow_fault_ = limit_fault_ = capacity_fault_ = sync_fault_ = phantom_fault_ = misdirect_fault_ = 0;
}

}  // namespace squall::sim
