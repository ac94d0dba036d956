#include "raft/shell/log_follower.h"

#include <fmt/format.h>

#include "raft/metadata/image_builder.h"

namespace squall::raft {
namespace {

constexpr std::uint64_t read_bytes_max = std::uint64_t{1} << 20;

}  // namespace

bool LogFollower::is_installing() const { return quorum_.log().log_start() < quorum_.core().log().start(); }

std::expected<LogFollower::Next, std::string> LogFollower::load(OffsetAndEpoch id) {
  ImageBuilder builder{MetadataImage{}};
  std::size_t records = 0;
  bool sound = true;
  const auto head = quorum_.log().read_snapshot(id, [&](const protocol::MetadataRecord& record) {
    if (!sound) return;
    sound = builder.replay(record, id.offset);
    ++records;
  });
  if (!head) return std::unexpected(head.error());
  if (!sound) {
    return std::unexpected(
        fmt::format("record {} of the metadata snapshot {}-{} contradicts those before it", records, id.offset, id.epoch));
  }
  position_ = id.offset;
  return LoadedSnapshot{.id = id, .image = builder.finish(id.offset), .last_timestamp_ms = head->last_timestamp_ms};
}

std::expected<LogFollower::Next, std::string> LogFollower::next() {
  while (true) {
    MetadataLog& log = quorum_.log();
    const bool behind = position_ < log.log_start();
    if (behind || !began_) {
      const auto newest = quorum_.core().log().latest_snapshot();
      if (newest && newest->id.offset > position_) {
        if (is_installing()) return Next{};
        auto loaded = load(newest->id);
        // It was replaced by a newer one and cleaned away meanwhile.
        if (!loaded && quorum_.core().log().latest_snapshot() != newest) continue;
        began_ = began_ || loaded.has_value();
        return loaded;
      }
      if (behind) return Next{};
    }
    began_ = true;
    const Offset end = quorum_.committed();
    if (end <= position_) return Next{};
    auto batches = log.read_records(position_, end, read_bytes_max);
    if (!batches) {
      if (position_ < log.log_start()) continue;
      return std::unexpected(batches.error());
    }
    if (batches->empty()) return Next{};
    position_ = batches->back().end;
    return Next{std::move(*batches)};
  }
}

}  // namespace squall::raft
