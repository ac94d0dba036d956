// The cluster's brokers as a client of one listener sees them: by the endpoint that each advertises under that listener's name.
#pragma once

#include <string_view>
#include <vector>

#include "broker/broker_state.h"

namespace squall::broker {

struct ClusterNode {
  NodeId id = no_node;
  const BrokerImage* broker = nullptr;
  const BrokerEndpointImage* endpoint = nullptr;
};

// In the order of their ids; those that do not listen there are left out. Valid as long as `image` is.
[[nodiscard]] std::vector<ClusterNode> cluster_nodes(const MetadataImage& image, std::string_view listener,
                                                     bool with_fenced = false);

}  // namespace squall::broker
