// The node's part in the control plane: the metadata log, the quorum around it, the controller if the node has that role, and
// the loader that turns what is committed into images.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "broker/broker.h"
#include "broker/config_schema.h"
#include "raft/shell/controller_node.h"
#include "raft/shell/metadata_loader.h"
#include "raft/shell/metadata_log.h"
#include "raft/shell/quorum_node.h"

namespace squall::broker {

struct BrokerState;

struct ControlPlane {
  explicit ControlPlane(const BrokerConfig& config) : schema{config} {}

  BrokerConfigSchema schema;
  std::unique_ptr<raft::MetadataLog> log;
  std::unique_ptr<raft::QuorumNode> quorum;
  std::unique_ptr<raft::ControllerNode> controller;  // null: not a controller
  std::unique_ptr<raft::MetadataLoader> loader;

  [[nodiscard]] bool is_active_controller() const { return controller != nullptr && controller->is_active(); }
};

// May wait. Opens the metadata log and makes the rest around it; nothing runs yet. The listeners are bound: a voter tells
// where it listens.
[[nodiscard]] std::expected<std::unique_ptr<ControlPlane>, StartError> open_control_plane(BrokerState& state);
// What a new cluster begins with: the levels of its features, eligible leader replicas (KIP-966) among them as in Kafka
// from 4.1.
[[nodiscard]] raft::Records first_records(const BrokerConfig& config);
void start(ControlPlane& plane);
// May wait. A leader hands over for at most `grace`.
void stop(ControlPlane& plane, Duration grace);

}  // namespace squall::broker
