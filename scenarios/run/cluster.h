// The nodes of a run: brokers under a supervisor that starts them again when they end, clients, and the run's own client.
#pragma once

#include <expected>
#include <string>

#include "scenarios/run/context.h"

namespace squall::scenarios {

inline constexpr std::uint16_t broker_port = 9092;
// How long the supervisor waits before it starts a process that ended by itself again.
inline constexpr Duration supervisor_delay = std::chrono::milliseconds{500};

// Adds the nodes and starts the brokers. The error is of the scenario: a property that the broker refuses.
[[nodiscard]] std::expected<void, LanguageError> build_cluster(RunContext& run);
// Starts the processes of all client nodes.
void start_clients(RunContext& run);
// Starts a broker's or a client's process after it was killed. Does nothing while it runs.
void start_again(RunContext& run, sim::Node& node);

[[nodiscard]] BrokerNode* broker_at(RunContext& run, const sim::Node& node);
[[nodiscard]] ClientNode* client_at(RunContext& run, const sim::Node& node);

}  // namespace squall::scenarios
