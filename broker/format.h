// Formatting: gives a node's empty directories their identity in a cluster, as Kafka's `kafka-storage format` does. A node of a
// cluster does not start without it, so that a lost disk is never taken for a new one; a node that is its own cluster formats
// itself.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/format_options.h"

namespace squall::broker {

// May wait. What was formatted, one line each; everything is durable. Refuses, before it changes anything, if a directory is
// formatted already or holds logs.
[[nodiscard]] std::expected<std::vector<std::string>, StartError> format_node(runtime::World& world, const BrokerConfig& config,
                                                                              const FormatOptions& options);

// May wait. The cluster that the directory of the metadata log belongs to; empty if the directory is not formatted.
[[nodiscard]] std::expected<std::string, StartError> formatted_cluster(runtime::World& world, const BrokerConfig& config);

// A random cluster id.
[[nodiscard]] std::string new_cluster_id(runtime::World& world);

// May wait. Creates `path` and what is missing above it, durably. Errors show when the directory is used.
void create_dirs(runtime::World& world, const std::string& path);

}  // namespace squall::broker
