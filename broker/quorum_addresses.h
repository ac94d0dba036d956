// The addresses of the metadata quorum in server.properties.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config.h"

namespace squall::broker {

// controller.quorum.voters: "1@host:9093,2@[::1]:9093"; ordered by id. Ids and addresses are unique.
[[nodiscard]] std::expected<std::vector<QuorumVoter>, std::string> parse_quorum_voters(std::string_view text);
// controller.quorum.bootstrap.servers: "host:9093,host2:9093", in this order.
[[nodiscard]] std::expected<std::vector<runtime::Endpoint>, std::string> parse_bootstrap_servers(std::string_view text);

// What the roles of a node demand of both, as Kafka does: the key that is wrong, and how.
struct QuorumProblem {
  std::string_view key;
  std::string message;
};
[[nodiscard]] std::expected<void, QuorumProblem> check_quorum(const BrokerConfig& config);

}  // namespace squall::broker
