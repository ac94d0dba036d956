// Checkpoint files: snapshots of the metadata (KIP-630), and `bootstrap.checkpoint`, which has the same form. See
// docs/formats/metadata-checkpoint.md.
//
// Record batches at consecutive offsets from 0, all of the epoch in the file's name: one that begins with the SnapshotHeader
// record (behind it kraft.version and the voters, where they are dynamic), the metadata records, one that ends with the
// SnapshotFooter record.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "protocol/messages/metadata_records.h"
#include "protocol/record_batch.h"
#include "protocol/record_batch_builder.h"
#include "raft/quorum/types.h"
#include "raft/quorum/voter_set.h"
#include "runtime/world.h"

namespace squall::raft {

// The error is one clear line for an operator: which file, what is wrong, what to do.
template <class T>
using MetadataLogResult = std::expected<T, std::string>;

// What stands in a snapshot apart from its metadata records.
struct SnapshotHead {
  std::optional<VoterSet> voters;  // none: of a log with static voters
  std::int16_t kraft_version = static_voters_version;
  std::int64_t last_timestamp_ms = 0;
  bool operator==(const SnapshotHead&) const = default;
};

using RecordVisitor = std::function<void(const protocol::MetadataRecord&)>;

inline constexpr std::string_view checkpoint_suffix = ".checkpoint";
inline constexpr std::string_view part_suffix = ".checkpoint.part";
// Whole, and taking the place of the log at this moment: a start that finds it goes on with that.
inline constexpr std::string_view install_suffix = ".checkpoint.install";

// `<20-digit offset>-<10-digit epoch><suffix>`.
[[nodiscard]] std::string snapshot_file_name(OffsetAndEpoch id, std::string_view suffix = checkpoint_suffix);
// The id in the name of a snapshot; nothing if it is not the name of one.
[[nodiscard]] std::optional<OffsetAndEpoch> parse_snapshot_file_name(std::string_view name,
                                                                     std::string_view suffix = checkpoint_suffix);

// Writes one file, from its header to its footer. A file that was begun and not finished is for its owner to remove.
class SnapshotWriter {
 public:
  // May wait. Replaces what is at `path`.
  [[nodiscard]] static MetadataLogResult<SnapshotWriter> begin(runtime::World& world, std::string path, LeaderEpoch epoch,
                                                               const SnapshotHead& head);
  // May wait. After a failure it does nothing, and `finish` tells of it.
  void add(const protocol::MetadataRecord& record, std::int16_t version);
  // May wait. Writes the footer and makes the bytes durable (not the name); the size of the file.
  [[nodiscard]] MetadataLogResult<std::int64_t> finish();
  // Whether it failed for want of room.
  [[nodiscard]] bool found_disk_full() const { return found_disk_full_; }

 private:
  SnapshotWriter(runtime::World& world, std::string path, std::unique_ptr<runtime::File> file, LeaderEpoch epoch,
                 std::int64_t timestamp_ms);
  void start_batch();
  void end_batch();
  void write(ByteView bytes);
  void fail(std::string_view what);

  runtime::World* world_;
  std::string path_;
  std::unique_ptr<runtime::File> file_;
  LeaderEpoch epoch_;
  std::int64_t timestamp_ms_;
  protocol::RecordBatchBuilder batch_;
  ByteBuffer record_;
  Offset next_{0};
  std::uint64_t size_ = 0;
  std::string failure_;
  bool found_disk_full_ = false;
};

// May wait. Reads the whole file and checks it: every CRC, the header first, offsets without a gap, the epoch, the footer last
// and nothing behind it. `visit`, unless it is empty, is called with each metadata record; when the result is an error, what it
// saw is void.
[[nodiscard]] MetadataLogResult<SnapshotHead> read_snapshot_file(runtime::World& world, const std::string& path,
                                                                 LeaderEpoch epoch, const RecordVisitor& visit);
// The same of a file that is open; `path` is for the errors.
[[nodiscard]] MetadataLogResult<SnapshotHead> read_snapshot_file(runtime::World& world, runtime::File& file,
                                                                 const std::string& path, LeaderEpoch epoch,
                                                                 const RecordVisitor& visit);

// May wait. Within one directory.
[[nodiscard]] MetadataLogResult<void> rename_durably(runtime::World& world, const std::string& from, const std::string& to);

// "<path>: cannot <verb> it: <error>; ...": what the disk refused.
[[nodiscard]] std::string disk_failure(std::string_view path, std::string_view verb, runtime::IoError error);

}  // namespace squall::raft
