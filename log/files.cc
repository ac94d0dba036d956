#include "log/files.h"

#include <fmt/format.h>

#include "log/checkpoint_text.h"

namespace squall::log {

using runtime::IoError;
using runtime::OpenMode;
using runtime::Result;
using runtime::World;

Result<std::optional<ByteBuffer>> read_file(World& world, const std::string& path) {
  auto file = world.open(path, OpenMode::read);
  if (!file) {
    if (file.error() == IoError::not_found) return std::optional<ByteBuffer>{};
    return std::unexpected(file.error());
  }
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  ByteBuffer bytes(*size);
  const auto read = runtime::pread_full(**file, bytes, 0);
  if (!read) return std::unexpected(read.error());
  bytes.resize(*read);
  return std::optional{std::move(bytes)};
}

Result<void> write_file_atomically(World& world, const std::string& path, ByteView bytes) {
  if (auto done = write_file_for_sync_dir(world, path, bytes); !done) return done;
  return world.sync_dir(parent_of(path));
}

Result<void> write_file_for_sync_dir(World& world, const std::string& path, ByteView bytes) {
  const std::string temporary = path + std::string{temporary_suffix};
  auto file = world.open(temporary, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  if (auto done = (*file)->truncate(0); !done) return done;
  if (!bytes.empty()) {
    if (auto done = runtime::pwrite_all(**file, bytes, 0); !done) return done;
  }
  if (auto done = (*file)->sync(); !done) return done;
  return world.rename(temporary, path);
}

Result<void> remove_if_exists(World& world, const std::string& path) {
  auto removed = world.remove(path);
  if (!removed && removed.error() == IoError::not_found) return {};
  return removed;
}

Result<void> remove_directory(World& world, const std::string& path) {
  const auto entries = world.list(path);
  if (!entries) {
    if (entries.error() == IoError::not_found) return {};
    return std::unexpected(entries.error());
  }
  for (const auto& entry : *entries) {
    const std::string name = path + "/" + entry.name;
    if (auto removed = entry.is_directory ? remove_directory(world, name) : remove_if_exists(world, name); !removed) {
      return removed;
    }
  }
  return remove_if_exists(world, path);
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

std::string segment_file_name(Offset base, std::string_view suffix) { return fmt::format("{:020}{}", base.value(), suffix); }

std::optional<SegmentFileName> parse_segment_file_name(std::string_view name) {
  constexpr std::size_t digits = 20;
  if (name.size() <= digits || name[digits] != '.') return std::nullopt;
  const auto base = parse_number<std::int64_t>(name.substr(0, digits));
  if (!base || *base < 0) return std::nullopt;
  return SegmentFileName{Offset{*base}, name.substr(digits)};
}

}  // namespace squall::log
