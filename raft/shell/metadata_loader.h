// Follows the committed metadata log and publishes images of it: what a broker works by. Also writes this node's snapshots.
//
// One fiber. A node that lags behind the log start loads the newest snapshot first. While a metadata transaction is open
// nothing of it is published (KIP-868).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "raft/metadata/metadata_image.h"
#include "raft/shell/quorum_node.h"

namespace squall::raft {

// What an image changed against the one before.
struct MetadataDelta {
  std::vector<std::string> topics;  // made, changed or removed; sorted
  bool brokers = false;             // a registration, a fence or a configuration of a broker may have changed
  bool all = false;                 // a snapshot was loaded: anything may have changed
};

struct MetadataLoaderOptions {
  // Told of every new image, in order, one at a time, before `image()` shows it; may wait.
  std::function<void(const std::shared_ptr<const MetadataImage>& image, const MetadataDelta& delta)> on_image;
  std::function<void(std::string reason)> on_failure;
  std::uint64_t snapshot_bytes = std::uint64_t{20} << 20;  // metadata.log.max.record.bytes.between.snapshots
  Duration snapshot_interval = std::chrono::hours{1};      // metadata.log.max.snapshot.interval.ms
  MetadataLog::Retention retention;
};

class MetadataLoader {
 public:
  MetadataLoader(runtime::World& world, QuorumNode& quorum, MetadataLoaderOptions options);
  ~MetadataLoader();
  void start();
  void stop();  // may wait

  // The newest published image; never null. Its `end_offset` says how far.
  [[nodiscard]] const std::shared_ptr<const MetadataImage>& image() const;
  // May wait until everything below `offset` is published; false: the deadline, or it stopped.
  bool wait_until_published(Offset offset, Instant deadline);
  // May wait until the image holds all that was committed when this was called (`Quorum::committed_as_of`); false: the
  // deadline, or it stopped.
  bool wait_until_current(Instant deadline);
  // How many committed offsets are still to be published: 0 when it has caught up with what it knows of.
  [[nodiscard]] std::int64_t lag() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace squall::raft
