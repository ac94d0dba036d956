#include "broker/cluster_nodes.h"

#include <algorithm>

namespace squall::broker {

std::vector<ClusterNode> cluster_nodes(const MetadataImage& image, std::string_view listener, bool with_fenced) {
  std::vector<ClusterNode> nodes;
  for (const auto& [id, broker] : image.brokers) {
    if (broker.fenced && !with_fenced) continue;
    const auto endpoint = std::ranges::find(broker.endpoints, listener, &BrokerEndpointImage::listener);
    if (endpoint != broker.endpoints.end()) nodes.push_back({id, &broker, &*endpoint});
  }
  return nodes;
}

}  // namespace squall::broker
