// Fires the faults of a run: at times, on events, after each other, again and again; and lifts them all at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scenarios/language/selector.h"
#include "scenarios/run/context.h"

namespace squall::scenarios {

class FaultScheduler final : private Roles {
 public:
  explicit FaultScheduler(RunContext& run);

  // Faults at times are scheduled from `run.begun` on; events count from this call.
  void start();
  // A product event: may fire faults (not inside this call).
  void event(const sim::ProductEvent& event);
  // No fault fires any more, and what can be lifted is: links, disks, clocks' drift, pauses; nodes that are down are started.
  void heal();

 private:
  struct Armed {
    const FaultSpec* spec = nullptr;
    Random random;
    std::int64_t left = 0;           // firings; INT64_MAX: without end
    std::int64_t events_needed = 0;  // until the next firing
    std::int64_t events_seen = 0;
  };

  // Roles
  [[nodiscard]] std::vector<std::size_t> brokers() const override;
  [[nodiscard]] std::vector<std::size_t> controllers() const override;
  [[nodiscard]] std::vector<std::size_t> rack(std::int32_t number) const override;
  [[nodiscard]] std::vector<std::size_t> clients() const override;
  [[nodiscard]] std::vector<std::size_t> clients_of(std::string_view workload) const override;
  [[nodiscard]] std::vector<std::size_t> active_controller() const override;
  [[nodiscard]] std::vector<std::size_t> standby_controllers() const override;
  [[nodiscard]] std::vector<std::size_t> leader(std::string_view topic, std::int32_t partition) const override;
  [[nodiscard]] std::vector<std::size_t> followers(std::string_view topic, std::int32_t partition, bool in_sync) const override;
  template <class Wanted>
  [[nodiscard]] std::vector<std::size_t> servers_where(Wanted&& wanted) const;
  [[nodiscard]] std::vector<sim::Node*> nodes(const Selector& selector, Random& random);

  void schedule(std::size_t index, Duration delay);
  void fire(std::size_t index);
  void follow(const std::string& name, bool end);
  [[nodiscard]] bool matches(const FaultSpec& spec, const sim::ProductEvent& event) const;

  // ---- the actions; each returns how long the fault lasts, or nothing if it could not strike ----
  struct Strike {
    Duration lasts{};
    sim::FaultId fault = 0;
    std::string text;
  };
  [[nodiscard]] std::vector<Strike> strike(const FaultSpec& spec, Random& random);
  // The links between two sets of nodes, each once: from each of the one to each that is only in the other; if there are none
  // of those, among them all.
  using Links = std::vector<std::pair<sim::Node*, sim::Node*>>;
  [[nodiscard]] static Links links(const std::vector<sim::Node*>& from, const std::vector<sim::Node*>& to);
  void strike_node(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into);
  void strike_process(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into);
  void strike_disk(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into);
  void strike_clock(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into);
  void strike_link(const FaultSpec& spec, sim::Node& from, sim::Node& to, Random& random, std::vector<Strike>& into);
  void go_down(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into);
  // voter_changes.cc
  void change_voters(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into);
  void lose_voter_disk(ServerNode& server, Duration lasts, std::vector<Strike>& into);
  void storm(const FaultSpec& spec, Random& random, std::vector<Strike>& into);
  // Runs `undo` after `lasts`, unless everything was healed before.
  void later(Duration lasts, std::function<void()> undo);

  RunContext& run_;
  std::vector<Armed> armed_;
  bool over_ = false;
  std::vector<sim::Node*> slowed_;  // whose processor or clocks were changed
  std::vector<sim::Node*> drifting_;
};

}  // namespace squall::scenarios
