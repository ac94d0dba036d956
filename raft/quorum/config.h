// Who a quorum core is and how patient it is.
#pragma once

#include <vector>

#include "base/time.h"
#include "raft/quorum/types.h"

namespace squall::raft {

struct QuorumConfig {
  ReplicaKey local{};     // id no_node: an observer that no one can name
  Endpoints endpoints{};  // of the local node
  VersionRange kraft_versions{static_voters_version, dynamic_voters_version};
  // A voter flushes what it fetched before it fetches again; so must any node that may become one, or the leader that adds it
  // would count what a crash can take (KAFKA-17332). True for controllers, false for brokers.
  bool may_vote = true;
  bool auto_join = false;                   // controller.quorum.auto.join.enable (KIP-1186)
  std::vector<NodeId> bootstrap_servers{};  // ids -2, -3, ...: where to ask for the leader

  Duration election_timeout = std::chrono::milliseconds{1000};  // controller.quorum.election.timeout.ms
  Duration fetch_timeout = std::chrono::milliseconds{2000};     // controller.quorum.fetch.timeout.ms
  Duration election_backoff_max = std::chrono::milliseconds{1000};
  // Of the share of the election time-out that a follower waits for, drawn anew each time, between the silence of its leader
  // and its pre-votes. Voters that heard the leader's last answer at one instant would else stand at one instant, vote each for
  // itself, and elect nobody for another time-out. Local: the others cannot tell it from a later last answer.
  Duration election_stagger_max = std::chrono::milliseconds{250};
  Duration request_timeout = std::chrono::milliseconds{2000};
  Duration retry_backoff = std::chrono::milliseconds{20};
  Duration fetch_wait_max = std::chrono::milliseconds{500};
  Duration observer_session = std::chrono::seconds{300};

  // A leader that no majority fetched from for so long resigns.
  [[nodiscard]] Duration check_quorum_timeout() const { return fetch_timeout * 3 / 2; }
  // A voter that did not fetch for so long is told again who leads.
  [[nodiscard]] Duration begin_epoch_interval() const { return fetch_timeout / 2; }
  // How often a follower makes sure that the leader knows its endpoints and versions.
  [[nodiscard]] Duration update_voter_period() const { return fetch_timeout * 3; }
};

}  // namespace squall::raft
