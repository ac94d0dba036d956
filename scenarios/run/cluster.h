// The nodes of a run: servers under a supervisor that starts them again when they end, clients, and the run's own client.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "broker/config.h"
#include "scenarios/run/context.h"

namespace squall::scenarios {

// How long the supervisor waits before it starts a process that ended by itself again.
inline constexpr Duration supervisor_delay = std::chrono::milliseconds{500};

// The configuration of each server of the plan. The error is of the scenario: a property that a server or a topic refuses.
[[nodiscard]] std::expected<std::vector<broker::BrokerConfig>, LanguageError> configure_servers(const Scenario& scenario,
                                                                                                const Plan& plan);
// Adds the nodes and starts the servers.
[[nodiscard]] std::expected<void, LanguageError> build_cluster(RunContext& run);
// Starts the processes of all client nodes.
void start_clients(RunContext& run);
// Starts a server's or a client's process after it was killed. Does nothing while it runs.
void start_again(RunContext& run, sim::Node& node);

[[nodiscard]] ServerNode* server_at(RunContext& run, const sim::Node& node);
[[nodiscard]] ClientNode* client_at(RunContext& run, const sim::Node& node);

}  // namespace squall::scenarios
