// Where the replicas of new partitions go.
//
// As Kafka's striped placement does: the first replica (the leader to be) never stands on a fenced broker; first replicas take
// turns over racks, and within a rack over brokers; the replicas of a partition stand in as many racks as there are; fenced
// brokers are taken only when there are too few others. Racks and brokers are drawn into a new order whenever as many
// partitions are placed as there are unfenced brokers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "raft/metadata/metadata_image.h"

namespace squall::raft {

class ReplicaPlacer {
 public:
  // Brokers in controlled shutdown are not used.
  ReplicaPlacer(const MetadataImage& image, Random& random);

  [[nodiscard]] std::size_t brokers() const { return brokers_; }
  [[nodiscard]] bool all_fenced() const { return leading_racks_.empty(); }
  // The replicas of the next partition. 0 < factor <= brokers(), and not all are fenced.
  [[nodiscard]] std::vector<std::int32_t> place(std::size_t factor);

 private:
  struct Rack {
    std::vector<std::int32_t> unfenced;
    std::vector<std::int32_t> fenced;
    std::size_t leading_turn = 0;    // where the next first replica is
    std::size_t following_turn = 0;  // where the next replica is of a partition that another rack leads
    // Of the partition that is being placed:
    std::size_t taken = 0;
    std::size_t taken_fenced = 0;
  };

  void shuffle_all();

  std::vector<Rack> racks_;
  std::vector<std::size_t> leading_racks_;  // that have an unfenced broker
  std::size_t brokers_ = 0;
  std::size_t unfenced_ = 0;
  std::size_t placed_ = 0;  // since brokers were last shuffled
  std::size_t next_rack_ = 0;
  Random random_;
};

}  // namespace squall::raft
