// A controller for one partition: Kafka's rules of AlterPartition, fencing, clean election and reassignment, and nothing else.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "broker/replication/leader_state.h"
#include "broker/replication/types.h"

namespace squall::broker::model {

// One point of the metadata log.
struct Metadata {
  PartitionRegistration registration;
  std::shared_ptr<const BrokerDirectory> brokers;
};

class Controller {
 public:
  explicit Controller(std::vector<NodeId> replicas);

  // A broker begins a life: it is fenced, and after an unclean end leaves the ISR unless nobody else is in it.
  BrokerEpoch register_broker(NodeId id);
  void fence(NodeId id);
  void unfence(NodeId id);
  // Moves the leadership to a live member of the ISR, if there is another one.
  void prefer(NodeId id);
  // Moves the partition to `targets`, in the manner of a reassignment.
  void reassign(const std::vector<NodeId>& targets);
  [[nodiscard]] AlterPartitionAnswered alter(NodeId from, const AlterPartitionAsk& ask);

  [[nodiscard]] const std::vector<Metadata>& versions() const { return versions_; }
  [[nodiscard]] const PartitionRegistration& now() const { return registration_; }
  [[nodiscard]] const BrokerStanding& standing(NodeId id) const { return brokers_.at(id); }
  [[nodiscard]] bool reassigning() const { return !registration_.adding.empty() || !registration_.removing.empty(); }

 private:
  [[nodiscard]] bool live(NodeId id) const { return brokers_.contains(id) && !brokers_.at(id).fenced; }
  void leave_in_sync(NodeId id);
  void elect();
  void maybe_finish_reassignment();
  void publish();

  PartitionRegistration registration_;
  PartitionRegistration published_;
  std::vector<NodeId> targets_;
  std::map<NodeId, BrokerStanding> brokers_;
  std::vector<Metadata> versions_;
};

}  // namespace squall::broker::model
