// After the heal every partition has a leader and its full ISR, every broker is registered and unfenced, and every node follows
// the metadata: each of them at some time within the bound, for workloads go on and may move what they like.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"
#include "raft/metadata/metadata_image.h"
#include "scenarios/checks/check.h"

namespace squall::scenarios {

class Recovers final : public Check {
 public:
  using Image = std::shared_ptr<const raft::MetadataImage>;

  Recovers()
      : Check("recovers", "After the heal every partition gets a leader and its full ISR, and every broker is unfenced.") {}

  // Everything is healed. Partitions with a replica on one of `damaged` are not waited for.
  void healed(std::vector<NodeId> brokers, std::vector<NodeId> damaged, Instant at);
  // What the newest live image says now; null: nobody has one. Costs O(partitions that are waited for) if it is news.
  void look(const Image& image, Instant at);
  // Of what was waited for, there is nothing left to wait for.
  [[nodiscard]] bool recovered() const { return began_ && brokers_.empty() && partitions_.empty(); }
  // How long after the heal that was.
  [[nodiscard]] Duration took() const { return took_; }
  // The bound has passed: what is still stuck is a finding.
  void out_of_time(Instant at);
  // `node` did not follow the metadata up to where others have it.
  void lags(std::string_view node, Offset end, Offset others, Instant at);

 private:
  using PartitionName = std::pair<std::string, std::int32_t>;

  void begin(const raft::MetadataImage& image);
  [[nodiscard]] bool is_waited_for(const raft::PartitionImage& partition) const;
  [[nodiscard]] std::string stuck(const PartitionName& name) const;

  std::optional<Instant> healed_at_;
  bool began_ = false;
  Image seen_;
  std::set<NodeId> brokers_;            // still to be seen unfenced
  std::set<PartitionName> partitions_;  // still to be seen whole
  std::set<NodeId> damaged_;
  Duration took_{};
};

}  // namespace squall::scenarios
