// The vocabulary of faults: each with its parameters, their defaults, and what it may do to data that was acknowledged.
// The parser, `squall list faults`, the swarm and the documentation test all read this one table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "scenarios/language/value.h"

namespace squall::scenarios {

enum class FaultKind : std::uint8_t {
  pause,
  crash,
  power_cut,
  restart,
  slow_cpu,
  partition,
  latency,
  loss,
  reset,
  clog,
  bandwidth,
  flapping,
  disk_stall,
  disk_slow,
  disk_limit,
  disk_eio,
  disk_full,
  disk_fail_sync,
  disk_capacity,
  bit_rot,
  misdirected_write,
  phantom_write,
  wipe,
  page_cache,
  drop_cache,
  clock_drift,
  clock_jump,
  reconnect_storm,
  zombie_producer,
  kill_client,
  add_voter,
  remove_voter,
  replace_voter,
};
inline constexpr std::size_t fault_kind_count = static_cast<std::size_t>(FaultKind::replace_voter) + 1;

// What a fault may cost, when no other replica holds what the node that it strikes held. The atlas turns it into what the
// checks may still demand.
enum class Harm : std::uint8_t {
  none,      // nothing acknowledged may be lost
  unsynced,  // what the flush policy had not yet promised may be lost
  stored,    // anything stored may be lost, but must not be served wrong
};

enum class ParameterKind : std::uint8_t { broker, client, node, value, flag };

struct ParameterInfo {
  std::string_view name;
  ParameterKind kind = ParameterKind::value;
  Unit unit = Unit::count;
  std::string_view fallback;  // as a scenario would write it; empty: must be given
  std::string_view help;
  std::span<const std::string_view> words = {};  // for Unit::word
};

// Changes of who votes, as an operator makes them; only where the voters are kept in the log.
[[nodiscard]] constexpr bool is_voter_change(FaultKind kind) { return kind >= FaultKind::add_voter; }

struct FaultInfo {
  FaultKind kind;
  std::string_view name;
  Harm harm;
  std::string_view help;
  std::span<const ParameterInfo> parameters;
};

[[nodiscard]] std::span<const FaultInfo> all_faults();
[[nodiscard]] const FaultInfo& fault_info(FaultKind kind);
[[nodiscard]] const FaultInfo* fault_named(std::string_view name);
[[nodiscard]] std::span<const std::string_view> fault_names();

}  // namespace squall::scenarios
