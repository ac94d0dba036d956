#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "scenarios/run/cluster.h"
#include "scenarios/run/fault_scheduler.h"

namespace squall::scenarios {
namespace {

std::string show(Duration duration) { return show_quantity(duration.count(), Unit::duration); }

std::uint64_t drawn(const FaultSpec& spec, std::string_view parameter, Random& random) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, spec.value(parameter).draw(random)));
}

sim::Ways ways_of(const FaultSpec& spec, Random& random) {
  return spec.value("one_way").draw_word(random) == "true" ? sim::Ways::one : sim::Ways::both;
}

std::string ways_text(sim::Ways ways, const sim::Node& from) {
  return ways == sim::Ways::one ? fmt::format("(only from {})", from.name()) : "both ways";
}

// One of the first `count` disks with log directories, drawn; the disk at "/" holds nothing of a server's.
sim::Disk* data_disk(sim::Node& node, std::int64_t count, Random& random) {
  std::vector<sim::Disk*> disks;
  for (const auto& disk : node.disks()) {
    if (disk->mount() != "/") disks.push_back(disk.get());
  }
  if (disks.empty()) return nullptr;
  return disks[random.below(std::min(static_cast<std::size_t>(count), disks.size()))];
}

}  // namespace

FaultScheduler::Links FaultScheduler::links(const std::vector<sim::Node*>& from, const std::vector<sim::Node*>& to) {
  const auto at_this_end = [&](sim::Node* one) { return std::ranges::find(from, one) != from.end(); };
  const bool inside = std::ranges::all_of(to, at_this_end);
  Links links;
  for (sim::Node* one : from) {
    for (sim::Node* other : to) {
      if (one == other || (!inside && at_this_end(other))) continue;
      if (std::ranges::find(links, std::pair{other, one}) == links.end()) links.emplace_back(one, other);
    }
  }
  return links;
}

std::vector<FaultScheduler::Strike> FaultScheduler::strike(const FaultSpec& spec, Random& random) {
  std::vector<Strike> strikes;
  if (spec.kind == FaultKind::reconnect_storm) {
    storm(spec, random, strikes);
    return strikes;
  }
  if (!spec.from) {
    for (sim::Node* node : nodes(*spec.node, random)) strike_node(spec, *node, random, strikes);
    return strikes;
  }
  const std::vector<sim::Node*> from = nodes(*spec.from, random);
  for (const auto& [one, other] : links(from, nodes(*spec.to, random))) strike_link(spec, *one, *other, random, strikes);
  return strikes;
}

void FaultScheduler::strike_node(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into) {
  switch (spec.kind) {
    case FaultKind::pause:
    case FaultKind::zombie_producer:
    case FaultKind::slow_cpu:
    case FaultKind::bandwidth:
    case FaultKind::page_cache:
    case FaultKind::drop_cache: return strike_process(spec, node, random, into);
    case FaultKind::crash:
    case FaultKind::kill_client:
    case FaultKind::power_cut:
    case FaultKind::restart:
    case FaultKind::wipe: return go_down(spec, node, random, into);
    case FaultKind::add_voter:
    case FaultKind::remove_voter:
    case FaultKind::replace_voter: return change_voters(spec, node, random, into);
    case FaultKind::clock_drift:
    case FaultKind::clock_jump: return strike_clock(spec, node, random, into);
    default: return strike_disk(spec, node, random, into);
  }
}

void FaultScheduler::strike_process(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into) {
  const bool is_server = server_at(run_, node) != nullptr;
  switch (spec.kind) {
    case FaultKind::pause:
    case FaultKind::zombie_producer: {
      if (node.state() != sim::NodeState::running || node.paused()) return;
      const Duration lasts = spec.value("for").draw_duration(random);
      if (is_server) run_.atlas.slowed(run_.now(), run_.now() + lasts);
      into.push_back({lasts, node.pause(lasts), fmt::format("{} frozen for {}", node.name(), show(lasts))});
      return;
    }
    case FaultKind::slow_cpu: {
      const std::uint64_t factor = drawn(spec, "factor", random);
      const Duration lasts = spec.value("for").draw_duration(random);
      slowed_.push_back(&node);
      if (is_server) run_.atlas.slowed(run_.now(), run_.now() + lasts);
      into.push_back({lasts, node.set_cpu_percent(factor * 100 / factor_one),
                      fmt::format("{} {} slower for {}", node.name(),
                                  show_quantity(static_cast<std::int64_t>(factor), Unit::factor), show(lasts))});
      return later(lasts, [&node] { node.set_cpu_percent(100); });
    }
    case FaultKind::bandwidth: {
      const std::uint64_t limit = drawn(spec, "limit", random);
      const Duration lasts = spec.value("for").draw_duration(random);
      sim::Network& network = run_.simulation.network();
      into.push_back({lasts, network.limit_nic(node, limit),
                      fmt::format("{} limited to {}/s for {}", node.name(),
                                  show_quantity(static_cast<std::int64_t>(limit), Unit::bytes), show(lasts))});
      return later(lasts, [&network, &node] { network.limit_nic(node, 0); });
    }
    case FaultKind::page_cache: {
      const std::uint64_t bytes = drawn(spec, "bytes", random);
      node.page_cache().set_limit(bytes);
      into.push_back({{},
                      run_.simulation.inject("page-cache", node.name()),
                      fmt::format("{} keeps {} of page cache", node.name(),
                                  show_quantity(static_cast<std::int64_t>(bytes), Unit::bytes))});
      return run_.simulation.hit(into.back().fault);
    }
    default:
      node.drop_caches();
      into.push_back(
          {{}, run_.simulation.inject("drop-cache", node.name()), fmt::format("{} forgets its page cache", node.name())});
      return run_.simulation.hit(into.back().fault);
  }
}

void FaultScheduler::go_down(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into) {
  const Duration lasts = spec.value("for").draw_duration(random);
  const Harm harm = fault_info(spec.kind).harm;
  ServerNode* server = server_at(run_, node);
  if (node.state() != sim::NodeState::running) return;
  run_.settle_clients();
  if (server != nullptr) {
    server->wanted = false;
    server->serving = false;
    run_.atlas.struck(harm, server->plan->id, run_.now());
  }
  if (ClientNode* client = client_at(run_, node)) {
    if (client->finished) return;
    client->keep_down = true;
  }
  Strike strike{.lasts = lasts, .fault = 0, .text = {}};
  switch (spec.kind) {
    case FaultKind::power_cut: {
      const auto weight = [&](std::string_view name) { return static_cast<std::uint32_t>(drawn(spec, name, random)); };
      sim::PowerCut fates;
      fates.keep = weight("kept");
      fates.drop = weight("dropped");
      fates.tear = weight("torn");
      if (fates.keep + fates.drop + fates.tear == 0) fates = {};
      strike.fault = node.power_cut(fates);
      strike.text = fmt::format("{} without power for {}", node.name(), show(lasts));
      break;
    }
    case FaultKind::wipe:
      strike.fault = node.power_cut();
      for (const auto& disk : node.disks()) strike.fault = disk->wipe();
      run_.simulation.hit(strike.fault);
      strike.text = fmt::format("{} without power for {}, its disks wiped", node.name(), show(lasts));
      break;
    case FaultKind::restart:
      strike.fault = run_.simulation.inject("restart", node.name());
      run_.simulation.hit(strike.fault);
      node.request_stop();
      strike.text = fmt::format("{} stopped, started again after {}", node.name(), show(lasts));
      break;
    default:
      strike.fault = node.crash();
      strike.text = fmt::format("{} dead for {}", node.name(), show(lasts));
      break;
  }
  into.push_back(std::move(strike));
  later(lasts, [this, &node, server] {
    if (server != nullptr) server->wanted = true;  // a stop that is still under way ends in the supervisor's hands
    start_again(run_, node);
  });
}

void FaultScheduler::strike_clock(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into) {
  if (spec.kind == FaultKind::clock_jump) {
    const Duration by = spec.value("by").draw_duration(random);
    into.push_back({{}, node.jump_clock(by), fmt::format("the clock of {} jumps by {}", node.name(), show(by))});
    return;
  }
  drifting_.push_back(&node);
  const std::int64_t ppm = spec.value("ppm").draw(random);
  const Duration lasts = spec.value("for").draw_duration(random);
  into.push_back(
      {lasts, node.set_drift(ppm), fmt::format("the clocks of {} drift by {} ppm for {}", node.name(), ppm, show(lasts))});
  later(lasts, [&node] { node.set_drift(0); });
}

void FaultScheduler::strike_link(const FaultSpec& spec, sim::Node& from, sim::Node& to, Random& random,
                                 std::vector<Strike>& into) {
  sim::Network& network = run_.simulation.network();
  const std::string link = fmt::format("{} and {}", from.name(), to.name());
  if (spec.kind == FaultKind::reset) {
    into.push_back({{}, network.reset_connections(from, to), fmt::format("connections of {} reset", link)});
    return;
  }
  const Duration lasts = spec.value("for").draw_duration(random);
  Strike strike{.lasts = lasts, .fault = 0, .text = {}};
  switch (spec.kind) {
    case FaultKind::partition: {
      const sim::Ways ways = ways_of(spec, random);
      const bool refuse = spec.value("mode").draw_word(random) == "refuse";
      strike.fault = network.partition(from, to, refuse ? sim::PartitionKind::refuse : sim::PartitionKind::black_hole, ways);
      strike.text = fmt::format("{} {} {} for {}", link, refuse ? "refused to each other" : "cut off", ways_text(ways, from),
                                show(lasts));
      later(lasts, [&network, &from, &to, ways] { network.heal(from, to, ways); });
      break;
    }
    case FaultKind::latency: {
      const sim::Ways ways = ways_of(spec, random);
      const Duration add = spec.value("add").draw_duration(random);
      const Duration jitter = spec.value("jitter").draw_duration(random);
      const Duration before = network.link(from, to).latency;
      const Duration jitter_before = network.link(from, to).jitter;
      strike.fault = network.set_latency(from, to, before + add, jitter_before + jitter, ways);
      strike.text = fmt::format("{} slower by {} {} for {}", link, show(add), ways_text(ways, from), show(lasts));
      later(lasts, [&network, &from, &to, before, jitter_before, ways] {
        network.set_latency(from, to, before, jitter_before, ways);
      });
      break;
    }
    case FaultKind::loss: {
      const sim::Ways ways = ways_of(spec, random);
      const auto rate = static_cast<std::uint32_t>(drawn(spec, "rate", random));
      strike.fault = network.set_loss(from, to, rate, ways);
      strike.text =
          fmt::format("{} lose {} {} for {}", link, show_quantity(rate, Unit::probability), ways_text(ways, from), show(lasts));
      later(lasts, [&network, &from, &to, ways] { network.set_loss(from, to, 0, ways); });
      break;
    }
    case FaultKind::clog:
      strike.fault = network.clog(from, to, lasts, ways_of(spec, random));
      strike.text = fmt::format("{} clogged for {}", link, show(lasts));
      break;
    default: {
      SQUALL_ASSERT(spec.kind == FaultKind::flapping, "every fault of links has its action");
      const sim::Ways ways = ways_of(spec, random);
      const Duration down = spec.value("down").draw_duration(random);
      const Duration up = spec.value("up").draw_duration(random);
      strike.fault = network.flap(from, to, down, up, run_.now() + lasts, ways);
      strike.text = fmt::format("{} flapping for {}: {} down, {} up", link, show(lasts), show(down), show(up));
      break;
    }
  }
  into.push_back(std::move(strike));
}

void FaultScheduler::storm(const FaultSpec& spec, Random& random, std::vector<Strike>& into) {
  const std::vector<sim::Node*> struck = nodes(*spec.node, random);
  const auto rounds = static_cast<std::int64_t>(drawn(spec, "rounds", random));
  if (struck.empty()) return;
  sim::Network& network = run_.simulation.network();
  const auto reset_all = [this, struck, &network] {
    sim::FaultId fault = 0;
    for (sim::Node* client : struck) {
      for (const ServerNode& server : run_.servers) fault = network.reset_connections(*client, *server.node);
    }
    return fault;
  };
  constexpr Duration pause = std::chrono::milliseconds{100};
  into.push_back(
      {pause * (rounds - 1), reset_all(), fmt::format("{} clients reconnect at once, {} times", struck.size(), rounds)});
  for (std::int64_t round = 1; round < rounds; ++round) {
    later(pause * round, [reset_all] { static_cast<void>(reset_all()); });
  }
}

void FaultScheduler::strike_disk(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into) {
  const ServerNode* server = server_at(run_, node);
  sim::Disk* drawn_disk = server == nullptr ? nullptr : data_disk(node, run_.plan.disks_of(*server->plan), random);
  if (drawn_disk == nullptr) return;
  sim::Disk& disk = *drawn_disk;
  const std::string name = node.name() + ":" + disk.mount();
  const Instant now = run_.now();
  run_.settle_clients();
  if (fault_info(spec.kind).harm == Harm::stored) run_.atlas.damaged(server->plan->id);
  Strike strike{};
  const auto lasting = [&] {
    strike.lasts = spec.value("for").draw_duration(random);
    run_.atlas.slowed(now, now + strike.lasts);
  };
  switch (spec.kind) {
    case FaultKind::disk_stall:
      lasting();
      strike.fault = disk.stall(strike.lasts);
      strike.text = fmt::format("{} stands still for {}", name, show(strike.lasts));
      break;
    case FaultKind::disk_slow: {
      lasting();
      const std::uint64_t factor = drawn(spec, "factor", random);
      strike.fault = disk.slow(factor * 100 / factor_one);
      strike.text = fmt::format("{} {} slower for {}", name, show_quantity(static_cast<std::int64_t>(factor), Unit::factor),
                                show(strike.lasts));
      later(strike.lasts, [&disk] { disk.slow(100); });
      break;
    }
    case FaultKind::disk_limit: {
      lasting();
      const std::uint64_t iops = drawn(spec, "iops", random);
      const std::uint64_t limit = drawn(spec, "limit", random);
      strike.fault = disk.limit(iops, limit);
      strike.text =
          fmt::format("{} limited to {} requests and {} bytes a second (0: any) for {}", name, iops, limit, show(strike.lasts));
      later(strike.lasts, [&disk] { disk.limit(0, 0); });
      break;
    }
    case FaultKind::disk_full: {
      strike.lasts = spec.value("for").draw_duration(random);
      const std::uint64_t before = disk.capacity_bytes();
      strike.fault = disk.set_capacity(disk.used_bytes());
      strike.text = fmt::format("{} full for {}", name, show(strike.lasts));
      later(strike.lasts, [&disk, before] { disk.set_capacity(before); });
      break;
    }
    case FaultKind::disk_capacity:
      strike.fault = disk.set_capacity(drawn(spec, "bytes", random));
      strike.text =
          fmt::format("{} has {} now", name, show_quantity(static_cast<std::int64_t>(disk.capacity_bytes()), Unit::bytes));
      break;
    case FaultKind::disk_eio: {
      const std::string op = spec.value("op").draw_word(random);
      sim::ErrorRule rule;
      rule.operation = op == "read"   ? sim::DiskOperation::read
                       : op == "sync" ? sim::DiskOperation::sync
                                      : sim::DiskOperation::write;
      rule.path_prefix = disk.mount();
      rule.one_in = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, drawn(spec, "one_in", random)));
      rule.times = static_cast<std::uint32_t>(drawn(spec, "times", random));
      strike.text = fmt::format("{} fails {} of its {}s, one in {}", name, rule.times, op, rule.one_in);
      strike.fault = disk.fail(std::move(rule));
      run_.atlas.sync_failed(server->plan->id);
      break;
    }
    case FaultKind::disk_fail_sync: {
      const std::uint64_t syncs = drawn(spec, "syncs", random);
      strike.fault = disk.fail_next_syncs(static_cast<std::uint32_t>(syncs));
      run_.atlas.sync_failed(server->plan->id);
      strike.text = fmt::format("{} fails its next {} syncs", name, syncs);
      break;
    }
    case FaultKind::bit_rot: {
      const std::uint64_t flips = drawn(spec, "flips", random);
      for (std::uint64_t flip = 0; flip < flips; ++flip) strike.fault = disk.rot_anywhere();
      strike.text = fmt::format("{} bits of {} flip", flips, name);
      break;
    }
    case FaultKind::phantom_write: {
      const std::uint64_t writes = drawn(spec, "writes", random);
      strike.fault = disk.phantom_writes(static_cast<std::uint32_t>(writes));
      strike.text = fmt::format("{} loses its next {} writes, silently", name, writes);
      break;
    }
    default: {
      SQUALL_ASSERT(spec.kind == FaultKind::misdirected_write, "every fault of disks has its action");
      const std::uint64_t writes = drawn(spec, "writes", random);
      strike.fault = disk.misdirect_writes(static_cast<std::uint32_t>(writes));
      strike.text = fmt::format("{} puts its next {} writes elsewhere", name, writes);
      break;
    }
  }
  into.push_back(std::move(strike));
}

}  // namespace squall::scenarios
