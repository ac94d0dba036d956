// What the controller is told of this broker's log directories (KIP-858): in which of them each replica stands, and which have
// failed, so that others lead what stood there.
//
// One fiber. A topic is looked at when metadata brought it, and again until the controller knows of each replica here. Where
// there is one directory, the controller knows by itself where a new replica stands, and looking once is enough: the directory
// may be another than the one before, which the controller takes for lost, and whose replicas it lets nobody lead. Of a
// directory that has failed the heartbeats tell; a replica there that the controller had not heard of is told all the same.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "protocol/messages/assign_replicas_to_dirs.h"
#include "raft/shell/metadata_loader.h"
#include "runtime/condition.h"
#include "runtime/gate.h"

namespace squall::broker {

struct BrokerState;

class DirectoryReporter {
 public:
  // `state` owns it.
  explicit DirectoryReporter(BrokerState& state);

  // The broker is registered, and has its partitions.
  void start();
  // Tells nothing more. `wait` returns when its fiber has ended, which takes no longer than the controller channel is open.
  void stop();
  void wait() { gate_.close_and_wait(); }

  // The partition table agrees with the image after `change`.
  void metadata_changed(const raft::MetadataDelta& change);
  // After a failure.
  void tell_failed();

 private:
  void run();
  // What the controller does not know yet, of topics that are then done with.
  [[nodiscard]] protocol::AssignReplicasToDirsRequest next_request(std::set<std::string>& topics);
  void everything_is_news();

  BrokerState& state_;
  bool several_ = false;
  bool stopped_ = false;
  std::set<std::string> topics_;  // to look at
  runtime::Condition news_;
  runtime::Gate gate_;
};

}  // namespace squall::broker
