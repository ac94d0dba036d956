// What a node does about its controller for as long as it runs. Each starts a fiber that ends when the node stops or fails.
#pragma once

#include <memory>

namespace squall::broker {

struct BrokerState;

// A controller tells the cluster who it is (KIP-919): again whenever the published image does not know this process.
void announce_controller(const std::shared_ptr<BrokerState>& state);
// A node without a controller can do little, whatever the reason: its log must say so, at the start most of all.
void watch_controller(const std::shared_ptr<BrokerState>& state);

}  // namespace squall::broker
