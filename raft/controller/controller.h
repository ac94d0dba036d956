// The controller: the state machine of the metadata log, as a pure core. No clock, no log, no fibers: a shell drives it.
//
// Decide -> log -> replay. An operation is decided from the image and becomes records and a response; the shell gives the
// records offsets and replays them at once, before it submits anything else; it answers when they are committed. Only
// `replay` changes the image, on the active controller and on standbys alike.
//
// What the shell does with a Decision:
//
//  1. with records: append them (`atomic`: in one batch; else in any number of batches), then `replay` them at their offsets
//     (or `forget_decision`, if the log cannot take them)
//  2. keep the response until all below `image().end_offset` is committed, even if there are no records: it may tell of state
//     that is not; if the leadership is lost before, answer NOT_CONTROLLER instead
//
// Work of more than `records_per_operation_max` records that must be atomic comes wrapped in a metadata transaction (KIP-868).
//
// Control records stand in the log too: `replay` of no records at the offset after them says so. So are the records of
// `become_active` replayed even if there are none, after the record that begins the epoch: or the epoch of the first broker to
// register would be the offset of that record, and the broker would be unfenced before it has replayed its own. For the same
// reason a broker's heartbeat names the last offset of the image that it published: within an open metadata transaction, the
// one before it.
//
// On a standby, what is replayed is committed. On the active controller, the images since the last committed offset are kept;
// losing the leadership drops them. The shell then replays from `image().end_offset` on, from the log.
//
// Invariant: the image is what replaying the log from its start to `end_offset` gives.
// Invariant: partitions that were touched are well formed (see `wrong_with`), and no fenced broker leads one.
// Invariant: leader and partition epochs never go back while a topic lives.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/random.h"
#include "base/time.h"
#include "raft/controller/brokers.h"
#include "raft/controller/configs.h"
#include "raft/controller/decision.h"
#include "raft/controller/directories.h"
#include "raft/controller/features.h"
#include "raft/controller/partition_changes.h"
#include "raft/controller/sessions.h"
#include "raft/controller/topics.h"
#include "raft/metadata/metadata_image.h"

namespace squall::raft {

class Controller {
 public:
  using Image = std::shared_ptr<const MetadataImage>;

  // `schema` outlives the controller. `bootstrap` is what the first leader of an empty log writes.
  Controller(ControllerSettings settings, const ConfigSchema& schema, Records bootstrap, Random random);

  [[nodiscard]] bool is_active() const { return epoch_.has_value(); }
  // The newest image: what decisions are taken from.
  [[nodiscard]] const Image& image() const { return image_; }
  // The newest image whose records are all committed.
  [[nodiscard]] const Image& committed_image() const { return committed_; }
  // What everybody else may see of it: without an open metadata transaction.
  [[nodiscard]] Image published_image() const;

  // ---- leadership ----
  // The quorum made this node leader in `epoch`, and all of the log before it is committed and replayed. Returns the records to
  // log first.
  [[nodiscard]] Records become_active(LeaderEpoch epoch, Instant now);
  // Leadership is lost: what is not committed never happened.
  void resign();

  // ---- the log ----
  // Records stand in the log, the first of them at `base`. On a standby they are committed. False: the log is corrupt.
  [[nodiscard]] bool replay(std::span<const protocol::MetadataRecord> records, Offset base);
  // The high watermark: all below is committed. Never goes back.
  void committed(Offset high_watermark);
  // Standby only: everything is to be as in `image`, which a snapshot held.
  void load_snapshot(Image image);

  // ---- operations, on the active controller; every Decision with records is replayed before the next ----
  Decision<protocol::CreateTopicsResponse> submit(const protocol::CreateTopicsRequest& request, Instant now);
  Decision<protocol::DeleteTopicsResponse> submit(const protocol::DeleteTopicsRequest& request, Instant now);
  Decision<protocol::CreatePartitionsResponse> submit(const protocol::CreatePartitionsRequest& request, Instant now);
  Decision<protocol::IncrementalAlterConfigsResponse> submit(const protocol::IncrementalAlterConfigsRequest& request,
                                                             Instant now);
  Decision<protocol::BrokerRegistrationResponse> submit(const protocol::BrokerRegistrationRequest& request, Instant now);
  Decision<protocol::BrokerHeartbeatResponse> submit(const protocol::BrokerHeartbeatRequest& request, Instant now);
  Decision<protocol::UnregisterBrokerResponse> submit(const protocol::UnregisterBrokerRequest& request, Instant now);
  Decision<protocol::ControllerRegistrationResponse> submit(const protocol::ControllerRegistrationRequest& request,
                                                            Instant now);
  Decision<protocol::AlterPartitionResponse> submit(const protocol::AlterPartitionRequest& request, Instant now);
  Decision<protocol::ElectLeadersResponse> submit(const protocol::ElectLeadersRequest& request, Instant now);
  Decision<protocol::AlterPartitionReassignmentsResponse> submit(const protocol::AlterPartitionReassignmentsRequest& request,
                                                                 Instant now);
  Decision<protocol::ListPartitionReassignmentsResponse> submit(const protocol::ListPartitionReassignmentsRequest& request,
                                                                Instant now);
  Decision<protocol::AssignReplicasToDirsResponse> submit(const protocol::AssignReplicasToDirsRequest& request, Instant now);
  Decision<protocol::AllocateProducerIdsResponse> submit(const protocol::AllocateProducerIdsRequest& request, Instant now);
  // Tells the shell in `take_kraft_version` if the quorum has something to do.
  Decision<protocol::UpdateFeaturesResponse> submit(const protocol::UpdateFeaturesRequest& request, Instant now);
  [[nodiscard]] std::optional<std::int16_t> take_kraft_version() { return std::exchange(kraft_version_, std::nullopt); }

  // What was decided last cannot be logged: it never was. Instead of its `replay`.
  void forget_decision();

  // ---- time ----
  // When `tick` next has something to do; `end_of_time` on a standby.
  [[nodiscard]] Instant next_deadline() const;
  // Does what is due, one thing at a time: records to log and replay (in any number of batches), or none. The deadline tells
  // whether more is due. Heartbeats that have arrived are to be submitted first: they may keep a session from ending.
  [[nodiscard]] Records tick(Instant now);

  // Asserts the invariants that can be checked at a cost of O(brokers + what the last replay touched).
  void check_invariants() const;

 private:
  struct Step {
    Offset end;
    Image image;
  };
  enum class Task { fence_stale, balance, find_leaders, no_op };

  [[nodiscard]] DecisionContext context() { return {*image_, settings_, schema_, random_}; }
  void begin_operation(Instant now);
  template <class Answer>
  Decision<Answer> settled(Decision<Answer> decision);
  void check_epochs(const MetadataImage& before, const MetadataImage& after) const;
  void note_soft_state(std::span<const protocol::MetadataRecord> records, Offset end);
  [[nodiscard]] Records fence_stale(Instant now);
  [[nodiscard]] Records elections(Task task, Instant now);
  void schedule(Task task, Instant at) { due_[task] = at; }

  ControllerSettings settings_;
  const ConfigSchema& schema_;
  Records bootstrap_;
  Random random_;
  Image image_;
  Image committed_;
  std::deque<Step> uncommitted_;  // the images after `committed_`, by the end of their records
  std::optional<LeaderEpoch> epoch_;
  Sessions sessions_;
  std::map<Task, Instant> due_;
  Instant last_operation_{};
  std::size_t awaited_records_ = 0;  // decided, and not replayed yet
  std::optional<std::int16_t> kraft_version_;
  std::vector<PartitionKey> touched_;
};

}  // namespace squall::raft
