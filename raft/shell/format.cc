#include "raft/shell/format.h"

#include <fmt/format.h>

#include <variant>

#include "log/files.h"
#include "raft/metadata/metadata_topic.h"
#include "raft/metadata/record_version.h"
#include "raft/quorum/quorum_state.h"

namespace squall::raft {
namespace {

constexpr LeaderEpoch bootstrap_epoch{0};

std::optional<MetadataVersion> version_of(const Records& records) {
  if (records.empty()) return std::nullopt;
  const auto* feature = std::get_if<protocol::FeatureLevelRecord>(&records.front());
  if (feature == nullptr || feature->name != metadata_version_feature) return std::nullopt;
  return MetadataVersion{feature->feature_level};
}

// A file in the form of a snapshot, under its name and durable when done.
MetadataLogResult<void> write_checkpoint(runtime::World& world, const std::string& path, const SnapshotHead& head,
                                         const Records& records, MetadataVersion version) {
  const std::string temporary = path + ".part";
  auto writer = SnapshotWriter::begin(world, temporary, bootstrap_epoch, head);
  if (!writer) return std::unexpected(std::move(writer.error()));
  for (const auto& record : records) writer->add(record, record_version(record, version));
  if (const auto finished = writer->finish(); !finished) return std::unexpected(finished.error());
  return rename_durably(world, temporary, path);
}

// Whether there is anything of a log that a node has used.
MetadataLogResult<bool> was_used(runtime::World& world, const std::string& dir) {
  const auto entries = world.list(dir);
  if (!entries && entries.error() == runtime::IoError::not_found) return false;
  if (!entries) return std::unexpected(disk_failure(dir, "list", entries.error()));
  for (const auto& entry : *entries) {
    if (entry.name == quorum_state_name) return true;
    const auto id = parse_snapshot_file_name(entry.name);
    if (id && *id != bootstrap_snapshot) return true;
    if (!entry.name.ends_with(log::log_suffix)) continue;
    const auto file = world.open(dir + "/" + entry.name, runtime::OpenMode::read);
    if (!file) return std::unexpected(disk_failure(dir + "/" + entry.name, "open", file.error()));
    const auto size = (*file)->size();
    if (!size) return std::unexpected(disk_failure(dir + "/" + entry.name, "read", size.error()));
    if (*size > 0) return true;
  }
  return false;
}

}  // namespace

MetadataLogResult<void> format_metadata_dir(runtime::World& world, const FormatOptions& options) {
  const std::string& dir = options.metadata_log_dir;
  const auto version = version_of(options.bootstrap);
  if (!version) return std::unexpected(fmt::format("{}: cannot be formatted: the first record is not metadata.version", dir));
  const std::string path = dir + "/" + std::string{bootstrap_file_name};
  const auto there = log::read_file(world, path);
  if (!there) return std::unexpected(disk_failure(path, "read", there.error()));
  if (*there) return std::unexpected(fmt::format("{}: is formatted already; remove the directory to begin anew", dir));
  const std::string log_dir = metadata_log_path(dir);
  const auto used = was_used(world, log_dir);
  if (!used) return std::unexpected(used.error());
  if (*used) return std::unexpected(fmt::format("{}: holds a metadata log; remove the directory to begin anew", log_dir));
  SnapshotHead head{.voters = {}, .kraft_version = static_voters_version, .last_timestamp_ms = options.now_ms};
  if (options.initial_voters) {
    if (const auto made = world.create_dir(log_dir); !made && made.error() != runtime::IoError::already_exists) {
      return std::unexpected(disk_failure(log_dir, "create", made.error()));
    }
    if (const auto synced = world.sync_dir(dir); !synced) return std::unexpected(disk_failure(dir, "sync", synced.error()));
    const SnapshotHead dynamic{
        .voters = options.initial_voters, .kraft_version = dynamic_voters_version, .last_timestamp_ms = options.now_ms};
    const std::string voters_path = log_dir + "/" + snapshot_file_name(bootstrap_snapshot);
    if (auto written = write_checkpoint(world, voters_path, dynamic, {}, *version); !written) return written;
  }
  // Last: it says that all is there.
  return write_checkpoint(world, path, head, options.bootstrap, *version);
}

MetadataLogResult<std::optional<Records>> read_bootstrap_records(runtime::World& world, const std::string& metadata_log_dir) {
  const std::string path = metadata_log_dir + "/" + std::string{bootstrap_file_name};
  const auto file = world.open(path, runtime::OpenMode::read);
  if (!file && file.error() == runtime::IoError::not_found) return std::nullopt;
  if (!file) return std::unexpected(disk_failure(path, "open", file.error()));
  Records records;
  const auto read = read_snapshot_file(world, **file, path, bootstrap_epoch,
                                       [&](const protocol::MetadataRecord& record) { records.push_back(record); });
  if (!read) return std::unexpected(read.error());
  if (!version_of(records)) {
    return std::unexpected(fmt::format("{}: its first record is not metadata.version; restore the file from a copy", path));
  }
  return std::optional{std::move(records)};
}

}  // namespace squall::raft
