// Selectors: which nodes a fault strikes. Parsed when the scenario is read, resolved when the fault fires.
//
//   broker.2   any.broker   all.brokers   client.3   any.client   all.clients   any.node
//   controller.active   leader(orders/0)
//
// Brokers and clients are counted from 1, as `node.id` is; clients in the order of the workloads that they belong to, or by
// workload: `client(orders)` is any client of the workload of that name.
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
    active_controller,
    leader,           // topic, partition
    workload_client,  // topic: the name of the workload
  };
  Kind kind = Kind::any_broker;
  std::int32_t number = 0;
  std::string topic;
  std::int32_t partition = 0;

  [[nodiscard]] static std::expected<Selector, std::string> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  // Whether it can only ever name brokers.
  [[nodiscard]] bool is_broker() const;
  [[nodiscard]] bool is_client() const;
};

// What selectors are resolved against. Nodes are named by index into whatever list the implementation keeps.
class Roles {
 public:
  virtual ~Roles() = default;
  [[nodiscard]] virtual std::vector<std::size_t> brokers() const = 0;
  [[nodiscard]] virtual std::vector<std::size_t> clients() const = 0;
  [[nodiscard]] virtual std::vector<std::size_t> clients_of(std::string_view workload) const = 0;
  // Empty when there is none at this moment.
  [[nodiscard]] virtual std::vector<std::size_t> active_controller() const = 0;
  [[nodiscard]] virtual std::vector<std::size_t> leader(std::string_view topic, std::int32_t partition) const = 0;
};

// The nodes that `selector` names now; `any` draws from `random`. Empty: no node has that role at this moment.
[[nodiscard]] std::vector<std::size_t> resolve(const Selector& selector, const Roles& roles, Random& random);

}  // namespace squall::scenarios
