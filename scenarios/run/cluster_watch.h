// The view into every node: what their events and their live state tell is passed on to the checks of the cluster.
//
// During the run it costs a look at each node per step of the runner, and one look-up per event that matters; what costs
// O(partitions) or reads logs is done after the heal and at the end.
#pragma once

#include <optional>

#include "scenarios/run/context.h"

namespace squall::scenarios {

class ClusterWatch {
 public:
  explicit ClusterWatch(RunContext& run) : run_{run}, checks_{run.checks.cluster()} {}

  void event(const sim::ProductEvent& event);
  // About every hundred virtual milliseconds.
  void sample();

  // Everything is healed: from here on the cluster has until `recover_by` to get well.
  void healed();
  [[nodiscard]] Instant recover_by() const { return recover_by_; }
  [[nodiscard]] bool recovered() const;
  // All nodes are up and have replayed the metadata up to the same offset.
  [[nodiscard]] bool settled() const;
  // The workloads have ended and nodes had time to settle: images, files and acknowledged changes are compared.
  void compare();

 private:
  [[nodiscard]] bool metadata_destroyed() const { return run_.checks.metadata().destroyed(); }
  [[nodiscard]] const ServerNode* server(const sim::ProductEvent& event) const;
  void role_changed(const sim::ProductEvent& event);
  void metadata_replayed(const sim::ProductEvent& event);
  void log_truncated(const sim::ProductEvent& event);
  void note_high_watermarks();
  void compare_metadata();
  void compare_replicas();

  RunContext& run_;
  const ClusterChecks& checks_;
  std::vector<std::uint32_t> incarnations_;  // of the servers, as last seen
  Instant recover_by_ = end_of_time;
  bool healed_ = false;
  bool told_ = false;
};

}  // namespace squall::scenarios
