// Works out the record that brings a partition to what is wanted of it: its ISR, its replicas, its leader.
//
// The order of an election (facts of Kafka 4.2; KIP-966, KIP-841):
//
//  1. the leader it has, while that is in the ISR and active (for a preferred election, the first replica before it)
//  2. the first active replica of the assignment in the ISR; if the ISR is empty, in the ELR
//  3. the last known leader, if ISR and ELR are empty and it is active (KIP-966; never a fenced one, KAFKA-19522)
//  4. if unclean elections are wanted, the first active replica: the ISR becomes it alone, and it is RECOVERING
//
// Who may lead is active, and has its replica in a directory that is online (KIP-858): a broker that has lost one of several
// stays unfenced, and may still be in the ISR as its last member, or in the ELR.
//
// A reassignment is complete when all replicas that are to stay are in the ISR (KAFKA-15665).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "raft/controller/decision.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {

enum class Election : std::uint8_t {
  online,     // keep the leader while it will do
  preferred,  // the first replica, if it will do
  unclean,    // online, else anybody active
};

class PartitionChange {
 public:
  using Nodes = std::vector<NodeId>;

  // `min_isr` is the topic's effective min.insync.replicas.
  PartitionChange(const MetadataImage& image, PartitionKey key, std::size_t min_isr);

  // `broker` is going: it may not lead any more.
  PartitionChange& not_led_by(NodeId broker) {
    going_ = broker;
    return *this;
  }
  // `broker` is coming: it may lead, though the image does not call it active yet.
  PartitionChange& may_be_led_by(NodeId broker) {
    coming_ = broker;
    return *this;
  }

  PartitionChange& elect(Election election) {
    election_ = election;
    return *this;
  }
  PartitionChange& isr(Nodes isr) {
    isr_ = std::move(isr);
    return *this;
  }
  PartitionChange& replicas(Nodes replicas) {
    replicas_ = std::move(replicas);
    return *this;
  }
  PartitionChange& adding(Nodes adding) {
    adding_ = std::move(adding);
    return *this;
  }
  PartitionChange& removing(Nodes removing) {
    removing_ = std::move(removing);
    return *this;
  }
  PartitionChange& recovery(LeaderRecovery recovery) {
    recovery_ = recovery;
    return *this;
  }
  // The replica of `broker` stands in `directory`.
  PartitionChange& directory(NodeId broker, Uuid directory) {
    placed_ = broker;
    directory_ = directory;
    return *this;
  }
  // It lost what it had not flushed: it is no member of the ELR.
  PartitionChange& unclean_shutdown_of(NodeId broker) {
    unclean_shutdown_ = broker;
    return *this;
  }

  // Nothing if the partition is as it should be.
  [[nodiscard]] std::optional<protocol::PartitionChangeRecord> build();

 private:
  struct Elected {
    NodeId leader = no_node;
    bool unclean = false;
  };

  void complete_reassignment();
  void populate_eligible();
  [[nodiscard]] bool can_serve(NodeId node) const;
  [[nodiscard]] bool may_lead(NodeId node) const;
  [[nodiscard]] bool may_elect_last_known() const;
  [[nodiscard]] Elected elected() const;
  void run_election(protocol::PartitionChangeRecord& record);
  void bump_epoch_if_needed(protocol::PartitionChangeRecord& record) const;
  void note_last_known_leader(protocol::PartitionChangeRecord& record) const;
  [[nodiscard]] std::vector<Uuid> directories() const;
  void note_assignment(protocol::PartitionChangeRecord& record) const;

  const MetadataImage& image_;
  const PartitionImage& now_;
  PartitionKey key_;
  std::size_t min_isr_;
  MetadataVersion version_;
  bool elr_enabled_;
  Election election_ = Election::online;
  Nodes isr_;
  Nodes replicas_;
  Nodes adding_;
  Nodes removing_;
  Nodes eligible_;
  LeaderRecovery recovery_;
  NodeId going_ = no_node;
  NodeId coming_ = no_node;
  NodeId unclean_shutdown_ = no_node;
  NodeId placed_ = no_node;
  Uuid directory_;
};

// `broker`'s only directory, if it has one and no more; else the zero id, "unassigned".
[[nodiscard]] Uuid default_directory(const MetadataImage& image, NodeId broker);

[[nodiscard]] std::vector<NodeId> nodes_of(const NodeList& list);
[[nodiscard]] std::vector<NodeId> without(const NodeList& list, NodeId node);

}  // namespace squall::raft
