// New leaders and in-sync replicas for all partitions that a broker's coming or going touches.
#pragma once

#include <vector>

#include "raft/controller/decision.h"
#include "raft/controller/partition_change.h"

namespace squall::raft {

// What holds for elections in one topic, looked up once for partitions that follow each other.
class ElectionRules {
 public:
  ElectionRules(const MetadataImage& image, const ConfigSchema& schema) : image_{image}, schema_{schema} {}

  // Of the topic with that id, which exists.
  void look_up(Uuid topic);
  [[nodiscard]] std::size_t min_isr() const { return min_isr_; }
  [[nodiscard]] Election election() const { return unclean_ ? Election::unclean : Election::online; }

 private:
  const MetadataImage& image_;
  const ConfigSchema& schema_;
  Uuid topic_;
  std::size_t min_isr_ = 1;
  bool unclean_ = false;
};

// The broker goes: it leaves ISRs and leads no more. Partitions where it is last in the ISR keep it there, without a leader
// (or move it to the ELR, KIP-966).
void remove_from_in_sync(const DecisionContext& context, NodeId broker, Records& records);
// The same of the partitions whose replica on the broker stands in one of `directories`, which failed.
void remove_from_in_sync(const DecisionContext& context, NodeId broker, const std::vector<Uuid>& directories, Records& records);
// The broker lost what it had not flushed: it leaves ISRs and ELRs (KIP-966).
void remove_after_unclean_shutdown(const DecisionContext& context, NodeId broker, Records& records);
// The broker comes: partitions without a leader may find one in it.
void offer_leadership(const DecisionContext& context, NodeId broker, Records& records);

}  // namespace squall::raft
