// Whole small files, and the names of a log's files.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/types.h"
#include "runtime/world.h"

namespace squall::log {

// Nothing if the file does not exist.
[[nodiscard]] runtime::Result<std::optional<ByteBuffer>> read_file(runtime::World& world, const std::string& path);
// Replaces `path` by `bytes` so that after a power cut it is either the old or the new one, whole: writes `<path>.tmp`, syncs
// it, renames it, syncs the directory. Two calls for one path must not overlap.
[[nodiscard]] runtime::Result<void> write_file_atomically(runtime::World& world, const std::string& path, ByteView bytes);
// The same but for the last step: after a power cut there may be neither, until the caller has synced the directory.
[[nodiscard]] runtime::Result<void> write_file_for_sync_dir(runtime::World& world, const std::string& path, ByteView bytes);
// Removes it if it is there.
[[nodiscard]] runtime::Result<void> remove_if_exists(runtime::World& world, const std::string& path);
// Removes a directory and the files in it.
[[nodiscard]] runtime::Result<void> remove_directory(runtime::World& world, const std::string& path);
[[nodiscard]] std::string parent_of(const std::string& path);

inline constexpr std::string_view log_suffix = ".log";
inline constexpr std::string_view index_suffix = ".index";
inline constexpr std::string_view time_index_suffix = ".timeindex";
inline constexpr std::string_view transaction_index_suffix = ".txnindex";
inline constexpr std::string_view snapshot_suffix = ".snapshot";
inline constexpr std::string_view deleted_suffix = ".deleted";
inline constexpr std::string_view cleaned_suffix = ".cleaned";
inline constexpr std::string_view swap_suffix = ".swap";
inline constexpr std::string_view temporary_suffix = ".tmp";
inline constexpr std::string_view epoch_checkpoint_name = "leader-epoch-checkpoint";
inline constexpr std::string_view partition_metadata_name = "partition.metadata";

// `<20-digit offset><suffix>`.
[[nodiscard]] std::string segment_file_name(Offset base, std::string_view suffix);
struct SegmentFileName {
  Offset base;
  std::string_view suffix;  // all from the first '.'
};
[[nodiscard]] std::optional<SegmentFileName> parse_segment_file_name(std::string_view name);

}  // namespace squall::log
