#include "scenarios/run/node_config.h"

#include <fmt/format.h>

namespace squall::scenarios {
namespace {

std::string joined(std::string list, const std::string& more) { return list.empty() ? more : std::move(list) + "," + more; }

void place_in_cluster(const Plan& plan, const ServerPlan& server, broker::ConfigValues& values) {
  std::string voters;
  for (const ServerPlan& other : plan.servers) {
    if (!other.is_controller) continue;
    const std::string address = fmt::format("{}:{}", other.name, controller_port);
    voters = joined(std::move(voters), plan.dynamic_voters ? address : fmt::format("{}@{}", other.id.value(), address));
  }
  std::string listeners;
  if (server.is_broker) listeners = fmt::format("PLAINTEXT://{}:{}", server.name, broker_port);
  if (server.is_controller) {
    listeners = joined(std::move(listeners), fmt::format("CONTROLLER://{}:{}", server.name, controller_port));
  }
  values["listeners"] = listeners;
  values[plan.dynamic_voters ? "controller.quorum.bootstrap.servers" : "controller.quorum.voters"] = voters;
  if (server.rack > 0) values["broker.rack"] = fmt::format("rack-{}", server.rack);
}

}  // namespace

std::string log_dir(std::int64_t disk) { return fmt::format("/data{}", disk + 1); }

broker::ConfigValues node_values(const Plan& plan, const ServerPlan& server) {
  broker::ConfigValues values;
  values["process.roles"] = !server.is_controller ? "broker" : server.is_broker ? "broker,controller" : "controller";
  values["node.id"] = fmt::format("{}", server.id.value());
  values["listeners"] = fmt::format("PLAINTEXT://{}:{}", server.name, broker_port);
  if (plan.is_cluster()) place_in_cluster(plan, server, values);
  std::string dirs;
  for (std::int64_t disk = 0; disk < plan.disks_of(server); ++disk) dirs = joined(std::move(dirs), log_dir(disk));
  values["log.dirs"] = dirs;
  values["auto.create.topics.enable"] = "false";
  for (const auto& [key, value] : plan.config) values[key] = value;
  if (server.is_controller) {
    for (const auto& [key, value] : plan.controller_config) values[key] = value;
  }
  if (server.is_broker) {
    for (const auto& [key, value] : plan.broker_config) values[key] = value;
  }
  return values;
}

}  // namespace squall::scenarios
