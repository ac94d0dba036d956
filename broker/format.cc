#include "broker/format.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/control_plane.h"
#include "log/files.h"
#include "log/meta_properties.h"
#include "log/topic_partition.h"
#include "raft/shell/format.h"

namespace squall::broker {
namespace {

std::unexpected<StartError> failed(ExitCode code, std::string message) {
  return std::unexpected(StartError{code, std::move(message)});
}

std::string properties_path(const std::string& dir) { return fmt::format("{}/{}", dir, log::meta_properties_name); }

// What is in the directory's meta.properties; nothing if there is no such file.
std::expected<std::optional<log::MetaProperties>, StartError> read_properties(runtime::World& world, const std::string& dir) {
  const auto bytes = log::read_file(world, properties_path(dir));
  if (!bytes) {
    return failed(ExitCode::storage_failed, fmt::format("{}: cannot be read: {}; see to the disk and try again",
                                                        properties_path(dir), runtime::to_string(bytes.error())));
  }
  if (!*bytes) return std::nullopt;
  auto parsed = log::parse_meta_properties(as_text(**bytes));
  if (!parsed) {
    return failed(ExitCode::corrupt_metadata,
                  fmt::format("{}: {}; restore it from a copy", properties_path(dir), parsed.error()));
  }
  return *parsed;
}

std::vector<std::string> all_dirs(const BrokerConfig& config) {
  std::vector<std::string> dirs = config.is_broker ? config.log_dirs : std::vector<std::string>{};
  if (std::ranges::find(dirs, config.metadata_log_dir) == dirs.end()) dirs.push_back(config.metadata_log_dir);
  return dirs;
}

// Whether the directory is still to be formatted.
std::expected<bool, StartError> check_dir(runtime::World& world, const BrokerConfig& config, const FormatOptions& options,
                                          const std::string& dir) {
  const auto present = read_properties(world, dir);
  if (!present) return std::unexpected(present.error());
  if (*present) {
    const log::MetaProperties& theirs = **present;
    if (theirs.cluster_id != options.cluster_id || theirs.node_id != config.node_id) {
      return failed(ExitCode::bad_usage,
                    fmt::format("{}: is of node {} of cluster {}; choose another directory, or remove it to begin anew",
                                properties_path(dir), theirs.node_id, theirs.cluster_id));
    }
    if (options.ignore_formatted) return false;
    return failed(ExitCode::bad_usage,
                  fmt::format("{}: formatted already; pass --ignore-formatted to leave it as it is", properties_path(dir)));
  }
  const auto entries = world.list(dir);
  const bool logs = entries && std::ranges::any_of(*entries, [](const runtime::DirectoryEntry& entry) {
                      return entry.is_directory && log::parse_directory_name(entry.name).has_value();
                    });
  if (logs) {
    return failed(ExitCode::bad_usage,
                  fmt::format("{}: holds logs, but no {}; restore that from a copy, or remove the directory to begin anew", dir,
                              log::meta_properties_name));
  }
  return true;
}

}  // namespace

void create_dirs(runtime::World& world, const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    (void)world.create_dir(part);
    (void)world.sync_dir(log::parent_of(part));
  }
  (void)world.create_dir(path);
  (void)world.sync_dir(log::parent_of(path));
}

std::expected<std::string, StartError> formatted_cluster(runtime::World& world, const BrokerConfig& config) {
  const auto properties = read_properties(world, config.metadata_log_dir);
  if (!properties) return std::unexpected(properties.error());
  return *properties ? (*properties)->cluster_id : std::string{};
}

std::string new_cluster_id(runtime::World& world) {
  Random random = world.fork_random("cluster-id");
  return Uuid::random(random).to_string();
}

std::expected<std::vector<std::string>, StartError> format_node(runtime::World& world, const BrokerConfig& config,
                                                                const FormatOptions& options) {
  if (!Uuid::parse(options.cluster_id)) {
    return failed(ExitCode::bad_usage,
                  fmt::format("'{}' is no cluster id; take what `squall-broker random-uuid` prints", options.cluster_id));
  }
  Random ids = world.fork_random("directory-ids");
  Uuid metadata_directory = Uuid::random(ids);
  const auto voters = first_voters(config, options, metadata_directory);
  if (!voters) return failed(ExitCode::bad_usage, voters.error());
  const bool dynamic = *voters || options.first_voters == FirstVoters::none;
  const auto records = format_records(config, options, dynamic);
  if (!records) return failed(ExitCode::bad_usage, records.error());
  if (*voters) {
    if (const raft::Voter* self = (*voters)->find(config.node_id)) metadata_directory = self->key.directory;
  }
  std::vector<std::string> wanting;
  for (const std::string& dir : all_dirs(config)) {
    const auto open = check_dir(world, config, options, dir);
    if (!open) return std::unexpected(open.error());
    if (*open) wanting.push_back(dir);
  }
  std::vector<std::string> report;
  for (const std::string& dir : wanting) {
    create_dirs(world, dir);
    if (dir == config.metadata_log_dir && config.is_controller) {
      // Of a format that was cut short before the directory was its node's: there are no logs beside it.
      (void)world.remove(fmt::format("{}/{}", dir, raft::bootstrap_file_name));
      const raft::FormatOptions metadata{
          .metadata_log_dir = dir, .bootstrap = *records, .initial_voters = *voters, .now_ms = to_ms(world.wall_now())};
      if (auto written = raft::format_metadata_dir(world, metadata); !written) {
        return failed(ExitCode::storage_failed, written.error());
      }
    }
    // Last: a directory is formatted when it has this.
    const Uuid directory = dir == config.metadata_log_dir ? metadata_directory : Uuid::random(ids);
    const log::MetaProperties properties{
        .cluster_id = options.cluster_id, .node_id = config.node_id, .directory_id = directory};
    if (auto written = log::write_file_atomically(world, properties_path(dir), as_bytes(log::to_text(properties))); !written) {
      return failed(ExitCode::storage_failed, fmt::format("{}: cannot be written: {}; see to the disk and try again",
                                                          properties_path(dir), runtime::to_string(written.error())));
    }
    report.push_back(fmt::format("formatted {} for node {} of cluster {}, directory {}", dir, config.node_id,
                                 options.cluster_id, properties.directory_id.to_string()));
  }
  return report;
}

}  // namespace squall::broker
