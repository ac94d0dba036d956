// A virtual disk: files and names with two images each, a page cache above, a device queue below, and its faults.
//
// What it models. Writes go to the page cache and cost nothing until the node holds too many dirty bytes; `sync` writes the
// file's dirty bytes and flushes. Dirty bytes older than 30 s are written back in the background. Reads of chunks that are not
// in the page cache wait for the device. A process crash loses nothing; a power cut loses what was not synced, by drawn fates.
//
// The fault model: what each does, and what the product must survive.
//   stall            no request completes until it ends. Deadlines above must hold; nothing may be acknowledged early.
//   slow, limits     every request takes longer, or fewer fit into a second. Queues grow; back-pressure must reach clients.
//   small cache      reads are cold. A lagging consumer must not starve the rest.
//   EIO              reads or writes in a range, or one in so many, fail. A failed read of one range fails that request; a
//                    failed write takes the log directory offline.
//   ENOSPC           writes beyond the capacity fail (perhaps after a part). Nothing acknowledged may be lost.
//   failed sync      the sync fails and what it should have made durable is lost at the next power cut although reads show it
//                    and later syncs succeed: the directory must be treated as failed.
//   power cut        each unsynced write is kept, dropped or torn at sectors, each unsynced name kept or dropped. Recovery must
//                    end with a valid prefix that holds everything that was synced.
//   bit rot          a stored bit flips. Checksums must catch it.
//   phantom write    a write succeeds, and so does its sync, but the platter keeps the old bytes: seen once the chunk has left
//                    the page cache. Checksums or epochs must catch it.
//   misdirected write  likewise, and the bytes land at another place of the same file.
//   wiped disk       comes back empty. A node must not pretend that it remembers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "runtime/io.h"
#include "sim/device.h"
#include "sim/directory.h"
#include "sim/file_image.h"
#include "sim/ledger.h"
#include "sim/page_cache.h"
#include "sim/profile.h"

namespace squall::sim {

class Node;
class NodeWorld;

enum class DiskOperation : std::uint8_t { read, write, sync };

// Which operations an EIO hits: all fields must match.
struct ErrorRule {
  DiskOperation operation = DiskOperation::read;
  std::string path_prefix{};  // empty: every file
  std::uint64_t from = 0;
  std::uint64_t to = UINT64_MAX;
  std::uint32_t one_in = 1;          // of those that match
  std::uint32_t times = UINT32_MAX;  // then it is over
};

class Disk {
 public:
  Disk(Node& node, std::string mount, const DiskProfile& profile, std::uint64_t capacity_bytes, Random random);

  // ---- faults; each returns its entry in the ledger ----
  FaultId stall(Duration duration);
  FaultId slow(std::uint64_t percent);                                // 100: as the profile says
  FaultId limit(std::uint64_t iops, std::uint64_t bytes_per_second);  // 0: as the profile says
  FaultId fail(ErrorRule rule);
  FaultId set_capacity(std::uint64_t bytes);
  FaultId fail_next_syncs(std::uint32_t count);
  FaultId rot(std::string_view path, std::uint64_t at, std::uint8_t mask = 1);  // flips the bits of `mask`; seen at once
  // Flips one drawn bit in a drawn file; nothing when all files are empty.
  FaultId rot_anywhere();
  FaultId phantom_writes(std::uint32_t count, std::string path_prefix = {});  // the next so many
  FaultId misdirect_writes(std::uint32_t count, std::string path_prefix = {});
  FaultId wipe();
  // Lifts everything but what is already damaged.
  void heal();

  [[nodiscard]] const std::string& mount() const { return mount_; }
  [[nodiscard]] std::uint64_t capacity_bytes() const { return capacity_bytes_; }
  [[nodiscard]] std::uint64_t used_bytes() {
    if (recount_due_) recount();
    return used_bytes_;
  }
  [[nodiscard]] std::uint64_t dirty_bytes() const { return dirty_bytes_; }
  [[nodiscard]] Device& device() { return device_; }
  [[nodiscard]] NameTree& names() { return names_; }
  // For checks and tests: the bytes that reads would show, without cost; nothing when there is no such file.
  [[nodiscard]] std::optional<ByteBuffer> peek(std::string_view path) const;

  // ---- for files; from a fiber of `world`, may wait ----
  runtime::Result<std::size_t> read(NodeWorld& world, Inode& inode, const std::string& path, MutableBytes into,
                                    std::uint64_t at);
  runtime::Result<std::size_t> write(NodeWorld& world, const InodeRef& inode, const std::string& path,
                                     std::span<const ByteView> from, std::uint64_t at);
  runtime::Result<void> sync(NodeWorld& world, Inode& inode, const std::string& path);
  // Brings the range into the page cache: what send_file needs.
  runtime::Result<void> load(NodeWorld& world, Inode& inode, const std::string& path, std::uint64_t at, std::uint64_t length);
  runtime::Result<void> truncate(const InodeRef& inode, std::uint64_t size);
  runtime::Result<void> sync_dir(NodeWorld& world, const std::string& path);
  // A removed file's bytes are free again once nothing holds it.
  void name_removed() { recount_due_ = true; }

  // ---- for the node ----
  // The power is cut: fates are drawn. Returns how many unsynced changes there were.
  Fates power_cut(const PowerCut& weights);
  // Writes back what has been dirty since before `before`, or everything; queues device time for it. True while some is left.
  bool write_back(Instant now, Instant before);

 private:
  struct ActiveRule {
    ErrorRule rule;
    FaultId fault = 0;
  };
  [[nodiscard]] bool should_fail(DiskOperation operation, const std::string& path, std::uint64_t at, std::uint64_t length);
  void wait_for(NodeWorld& world, Instant done);
  void wait_while_dirty(NodeWorld& world);
  void damage_last_write(Inode& inode, const std::string& path, ByteView bytes, std::uint64_t at);
  [[nodiscard]] std::string target() const;
  FaultId inject(std::string_view kind);
  void hit(FaultId fault);
  void list_dirty(const InodeRef& inode);
  void cleaned(std::uint64_t bytes);
  void recount();
  void rot_byte(Inode& inode, std::uint64_t at, std::uint8_t mask);

  Node& node_;
  std::string mount_;
  std::uint64_t original_capacity_;
  std::uint64_t capacity_bytes_;
  std::uint64_t used_bytes_ = 0;  // or more, while a recount is due: to walk all files is dear
  bool recount_due_ = false;
  std::uint64_t dirty_bytes_ = 0;
  std::uint64_t dirty_limit_;
  std::uint64_t names_mark_ = 0;  // names as old as the last write-back
  Device device_;
  NameTree names_;
  Random random_;
  std::vector<ActiveRule> rules_;
  std::vector<InodeRef> dirty_files_;  // in the order in which they became dirty
  std::uint32_t failing_syncs_ = 0;
  std::uint32_t phantoms_ = 0;
  std::uint32_t misdirected_ = 0;
  std::string phantom_prefix_;
  std::string misdirect_prefix_;
  FaultId stall_fault_ = 0;
  FaultId slow_fault_ = 0;
  FaultId limit_fault_ = 0;
  FaultId capacity_fault_ = 0;
  FaultId sync_fault_ = 0;
  FaultId phantom_fault_ = 0;
  FaultId misdirect_fault_ = 0;
};

}  // namespace squall::sim
