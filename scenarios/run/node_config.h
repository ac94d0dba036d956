// The configuration that a scenario gives to each server: its place in the cluster, then what the scenario says.
#pragma once

#include <string>

#include "broker/config.h"
#include "scenarios/run/plan.h"

namespace squall::scenarios {

inline constexpr std::uint16_t broker_port = 9092;
inline constexpr std::uint16_t controller_port = 9093;

// Where log directory `disk` (from 0) of a server is.
[[nodiscard]] std::string log_dir(std::int64_t disk);
[[nodiscard]] broker::ConfigValues node_values(const Plan& plan, const ServerPlan& server);

}  // namespace squall::scenarios
