// Selectors: which nodes a fault strikes. Parsed when the scenario is read, resolved when the fault fires.
//
//   broker.2       any.broker       all.brokers        client.3   any.client   all.clients
//   controller.1   any.controller   all.controllers    controller.active   controller.standby
//   any.server     all.servers      any.node           all.nodes           rack.1
//   leader(orders/0)   follower(orders/0)   in_sync_follower(orders/0)     client(produce orders)
//
// Brokers, controllers, racks and clients are counted from 1; clients in the order of the workloads that they belong to, or by
// workload: `client(orders)` is any client of the workload of that name. A server is a broker or a controller.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace squall::scenarios {

struct Selector {
  enum class Kind : std::uint8_t {
    broker,       // number
    any_broker,   // one, drawn when the fault fires
    all_brokers,  //
    client,       // number
    any_client,
    all_clients,
    any_node,
    all_nodes,
    controller,  // number
    any_controller,
    all_controllers,
    active_controller,
    standby_controller,  // one that is up and not active
    any_server,
    all_servers,
    rack,              // number; all servers in it
    leader,            // topic, partition
    follower,          // topic, partition; one replica that does not lead
    in_sync_follower,  // one of those that are in sync
    workload_client,   // topic: the name of the workload
  };
  Kind kind = Kind::any_broker;
  std::int32_t number = 0;
  std::string topic;
  std::int32_t partition = 0;

  [[nodiscard]] static std::expected<Selector, std::string> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  // Whether it can only ever name brokers and controllers.
  [[nodiscard]] bool is_server() const;
  // Whether it names a replica of a partition.
  [[nodiscard]] bool is_replica() const {
    return kind == Kind::leader || kind == Kind::follower || kind == Kind::in_sync_follower;
  }
  [[nodiscard]] bool is_client() const;
};

// What selectors are resolved against. Nodes are named by index into whatever list the implementation keeps.
class Roles {
 public:
  virtual ~Roles() = default;
  [[nodiscard]] virtual std::vector<std::size_t> brokers() const = 0;
  // Those with the controller role; they may be brokers too.
  [[nodiscard]] virtual std::vector<std::size_t> controllers() const = 0;
  [[nodiscard]] virtual std::vector<std::size_t> rack(std::int32_t number) const = 0;
  [[nodiscard]] virtual std::vector<std::size_t> clients() const = 0;
  [[nodiscard]] virtual std::vector<std::size_t> clients_of(std::string_view workload) const = 0;
  // Empty when there is none at this moment.
  [[nodiscard]] virtual std::vector<std::size_t> active_controller() const = 0;
  [[nodiscard]] virtual std::vector<std::size_t> standby_controllers() const = 0;
  [[nodiscard]] virtual std::vector<std::size_t> leader(std::string_view topic, std::int32_t partition) const = 0;
  [[nodiscard]] virtual std::vector<std::size_t> followers(std::string_view topic, std::int32_t partition,
                                                           bool in_sync) const = 0;
};

// The nodes that `selector` names now; `any` draws from `random`. Empty: no node has that role at this moment.
[[nodiscard]] std::vector<std::size_t> resolve(const Selector& selector, const Roles& roles, Random& random);

}  // namespace squall::scenarios
